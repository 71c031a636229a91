//! Which rule of the text each step comes of: for people who read the code of a plan or measure it. Nothing that is
//! carried out depends on it.
//!
//! Steps are counted, so whoever adds or removes some lays the marks among them first, as `Trace`s, and takes them out
//! again when all is done.

use super::{Block, Mark, Routine, RuleId, Step};

impl Routine {
    /// Each step with the rule that it comes of; those before the first mark come of none.
    pub fn ruled(&self) -> Vec<(&Step, RuleId)> {
        let mut steps = Vec::new();
        gather(&self.body, &mut steps);
        let mut rules = Rules::of(&self.marks);
        (0..).zip(steps).filter_map(|(number, step)| Some((step, rules.at(number)?))).collect()
    }

    /// Puts the rule of each step in front of it, but for constants, which are to come together.
    pub(crate) fn lay_marks(&mut self) {
        let marks = std::mem::take(&mut self.marks);
        lay(&mut self.body, &mut 0, &mut Rules::of(&marks));
    }

    pub(crate) fn take_marks(&mut self) {
        let mut taken = Taken::default();
        taken.block(&mut self.body, None);
        self.marks = taken.marks;
    }
}

/// The rules of steps that are asked for in order.
struct Rules<'m> {
    marks: std::iter::Peekable<std::slice::Iter<'m, Mark>>,
    now: Option<RuleId>,
}

impl<'m> Rules<'m> {
    fn of(marks: &'m [Mark]) -> Rules<'m> {
        Rules { marks: marks.iter().peekable(), now: None }
    }

    fn at(&mut self, step: u32) -> Option<RuleId> {
        while let Some(mark) = self.marks.next_if(|mark| mark.step <= step) {
            self.now = Some(mark.rule);
        }
        self.now
    }
}

fn gather<'p>(block: &'p Block, steps: &mut Vec<&'p Step>) {
    for step in block {
        steps.push(step);
        step.blocks().into_iter().for_each(|inner| gather(inner, steps));
    }
}

fn lay(block: &mut Block, number: &mut u32, rules: &mut Rules) {
    let mut laid = Vec::with_capacity(2 * block.len());
    for mut step in block.drain(..) {
        let rule = rules.at(*number);
        *number += 1;
        step.blocks_mut().into_iter().for_each(|inner| lay(inner, number, rules));
        if !matches!(step, Step::Put(_)) {
            laid.extend(rule.map(|rule| Step::Trace { rule, of: None }));
        }
        laid.push(step);
    }
    *block = laid;
}

#[derive(Default)]
struct Taken {
    /// The steps that were met, which is the number of the next.
    steps: u32,
    marks: Vec<Mark>,
}

impl Taken {
    fn block(&mut self, block: &mut Block, around: Option<RuleId>) {
        let mut now = around;
        block.retain_mut(|step| {
            if let Step::Trace { rule, .. } = step {
                now = Some(*rule);
                return false;
            }
            if let Some(rule) = now.filter(|rule| self.marks.last().is_none_or(|last| last.rule != *rule)) {
                self.marks.push(Mark { step: self.steps, rule });
            }
            self.steps += 1;
            step.blocks_mut().into_iter().for_each(|inner| self.block(inner, now));
            true
        });
    }
}
