//! Expressions: `value` for a place that wants certain types, `infer` where nothing is wanted.

use super::convert::{self, Want};
use super::scope::Scope;
use super::typed::{Arithmetic, Expr, Kind, Pick, Primitive, Ty, TyKind};
use super::{block, call, choose, condition, each, path, types, with};
use crate::diagnostic::{Code, Diagnostic};
use crate::resolve::{DeclaredKind, Found};
use crate::syntax::tree::{self, At, Binary, Count, ExprKind, Prefix, TextPart, Type, Word};
use smol_str::{SmolStr, format_smolstr};

/// The value of an expression, as what stands there takes it.
pub(super) fn value(scope: &mut Scope, expr: &tree::Expr, want: &Want) -> Expr {
    if !scope.deeper(&expr.at) {
        scope.depth -= 1;
        return Expr::error(&expr.at);
    }
    let value = wanted(scope, expr, want);
    scope.depth -= 1;
    value
}

/// The value of an expression, of the type that it has by itself.
pub(super) fn infer(scope: &mut Scope, expr: &tree::Expr) -> Expr {
    if !scope.deeper(&expr.at) {
        scope.depth -= 1;
        return Expr::error(&expr.at);
    }
    let value = natural(scope, expr);
    scope.depth -= 1;
    value
}

fn wanted(scope: &mut Scope, expr: &tree::Expr, want: &Want) -> Expr {
    let at = &expr.at;
    match &*expr.kind {
        ExprKind::Else(first, second) => {
            let (first, second) = (value(scope, first, want), value(scope, second, want));
            never_taken(scope, &first, &second);
            otherwise(first, second, at)
        }
        ExprKind::When { value: guarded, condition } => {
            let condition = condition::condition(scope, condition);
            let guarded = value(scope, guarded, want);
            when(guarded, condition, at)
        }
        ExprKind::Warn { value: inner, text } => {
            let inner = value(scope, inner, want);
            warn(inner, text.as_ref(), at)
        }
        ExprKind::Block(inner) => match single_shape(scope, want, at) {
            Some(shape) => {
                let block = block::value(scope, inner, &shape, at);
                block::of_constants(scope, block, want.required)
            }
            None => Expr::error(at),
        },
        ExprKind::TypedBlock { ty, block: inner } => typed_block(scope, ty, inner, Some(want), at),
        ExprKind::Each(inner) => each::each(scope, inner, Some(want), at),
        ExprKind::Match { on, arms } => choose::choose(scope, on.as_ref(), arms, Some(want), at),
        ExprKind::With { value: base, block } => with::with(scope, base, block, Some(want), at),
        ExprKind::List { items, parts } if parts.is_empty() => {
            let items: Vec<_> = items.iter().map(|item| value(scope, item, want)).collect();
            list(scope, items, want, at)
        }
        ExprKind::Keep => match scope.keep.clone() {
            Some(ty) => Expr::new(Kind::Keep, ty, at),
            None => misplaced_keep(scope, at),
        },
        _ => {
            let value = natural(scope, expr);
            convert::to(scope, value, want)
        }
    }
}

fn list(scope: &mut Scope, mut items: Vec<Expr>, want: &Want, at: &At) -> Expr {
    if items.len() == 1 {
        return items.pop().unwrap_or_else(|| Expr::error(at));
    }
    if !want.list {
        let message = format!("`{}` takes one value, and this is a list", want.label);
        scope.problem(Diagnostic::new(Code::ManyForOne, at.clone(), message).help("keep one of the values"));
        return Expr::error(at);
    }
    let sure = items.iter().any(|item| !item.ty.may_be_missing() && !item.is_nothing());
    let kind = items.iter().find(|item| !item.is_nothing()).map_or(TyKind::Nothing, |item| item.ty.kind.clone());
    let ty = Ty { kind, count: if sure { Count::Some } else { Count::Any } };
    Expr::new(Kind::List(items), ty, at)
}

/// The one type with elements that a block can be here.
fn single_shape(scope: &mut Scope, want: &Want, at: &At) -> Option<SmolStr> {
    match want.types.as_slice() {
        [only] if !want.choice => Some(only.shape.clone()),
        [] => None,
        _ => {
            let message = format!("`{}` takes {}", want.label, want.show());
            let diagnostic = Diagnostic::new(Code::NotAChoice, at.clone(), message);
            scope.problem(diagnostic.help("name the type before the brace, as in `Quantity { … }`"));
            None
        }
    }
}

