//! What a message says it is: the maps take it whose message parameter is of its structure.

use crate::standard::Standards;
use crate::standard::hl7::Version;
use emr_message::Message;
use smol_str::{SmolStr, format_smolstr};

/// What a message says of its own type (HL7 v2.5.1 §2.15.9.9 and §2.15.9.12). Codes of the standard, no patient data.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct MessageType {
    /// `ADT`
    pub code: SmolStr,
    /// `A04`
    pub event: SmolStr,
    /// `ADT_A01`, where MSH-9.3 names it.
    pub structure: SmolStr,
    /// `2.5.1`; empty where MSH-12 is.
    pub version: SmolStr,
}

impl MessageType {
    pub fn of(message: &Message) -> Self {
        let text = |field: u16, component: u16| {
            let piece = message.msh(field).component(component);
            piece.value().map(|value| SmolStr::from(value.trim())).unwrap_or_default()
        };
        Self { code: text(9, 1), event: text(9, 2), structure: text(9, 3), version: text(12, 1) }
    }

    /// How a person writes it: `ADT^A04`.
    pub fn show(&self) -> String {
        if self.event.is_empty() { self.code.to_string() } else { format!("{}^{}", self.code, self.event) }
    }

    /// The structure of the message: by its event, else as it says itself, else of the name that the standard would give
    /// it (`ZRT_Z01`, `ACK`).
    pub fn structure(&self, standards: &Standards) -> SmolStr {
        let version = Version::parse(&self.version).unwrap_or(Version::Union);
        let by_event = |version| standards.hl7.structure_of(version, &self.code, &self.event).map(SmolStr::from);
        let named = || (!self.structure.is_empty()).then(|| self.structure.clone());
        let own = || match self.event.as_str() {
            "" => self.code.clone(),
            event => format_smolstr!("{}_{event}", self.code),
        };
        by_event(version).or_else(|| by_event(Version::Union)).or_else(named).unwrap_or_else(own)
    }
}
