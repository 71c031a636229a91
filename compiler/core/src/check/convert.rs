//! What happens where a value meets an element: the table "from, to, what happens" of the language.

use super::scope::Scope;
use super::typed::{Expr, Key, Kind, Primitive, Sent, Ty, TyKind};
use super::types::{self, show_kind};
use super::{beside, binding, built};
use crate::diagnostic::{Code, Diagnostic, a};
use crate::resolve::DeclaredKind;
use crate::standard::shape::{self, Binding, Element};
use crate::syntax::tree::Count;
use smol_str::SmolStr;

/// What an element, a parameter or a result takes.
#[derive(Clone, Debug)]
pub(super) struct Want {
    pub types: Vec<shape::Type>,
    pub list: bool,
    /// One of several types, each written under its own name.
    pub choice: bool,
    /// The element must be there: a block of constants alone is written in it.
    pub required: bool,
    pub binding: Option<Binding>,
    /// Of a place of HL7 v2: the part around it, and its number.
    pub place: Option<(SmolStr, SmolStr)>,
    /// How a diagnostic calls it: `Observation.status`.
    pub label: String,
}

/// A reference that leads to more types is shown without them.
const TARGETS_SHOWN: usize = 3;

impl Want {
    pub fn element(owner: &str, element: &Element) -> Self {
        Self {
            types: element.types.clone(),
            list: element.repeats(),
            choice: element.choice,
            required: element.min > 0,
            binding: element.binding.clone(),
            place: crate::standard::built::name(owner).map(|_| (owner.into(), element.name.clone())),
            label: crate::standard::built::place(owner, &element.name),
        }
    }

    /// What a parameter or a result of a FHIR type takes.
    pub fn ty(ty: &Ty, label: &str) -> Self {
        let plain = |name: &SmolStr| shape::Type { name: name.clone(), shape: name.clone(), targets: Vec::new() };
        let types = match &ty.kind {
            TyKind::Fhir(key) => vec![plain(key)],
            TyKind::Choice(names) => names.iter().map(plain).collect(),
            TyKind::Reference(targets) => {
                let name = SmolStr::from("Reference");
                vec![shape::Type { shape: name.clone(), name, targets: targets.clone() }]
            }
            _ => Vec::new(),
        };
        let choice = matches!(ty.kind, TyKind::Choice(_));
        Self { types, list: ty.is_list(), choice, required: false, binding: None, place: None, label: label.to_owned() }
    }

    /// The same for one item.
    pub fn item(&self) -> Self {
        Self { list: false, ..self.clone() }
    }

    pub fn takes(&self, scope: &Scope, name: &str) -> Option<&shape::Type> {
        self.types.iter().find(|ty| base_name(scope, ty) == name)
    }

    pub fn show(&self) -> String {
        let names: Vec<_> = self.types.iter().map(shown).collect();
        match names.len() {
            0..=4 => names.join(" or "),
            more => format!("one of {more} types"),
        }
    }
}

/// A type as one would name it: `Reference(Location)`; what only stands inside a resource has no name of its own.
fn shown(ty: &shape::Type) -> String {
    match (ty.name.as_str(), ty.targets.as_slice()) {
        ("BackboneElement" | "Element", _) => "a block".to_owned(),
        ("Reference", targets @ [_, ..]) if targets.len() <= TARGETS_SHOWN => {
            let targets: Vec<_> = targets.iter().map(|target| types::short(target)).collect();
            format!("`Reference({})`", targets.join(" | "))
        }
        (name, _) => format!("`{}`", types::short(name)),
    }
}

/// `HumanName` also for the HumanName that a profile narrows.
fn base_name(scope: &Scope, ty: &shape::Type) -> SmolStr {
    match ty.name.as_str() {
        "Reference" | "BackboneElement" | "Element" => ty.name.clone(),
        _ => base_key(scope, &ty.name),
    }
}

/// The type that a shape's key narrows: `Patient` for a profile of it.
pub(super) fn base_key(scope: &Scope, key: &SmolStr) -> SmolStr {
    match scope.world.standards().fhir.shape(key) {
        Some(shape) => types::base(&shape).clone(),
        None => key.clone(),
    }
}

