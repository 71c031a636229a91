//! `profile` and `segment`: what a sender really sends, as narrowing of the standard's shapes.

use super::scope::Scope;
use super::signature::key;
use super::suggest::nearest;
use super::typed::Kind;
use super::{ANY_VERSION, World, expression, types};
use crate::diagnostic::{Code, Diagnostic};
use crate::standard::hl7::Version;
use crate::standard::shape::{Element, MANY, Shape, Type};
use crate::standard::{Standards, shape};
use crate::syntax::tree::{At, Count, PartKind, Path, Profile, ProfileLine, Segment, Side, Word};
use rustc_hash::{FxHashMap, FxHashSet};
use smol_str::{SmolStr, format_smolstr};
use std::sync::Arc;

/// What the maps that take a profile may rely on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ProfileFacts {
    pub key: SmolStr,
    pub version: Version,
    pub structure: SmolStr,
    /// Segments and groups that are there wherever what is around them is: `PID`, `PATIENT_RESULT.PATIENT`.
    pub present: FxHashSet<SmolStr>,
    /// Segments and groups that this sender never sends.
    pub forbidden: FxHashSet<SmolStr>,
    /// Fields and components by their whole path: `PID-3`, `PATIENT_RESULT.PATIENT.PID-5.1`.
    pub narrowed: FxHashMap<SmolStr, Narrowed>,
    /// The structure as the profile has it, and its groups, by keys of the profile's own.
    pub shapes: Vec<Arc<Shape>>,
    pub problems: Vec<Diagnostic>,
}

#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Narrowed {
    pub min: u32,
    /// Nothing for `*`.
    pub max: Option<u32>,
    pub one_of: Vec<SmolStr>,
    /// `OBX-29 0..1 as ID`
    pub ty: Option<SmolStr>,
}

/// The facts of a profile. `standards` knows the segments that the project declares, but no profile.
pub fn profile(profile: &Profile, module: &str, standards: &Standards, world: &dyn World) -> ProfileFacts {
    let version = version(profile, &mut Vec::new());
    let mut facts = ProfileFacts {
        key: key(module, &profile.name),
        version,
        structure: profile.of.first().map(|word| word.text.clone()).unwrap_or_default(),
        present: FxHashSet::default(),
        forbidden: FxHashSet::default(),
        narrowed: FxHashMap::default(),
        shapes: Vec::new(),
        problems: Vec::new(),
    };
    self::version(profile, &mut facts.problems);
    if let Some(second) = profile.of.get(1) {
        facts.problems.push(not_yet(&second.at, "a profile of several structures"));
    }
    if profile.closed {
        facts.problems.push(not_yet(&profile.name.at, "`closed`"));
    }
    let Some(of) = profile.of.first() else { return facts };
    let Some(base) = standards.hl7.structure(version, &of.text) else {
        facts.problems.push(unknown_structure(of, version, standards));
        return facts;
    };
    let mut shapes = own_copy(standards, version, &base, &facts.key);
    let placed = |line: &&ProfileLine| place_segment(&mut shapes, line, standards, version, &mut facts);
    let lines: Vec<_> = profile.lines.iter().filter(placed).collect();
    for line in lines {
        narrow(&mut shapes, line, standards, world, &mut facts);
    }
    facts.shapes = shapes.into_iter().map(Arc::new).collect();
    facts
}

fn version(profile: &Profile, problems: &mut Vec<Diagnostic>) -> Version {
    let Some(word) = &profile.version else { return ANY_VERSION };
    Version::parse(&word.text).unwrap_or_else(|| {
        let message = format!("there is no HL7 v{}", word.text);
        let diagnostic = Diagnostic::new(Code::UnknownVersion, word.at.clone(), message);
        problems.push(diagnostic.help("versions are 2.1 to 2.8.2, as in `version \"2.5.1\"`"));
        ANY_VERSION
    })
}

fn not_yet(at: &At, what: &str) -> Diagnostic {
    Diagnostic::new(Code::NotSupportedYet, at.clone(), format!("{what} is not supported yet"))
        .help("the language has it, this version does not carry it out")
}

fn unknown_structure(of: &Word, version: Version, standards: &Standards) -> Diagnostic {
    let message = format!("HL7 v2 has no message structure `{}`", of.text);
    let diagnostic = Diagnostic::new(Code::UnknownType, of.at.clone(), message);
    let known = standards.hl7.structures(version);
    match nearest(&of.text, known.into_iter()) {
        Some(near) => diagnostic.help(format!("did you mean `{near}`?")),
        None => diagnostic.help("as in `profile Admission of ADT_A01`"),
    }
}

