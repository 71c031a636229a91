//! A value as the text of a field, a repetition, a component or a subcomponent.

use super::json::Node;
use super::{coded, edit};
use crate::piece::Level;
use crate::{Delimiters, Message, Piece, escape};

/// What values are written with.
pub struct Writer<'m> {
    pub source: &'m Message,
    pub delimiters: Delimiters,
    /// MSH-12 of what is written.
    pub version: String,
    /// The source has the same delimiters, so that its text stays as it is.
    same: bool,
}

impl<'m> Writer<'m> {
    /// It writes in the version of the source.
    pub fn new(source: &'m Message, delimiters: Delimiters) -> Self {
        let own = source.encoding().delimiters;
        let same = Delimiters { oddity: None, truncation: None, ..own }
            == Delimiters { oddity: None, truncation: None, ..delimiters };
        let version = source.msh(12).value().unwrap_or_default().into_owned();
        Self { source, delimiters, version, same }
    }

    /// Adds the value at that level; `kept` is what stood there before.
    pub fn value(&self, node: &Node<'_>, level: Level, kept: &str, out: &mut String) {
        self.fitted(node, usize::MAX, level, kept, out);
    }

    /// The same where a coded value has room for so many components.
    fn fitted(&self, node: &Node<'_>, room: usize, level: Level, kept: &str, out: &mut String) {
        match node {
            Node::Null => out.push_str("\"\""),
            Node::Bool(value) => out.push(if *value { 'Y' } else { 'N' }),
            Node::Number(digits) => out.push_str(digits),
            Node::Text(text) => escape::encode_into(text, &self.delimiters, out),
            Node::List(items) => self.list(items, room, level, kept, out),
            Node::Object(members) => match members.as_slice() {
                [("=", place)] => self.copied(place, kept, out),
                [("of", Node::Object(of)), rest @ ..] => self.changed(of, rest, out),
                [("else", other)] => match is_there(kept, &self.delimiters) {
                    true => out.push_str(kept),
                    false => self.fitted(other, room, level, kept, out),
                },
                [("fits", Node::Text(room)), ("is", value)] => {
                    self.fitted(value, coded::room(room, &self.version), level, kept, out);
                }
                [(name, _), ..] if !name.starts_with(|first: char| first.is_ascii_digit()) => {
                    coded::write(members, &self.delimiters, room, level, out);
                }
                _ => self.parts(members, level, out),
            },
        }
    }

    fn list(&self, items: &[Node<'_>], room: usize, level: Level, kept: &str, out: &mut String) {
        let start = out.len();
        for item in items.iter().filter(|item| !item.is_empty()) {
            let mut text = String::new();
            self.fitted(item, room, level.max(Level::Repetition), kept, &mut text);
            // What was kept may have been nothing.
            if text.is_empty() {
                continue;
            }
            if out.len() > start {
                let Some(between) = self.delimiters.repetition.filter(|_| level == Level::Field) else { return };
                out.push(char::from(between));
            }
            out.push_str(&text);
        }
    }

    /// Components of a field or repetition, subcomponents of a component.
    fn parts(&self, members: &[(&str, Node<'_>)], level: Level, out: &mut String) {
        let (below, between) = match level {
            Level::Field | Level::Repetition => (Level::Component, self.delimiters.component),
            _ => (Level::Subcomponent, self.delimiters.subcomponent),
        };
        let numbered = members.iter().filter_map(|(name, node)| Some((name.parse::<u16>().ok()?, node)));
        let mut numbered: Vec<(u16, &Node<'_>)> = numbered.collect();
        numbered.sort_by_key(|(number, _)| *number);
        let mut at = 1;
        for (number, node) in numbered {
            let mut text = String::new();
            self.value(node, below, "", &mut text);
            if text.is_empty() || level == Level::Subcomponent && number > 1 {
                continue;
            }
            for _ in at..number {
                out.extend(between.map(char::from));
            }
            at = at.max(number);
            out.push_str(&text);
        }
    }

    /// What stands at a place of the source: `[segment, field, repetition, component, subcomponent]`; 0 for what was here
    /// before.
    fn copied(&self, place: &Node<'_>, kept: &str, out: &mut String) {
        let Some(piece) = self.piece(place) else { return out.push_str(kept) };
        self.piece_text(piece, out);
    }

    /// A field, repetition or component of the source, with changes of what is in it.
    fn changed(&self, of: &[(&str, Node<'_>)], members: &[(&str, Node<'_>)], out: &mut String) {
        let [("=", place)] = of else { return };
        let Some(piece) = self.piece(place) else { return };
        let mut text = String::new();
        self.piece_text(piece, &mut text);
        for change in edit::inside(members) {
            text = edit::part_with(self, piece.level, &text, &change);
        }
        out.push_str(&text);
    }

    pub fn piece(&self, place: &Node<'_>) -> Option<Piece<'m>> {
        let Node::List(numbers) = place else { return None };
        let [segment, field, repetition, component, subcomponent] = numbers.as_slice() else { return None };
        let mut piece = self.source.field(segment.number()?, field.number()?);
        if let Some(number) = repetition.number().filter(|number| *number > 0) {
            piece = piece.repetition(number);
        }
        if let Some(number) = component.number().filter(|number| *number > 0) {
            piece = piece.component(number);
        }
        if let Some(number) = subcomponent.number().filter(|number| *number > 0) {
            piece = piece.subcomponent(number);
        }
        Some(piece)
    }

    /// The text of a part of the source, with the delimiters of what is written.
    pub fn piece_text(&self, piece: Piece<'_>, out: &mut String) {
        if self.same || piece.level == Level::Verbatim {
            return out.push_str(piece.text);
        }
        let from = &piece.encoding.delimiters;
        let (below, split, join) = match piece.level {
            Level::Field => (Level::Repetition, from.repetition, self.delimiters.repetition),
            Level::Repetition => (Level::Component, from.component, self.delimiters.component),
            Level::Component => (Level::Subcomponent, from.subcomponent, self.delimiters.subcomponent),
            Level::Subcomponent | Level::Verbatim => {
                return escape::encode_into(&piece.decoded(), &self.delimiters, out);
            }
        };
        let parts: Vec<&str> = match split {
            Some(split) => piece.text.split(char::from(split)).collect(),
            None => vec![piece.text],
        };
        for (index, text) in parts.into_iter().enumerate() {
            if index > 0 {
                out.extend(join.map(char::from));
            }
            self.piece_text(Piece { text, level: below, ..piece }, out);
        }
    }
}

/// Whether there is a value in the text of a place.
fn is_there(text: &str, delimiters: &Delimiters) -> bool {
    let between = [delimiters.component, delimiters.subcomponent].map(|sign| sign.map(char::from));
    let is_empty = text.chars().all(|sign| between.contains(&Some(sign)));
    !is_empty && text != "\"\""
}
