//! Calls of maps, converts and functions, and what is emitted.

use super::convert::{self, Want};
use super::expression::{self, infer};
use super::scope::Scope;
use super::signature::{Signature, SignatureKind, SignatureParam};
use super::typed::{Expr, Kind, Primitive, Sent, Ty, TyKind};
use super::{beside, built, builtin, lost, split, types};
use crate::diagnostic::{Code, Diagnostic, a};
use crate::resolve::{DeclaredKind, Found};
use crate::standard::shape;
use crate::syntax::tree::{self, Argument, At, Count, Word};
use emr_abi::Builtin;
use smol_str::SmolStr;

pub(super) fn call(scope: &mut Scope, name: &Word, arguments: &[Argument], at: &At) -> Expr {
    if let Some(value) = builtin::special(scope, name, arguments, at) {
        return value;
    }
    let export = match scope.world.find(&name.text) {
        Found::One(export) => export,
        Found::Several(exports) => {
            scope.problem(super::path::ambiguous(&name.text, &name.at, exports.iter().map(|it| it.key.as_str())));
            return Expr::error(at);
        }
        Found::Nothing if name.text == "split" => return split::split(scope, arguments, at),
        Found::Nothing => {
            scope.problem(unknown_function(scope, name));
            return Expr::error(at);
        }
    };
    if !matches!(export.kind, DeclaredKind::Map | DeclaredKind::Convert | DeclaredKind::Function) {
        let message = format!("`{}` is {}, so it cannot be called", name.text, a(export.kind.noun()));
        scope.error(Code::WrongCall, &name.at, message);
        return Expr::error(at);
    }
    let Some(signature) = scope.world.signature(&export.key) else { return Expr::error(at) };
    let signature = signature.clone();
    if let (SignatureKind::Function(function @ (Builtin::system_of | Builtin::display)), [argument]) =
        (signature.kind, arguments)
    {
        return builtin::of_code(scope, function, &argument.value, at);
    }
    if let (SignatureKind::Function(Builtin::resolve), [argument]) = (signature.kind, arguments) {
        return builtin::resolved(scope, &argument.value, at);
    }
    if signature.kind == SignatureKind::Function(Builtin::pseudonym) {
        let Some(arguments) = builtin::with_key(scope, arguments) else { return Expr::error(at) };
        return apply(scope, &signature, &arguments, name, at);
    }
    apply(scope, &signature, arguments, name, at)
}

/// The call of a function of the library with one value, which is lifted.
pub(super) fn named(scope: &mut Scope, name: &str, value: Expr, at: &At) -> Expr {
    let (true, Found::One(export)) = (!value.is_error(), scope.world.find(name)) else { return Expr::error(at) };
    let Some(signature) = scope.world.signature(&export.key) else { return Expr::error(at) };
    let (result, function) = (signature.result.clone(), export.key);
    scope.uses.push(function.clone());
    convert::each(scope, value, |item| Expr::new(Kind::Call { function, arguments: vec![item] }, result, at))
}

/// The call with its arguments as its parameters take them, lifted over the first.
fn apply(scope: &mut Scope, signature: &Signature, arguments: &[Argument], name: &Word, at: &At) -> Expr {
    let Some(matched) = arguments_of(scope, signature, arguments, name) else {
        // What is given is in use all the same, though nobody knows for what.
        let before = scope.problems.len();
        arguments.iter().for_each(|argument| _ = infer(scope, &argument.value));
        scope.problems.truncate(before);
        return Expr::error(at);
    };
    let mark = scope.mark();
    let mut values = Vec::new();
    let mut lifted = None;
    let mut failed = false;
    for (index, (param, argument)) in signature.params.iter().zip(matched).enumerate() {
        let value = match argument.as_slice() {
            [argument] => passed(scope, signature, param, argument, index == 0),
            [first, ..] => {
                let at = first.at.clone();
                let items: Vec<_> =
                    argument.iter().map(|argument| passed(scope, signature, param, argument, index == 0)).collect();
                gathered(items, &at)
            }
            [] if param.ty.may_be_missing() => Expr::new(Kind::Absent, Ty::NOTHING, at),
            [] => {
                let message = format!("`{}` needs `{}`", name.text, param.name);
                let help = format!("it takes {}", shown_params(signature));
                scope.problem(Diagnostic::new(Code::WrongCall, at.clone(), message).help(help));
                failed = true;
                continue;
            }
        };
        failed |= value.is_error();
        if lifted.is_some() && matches!(signature.kind, SignatureKind::Map | SignatureKind::Convert) {
            beside::told(scope, param, &value);
        }
        if index == 0 && lifts(&param.ty, &value.ty) && !value.is_nothing() {
            let item_ty = value.ty.with(Count::One);
            let item = scope.slot(item_ty.clone());
            beside::go_over(scope, item, &value);
            values.push(Expr::slot(item, item_ty, &value.at));
            lifted = Some((value, item));
        } else {
            values.push(value);
        }
    }
    scope.release(mark);
    if failed {
        return Expr::error(at);
    }
    let mut result = signature.result.clone();
    let kind = match signature.kind {
        SignatureKind::Function(function) => {
            builtin::held(scope, function, &values);
            result = builtin::result(&result, &values);
            Kind::Builtin { function, arguments: values }
        }
        SignatureKind::Map | SignatureKind::Convert => {
            scope.uses.push(signature.key.clone());
            Kind::Call { function: signature.key.clone(), arguments: values }
        }
    };
    let body = Expr::new(kind, result, at);
    match lifted {
        Some((list, item)) => {
            let ty = body.ty.with(list.ty.count.times(body.ty.count));
            Expr::new(Kind::Each { list, item, filter: None, body }, ty, at)
        }
        None => body,
    }
}