fn typed_block(scope: &mut Scope, ty: &Word, inner: &tree::Block, want: Option<&Want>, at: &At) -> Expr {
    let mut problems = Vec::new();
    let kind = types::fhir_type(ty, scope.world, &mut problems);
    scope.problems.extend(problems);
    let Some(TyKind::Fhir(key)) = kind else { return Expr::error(at) };
    if let Some(want) = want {
        let base = convert::base_key(scope, &key);
        let resource = want.types.iter().any(|ty| ty.name == "Resource");
        match want.takes(scope, &base).cloned() {
            Some(narrowed) => {
                let block = block::value(scope, inner, &narrowed.shape, at);
                return block::of_constants(scope, block, want.required);
            }
            None if resource => {}
            None => {
                let message = format!("`{}` takes {}, not `{}`", want.label, want.show(), ty.text);
                let mut diagnostic = Diagnostic::new(Code::WrongType, ty.at.clone(), message);
                if want.takes(scope, "Reference").is_some() {
                    diagnostic = diagnostic.help("write `emit` before it: what is emitted is referred to");
                }
                scope.problem(diagnostic);
                return Expr::error(at);
            }
        }
    }
    let block = block::value(scope, inner, &key, at);
    block::of_constants(scope, block, false)
}

fn natural(scope: &mut Scope, expr: &tree::Expr) -> Expr {
    let at = &expr.at;
    match &*expr.kind {
        ExprKind::Missing => Expr::error(at),
        ExprKind::Text(parts) => text(scope, parts, at),
        ExprKind::Raw(text) => Expr::new(Kind::Text(text.clone()), Ty::fhir("string"), at),
        ExprKind::Number(text) => number(text, at),
        ExprKind::Duration(text) => duration(scope, text, at),
        ExprKind::Boolean(value) => Expr::new(Kind::Boolean(*value), Ty::fhir("boolean"), at),
        ExprKind::Code { system, code, display } => {
            let Some(uri) = system_uri(scope, system) else { return Expr::error(at) };
            check_code(scope, &uri, code);
            let display = display.as_ref().map(|word| word.text.clone());
            Expr::new(Kind::Code { system: uri, code: code.text.clone(), display }, Ty::one(TyKind::Coded), at)
        }
        ExprKind::Path(inner) => path::path(scope, inner),
        ExprKind::Call { name, arguments, parts } => {
            let called = call::call(scope, name, arguments, at);
            path::below(scope, called, parts, at)
        }
        ExprKind::List { items, parts } => natural_list(scope, items, parts, at),
        ExprKind::Block(_) => {
            let diagnostic = Diagnostic::new(Code::WrongType, at.clone(), "nothing says what this block builds");
            scope.problem(diagnostic.help("name its type before the brace, as in `Period { … }`"));
            Expr::error(at)
        }
        ExprKind::TypedBlock { ty, block } => typed_block(scope, ty, block, None, at),
        ExprKind::Prefix(prefix, inner) => prefixed(scope, *prefix, inner, at),
        ExprKind::Binary(op @ (Binary::Plus | Binary::Minus | Binary::Times | Binary::Over), left, right) => {
            arithmetic(scope, *op, left, right, at)
        }
        ExprKind::Binary(..) | ExprKind::Is { .. } => condition::condition(scope, expr),
        ExprKind::Via { value, codes } => via(scope, value, codes, at),
        ExprKind::As { value, ty } => as_type(scope, value, ty, at),
        ExprKind::With { value: base, block } => with::with(scope, base, block, None, at),
        ExprKind::IfNew(inner) => {
            let mut inner = infer(scope, inner);
            if !mark_new(&mut inner) && !inner.is_error() {
                scope.error(Code::WrongType, at, "only what is emitted can be made `if new`");
            }
            inner
        }
        ExprKind::ReferBy { .. } => scope.not_yet(at, "`refer`"),
        ExprKind::Each(inner) => each::each(scope, inner, None, at),
        ExprKind::Match { on, arms } => choose::choose(scope, on.as_ref(), arms, None, at),
        ExprKind::Else(first, second) => {
            let (first, second) = (infer(scope, first), infer(scope, second));
            let (first, second) = agree(scope, first, second);
            never_taken(scope, &first, &second);
            otherwise(first, second, at)
        }
        ExprKind::When { value, condition } => {
            let condition = condition::condition(scope, condition);
            let value = infer(scope, value);
            when(value, condition, at)
        }
        ExprKind::Warn { value, text } => {
            let value = infer(scope, value);
            warn(value, text.as_ref(), at)
        }
        ExprKind::Skip => Expr::new(Kind::Skip, Ty::NOTHING, at),
        ExprKind::Keep => match scope.keep.clone() {
            Some(ty) => Expr::new(Kind::Keep, ty, at),
            None => misplaced_keep(scope, at),
        },
        ExprKind::Null => scope.not_yet(at, "writing `null`"),
        ExprKind::Reject(text) => Expr::new(Kind::Reject(text.text.clone()), Ty::NOTHING, at),
        ExprKind::Absent(None) => Expr::new(Kind::Absent, Ty::NOTHING, at),
        ExprKind::Absent(Some(reason)) => data_absent(scope, reason, at),
        ExprKind::WarnOnly(text) => {
            let text = text.as_ref().map(|word| word.text.clone()).unwrap_or_default();
            Expr::new(Kind::AbsentWarn(text), Ty::NOTHING, at)
        }
    }
}

