//! A view into a message at some level, and its place. Walking down copies nothing.

use std::borrow::Cow;
use std::fmt;

use crate::{Charset, Delimiters, Name, escape};

/// How a message's text is to be understood.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Encoding {
    pub delimiters: Delimiters,
    pub charset: Charset,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Level {
    Field,
    Repetition,
    Component,
    Subcomponent,
    /// Not to be split and without escapes: MSH-1 and MSH-2.
    Verbatim,
}

/// The three states of a value (HL7 v2.5.1 §2.5.3).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State {
    Present,
    /// `""`, alone or followed by empty parts: "delete what you have".
    Null,
    /// Nothing, or delimiters and blanks only.
    Absent,
}

/// Text of a message, with what is needed to take it further apart. `Debug` prints place and size.
///
/// Asking for a part that is not there gives an empty piece with the place asked for, so that an issue can name it.
#[derive(Clone, Copy)]
pub struct Piece<'m> {
    pub text: &'m str,
    pub level: Level,
    pub place: Place,
    pub encoding: &'m Encoding,
}

impl<'m> Piece<'m> {
    /// The repetitions of a field in order: none for an empty field, itself for what is below a field.
    /// Empty ones among others are kept, so that the second stays the second.
    pub fn repetitions(self) -> impl Iterator<Item = Piece<'m>> {
        let delimiter = self.encoding.delimiters.repetition.filter(|_| self.level == Level::Field);
        let mut rest = (!self.text.is_empty()).then_some(self.text);
        let mut number = 0;
        std::iter::from_fn(move || {
            let text = rest?;
            let (first, after) = split(text, delimiter);
            rest = after;
            if self.level > Level::Repetition {
                return Some(self);
            }
            number += 1;
            let place = Place { repetition: number, ..self.place };
            Some(Piece { text: first, level: Level::Repetition, place, ..self })
        })
    }

    /// The nth repetition of a field, counted from 1.
    pub fn repetition(self, n: u32) -> Piece<'m> {
        if self.level > Level::Repetition || (self.level == Level::Repetition && n == 1) {
            return if n == 1 { self } else { Piece { text: "", ..self } };
        }
        let index = usize::try_from(n).unwrap_or(usize::MAX);
        let found = index.checked_sub(1).and_then(|index| self.repetitions().nth(index));
        found.unwrap_or(Piece {
            text: "",
            level: Level::Repetition,
            place: Place { repetition: n, ..self.place },
            ..self
        })
    }

    /// The nth component, counted from 1, of the first repetition if this is a field. A component is its own first.
    pub fn component(self, n: u16) -> Piece<'m> {
        let whole = if self.level == Level::Field { self.repetition(1) } else { self };
        if whole.level > Level::Repetition {
            return if n == 1 { whole } else { whole.lacking() };
        }
        let text = nth(whole.text, self.encoding.delimiters.component, n);
        Piece { text, level: Level::Component, place: Place { component: n, ..whole.place }, ..whole }
    }

    /// The nth subcomponent, counted from 1, of the first component if this is more. A subcomponent is its own first.
    pub fn subcomponent(self, n: u16) -> Piece<'m> {
        let whole = if self.level < Level::Component { self.component(1) } else { self };
        if whole.level > Level::Component {
            return if n == 1 { whole } else { whole.lacking() };
        }
        let text = nth(whole.text, self.encoding.delimiters.subcomponent, n);
        Piece { text, level: Level::Subcomponent, place: Place { subcomponent: n, ..whole.place }, ..whole }
    }

    /// The nth part of the next lower level: a component, or a subcomponent of a component.
    pub fn part(self, n: u16) -> Piece<'m> {
        if self.level < Level::Component { self.component(n) } else { self.subcomponent(n) }
    }

    /// How many parts [`Piece::part`] can give: 0 for empty text.
    pub fn parts(self) -> u16 {
        let (text, delimiter) = match self.level {
            Level::Field => (self.repetition(1).text, self.encoding.delimiters.component),
            Level::Repetition => (self.text, self.encoding.delimiters.component),
            Level::Component => (self.text, self.encoding.delimiters.subcomponent),
            Level::Subcomponent | Level::Verbatim => (self.text, None),
        };
        let more = delimiter.map_or(0, |delimiter| memchr::memchr_iter(delimiter, text.as_bytes()).count());
        if text.is_empty() { 0 } else { u16::try_from(more + 1).unwrap_or(u16::MAX) }
    }

    /// The first subcomponent of the first component of the first repetition: the value, where one is wanted.
    pub fn head(self) -> Piece<'m> {
        if self.level == Level::Verbatim { self } else { self.subcomponent(1) }
    }

    pub fn state(self) -> State {
        if self.level == Level::Verbatim {
            return if self.text.is_empty() { State::Absent } else { State::Present };
        }
        let text = self.text.trim_end_matches(|c| self.splits(c) || c == ' ' || c == '\t');
        if text == "\"\"" {
            State::Null
        } else if text.trim_start_matches(|c| self.splits(c) || c == ' ' || c == '\t').is_empty() {
            State::Absent
        } else {
            State::Present
        }
    }

    /// The text as one value, escapes undone once, without trailing blanks ([`escape::decode`]). Delimiters of lower
    /// levels are text here: take [`Piece::head`] first where only a leaf is meant.
    pub fn decoded(self) -> Cow<'m, str> {
        if self.level == Level::Verbatim {
            return Cow::Borrowed(self.text);
        }
        escape::decode(self.text, &self.encoding.delimiters, self.encoding.charset)
    }

    /// The decoded text of the head, `None` where it is null or absent.
    pub fn value(self) -> Option<Cow<'m, str>> {
        let head = self.head();
        (head.state() == State::Present).then(|| head.decoded())
    }

    fn lacking(self) -> Piece<'m> {
        Piece { text: "", ..self }
    }

    /// Whether the character is a delimiter of a level below this one.
    fn splits(self, c: char) -> bool {
        let d = &self.encoding.delimiters;
        let is = |delimiter: Option<u8>| delimiter.map(char::from) == Some(c);
        (self.level == Level::Field && is(d.repetition))
            || (self.level <= Level::Repetition && is(d.component))
            || (self.level <= Level::Component && is(d.subcomponent))
    }
}

