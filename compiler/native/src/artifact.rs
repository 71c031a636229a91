//! Writes compiled maps as one file, which [`emr_abi::artifact`] describes.

use std::sync::Arc;

use emr_abi::artifact::{FORM, Head, Index, Map, PAGE, Part};
use emr_abi::{Program, VERSION};
use emr_compiler::plan::{self, Plan};
use serde::Serialize;
use xxhash_rust::xxh3::xxh3_64;

use crate::Compiler;
use crate::cores::each;

/// A map that takes messages, or holds what others make to a profile.
pub struct Entry {
    pub name: String,
    pub takes: Vec<String>,
    /// See [`Map::holds`].
    pub holds: Option<String>,
    pub plan: Arc<Plan>,
    /// Where each rule of the plan stands: `patient.emr:12`.
    pub rules: Vec<String>,
}

/// What `emr.toml` says of runs.
#[derive(Clone, Debug, Default)]
pub struct Settings {
    pub zone: Option<String>,
    pub charset: Option<String>,
}

/// Code of a map begins at a multiple of this, as its functions do.
const ALIGNMENT: usize = 64;

/// The bytes of the file: the same for the same maps, target and build of emr. All cores make code.
pub fn artifact(compiler: &Compiler, settings: &Settings, entries: &[Entry]) -> Vec<u8> {
    let mut programs = each(entries, |entry| compiler.program(&entry.plan));
    let mut file = File { bytes: vec![0; PAGE] };
    let codes: Vec<_> = programs.iter_mut().map(|program| file.code(&std::mem::take(&mut program.code))).collect();
    // So that nothing but code lies in memory that may be carried out.
    file.align(PAGE);
    let parts = entries.iter().zip(&programs).zip(codes);
    let maps = parts.map(|((entry, program), code)| file.map(entry, program, code)).collect();
    let (zone, charset) = (settings.zone.clone(), settings.charset.clone());
    let index = Index { target: compiler.target(), plans: plan::FORM, zone, charset, maps };
    let index = file.part(&index);
    file.finish(index)
}

struct File {
    bytes: Vec<u8>,
}

impl File {
    fn map(&mut self, entry: &Entry, program: &Program, code: Part) -> Map {
        let plan = entry.plan.stored();
        Map {
            name: entry.name.clone(),
            takes: entry.takes.clone(),
            holds: entry.holds.clone(),
            secrets: entry.plan.secrets().iter().map(ToString::to_string).collect(),
            plan_hash: xxh3_64(&plan),
            plan: self.add(&plan),
            program: self.part(program),
            code,
            rules: self.part(&entry.rules),
        }
    }

    fn code(&mut self, code: &[u8]) -> Part {
        self.align(ALIGNMENT);
        self.add(code)
    }

    fn part(&mut self, value: &impl Serialize) -> Part {
        self.add(&postcard::to_stdvec(value).expect("all that is stored has bytes"))
    }

    fn add(&mut self, bytes: &[u8]) -> Part {
        let part = Part { at: self.bytes.len() as u64, length: bytes.len() as u64 };
        self.bytes.extend_from_slice(bytes);
        part
    }

    fn align(&mut self, to: usize) {
        self.bytes.resize(self.bytes.len().next_multiple_of(to), 0);
    }

    fn finish(self, index: Part) -> Vec<u8> {
        let mut file = self.bytes;
        let mut head = Head { length: file.len() as u64, checksum: 0, form: FORM, abi: VERSION, index };
        write(&mut file, &head);
        head.checksum = xxh3_64(file.get(Head::CHECKED..).unwrap_or_default());
        write(&mut file, &head);
        file
    }
}

fn write(file: &mut [u8], head: &Head) {
    if let Some(to) = file.get_mut(..Head::LENGTH) {
        to.copy_from_slice(&head.bytes());
    }
}