fn data_absent(scope: &mut Scope, reason: &Word, at: &At) -> Expr {
    const REASONS: &str = "http://hl7.org/fhir/ValueSet/data-absent-reason";
    if let Some(set) = scope.world.standards().fhir.value_set(REASONS)
        && set.complete
        && set.find(None, &reason.text).is_none()
    {
        let message = format!("`{}` is not a reason why a value is absent", reason.text);
        let known: Vec<_> = set.codes.iter().map(|coded| format!("`{}`", coded.code)).collect();
        let diagnostic = Diagnostic::new(Code::UnknownCode, reason.at.clone(), message);
        scope.problem(diagnostic.help(format!("the reasons are {}", known.join(", "))));
    }
    Expr::new(Kind::DataAbsent(reason.text.clone()), Ty::NOTHING, at)
}

fn misplaced_keep(scope: &mut Scope, at: &At) -> Expr {
    let diagnostic = Diagnostic::new(Code::WrongType, at.clone(), "there is nothing to keep here");
    scope.problem(diagnostic.help("`keep` stands in the block of `with`, and in code tables"));
    Expr::error(at)
}

// ---- what else, when and warn make of a value --------------------------------------------------------

/// `A else B`: B decides whether something may still be missing.
pub(super) fn otherwise(first: Expr, second: Expr, at: &At) -> Expr {
    if first.is_error() || second.is_error() {
        return Expr::error(at);
    }
    let count = match &*second.kind {
        Kind::Absent | Kind::AbsentWarn(_) => first.ty.count.maybe(),
        _ if second.is_nothing() && !gives_nothing(&second) => first.ty.count.surely(),
        _ if second.is_nothing() => first.ty.count.maybe(),
        _ if first.is_nothing() => second.ty.count,
        _ => {
            let list = first.ty.is_list() || second.ty.is_list();
            match (list, second.ty.may_be_missing() && first.ty.may_be_missing()) {
                (true, true) => Count::Any,
                (true, false) => Count::Some,
                (false, true) => Count::Optional,
                (false, false) => Count::One,
            }
        }
    };
    let kind = if first.is_nothing() { second.ty.kind.clone() } else { first.ty.kind.clone() };
    Expr::new(Kind::Else(first, second), Ty { kind, count }, at)
}

/// What stands behind an `else` is looked at only if the value before it may be missing or invalid.
fn never_taken(scope: &mut Scope, first: &Expr, second: &Expr) {
    if is_certain(first) {
        let message = "this is never taken: the value before the `else` is always there";
        let diagnostic = Diagnostic::new(Code::UnreachableArm, second.at.clone(), message);
        scope.problem(diagnostic.help("take the `else` away"));
    }
}