impl fmt::Debug for Piece<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Piece({}, {} bytes)", self.place, self.text.len())
    }
}

fn split(text: &str, delimiter: Option<u8>) -> (&str, Option<&str>) {
    match delimiter.and_then(|delimiter| text.split_once(char::from(delimiter))) {
        Some((first, rest)) => (first, Some(rest)),
        None => (text, None),
    }
}

/// The nth part, counted from 1; empty where there are fewer.
fn nth(text: &str, delimiter: Option<u8>, n: u16) -> &str {
    let mut rest = Some(text);
    let mut found = "";
    for _ in 0..n {
        let Some(text) = rest else { return "" };
        (found, rest) = split(text, delimiter);
    }
    found
}

/// Where something stands in a message. Numbers count from 1; 0 means that the place is not so narrow.
///
/// Prints as a path of the language: `PID-5[2].1.3`. The first repetition is not printed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Place {
    /// Index into [`crate::Message::segments`].
    pub segment: u32,
    pub name: Name,
    /// The how-manieth segment of this name in the message.
    pub occurrence: u32,
    pub field: u16,
    pub repetition: u32,
    pub component: u16,
    pub subcomponent: u16,
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if self.name.is_none() { "?" } else { self.name.as_str() })?;
        if self.field == 0 {
            return Ok(());
        }
        write!(f, "-{}", self.field)?;
        if self.repetition > 1 {
            write!(f, "[{}]", self.repetition)?;
        }
        if self.component > 0 {
            write!(f, ".{}", self.component)?;
        }
        if self.subcomponent > 0 {
            write!(f, ".{}", self.subcomponent)?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ENCODING: Encoding = Encoding { delimiters: Delimiters::STANDARD, charset: Charset::Utf8 };

    fn field(text: &str) -> Piece<'_> {
        let place = Place {
            segment: 2,
            name: Name::read("PID").unwrap(),
            occurrence: 1,
            field: 5,
            repetition: 0,
            component: 0,
            subcomponent: 0,
        };
        Piece { text, level: Level::Field, place, encoding: &ENCODING }
    }

    fn shown(piece: Piece<'_>) -> String {
        format!("{} {}", piece.place, piece.text)
    }

    #[test]
    fn a_field_is_walked_down_to_its_leaves() {
        let name = field("a&b^c~d&e&f^g");
        assert_eq!(name.repetitions().map(shown).collect::<Vec<_>>(), ["PID-5 a&b^c", "PID-5[2] d&e&f^g"]);
        let second = name.repetition(2);
        assert_eq!(shown(second.component(1)), "PID-5[2].1 d&e&f");
        assert_eq!(shown(second.part(1).part(3)), "PID-5[2].1.3 f");
        assert_eq!(shown(second.subcomponent(2)), "PID-5[2].1.2 e");
        assert_eq!(shown(name.component(2)), "PID-5.2 c");
        assert_eq!(shown(name.head()), "PID-5.1.1 a");
        assert_eq!((name.parts(), name.component(1).parts(), field("").parts()), (2, 2, 0));
    }

    #[test]
    fn what_is_not_there_is_empty_and_has_its_place() {
        let name = field("a");
        assert_eq!(shown(name.repetition(3)), "PID-5[3] ");
        assert_eq!(shown(name.repetition(0)), "PID-5 ");
        assert_eq!(shown(name.component(9).subcomponent(2)), "PID-5.9.2 ");
        assert_eq!(shown(name.component(0)), "PID-5 ");
        assert_eq!(shown(name.head().subcomponent(2)), "PID-5.1.1 ");
        assert_eq!(field("").repetitions().count(), 0);
        assert_eq!(field("~").repetitions().count(), 2);
    }

    #[test]
    fn states() {
        for (text, state) in [
            ("a", State::Present),
            ("\"\"", State::Null),
            ("\"\"^^", State::Null),
            ("\"\" ", State::Null),
            ("", State::Absent),
            ("^^", State::Absent),
            ("~^&~", State::Absent),
            ("  ", State::Absent),
            ("^\"\"", State::Present),
            ("\"\"a", State::Present),
        ] {
            assert_eq!(field(text).state(), state, "{text}");
        }
        assert_eq!(field("^\"\"").component(2).state(), State::Null);
        assert_eq!(field("a").component(2).state(), State::Absent);
    }

    #[test]
    fn a_value_is_decoded_and_null_gives_none() {
        assert_eq!(field(r"a\T\b &c^d").value().as_deref(), Some("a&b"));
        assert_eq!(field("\"\"").value(), None);
        assert_eq!(field(r"a^b\T\").decoded(), "a^b&");
    }

    #[test]
    fn debug_shows_no_value() {
        assert_eq!(format!("{:?}", field("EVERYWOMAN")), "Piece(PID-5, 10 bytes)");
    }
}
