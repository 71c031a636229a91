//! Segments and groups by their names: looked up in the structure, never in what a message happens to hold.
//!
//! First among the segments of the current group, then in the groups inside it, then outward.

use super::path::Walk;
use super::scope::{Local, Scope};
use super::suggest::nearest;
use super::typed::{Slot, Step, Ty, TyKind};
use super::types;
use crate::diagnostic::{Code, Diagnostic};
use crate::standard::hl7::Version;
use crate::standard::shape::{Element, Kind, Shape};
use crate::syntax::tree::{At, Count, Part, PartKind, Path, Word};
use smol_str::SmolStr;
use std::collections::BTreeSet;
use std::sync::Arc;

/// One place of a name inside a structure or group.
#[derive(Clone, Debug)]
pub(super) struct Place {
    /// Each step's name, its index in the shape of the group around it, and whether it repeats.
    pub steps: Vec<(SmolStr, u32, bool)>,
    pub kind: TyKind,
}

/// The places of a name, all equally near: in the group itself, else in the groups inside it, level by level.
pub(super) fn inside(scope: &Scope, version: Version, group: &Arc<Shape>, name: &str) -> Vec<Place> {
    let mut level = vec![(group.clone(), Vec::new())];
    // Structures nest no deeper than this; the bound keeps a damaged table from looping.
    for _ in 0..8 {
        let mut found = Vec::new();
        let mut deeper = Vec::new();
        for (shape, steps) in &level {
            for (index, element) in shape.elements.iter().enumerate() {
                let Some(ty) = element.types.first() else { continue };
                let mut steps: Vec<(SmolStr, u32, bool)> = steps.clone();
                steps.push((element.name.clone(), u32::try_from(index).unwrap_or(u32::MAX), element.repeats()));
                let group = scope.world.standards().structure(version, &ty.shape).filter(|it| it.kind == Kind::Group);
                if element.name == name {
                    let kind = match &group {
                        Some(group) => TyKind::Group(version, group.key.clone()),
                        None => TyKind::Segment(version, ty.shape.clone()),
                    };
                    found.push(Place { steps, kind });
                } else if let Some(group) = group {
                    deeper.push((group, steps));
                }
            }
        }
        if !found.is_empty() || deeper.is_empty() {
            return found;
        }
        level = deeper;
    }
    Vec::new()
}

/// A path that begins with the name of a segment or group.
pub(super) fn segment_or_group(scope: &mut Scope, root: &Word) -> Option<Walk> {
    for local in scope.groups() {
        if let Some(walk) = below_or_around(scope, &local, root) {
            return Some(walk);
        }
    }
    None
}

fn below_or_around(scope: &mut Scope, local: &Local, root: &Word) -> Option<Walk> {
    let (TyKind::Structure(version, key) | TyKind::Group(version, key)) = &local.ty.kind else { return None };
    let version = *version;
    let mut key = key.clone();
    let mut outer = 0;
    loop {
        let shape = scope.world.standards().structure(version, &key)?;
        let places = inside(scope, version, &shape, &root.text);
        if !places.is_empty() {
            let ty = if local.ty.is_list() { local.ty.clone() } else { local.ty.with(Count::One) };
            let mut walk = Walk { origin: local.origin.clone(), ..Walk::new(local.slot, ty) };
            if outer > 0 {
                walk.steps.push(Step::Outer(outer));
            }
            enter(scope, &mut walk, &places, &root.text, &root.at);
            return Some(walk);
        }
        // Only the item of an `each` knows what is around it; a parameter is all that a map sees.
        // What is around several is found by itself.
        if !local.current || local.ty.is_list() || shape.kind != Kind::Group {
            return None;
        }
        key = parent(&key)?;
        // A group around it that has a place of its own here is asked by itself: what is known of it holds there.
        if scope.groups().iter().any(|other| other.slot != local.slot && is_group(&other.ty, &key)) {
            return None;
        }
        outer += 1;
    }
}

