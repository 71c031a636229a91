//! Codes that stand in a mapping, held against what is known of their system: the units of UCUM, the tables of HL7, and
//! code systems that come with all their codes.

use std::sync::Arc;

use super::scope::Scope;
use super::suggest::nearest;
use super::typed::{Field, Kind};
use crate::diagnostic::{Code, Diagnostic};
use crate::standard::Standards;
use crate::standard::fhir::CodeSystem;
use crate::standard::hl7::Table;
use crate::syntax::tree::{At, Word};
use emr_message::ucum;
use smol_str::SmolStr;

/// The system of UCUM's units.
pub(super) const UCUM: &str = "http://unitsofmeasure.org";

/// Systems whose codes follow a grammar, so that no list has them: languages, media types, URIs.
const GRAMMARS: &[&str] = &["urn:ietf:bcp:47", "urn:ietf:bcp:13", "urn:ietf:rfc:3986"];

/// What is wrong with a code.
pub(super) struct Wrong {
    pub code: Code,
    pub message: String,
    /// What may have been meant.
    near: Option<String>,
    help: String,
}

/// Holds a code to its system, and says what is wrong with it where it stands.
pub(super) fn hold(scope: &mut Scope, system: &str, code: &str, at: &At) {
    let Some(wrong) = wrong(scope, system, code, at) else { return };
    let diagnostic = Diagnostic::new(wrong.code, at.clone(), wrong.message);
    let Some(near) = wrong.near else { return scope.problem(diagnostic.help(wrong.help)) };
    let diagnostic = diagnostic.help(format!("did you mean `{near}`?"));
    let is_bare = near.chars().all(|sign| sign.is_ascii_alphanumeric() || "-_.%*+".contains(sign));
    // In quotes, as it stands in the text, or alone behind a `#`.
    scope.problem(match at.len().checked_sub(code.len()) {
        Some(0) if is_bare => diagnostic.fix(at.clone(), near),
        Some(0 | 2) => diagnostic.fix(at.clone(), quoted(&near)),
        _ => diagnostic,
    });
}

/// What is wrong with a code of a system. That nothing is known of the system is said where this first of its codes
/// stands.
pub(super) fn wrong(scope: &mut Scope, system: &str, code: &str, at: &At) -> Option<Wrong> {
    match known(scope.world.standards(), system) {
        Known::Units => (!ucum::is_unit(code)).then(|| Wrong {
            code: Code::WrongUnit,
            message: format!("`{code}` is no unit of UCUM"),
            near: ucum::likely(code),
            help: "as in `mg/dL`, `10*9/L`, `mm[Hg]`, `Cel`; what is counted stands in braces, as in `\\{cells}/uL`"
                .into(),
        }),
        Known::Listed(system, table) => {
            let is_known = system.has(code) || table.as_ref().is_some_and(|table| table.takes(code));
            let is_copy = table.is_none() && scope.world.standards().fhir.is_copy(&system.url);
            (!is_known).then(|| no_code(&system, code, is_copy))
        }
        Known::Grammar => None,
        Known::Nothing => {
            unchecked(scope, system, at);
            None
        }
    }
}

/// What is known of a system's codes.
enum Known {
    Units,
    /// All of them. HL7's tables are in the dictionaries too, and a code is one if either has it.
    Listed(Arc<CodeSystem>, Option<Arc<Table>>),
    Grammar,
    Nothing,
}

fn known(standards: &Standards, system: &str) -> Known {
    if system == UCUM {
        return Known::Units;
    }
    if GRAMMARS.contains(&system) {
        return Known::Grammar;
    }
    let table = system.rsplit_once("/v2-").and_then(|(_, number)| standards.hl7.table(number));
    match (standards.fhir.code_system(system), table) {
        (Some(system), table) => Known::Listed(system, table),
        // A table that HL7 leaves to its users.
        (None, Some(_)) => Known::Grammar,
        (None, None) => Known::Nothing,
    }
}

fn no_code(system: &CodeSystem, code: &str, is_copy: bool) -> Wrong {
    const SHOWN_MAX: usize = 12;
    let near = nearest(code, system.codes()).map(str::to_owned);
    let shown: Vec<_> = system.codes().take(SHOWN_MAX).map(|code| format!("`{code}`")).collect();
    let more = if system.len() > SHOWN_MAX { " and others" } else { "" };
    let (code, message) = match is_copy {
        false => (Code::UnknownCode, format!("`{code}` is not a code of `{}`", system.url)),
        true => (Code::NotInCopy, format!("`{code}` is not in FHIR R4's copy of `{}`", system.url)),
    };
    Wrong { code, message, near, help: format!("it has {}{more}", shown.join(", ")) }
}

fn unchecked(scope: &mut Scope, system: &str, at: &At) {
    let message = format!("codes of `{system}` could not be checked");
    if !scope.problems.iter().any(|it| it.code == Code::Unchecked && it.message == message) {
        let help = "name its CodeSystem in emr.toml, below `[terminology]`: `name = \"terminology/system.json\"`";
        scope.problem(Diagnostic::new(Code::Unchecked, at.clone(), message).help(help));
    }
}

/// What a code is called, by what is known of its system; the preferred name first.
pub(super) fn displays(scope: &Scope, system: &str, code: &str) -> Vec<SmolStr> {
    let Known::Listed(system, table) = known(scope.world.standards(), system) else { return Vec::new() };
    let concept = system.find(code);
    let own = concept.iter().map(|concept| concept.display.clone());
    let others = concept.iter().flat_map(|concept| concept.designations.iter().cloned());
    let of_table = table.as_ref().and_then(|table| table.text(code)).map(SmolStr::from);
    own.chain(others).chain(of_table).filter(|display| !display.is_empty()).collect()
}

/// Holds what a code is called beside it to what its system calls it.
pub(super) fn hold_display(scope: &mut Scope, system: &str, code: &str, display: &Word) {
    let same = |known: &SmolStr| spoken(known) == spoken(&display.text);
    let known = displays(scope, system, code);
    let Some(first) = known.first().filter(|_| !known.iter().any(same)) else { return };
    let message = format!("`{code}` is not called `{}` in `{system}`", display.text);
    let diagnostic = Diagnostic::new(Code::WrongDisplay, display.at.clone(), message);
    scope.problem(diagnostic.help(format!("it is called `{first}`")).fix(display.at.clone(), quoted(first)));
}

/// Holds the code of a block to the system beside it, where both are constants: `{ system: ucum, code: "mg" }`.
pub(super) fn hold_block(scope: &mut Scope, fields: &[Field], shape: &str) {
    if !matches!(shape, "Coding" | "Quantity") {
        return;
    }
    let constant = |name: &str| {
        let [only] = fields.iter().find(|field| field.name == name)?.values.as_slice() else { return None };
        let Kind::Text(text) = &*only.value.kind else { return None };
        Some(Word { text: text.clone(), at: only.value.at.clone() })
    };
    let (Some(system), Some(code)) = (constant("system"), constant("code")) else { return };
    hold(scope, &system.text, &code.text, &code.at);
    if let Some(display) = constant("display") {
        hold_display(scope, &system.text, &code.text, &display);
    }
}

/// A name as it is compared: whatever its capitals and blanks.
fn spoken(name: &str) -> String {
    name.split_whitespace().collect::<Vec<_>>().join(" ").to_lowercase()
}

fn quoted(text: &str) -> String {
    let escaped: String = text
        .chars()
        .flat_map(|sign| matches!(sign, '"' | '\\' | '{').then_some('\\').into_iter().chain([sign]))
        .collect();
    format!("\"{escaped}\"")
}
