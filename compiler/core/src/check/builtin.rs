//! What the checker knows of single built-in functions, beyond their signatures in the library.

use super::alternative::otherwise;
use super::convert::{self, Want};
use super::scope::Scope;
use super::signature::SignatureKind;
use super::typed::{Expr, Kind, Ty, TyKind};
use super::{built, by_type, call, condition, expression, lost, path, types, wiring};
use crate::diagnostic::{Code, Diagnostic, a};
use crate::resolve::Found;
use crate::syntax::tree::{self, Argument, At, Count, Part, PartKind, Word};
use emr_abi::Builtin;
use emr_message::Zone;
use emr_message::time::Precision;
use emr_message::time::pattern::Pattern;
use emr_message::ucum;
use smol_str::SmolStr;

/// `any(…)` and `all(…)` take a comparison of a list, which is none elsewhere.
pub(super) fn special(scope: &mut Scope, name: &Word, arguments: &[Argument], at: &At) -> Option<Expr> {
    let all = match name.text.as_str() {
        "any" => false,
        "all" => true,
        _ => return None,
    };
    match arguments {
        [Argument { name: None, value }] => Some(condition::over_list(scope, value, all, at)),
        _ => {
            let diagnostic =
                Diagnostic::new(Code::WrongCall, at.clone(), format!("`{}` takes one condition", name.text));
            scope.problem(diagnostic.help(format!("as in `{}(PID-3.5 == \"MR\")`", name.text)));
            Some(Expr::error(at))
        }
    }
}

/// Something of FHIR with elements where any value may stand.
pub(super) fn with_elements(scope: &mut Scope, function: SignatureKind, value: Expr, at: &At) -> Expr {
    match function {
        SignatureKind::Function(Builtin::distinct) => value,
        // What is counted is that each is there, which makes the number one of the message.
        SignatureKind::Function(Builtin::count) => convert::each(scope, value, |item| {
            let truth = || Expr::new(Kind::Boolean(true), Ty::fhir("boolean"), &item.at);
            Expr::new(Kind::And(truth(), truth()), Ty::fhir("boolean"), &item.at)
        }),
        _ if built::is_built(&value.ty.kind) => {
            let diagnostic = lost::read_again(scope, &value, "second", at);
            scope.problem(diagnostic);
            Expr::error(at)
        }
        _ => {
            let message =
                format!("this takes a value without elements, and {} has some", a(&types::show_kind(&value.ty.kind)));
            let diagnostic = Diagnostic::new(Code::WrongType, at.clone(), message);
            scope.problem(diagnostic.help("name the element that is meant, as in `.value`"));
            Expr::error(at)
        }
    }
}

/// `system_of(…)`, `display(…)`: a part of a code, whatever holds it.
pub(super) fn of_code(scope: &mut Scope, function: Builtin, argument: &tree::Expr, at: &At) -> Expr {
    let value = expression::infer(scope, argument);
    if value.is_error() {
        return value;
    }
    if !value.ty.is_list() && !value.ty.may_be_missing() || value.is_nothing() {
        return part_of_code(scope, function, value, at);
    }
    let one = value.ty.with(Count::One);
    let item = scope.slot(one.clone());
    let body = part_of_code(scope, function, Expr::slot(item, one, &value.at), at);
    let ty = body.ty.with(value.ty.count.times(body.ty.count));
    if body.is_error() { body } else { Expr::new(Kind::Each { list: value, item, filter: None, body }, ty, at) }
}

