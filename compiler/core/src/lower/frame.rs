//! The routine in hand: its values and the blocks that are open, with constants put together as they come.

use super::write::To;
use super::{Env, Lower};
use crate::plan::{Block, Code, Constant, Need, RuleId, Step, Test, Val};
use crate::syntax::tree::At;
use rustc_hash::FxHashSet;

pub(super) struct Frame {
    vals: u32,
    blocks: Vec<Open>,
    /// The part of the message that was looked at last: the place of what is said next.
    pub focus: Option<Val>,
    /// Values that are present wherever they are used.
    sure: FxHashSet<Val>,
}

/// A block that steps are added to.
#[derive(Default)]
struct Open {
    steps: Block,
    /// What the last step is marked with.
    rule: Option<RuleId>,
}

impl Open {
    fn add(&mut self, step: Step, rule: Option<RuleId>) {
        if let Some(other) = rule.filter(|_| rule != self.rule) {
            self.steps.push(Step::Trace { rule: other, of: None });
            self.rule = rule;
        }
        self.steps.push(step);
    }
}

impl Frame {
    pub fn new(params: u32) -> Self {
        Self { vals: params, blocks: vec![Open::default()], focus: None, sure: FxHashSet::default() }
    }

    pub fn done(mut self) -> (u32, Block) {
        (self.vals, self.blocks.pop().unwrap_or_default().steps)
    }
}

impl<'a> Lower<'a> {
    fn frame(&mut self) -> &mut Frame {
        if self.frames.is_empty() {
            self.frames.push(Frame::new(0));
        }
        let last = self.frames.len() - 1;
        self.frames.get_mut(last).expect("a frame was just put there")
    }

    pub(super) fn fresh(&mut self) -> Val {
        let frame = self.frame();
        frame.vals += 1;
        frame.vals - 1
    }

    pub(super) fn focus(&mut self) -> Option<Val> {
        self.frame().focus
    }

    pub(super) fn look_at(&mut self, val: Val) {
        self.frame().focus = Some(val);
    }

    /// Back to what was looked at before a part that may not be carried out.
    pub(super) fn look_again(&mut self, seen: Option<Val>) {
        self.frame().focus = seen;
    }

    pub(super) fn surely(&mut self, val: Val) {
        self.frame().sure.insert(val);
    }

    pub(super) fn is_sure(&mut self, val: Val) -> bool {
        self.frame().sure.contains(&val)
    }

    /// The steps that `make` adds, as a block of their own.
    pub(super) fn block(&mut self, make: impl FnOnce(&mut Self)) -> Block {
        self.frame().blocks.push(Open::default());
        make(self);
        self.frame().blocks.pop().unwrap_or_default().steps
    }

    pub(super) fn push(&mut self, step: Step) {
        self.push_of(step, self.rule);
    }

    fn push_of(&mut self, step: Step, rule: Option<RuleId>) {
        if let Some(block) = self.frame().blocks.last_mut() {
            block.add(step, rule);
        }
    }

    pub(super) fn extend(&mut self, steps: Block) {
        let mut rule = self.rule;
        for step in steps {
            match step {
                Step::Put(text) => self.put(&text),
                Step::Trace { rule: marked, .. } if !self.trace => rule = Some(marked),
                step => self.push_of(step, rule),
            }
        }
    }

    pub(super) fn put(&mut self, text: &str) {
        let Some(block) = self.frame().blocks.last_mut() else { return };
        match block.steps.last_mut() {
            Some(Step::Put(before)) => before.push_str(text),
            _ => block.steps.push(Step::Put(text.to_owned())),
        }
    }

    /// `open body close`; constants alone become one constant, or nothing where a source value is asked for.
    pub(super) fn wrap(&mut self, open: String, body: Block, close: &str, live: bool, needs: Vec<Need>) {
        match body.as_slice() {
            [] if needs.is_empty() => {}
            [Step::Put(_)] if live && needs.is_empty() => {}
            [Step::Put(text)] if needs.is_empty() && !close.is_empty() => {
                let items = text.strip_suffix(',').unwrap_or(text);
                self.put(&format!("{open}{items}{close}"));
            }
            _ => self.push(Step::Wrap { open, body, close: close.to_owned(), live, needs }),
        }
    }

    pub(super) fn or(&mut self, first: Block, then: Block) {
        match first.as_slice() {
            [] => self.extend(then),
            // A constant is always written.
            [Step::Put(_)] => self.extend(first),
            _ if then.is_empty() => self.extend(first),
            _ => self.push(Step::Or { first, then }),
        }
    }

    pub(super) fn when(&mut self, test: Test, yes: Block, no: Block) {
        match (&test, yes.is_empty(), no.is_empty()) {
            (_, true, true) => {}
            (Test::Always(true), ..) => self.extend(yes),
            (Test::Always(false), ..) => self.extend(no),
            (_, true, false) => self.push(Step::If { test: Test::Not(Box::new(test)), yes: no, no: yes }),
            _ => self.push(Step::If { test, yes, no }),
        }
    }

    /// What `make` adds may be skipped here: then it is left out.
    pub(super) fn caught(&mut self, env: &Env<'a>, at: &At, make: impl FnOnce(&mut Self)) {
        let body = self.block(make);
        if self.may_fail(&body) {
            let issue = self.said(Code::Skipped, "what is skipped had other values in it", env, at);
            self.push(Step::Attempt { body, issue });
        } else {
            self.extend(body);
        }
    }

    /// The same, for an item of a list: a required list is told of it.
    pub(super) fn left_out(&mut self, env: &Env<'a>, to: &To, at: &At, make: impl FnOnce(&mut Self)) {
        let body = self.block(make);
        let Some(skipped) = to.skipped.filter(|_| self.may_fail(&body)) else {
            return self.caught(env, at, |lower| lower.extend(body));
        };
        let done = self.missing();
        let mark = |to| Step::Constant { value: Constant::Text("true".into()), to };
        self.caught(env, at, |lower| {
            lower.extend(body);
            lower.push(mark(done));
        });
        self.when(Test::Absent(done), vec![mark(skipped)], Block::new());
    }

    /// Whether a `Fail` may leave the block.
    pub(super) fn may_fail(&self, block: &Block) -> bool {
        block.iter().any(|step| match step {
            Step::Fail => true,
            Step::Attempt { .. } | Step::Emit { .. } => false,
            Step::Call { routine, .. } => self.fails.get(*routine as usize).copied().unwrap_or(false),
            step => step.blocks().into_iter().any(|inner| self.may_fail(inner)),
        })
    }
}