/// The structure and all groups in it, under keys that begin with the profile's.
fn own_copy(standards: &Standards, version: Version, base: &Shape, key: &SmolStr) -> Vec<Shape> {
    let mut copied = Vec::new();
    let mut waiting = vec![(base.clone(), key.clone())];
    while let Some((mut shape, key)) = waiting.pop() {
        for element in &mut shape.elements {
            let Some(ty) = element.types.first_mut() else { continue };
            if let Some(group) = standards.hl7.group(version, &ty.shape) {
                let own = format_smolstr!("{key}.{}", element.name);
                ty.shape = own.clone();
                waiting.push((Shape::clone(&group), own));
            }
        }
        shape.base = std::mem::replace(&mut shape.key, key);
        copied.push(shape);
    }
    copied
}

/// `ZPI 0..1 after PID`, `SPECIMEN 0..1 before OBSERVATION`: puts a segment where the sender has it. False if that
/// cannot be, which is then reported.
fn place_segment(
    shapes: &mut [Shape],
    line: &ProfileLine,
    standards: &Standards,
    version: Version,
    facts: &mut ProfileFacts,
) -> bool {
    let Some((side, beside)) = &line.stands else { return true };
    let Some(name) = line.path.root.as_ref().filter(|_| line.path.parts.is_empty()) else {
        facts.problems.push(Diagnostic::new(
            Code::WrongProfile,
            line.at.clone(),
            "only segments and groups stand after others",
        ));
        return false;
    };
    let Some(shape) = holder(shapes, beside, facts).and_then(|index| shapes.get_mut(index)) else { return false };
    let own = shape.elements.iter().position(|element| element.name == name.text);
    let element = match own {
        Some(index) => shape.elements.remove(index),
        None if standards.segment(version, &name.text).is_some() => segment_element(&name.text),
        None => {
            let message = format!("there is no segment `{}`", name.text);
            let diagnostic = Diagnostic::new(Code::UnknownPath, name.at.clone(), message);
            facts.problems.push(diagnostic.help(format!("declare it: `segment {} {{ 1 ST? \"…\" }}`", name.text)));
            return false;
        }
    };
    let index = shape.elements.iter().position(|element| element.name == beside.text).unwrap_or(0);
    let index = if *side == Side::After { index + 1 } else { index };
    shape.elements.insert(index, element);
    true
}

/// The group in which a segment stands that others stand beside: the nearest, of several the one that requires it.
fn holder(shapes: &[Shape], beside: &Word, facts: &mut ProfileFacts) -> Option<usize> {
    let named = |shape: &Shape| shape.elements.iter().find(|element| element.name == beside.text).map(|it| it.min > 0);
    let depth = |shape: &Shape| shape.key.matches('.').count();
    let all = || shapes.iter().enumerate().filter_map(|(index, shape)| Some((index, depth(shape), named(shape)?)));
    let Some(nearest) = all().map(|(_, depth, _)| depth).min() else {
        let message = format!("the structure has no `{}`", beside.text);
        facts.problems.push(Diagnostic::new(Code::UnknownPath, beside.at.clone(), message));
        return None;
    };
    let near: Vec<_> = all().filter(|(_, depth, _)| *depth == nearest).collect();
    let requires: Vec<_> = near.iter().filter(|(_, _, required)| *required).collect();
    match (near.as_slice(), requires.as_slice()) {
        ([(only, ..)], _) | (_, [(only, ..)]) => Some(*only),
        _ => {
            let groups = near.iter().filter_map(|(index, ..)| shapes.get(*index));
            let groups: Vec<_> =
                groups.map(|shape| format!("`{}`", shape.key.rsplit('.').next().unwrap_or_default())).collect();
            let message = format!("`{}` stands in {}", beside.text, groups.join(" and "));
            let diagnostic = Diagnostic::new(Code::AmbiguousPlace, beside.at.clone(), message);
            facts.problems.push(diagnostic.help("name a segment that stands in one group alone"));
            None
        }
    }
}

fn segment_element(name: &SmolStr) -> Element {
    let types = vec![Type { name: name.clone(), shape: name.clone(), targets: Vec::new() }];
    Element { types, ..Element::new(name, 0, MANY) }
}

