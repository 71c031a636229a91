//! Which numbers and texts of the JSON are values of the message that is made.

use super::json;
use super::value::Writer;
use crate::Message;

/// Where in the JSON the value stands that a leaf belongs to: the leaf itself, or for the first number of a place of the
/// source, what is taken over from there. Nothing for what says where something is done, and for what stays as it was.
pub fn value<'p>(leaf: &'p str, written: &[u8]) -> Option<&'p str> {
    if let Some((around, number)) = leaf.rsplit_once(".=[") {
        return (number == "0]").then_some(around);
    }
    let changes = written.starts_with(b"[");
    let tells_where = leaf.ends_with(".=")
        || leaf.ends_with(".fits")
        || leaf.starts_with("split[")
        || leaf.starts_with('[') && !changes
        || is_place_of_edit(leaf, changes).unwrap_or(false);
    (!tells_where).then_some(leaf)
}

/// How many numbers stand before the value of an edit.
const NUMBERS: usize = 5;

/// `[2][1]` where the message is changed, and in what is taken over with changes `PID.with[0][1]`.
fn is_place_of_edit(leaf: &str, changes: bool) -> Option<bool> {
    let (edit, number) = leaf.strip_suffix(']')?.rsplit_once('[')?;
    let (edits, _) = edit.strip_suffix(']')?.rsplit_once('[')?;
    let is_edit = edits.is_empty() && changes || edits.ends_with(".with");
    Some(is_edit && number.parse::<usize>().ok()? < NUMBERS)
}

/// The text at the place of the source whose first number stands there in the JSON.
pub fn taken<'m>(written: &[u8], first: usize, source: &'m Message) -> Option<&'m str> {
    let numbers = std::str::from_utf8(written.get(first..)?).ok()?;
    let (numbers, _) = numbers.split_once(']')?;
    let place = format!("[{numbers}]");
    let place = json::read(&place)?;
    let json::Node::List(numbers) = &place else { return None };
    match numbers.as_slice() {
        [segment, field, ..] if field.number() == Some(0) => Some(source.text_of(segment.number()?)),
        _ => Writer::new(source, source.encoding().delimiters).piece(&place).map(|piece| piece.text),
    }
}
