//! Source paths: what `PID-5.1`, `old.PID-3[1]`, `.7.1` or `NK1[.3.1 in contacts]` name, and of what type it is.

use super::beside::{self, Source};
use super::place;
use super::scope::{Local, Origin, Scope};
use super::suggest::nearest;
use super::typed::{Expr, Kind, Slot, Step, Ty, TyKind};
use super::{built, by_type, chosen, lookup, lost, types};
use crate::diagnostic::{Code, Diagnostic, a};
use crate::resolve::{DeclaredKind, Found};
use crate::standard::hl7::Version;
use crate::standard::shape::{self, Element, Shape};
use crate::syntax::tree::{At, Count, Part, PartKind, Path, Word};
use emr_message::receipt;
use smol_str::{SmolStr, format_smolstr};

/// A path as far as it has been followed.
#[derive(Clone)]
pub(super) struct Walk {
    pub root: Slot,
    pub steps: Vec<Step>,
    pub ty: Ty,
    /// Whose profile narrows it, and the group of it that the root is.
    pub origin: Option<Origin>,
    pub opener: Option<SmolStr>,
    /// Inside a field: the next number is a component.
    pub in_field: bool,
    /// Several places of one name in a group, of which `[after PV1]` or `[place 2]` must choose: their members.
    pub places: Vec<u32>,
}

impl Walk {
    pub fn new(root: Slot, ty: Ty) -> Self {
        let in_field = matches!(ty.kind, TyKind::Hl7(..));
        Self { root, steps: Vec::new(), ty, origin: None, opener: None, in_field, places: Vec::new() }
    }

    /// The path from the message on, as a profile spells it: `PATIENT_RESULT.PATIENT.PID-3`.
    pub fn in_message(&self) -> SmolStr {
        spell(self.origin.as_ref().map_or("", |origin| &origin.path), &self.steps)
    }
}

/// Steps as one writes them, below a group of that path.
pub(super) fn spell(prefix: &str, steps: &[Step]) -> SmolStr {
    let mut text = prefix.to_owned();
    for step in steps {
        match step {
            Step::Outer(levels) => {
                for _ in 0..*levels {
                    text.truncate(text.rfind('.').unwrap_or(0));
                }
            }
            Step::Member { name, .. } if text.is_empty() => text.push_str(name),
            Step::Member { name, .. } => text += &format!(".{name}"),
            Step::Field { number, .. } => text += &format!("-{number}"),
            Step::Component(number) => text += &format!(".{number}"),
            Step::Index(number) => text += &format!("[{number}]"),
            Step::Range(..) | Step::Filter { .. } => text += "[?]",
        }
    }
    text.into()
}

/// What is assumed of a path that a `require` or a condition names.
pub(super) fn fact(root: Slot, steps: &[Step]) -> SmolStr {
    format_smolstr!("{}:{}", root.0, spell("", steps))
}

/// The value of a path.
pub(super) fn path(scope: &mut Scope, path: &Path) -> Expr {
    match start(scope, path) {
        Start::Walk(walk) => finish(scope, *walk, &path.parts, path),
        Start::Value(value) => value,
    }
}

/// Follows parts below a value that is not a path itself: `(first PID-5).1`, `f(x).family`.
pub(super) fn below(scope: &mut Scope, value: Expr, parts: &[Part], at: &At) -> Expr {
    if parts.is_empty() || value.is_error() {
        return value;
    }
    match *value.kind {
        Kind::Path { root, steps } => {
            let walk = Walk { steps, ..Walk::new(root, value.ty) };
            let path = Path { root: None, parts: parts.to_vec(), at: at.clone() };
            finish(scope, walk, parts, &path)
        }
        Kind::List(items) if is_source(&value.ty) => chosen::below_list(scope, items, parts, at),
        // A bracket chooses of the whole list.
        kind if is_source(&value.ty) && value.ty.is_list() && parts.first().is_some_and(chosen::chooses) => {
            let list = Expr { kind: Box::new(kind), ..value };
            chosen::bound(scope, list, parts, at)
        }
        kind if is_source(&value.ty) => {
            let value = Expr { kind: Box::new(kind), ..value };
            // A value of the source that is no plain path gets a slot of its own, whose parts can be named.
            let item = scope.slot(value.ty.with(Count::One));
            let walk = Walk::new(item, value.ty.with(Count::One));
            let path = Path { root: None, parts: parts.to_vec(), at: at.clone() };
            let body = finish(scope, walk, parts, &path);
            let ty = body.ty.with(value.ty.count.times(body.ty.count));
            Expr::new(Kind::Each { list: value, item, filter: None, body }, ty, at)
        }
        kind => elements(scope, Expr { kind: Box::new(kind), ..value }, parts),
    }
}