/// A place of the profile found in its shapes.
struct Found {
    /// Segments and groups on the way, each with whether the structure requires it.
    around: Vec<(SmolStr, bool)>,
    /// `-3`, `-3.1`; empty for a segment or group.
    below: String,
    /// The shape in which the path goes on.
    shape: usize,
    /// The last segment or group on the way: the shape in which it stands, and its place there.
    element: (usize, usize),
}

impl Found {
    fn path(&self) -> SmolStr {
        let names: Vec<_> = self.around.iter().map(|(name, _)| name.as_str()).collect();
        format_smolstr!("{}{}", names.join("."), self.below)
    }
}

fn narrow(
    shapes: &mut [Shape],
    line: &ProfileLine,
    standards: &Standards,
    world: &dyn World,
    facts: &mut ProfileFacts,
) {
    if let Some(bounds) = &line.length {
        facts.problems.push(not_yet(&bounds.at, "`length` in a profile"));
    }
    if let Some(pattern) = &line.matches {
        facts.problems.push(not_yet(&pattern.at, "`matches` in a profile"));
    }
    if let Some(range) = line.range.as_ref().filter(|range| range.max.is_some_and(|max| max < range.min)) {
        let message =
            format!("no place can be there at least {} times and at most {}", range.min, range.max.unwrap_or(0));
        let diagnostic = Diagnostic::new(Code::WrongProfile, range.at.clone(), message);
        facts.problems.push(diagnostic.help("the smaller number stands first, as in `1..5` or `1..*`"));
    }
    let Some(found) = find(shapes, &line.path, standards, facts, line.ty.is_some()) else { return };
    let min = line.range.as_ref().map_or(0, |range| range.min);
    if found.below.is_empty() {
        if min > 0 {
            facts.present.insert(found.path());
        }
        match line.range.as_ref().and_then(|range| range.max) {
            Some(0) => drop(facts.forbidden.insert(found.path())),
            Some(max) => {
                let (shape, place) = found.element;
                if let Some(element) = shapes.get_mut(shape).and_then(|shape| shape.elements.get_mut(place)) {
                    element.max = element.max.min(max);
                }
            }
            None => {}
        }
        return;
    }
    // A field that is required makes its segment present where the structure requires the segment.
    let names: Vec<SmolStr> = found.around.iter().map(|(name, _)| name.clone()).collect();
    if min > 0 && found.around.last().is_some_and(|(_, required)| *required) {
        facts.present.insert(names.join(".").into());
    }
    let mut scope = Scope::new(world);
    let one_of = line.one_of.iter().filter_map(|value| match *expression::infer(&mut scope, value).kind {
        Kind::Text(code) | Kind::Code { code, .. } | Kind::Number(code) => Some(code),
        _ => None,
    });
    let narrowed = Narrowed {
        min,
        max: line.range.as_ref().and_then(|range| range.max),
        one_of: one_of.collect(),
        ty: line.ty.as_ref().map(|ty| ty.name.text.clone()),
    };
    facts.problems.append(&mut scope.problems);
    facts.narrowed.insert(found.path(), narrowed);
}

/// Follows the path of a profile line through the profile's own shapes.
fn find(
    shapes: &[Shape],
    path: &Path,
    standards: &Standards,
    facts: &mut ProfileFacts,
    later_field: bool,
) -> Option<Found> {
    let root = path.root.as_ref()?;
    let structure = shapes.iter().position(|shape| shape.key == facts.key)?;
    let mut found = Found { around: Vec::new(), below: String::new(), shape: structure, element: (structure, 0) };
    let mut segment = enter(shapes, &mut found, &root.text, facts, &root.at)?;
    let mut ty: Option<SmolStr> = None;
    for part in &path.parts {
        match &part.kind {
            PartKind::Child(name) if ty.is_none() => segment = enter(shapes, &mut found, name, facts, &part.at)?,
            PartKind::Field(number) if ty.is_none() => {
                let shape = standards.segment(facts.version, &segment)?;
                let element = shape.element(&number.to_string());
                if element.is_none() && !later_field {
                    let last = shape.elements.last().map(|element| element.name.clone()).unwrap_or_default();
                    let message = format!("`{segment}-{number}` is not a field of `{segment}`");
                    let diagnostic = Diagnostic::new(Code::UnknownPath, part.at.clone(), message);
                    facts.problems.push(diagnostic.help(format!(
                        "its last field is `{segment}-{last}`; a field of a later version needs its type: `{segment}-{number} 0..1 as ID`"
                    )));
                    return None;
                }
                ty = Some(element.and_then(|it| it.types.first()).map_or_else(|| "ST".into(), |ty| ty.name.clone()));
                found.below += &format!("-{number}");
            }
            PartKind::Component(number) if ty.is_some() => {
                let name = ty.clone().unwrap_or_default();
                let shape = standards.datatype(facts.version, &name)?;
                let Some(element) = shape.element(&number.to_string()) else {
                    let message = format!("`{name}` has no component {number}");
                    facts.problems.push(Diagnostic::new(Code::UnknownPath, part.at.clone(), message));
                    return None;
                };
                ty = element.types.first().map(|ty| ty.name.clone());
                found.below += &format!(".{number}");
            }
            PartKind::Unfinished => return None,
            _ => {
                let diagnostic = Diagnostic::new(
                    Code::WrongPathSpelling,
                    part.at.clone(),
                    "a profile names places, as in `PID-3.1`",
                );
                facts.problems.push(diagnostic);
                return None;
            }
        }
    }
    Some(found)
}

