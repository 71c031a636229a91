//! A plan as bytes, for artifacts: whoever runs one has the interpreter at hand without the text of the maps.

use super::{Code, Plan, validate};

/// Names the form of these bytes. It changes whenever the types that they are made of may have changed: two builds of
/// this crate from the same text agree, and no others have to.
pub const FORM: u64 = emr_abi::hash(include_bytes!("mod.rs"), emr_abi::hash(include_bytes!("../check/typed.rs"), 0));

impl Plan {
    pub fn stored(&self) -> Vec<u8> {
        postcard::to_stdvec(self).expect("a plan holds nothing that has no bytes")
    }

    /// The plan of these bytes, if they are one that holds its invariants.
    pub fn read(bytes: &[u8]) -> Option<Plan> {
        postcard::from_bytes(bytes).ok().filter(|plan| validate(plan).is_ok())
    }
}

/// Codes stand as text, and are those of the list when they are read.
pub mod code {
    use serde::de::Error;
    use serde::{Deserialize, Deserializer, Serializer};

    pub fn serialize<S: Serializer>(code: &&'static str, to: S) -> Result<S::Ok, S::Error> {
        to.serialize_str(code)
    }

    pub fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<&'static str, D::Error> {
        let text = String::deserialize(from)?;
        let known = super::Code::ALL.iter().map(|known| known.text()).find(|known| *known == text);
        known.ok_or_else(|| D::Error::custom("no code of a run"))
    }
}
