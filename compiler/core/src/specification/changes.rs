//! A row for each rule of what is changed: a message, or a segment or field that is taken over.

use super::Rule;
use super::rows::{Around, Rows};
use super::source;
use crate::check::typed::{Edit, Expr, Slot, TyKind, Value};
use std::slice;

impl Rows<'_> {
    /// The rules of `old with { … }`, each of which writes in a place of what is changed. Whether that is a whole message: a
    /// part that is taken over is a row of its own.
    pub(super) fn changed(&mut self, of: Slot, edits: &Expr, around: &Around) -> bool {
        let is_message = self.names.get(&of).is_none_or(|named| matches!(named.ty.kind, TyKind::Structure(..)));
        // The place of a part is that of the message that is made.
        let into = std::mem::replace(&mut self.into, (!is_message).then(|| around.element.clone()));
        self.blocks(edits, around);
        self.into = into;
        is_message
    }

    pub(super) fn edits(&mut self, edits: &[Edit], around: &Around) {
        for edit in edits {
            match edit {
                Edit::Statement(statement) => self.statements(slice::from_ref(statement), around),
                Edit::Inner(inner) => {
                    self.blocks(inner, around);
                }
                Edit::Set { segments, item, place, values, .. } => {
                    self.walk(*item, segments);
                    let Some(of) = self.names.get(item) else { continue };
                    let of = match &self.into {
                        Some(element) => source::Named { path: element.clone(), ..of.clone() },
                        None => of.clone(),
                    };
                    let written = source::place(self.standards, &of, *place);
                    let rule = Rule { element_type: written.shown(self.standards).ty, ..Rule::default() };
                    let inner = Around { element: written.path, ..around.clone() };
                    // What `+:` keeps stands in no text.
                    let is_said = |value: &&Value| value.value.at != value.rule;
                    for value in values.iter().filter(is_said) {
                        self.value(&value.value, &inner, &value.rule, &rule);
                    }
                }
                Edit::Drop { item, at } => {
                    let Some(dropped) = self.names.get(item).cloned() else { continue };
                    let rule = Rule {
                        map: self.map.to_owned(),
                        element: dropped.path,
                        constant: "drop".to_owned(),
                        conditions: around.conditions.clone(),
                        ..Rule::default()
                    };
                    self.found.push((at.clone(), rule));
                }
                Edit::Part { .. } => {}
            }
        }
    }
}
