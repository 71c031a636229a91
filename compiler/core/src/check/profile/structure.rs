//! `structure ZRT_Z01 { … }`: a message that the standard lacks.

use super::shapes::segment_element;
use crate::check::suggest::nearest;
use crate::check::{ANY_VERSION, types};
use crate::diagnostic::{Code, Diagnostic};
use crate::standard::Standards;
use crate::standard::shape::{Element, Kind, MANY, Shape, Type};
use crate::syntax::tree::{Count, Member, Structure};
use smol_str::{SmolStr, format_smolstr};
use std::collections::BTreeSet;

/// Groups nest no deeper than paths are looked up.
const DEPTH_MAX: usize = 8;

/// A structure that the project declares and all groups in it, as the standard has its own. None by a name that the
/// standard has: it would hide that.
pub fn structure(structure: &Structure, standards: &Standards) -> Vec<Shape> {
    let mut shapes = Vec::new();
    if standards.hl7.structure(ANY_VERSION, &structure.name.text).is_some() {
        return shapes;
    }
    let key = structure.name.text.clone();
    let mut waiting = vec![(key, Kind::Structure, structure.members.as_slice(), 0)];
    while let Some((key, kind, members, depth)) = waiting.pop() {
        let element = |member: &Member| {
            let (name, count) = (&member.name.text, member.count);
            let group = format_smolstr!("{key}.{name}");
            let types =
                member.members.as_ref().map(|_| vec![Type { name: name.clone(), shape: group, targets: Vec::new() }]);
            let one = segment_element(name);
            Element {
                min: u32::from(matches!(count, Count::One | Count::Some)),
                max: if count.is_list() { MANY } else { 1 },
                types: types.unwrap_or_else(|| one.types.clone()),
                ..one
            }
        };
        let elements = members.iter().map(element).collect();
        for member in members.iter().filter(|_| depth + 1 < DEPTH_MAX) {
            if let Some(inner) = &member.members {
                waiting.push((format_smolstr!("{key}.{}", member.name.text), Kind::Group, inner, depth + 1));
            }
        }
        let (title, base, url) = (SmolStr::default(), key.clone(), SmolStr::default());
        shapes.push(Shape { key, kind, title, base, url, elements });
    }
    shapes
}

/// What is wrong with it. `standards` knows the segments that the project declares.
pub fn structure_problems(structure: &Structure, standards: &Standards) -> Vec<Diagnostic> {
    let mut problems = Vec::new();
    let name = &structure.name;
    if standards.hl7.structure(ANY_VERSION, &name.text).is_some() {
        let message = format!("HL7 v2 has a message structure `{}`", name.text);
        let diagnostic = Diagnostic::new(Code::NotLocal, name.at.clone(), message);
        problems.push(
            diagnostic.help(format!(
                "what a sender does in it stands in a profile, as in `profile Admission of {}`",
                name.text
            )),
        );
    } else if !types::is_hl7_name(&name.text) && !name.text.is_empty() {
        let message = format!("`{}` is not a name for a message structure", name.text);
        let diagnostic = Diagnostic::new(Code::NotLocal, name.at.clone(), message);
        problems.push(diagnostic.help("HL7 writes them in capitals: message and event, as in `ZRT_Z01`"));
    }
    match structure.members.first() {
        Some(first) if first.name.text == "MSH" && first.count == Count::One && first.members.is_none() => {}
        first => {
            let at = first.map_or_else(|| name.at.clone(), |first| first.name.at.clone());
            let diagnostic = Diagnostic::new(Code::NotLocal, at, "a message begins with MSH");
            problems.push(diagnostic.help(format!("as in `structure {} {{ MSH, PID? }}`", name.text)));
        }
    }
    let mut groups = BTreeSet::new();
    let mut waiting: Vec<(&[Member], usize)> = vec![(&structure.members, 0)];
    while let Some((members, depth)) = waiting.pop() {
        for member in members {
            match &member.members {
                Some(inner) => {
                    group(member, inner, depth, &mut groups, standards, &mut problems);
                    if depth + 1 < DEPTH_MAX {
                        waiting.push((inner, depth + 1));
                    }
                }
                None if standards.segment(ANY_VERSION, &member.name.text).is_none() => {
                    problems.push(unknown_segment(member, standards));
                }
                None => {}
            }
        }
    }
    problems
}

fn group<'s>(
    member: &'s Member,
    inner: &[Member],
    depth: usize,
    groups: &mut BTreeSet<&'s SmolStr>,
    standards: &Standards,
    problems: &mut Vec<Diagnostic>,
) {
    let name = &member.name;
    let mut say = |code: Code, message: String, help: &str| {
        problems.push(Diagnostic::new(code, name.at.clone(), message).help(help.to_owned()));
    };
    if !groups.insert(&name.text) {
        say(
            Code::DuplicateName,
            format!("there are two groups `{}`", name.text),
            "a path names a group: give one another name",
        );
    }
    if standards.segment(ANY_VERSION, &name.text).is_some() {
        say(
            Code::NotLocal,
            format!("`{}` is a segment, and this is a group", name.text),
            "give the group a name of its own, as in `ORDER+ { ORC, NTE* }`",
        );
    }
    if inner.is_empty() {
        say(
            Code::NotLocal,
            format!("the group `{}` is empty", name.text),
            "a group holds segments, as in `ORDER+ { ORC, NTE* }`",
        );
    }
    if depth + 1 >= DEPTH_MAX {
        say(Code::NotLocal, "groups are nested too deeply".to_owned(), "structures of HL7 v2 nest no deeper than 5");
    }
}

fn unknown_segment(member: &Member, standards: &Standards) -> Diagnostic {
    let name = &member.name;
    let message = format!("there is no segment `{}` in HL7 v2", name.text);
    let diagnostic = Diagnostic::new(Code::UnknownPath, name.at.clone(), message);
    match nearest(&name.text, standards.hl7.segments(ANY_VERSION).into_iter()) {
        _ if name.text.len() == 3 && name.text.starts_with('Z') => {
            diagnostic.help(format!("declare it: `segment {} {{ 1 ST? \"…\" }}`", name.text))
        }
        Some(near) => diagnostic.help(format!("did you mean `{near}`?")),
        None => diagnostic.help("a group has its segments in braces, as in `ORDER+ { ORC, NTE* }`"),
    }
}
