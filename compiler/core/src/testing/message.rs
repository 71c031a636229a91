//! Places of a message that a map made: `PID-5.1`, `OBX[2]-5`, `PID-3[2].4`.

use super::walk::Found;
use crate::syntax::tree::{Part, PartKind};
use emr_message::{Message, Piece, State};

/// Whether a path that begins with the word names a place of a message.
pub fn is_segment(name: &str) -> bool {
    emr_message::Name::read(name).is_some()
}

/// The values at a place, in the order of the message: of each segment of that name and each repetition, where no number
/// chooses one.
pub fn values(message: &Message, segment: &str, parts: &[Part]) -> Result<Vec<Found>, String> {
    let named = (0usize..).zip(message.segments()).filter(|(_, found)| found.name.as_str() == segment);
    let mut segments: Vec<usize> = named.map(|(index, _)| index).collect();
    let mut rest = parts;
    if let Some((Part { kind: PartKind::Index(number), .. }, after)) = rest.split_first() {
        segments = nth(&segments, *number).into_iter().collect();
        rest = after;
    }
    let Some((part, rest)) = rest.split_first() else {
        return Ok(segments.into_iter().map(|index| Found::Text(message.text_of(index).into())).collect());
    };
    let PartKind::Field(number) = part.kind else {
        return Err(format!("behind a segment stands a field, as in `{segment}-3`"));
    };
    let number = u16::try_from(number).unwrap_or(u16::MAX);
    let mut found = Vec::new();
    for segment in segments {
        found.extend(below(message.field(segment, number), rest)?);
    }
    Ok(found)
}

fn below(field: Piece<'_>, parts: &[Part]) -> Result<Vec<Found>, String> {
    let mut pieces: Vec<Piece> = field.repetitions().collect();
    for part in parts {
        match part.kind {
            PartKind::Index(number) => pieces = nth(&pieces, number).into_iter().collect(),
            PartKind::Component(number) => {
                let number = u16::try_from(number).unwrap_or(u16::MAX);
                pieces = pieces.into_iter().map(|piece| piece.part(number)).collect();
            }
            _ => return Err("a place of a message is named by numbers, as in `PID-3[2].4`".to_owned()),
        }
    }
    let value = |piece: Piece| match piece.state() {
        State::Absent => None,
        State::Null => Some(Found::Text("\"\"".into())),
        // What has parts is compared as it stands.
        State::Present if piece.parts() > 1 => Some(Found::Text(piece.text.into())),
        State::Present => piece.value().map(|text| Found::Text(text.as_ref().into())),
    };
    Ok(pieces.into_iter().filter_map(value).collect())
}

/// Counted from 1.
fn nth<T: Copy>(items: &[T], number: u32) -> Option<T> {
    let index = usize::try_from(number).ok()?.checked_sub(1)?;
    items.get(index).copied()
}

/// A whole message as a text that is the same whatever its line ends are.
pub fn whole(text: &str) -> Found {
    let lines: Vec<&str> = text.split(['\r', '\n']).filter(|line| !line.is_empty()).collect();
    Found::Text(lines.join("\n").into())
}

/// The text of a message.
pub fn text(message: &Message) -> String {
    (0..message.segments().len()).map(|index| format!("{}\n", message.text_of(index))).collect()
}