/// The value as the element takes it, item by item; an error if that cannot be.
pub(super) fn to(scope: &mut Scope, value: Expr, want: &Want) -> Expr {
    if value.is_error() || value.is_nothing() || want.types.is_empty() {
        return value;
    }
    let is_several = value.ty.is_list() && !want.list;
    let varies = matches!(&value.ty.kind, TyKind::Hl7(_, name) if name == "varies");
    // A type that does not fit is said first: it fits no better when one is chosen.
    let how = if is_several && varies { None } else { Some(how(scope, &value, want)) };
    if is_several && !matches!(how, Some(None)) {
        let diagnostic = many_for_one(scope, &value, &want.label);
        scope.problem(diagnostic);
        return Expr::error(&value.at);
    }
    let Some(how) = how.flatten() else { return Expr::error(&value.at) };
    if let (TyKind::Hl7(..), How::Primitive(Primitive::Code, _) | How::Call(..)) = (&value.ty.kind, &how) {
        binding::untranslated(scope, &value, want);
    }
    apply(scope, value, how)
}

/// How one item becomes what is wanted.
pub(super) enum How {
    Same,
    /// As it stands in the message.
    Copy(SmolStr),
    /// A whole message, without a change.
    Whole(SmolStr),
    /// A constant or a value of the right kind, under another name.
    As(SmolStr),
    Primitive(Primitive, SmolStr),
    Call(Key, Ty),
    Coded(SmolStr),
    Emitted(Key, Ty, SmolStr),
}

fn apply(scope: &mut Scope, value: Expr, how: How) -> Expr {
    let needs_item = value.ty.is_list() || value.ty.may_be_missing();
    match how {
        How::Same => value,
        How::Copy(name) => {
            let (count, at) = (value.ty.count, value.at.clone());
            Expr::new(Kind::Copy { value, null: true }, Ty { kind: TyKind::Fhir(name), count }, &at)
        }
        How::Whole(name) => whole(value, name),
        How::As(name) => retyped(value, &name),
        How::Coded(name) if !value.ty.is_list() => coded(value, &name),
        How::Coded(name) => each(scope, value, |item| coded(item, &name)),
        How::Primitive(to, name) if !value.ty.is_list() => primitive(value, to, &name),
        How::Primitive(to, name) => each(scope, value, |item| primitive(item, to, &name)),
        How::Call(function, result) => {
            scope.uses.push(function.clone());
            let call = |item: Expr| call(item, &function, &result);
            if needs_item { each(scope, value, call) } else { call(value) }
        }
        How::Emitted(function, result, target) => {
            scope.uses.push(function.clone());
            let emit = |item: Expr| {
                let at = item.at.clone();
                let resource = call(item, &function, &result);
                let ty = Ty { kind: TyKind::Reference(vec![target.clone()]), count: result.count };
                Expr::new(Kind::Emit { resource, sent: Sent::IfNew }, ty, &at)
            };
            if needs_item { each(scope, value, emit) } else { emit(value) }
        }
    }
}

/// A message as it came, or with its changes.
fn whole(value: Expr, name: SmolStr) -> Expr {
    let (ty, at) = (Ty { kind: TyKind::Fhir(name), count: value.ty.count }, value.at.clone());
    match *value.kind {
        Kind::Slot(of) => {
            let edits = Expr::new(Kind::Edits(Vec::new()), Ty::NOTHING, &at);
            Expr::new(Kind::Edited { of, edits }, ty, &at)
        }
        kind => Expr::new(kind, ty, &at),
    }
}

fn coded(value: Expr, name: &SmolStr) -> Expr {
    let (count, at) = (value.ty.count, value.at.clone());
    Expr::new(Kind::Coded(value), Ty { kind: TyKind::Fhir(name.clone()), count }, &at)
}

fn primitive(value: Expr, to: Primitive, name: &SmolStr) -> Expr {
    let (count, at) = (value.ty.count, value.at.clone());
    Expr::new(Kind::Convert { value, to }, Ty { kind: TyKind::Fhir(name.clone()), count }, &at)
}

fn call(argument: Expr, function: &Key, result: &Ty) -> Expr {
    let at = argument.at.clone();
    Expr::new(Kind::Call { function: function.clone(), arguments: vec![argument] }, result.clone(), &at)
}