fn is_group(ty: &Ty, key: &str) -> bool {
    matches!(&ty.kind, TyKind::Structure(_, own) | TyKind::Group(_, own) if own == key)
}

/// The group or structure around a group.
fn parent(key: &str) -> Option<SmolStr> {
    key.rsplit_once('.').map(|(parent, _)| parent.into())
}

/// Goes to a segment or group below a message or group: `PATIENT.PID`.
pub(super) fn member(scope: &mut Scope, walk: &mut Walk, name: &str, at: &At) -> bool {
    let (TyKind::Structure(version, key) | TyKind::Group(version, key)) = walk.ty.kind.clone() else {
        let message = format!("`{}` has no part `{name}`", types::show_kind(&walk.ty.kind));
        let diagnostic = Diagnostic::new(Code::UnknownPath, at.clone(), message);
        let own = scope.locals().find(|local| local.slot == walk.root).and_then(|local| local.name.clone());
        let help = match (&walk.ty.kind, own) {
            (TyKind::Segment(_, segment), Some(own)) if segment == name && walk.steps.is_empty() => {
                format!("`{own}` is the {name} itself: its field 5 is `{own}-5`")
            }
            _ => "fields and components of HL7 v2 have numbers, as in `PID-5.1`".to_owned(),
        };
        scope.problem(diagnostic.help(help));
        return false;
    };
    let Some(shape) = scope.world.standards().structure(version, &key) else { return false };
    let places = inside(scope, version, &shape, name);
    if places.is_empty() {
        let message = format!("`{}` has no segment or group `{name}`", types::short(&key));
        let diagnostic = Diagnostic::new(Code::UnknownPath, at.clone(), message);
        let near = nearest(name, shape.elements.iter().map(|element| element.name.as_str())).map(str::to_owned);
        let help = match near {
            Some(near) => format!("did you mean `{near}`?"),
            None => format!("it has {}", list(&shape)),
        };
        scope.problem(diagnostic.help(help));
        return false;
    }
    enter(scope, walk, &places, name, at);
    true
}

fn list(shape: &Shape) -> String {
    let names: Vec<_> = shape.elements.iter().map(|element| format!("`{}`", element.name)).collect();
    names.join(", ")
}

/// Takes the one place, or the first of several in one group, of which a bracket must still choose.
fn enter(scope: &mut Scope, walk: &mut Walk, places: &[Place], name: &str, at: &At) {
    let sent: Vec<Place> = places.iter().filter(|place| !is_never_sent(scope, walk, place)).cloned().collect();
    // Of what is never sent nothing can be meant, unless there is nothing else.
    let places = if sent.is_empty() { places } else { &sent };
    let Some(first) = places.first() else { return };
    let around = |place: &Place| place.steps.split_last().map(|(_, around)| around.to_vec());
    if places.iter().any(|place| around(place) != around(first)) {
        let spelled: Vec<_> = spell(places).into_iter().map(|it| format!("`{it}`")).collect();
        let message = format!("`{name}` could be {}", spelled.join(" or "));
        scope.problem(Diagnostic::new(Code::AmbiguousPlace, at.clone(), message).help("write the one that you mean"));
        walk.ty = Ty::ERROR;
        return;
    }
    walk.places = match places {
        [_] => Vec::new(),
        _ => places.iter().filter_map(|place| place.steps.last().map(|step| step.1)).collect(),
    };
    for (name, member, repeats) in &first.steps {
        walk.steps.push(Step::Member { name: name.clone(), member: *member });
        if is_forbidden(scope, walk) {
            let message = format!("the profile says that this sender never sends `{name}`");
            scope.problem(
                Diagnostic::new(Code::UnknownPath, at.clone(), message).help("take this away, or the `0..0` there"),
            );
            walk.ty = Ty::ERROR;
            return;
        }
        let present = is_present(scope, walk);
        let count = match (repeats, present) {
            (true, true) => Count::Some,
            (true, false) => Count::Any,
            (false, true) => Count::One,
            (false, false) => Count::Optional,
        };
        walk.ty.count = walk.ty.count.times(count);
    }
    walk.ty.kind = first.kind.clone();
    walk.in_field = false;
}

