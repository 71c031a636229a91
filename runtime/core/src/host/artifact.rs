//! Compiled maps from a file, which [`emr_abi::artifact`] describes: mapped into memory, checked, and run from there.

use std::fs::File;
use std::path::Path;
use std::{fmt, io};

use emr_abi::artifact::{Convention, FORM, Head, Index, MAGIC, Map, Part};
use emr_abi::{Program, VERSION};
use memmap2::{Mmap, MmapOptions};
use xxhash_rust::xxh3::xxh3_64;

use super::machine::Loaded;
use super::memory::Code;
use super::processor;

/// An artifact that is whole and made for this machine and this version. Its maps are read when they are asked for.
pub struct Artifact {
    file: File,
    bytes: Mmap,
    index: Index,
}

/// Why an artifact is not run.
#[derive(Debug)]
pub enum Unusable {
    /// The file cannot be read.
    World(io::Error),
    /// It was never an artifact.
    Other,
    /// It is not as it was written.
    Damaged,
    /// Another build of emr wrote it.
    Version,
    /// It was made for another architecture or system, this one.
    Target(String),
    /// The processor lacks this: `avx2`.
    Processor(String),
}

impl Artifact {
    /// Maps a file into memory and checks all of it. What stands behind it must stay as it is while it is in use, as
    /// with a program that runs: whoever replaces it puts another file in its place.
    pub fn open(path: &Path) -> Result<Artifact, Unusable> {
        let file = File::open(path).map_err(Unusable::World)?;
        let about = file.metadata().map_err(Unusable::World)?;
        if about.is_dir() {
            return Err(Unusable::World(io::ErrorKind::IsADirectory.into()));
        }
        if about.len() < Head::LENGTH as u64 {
            return Err(short(&file));
        }
        // SAFETY: bytes that change are read as other bytes, and all that is read of them is checked; a file that gets
        // shorter ends the process, as it does with any program's own file.
        let bytes = unsafe { MmapOptions::new().map_copy_read_only(&file) }.map_err(Unusable::World)?;
        let index = checked(&bytes)?;
        Ok(Artifact { file, bytes, index })
    }

    pub fn index(&self) -> &Index {
        &self.index
    }

    /// The program of a map, its code in memory that may be carried out and not written.
    pub fn program(&self, map: &Map) -> Result<Loaded, Unusable> {
        let program: Program = self.part(map.program)?;
        let code = map.code.of(&self.bytes).ok_or(Unusable::Damaged)?;
        let entry = program.entry;
        let mapped = Code::mapped(&self.file, map.code.at, code.len(), entry);
        // Where files may not be carried out, what they hold still may.
        let code = mapped.or_else(|_| Code::new(code, entry)).map_err(|_| Unusable::Damaged)?;
        Ok(Loaded::with(program, code))
    }

    /// The plan of a map, for those who have the compiler.
    pub fn plan(&self, map: &Map) -> &[u8] {
        map.plan.of(&self.bytes).unwrap_or_default()
    }

    /// Where each rule of a map stands: `patient.emr:12`.
    pub fn rules(&self, map: &Map) -> Result<Vec<String>, Unusable> {
        self.part(map.rules)
    }

    fn part<T: serde::de::DeserializeOwned>(&self, part: Part) -> Result<T, Unusable> {
        read(&self.bytes, part)
    }
}

/// Whether a file says of itself that it is an artifact.
pub fn is_artifact(path: &Path) -> bool {
    let mut first = [0; MAGIC.len()];
    File::open(path).and_then(|mut file| io::Read::read_exact(&mut file, &mut first)).is_ok() && first == MAGIC
}

fn short(mut file: &File) -> Unusable {
    let mut bytes = Vec::new();
    match io::Read::read_to_end(&mut file, &mut bytes) {
        Err(why) => Unusable::World(why),
        Ok(_) if bytes.starts_with(&MAGIC) => Unusable::Damaged,
        Ok(_) => Unusable::Other,
    }
}

fn checked(file: &[u8]) -> Result<Index, Unusable> {
    let head = Head::read(file).ok_or(Unusable::Other)?;
    let rest = file.get(Head::CHECKED..).unwrap_or_default();
    if head.length != file.len() as u64 || head.checksum != xxh3_64(rest) {
        return Err(Unusable::Damaged);
    }
    if head.form != FORM || head.abi != VERSION {
        return Err(Unusable::Version);
    }
    let index: Index = read(file, head.index)?;
    let parts = index.maps.iter().flat_map(|map| [map.plan, map.program, map.code, map.rules]);
    if parts.into_iter().any(|part| part.of(file).is_none()) {
        return Err(Unusable::Damaged);
    }
    fits(&index)?;
    Ok(index)
}

fn read<T: serde::de::DeserializeOwned>(file: &[u8], part: Part) -> Result<T, Unusable> {
    part.of(file).and_then(|bytes| postcard::from_bytes(bytes).ok()).ok_or(Unusable::Damaged)
}

/// Whether this machine can run it.
fn fits(index: &Index) -> Result<(), Unusable> {
    let target = &index.target;
    let architecture = target.triple.split('-').next().unwrap_or_default();
    if architecture != processor::ARCHITECTURE || target.convention != convention() {
        return Err(Unusable::Target(target.triple.clone()));
    }
    match target.features.iter().find(|name| !processor::has(name)) {
        Some(missing) => Err(Unusable::Processor(missing.trim_start_matches("has_").to_owned())),
        None => Ok(()),
    }
}

fn convention() -> Convention {
    match () {
        () if cfg!(windows) => Convention::Windows,
        () if cfg!(all(target_vendor = "apple", target_arch = "aarch64")) => Convention::Apple,
        () => Convention::Unix,
    }
}

impl fmt::Display for Unusable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Unusable::World(why) => write!(f, "cannot be read: {why}"),
            Unusable::Other => f.write_str("is no artifact of `emr build`"),
            Unusable::Damaged => f.write_str("is damaged: it is not as `emr build` wrote it"),
            Unusable::Version => f.write_str("was built by another version of emr; build it again with this one"),
            Unusable::Target(triple) => {
                write!(f, "was built for {triple}, and this machine is {}", processor::ARCHITECTURE)
            }
            Unusable::Processor(feature) => {
                write!(f, "needs a processor with {feature}, which this machine has not; `--target` builds one without")
            }
        }
    }
}

impl std::error::Error for Unusable {}