fn is_source(ty: &Ty) -> bool {
    matches!(ty.kind, TyKind::Structure(..) | TyKind::Group(..) | TyKind::Segment(..) | TyKind::Hl7(..))
}

/// `.family` of a FHIR value.
fn elements(scope: &mut Scope, value: Expr, parts: &[Part]) -> Expr {
    if value.is_error() {
        return value;
    }
    parts.iter().fold(value, |value, part| if value.is_error() { value } else { element(scope, value, part) })
}

fn element(scope: &mut Scope, value: Expr, part: &Part) -> Expr {
    if built::is_built(&value.ty.kind) && part.kind != PartKind::Unfinished {
        let diagnostic = lost::read_again(scope, &value, "second", &part.at);
        scope.problem(diagnostic);
        return Expr::error(&part.at);
    }
    let name = match &part.kind {
        PartKind::Child(name) => name,
        PartKind::Unfinished => return Expr::error(&part.at),
        _ => return chosen::of_list(scope, value, part),
    };
    let Some(key) = shape_of(&value.ty.kind) else {
        let message = format!("`{}` has no elements", types::show_kind(&value.ty.kind));
        let diagnostic = Diagnostic::new(Code::UnknownElement, part.at.clone(), message);
        scope.problem(match value.ty.kind {
            TyKind::Choice(_) => diagnostic.help("say which of its types is meant: `(X as Quantity).value`"),
            _ => diagnostic,
        });
        return Expr::error(&part.at);
    };
    let Some(shape) = scope.world.standards().fhir.shape(&key) else { return Expr::error(&part.at) };
    let Some(element) = shape.element(name).cloned().or_else(|| primitive_part(scope, &shape, name)) else {
        scope.problem(unknown_element(&shape, name, &part.at));
        return Expr::error(&part.at);
    };
    let count = if element.repeats() { Count::Any } else { Count::Optional };
    let ty = Ty { kind: super::with::kind(&element), count: value.ty.count.times(count) };
    by_type::narrowed(scope, Expr::new(Kind::Element { of: value, name: name.clone() }, ty, &part.at))
}

/// The element of that name of a value that has it.
pub(super) fn child(scope: &mut Scope, value: Expr, name: &str, at: &At) -> Expr {
    element(scope, value, &Part { kind: PartKind::Child(name.into()), at: at.clone() })
}

/// The same, where the value may not have it.
pub(super) fn child_known(scope: &mut Scope, value: Expr, name: &str, at: &At) -> Option<Expr> {
    let shape = scope.world.standards().fhir.shape(&shape_of(&value.ty.kind)?)?;
    shape.element(name)?;
    Some(child(scope, value, name, at))
}

/// The shape whose elements a value of that type has.
fn shape_of(kind: &TyKind) -> Option<SmolStr> {
    match kind {
        TyKind::Fhir(key) => Some(key.clone()),
        TyKind::Reference(_) => Some("Reference".into()),
        _ => None,
    }
}

/// Every primitive may have an id and extensions (FHIR R4 Element).
pub(super) fn primitive_part(scope: &Scope, shape: &Shape, name: &str) -> Option<Element> {
    let is_primitive = shape.kind == shape::Kind::FhirPrimitive;
    scope.world.standards().fhir.shape("Element").filter(|_| is_primitive)?.element(name).cloned()
}

enum Start {
    Walk(Box<Walk>),
    Value(Expr),
}