/// Several arguments of one parameter, as its list.
fn gathered(items: Vec<Expr>, at: &At) -> Expr {
    if items.iter().any(Expr::is_error) {
        return Expr::error(at);
    }
    let sure = items.iter().any(|item| !item.ty.may_be_missing() && !item.is_nothing());
    let kind = items.iter().find(|item| !item.is_nothing()).map_or(TyKind::Nothing, |item| item.ty.kind.clone());
    Expr::new(Kind::List(items), Ty { kind, count: if sure { Count::Some } else { Count::Any } }, at)
}

/// A first parameter that takes one value is given each of a list, or an optional if it is there.
fn lifts(param: &Ty, given: &Ty) -> bool {
    match param.count {
        Count::One => given.is_list() || given.may_be_missing(),
        Count::Optional => given.is_list(),
        Count::Any | Count::Some => false,
    }
}

/// The arguments of each parameter: one, or several where the last takes a list.
type Matched<'a> = Vec<Vec<&'a tree::Expr>>;

/// Which argument belongs to which parameter. A last `T*` takes all that are left: `join(" ", a, b, c)`.
fn arguments_of<'a>(
    scope: &mut Scope,
    signature: &Signature,
    arguments: &'a [Argument],
    name: &Word,
) -> Option<Matched<'a>> {
    let mut matched: Matched = vec![Vec::new(); signature.params.len()];
    let gathers = signature.params.last().is_some_and(|param| param.ty.is_list());
    let last = signature.params.len().saturating_sub(1);
    let mut next = 0;
    let mut sound = true;
    for argument in arguments {
        let index = match &argument.name {
            Some(named) => signature.params.iter().position(|param| param.name == named.text),
            None if gathers => Some(next.min(last)),
            None => Some(next),
        };
        if argument.name.is_none() {
            next += 1;
        }
        let several = gathers && index == Some(last) && argument.name.is_none();
        match index.and_then(|index| matched.get_mut(index)) {
            Some(place) if place.is_empty() || several => place.push(&argument.value),
            Some(_) => {
                scope.error(Code::WrongCall, &argument.value.at, "this parameter has a value already");
                sound = false;
            }
            None => {
                let (at, what) = match &argument.name {
                    Some(named) => (&named.at, format!("`{}` has no parameter `{}`", name.text, named.text)),
                    None => (&argument.value.at, format!("`{}` takes no more values", name.text)),
                };
                let help = format!("it takes {}", shown_params(signature));
                scope.problem(Diagnostic::new(Code::WrongCall, at.clone(), what).help(help));
                sound = false;
            }
        }
    }
    sound.then_some(matched)
}

fn shown_params(signature: &Signature) -> String {
    let shown: Vec<_> = signature
        .params
        .iter()
        .map(|param| match param.named {
            true => format!("{}: {}", param.name, types::show(&param.ty)),
            false => types::show(&param.ty),
        })
        .collect();
    format!("`({})`", shown.join(", "))
}

