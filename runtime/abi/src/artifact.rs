//! The file that `emr build` writes: all maps of a project that take messages, compiled for one kind of machine.
//!
//! It begins with a [`Head`], then comes the code, on pages of its own, then all else that the [`Index`] names, then the
//! index. Numbers are little-endian; what is not code is in postcard's format.

use serde::{Deserialize, Serialize};

use crate::hash;

/// The first bytes: none that a text begins with, and line ends that a transfer as text would change.
pub const MAGIC: [u8; 8] = *b"\x89EMRX\r\n\n";

/// Where the code begins, and what the end of all code is rounded up to.
pub const PAGE: usize = 4096;

/// Names the form of everything but the code. It changes whenever the types that it is made of may have changed.
pub const FORM: u64 = hash(
    include_bytes!("artifact.rs"),
    hash(include_bytes!("program.rs"), hash(include_bytes!("layout.rs"), hash(include_bytes!("context.rs"), 0))),
);

/// The first 56 bytes. The first three numbers stand where they are for ever, so that any version of emr can say that a
/// file is whole and of another version.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Head {
    /// Of the whole file, in bytes.
    pub length: u64,
    /// XXH3 of all that follows this number.
    pub checksum: u64,
    /// [`FORM`]
    pub form: u64,
    /// [`crate::VERSION`]
    pub abi: u64,
    pub index: Part,
}

/// Where in the file something stands.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Part {
    pub at: u64,
    pub length: u64,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Index {
    pub target: Target,
    /// The form of the plans, which runtimes do not read.
    pub plans: u64,
    /// Of times without an offset, by `emr.toml`.
    pub zone: Option<String>,
    /// Of messages that name none.
    pub charset: Option<String>,
    pub maps: Vec<Map>,
}

/// What a machine must be to run the code.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Target {
    /// `x86_64-unknown-linux-gnu`; the architecture comes first.
    pub triple: String,
    pub convention: Convention,
    /// What its processor must be able to do beyond what the architecture promises, by Cranelift's names: `has_avx2`.
    pub features: Vec<String>,
}

/// How functions are called.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Convention {
    /// Of Unix, on each architecture its own.
    Unix,
    Apple,
    Windows,
}

/// A map that takes messages.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Map {
    /// `hospital.admission`
    pub name: String,
    /// The structures of its messages, `ADT_A01`.
    pub takes: Vec<String>,
    /// The name of the map that says where what it makes does not keep to the profile that it gives. Such a map takes no
    /// message that comes.
    pub holds: Option<String>,
    /// The names of the secrets that it must know.
    pub secrets: Vec<String>,
    /// XXH3 of the plan.
    pub plan_hash: u64,
    pub plan: Part,
    /// A [`crate::Program`] without its code.
    pub program: Part,
    pub code: Part,
    /// Where each rule stands in the text of the maps, by its number: a list of `patient.emr:12`.
    pub rules: Part,
}

impl Head {
    pub const LENGTH: usize = 56;
    /// Where that begins which the checksum is of.
    pub const CHECKED: usize = 24;

    pub fn bytes(&self) -> Vec<u8> {
        let numbers = [self.length, self.checksum, self.form, self.abi, self.index.at, self.index.length];
        MAGIC.into_iter().chain(numbers.into_iter().flat_map(u64::to_le_bytes)).collect()
    }

    /// Nothing if the file is no artifact at all.
    pub fn read(file: &[u8]) -> Option<Head> {
        let (numbers, _) = file.get(..Self::LENGTH)?.strip_prefix(&MAGIC)?.as_chunks::<8>();
        let &[length, checksum, form, abi, at, index] = numbers else { return None };
        let [length, checksum, form, abi, at, index] = [length, checksum, form, abi, at, index].map(u64::from_le_bytes);
        Some(Head { length, checksum, form, abi, index: Part { at, length: index } })
    }
}

impl Part {
    /// The bytes of a part, if the file has them.
    pub fn of<'f>(&self, file: &'f [u8]) -> Option<&'f [u8]> {
        let start = usize::try_from(self.at).ok()?;
        file.get(start..start.checked_add(usize::try_from(self.length).ok()?)?)
    }
}
