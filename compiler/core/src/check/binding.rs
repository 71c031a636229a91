//! Codes against the value sets that elements are bound to, and literals against the form of their type.

use super::convert::Want;
use super::scope::Scope;
use super::suggest::nearest;
use super::typed::{CodeTo, Expr, Kind};
use crate::diagnostic::{Code, Diagnostic};
use crate::standard::shape::Strength;
use crate::syntax::tree::At;
use emr_message::convert::{moment, time_of_day};
use smol_str::SmolStr;

/// A constant in an element with a required binding, or in a place of HL7 that has a length.
pub(super) fn constant(scope: &mut Scope, value: &Expr, want: &Want) {
    match &*value.kind {
        Kind::Text(code) => hold_text(scope, None, code, &value.at, want),
        Kind::Number(digits) => fits(scope, digits, &value.at, want),
        Kind::List(items) => items.iter().for_each(|item| constant(scope, item, want)),
        _ => {}
    }
}

/// A literal code, or each right-hand side of the table that it comes from.
pub(super) fn coded(scope: &mut Scope, value: &Expr, want: &Want) {
    match &*value.kind {
        Kind::Code { system, code, .. } => hold_text(scope, Some(system), code, &value.at, want),
        Kind::Via { table, .. } => {
            let Some(found) = scope.world.codes(table) else { return };
            let results = found.arms.iter().map(|arm| &arm.result).chain(&found.otherwise);
            let codes = results.filter_map(|result| match &result.what {
                CodeTo::Code { system, code, .. } => Some((system.clone(), code.clone())),
                _ => None,
            });
            let codes: Vec<_> = codes.collect();
            for (system, code) in codes {
                hold_text(scope, system.as_ref(), &code, &value.at, want);
            }
        }
        Kind::Each { body, .. } | Kind::When { value: body, .. } => coded(scope, body, want),
        Kind::Else(first, second) => {
            coded(scope, first, want);
            coded(scope, second, want);
        }
        _ => {}
    }
}

/// A code of the sender in an element that takes the codes of FHIR alone.
pub(super) fn untranslated(scope: &mut Scope, value: &Expr, want: &Want) {
    let required = want.binding.as_ref().filter(|binding| binding.strength == Strength::Required);
    let set = required.and_then(|binding| scope.world.standards().fhir.value_set(&binding.set));
    let Some(set) = set.filter(|set| set.complete && want.takes(scope, "code").is_some()) else { return };
    let known: Vec<_> = set.codes.iter().take(6).map(|coded| format!("`{}`", coded.code)).collect();
    let more = if set.codes.len() > known.len() { " and others" } else { "" };
    let message =
        format!("`{}` takes {}{more} alone, and this passes on what the sender wrote", want.label, known.join(", "));
    let diagnostic = Diagnostic::new(Code::Untranslated, value.at.clone(), message);
    scope.problem(diagnostic.help("translate it through a code table: `… via Table`"));
}

/// As a code; where nothing is wrong with that, by its length.
fn hold_text(scope: &mut Scope, system: Option<&SmolStr>, text: &SmolStr, at: &At, want: &Want) {
    let before = scope.problems.len();
    hold(scope, system, text, at, want);
    if scope.problems.len() == before {
        fits(scope, text, at, want);
    }
}

fn hold(scope: &mut Scope, system: Option<&SmolStr>, code: &SmolStr, at: &At, want: &Want) {
    let Some(binding) = want.binding.as_ref().filter(|binding| binding.strength == Strength::Required) else { return };
    if binding.set.starts_with(V2) {
        return in_table(scope, &binding.set.clone(), code, at, want);
    }
    let Some(set) = scope.world.standards().fhir.value_set(&binding.set) else { return };
    if !set.complete {
        return;
    }
    let system = system.map(SmolStr::as_str).filter(|system| !system.is_empty());
    if set.find(system, code).is_some() {
        return;
    }
    let message = format!("`{code}` is not a code that `{}` takes", want.label);
    let diagnostic = Diagnostic::new(Code::UnknownCode, at.clone(), message);
    let known = || set.codes.iter().map(|coded| coded.code.as_str());
    let help = match nearest(code, known()) {
        Some(near) => format!("did you mean `{near}`?"),
        None => format!("it takes {}", listed(known(), set.codes.len())),
    };
    scope.problem(diagnostic.help(help));
}

/// What is longer than all versions have it that name a length: a receiver may cut it off or refuse it.
fn fits(scope: &mut Scope, text: &str, at: &At, want: &Want) {
    let Some((owner, name)) = &want.place else { return };
    let Some(most) = scope.world.standards().length(owner, name) else { return };
    let length = text.chars().count();
    if usize::try_from(most).is_ok_and(|most| length <= most) {
        return;
    }
    let message = format!("this has {length} characters, and `{}` has at most {most} in HL7 v2", want.label);
    let diagnostic = Diagnostic::new(Code::TooLong, at.clone(), message);
    scope.problem(diagnostic.help("write it shorter, or agree on it with the receiver"));
}

/// How the name of a table of HL7 begins.
const V2: &str = "v2-";

/// Sites may agree on more codes than a table has, so that one more is no error.
fn in_table(scope: &mut Scope, table: &str, code: &SmolStr, at: &At, want: &Want) {
    let Some(table) = scope.world.standards().hl7.table(table) else { return };
    if table.codes.is_empty() || table.takes(code) {
        return;
    }
    let message = format!("`{code}` is no code of table {}, whose codes `{}` takes", table.number, want.label);
    let known = || table.codes.iter().map(|(code, _)| code.as_str());
    let help = match nearest(code, known()) {
        Some(near) => format!("did you mean `{near}`?"),
        None => format!("it has {}", listed(known(), table.codes.len())),
    };
    scope.problem(Diagnostic::new(Code::NotInTable, at.clone(), message).help(help));
}

fn listed<'a>(codes: impl Iterator<Item = &'a str>, all: usize) -> String {
    const SHOWN: usize = 12;
    let shown: Vec<_> = codes.take(SHOWN).map(|code| format!("`{code}`")).collect();
    format!("{}{}", shown.join(", "), if all > SHOWN { " and others" } else { "" })
}

/// Whether a text that stands in the mapping has the form of a FHIR primitive.
pub(super) fn literal(scope: &mut Scope, value: &Expr, primitive: &str) -> bool {
    let text = match &*value.kind {
        Kind::Text(text) | Kind::Number(text) => text,
        _ => return true,
    };
    let fits = match primitive {
        "moment" => moment(text.trim()).is_ok() || time_of_day(text.trim()).is_ok(),
        _ => scope.world.standards().fhir.fits(primitive, text),
    };
    if !fits {
        let message = match primitive {
            "moment" => "this is not a date or time".to_owned(),
            _ => format!("this is not a FHIR `{primitive}`"),
        };
        scope.error(Code::WrongType, &value.at, message);
    }
    fits
}