/// What the first word of a path, or its leading dot, stands for.
fn start(scope: &mut Scope, path: &Path) -> Start {
    let Some(root) = &path.root else {
        return match scope.current() {
            Some(local) => from(local),
            None => {
                let diagnostic = Diagnostic::new(Code::UnknownName, path.at.clone(), "there is no current item here");
                scope.problem(diagnostic.help("a leading dot is the item of an `each`, a bracket or a conversion"));
                Start::Value(Expr::error(&path.at))
            }
        };
    };
    if let Some(local) = scope.local(&root.text) {
        return match &local.row {
            Some(row) => Start::Value(lookup::of_row(scope, row, &root.text, &path.parts, &path.at)),
            None => from(local),
        };
    }
    if let Some(walk) = place::segment_or_group(scope, root) {
        return Start::Walk(Box::new(walk));
    }
    Start::Value(declared(scope, root, path))
}

fn from(local: Local) -> Start {
    let walk = Walk::new(local.slot, local.ty);
    Start::Walk(Box::new(Walk { origin: local.origin, opener: local.opener, ..walk }))
}

/// `receipt.received` and the like.
fn receipt(scope: &mut Scope, path: &Path) -> Expr {
    let mut parts = path.parts.iter();
    let name = parts.next().and_then(|part| match &part.kind {
        PartKind::Child(name) => Some(name),
        _ => None,
    });
    let part = name.and_then(|name| receipt::Part::ALL.into_iter().find(|part| part.name() == name));
    let Some(part) = part.filter(|_| path.parts.len() == 1) else {
        let known = receipt::Part::ALL.map(|part| format!("`receipt.{}`", part.name())).join(", ");
        let diagnostic = Diagnostic::new(Code::UnknownPath, path.at.clone(), "a receipt has no such part");
        scope.problem(diagnostic.help(format!("what is known of a message is {known}")));
        return Expr::error(&path.at);
    };
    let ty = Ty::fhir(part.kind());
    let count = if part.is_sure() { Count::One } else { Count::Optional };
    Expr::new(Kind::Receipt(part), ty.with(count), &path.at)
}

/// A constant by its name, or nothing of the kind.
fn declared(scope: &mut Scope, root: &Word, path: &Path) -> Expr {
    let mut name = root.text.clone();
    let mut used = 0;
    let mut found = scope.world.find(&name);
    // `codes.lab` names a constant of another module.
    while let (Found::Nothing, Some(Part { kind: PartKind::Child(next), .. })) = (&found, path.parts.get(used)) {
        name = format_smolstr!("{name}.{next}");
        used += 1;
        found = scope.world.find(&name);
    }
    match found {
        Found::Nothing if root.text == "receipt" => receipt(scope, path),
        Found::One(export) if export.kind == DeclaredKind::Constant => {
            let value = match scope.world.constant(&export.key) {
                Some(Expr { kind, .. }) if matches!(**kind, Kind::Secret(_)) => {
                    let message = format!("`{name}` is a secret, which no map reads");
                    let diagnostic = Diagnostic::new(Code::WrongType, path.at.clone(), message);
                    scope.problem(diagnostic.help("make a pseudonym with it: `pseudonym(…, key)`"));
                    return Expr::error(&path.at);
                }
                Some(constant) => Expr { at: path.at.clone(), ..constant.clone() },
                None => Expr::error(&path.at),
            };
            let rest = path.parts.get(used..).unwrap_or_default();
            below(scope, value, rest, &path.at)
        }
        Found::One(export) if export.kind == DeclaredKind::Segment => {
            let message = format!("`{name}` is not among what this map takes");
            let diagnostic = Diagnostic::new(Code::UnknownName, root.at.clone(), message);
            let help =
                format!("take it as a parameter, or say in a profile where the sender has it: `{name} 0..1 after PID`");
            scope.problem(diagnostic.help(help));
            Expr::error(&path.at)
        }
        Found::One(export) => {
            let message = format!("`{name}` is {}, not a value", a(export.kind.noun()));
            let diagnostic = Diagnostic::new(Code::WrongType, path.at.clone(), message);
            let help = match export.kind {
                DeclaredKind::Codes => format!("translate a code with `… via {name}`"),
                DeclaredKind::Map | DeclaredKind::Convert => format!("call it: `{name}(…)`"),
                _ => "a value is a path, a constant, a `let` or a call".to_owned(),
            };
            scope.problem(diagnostic.help(help));
            Expr::error(&path.at)
        }
        Found::Several(exports) => {
            scope.problem(ambiguous(&root.text, &root.at, exports.iter().map(|it| it.key.as_str())));
            Expr::error(&path.at)
        }
        Found::Nothing => {
            scope.problem(place::unknown_name(scope, root, &path.parts));
            Expr::error(&path.at)
        }
    }
}

