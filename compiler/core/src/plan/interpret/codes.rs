//! Code tables and coded values.

use super::super::{RuleId, TableId};
use super::value::{Coded, Value};
use super::{Issue, Machine, Rejection, Stop};
use crate::check::typed::{CodeKey, CodeTo};
use emr_message::{Piece, json};
use std::rc::Rc;

impl<'m> Machine<'m> {
    /// What a table makes of a value. A key of another system than the table's is a miss.
    pub(super) fn translate(&mut self, of: Value<'m>, table: TableId, rule: RuleId) -> Result<Value<'m>, Stop> {
        let plan = self.plan;
        let (Some(table), Some(key)) = (plan.tables.get(table as usize), of.text()) else { return Ok(Value::Missing) };
        let place = of.place();
        let holds = |known: &CodeKey| match known {
            CodeKey::Code(code) => *code == key,
            CodeKey::Range(from, to) => {
                key.parse::<u32>().is_ok_and(|key| *from <= key && to.is_none_or(|to| key <= to))
            }
        };
        let own = is_of(&of, table.from.as_deref());
        let found = table.arms.iter().filter(|_| own).find(|(keys, _)| keys.iter().any(holds)).map(|(_, arm)| arm);
        let Some(arm) = found.or(table.otherwise.as_ref()) else { return Ok(Value::Missing) };
        if let Some(text) = &arm.warn {
            self.issues.push(Issue { text: text.clone(), place, rule: Some(rule) });
        }
        let coded = |system: Option<String>, code: String, display: Option<String>| {
            Ok(Value::Coded(Rc::new(Coded { system, code, display, place })))
        };
        match &arm.to {
            CodeTo::Code { system, code, display } => coded(
                system.as_ref().map(ToString::to_string),
                code.to_string(),
                display.as_ref().map(ToString::to_string),
            ),
            CodeTo::Keep => {
                let uri = system_of(&of).or_else(|| table.from.as_ref().map(ToString::to_string));
                coded(uri.filter(|system| is_uri(system)), key, display_of(&of))
            }
            CodeTo::Reject(text) => Err(Stop::Reject(Rejection { text: text.clone(), place, rule: Some(rule) })),
            CodeTo::Absent(_) => Ok(Value::Missing),
            CodeTo::Skip => Err(Stop::Fail),
        }
    }
}

/// The system that a coded value names: of a CWE its third component.
fn system_of(value: &Value) -> Option<String> {
    match value {
        Value::Coded(coded) => coded.system.clone(),
        Value::Piece(piece) => named_system(piece),
        _ => None,
    }
}

fn named_system(piece: &Piece) -> Option<String> {
    let whole = piece.level < emr_message::Level::Component;
    let name = piece.component(3).value().filter(|_| whole)?;
    let name = name.trim();
    let table =
        name.strip_prefix("HL7").filter(|number| number.len() == 4 && number.bytes().all(|b| b.is_ascii_digit()));
    let system = match (name, table) {
        (_, Some(number)) => format!("http://terminology.hl7.org/CodeSystem/v2-{number}"),
        ("LN", _) => "http://loinc.org".to_owned(),
        ("SCT", _) => "http://snomed.info/sct".to_owned(),
        ("UCUM", _) => "http://unitsofmeasure.org".to_owned(),
        _ => name.to_owned(),
    };
    (!system.is_empty()).then_some(system)
}

/// A name of HL7 that is no URI would be a wrong system.
fn is_uri(system: &str) -> bool {
    system.starts_with("http") || system.starts_with("urn:")
}

/// The text that came with a coded value: of a CWE its second component.
fn display_of(value: &Value) -> Option<String> {
    match value {
        Value::Coded(coded) => coded.display.clone(),
        Value::Piece(piece) if piece.level < emr_message::Level::Component => {
            piece.component(2).value().map(|text| text.trim().to_owned()).filter(|text| !text.is_empty())
        }
        _ => None,
    }
}

/// Whether a key belongs to the table's system, or says none.
fn is_of(value: &Value, from: Option<&str>) -> bool {
    let Some(from) = from else { return true };
    system_of(value).is_none_or(|system| system == from)
}

/// The same code, and the same system where both have one.
pub(super) fn same(left: &Value, right: &Value) -> bool {
    let codes = left.code().zip(right.code()).is_some_and(|(left, right)| left == right);
    codes && system_of(left).zip(system_of(right)).is_none_or(|(left, right)| left == right)
}

/// A coded value as a FHIR Coding.
pub(super) fn coding(value: &Value) -> String {
    let Value::Coded(coded) = value else {
        return format!("{{\"code\":{}}}", json::quoted(&value.code().unwrap_or_default()));
    };
    let mut parts = Vec::new();
    parts.extend(coded.system.as_ref().map(|system| format!("\"system\":{}", json::quoted(system))));
    parts.push(format!("\"code\":{}", json::quoted(&coded.code)));
    parts.extend(coded.display.as_ref().map(|display| format!("\"display\":{}", json::quoted(display))));
    format!("{{{}}}", parts.join(","))
}