fn part_of_code(scope: &mut Scope, function: Builtin, value: Expr, at: &At) -> Expr {
    let name = function.name().trim_end_matches("_of");
    let part = |kind| Part { kind, at: at.clone() };
    let child = |name: &str| part(PartKind::Child(name.into()));
    let ty = Ty { kind: TyKind::Fhir(if name == "system" { "uri" } else { "string" }.into()), count: Count::Optional };
    let base = match &value.ty.kind {
        TyKind::Fhir(key) => convert::base_key(scope, key),
        _ => "".into(),
    };
    let kind = value.ty.kind.clone();
    match &kind {
        TyKind::Coded => Expr::new(Kind::Builtin { function, arguments: vec![value] }, ty, at),
        TyKind::Hl7(_, held) if matches!(held.as_str(), "CWE" | "CE" | "CNE" | "CF") => {
            let number = if name == "system" { 3 } else { 2 };
            let by_oid = value.clone();
            let found = path::below(scope, value, &[part(PartKind::Component(number))], at);
            let found = convert::to(scope, found, &Want::ty(&Ty::fhir("string").with(Count::Optional), "a code"));
            if name != "system" {
                return found;
            }
            let by_name = call::named(scope, "coding_system", found, at);
            if !matches!(held.as_str(), "CWE" | "CNE") {
                return by_name;
            }
            let oid = path::below(scope, by_oid, &[part(PartKind::Component(14))], at);
            let oid = convert::to(scope, oid, &Want::ty(&Ty::fhir("string").with(Count::Optional), "a code"));
            let by_oid = call::named(scope, "system_of_oid", oid, at);
            otherwise(by_name, by_oid, at)
        }
        TyKind::Fhir(_) if base == "Coding" => path::below(scope, value, &[child(name)], at),
        TyKind::Fhir(_) if base == "CodeableConcept" => {
            path::below(scope, value, &[child("coding"), part(PartKind::Index(0)), child(name)], at)
        }
        kind => {
            let message = format!("`{}` takes a code, and this is {}", function.name(), a(&types::show_kind(kind)));
            scope.error(Code::WrongType, &value.at, message);
            Expr::error(at)
        }
    }
}

/// `resolve(…)`: of the one type that the reference may lead to, or of any.
pub(super) fn resolved(scope: &mut Scope, argument: &tree::Expr, at: &At) -> Expr {
    let value = expression::infer(scope, argument);
    if value.is_error() || value.is_nothing() {
        return value;
    }
    let TyKind::Reference(targets) = &value.ty.kind else {
        let message = format!("`resolve` takes a reference, and this is {}", a(&types::show_kind(&value.ty.kind)));
        let diagnostic = Diagnostic::new(Code::WrongType, value.at.clone(), message);
        scope.problem(diagnostic.help("as in `resolve(report.subject)`"));
        return Expr::error(at);
    };
    let only = match targets.as_slice() {
        [only] => Some(convert::base_key(scope, only)).filter(|base| base != "Resource"),
        _ => None,
    };
    let ty = Ty { kind: TyKind::Fhir("Resource".into()), count: value.ty.count.maybe() };
    let found = Expr::new(Kind::Builtin { function: Builtin::resolve, arguments: vec![value] }, ty, at);
    match only {
        Some(name) => by_type::typed(found, name, at),
        None => found,
    }
}

/// The arguments of `pseudonym`, with the name of the secret in the place of its key; nothing if that is none.
pub(super) fn with_key(scope: &mut Scope, arguments: &[Argument]) -> Option<Vec<Argument>> {
    let mut named = arguments.to_vec();
    let mut place = named.iter().position(|it| it.name.as_ref().is_some_and(|name| name.text == "key"));
    place = place.or_else(|| named.iter().enumerate().filter(|(_, it)| it.name.is_none()).nth(1).map(|(at, _)| at));
    let Some(key) = place.and_then(|place| named.get_mut(place)) else { return Some(named) };
    let at = key.value.at.clone();
    let secret = secret(&key.value).or_else(|| {
        let Found::One(export) = scope.world.find(&wiring::name_of(&key.value)?.text) else { return None };
        match &*scope.world.constant(&export.key)?.kind {
            Kind::Secret(name) => Some(name.clone()),
            _ => None,
        }
    });
    if let Some(secret) = secret {
        *key.value.kind = tree::ExprKind::Raw(secret);
        return Some(named);
    }
    let is_text = matches!(&*key.value.kind, tree::ExprKind::Text(_) | tree::ExprKind::Raw(_));
    let diagnostic = match is_text {
        true => Diagnostic::new(Code::SecretAsText, at, "a secret is never written as text"),
        false => Diagnostic::new(Code::WrongType, at, "a pseudonym is made with a secret by its name"),
    };
    scope.problem(diagnostic.help("name it: `secret(\"HOUSE_KEY\")`, here or as a constant"));
    None
}

/// The name in `secret("…")`.
pub(super) fn secret(written: &tree::Expr) -> Option<SmolStr> {
    let tree::ExprKind::Call { name, arguments, parts } = &*written.kind else { return None };
    let is_secret = name.text == "secret" && parts.is_empty();
    is_secret.then(|| wiring::text_argument(arguments)).flatten().map(|(name, _)| name).filter(|name| !name.is_empty())
}

