//! What a value of a routine can be.

use super::super::Constant;
use emr_message::group::GroupId;
use emr_message::{Piece, Place, State};
use std::rc::Rc;

#[derive(Clone)]
pub(super) enum Value<'m> {
    Missing,
    /// A field, a repetition, a component, a subcomponent.
    Piece(Piece<'m>),
    /// A segment of the message, and the group that it stands in.
    Segment(u32, Place),
    Group(GroupId),
    /// A text that was computed or converted, and the place that it came from.
    Text(Rc<str>, Option<Place>),
    Duration(i64),
    Coded(Rc<Coded>),
    List(Rc<[Value<'m>]>),
}

/// A code with its system and display, each of which may be missing.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Coded {
    pub system: Option<String>,
    pub code: String,
    pub display: Option<String>,
    pub place: Option<Place>,
}

impl<'m> Value<'m> {
    pub fn text_of(text: String, place: Option<Place>) -> Self {
        if text.is_empty() { Value::Missing } else { Value::Text(text.into(), place) }
    }

    pub fn boolean(value: bool) -> Self {
        Value::Text(if value { "true" } else { "false" }.into(), None)
    }

    /// A list of the present ones among them that are lists themselves; nothing if there are none.
    pub fn list(items: Vec<Value<'m>>) -> Self {
        if items.is_empty() { Value::Missing } else { Value::List(items.into()) }
    }

    pub fn constant(constant: &Constant) -> Self {
        match constant {
            Constant::Missing => Value::Missing,
            Constant::Text(text) | Constant::Bare(text) => Value::Text(text.as_str().into(), None),
            Constant::Duration(milliseconds) => Value::Duration(*milliseconds),
            Constant::Coded { system, code, display } => Value::Coded(Rc::new(Coded {
                system: Some(system.to_string()),
                code: code.to_string(),
                display: display.as_ref().map(ToString::to_string),
                place: None,
            })),
        }
    }

    /// The present items: those of a list, or the value itself.
    pub fn items(&self) -> Vec<Value<'m>> {
        match self {
            Value::List(items) => items.iter().filter(|item| item.is_present()).cloned().collect(),
            value if value.is_present() => vec![value.clone()],
            _ => Vec::new(),
        }
    }

    pub fn state(&self) -> State {
        match self {
            Value::Missing => State::Absent,
            Value::Piece(piece) => piece.state(),
            Value::List(items) if items.iter().any(Value::is_present) => State::Present,
            Value::List(items) if items.iter().any(|item| item.state() == State::Null) => State::Null,
            Value::List(_) => State::Absent,
            _ => State::Present,
        }
    }

    pub fn is_present(&self) -> bool {
        self.state() == State::Present
    }

    /// The value as text: of a part of the message the first of its leaves, decoded.
    pub fn text(&self) -> Option<String> {
        match self {
            Value::Piece(piece) => piece.value().map(|text| text.trim().to_owned()).filter(|text| !text.is_empty()),
            Value::Text(text, _) => Some(text.to_string()),
            Value::Coded(coded) => Some(coded.code.clone()),
            Value::List(items) => items.iter().find_map(Value::text),
            Value::Missing | Value::Segment(..) | Value::Group(_) | Value::Duration(_) => None,
        }
    }

    pub fn code(&self) -> Option<String> {
        self.text()
    }

    pub fn duration(&self) -> Option<i64> {
        match self {
            Value::Duration(milliseconds) => Some(*milliseconds),
            _ => None,
        }
    }

    pub fn place(&self) -> Option<Place> {
        match self {
            Value::Piece(piece) => Some(piece.place),
            Value::Segment(_, place) => Some(*place),
            Value::Text(_, place) => *place,
            Value::Coded(coded) => coded.place,
            Value::List(items) => items.first().and_then(Value::place),
            _ => None,
        }
    }
}
