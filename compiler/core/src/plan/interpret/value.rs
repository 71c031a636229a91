//! What a value of a routine is while a plan runs: a view into the message, or something small made of it.

use crate::json::Json;
use crate::plan::Part;
use emr_message::group::{Grammar, GroupId, Groups, NodeId};
use emr_message::{Message, Piece, Place, State};
use smol_str::SmolStr;
use std::borrow::Cow;
use std::rc::Rc;

#[derive(Clone)]
pub(super) enum Value<'m> {
    Missing,
    Group(GroupId),
    /// Index into the message's segments.
    Segment(u32),
    /// All instances at one place of a group, walked where they stand.
    Members {
        group: GroupId,
        node: NodeId,
    },
    Piece(Piece<'m>),
    /// All repetitions of a field, walked where they stand.
    Field(Piece<'m>),
    Text(Text<'m>),
    Coded(Rc<Coded>),
    /// A data-absent-reason in place of a coded value.
    Reason(SmolStr),
    /// Of a resource that came.
    Json(Json),
    /// Milliseconds.
    Duration(i64),
    /// Index into the entries.
    Reference(usize),
    /// Number of a contained resource.
    Contained(usize),
    List(Rc<Vec<Value<'m>>>),
}

/// A text that was made, and whether a value of the message had a part in it.
#[derive(Clone)]
pub(super) struct Text<'m> {
    pub text: Str<'m>,
    pub live: bool,
    pub place: Option<Place>,
}

#[derive(Clone)]
pub(super) enum Str<'m> {
    Part(&'m str),
    Made(Rc<str>),
    /// One that is added to.
    Grown(Rc<String>),
}

pub(super) struct Coded {
    pub system: Option<SmolStr>,
    pub code: SmolStr,
    pub display: Option<SmolStr>,
    pub live: bool,
}

impl Str<'_> {
    pub fn as_str(&self) -> &str {
        match self {
            Str::Part(text) => text,
            Str::Made(text) => text,
            Str::Grown(text) => text,
        }
    }
}

impl<'m> From<Cow<'m, str>> for Str<'m> {
    fn from(text: Cow<'m, str>) -> Self {
        match text {
            Cow::Borrowed(text) => Str::Part(text),
            Cow::Owned(text) => Str::Made(text.into()),
        }
    }
}

impl<'m> Value<'m> {
    pub fn list(items: Vec<Value<'m>>) -> Self {
        Value::List(Rc::new(items))
    }

    pub fn text(text: impl Into<Str<'m>>, live: bool, place: Option<Place>) -> Self {
        Value::Text(Text { text: text.into(), live, place })
    }

    pub fn made(text: String, live: bool, place: Option<Place>) -> Self {
        Value::Text(Text { text: Str::Made(text.into()), live, place })
    }

    pub fn boolean(value: bool) -> Self {
        Value::Text(Text { text: Str::Part(if value { "true" } else { "false" }), live: true, place: None })
    }

    pub fn is_present(&self, message: &'m Message, groups: &Groups) -> bool {
        match self {
            Value::Missing => false,
            Value::Piece(piece) => piece.state() == State::Present,
            Value::Text(text) => !text.text.as_str().is_empty(),
            Value::Json(json) => is_there(json),
            Value::Field(_) | Value::Members { .. } | Value::List(_) => self.items(message, groups).next().is_some(),
            _ => true,
        }
    }

    pub fn is_null(&self) -> bool {
        match self {
            Value::Piece(piece) => piece.state() == State::Null,
            Value::Field(piece) => piece.repetitions().any(|piece| piece.state() == State::Null),
            Value::List(items) => items.iter().any(Value::is_null),
            _ => false,
        }
    }