fn is_never_sent(scope: &Scope, walk: &Walk, place: &Place) -> bool {
    let mut walk = walk.clone();
    place.steps.iter().any(|(name, member, _)| {
        walk.steps.push(Step::Member { name: name.clone(), member: *member });
        is_forbidden(scope, &walk)
    })
}

fn is_forbidden(scope: &Scope, walk: &Walk) -> bool {
    let facts = walk.origin.as_ref().and_then(|origin| scope.world.profile(&origin.profile));
    facts.is_some_and(|facts| facts.forbidden.contains(&walk.in_message()))
}

/// A message without MSH cannot be read; anything else is present if the profile says so or a rule requires it.
fn is_present(scope: &Scope, walk: &Walk) -> bool {
    let spelled = walk.in_message();
    let in_profile = || {
        let facts = scope.world.profile(&walk.origin.as_ref()?.profile)?;
        Some(facts.present.contains(&spelled))
    };
    spelled == "MSH"
        || in_profile().unwrap_or(false)
        || scope.is_known_present(&super::path::fact(walk.root, &walk.steps))
}

/// Each place with as many of the groups around it as tell it from the others: `OBSERVATION.NTE`, `PATIENT.NTE`.
fn spell(places: &[Place]) -> Vec<String> {
    let last = |place: &Place, count: usize| {
        let names: Vec<&str> = place.steps.iter().map(|step| step.0.as_str()).collect();
        names.get(names.len().saturating_sub(count)..).unwrap_or_default().join(".")
    };
    let deepest = places.iter().map(|place| place.steps.len()).max().unwrap_or_default();
    let spelled = |count| places.iter().map(|place| last(place, count)).collect::<Vec<_>>();
    let is_told_apart = |count: &usize| spelled(*count).iter().collect::<BTreeSet<_>>().len() == places.len();
    spelled((2..deepest).find(is_told_apart).unwrap_or(deepest))
}

/// `ROL[after PV1]`, `PID[place 2]`: which of the places of one name in a group.
pub(super) fn which(scope: &mut Scope, walk: &mut Walk, part: &Part) -> bool {
    let Some(Step::Member { .. }) = walk.steps.last() else {
        scope.error(Code::UnknownPath, &part.at, "places are chosen of segments and groups");
        return false;
    };
    let Some(around) = shape_around(scope, walk.root, &walk.steps) else { return false };
    let chosen = match &part.kind {
        PartKind::Place(number) => {
            let index = usize::try_from(*number).ok().and_then(|number| number.checked_sub(1));
            index.and_then(|index| walk.places.get(index).copied())
        }
        // What stands before it, back to the place before of the same name.
        PartKind::After(name) => walk.places.iter().copied().find(|place| {
            let before =
                usize::try_from(*place).ok().and_then(|place| around.elements.get(..place)).unwrap_or_default();
            before.iter().rev().take_while(|element| !is_named(element, walk)).any(|element| element.name == *name)
        }),
        _ => None,
    };
    let Some(chosen) = chosen else {
        let places: Vec<_> = walk.places.iter().filter_map(|place| before(&around, &walk.places, *place)).collect();
        let diagnostic = Diagnostic::new(Code::UnknownPath, part.at.clone(), "there is no such place in the structure");
        let help = if places.is_empty() {
            "it has one place only".to_owned()
        } else {
            format!("it stands after {}", places.join(" and after "))
        };
        scope.problem(diagnostic.help(help));
        return false;
    };
    if let Some(Step::Member { member, .. }) = walk.steps.last_mut() {
        *member = chosen;
    }
    walk.places.clear();
    true
}

fn is_named(element: &crate::standard::shape::Element, walk: &Walk) -> bool {
    matches!(walk.steps.last(), Some(Step::Member { name, .. }) if *name == element.name)
}