/// The body for each item of a list, or for an optional if it is there.
pub(super) fn each(scope: &mut Scope, list: Expr, body: impl FnOnce(Expr) -> Expr) -> Expr {
    let at = list.at.clone();
    let ty = list.ty.with(Count::One);
    let item = scope.slot(ty.clone());
    let body = body(Expr::slot(item, ty, &at));
    let ty = body.ty.with(list.ty.count.times(body.ty.count));
    Expr::new(Kind::Each { list, item, filter: None, body }, ty, &at)
}

/// Constants take the type that they are written as; lists of them too.
fn retyped(mut value: Expr, name: &SmolStr) -> Expr {
    value.ty.kind = TyKind::Fhir(name.clone());
    if let Kind::List(items) = &mut *value.kind {
        let retyped_items = std::mem::take(items).into_iter().map(|item| retyped(item, name)).collect();
        *items = retyped_items;
    }
    value
}

fn how(scope: &mut Scope, value: &Expr, want: &Want) -> Option<How> {
    if let Some(name) = built::wanted(want) {
        return into_hl7(scope, value, want, &name);
    }
    match &value.ty.kind {
        TyKind::Fhir(key) => from_fhir(scope, value, &key.clone(), want),
        TyKind::Coded => from_coded(scope, value, want),
        TyKind::Reference(targets) => from_reference(scope, value, &targets.clone(), want),
        TyKind::Hl7(_, name) => from_hl7(scope, value, &name.clone(), want),
        TyKind::Choice(types) => {
            let fits = types.iter().all(|name| want.takes(scope, name).is_some());
            if fits { Some(How::Same) } else { refuse(scope, value, want) }
        }
        TyKind::Error | TyKind::Nothing => None,
        TyKind::Structure(..) | TyKind::Group(..) | TyKind::Segment(..) | TyKind::Duration => {
            refuse(scope, value, want)
        }
    }
}

/// A part of a message: as it is, or by a `convert` of the two types.
fn into_hl7(scope: &mut Scope, value: &Expr, want: &Want, name: &SmolStr) -> Option<How> {
    if matches!(value.ty.kind, TyKind::Error | TyKind::Nothing) {
        return None;
    }
    if let Some(how) = built::how(scope, value, want, name) {
        return Some(how);
    }
    let from = match &value.ty.kind {
        TyKind::Hl7(_, own) => own.clone(),
        TyKind::Fhir(own) => base_key(scope, own),
        _ => return refuse(scope, value, want),
    };
    by_convert(scope, value, &from, want)?.or_else(|| refuse(scope, value, want))
}

/// FHIR primitives that are text of some form.
pub(super) fn primitive_named(name: &str) -> Option<Primitive> {
    Some(match name {
        "string" | "xhtml" => Primitive::String,
        "markdown" => Primitive::Markdown,
        "code" => Primitive::Code,
        "id" => Primitive::Id,
        "uri" | "url" | "canonical" | "oid" | "uuid" => Primitive::Uri,
        "boolean" => Primitive::Boolean,
        "decimal" => Primitive::Decimal,
        "integer" => Primitive::Integer,
        "positiveInt" => Primitive::PositiveInt,
        "unsignedInt" => Primitive::UnsignedInt,
        "date" => Primitive::Date,
        "dateTime" => Primitive::DateTime,
        "instant" => Primitive::Instant,
        "time" => Primitive::Time,
        "base64Binary" => Primitive::Base64,
        "moment" => Primitive::Moment,
        _ => return None,
    })
}

const TEXTUAL: [&str; 12] =
    ["string", "markdown", "code", "uri", "url", "canonical", "oid", "uuid", "id", "base64Binary", "date", "dateTime"];
const NUMERIC: [&str; 4] = ["decimal", "integer", "positiveInt", "unsignedInt"];