/// An argument as its parameter takes it; the first may still be lifted.
fn passed(
    scope: &mut Scope,
    signature: &Signature,
    param: &SignatureParam,
    argument: &tree::Expr,
    first: bool,
) -> Expr {
    let at = &argument.at;
    match &param.ty.kind {
        // What is wrong with the parameter is said where it stands.
        TyKind::Error => {
            infer(scope, argument);
            Expr::error(at)
        }
        TyKind::Fhir(key) if key == "any" => {
            let value = infer(scope, argument);
            if super::operator::has_elements(scope, &value.ty) {
                return builtin::with_elements(scope, signature.kind, value, at);
            }
            value
        }
        TyKind::Fhir(_) | TyKind::Choice(_) | TyKind::Reference(_) => {
            let want = Want { list: first || param.ty.is_list(), ..Want::ty(&param.ty, &param.name) };
            let value = expression::value(scope, argument, &want);
            let value = raw_text(value, param);
            held(scope, param, value, first, at)
        }
        _ => {
            let value = infer(scope, argument);
            if built::is_built(&value.ty.kind) {
                let diagnostic = lost::read_again(scope, &value, types::short_key(&signature.key), at);
                scope.problem(diagnostic);
                return Expr::error(at);
            }
            if !value.is_error() && !value.is_nothing() && !same_source(&param.ty.kind, &value.ty.kind) {
                let (wanted, given) = (types::show_kind(&param.ty.kind), types::show_kind(&value.ty.kind));
                let message = format!("`{}` takes {}, and this is {}", param.name, a(&wanted), a(&given));
                scope.error(Code::WrongType, at, message);
                return Expr::error(at);
            }
            held(scope, param, value, first, at)
        }
    }
}

/// A function that works on text sees a date of HL7 as it was written.
fn raw_text(mut value: Expr, param: &SignatureParam) -> Expr {
    if let (Kind::Convert { to, .. }, TyKind::Fhir(key)) = (&mut *value.kind, &param.ty.kind)
        && key == "string"
    {
        *to = Primitive::String;
    }
    value
}

/// How many values an argument may be.
fn held(scope: &mut Scope, param: &SignatureParam, value: Expr, first: bool, at: &At) -> Expr {
    if first || value.is_error() {
        return value;
    }
    if value.ty.is_list() && !param.ty.is_list() {
        let message = format!("`{}` takes one value, and this may give several", param.name);
        let mut help = "write `first …` or `only …` before it".to_owned();
        if matches!(param.ty.kind, TyKind::Segment(..) | TyKind::Group(..) | TyKind::Hl7(..)) {
            help += &format!(", or let the map take several: `{}*`", types::show_kind(&param.ty.kind));
        }
        let help = beside::help(scope, &value).unwrap_or(help);
        scope.problem(Diagnostic::new(Code::ManyForOne, at.clone(), message).help(help));
        return Expr::error(at);
    }
    let required = !param.ty.may_be_missing();
    if required && (value.ty.may_be_missing() || value.is_nothing()) {
        let message = format!("`{}` needs a value, but {}", param.name, super::missing::why(scope, &value));
        let is_place = matches!(&*value.kind, Kind::Path { .. } | Kind::Slot(_) | Kind::Pick { .. });
        let source = beside::source(scope, &value).filter(|_| is_place);
        let mut help = match source.and_then(|source| source.name(scope)) {
            Some(name) => {
                format!("add `else …`, or make `{name}` present before it: `require {name} else reject \"…\"`")
            }
            None => "add `else …`, or make it present with `require`".to_owned(),
        };
        if matches!(param.ty.kind, TyKind::Segment(..) | TyKind::Group(..) | TyKind::Hl7(..)) {
            help = format!(
                "let the map do without: `{}?`; or make it present with `require`",
                types::show_kind(&param.ty.kind)
            );
        }
        let help = beside::help(scope, &value).unwrap_or(help);
        scope.problem(Diagnostic::new(Code::MayBeMissing, at.clone(), message).help(help));
        return Expr::error(at);
    }
    value
}

/// The same segment, group, message or data type, in whatever version.
fn same_source(wanted: &TyKind, given: &TyKind) -> bool {
    match (wanted, given) {
        (TyKind::Segment(_, a), TyKind::Segment(_, b)) => a == b,
        (TyKind::Group(_, a), TyKind::Group(_, b)) => a == b || last(a) == last(b),
        (TyKind::Structure(_, a), TyKind::Structure(_, b)) => a == b,
        (TyKind::Hl7(_, a), TyKind::Hl7(_, b)) => a == b || is_like(a, b) || b == "varies",
        (TyKind::Duration, TyKind::Duration) | (TyKind::Coded, TyKind::Coded) => true,
        _ => false,
    }
}

