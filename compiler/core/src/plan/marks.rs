//! Which rule of the text each step comes of: for people who read the code of a plan or measure it. Nothing that is
//! carried out depends on it.

use super::{Block, Routine, RuleId, Step};

impl Routine {
    /// Each step with the rule that it comes of; those before the first mark come of none.
    pub fn ruled(&self) -> Vec<(&Step, RuleId)> {
        let mut steps = Vec::new();
        gather(&self.body, &mut steps);
        let mut marks = self.marks.iter().peekable();
        let mut rule = None;
        let mut ruled = Vec::with_capacity(steps.len());
        for (number, step) in (0..).zip(steps) {
            while let Some(mark) = marks.next_if(|mark| mark.step <= number) {
                rule = Some(mark.rule);
            }
            ruled.extend(rule.map(|rule| (step, rule)));
        }
        ruled
    }
}

fn gather<'p>(block: &'p Block, steps: &mut Vec<&'p Step>) {
    for step in block {
        steps.push(step);
        step.blocks().into_iter().for_each(|inner| gather(inner, steps));
    }
}