fn from_fhir(scope: &mut Scope, value: &Expr, key: &SmolStr, want: &Want) -> Option<How> {
    if key == "any" {
        return Some(How::Same);
    }
    let base = base_key(scope, key);
    if let Some(found) = want.takes(scope, &base).cloned() {
        if base == "Reference" {
            let targets = built_targets(scope, value);
            from_reference(scope, value, &targets, want)?;
        }
        binding::constant(scope, value, want);
        let same = found.name == *key || found.shape == *key;
        return Some(if same || !is_constant(value) { How::Same } else { How::As(base) });
    }
    // A shape below a backbone is its own type.
    if want.types.iter().any(|ty| ty.name == "Resource" || base_key(scope, &ty.shape) == base) {
        return Some(How::Same);
    }
    let constant = is_constant(value);
    let candidates: &[&str] = match base.as_str() {
        "string" | "markdown" | "code" | "uri" | "id" | "url" => &TEXTUAL,
        "integer" | "decimal" | "positiveInt" | "unsignedInt" => &NUMERIC,
        "dateTime" | "instant" | "date" => &["dateTime", "instant", "date", "string", "moment"],
        "time" => &["moment"],
        "moment" => &["dateTime", "date", "instant", "time", "string"],
        _ => &[],
    };
    let mut candidates: Vec<&str> = candidates.to_vec();
    if base == "string" && constant {
        candidates.extend(["instant", "time", "moment"]);
    }
    for name in candidates {
        let Some(found) = want.takes(scope, name) else { continue };
        let name = found.name.clone();
        binding::constant(scope, value, want);
        if constant {
            return binding::literal(scope, value, &name).then_some(How::As(name));
        }
        let to = primitive_named(&name)?;
        if base == "moment" {
            zone(scope, value, "DTM", to);
        }
        return Some(How::Primitive(to, name));
    }
    // A resource where a reference is wanted is emitted by the analyst's word only.
    if want.takes(scope, "Reference").is_some() && is_resource(scope, key) {
        let message = format!("`{}` takes a reference, and this is {}", want.label, a(types::short(key)));
        scope.problem(Diagnostic::new(Code::WrongType, value.at.clone(), message).help("write `emit` before it"));
        return None;
    }
    refuse(scope, value, want)
}

fn is_constant(value: &Expr) -> bool {
    match &*value.kind {
        Kind::Text(_) | Kind::Number(_) | Kind::Boolean(_) | Kind::Code { .. } => true,
        Kind::List(items) => items.iter().all(is_constant),
        _ => false,
    }
}

fn is_resource(scope: &Scope, key: &str) -> bool {
    scope.world.standards().fhir.shape(key).is_some_and(|shape| shape.kind == shape::Kind::Resource)
}

fn from_coded(scope: &mut Scope, value: &Expr, want: &Want) -> Option<How> {
    binding::coded(scope, value, want);
    for name in ["CodeableConcept", "Coding", "code", "string", "uri"] {
        let Some(found) = want.takes(scope, name) else { continue };
        let name = found.name.clone();
        return Some(if is_constant(value) { How::As(name) } else { How::Coded(name) });
    }
    refuse(scope, value, want)
}

fn from_reference(scope: &mut Scope, value: &Expr, targets: &[SmolStr], want: &Want) -> Option<How> {
    let Some(wanted) = want.takes(scope, "Reference").cloned() else { return refuse(scope, value, want) };
    let allows = |scope: &Scope, target: &SmolStr| {
        let base = base_key(scope, target);
        wanted.targets.is_empty() || wanted.targets.iter().any(|it| it == "Resource" || base_key(scope, it) == base)
    };
    let wrong: Vec<_> = targets.iter().filter(|target| !allows(scope, target)).cloned().collect();
    if let Some(wrong) = wrong.first() {
        let message = format!("`{}` cannot refer to {}", want.label, a(types::short(wrong)));
        let diagnostic = Diagnostic::new(Code::WrongTarget, value.at.clone(), message);
        let allowed: Vec<_> = wanted.targets.iter().map(|target| format!("`{}`", types::short(target))).collect();
        scope.problem(diagnostic.help(format!("it refers to {}", allowed.join(", "))));
        return None;
    }
    Some(How::Same)
}

/// What the maps that build a reference say it refers to.
fn built_targets(scope: &Scope, value: &Expr) -> Vec<SmolStr> {
    match &*value.kind {
        Kind::Call { function, .. } => scope.world.signature(function).map(|it| it.refers.clone()).unwrap_or_default(),
        _ => value.chosen().into_iter().flat_map(|one| built_targets(scope, one)).collect(),
    }
}

