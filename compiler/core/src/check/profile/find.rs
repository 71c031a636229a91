//! Where a line of a profile leads: through the groups of its structure to a segment, a field, a component.

use super::{Narrowed, ProfileFacts};
use crate::check::typed::Step;
use crate::diagnostic::{Code, Diagnostic};
use crate::standard::Standards;
use crate::standard::shape::{Kind, Shape};
use crate::syntax::tree::{At, Part, PartKind, Path};
use smol_str::{SmolStr, format_smolstr};

/// Structures nest no deeper than this; the bound keeps a damaged table from looping.
const DEPTH_MAX: u32 = 8;

/// A place of the profile found in its shapes.
pub(super) struct Found {
    /// Segments and groups on the way, each with whether the structure requires it.
    pub around: Vec<(SmolStr, bool)>,
    /// `-3`, `-3.1`; empty for a segment or group.
    pub below: String,
    /// The way from the message down.
    pub steps: Vec<Step>,
    /// The type of a field or component.
    pub ty: Option<SmolStr>,
    /// The last segment or group on the way: the shape in which it stands, and its place there.
    pub element: (usize, usize),
    /// The shape in which the path goes on.
    shape: usize,
}

impl Found {
    pub fn path(&self) -> SmolStr {
        format_smolstr!("{}{}", self.around(), self.below)
    }

    /// The segment or group alone.
    pub fn around(&self) -> SmolStr {
        paths(&self.around).last().unwrap_or_default()
    }

    pub fn is_component(&self) -> bool {
        matches!(self.steps.last(), Some(Step::Component(_)))
    }
}

/// Follows the path of a profile line through the profile's own shapes. `typed` lines may name what the version lacks.
pub(super) fn find(
    shapes: &[Shape],
    path: &Path,
    typed: bool,
    standards: &Standards,
    facts: &mut ProfileFacts,
) -> Option<Found> {
    let root = path.root.as_ref()?;
    let structure = shapes.iter().position(|shape| shape.key == facts.key)?;
    let mut found = Found {
        around: Vec::new(),
        below: String::new(),
        steps: Vec::new(),
        ty: None,
        element: (structure, 0),
        shape: structure,
    };
    let mut segment = enter(shapes, &mut found, &root.text, facts, &root.at)?;
    for (index, part) in path.parts.iter().enumerate() {
        let typed = typed && index + 1 == path.parts.len();
        match &part.kind {
            PartKind::Child(name) if found.ty.is_none() => {
                segment = enter(shapes, &mut found, name, facts, &part.at)?;
            }
            PartKind::Field(number) if found.ty.is_none() => {
                field(&mut found, &segment, *number, typed, part, standards, facts)?;
            }
            PartKind::Component(number) if found.ty.is_some() => {
                component(&mut found, *number, typed, part, standards, facts)?;
            }
            PartKind::Unfinished => return None,
            _ => {
                let message = "a profile names places, as in `PID-3.1`";
                facts.problems.push(Diagnostic::new(Code::WrongPathSpelling, part.at.clone(), message));
                return None;
            }
        }
    }
    Some(found)
}

fn field(
    found: &mut Found,
    segment: &str,
    number: u32,
    typed: bool,
    part: &Part,
    standards: &Standards,
    facts: &mut ProfileFacts,
) -> Option<()> {
    let Some(shape) = standards.segment(facts.version, segment) else {
        let group = segment.rsplit('.').next().unwrap_or(segment);
        let message = format!("`{group}` is a group, so it has no fields");
        let diagnostic = Diagnostic::new(Code::UnknownPath, part.at.clone(), message);
        facts.problems.push(diagnostic.help(format!("name the segment in it, as in `{group}.NTE-3`")));
        return None;
    };
    found.below += &format!("-{number}");
    found.steps.push(Step::Field { number: u16::try_from(number).ok()?, repeats: true });
    let element = shape.element(&number.to_string());
    let known = facts.narrowed.get(&found.path()).and_then(|line| line.ty.clone());
    found.ty = Some(match (known, element) {
        (Some(known), _) => known,
        (None, Some(element)) => element.types.first().map_or_else(|| "ST".into(), |ty| ty.name.clone()),
        (None, None) if typed => "ST".into(),
        (None, None) => {
            let last = shape.elements.last().map(|element| element.name.clone()).unwrap_or_default();
            let message = format!("`{segment}-{number}` is not a field of `{segment}`");
            let diagnostic = Diagnostic::new(Code::UnknownPath, part.at.clone(), message);
            facts.problems.push(diagnostic.help(format!(
                "its last field is `{segment}-{last}`; a field of a later version needs its type: `{segment}-{number} 0..1 as ID`"
            )));
            return None;
        }
    });
    Some(())
}

