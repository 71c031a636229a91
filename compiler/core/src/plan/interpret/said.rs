//! What a run says of its message: issues, and why it is refused.

use super::exec::{Done, Run, Stop};
use super::value::Value;
use super::{Issue, Rejection};
use crate::plan::{IssueId, Part, SEVERAL};
use emr_message::{Place, State};

impl<'m> Run<'_, 'm> {
    pub fn say(&mut self, issue: IssueId, place: Option<Place>) {
        if let Some(said) = self.plan.issues.get(issue as usize) {
            let (code, text) = (said.code, said.text.clone());
            self.raise(Issue { code, text, place, rule: Some(said.rule) });
        }
    }

    /// Where the standard or the profile has one, and the message several: the first is taken, and it is said.
    pub(super) fn left_out(&mut self, of: &Value<'m>, part: &Part) {
        let second = match (part, of) {
            (Part::Field { number, repeats: false }, Value::Segment(segment)) => {
                let field = self.message.field(*segment as usize, *number);
                field.repetitions().skip(1).find(|piece| piece.state() == State::Present).map(|piece| piece.place)
            }
            // Only a group that a segment had to join can hold one too many, and each is looked through once: a large
            // group would else be walked for every item in it.
            (Part::Member { name, nth, repeats: false }, Value::Group(group))
                if self.joined.contains(group) && self.counted.insert((*group, name.clone(), *nth)) =>
            {
                let all = Part::Member { name: name.clone(), nth: *nth, repeats: true };
                let members = of.take(&all, self.message, self.groups, &self.plan.grammar);
                members.items(self.message, self.groups).nth(1).and_then(|second| second.place(self.message))
            }
            _ => None,
        };
        if let Some(place) = second {
            let (code, text) = SEVERAL;
            self.raise(Issue { code, text: text.into(), place: Some(place), rule: None });
        }
    }

    /// The same said of one place by two rules is said once.
    pub fn raise(&mut self, issue: Issue) {
        let known = (issue.code, issue.text.clone(), issue.place);
        if self.raised.insert(known) {
            self.issues.push(issue);
        }
    }

    pub(super) fn reject(&mut self, issue: IssueId, at: Option<Value<'m>>) -> Done {
        let place = at.and_then(|at| at.place(self.message));
        Err(self.refused(issue, place))
    }

    pub(super) fn refused(&self, issue: IssueId, place: Option<Place>) -> Stop {
        match self.plan.issues.get(issue as usize) {
            Some(said) => Stop::Reject(Box::new(Rejection::of(said, place))),
            None => Stop::Skip,
        }
    }
}
