//! What can be read from a routine's steps without carrying them out.

use emr_compiler::check::typed::Primitive;
use emr_compiler::plan::{Block, Constant, Part, Plan, Step, Val};
use rustc_hash::FxHashMap;
use smol_str::SmolStr;

/// What can be read from a routine's steps without carrying them out.
#[derive(Default)]
pub struct Facts<'p> {
    /// Which parts of a value are taken.
    pub parts: FxHashMap<Val, Vec<u8>>,
    /// The only step that sets a value.
    setters: FxHashMap<Val, Option<&'p Step>>,
}

impl<'p> Facts<'p> {
    pub fn of(body: &'p Block) -> Facts<'p> {
        let mut facts = Facts::default();
        facts.block(body);
        facts
    }

    fn block(&mut self, steps: &'p Block) {
        for step in steps {
            if let Step::Take { of, part: Part::Component(number), .. } = step {
                let parts = self.parts.entry(*of).or_default();
                if !parts.contains(number) {
                    parts.push(*number);
                }
            }
            if let Some(to) = step.sets() {
                self.setters.entry(to).and_modify(|only| *only = None).or_insert(Some(step));
            }
            step.blocks().into_iter().for_each(|inner| self.block(inner));
        }
    }

    /// The step that alone sets the value.
    pub fn setter(&self, val: Val) -> Option<&'p Step> {
        self.setters.get(&val).copied().flatten()
    }

    /// The text that a value is wherever it is set.
    pub fn constant(&self, val: Val) -> Option<&'p SmolStr> {
        match self.setter(val)? {
            Step::Constant { value: Constant::Text(text), .. } => Some(text),
            _ => None,
        }
    }

    /// Whether no step sets it.
    pub fn is_given(&self, val: Val) -> bool {
        !self.setters.contains_key(&val)
    }

    /// Whether the value's text, if there is one, needs no quotes in JSON.
    pub fn is_bare(&self, _plan: &Plan, val: Val) -> bool {
        matches!(
            self.setter(val),
            Some(
                Step::Convert {
                    into: Primitive::Boolean
                        | Primitive::Decimal
                        | Primitive::Integer
                        | Primitive::PositiveInt
                        | Primitive::UnsignedInt,
                    ..
                } | Step::Wrote { .. }
                    | Step::Decide { .. }
                    | Step::Probe { .. }
                    | Step::Unlike { .. }
            )
        )
    }
}