fn component(
    found: &mut Found,
    number: u32,
    typed: bool,
    part: &Part,
    standards: &Standards,
    facts: &mut ProfileFacts,
) -> Option<()> {
    let name = found.ty.clone().unwrap_or_default();
    if name == "varies" {
        let diagnostic = Diagnostic::new(
            Code::WrongProfile,
            part.at.clone(),
            "what this field holds varies, so its components have no names",
        );
        let place = found.path();
        facts
            .problems
            .push(diagnostic.help(format!("say on a line before what this sender has there: `{place} as CWE`")));
        return None;
    }
    let shape = standards.datatype(facts.version, &name);
    let element = shape.as_ref().and_then(|shape| shape.element(&number.to_string()));
    if element.is_none() && !typed {
        let message = format!("`{name}` has no component {number}");
        facts.problems.push(Diagnostic::new(Code::UnknownPath, part.at.clone(), message));
        return None;
    }
    found.below += &format!(".{number}");
    found.steps.push(Step::Component(u8::try_from(number).ok()?));
    let known: Option<&Narrowed> = facts.narrowed.get(&found.path());
    let known = known.and_then(|line| line.ty.clone());
    let own = element.and_then(|element| element.types.first()).map(|ty| ty.name.clone());
    found.ty = Some(known.or(own).unwrap_or_else(|| "ST".into()));
    Some(())
}

/// One segment or group deeper: here, else in the groups inside, as paths in maps do it.
fn enter(shapes: &[Shape], found: &mut Found, name: &str, facts: &mut ProfileFacts, at: &At) -> Option<SmolStr> {
    let mut level = vec![(found.shape, Vec::new(), Vec::new())];
    for _ in 0..DEPTH_MAX {
        let mut deeper = Vec::new();
        let mut near: Vec<Near> = Vec::new();
        for (index, around, steps) in &level {
            let Some(shape) = shapes.get(*index) else { continue };
            for (place, element) in shape.elements.iter().enumerate() {
                let mut around: Vec<(SmolStr, bool)> = around.clone();
                around.push((element.name.clone(), element.min > 0));
                let mut steps: Vec<Step> = steps.clone();
                let member = u32::try_from(place).unwrap_or(u32::MAX);
                steps.push(Step::Member { name: element.name.clone(), member });
                let key = element.types.first().map(|ty| ty.shape.clone()).unwrap_or_default();
                let group = shapes.iter().position(|shape| shape.key == key && shape.kind == Kind::Group);
                if element.name == name {
                    // Of several in one group the first is meant.
                    if near.iter().all(|other| other.element.0 != *index) {
                        near.push(Near {
                            around,
                            steps,
                            shape: group.unwrap_or(*index),
                            element: (*index, place),
                            key,
                        });
                    }
                    continue;
                }
                deeper.extend(group.map(|group| (group, around, steps)));
            }
        }
        let may_come = |place: &&Near| !place.is_forbidden(&found.around, facts);
        if near.len() > 1 && near.iter().filter(may_come).count() == 1 {
            near.retain(|place| !place.is_forbidden(&found.around, facts));
        }
        if near.len() > 1 {
            facts.problems.push(several(name, &near, at));
            return None;
        }
        if let Some(only) = near.pop() {
            found.around.extend(only.around);
            found.steps.extend(only.steps);
            (found.shape, found.element) = (only.shape, only.element);
            return Some(only.key);
        }
        level = deeper;
    }
    let message = format!("the structure has no segment or group `{name}`");
    let diagnostic = Diagnostic::new(Code::UnknownPath, at.clone(), message);
    facts.problems.push(diagnostic.help(format!("say where the sender has it: `{name} 0..1 after PID`")));
    None
}

/// A segment or group of the name that is looked for.
struct Near {
    around: Vec<(SmolStr, bool)>,
    steps: Vec<Step>,
    shape: usize,
    element: (usize, usize),
    key: SmolStr,
}

impl Near {
    /// Whether the profile says that it never comes, or a group around it.
    fn is_forbidden(&self, before: &[(SmolStr, bool)], facts: &ProfileFacts) -> bool {
        paths(before.iter().chain(&self.around)).any(|path| facts.forbidden.contains(&path))
    }
}

/// The path of each segment or group on the way, the outermost first: `PATIENT_RESULT`, `PATIENT_RESULT.PATIENT`.
fn paths<'n>(around: impl IntoIterator<Item = &'n (SmolStr, bool)>) -> impl Iterator<Item = SmolStr> {
    around.into_iter().scan(String::new(), |path, (name, _)| {
        if !path.is_empty() {
            path.push('.');
        }
        path.push_str(name);
        Some(SmolStr::from(path.as_str()))
    })
}

/// Places in several groups that are equally near.
fn several(name: &str, near: &[Near], at: &At) -> Diagnostic {
    let spell = |place: &Near| {
        let from = place.around.len().saturating_sub(2);
        let names = place.around.iter().skip(from).map(|(name, _)| name.as_str());
        format!("`{}`", names.collect::<Vec<_>>().join("."))
    };
    let places: Vec<_> = near.iter().map(spell).collect();
    let message = format!("`{name}` stands in {} groups that are equally near", near.len());
    Diagnostic::new(Code::AmbiguousPlace, at.clone(), message).help(format!("write {}", places.join(" or ")))
}