/// What stands before one of several places, and before no other of them: `ROL[after PV1]`.
fn before(around: &Shape, places: &[u32], place: u32) -> Option<String> {
    let index = |place: u32| usize::try_from(place).ok();
    let between = |place: u32| {
        let from = places.iter().copied().filter(|other| *other < place).max().and_then(index).map_or(0, |at| at + 1);
        around.elements.get(from..index(place)?)
    };
    let others: Vec<_> = places.iter().filter(|other| **other != place).filter_map(|other| between(*other)).collect();
    let is_own = |name: &str| !others.iter().any(|other| other.iter().any(|element| element.name == name));
    let own = between(place)?.iter().rev().find(|element| is_own(&element.name))?;
    Some(format!("`{}`", own.name))
}

/// The group or segment that the last of the steps leads to, as the group around it has it.
pub(super) fn element(scope: &Scope, root: Slot, steps: &[Step]) -> Option<Element> {
    let Some(Step::Member { member, .. }) = steps.last() else { return None };
    let around = shape_around(scope, root, steps)?;
    around.elements.get(usize::try_from(*member).ok()?).cloned()
}

/// The shape of the group in which the last of the steps stands.
fn shape_around(scope: &Scope, root: Slot, steps: &[Step]) -> Option<Arc<Shape>> {
    let local = scope.locals().find(|local| local.slot == root)?;
    let (TyKind::Structure(version, key) | TyKind::Group(version, key)) = &local.ty.kind else { return None };
    let mut shape = scope.world.standards().structure(*version, key)?;
    let (_, around) = steps.split_last()?;
    for step in around {
        let key = match step {
            Step::Outer(levels) => (0..*levels).try_fold(shape.key.clone(), |key, _| parent(&key))?,
            Step::Member { member, .. } => {
                let element = shape.elements.get(usize::try_from(*member).ok()?)?;
                element.types.first()?.shape.clone()
            }
            _ => continue,
        };
        shape = scope.world.standards().structure(*version, &key)?;
    }
    Some(shape)
}

/// Several places of one name need a bracket that chooses.
pub(super) fn is_chosen(scope: &mut Scope, walk: &Walk, next: Option<&Part>, at: &At) -> bool {
    if walk.ty.kind == TyKind::Error {
        return false;
    }
    let chooses = next.is_some_and(|part| matches!(part.kind, PartKind::Place(_) | PartKind::After(_)));
    if walk.places.is_empty() || chooses {
        return true;
    }
    let Some(Step::Member { name, .. }) = walk.steps.last() else { return true };
    let around = shape_around(scope, walk.root, &walk.steps);
    let spell = |(number, place)| match around.as_ref().and_then(|around| before(around, &walk.places, place)) {
        Some(before) => format!("`{name}[after {}]`", before.trim_matches('`')),
        // Nothing stands between it and the place before.
        None => format!("`{name}[place {number}]`"),
    };
    let places: Vec<_> = (1..).zip(walk.places.iter().copied()).map(spell).collect();
    let message = format!("`{name}` has {} places in this structure", walk.places.len());
    let diagnostic = Diagnostic::new(Code::AmbiguousPlace, at.clone(), message);
    scope.problem(diagnostic.help(format!("write {}", places.join(" or "))));
    false
}

/// The group that a segment opens, inside a message or group: `each OBR { … }`.
pub(super) fn opened_by(scope: &Scope, walk: &Walk) -> Option<(Vec<Step>, TyKind)> {
    let (TyKind::Segment(version, segment), Some((Step::Member { member, name }, around))) =
        (&walk.ty.kind, walk.steps.split_last())
    else {
        return None;
    };
    if segment != name || !matches!(around.last(), Some(Step::Member { .. })) {
        return None;
    }
    let shape = shape_around(scope, walk.root, &walk.steps)?;
    // A group begins with its first segment; where that may be missing, with the first that it requires.
    let required = shape.elements.iter().position(|element| element.min > 0);
    let opens = *member == 0 || required.is_some_and(|index| usize::try_from(*member).is_ok_and(|it| it == index));
    (opens && shape.kind == Kind::Group).then(|| (around.to_vec(), TyKind::Group(*version, shape.key.clone())))
}

