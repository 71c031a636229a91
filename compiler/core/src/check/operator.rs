//! Operators: `first`, `via`, `as`, `+` and the like.

use super::convert::{self, Want};
use super::expression::infer;
use super::scope::Scope;
use super::typed::{Arithmetic, Expr, Kind, Pick, Sent, Ty, TyKind};
use super::{World, by_type, call, condition, patch, path, refer, types};
use crate::diagnostic::{Code, Diagnostic, a};
use crate::resolve::{DeclaredKind, Found};
use crate::syntax::tree::{self, At, Binary, Count, Prefix, Type, Word};
use emr_abi::Builtin;
use smol_str::SmolStr;

pub(super) fn prefixed(scope: &mut Scope, prefix: Prefix, inner: &tree::Expr, at: &At) -> Expr {
    let pick = match prefix {
        Prefix::First => Pick::First,
        Prefix::Last => Pick::Last,
        Prefix::Only => Pick::Only,
        Prefix::Not => return condition::negated(scope, inner, at),
        Prefix::Emit | Prefix::Contain | Prefix::Patch if scope.builds_hl7 => {
            let diagnostic = Diagnostic::new(Code::NoResources, at.clone(), "a message of HL7 v2 holds no resources");
            scope.problem(diagnostic.help("emit in a map that gives a resource or a Bundle"));
            return Expr::error(at);
        }
        Prefix::Emit => return call::emit(scope, inner, at),
        Prefix::Contain => return call::contain(scope, inner, at),
        Prefix::Patch => return patch::patch(scope, inner, at),
        Prefix::Refer => return refer::refer(scope, inner, at),
    };
    let list = infer(scope, inner);
    if list.is_error() || list.is_nothing() {
        return list;
    }
    let count = if list.ty.may_be_missing() { Count::Optional } else { Count::One };
    let ty = list.ty.with(count);
    Expr::new(Kind::Pick { which: pick, list }, ty, at)
}

/// Something of FHIR that is no single text or number.
pub(super) fn has_elements(scope: &Scope, ty: &Ty) -> bool {
    match &ty.kind {
        TyKind::Fhir(key) => convert::primitive_named(&convert::base_key(scope, key)).is_none(),
        TyKind::Choice(_) => true,
        _ => false,
    }
}

pub(super) fn via(scope: &mut Scope, value: &tree::Expr, codes: &Word, at: &At) -> Expr {
    let value = infer(scope, value);
    let export = match scope.world.find(&codes.text) {
        Found::One(export) if export.kind == DeclaredKind::Codes => export,
        found => {
            scope.problem(not_codes(scope.world, codes, &found));
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
        let message = format!("{} is no code that a table could translate", a(&types::show_kind(&value.ty.kind)));
        scope.error(Code::WrongType, &value.at, message);
        return Expr::error(at);
    }
    let allowed = path::allowed(scope, &value);
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

pub(super) fn not_codes(world: &dyn World, codes: &Word, found: &Found) -> Diagnostic {
    if let Found::One(export) = found {
        let message = format!("`{}` is {}, not a code table", codes.text, a(export.kind.noun()));
        return Diagnostic::new(Code::WrongType, codes.at.clone(), message)
            .help("name a table that is declared with `codes`");
    }
    if let Found::Several(exports) = found {
        return path::ambiguous(&codes.text, &codes.at, exports.iter().map(|it| it.key.as_str()));
    }
    let diagnostic =
        Diagnostic::new(Code::UnknownName, codes.at.clone(), format!("there is no code table `{}`", codes.text));
    let tables = world.names().all().filter(|(_, export)| export.kind == DeclaredKind::Codes);
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
pub(super) fn as_type(scope: &mut Scope, value: &tree::Expr, ty: &Type, at: &At) -> Expr {
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
            let message = format!("{} cannot be read as `{name}`", a(&types::show_kind(&value.ty.kind)));
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
    if wanted == Ty::ERROR || value.is_error() {
        return Expr::error(at);
    }
    if by_type::is_open(&value.ty.kind) {
        return by_type::of_type(scope, value, &ty.name, at);
    }
    let want = Want { list: true, ..Want::ty(&wanted, &format!("as {name}")) };
    convert::to(scope, value, &want)
}

/// `emit … if new`, also where the emit is lifted over a list.
pub(super) fn mark_new(value: &mut Expr) -> bool {
    match &mut *value.kind {
        Kind::Emit { sent: sent @ (Sent::Whole | Sent::IfNew), .. } => {
            *sent = Sent::IfNew;
            true
        }
        Kind::Each { body, .. } | Kind::Do { value: body, .. } => mark_new(body),
        _ => false,
    }
}

pub(super) fn arithmetic(scope: &mut Scope, op: Binary, left: &tree::Expr, right: &tree::Expr, at: &At) -> Expr {
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
        (TyKind::Duration, TyKind::Fhir(_) | TyKind::Hl7(..)) if matches!(op, Arithmetic::Times | Arithmetic::Over) => {
            let Some(by) = factor(scope, right) else { return Expr::error(at) };
            Expr::new(Kind::Arithmetic { op, left, right: by }, Ty { kind: TyKind::Duration, count }, at)
        }
        (TyKind::Fhir(_) | TyKind::Hl7(..), TyKind::Duration) if op == Arithmetic::Times => {
            let Some(by) = factor(scope, left) else { return Expr::error(at) };
            Expr::new(Kind::Arithmetic { op, left: right, right: by }, Ty { kind: TyKind::Duration, count }, at)
        }
        (from, to) if op == Arithmetic::Minus && moment && condition::is_moment(scope, to) => {
            if [from, to].into_iter().any(is_time_of_day) {
                let diagnostic = Diagnostic::new(
                    Code::WrongType,
                    at.clone(),
                    "there is no duration between times of day: nothing says of which days they are",
                );
                scope.problem(diagnostic.help("use fields that hold the date too"));
                return Expr::error(at);
            }
            let want = Ty { kind: TyKind::Fhir("moment".into()), count: Count::Optional };
            let want = Want::ty(&want, "a duration");
            let (to, from) = (convert::to(scope, left, &want), convert::to(scope, right, &want));
            if to.is_error() || from.is_error() {
                return Expr::error(at);
            }
            let duration = Kind::Builtin { function: Builtin::duration, arguments: vec![from, to] };
            Expr::new(duration, Ty { kind: TyKind::Duration, count }, at)
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

/// What a duration is multiplied with or divided by.
fn factor(scope: &mut Scope, value: Expr) -> Option<Expr> {
    let ty = Ty { kind: TyKind::Fhir("decimal".into()), count: Count::Optional };
    let value = convert::to(scope, value, &Want::ty(&ty, "a calculation"));
    (!value.is_error()).then_some(value)
}

fn is_time_of_day(kind: &TyKind) -> bool {
    matches!(kind, TyKind::Hl7(_, name) if name == "TM") || matches!(kind, TyKind::Fhir(key) if key == "time")
}
