//! The message as a tree: its segments in the groups of the structure, and what is populated of them.

use super::names::Names;
use crate::plan::interpret::spelled;
use emr_message::group::{self, Grammar, GroupId, Groups};
use emr_message::{Message, Piece, Place, State};
use serde::Serialize;
use smol_str::SmolStr;

#[derive(Clone, Debug, Serialize)]
pub struct Segment {
    /// `OBX[2]`
    pub path: String,
    /// "Observation/Result"
    pub name: SmolStr,
    /// The groups that it stands in, the outermost first: `PATIENT_RESULT`, `ORDER_OBSERVATION[2]`.
    pub groups: Vec<String>,
    /// The structure has no place for it.
    pub unplaced: bool,
    pub fields: Vec<Part>,
}

/// A field, a repetition, a component or a subcomponent that is there.
#[derive(Clone, Debug, Serialize)]
pub struct Part {
    /// `PID-5[2].1`
    pub path: String,
    /// "Patient Name", "Family Name"; empty for a repetition.
    pub name: SmolStr,
    /// The text of what has no parts.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub text: Option<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub parts: Vec<Part>,
    #[serde(skip)]
    pub place: Place,
}

pub(super) fn segments(grammar: &Grammar, message: &Message, names: &Names) -> Vec<Segment> {
    let spelled = message.segments().iter().map(|segment| segment.name);
    let groups = if grammar.nodes.is_empty() { None } else { Some(group::build(grammar, spelled)) };
    let one = |index: usize| {
        let place = message.place(index);
        let stands = groups.as_ref().map(|groups| groups.place_of(u32::try_from(index).unwrap_or(u32::MAX)));
        Segment {
            path: self::spelled(&place),
            name: names.segment(place.name.as_str()),
            groups: match (&groups, stands.flatten()) {
                (Some(groups), Some((group, _))) => around(groups, grammar, group),
                _ => Vec::new(),
            },
            unplaced: matches!(stands, Some(None)),
            fields: (1..=message.fields(index)).filter_map(|number| field(message, index, number, names)).collect(),
        }
    };
    (0..message.segments().len()).map(one).collect()
}

/// The groups around, each with its number among those of its kind in the group around it.
fn around(groups: &Groups, grammar: &Grammar, mut group: GroupId) -> Vec<String> {
    let mut path = Vec::new();
    while group != Groups::MESSAGE {
        let (node, parent) = (groups.node(group), groups.parent(group));
        let name = grammar.nodes.get(node as usize).map(|node| node.name.as_str()).unwrap_or_default();
        let number = groups.groups(parent, node).position(|other| other == group).unwrap_or_default() + 1;
        path.push(if number > 1 { format!("{name}[{number}]") } else { name.to_owned() });
        group = parent;
    }
    path.reverse();
    path
}

fn field(message: &Message, segment: usize, number: u16, names: &Names) -> Option<Part> {
    let piece = message.field(segment, number);
    if piece.state() == State::Absent {
        return None;
    }
    let name = names.title(&piece.place);
    // MSH-1 and MSH-2 stand for themselves.
    let is_verbatim = piece.place.name.as_str() == "MSH" && number < 3;
    let several: Vec<Piece> = piece.repetitions().collect();
    if is_verbatim || several.len() < 2 {
        let only = if is_verbatim { piece } else { several.first().copied().unwrap_or(piece) };
        return Some(Part { place: piece.place, path: spelled(&piece.place), name, ..part(only, names, is_verbatim) });
    }
    let parts = several.into_iter().filter(|one| one.state() != State::Absent).map(|one| {
        let path = format!("{}[{}]", spelled(&piece.place), one.place.repetition);
        Part { path, ..part(one, names, false) }
    });
    Some(Part { path: spelled(&piece.place), name, text: None, parts: parts.collect(), place: piece.place })
}

fn part(piece: Piece, names: &Names, is_verbatim: bool) -> Part {
    let place = piece.place;
    let name = match (place.component, place.subcomponent) {
        (0, _) => None,
        (component, 0) => names.part(&place, &[component]),
        (component, subcomponent) => names.part(&place, &[component, subcomponent]),
    };
    let count = if is_verbatim || place.subcomponent > 0 { 0 } else { piece.parts() };
    let own = Part { path: spelled(&place), name: name.unwrap_or_default(), text: None, parts: Vec::new(), place };
    if count < 2 {
        let text = match piece.state() {
            State::Null => "\"\"".to_owned(),
            _ => piece.value().unwrap_or_default().into_owned(),
        };
        return Part { text: Some(text), ..own };
    }
    let parts = (1..=count).map(|number| piece.part(number)).filter(|part| part.state() != State::Absent);
    Part { parts: parts.map(|inner| part(inner, names, false)).collect(), ..own }
}