/// A value that no message can take away: a constant, or what ends in one.
fn is_certain(value: &Expr) -> bool {
    match &*value.kind {
        Kind::Text(_) | Kind::Number(_) | Kind::Boolean(_) | Kind::Code { .. } | Kind::Reject(_) => true,
        Kind::Else(_, last) | Kind::Warn { value: last, .. } => is_certain(last),
        Kind::Match { arms, otherwise: Some(last) } => arms.iter().map(|arm| &arm.value).chain([last]).all(is_certain),
        _ => false,
    }
}

/// Whether a value of no type may really come to nothing: `skip`, `reject` and a data-absent-reason do not.
fn gives_nothing(value: &Expr) -> bool {
    match &*value.kind {
        Kind::Skip | Kind::Reject(_) | Kind::DataAbsent(_) => false,
        Kind::Warn { value, .. } => gives_nothing(value),
        Kind::Else(_, second) => gives_nothing(second),
        _ => true,
    }
}

pub(super) fn when(value: Expr, condition: Expr, at: &At) -> Expr {
    let ty = value.ty.with(value.ty.count.maybe());
    if value.is_error() || condition.is_error() {
        return Expr::error(at);
    }
    Expr::new(Kind::When { value, condition }, ty, at)
}

fn warn(value: Expr, text: Option<&Word>, at: &At) -> Expr {
    let ty = value.ty.clone();
    let text = text.map(|word| word.text.clone()).unwrap_or_default();
    if value.is_error() { value } else { Expr::new(Kind::Warn { value, text }, ty, at) }
}

/// Two alternatives without a place that says what is wanted: the second becomes like the first.
pub(super) fn agree(scope: &mut Scope, first: Expr, second: Expr) -> (Expr, Expr) {
    let settled = first.ty.kind == second.ty.kind
        || [&first, &second].into_iter().any(|it| it.is_nothing() || it.is_error())
        || matches!((&first.ty.kind, &second.ty.kind), (TyKind::Hl7(..), TyKind::Hl7(..)));
    if settled {
        return (first, second);
    }
    match (&first.ty.kind, &second.ty.kind) {
        (TyKind::Reference(a), TyKind::Reference(b)) => {
            let mut targets = a.clone();
            targets.extend(b.iter().filter(|it| !a.contains(it)).cloned());
            let kind = TyKind::Reference(targets);
            let both = |mut value: Expr| {
                value.ty.kind = kind.clone();
                value
            };
            (both(first), both(second))
        }
        (TyKind::Fhir(_), TyKind::Fhir(_)) if is_plain(scope, &first) && is_plain(scope, &second) => (first, second),
        (TyKind::Hl7(..), TyKind::Fhir(_)) => {
            let want = Want { list: true, ..Want::ty(&second.ty, "the other alternative") };
            (convert::to(scope, first, &want), second)
        }
        _ => {
            let want = Want { list: true, ..Want::ty(&first.ty, "the first alternative") };
            let second = convert::to(scope, second, &want);
            (first, second)
        }
    }
}

/// A primitive of FHIR, which can stand beside any other.
fn is_plain(scope: &Scope, value: &Expr) -> bool {
    matches!(&value.ty.kind, TyKind::Fhir(key) if convert::primitive_named(&convert::base_key(scope, key)).is_some())
}

// ---- constants ---------------------------------------------------------------------------------------------

fn text(scope: &mut Scope, parts: &[TextPart], at: &At) -> Expr {
    let plain: Option<String> = parts
        .iter()
        .map(|part| match part {
            TextPart::Plain(text) => Some(text.as_str()),
            TextPart::Hole(_) => None,
        })
        .collect();
    if let Some(text) = plain {
        return Expr::new(Kind::Text(text.into()), Ty::fhir("string"), at);
    }
    let mut missing = false;
    let mut joined = Vec::new();
    for part in parts {
        let part = match part {
            TextPart::Plain(text) => Expr::new(Kind::Text(text.clone()), Ty::fhir("string"), at),
            TextPart::Hole(hole) => self::hole(scope, hole),
        };
        if part.is_error() {
            return Expr::error(at);
        }
        missing |= part.ty.may_be_missing() || part.is_nothing();
        joined.push(part);
    }
    let count = if missing { Count::Optional } else { Count::One };
    Expr::new(Kind::Join(joined), Ty { kind: TyKind::Fhir("string".into()), count }, at)
}