/// The types of older versions that read as those of newer ones, and what a primitive may stand in for.
fn aliases(name: &str) -> &'static [&'static str] {
    match name {
        "CE" | "CNE" | "CF" => &["CWE"],
        "TS" => &["DTM"],
        "IS" => &["ID", "ST"],
        "ID" | "TX" | "FT" => &["ST"],
        _ => &[],
    }
}

pub(super) fn is_hl7_primitive(scope: &Scope, name: &str) -> bool {
    let shape = scope.world.standards().datatype(super::ANY_VERSION, name);
    shape.is_none_or(|shape| shape.kind == shape::Kind::Hl7Primitive)
}

/// The FHIR primitives that an HL7 primitive reads as, the most natural first.
fn natural(name: &str) -> &'static [&'static str] {
    match name {
        "NM" => &["decimal", "integer", "positiveInt", "unsignedInt", "string"],
        "SI" => &["integer", "positiveInt", "unsignedInt", "decimal", "string"],
        "DT" | "DTM" | "TS" => &["dateTime", "date", "instant", "string", "moment"],
        "TM" => &["time", "string", "moment"],
        "ID" | "IS" => &["code", "string", "boolean", "uri", "url", "markdown", "id", "canonical", "oid"],
        _ => &["string", "markdown", "code", "uri", "url", "id", "canonical", "oid", "uuid", "base64Binary"],
    }
}

fn from_hl7(scope: &mut Scope, value: &Expr, name: &SmolStr, want: &Want) -> Option<How> {
    if name == "varies" {
        let message = "what this field holds varies";
        let diagnostic = Diagnostic::new(Code::WrongType, value.at.clone(), message);
        scope.problem(diagnostic.help("say how to read it, as in `OBX-5 as NM`, or choose by OBX-2 with `match`"));
        return None;
    }
    let simple = is_hl7_primitive(scope, name);
    // A number is a Quantity before it is a decimal; any other simple value is simple first.
    let converts_first = !simple || name == "NM";
    if converts_first && let Some(how) = by_convert(scope, value, name, want)? {
        return Some(how);
    }
    if simple || name == "TS" {
        for candidate in natural(name) {
            let Some(found) = want.takes(scope, candidate) else { continue };
            let found = found.name.clone();
            let to = primitive_named(candidate)?;
            zone(scope, value, name, to);
            return Some(How::Primitive(to, found));
        }
    }
    if !converts_first && let Some(how) = by_convert(scope, value, name, want)? {
        return Some(how);
    }
    refuse(scope, value, want)
}

/// A time without offset takes the declared zone; where none is declared it cannot become a FHIR time.
fn zone(scope: &mut Scope, value: &Expr, name: &str, to: Primitive) {
    let timed = matches!(name, "DTM" | "TS") && matches!(to, Primitive::DateTime | Primitive::Instant);
    if timed && !scope.world.has_zone() {
        let message = "a time without an offset needs a zone, and none is declared";
        let diagnostic = Diagnostic::new(Code::NoZone, value.at.clone(), message);
        scope.problem(diagnostic.help(
            "add `timezone = \"Europe/Zurich\"` to `[project]` in emr.toml, call with `--timezone`, or name the zone \
                 here: `in_zone(…, \"Europe/Zurich\")`",
        ));
    }
}

