//! Steps down and up in a message.

use super::super::Part;
use super::{Issue, Machine, value::Value};
use emr_message::State;
use emr_message::group::{GroupId, Kind};

impl<'m> Machine<'m> {
    pub(super) fn take(&mut self, of: Value<'m>, part: &Part) -> Value<'m> {
        match (part, of) {
            (Part::Index(number), of) => nth(&of, *number),
            (Part::Range(from, to), of) => range(&of, *from, *to),
            (part, Value::List(items)) => {
                let mut all = Vec::new();
                for item in items.iter() {
                    match self.take(item.clone(), part) {
                        Value::List(inner) => all.extend(inner.iter().cloned()),
                        value => all.push(value),
                    }
                }
                Value::list(all)
            }
            (Part::Outer(levels), Value::Group(group)) => {
                Value::Group((0..*levels).fold(group, |group, _| self.groups.parent(group)))
            }
            (Part::Member(member), Value::Group(group)) => self.member(group, *member),
            (Part::Field { number, repeats }, Value::Segment(segment, _)) => self.field(segment, *number, *repeats),
            (Part::Component(number), Value::Piece(piece)) => Value::Piece(piece.part(u16::from(*number))),
            _ => Value::Missing,
        }
    }

    fn member(&self, group: GroupId, member: u32) -> Value<'m> {
        let nodes = &self.plan.grammar.nodes;
        let node = nodes.get(self.groups.node(group) as usize).map(|node| &node.kind);
        let Some(Kind::Group(members)) = node else { return Value::Missing };
        let Some(&node) = members.get(member as usize) else { return Value::Missing };
        let Some(found) = nodes.get(node as usize) else { return Value::Missing };
        let items: Vec<Value> = match found.kind {
            Kind::Segment(_) => self.groups.segments(group, node).map(|segment| self.segment(segment)).collect(),
            _ => self.groups.groups(group, node).map(Value::Group).collect(),
        };
        match (found.repeats, items.as_slice()) {
            (false, [only]) => only.clone(),
            _ => Value::list(items),
        }
    }

    fn segment(&self, segment: u32) -> Value<'m> {
        Value::Segment(segment, self.message.place(segment as usize))
    }

    fn field(&mut self, segment: u32, number: u16, repeats: bool) -> Value<'m> {
        let field = self.message.field(segment as usize, number);
        if field.level == emr_message::Level::Verbatim {
            return Value::Piece(field);
        }
        if repeats {
            return Value::list(field.repetitions().map(Value::Piece).collect());
        }
        let second = field.repetitions().nth(1);
        if let Some(second) = second.filter(|second| second.state() == State::Present) {
            let text = "this field does not repeat, and the message has several values: the first was taken".into();
            let issue = Issue { text, place: Some(second.place), rule: None };
            if !self.issues.contains(&issue) {
                self.issues.push(issue);
            }
        }
        Value::Piece(field.repetition(1))
    }
}

/// By its number as HL7 counts it: empty ones among others are counted.
fn nth<'m>(of: &Value<'m>, number: u32) -> Value<'m> {
    let index = number.saturating_sub(1) as usize;
    match of {
        Value::List(items) => items.get(index).cloned().unwrap_or(Value::Missing),
        value if index == 0 => value.clone(),
        _ => Value::Missing,
    }
}

fn range<'m>(of: &Value<'m>, from: u32, to: Option<u32>) -> Value<'m> {
    let Value::List(items) = of else {
        return if from <= 1 { of.clone() } else { Value::Missing };
    };
    let to = to.map_or(items.len(), |to| items.len().min(to as usize));
    Value::list(items.get(from.saturating_sub(1) as usize..to).unwrap_or_default().to_vec())
}
