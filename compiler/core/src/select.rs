//! Which maps take a message: those whose message parameter is of its structure.

use crate::check::typed::{Function, TyKind};
use crate::standard::Standards;
use crate::standard::hl7::Version;
use emr_message::Message;
use smol_str::SmolStr;

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

    /// The structure of the message: by its event, else as it says itself, else that of its code (`ACK`).
    pub fn structure(&self, standards: &Standards) -> SmolStr {
        let version = Version::parse(&self.version).unwrap_or(Version::Union);
        let by_event = |version| standards.hl7.structure_of(version, &self.code, &self.event).map(SmolStr::from);
        let named = || (!self.structure.is_empty()).then(|| self.structure.clone());
        by_event(version).or_else(|| by_event(Version::Union)).or_else(named).unwrap_or_else(|| self.code.clone())
    }
}

/// The structure of the one message that a map takes; nothing for a map over parts of a message.
pub fn takes(function: &Function, standards: &Standards) -> Option<SmolStr> {
    let [param] = function.params.as_slice() else { return None };
    let TyKind::Structure(_, key) = &param.ty.kind else { return None };
    let base = standards.local.get(key).map(|shape| shape.base.clone());
    Some(base.unwrap_or_else(|| key.clone()))
}