/// A result `any` has the type of the first argument.
pub(super) fn result(declared: &Ty, arguments: &[Expr]) -> Ty {
    if declared.kind != TyKind::Fhir("any".into()) {
        return declared.clone();
    }
    let first = arguments.iter().find(|argument| !argument.is_nothing());
    let kind = first.map_or(TyKind::Nothing, |first| first.ty.kind.clone());
    let sure = first.is_some_and(|first| !first.ty.may_be_missing());
    let count = match (declared.count, sure) {
        (Count::Optional, true) => Count::One,
        (Count::Any, true) => Count::Some,
        (count, _) => count,
    };
    Ty { kind, count }
}

/// What the second argument of some functions must be, beyond its type: patterns are literals, checked here and linear in
/// time; names that stand in the mapping are checked too.
pub(super) fn held(scope: &mut Scope, function: Builtin, arguments: &[Expr]) {
    let Some(second) = arguments.get(1) else { return };
    let literal = match &*second.kind {
        Kind::Text(text) => Some(text.clone()),
        _ => None,
    };
    match (function, literal) {
        _ if second.is_error() => {}
        (Builtin::extract | Builtin::replace, Some(text)) => condition::pattern_is_valid(scope, &text, &second.at),
        (Builtin::parse | Builtin::format, Some(text)) => spelling(scope, &text, &second.at),
        (Builtin::extract | Builtin::replace | Builtin::parse | Builtin::format, None) => {
            scope.error(Code::WrongType, &second.at, "a pattern stands in the mapping, in single quotes");
        }
        (Builtin::in_zone, Some(name)) if Zone::named(&name).is_err() => {
            let diagnostic = Diagnostic::new(Code::UnknownZone, second.at.clone(), "there is no such time zone");
            let names = Zone::names();
            scope.problem(match super::suggest::nearest(&name, names.iter().map(String::as_str)) {
                Some(near) => diagnostic.help(format!("did you mean `{near}`?")),
                None => diagnostic.help("a zone is `Europe/Zurich` and the like, `UTC`, or an offset such as `+01:00`"),
            });
        }
        (Builtin::convert_units, literal) => units(scope, literal, arguments),
        (Builtin::truncate, Some(name)) if Precision::named(&name).is_none() => {
            let message = "a time is cut off after its year, month, day, hour, minute or second";
            scope.error(Code::WrongType, &second.at, message);
        }
        _ => {}
    }
}

/// Units that stand in the mapping are those of UCUM, and of one kind.
fn units(scope: &mut Scope, from: Option<SmolStr>, arguments: &[Expr]) {
    let [_, first, second] = arguments else { return };
    let to = match &*second.kind {
        Kind::Text(to) => Some(to.clone()),
        _ => None,
    };
    for (unit, at) in [(&from, &first.at), (&to, &second.at)] {
        if let Some(unit) = unit
            && ucum::converts(unit, unit).is_err()
        {
            let message = format!("`{unit}` is no unit of UCUM that numbers can be told in");
            let diagnostic = Diagnostic::new(Code::WrongUnit, at.clone(), message);
            scope.problem(diagnostic.help("as in `mg/dL`, `10*9/L`, `mm[Hg]`, `Cel`"));
            return;
        }
    }
    if let (Some(from), Some(to)) = (from, to)
        && ucum::converts(&from, &to).is_err()
    {
        let message = format!("`{from}` and `{to}` measure different things");
        let diagnostic = Diagnostic::new(Code::WrongUnit, second.at.clone(), message);
        scope.problem(diagnostic.help("mass and amount of a substance differ by its molar mass: multiply by it first"));
    }
}

/// A pattern of dates and times.
fn spelling(scope: &mut Scope, text: &str, at: &At) {
    let Err(wrong) = Pattern::new(text) else { return };
    // In single quotes each sign of the pattern is one of the mapping.
    let is_as_written = at.len() == text.len() + 2;
    let place = at.start + 1 + wrong.at.start..at.start + 1 + wrong.at.end;
    let place = if is_as_written && !wrong.at.is_empty() { place } else { at.clone() };
    let message = format!("this pattern of a date or time cannot be read: {}", wrong.why);
    scope.problem(
        Diagnostic::new(Code::WrongSpelling, place, message)
            .help("as in `'dd.MM.yyyy'`, `'yyyy-MM-dd HH:mm[:ss]'`, `'M/d/yyyy hh:mm a'`"),
    );
}