/// A family name and a street were texts before their parts were told apart, and still read as one.
const WERE_TEXTS: [&str; 2] = ["FN", "SAD"];

fn hole(scope: &mut Scope, hole: &tree::Expr) -> Expr {
    let value = infer(scope, hole);
    if value.ty.is_list() {
        let diagnostic =
            Diagnostic::new(Code::ManyForOne, value.at.clone(), "a hole takes one value, and this is a list");
        scope.problem(diagnostic.help("write `first …`, or `join(\", \", …)` for all of them"));
        return Expr::error(&value.at);
    }
    if let TyKind::Hl7(_, name) = &value.ty.kind
        && !convert::is_hl7_primitive(scope, name)
        && !WERE_TEXTS.contains(&name.as_str())
    {
        let message = format!("a hole takes one value, and `{name}` has several parts");
        let diagnostic = Diagnostic::new(Code::WrongType, value.at.clone(), message);
        scope.problem(diagnostic.help("name the part, as in `{PID-16.1}`, or convert the whole: `{PID-16 as string}`"));
        return Expr::error(&value.at);
    }
    string(scope, value, "a hole")
}

/// A value as text.
pub(super) fn string(scope: &mut Scope, value: Expr, what: &str) -> Expr {
    let plain = match &value.ty.kind {
        TyKind::Fhir(key) => convert::primitive_named(&convert::base_key(scope, key)).is_some(),
        TyKind::Hl7(_, name) if convert::is_hl7_primitive(scope, name) => {
            return convert::scalar(scope, value, Primitive::String, "string");
        }
        TyKind::Nothing | TyKind::Error => true,
        _ => false,
    };
    if plain {
        return value;
    }
    let ty = Ty { kind: TyKind::Fhir("string".into()), count: Count::Any };
    convert::to(scope, value, &Want::ty(&ty, what))
}

fn number(text: &SmolStr, at: &At) -> Expr {
    let name = if text.contains('.') { "decimal" } else { "integer" };
    Expr::new(Kind::Number(text.clone()), Ty::fhir(name), at)
}

fn duration(scope: &mut Scope, text: &str, at: &At) -> Expr {
    let digits = text.trim_end_matches(|c: char| c.is_ascii_alphabetic());
    let unit = match text.get(digits.len()..) {
        Some("ms") => 1,
        Some("s") => 1_000,
        Some("m") => 60_000,
        Some("h") => 3_600_000,
        _ => 86_400_000,
    };
    match digits.parse::<i64>().ok().and_then(|count| count.checked_mul(unit)) {
        Some(milliseconds) => Expr::new(Kind::Duration(milliseconds), Ty::one(TyKind::Duration), at),
        None => {
            scope.error(Code::WrongType, at, "this duration is too long");
            Expr::error(at)
        }
    }
}

/// The URI of a system: `v2-0203`, a constant, or one of the library's.
pub(super) fn system_uri(scope: &mut Scope, system: &Word) -> Option<SmolStr> {
    if let Some(uri) = v2_system(&system.text) {
        let standards = scope.world.standards();
        let number = system.text.trim_start_matches("v2-");
        if standards.hl7.table(number).is_none() && standards.fhir.code_system(&uri).is_none() {
            let message = format!("HL7 v2 has no table {number}");
            let diagnostic = Diagnostic::new(Code::UnknownSystem, system.at.clone(), message);
            scope.problem(
                diagnostic.help("look its number up; tables of your own are constants: `let colours = \"http://…\"`"),
            );
        }
        return Some(uri);
    }
    if let Found::One(export) = scope.world.find(&system.text)
        && export.kind == DeclaredKind::Constant
        && let Some(Kind::Text(uri)) = scope.world.constant(&export.key).map(|constant| &*constant.kind)
    {
        return Some(uri.clone());
    }
    let message = format!("there is no code system `{}`", system.text);
    let diagnostic = Diagnostic::new(Code::UnknownSystem, system.at.clone(), message);
    let known: Vec<SmolStr> = scope.world.names().known().cloned().collect();
    let help = match super::suggest::nearest(&system.text, known.iter().map(SmolStr::as_str)) {
        Some(near) => format!("did you mean `{near}`?"),
        None => format!("name it by its URI: `let {} = \"http://…\"`", system.text),
    };
    scope.problem(diagnostic.help(help));
    None
}