pub(super) fn ambiguous<'a>(name: &str, at: &At, keys: impl Iterator<Item = &'a str>) -> Diagnostic {
    let listed: Vec<_> = keys.map(|key| format!("`{key}`")).collect();
    Diagnostic::new(Code::Ambiguous, at.clone(), format!("`{name}` could be {}", listed.join(" or ")))
        .help("both are equally near: bring one of them in under another name, `use … as …`")
}

pub(super) fn finish(scope: &mut Scope, mut walk: Walk, parts: &[Part], path: &Path) -> Expr {
    for (index, part) in parts.iter().enumerate() {
        if walk.ty.kind == TyKind::Error {
            return Expr::error(&path.at);
        }
        if !is_source(&walk.ty) {
            let root = by_type::narrowed(scope, Expr::slot(walk.root, walk.ty, &path.at));
            return elements(scope, root, parts.get(index..).unwrap_or_default());
        }
        if !place::is_chosen(scope, &walk, Some(part), &path.at) || !follow(scope, &mut walk, part, path) {
            return Expr::error(&path.at);
        }
        if scope.is_known_present(&fact(walk.root, &walk.steps)) {
            walk.ty.count = walk.ty.count.surely();
        }
    }
    if !place::is_chosen(scope, &walk, None, &path.at) {
        return Expr::error(&path.at);
    }
    by_type::narrowed(scope, done(walk, &path.at))
}

/// The expression for a path that is followed to its end.
pub(super) fn done(walk: Walk, at: &At) -> Expr {
    if walk.steps.is_empty() {
        return Expr::slot(walk.root, walk.ty, at);
    }
    Expr::new(Kind::Path { root: walk.root, steps: walk.steps }, walk.ty, at)
}

/// One part further. False if that is not possible, which is then reported.
fn follow(scope: &mut Scope, walk: &mut Walk, part: &Part, path: &Path) -> bool {
    match &part.kind {
        PartKind::Child(name) => place::member(scope, walk, name, &part.at),
        PartKind::Field(number) if !walk.in_field => field(scope, walk, *number, part),
        PartKind::Component(number) if walk.in_field => component(scope, walk, *number, part),
        // `.7` of a segment that is the current item is its field 7.
        PartKind::Component(number) if is_item(walk, path) => field(scope, walk, *number, part),
        PartKind::Field(_) | PartKind::Component(_) => {
            scope.problem(misspelled(part, path));
            false
        }
        PartKind::Index(0) => {
            let diagnostic = Diagnostic::new(Code::WrongPathSpelling, part.at.clone(), "HL7 v2 counts from 1");
            scope.problem(diagnostic.help("the first one is `[1]`").fix(part.at.clone(), "[1]"));
            false
        }
        PartKind::Index(number) => {
            walk.steps.push(Step::Index(*number));
            walk.ty.count = if *number == 1 && walk.ty.count == Count::Some { Count::One } else { Count::Optional };
            true
        }
        PartKind::Range(from, to) => {
            walk.steps.push(Step::Range(*from, *to));
            walk.ty.count = Count::Any;
            true
        }
        PartKind::Place(_) | PartKind::After(_) => place::which(scope, walk, part),
        PartKind::Filter(condition) => {
            let ty = walk.ty.with(Count::One);
            let slot = scope.slot(ty.clone());
            let source = beside::below(scope, walk.root, &walk.steps).map(Source::item);
            let local = Local { current: true, source, is_item: true, ..Local::unnamed(slot, ty) };
            let condition = beside::bracket(scope, Local { opener: walk.opener.clone(), ..local }, condition);
            walk.steps.push(Step::Filter { item: slot, condition });
            walk.ty.count = walk.ty.count.maybe();
            true
        }
        PartKind::Slice(name) => {
            // `[x]` of a source is a number in a constant, or a slip.
            let message = format!("`[{name}]` chooses nothing in a message");
            let diagnostic = Diagnostic::new(Code::UnknownPath, part.at.clone(), message);
            scope.problem(diagnostic.help("choose by number, `[2]`, or by a condition, `[.5 == \"MR\"]`"));
            false
        }
        PartKind::Url(_) => {
            scope.error(Code::UnknownPath, &part.at, "only FHIR elements have extensions");
            false
        }
        PartKind::Unfinished => false,
    }
}

