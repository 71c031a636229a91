//! What can be read from a routine's steps without carrying them out.

use emr_compiler::check::typed::Primitive;
use emr_compiler::plan::{Block, Constant, Part, Plan, Step, Val};
use rustc_hash::{FxHashMap, FxHashSet};
use smol_str::SmolStr;

/// What can be read from a routine's steps without carrying them out.
#[derive(Default)]
pub struct Facts<'p> {
    /// Which parts of a value are taken.
    pub parts: FxHashMap<Val, Vec<u8>>,
    /// The steps that set a value.
    setters: FxHashMap<Val, Vec<&'p Step>>,
    /// What loops set for each of their turns.
    items: FxHashSet<Val>,
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
            match step {
                Step::Each { item, .. } => self.items.extend([*item]),
                Step::EachBy { item, items, .. } => self.items.extend([*item, *items]),
                _ => {}
            }
            if let Some(to) = step.sets() {
                self.setters.entry(to).or_default().push(step);
            }
            step.blocks().into_iter().for_each(|inner| self.block(inner));
        }
    }

    /// The step that alone sets the value.
    pub fn setter(&self, val: Val) -> Option<&'p Step> {
        match self.setters(val) {
            [only] => Some(only),
            _ => None,
        }
    }

    /// All steps that set the value.
    pub fn setters(&self, val: Val) -> &[&'p Step] {
        self.setters.get(&val).map_or(&[], Vec::as_slice)
    }

    /// The text that a value is wherever it is set.
    pub fn constant(&self, val: Val) -> Option<&'p SmolStr> {
        match self.setter(val)? {
            Step::Constant { value: Constant::Text(text), .. } => Some(text),
            _ => None,
        }
    }

    /// Whether it is what a loop sets for each of its turns.
    pub fn is_item(&self, val: Val) -> bool {
        self.items.contains(&val)
    }

    /// Whether it is an empty text wherever it is set.
    pub fn is_empty_text(&self, val: Val) -> bool {
        let is_empty =
            |step: &&Step| matches!(step, Step::Constant { value: Constant::Text(text), .. } if text.is_empty());
        let setters = self.setters(val);
        !setters.is_empty() && setters.iter().all(is_empty)
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