/// HL7 tables are code systems: `v2-0203`.
pub fn v2_system(name: &str) -> Option<SmolStr> {
    let number = name.strip_prefix("v2-")?;
    let digits = number.len() == 4 && number.chars().all(|c| c.is_ascii_digit());
    digits.then(|| format_smolstr!("http://terminology.hl7.org/CodeSystem/v2-{number}"))
}

/// A literal code of an HL7 table. FHIR's copy of the table is newer than the dictionaries, so both must lack it.
fn check_code(scope: &mut Scope, system: &str, code: &Word) {
    let Some((_, number)) = system.rsplit_once("/v2-") else { return };
    let standards = scope.world.standards();
    let Some(table) = standards.hl7.table(number) else { return };
    let Some(newer) = standards.fhir.code_system(system) else { return };
    if newer.find(&code.text).is_some() || table.codes.iter().any(|(known, _)| *known == code.text) {
        return;
    }
    let message = format!("`{}` is not a code of `{system}`", code.text);
    let diagnostic = Diagnostic::new(Code::UnknownCode, code.at.clone(), message);
    let known = newer.concepts.iter().map(|concept| concept.code.as_str());
    let diagnostic = match super::suggest::nearest(&code.text, known) {
        Some(near) => diagnostic.help(format!("did you mean `{near}`?")),
        None => diagnostic.help("look the table up, or name the sender's own system"),
    };
    scope.problem(diagnostic);
}

fn natural_list(scope: &mut Scope, items: &[tree::Expr], parts: &[tree::Part], at: &At) -> Expr {
    let mut values: Vec<Expr> = items.iter().map(|item| infer(scope, item)).collect();
    if values.len() == 1 {
        let only = values.pop().unwrap_or_else(|| Expr::error(at));
        return path::below(scope, only, parts, at);
    }
    if !parts.is_empty() {
        return scope.not_yet(at, "a path below a list of values");
    }
    let mut agreed: Vec<Expr> = Vec::new();
    for value in values {
        let value = match agreed.pop() {
            Some(last) => {
                let (last, value) = agree(scope, last, value);
                agreed.push(last);
                value
            }
            None => value,
        };
        agreed.push(value);
    }
    let sure = agreed.iter().any(|item| !item.ty.may_be_missing());
    let kind = agreed.first().map_or(TyKind::Nothing, |first| first.ty.kind.clone());
    Expr::new(Kind::List(agreed), Ty { kind, count: if sure { Count::Some } else { Count::Any } }, at)
}

// ---- operators ------------------------------------------------------------------------------------------------

fn prefixed(scope: &mut Scope, prefix: Prefix, inner: &tree::Expr, at: &At) -> Expr {
    let pick = match prefix {
        Prefix::First => Pick::First,
        Prefix::Last => Pick::Last,
        Prefix::Only => Pick::Only,
        Prefix::Not => return condition::negated(scope, inner, at),
        Prefix::Emit => return call::emit(scope, inner, at),
        Prefix::Contain => return call::contain(scope, inner, at),
        Prefix::Patch => return scope.not_yet(at, "`patch`"),
        Prefix::Refer => return scope.not_yet(at, "`refer`"),
    };
    let list = infer(scope, inner);
    if list.is_error() || list.is_nothing() {
        return list;
    }
    if pick == Pick::Last && !ends_in_a_walk(scope, &list) {
        return scope.not_yet(at, "the last of such a list of FHIR values");
    }
    let count = if list.ty.may_be_missing() { Count::Optional } else { Count::One };
    let ty = list.ty.with(count);
    Expr::new(Kind::Pick { which: pick, list }, ty, at)
}

