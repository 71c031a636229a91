//! What is said of a message: sentences, and the places that they are about. Never a value.

use emr_compiler::select::MessageType;
use emr_compiler::validate::Problem;
use emr_message::{Odd, Place};

/// A sentence about a message, and the places that it is about: in the message, and in the mapping.
pub struct Told {
    /// `R0501`; empty where no page explains it.
    pub code: String,
    pub text: String,
    /// `OBX[3]-5`; empty where there is none.
    pub place: String,
    pub at: Option<Place>,
    /// `lab.emr:12`; empty where the engine itself says it.
    pub rule: String,
}

/// What is said where the machinery failed.
pub const FAULT: &str = "a fault of emr itself";

impl std::fmt::Display for Told {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        if !self.place.is_empty() {
            write!(f, "{}: ", self.place)?;
        }
        f.write_str(&self.text)?;
        if self.rule.is_empty() { Ok(()) } else { write!(f, " ({})", self.rule) }
    }
}

impl Told {
    /// Of a resource that came.
    pub fn of_resource(problem: Problem) -> Told {
        Told {
            code: problem.code.to_string(),
            text: problem.message,
            place: problem.path,
            at: None,
            rule: String::new(),
        }
    }

    pub fn engine(text: &str, place: Option<Place>) -> Told {
        let spelled = place.map(|it| spelled(&it)).unwrap_or_default();
        Told { code: String::new(), text: text.to_owned(), place: spelled, at: place, rule: String::new() }
    }

    /// Whether it is a fault of the machinery, and no word of a map.
    pub fn is_fault(&self) -> bool {
        self.text == FAULT
    }
}

/// `OBX[3]-5`: the third OBX of the message.
fn spelled(place: &Place) -> String {
    let text = place.to_string();
    match text.split_once('-') {
        _ if place.occurrence < 2 => text,
        Some((name, rest)) => format!("{name}[{}]-{rest}", place.occurrence),
        None => format!("{text}[{}]", place.occurrence),
    }
}

/// What changes how a message is understood. Line ends and blanks do not.
pub fn worth_telling(odd: Odd) -> bool {
    !matches!(odd, Odd::LineEnd | Odd::TrailingBlanks | Odd::Mark)
}

/// `ADT^A08`, and its structure where that is not the same.
pub fn shown(said: &MessageType, structure: &str) -> String {
    let said = said.show();
    match (said.as_str(), structure) {
        ("", "") => "a message that does not say its type in MSH-9".to_owned(),
        (said, "") => said.to_owned(),
        ("", structure) => structure.to_owned(),
        (said, structure) if said.replace('^', "_") == structure => said.to_owned(),
        (said, structure) => format!("{said} ({structure})"),
    }
}
