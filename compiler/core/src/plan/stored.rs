//! A plan as bytes, for artifacts: whoever runs one has the interpreter at hand without the text of the maps.

use super::{Code, Plan, validate};
use emr_abi::Builtin;

/// Names the form of these bytes. It changes whenever the types that they are made of may have changed: two builds of
/// this crate from the same text agree, and no others have to. All types of a plan stand in these files, and the functions that it names in the list.
pub const FORM: u64 = {
    let typed = emr_abi::hash(include_bytes!("../check/typed.rs"), emr_abi::hash(Builtin::LIST.as_bytes(), 0));
    let plan = emr_abi::hash(include_bytes!("mod.rs"), typed);
    let [convert, group, receipt, table] = emr_message::TYPES;
    let read = emr_abi::hash(receipt, emr_abi::hash(table, plan));
    emr_abi::hash(convert, emr_abi::hash(group, read))
};

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
        let known =
            super::Code::ALL.iter().map(|known| known.text()).chain([crate::plan::MISSED]).find(|known| *known == text);
        known.ok_or_else(|| D::Error::custom("no code of a run"))
    }
}