/// Whether the last item is known as such when it is written: one of a list of the message, or made of it.
fn ends_in_a_walk(scope: &Scope, list: &Expr) -> bool {
    if !list.ty.is_list() || !has_elements(scope, &list.ty) {
        return true;
    }
    match &*list.kind {
        Kind::Each { list, body, .. } => !has_elements(scope, &list.ty) && ends_in_a_walk(scope, body),
        Kind::Else(first, second) => ends_in_a_walk(scope, first) && ends_in_a_walk(scope, second),
        Kind::When { value, .. } | Kind::Do { value, .. } | Kind::With { base: value, .. } => {
            ends_in_a_walk(scope, value)
        }
        _ => false,
    }
}

/// Something of FHIR that is no single text or number.
pub(super) fn has_elements(scope: &Scope, ty: &Ty) -> bool {
    match &ty.kind {
        TyKind::Fhir(key) => convert::primitive_named(&convert::base_key(scope, key)).is_none(),
        TyKind::Choice(_) => true,
        _ => false,
    }
}

fn via(scope: &mut Scope, value: &tree::Expr, codes: &Word, at: &At) -> Expr {
    let value = infer(scope, value);
    let export = match scope.world.find(&codes.text) {
        Found::One(export) if export.kind == DeclaredKind::Codes => export,
        found => {
            scope.problem(not_codes(scope, codes, &found));
            return Expr::error(at);
        }
    };
    scope.uses.push(export.key.clone());
    if value.is_error() {
        return value;
    }
    let coded = match &value.ty.kind {
        TyKind::Hl7(..) | TyKind::Coded => true,
        TyKind::Fhir(key) => convert::primitive_named(&convert::base_key(scope, key)).is_some(),
        _ => false,
    };
    if !coded {
        let message = format!("a {} is no code that a table could translate", types::show_kind(&value.ty.kind));
        scope.error(Code::WrongType, &value.at, message);
        return Expr::error(at);
    }
    let allowed = path::allowed(scope, &value).to_vec();
    let total = scope.world.codes(&export.key).is_some_and(|table| is_total(scope, table, &allowed));
    let table = export.key;
    let one = |value: Expr| {
        let count = if total { value.ty.count } else { value.ty.count.maybe() };
        Expr::new(Kind::Via { value, table: table.clone() }, Ty { kind: TyKind::Coded, count }, at)
    };
    if value.ty.is_list() { convert::each(scope, value, one) } else { one(value) }
}

/// Every key comes to a value: there is an `else`, or an arm for each code that the profile allows, or else for each of
/// the source's HL7 table.
fn is_total(scope: &Scope, table: &super::typed::CodeTable, allowed: &[SmolStr]) -> bool {
    use super::typed::{CodeKey, CodeTo};
    let gives = |to: &CodeTo| !matches!(to, CodeTo::Absent(None));
    if !table.arms.iter().all(|arm| gives(&arm.result.what)) {
        return false;
    }
    if let Some(otherwise) = &table.otherwise {
        return gives(&otherwise.what);
    }
    let has_arm = |code: &SmolStr| {
        table.arms.iter().flat_map(|arm| &arm.keys).any(|key| matches!(key, CodeKey::Code(it) if it == code))
    };
    if !allowed.is_empty() {
        return allowed.iter().all(has_arm);
    }
    let Some((_, number)) = table.from.as_ref().and_then(|from| from.rsplit_once("/v2-")) else { return false };
    let Some(source) = scope.world.standards().hl7.table(number) else { return false };
    !source.codes.is_empty() && source.codes.iter().all(|(code, _)| has_arm(code))
}

fn not_codes(scope: &Scope, codes: &Word, found: &Found) -> Diagnostic {
    if let Found::One(export) = found {
        let message = format!("`{}` is a {}, not a code table", codes.text, export.kind.noun());
        return Diagnostic::new(Code::WrongType, codes.at.clone(), message)
            .help("`via` takes the name of a `codes` table");
    }
    if let Found::Several(exports) = found {
        return path::ambiguous(&codes.text, &codes.at, exports.iter().map(|it| it.key.as_str()));
    }
    let diagnostic =
        Diagnostic::new(Code::UnknownName, codes.at.clone(), format!("there is no code table `{}`", codes.text));
    let tables = scope.world.names().all().filter(|(_, export)| export.kind == DeclaredKind::Codes);
    let known: Vec<&str> = tables.filter_map(|(_, export)| export.key.rsplit('.').next()).collect();
    match super::suggest::nearest(&codes.text, known.into_iter()) {
        Some(near) => diagnostic.help(format!("did you mean `{near}`?")).fix(codes.at.clone(), near),
        None => diagnostic.help(format!(
            "declare it, `codes {} {{ … }}`, or bring one of the library in, as in `use std.codes.MaritalStatus`",
            codes.text
        )),
    }
}