fn is_item(walk: &Walk, path: &Path) -> bool {
    let first = walk.steps.iter().all(|step| matches!(step, Step::Filter { .. } | Step::Index(_) | Step::Range(..)));
    let segment = matches!(walk.ty.kind, TyKind::Segment(..)) || walk.opener.is_some();
    // `PID.5` is another tool's spelling, `.5` and `id.5` are ours.
    let ours = path.root.as_ref().is_none_or(|root| !types::is_hl7_name(&root.text));
    first && segment && ours
}

fn field(scope: &mut Scope, walk: &mut Walk, number: u32, part: &Part) -> bool {
    if let (TyKind::Group(version, _) | TyKind::Structure(version, _), Some(opener)) = (&walk.ty.kind, &walk.opener) {
        let (version, opener) = (*version, opener.clone());
        if !place::member(scope, walk, &opener, &part.at) {
            return false;
        }
        walk.ty.kind = TyKind::Segment(version, opener);
    }
    let TyKind::Segment(version, name) = walk.ty.kind.clone() else {
        let message = format!("`{}` is no segment, so it has no fields", types::show_kind(&walk.ty.kind));
        scope.error(Code::UnknownPath, &part.at, message);
        return false;
    };
    let Some(shape) = scope.world.standards().segment(version, &name) else { return false };
    let element = shape.element(&number.to_string());
    let mut repeats = element.is_some_and(Element::repeats);
    let Ok(field) = u16::try_from(number) else { return false };
    walk.steps.push(Step::Field { number: field, repeats });
    walk.in_field = true;
    if element.is_none() {
        // A profile may name a field of a later version, and says how often it is there.
        if narrowed(scope, walk).is_none_or(|line| line.ty.is_none()) {
            scope.problem(unknown_field(&shape, &name, number, version, &part.at));
            return false;
        }
        repeats = true;
    }
    let ty = element.and_then(|element| element.types.first());
    let mut kind = TyKind::Hl7(version, ty.map_or_else(|| "ST".into(), |ty| ty.name.clone()));
    // What a site declares for itself holds as it is written.
    let mut present = element.is_some_and(|element| element.min > 0) && scope.world.standards().is_declared(&name);
    if let Some(line) = narrowed(scope, walk) {
        if line.max == Some(0) {
            scope.problem(never_sent(&format!("{name}-{number}"), &part.at));
            return false;
        }
        repeats = line.max.map_or(repeats, |max| max > 1);
        if let Some(Step::Field { repeats: several, .. }) = walk.steps.last_mut() {
            *several = repeats;
        }
        present |= line.min > 0;
        if let Some(ty) = &line.ty {
            kind = TyKind::Hl7(version, ty.clone());
        }
    }
    let mut count = if repeats { Count::Any } else { Count::Optional };
    if present {
        count = count.surely();
    }
    // MSH-1 and MSH-2 say how to read the message; without them there is none.
    if name == "MSH" && number <= 2 {
        count = Count::One;
    }
    walk.ty = Ty { kind, count: walk.ty.count.times(count) };
    true
}

