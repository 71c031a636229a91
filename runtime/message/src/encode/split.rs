//! Several messages of one: each has the segments of its own part, and all that belong to no part.

use super::edit::{self, Change, Edit};
use super::json::Node;
use super::{Encoded, Unmade};
use crate::Message;

/// How many bytes are gone through for all parts together. A message of 2 MB may be split in 250; one that has no more
/// than short segments, in thousands.
const WORK_MAX: usize = 1 << 29;

/// A message for each part, which is a list of numbers of segments. Where there are several, MSH-10 gets a number behind
/// it, so that each has an id of its own.
pub fn messages(parts: &[Node<'_>], source: &Message) -> Result<Encoded, Unmade> {
    let parts: Vec<Vec<usize>> = parts.iter().map(numbers).collect::<Option<_>>().ok_or(Unmade::NoMessage)?;
    if parts.len().saturating_mul(source.text().len()) > WORK_MAX {
        return Err(Unmade::TooLarge);
    }
    let mut all = Encoded { bytes: Vec::new(), lacking: Vec::new(), unknown_charset: None };
    for index in 0..parts.len() {
        let id = (parts.len() > 1).then(|| Node::Text(numbered(source, index + 1).into()));
        let change = |value| Change { field: 10, repetition: 0, component: 0, subcomponent: 0, value };
        let id = id.as_ref().map(|id| Edit { segment: source.header(), change: Some(change(id)) });
        let others = parts.iter().enumerate().filter(|(other, _)| *other != index).flat_map(|(_, part)| part);
        let dropped = others.map(|segment| Edit { segment: *segment, change: None });
        let (one, charset) = edit::made(dropped.chain(id).collect(), source);
        if index == 0 {
            all.bytes.extend_from_slice(source.mark(charset));
        }
        all.bytes.extend_from_slice(&one.bytes);
        all.lacking.extend(one.lacking);
    }
    Ok(all)
}

fn numbers(part: &Node<'_>) -> Option<Vec<usize>> {
    let Node::List(numbers) = part else { return None };
    numbers.iter().map(Node::number).collect()
}

/// `7-1`, the first part of a message whose id is 7.
fn numbered(source: &Message, number: usize) -> String {
    match source.msh(10).value() {
        Some(id) => format!("{id}-{number}"),
        None => number.to_string(),
    }
}