/// `OBX-5 as NM` reads a field as another type; `PID-7 as dateTime` turns it into one of FHIR.
fn as_type(scope: &mut Scope, value: &tree::Expr, ty: &Type, at: &At) -> Expr {
    let mut value = infer(scope, value);
    let name = &ty.name.text;
    if types::is_hl7_name(name) {
        let standards = scope.world.standards();
        if standards.datatype(super::ANY_VERSION, name).is_none() {
            let message = format!("HL7 v2 has no data type `{name}`");
            scope.error(Code::UnknownType, &ty.name.at, message);
            return Expr::error(at);
        }
        if !matches!(value.ty.kind, TyKind::Hl7(..) | TyKind::Error | TyKind::Nothing) {
            let message = format!("a {} cannot be read as `{name}`", types::show_kind(&value.ty.kind));
            scope.error(Code::WrongType, at, message);
            return Expr::error(at);
        }
        if let TyKind::Hl7(version, _) = value.ty.kind {
            value.ty.kind = TyKind::Hl7(version, name.clone());
        }
        return value;
    }
    let mut problems = Vec::new();
    let wanted = types::result(ty, scope.world, &mut problems);
    scope.problems.extend(problems);
    if wanted == Ty::ERROR {
        return Expr::error(at);
    }
    let want = Want { list: true, ..Want::ty(&wanted, &format!("as {name}")) };
    convert::to(scope, value, &want)
}

/// `emit … if new`, also where the emit is lifted over a list.
fn mark_new(value: &mut Expr) -> bool {
    match &mut *value.kind {
        Kind::Emit { if_new, .. } => {
            *if_new = true;
            true
        }
        Kind::Each { body, .. } | Kind::Do { value: body, .. } => mark_new(body),
        _ => false,
    }
}

fn arithmetic(scope: &mut Scope, op: Binary, left: &tree::Expr, right: &tree::Expr, at: &At) -> Expr {
    let (left, right) = (infer(scope, left), infer(scope, right));
    let op = match op {
        Binary::Plus => Arithmetic::Plus,
        Binary::Minus => Arithmetic::Minus,
        Binary::Times => Arithmetic::Times,
        _ => Arithmetic::Over,
    };
    if left.is_error() || right.is_error() {
        return Expr::error(at);
    }
    if left.ty.is_list() || right.ty.is_list() {
        let diagnostic = Diagnostic::new(Code::ManyForOne, at.clone(), "one cannot calculate with a list");
        scope.problem(diagnostic.help("write `first …`, or `sum(…)`"));
        return Expr::error(at);
    }
    let missing = left.ty.may_be_missing() || right.ty.may_be_missing();
    let count = if missing { Count::Optional } else { Count::One };
    let moment = condition::is_moment(scope, &left.ty.kind);
    match (&left.ty.kind, &right.ty.kind) {
        (_, TyKind::Duration) if moment && matches!(op, Arithmetic::Plus | Arithmetic::Minus) => {
            // The result is a time as HL7 writes it, whatever it was before.
            let ty = Ty { kind: TyKind::Hl7(super::ANY_VERSION, "DTM".into()), count };
            Expr::new(Kind::Arithmetic { op, left, right }, ty, at)
        }
        (TyKind::Duration, TyKind::Duration) if matches!(op, Arithmetic::Plus | Arithmetic::Minus) => {
            Expr::new(Kind::Arithmetic { op, left, right }, Ty { kind: TyKind::Duration, count }, at)
        }
        _ => {
            let ty = Ty { kind: TyKind::Fhir("decimal".into()), count: Count::Optional };
            let want = Want::ty(&ty, "a calculation");
            let (left, right) = (convert::to(scope, left, &want), convert::to(scope, right, &want));
            if left.is_error() || right.is_error() {
                return Expr::error(at);
            }
            Expr::new(Kind::Arithmetic { op, left, right }, ty.with(count), at)
        }
    }
}