/// What a profile says of this place.
fn narrowed<'w>(scope: &Scope<'w>, walk: &Walk) -> Option<&'w super::Narrowed> {
    let facts = scope.world.profile(&walk.origin.as_ref()?.profile)?;
    facts.narrowed.get(&walk.in_message())
}

/// The place of a path: from the message on where that is known, else from the part that the map takes.
pub(super) fn named(scope: &Scope, value: &Expr) -> Option<SmolStr> {
    let (root, steps) = match &*value.kind {
        Kind::Path { root, steps } => (*root, places(steps)),
        Kind::Slot(slot) => (*slot, Vec::new()),
        _ => return None,
    };
    let local = scope.locals().find(|local| local.slot == root)?;
    let around: SmolStr = match (&local.origin, &local.ty.kind) {
        (Some(origin), _) => origin.path.clone(),
        (None, TyKind::Structure(..)) => SmolStr::default(),
        (None, TyKind::Group(_, key)) => key.rsplit('.').next().unwrap_or_default().into(),
        (None, TyKind::Segment(_, name)) => name.clone(),
        _ => return None,
    };
    Some(spell(&around, &steps))
}

/// The codes that a profile, or a segment of the project's own, allows at the place of a value; none where neither
/// says.
pub(super) fn allowed(scope: &Scope, value: &Expr) -> Vec<SmolStr> {
    match &*value.kind {
        Kind::Path { root, steps } => {
            let origin = scope.locals().find(|local| local.slot == *root).and_then(|local| local.origin.as_ref());
            let place = origin.map(|origin| (origin, spell(&origin.path, &places(steps))));
            let line = place.and_then(|(origin, place)| scope.world.profile(&origin.profile)?.narrowed.get(&place));
            match line.map(|line| &line.one_of).filter(|codes| !codes.is_empty()) {
                Some(codes) => codes.clone(),
                None => declared_codes(scope, *root, steps),
            }
        }
        Kind::Pick { list, .. } => allowed(scope, list),
        Kind::Convert { value, .. } => allowed(scope, value),
        _ => Vec::new(),
    }
}

/// The codes that a segment of the project's own lists for a field.
fn declared_codes(scope: &Scope, root: Slot, steps: &[Step]) -> Vec<SmolStr> {
    let standards = scope.world.standards();
    let Some((Step::Field { number, .. }, around)) =
        places(steps).split_last().map(|(last, it)| (last.clone(), it.to_vec()))
    else {
        return Vec::new();
    };
    let local = || scope.locals().find(|local| local.slot == root).map(|local| types::show_kind(&local.ty.kind).into());
    let segment: Option<SmolStr> = match around.last() {
        Some(Step::Member { name, .. }) => Some(name.clone()),
        _ => local(),
    };
    let shape =
        segment.filter(|name| standards.is_declared(name)).and_then(|name| standards.segment(Version::Union, &name));
    shape.and_then(|shape| Some(shape.element(&number.to_string())?.codes.clone())).unwrap_or_default()
}

/// The steps from place to place, without those that choose among what stands there.
pub(super) fn places(steps: &[Step]) -> Vec<Step> {
    let chooses = |step: &&Step| matches!(step, Step::Filter { .. } | Step::Index(_) | Step::Range(..));
    steps.iter().filter(|step| !chooses(step)).cloned().collect()
}

fn component(scope: &mut Scope, walk: &mut Walk, number: u32, part: &Part) -> bool {
    let TyKind::Hl7(version, name) = walk.ty.kind.clone() else { return false };
    if name == "varies" {
        let message = "what this field holds varies, so its components have no names";
        let diagnostic = Diagnostic::new(Code::WrongType, part.at.clone(), message);
        scope.problem(diagnostic.help("say how to read it first: `(OBX-5 as CWE).1`"));
        return false;
    }
    let Some(shape) = scope.world.standards().datatype(version, &name) else {
        scope.error(Code::UnknownPath, &part.at, format!("`{name}` has no components"));
        return false;
    };
    let element = shape.element(&number.to_string());
    let Ok(component) = u8::try_from(number) else { return false };
    walk.steps.push(Step::Component(component));
    let line = narrowed(scope, walk);
    let typed = line.and_then(|line| line.ty.clone());
    if element.is_none() && typed.is_none() {
        scope.problem(unknown_component(&shape, number, &part.at));
        return false;
    }
    if line.is_some_and(|line| line.max == Some(0)) {
        scope.problem(never_sent(&walk.in_message(), &part.at));
        return false;
    }
    let own = || element.and_then(|element| element.types.first()).map_or_else(|| "ST".into(), |ty| ty.name.clone());
    let name = typed.unwrap_or_else(own);
    let known = line.is_some_and(|line| line.min > 0);
    let count = walk.ty.count.times(if known { Count::One } else { Count::Optional });
    walk.ty = Ty { kind: TyKind::Hl7(version, name), count };
    true
}