/// The nearest `convert` in scope. `None` if two are equally near, which is then reported.
#[expect(clippy::option_option, reason = "found, not found, and reported are three things")]
fn by_convert(scope: &mut Scope, value: &Expr, name: &SmolStr, want: &Want) -> Option<Option<How>> {
    for from in std::iter::once(name.as_str()).chain(aliases(name).iter().copied()) {
        let whole = nearest_converts(scope, from, &|result| gives_choice(scope, result, want));
        let one_type = ordered(want).into_iter().map(|ty| {
            let wanted = base_name(scope, ty);
            let found = nearest_converts(scope, from, &|result| gives(scope, result, &wanted, ty));
            (wanted, found)
        });
        let one_type: Vec<_> = one_type.collect();
        let nearest = one_type.iter().map(|(_, (distance, _))| *distance).min().unwrap_or(u8::MAX);
        let whole = (whole.0 <= nearest).then(|| (SmolStr::from("a choice"), whole));
        for (wanted, (_, mut found)) in whole.into_iter().chain(one_type) {
            found.dedup_by(|a, b| a.0 == b.0);
            match found.len() {
                0 => {}
                1 => {
                    let Some((key, result)) = found.pop() else { continue };
                    let target = match &result.kind {
                        TyKind::Fhir(key) if wanted == "Reference" => Some(base_key(scope, key)),
                        _ => None,
                    };
                    return Some(Some(match target {
                        Some(target) => How::Emitted(key, result, target),
                        None => How::Call(key, result),
                    }));
                }
                _ => {
                    let keys: Vec<_> = found.iter().map(|(key, _)| format!("`{key}`")).collect();
                    let message = format!("{} equally convert {name} to {wanted}", keys.join(" and "));
                    let diagnostic = Diagnostic::new(Code::Ambiguous, value.at.clone(), message);
                    scope.problem(
                        diagnostic
                            .help("keep one `convert` of the two, make the other a `map`, or call one by its name"),
                    );
                    return None;
                }
            }
        }
    }
    Some(None)
}

/// Types with elements before those without, each in the standard's order.
fn ordered(want: &Want) -> Vec<&shape::Type> {
    let (simple, complex): (Vec<_>, Vec<_>) = want.types.iter().partition(|ty| primitive_named(&ty.name).is_some());
    complex.into_iter().chain(simple).collect()
}

/// The conversions that stand nearest, and how far away.
fn nearest_converts(scope: &Scope, from: &str, gives: &dyn Fn(&Ty) -> bool) -> (u8, Vec<(Key, Ty)>) {
    let mut best = u8::MAX;
    let mut found = Vec::new();
    for (distance, export) in scope.world.names().all() {
        if export.kind != DeclaredKind::Convert || distance > best {
            continue;
        }
        let Some(signature) = scope.world.signature(&export.key) else { continue };
        let takes = match signature.params.first().map(|param| &param.ty.kind) {
            Some(TyKind::Hl7(_, name) | TyKind::Fhir(name)) => name == from,
            _ => false,
        };
        if !takes || signature.params.len() != 1 || !gives(&signature.result) {
            continue;
        }
        if distance < best {
            (best, found) = (distance, Vec::new());
        }
        found.push((export.key.clone(), signature.result.clone()));
    }
    (best, found)
}

/// Whether that is one of the types that the element takes, whichever of them: `convert … -> Observation.value`.
fn gives_choice(scope: &Scope, result: &Ty, want: &Want) -> bool {
    let TyKind::Choice(types) = &result.kind else { return false };
    want.choice && types.len() == want.types.len() && types.iter().all(|name| want.takes(scope, name).is_some())
}

fn gives(scope: &Scope, result: &Ty, wanted: &str, ty: &shape::Type) -> bool {
    let allowed = |name: &SmolStr| {
        ty.targets.is_empty() || ty.targets.iter().any(|it| it == "Resource" || base_key(scope, it) == *name)
    };
    match &result.kind {
        TyKind::Fhir(key) => {
            let base = base_key(scope, key);
            base == wanted || wanted == "Reference" && is_resource(scope, key) && allowed(&base)
        }
        TyKind::Reference(targets) => wanted == "Reference" && targets.iter().all(|it| allowed(&base_key(scope, it))),
        _ => false,
    }
}

pub(super) fn many_for_one(scope: &Scope, value: &Expr, label: &str) -> Diagnostic {
    let message = format!("`{label}` takes one value, and this may give several");
    let help = beside::help(scope, value).unwrap_or_else(|| match &value.ty.kind {
        TyKind::Hl7(_, name) if name == "varies" => {
            "what it holds varies too: write `only …` before it and `as ST` or the like behind it, or choose by OBX-2 with `match`".to_owned()
        }
        _ => "write `first …`, `last …` or `only …` before it".to_owned(),
    });
    Diagnostic::new(Code::ManyForOne, value.at.clone(), message).help(help)
}