/// One segment or group deeper: here, else in the groups inside, as paths in maps do it.
fn enter(shapes: &[Shape], found: &mut Found, name: &str, facts: &mut ProfileFacts, at: &At) -> Option<SmolStr> {
    let mut level = vec![(found.shape, Vec::new())];
    for _ in 0..8 {
        let mut deeper = Vec::new();
        for (index, around) in &level {
            let Some(shape) = shapes.get(*index) else { continue };
            for (place, element) in shape.elements.iter().enumerate() {
                let mut around: Vec<(SmolStr, bool)> = around.clone();
                around.push((element.name.clone(), element.min > 0));
                let key = element.types.first().map(|ty| ty.shape.clone()).unwrap_or_default();
                let group = shapes.iter().position(|shape| shape.key == key);
                if element.name == name {
                    found.around.extend(around);
                    found.shape = group.unwrap_or(*index);
                    found.element = (*index, place);
                    return Some(key);
                }
                deeper.extend(group.map(|group| (group, around)));
            }
        }
        level = deeper;
    }
    let message = format!("the structure has no segment or group `{name}`");
    let diagnostic = Diagnostic::new(Code::UnknownPath, at.clone(), message);
    facts.problems.push(diagnostic.help(format!("say where the sender has it: `{name} 0..1 after PID`")));
    None
}

/// A segment that the project declares, as a shape of the standard.
pub fn segment(segment: &Segment, standards: &Standards) -> (Shape, Vec<Diagnostic>) {
    let mut problems = Vec::new();
    let mut elements: Vec<Element> = Vec::new();
    for field in &segment.fields {
        let name = &field.ty.name;
        if standards.datatype(ANY_VERSION, &name.text).is_none() || !types::is_hl7_name(&name.text) {
            let message = format!("HL7 v2 has no data type `{}`", name.text);
            let diagnostic = Diagnostic::new(Code::UnknownType, name.at.clone(), message);
            let known = standards.hl7.datatypes(ANY_VERSION);
            problems.push(match nearest(&name.text, known.into_iter()) {
                Some(near) => diagnostic.help(format!("did you mean `{near}`?")),
                None => diagnostic.help("as in `1 ST? \"pet name\"`"),
            });
        }
        let number = format_smolstr!("{}", field.number);
        if elements.iter().any(|element| element.name == number) {
            let message = format!("field {number} is declared twice");
            problems.push(Diagnostic::new(Code::DuplicateName, field.at.clone(), message));
        }
        elements.push(Element {
            name: number,
            title: field.title.as_ref().map(|title| title.text.clone()).unwrap_or_default(),
            types: vec![Type { name: name.text.clone(), shape: name.text.clone(), targets: Vec::new() }],
            min: u32::from(matches!(field.ty.count, Count::One | Count::Some)),
            max: if field.ty.count.is_list() { MANY } else { 1 },
            ..segment_element(&segment.name.text)
        });
    }
    let title = segment.title.as_ref().map(|title| title.text.clone()).unwrap_or_default();
    let name = segment.name.text.clone();
    let shape =
        Shape { key: name.clone(), kind: shape::Kind::Segment, title, base: name, url: SmolStr::default(), elements };
    (shape, problems)
}