// ---- what is said ---------------------------------------------------------------------------------

fn never_sent(place: &str, at: &At) -> Diagnostic {
    let message = format!("the profile says that this sender never sends `{place}`");
    Diagnostic::new(Code::UnknownPath, at.clone(), message).help("take this away, or the `0..0` there")
}

fn unknown_field(shape: &Shape, name: &str, number: u32, version: Version, at: &At) -> Diagnostic {
    let last = shape.elements.last().map(|element| element.name.clone()).unwrap_or_default();
    let within = if version == Version::Union { String::new() } else { format!(" of HL7 v{}", version.text()) };
    let message = format!("`{name}-{number}` is not a field of `{name}`{within}");
    Diagnostic::new(Code::UnknownPath, at.clone(), message).help(format!("its last field is `{name}-{last}`"))
}

fn unknown_component(shape: &Shape, number: u32, at: &At) -> Diagnostic {
    let name = &shape.key;
    let diagnostic = Diagnostic::new(Code::UnknownPath, at.clone(), format!("`{name}` has no component {number}"));
    match shape.elements.last() {
        Some(last) => diagnostic.help(format!("its last one is `.{}` (\"{}\")", last.name, last.title.to_lowercase())),
        None => diagnostic.help("it is a value without components"),
    }
}

/// `PID.5.1` and `PID-5-1` are spellings of other tools; each place has one here.
fn misspelled(part: &Part, path: &Path) -> Diagnostic {
    let mut spelled = path.root.as_ref().map(|root| root.text.to_string()).unwrap_or_default();
    let mut in_field = false;
    let mut repairable = true;
    for part in &path.parts {
        match &part.kind {
            PartKind::Field(number) | PartKind::Component(number) => {
                spelled += &format!("{}{number}", if in_field { "." } else { "-" });
                in_field = true;
            }
            PartKind::Index(number) => spelled += &format!("[{number}]"),
            PartKind::Child(name) => spelled += &format!(".{name}"),
            _ => repairable = false,
        }
    }
    let message = "the field stands behind a minus, components behind dots";
    let diagnostic = Diagnostic::new(Code::WrongPathSpelling, part.at.clone(), message);
    if repairable {
        diagnostic.help(format!("write `{spelled}`")).fix(path.at.clone(), spelled)
    } else {
        diagnostic.help("as in `PID-5.1`")
    }
}

/// An element that the shape does not have, and the one that is spelled like it.
pub(super) fn unknown_element(shape: &Shape, name: &str, at: &At) -> Diagnostic {
    match nearest(name, shape.elements.iter().map(|element| element.name.as_str())) {
        Some(near) => no_element(shape, name, at).help(format!("did you mean `{near}`?")).fix(at.clone(), near),
        None => listed(shape, name, at),
    }
}

/// An element that the shape does not have, and all that it has.
pub(super) fn listed(shape: &Shape, name: &str, at: &At) -> Diagnostic {
    let known: Vec<_> = shape.elements.iter().map(|element| element.name.as_str()).collect();
    no_element(shape, name, at).help(format!("it has `{}`", known.join("`, `")))
}

fn no_element(shape: &Shape, name: &str, at: &At) -> Diagnostic {
    let owner = types::short(&shape.key);
    Diagnostic::new(Code::UnknownElement, at.clone(), format!("`{owner}` has no element `{name}`"))
}