fn last(key: &SmolStr) -> &str {
    key.rsplit('.').next().unwrap_or(key)
}

/// Types of older versions that read as those of newer ones, and texts of any kind.
fn is_like(wanted: &str, given: &str) -> bool {
    match wanted {
        "CWE" => matches!(given, "CE" | "CNE" | "CF" | "IS"),
        "DTM" => matches!(given, "TS" | "DT"),
        "ST" => matches!(given, "ID" | "IS" | "TX" | "FT" | "NM" | "SI" | "DT" | "TM" | "DTM"),
        _ => false,
    }
}

// ---- emit -----------------------------------------------------------------------------------------------

/// `emit m(…)`, `emit Provenance { … }`: the resource goes to the Bundle, what stays is a reference.
pub(super) fn emit(scope: &mut Scope, inner: &tree::Expr, at: &At) -> Expr {
    resource(scope, inner, at, &|resource| Kind::Emit { resource, sent: Sent::Whole })
}

pub(super) fn contain(scope: &mut Scope, inner: &tree::Expr, at: &At) -> Expr {
    resource(scope, inner, at, &|resource| Kind::Contain(resource))
}

fn resource(scope: &mut Scope, inner: &tree::Expr, at: &At, make: &dyn Fn(Expr) -> Kind) -> Expr {
    // `emit each X => m(.)` and `emit (A else B)` emit what comes of them.
    let value = infer(scope, inner);
    made(scope, value, at, make)
}

/// What a value that is a resource comes to, be it one or each of several.
pub(super) fn made(scope: &mut Scope, value: Expr, at: &At, make: &dyn Fn(Expr) -> Kind) -> Expr {
    if value.is_error() || value.is_nothing() {
        return value;
    }
    let Some(name) = resource_name(scope, &value.ty.kind) else {
        let message = format!("{} is no resource, so it cannot be emitted", a(&types::show_kind(&value.ty.kind)));
        scope.error(Code::WrongType, at, message);
        return Expr::error(at);
    };
    pushed(value, &name, make, at)
}

/// Into the body of an `each`, so that each item is emitted by itself.
pub(super) fn pushed(value: Expr, name: &SmolStr, make: &dyn Fn(Expr) -> Kind, at: &At) -> Expr {
    let count = value.ty.count;
    let ty = Ty { kind: TyKind::Reference(vec![name.clone()]), count };
    match *value.kind {
        Kind::Each { list, item, filter, body } => {
            let body = pushed(body, name, make, at);
            Expr::new(Kind::Each { list, item, filter, body }, ty, &value.at)
        }
        Kind::With { base, fields } if matches!(&*base.kind, Kind::Each { .. }) => match *base.kind {
            Kind::Each { list, item, filter, body } => {
                let ty_one = body.ty.clone();
                let body = Expr::new(Kind::With { base: body, fields }, ty_one, &value.at);
                let body = pushed(body, name, make, at);
                Expr::new(Kind::Each { list, item, filter, body }, ty, &value.at)
            }
            other => {
                let base = Expr { kind: Box::new(other), ty: value.ty.clone(), at: value.at.clone() };
                let resource = Expr::new(Kind::With { base, fields }, value.ty.clone(), &value.at);
                Expr::new(make(resource), ty, at)
            }
        },
        kind => {
            let resource = Expr { kind: Box::new(kind), ty: value.ty, at: value.at };
            Expr::new(make(resource), ty, at)
        }
    }
}

/// The resource type behind a type, without its profile.
pub(super) fn resource_name(scope: &Scope, kind: &TyKind) -> Option<SmolStr> {
    let TyKind::Fhir(key) = kind else { return None };
    let shape = scope.world.standards().fhir.shape(key)?;
    (shape.kind == shape::Kind::Resource).then(|| types::base(&shape).clone())
}

pub(super) fn unknown_function(scope: &Scope, name: &Word) -> Diagnostic {
    let diagnostic =
        Diagnostic::new(Code::UnknownName, name.at.clone(), format!("there is no map or function `{}`", name.text));
    let known: Vec<SmolStr> = scope.world.names().known().cloned().collect();
    match super::suggest::nearest(&name.text, known.iter().map(SmolStr::as_str)) {
        Some(near) => diagnostic.help(format!("did you mean `{near}`?")).fix(name.at.clone(), near),
        None => diagnostic.help("a map of another file is brought in with `use`"),
    }
}
