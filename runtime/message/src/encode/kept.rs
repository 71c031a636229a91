//! What of a source stands in the message that is made of it as it came there, without a rule that names it.

use super::edit::{self, Change};
use super::json::Node;
use crate::Message;
use std::collections::BTreeSet;

/// A field of the source: the number of its segment, and its own.
pub type Field = (usize, u16);

/// The fields that are taken over with what is around them, as a whole or in parts.
pub fn fields(node: &Node<'_>, source: &Message) -> BTreeSet<Field> {
    let mut kept = BTreeSet::new();
    match node {
        Node::List(edits) => {
            kept.extend((0..source.segments().len()).flat_map(|segment| all(segment, source)));
            for edit in edit::read(edits).unwrap_or_default() {
                match edit.change {
                    None => kept.retain(|(segment, _)| *segment != edit.segment),
                    Some(change) => replace(&change, edit.segment, &mut kept),
                }
            }
        }
        // Each of several has its own part, and what belongs to none.
        Node::Object(members) if matches!(members.as_slice(), [("split", _)]) => {
            kept.extend((0..source.segments().len()).flat_map(|segment| all(segment, source)));
        }
        _ => inside(node, source, &mut kept),
    }
    kept
}

fn all(segment: usize, source: &Message) -> impl Iterator<Item = Field> {
    (1..=source.fields(segment)).map(move |field| (segment, field))
}

/// The segments that are taken over into a message that is built.
fn inside(node: &Node<'_>, source: &Message, kept: &mut BTreeSet<Field>) {
    match node {
        Node::List(items) => items.iter().for_each(|item| inside(item, source, kept)),
        Node::Object(members) => match members.as_slice() {
            [("=", Node::List(place))] => kept.extend(taken_over(place, source)),
            [("of", Node::Object(of)), with @ ..] => {
                let [("=", Node::List(place))] = of.as_slice() else { return };
                let mut own: BTreeSet<Field> = taken_over(place, source).into_iter().collect();
                if let Some((segment, _)) = own.first().copied() {
                    edit::inside(with).iter().for_each(|change| replace(change, segment, &mut own));
                }
                kept.extend(own);
            }
            _ => members.iter().for_each(|(_, member)| inside(member, source, kept)),
        },
        _ => {}
    }
}

/// All fields of a place that is a segment; of a part of one the rule that takes it over names it.
fn taken_over(place: &[Node<'_>], source: &Message) -> Vec<Field> {
    match place {
        [segment, field, ..] if field.number() == Some(0) => {
            segment.number().into_iter().flat_map(|segment| all(segment, source)).collect()
        }
        _ => Vec::new(),
    }
}

/// A change of a whole field takes away what stood there, unless its value says that this stays.
fn replace(change: &Change, segment: usize, kept: &mut BTreeSet<Field>) {
    if change.component == 0 && change.repetition <= 0 && !keeps(change.value) {
        kept.remove(&(segment, change.field));
    }
}

fn keeps(value: &Node<'_>) -> bool {
    match value {
        Node::List(items) => items.iter().any(keeps),
        Node::Object(members) => members.iter().any(|(name, member)| match *name {
            "=" => member.number() == Some(0),
            "else" => true,
            _ => keeps(member),
        }),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use crate::{Message, Settings, encode};

    fn kept(written: &str) -> Vec<(usize, u16)> {
        let source = Message::read(b"MSH|^~\\&\rPID|1|2|3\rNK1|1|K\r", &Settings::default()).unwrap();
        encode::kept(written.as_bytes(), &source).into_iter().filter(|(segment, _)| *segment > 0).collect()
    }

    #[test]
    fn what_no_edit_names_is_kept() {
        assert_eq!(kept("[]"), [(1, 1), (1, 2), (1, 3), (2, 1), (2, 2)]);
        assert_eq!(kept(r#"[[2],[1,2,0,0,0,"x"],[1,3,0,0,0,{}]]"#), [(1, 1)]);
    }

    #[test]
    fn an_edit_of_a_part_keeps_the_others() {
        for value in
            [r#"[1,2,0,5,0,"x"]"#, r#"[1,2,2,0,0,"x"]"#, r#"[1,2,0,0,0,[{"=":0},"x"]]"#, r#"[1,2,-1,0,0,{"else":"x"}]"#]
        {
            assert!(kept(&format!("[{value}]")).contains(&(1, 2)), "{value}");
        }
    }

    #[test]
    fn of_a_message_that_is_built_the_segments_are_kept_that_it_takes_over() {
        assert_eq!(kept(r#"{"":["ADT_A01","2.5.1"],"NK1":[{"=":[2,0,0,0,0]}],"PV1":{"2":"E"}}"#), [(2, 1), (2, 2)]);
        assert_eq!(kept(r#"{"PID":{"of":{"=":[1,0,0,0,0]},"with":[[0,3,0,0,0,{}]]}}"#), [(1, 1), (1, 2)]);
        assert_eq!(kept(r#"{"PID":{"3":{"=":[1,3,0,0,0]}}}"#), []);
    }

    #[test]
    fn of_several_messages_each_part_is_in_one() {
        assert_eq!(kept(r#"{"split":[[1],[2]]}"#), kept("[]"));
    }
}