/// What is ignored in a map that does not take it.
pub(super) fn not_taken(scope: &mut Scope, written: &Path) -> Option<Diagnostic> {
    let root = written.root.as_ref()?;
    let is_segment = types::is_hl7_name(&root.text) && types::is_known_hl7(&root.text, scope.world);
    if !is_segment || !scope.groups().is_empty() || scope.local(&root.text).is_some() {
        return None;
    }
    let message = format!("`{}` is not among what this map takes", root.text);
    let diagnostic = Diagnostic::new(Code::UnknownName, root.at.clone(), message);
    Some(diagnostic.help("it is ignored in the map that takes the message: write this line there"))
}

/// A word that names nothing here: a segment that the map does not take, or a slip.
pub(super) fn unknown_name(scope: &Scope, root: &Word, parts: &[Part]) -> Diagnostic {
    let name = root.text.as_str();
    let in_sight: Vec<SmolStr> = scope.locals().filter_map(|local| local.name.clone()).collect();
    if let Some(field) = without_minus(scope, name) {
        let message = format!("there is no segment `{name}` in HL7 v2");
        let diagnostic = Diagnostic::new(Code::WrongPathSpelling, root.at.clone(), message);
        return diagnostic.help(format!("did you mean `{field}`?")).fix(root.at.clone(), field);
    }
    if types::is_hl7_name(name) && types::is_known_hl7(name, scope.world) {
        let message = format!("`{name}` is not among what this map takes");
        let diagnostic = Diagnostic::new(Code::UnknownName, root.at.clone(), message);
        let structures: Vec<_> =
            scope.locals().filter(|local| matches!(local.ty.kind, TyKind::Structure(..))).collect();
        return match structures.first() {
            Some(local) => diagnostic.help(format!("`{}` has no `{name}`", types::show_kind(&local.ty.kind))),
            None => diagnostic.help(format!("add it to the parameters, as `{name}` or `{name}?`")),
        };
    }
    let code = if types::is_hl7_name(name) && !parts.is_empty() { Code::UnknownPath } else { Code::UnknownName };
    let message = if code == Code::UnknownPath {
        format!("there is no segment `{name}` in HL7 v2")
    } else {
        format!("`{name}` names nothing here")
    };
    let diagnostic = Diagnostic::new(code, root.at.clone(), message);
    let segments = scope.world.standards().hl7.segments(super::ANY_VERSION);
    let declared = scope.world.names().known().map(SmolStr::as_str);
    let known: Vec<&str> = if types::is_hl7_name(name) {
        segments.into_iter().chain(in_sight.iter().map(SmolStr::as_str)).collect()
    } else {
        in_sight.iter().map(SmolStr::as_str).chain(declared).collect()
    };
    // What the map takes is meant rather than what there is besides; `PDI` is `PID` with two letters in each other's place.
    let slip = |taken: &&SmolStr| types::is_hl7_name(name) && strsim::damerau_levenshtein(taken, name) == 1;
    let taken = in_sight.iter().find(slip).map(SmolStr::as_str);
    match taken.or_else(|| nearest(name, known.into_iter())) {
        Some(near) => diagnostic.help(format!("did you mean `{near}`?")).fix(root.at.clone(), near),
        None if parts.is_empty() && name.starts_with(char::is_lowercase) => diagnostic.help(format!(
            "a map sees its parameters, its lets and the constants; a text stands in quotes: `\"{name}\"`"
        )),
        None => diagnostic.help("a map sees its parameters, its lets and the constants"),
    }
}

/// `PID-7` for `PID7`.
fn without_minus(scope: &Scope, name: &str) -> Option<String> {
    let (segment, number) = name.split_at_checked(3)?;
    let is_field = number.parse::<u32>().is_ok_and(|number| number > 0);
    let known = scope.world.standards().segment(super::ANY_VERSION, segment);
    (is_field && known.is_some()).then(|| format!("{segment}-{number}"))
}