fn refuse(scope: &mut Scope, value: &Expr, want: &Want) -> Option<How> {
    let from = show_kind(&value.ty.kind);
    if is_constant(value) || value.ty.kind == TyKind::Duration {
        let article = if from.starts_with(['a', 'e', 'i', 'o', 'u']) { "an" } else { "a" };
        let message = format!("`{}` takes {}, and this is {article} {from}", want.label, want.show());
        scope.problem(Diagnostic::new(Code::WrongType, value.at.clone(), message).help("write a value of that type"));
        return None;
    }
    let message = format!("`{}` takes {}, and there is no conversion from {from}", want.label, want.show());
    let diagnostic = Diagnostic::new(Code::NoConversion, value.at.clone(), message);
    if let Some(example) = in_braces(scope, want) {
        scope.problem(diagnostic.help(format!("write what is in it in braces, as in `{example}`")));
        return None;
    }
    if let [shape::Type { name, targets, .. }] = want.types.as_slice()
        && name == "Reference"
        && let Some(target) = targets.first()
    {
        let element = want.label.rsplit('.').next().unwrap_or_default();
        let target = types::short(target);
        let help =
            format!("emit what it refers to, `emit {target} {{ … }}`, or name it: `{element}: {{ display: … }}`");
        scope.problem(diagnostic.help(help));
        return None;
    }
    let help = match (existing(scope, &value.ty.kind), &value.ty.kind) {
        _ if want.takes(scope, "moment").is_some() => {
            "say how it is spelled, as in `parse(…, 'dd.MM.yyyy')`".to_owned()
        }
        (known, _) if !known.is_empty() => format!("{from} converts to {}", known.join(", ")),
        (_, TyKind::Hl7(..)) => format!("write a `convert` that takes {from}, or use a part of the value"),
        _ => {
            let element = want.label.rsplit('.').next().unwrap_or_default();
            format!("use a part of the value, or build it in braces, as in `{element}: {{ … }}`")
        }
    };
    scope.problem(diagnostic.help(help));
    None
}

/// `performer: { actor: … }`, of an element that is a block.
fn in_braces(scope: &Scope, want: &Want) -> Option<String> {
    let [ty] = want.types.as_slice() else { return None };
    let shape = scope.world.standards().fhir.shape(&ty.shape).filter(|_| shown(ty) == "a block")?;
    let own =
        || shape.elements.iter().filter(|it| !matches!(it.name.as_str(), "id" | "extension" | "modifierExtension"));
    let inner = own().find(|it| it.min > 0).or_else(|| own().next())?;
    let element = want.label.rsplit('.').next().unwrap_or_default();
    Some(format!("{element}: {{ {}: … }}", inner.name))
}

/// What a type converts to, for the help.
fn existing(scope: &Scope, kind: &TyKind) -> Vec<String> {
    let TyKind::Hl7(_, name) = kind else { return Vec::new() };
    let from: Vec<&str> = std::iter::once(name.as_str()).chain(aliases(name).iter().copied()).collect();
    let mut known: Vec<String> = Vec::new();
    for (_, export) in scope.world.names().all() {
        let Some(signature) = scope.world.signature(&export.key) else { continue };
        let first = signature.params.first().map(|param| &param.ty.kind);
        if export.kind == DeclaredKind::Convert
            && matches!(first, Some(TyKind::Hl7(_, name)) if from.contains(&name.as_str()))
        {
            known.push(format!("`{}`", types::show(&signature.result.with(Count::One))));
        }
    }
    if is_hl7_primitive(scope, name) {
        let natural = natural(name).iter().filter(|name| **name != "moment");
        known.extend(natural.map(|name| format!("`{name}`")));
    }
    known.sort();
    known.dedup();
    known
}

/// A value of the source as the text, number or time that a built-in or a comparison works on.
pub(super) fn scalar(scope: &mut Scope, value: Expr, to: Primitive, name: &str) -> Expr {
    let count = value.ty.count;
    let (kind, at) = (TyKind::Fhir(name.into()), value.at.clone());
    if value.ty.is_list() {
        return each(scope, value, |item| {
            let count = item.ty.count;
            Expr::new(Kind::Convert { value: item, to }, Ty { kind: kind.clone(), count }, &at)
        });
    }
    Expr::new(Kind::Convert { value, to }, Ty { kind, count }, &at)
}