    /// The items that are there, in order; the value itself if it is one.
    pub fn items<'v>(&'v self, message: &'m Message, groups: &'v Groups) -> Box<dyn Iterator<Item = Value<'m>> + 'v> {
        match self {
            Value::Missing => Box::new(std::iter::empty()),
            Value::Field(piece) => {
                Box::new(piece.repetitions().filter(|piece| piece.state() == State::Present).map(Value::Piece))
            }
            Value::Members { group, node } => {
                let segments = groups.segments(*group, *node).map(Value::Segment);
                Box::new(segments.chain(groups.groups(*group, *node).map(Value::Group)))
            }
            Value::List(items) => Box::new(items.iter().filter(move |item| item.is_present(message, groups)).cloned()),
            Value::Json(json) => Box::new(json.items().iter().filter(|item| is_there(item)).cloned().map(Value::Json)),
            one => {
                let there = one.is_present(message, groups);
                Box::new(there.then(|| one.clone()).into_iter())
            }
        }
    }

    /// Its first item that is there, or the place of one that is not.
    pub fn first(&self, message: &'m Message, groups: &Groups) -> Value<'m> {
        match self {
            Value::Field(piece) => {
                self.items(message, groups).next().unwrap_or_else(|| Value::Piece(piece.repetition(1)))
            }
            Value::Members { .. } | Value::List(_) | Value::Json(Json::List(_)) => {
                self.items(message, groups).next().unwrap_or(Value::Missing)
            }
            one => one.clone(),
        }
    }

    /// Its text, if it is one value and there.
    pub fn as_text(&self) -> Option<Cow<'_, str>> {
        match self {
            Value::Piece(piece) | Value::Field(piece) => piece.value(),
            Value::Text(text) => Some(Cow::Borrowed(text.text.as_str())),
            Value::Coded(coded) => Some(Cow::Borrowed(&coded.code)),
            Value::Json(json) => leaf(json).map(Cow::Borrowed),
            Value::Reason(_) => None,
            _ => None,
        }
    }

    /// The same without copying what stands in the message.
    pub fn into_str(self) -> Option<Str<'m>> {
        match self {
            Value::Piece(piece) | Value::Field(piece) => piece.value().map(Str::from),
            Value::Text(text) => Some(text.text),
            Value::Coded(coded) => Some(Str::Made(coded.code.as_str().into())),
            Value::Json(json) => leaf(&json).map(|text| Str::Made(text.into())),
            _ => None,
        }
    }

    /// Whether writing it counts as a value of the message.
    pub fn is_live(&self) -> bool {
        match self {
            Value::Text(text) => text.live,
            Value::Coded(coded) => coded.live,
            Value::List(items) => items.iter().any(Value::is_live),
            Value::Missing | Value::Reason(_) | Value::Duration(_) => false,
            _ => true,
        }
    }

    pub fn place(&self, message: &Message) -> Option<Place> {
        match self {
            Value::Piece(piece) => Some(piece.place),
            Value::Field(piece) => Some(piece.place),
            Value::Segment(index) => Some(message.place(*index as usize)),
            Value::Text(text) => text.place,
            Value::List(items) => items.iter().find_map(|item| item.place(message)),
            _ => None,
        }
    }

    /// A step down or up.
    pub fn take(&self, part: &Part, message: &'m Message, groups: &Groups, grammar: &Grammar) -> Value<'m> {
        match (part, self) {
            (Part::Outer(levels), Value::Group(group)) => {
                Value::Group((0..*levels).fold(*group, |group, _| groups.parent(group)))
            }
            (Part::Member { name, nth, repeats }, Value::Group(group)) => {
                let Some(node) = grammar.named(groups.node(*group), name, *nth) else { return Value::Missing };
                let members = Value::Members { group: *group, node };
                if *repeats { members } else { members.first(message, groups) }
            }
            (Part::Field { number, repeats }, Value::Segment(segment)) => {
                let piece = message.field(*segment as usize, *number);
                if *repeats { Value::Field(piece) } else { Value::Piece(piece) }
            }
            (Part::Component(number), Value::Piece(piece)) => Value::Piece(piece.part(u16::from(*number))),
            (Part::Index(number), Value::Piece(piece) | Value::Field(piece)) => Value::Piece(piece.repetition(*number)),
            (Part::Element(names), Value::Json(json)) => {
                below(json, &|item| names.iter().find_map(|name| item.member(name)).cloned())
            }
            (Part::Resource(name), Value::Json(json)) => {
                below(json, &|item| (item.resource_type() == Some(name.as_str())).then(|| item.clone()))
            }
            (Part::Element(_) | Part::Resource(_), Value::List(items)) => {
                let below = items.iter().map(|item| item.take(part, message, groups, grammar));
                Value::list(below.flat_map(|it| it.items(message, groups).collect::<Vec<_>>()).collect())
            }
            (Part::Element(_) | Part::Resource(_), _) => Value::Missing,
            (Part::Index(number), several) => {
                let index = (*number as usize).checked_sub(1);
                index.and_then(|index| several.items(message, groups).nth(index)).unwrap_or(Value::Missing)
            }
            (Part::Range(from, to), several) => {
                let skipped = (*from as usize).saturating_sub(1);
                let most = to.map_or(usize::MAX, |to| (to as usize).saturating_sub(skipped));
                Value::list(several.items(message, groups).skip(skipped).take(most).collect())
            }
            (part, several @ (Value::Field(_) | Value::Members { .. } | Value::List(_))) => {
                match several.first(message, groups) {
                    Value::Field(_) | Value::Members { .. } | Value::List(_) => Value::Missing,
                    one => one.take(part, message, groups, grammar),
                }
            }
            _ => Value::Missing,
        }
    }
}

/// Whether there is anything in it.
fn is_there(json: &Json) -> bool {
    match json {
        Json::Null => false,
        Json::Text(text) => !text.is_empty(),
        Json::List(items) => items.iter().any(is_there),
        Json::Object(members) => !members.is_empty(),
        Json::Boolean(_) | Json::Number(_) => true,
    }
}

/// The text of a primitive.
fn leaf(json: &Json) -> Option<&str> {
    match json {
        Json::Text(text) | Json::Number(text) => Some(text),
        Json::Boolean(value) => Some(if *value { "true" } else { "false" }),
        _ => None,
    }
}

/// What a step finds in a value, or in each item of a list.
fn below<'m>(json: &Json, step: &dyn Fn(&Json) -> Option<Json>) -> Value<'m> {
    match json {
        Json::List(items) => {
            let found: Vec<Json> = items.iter().filter_map(step).collect();
            Value::Json(Json::List(found.iter().flat_map(|it| it.items()).cloned().collect()))
        }
        one => step(one).map_or(Value::Missing, Value::Json),
    }
}
