//! `with`: the fields of a base, with those of the `with` in their place or after them.

use super::{Env, Frame, Lower, Placed};
use crate::check::typed::{self, Expr, Field, Kind};
use crate::plan::{Block, Step};
use crate::syntax::tree::At;
use smol_str::SmolStr;

/// The fields of one `with`, and the text that they stand in.
#[derive(Clone)]
pub(super) struct Over {
    pub fields: Vec<Field>,
    pub env: Env,
}

/// A field with all its values, each in the text where it stands.
pub(super) struct Merged {
    pub name: SmolStr,
    pub choice: bool,
    pub list: bool,
    pub required: bool,
    pub values: Vec<Placed>,
    pub extras: Option<(typed::Block, Env)>,
    pub at: At,
}

impl Merged {
    pub fn of(field: &Field, env: &Env) -> Self {
        Self {
            name: field.name.clone(),
            choice: field.choice,
            list: field.list,
            required: field.required,
            values: field.values.iter().map(|value| Placed { value: value.clone(), env: env.clone() }).collect(),
            extras: field.extras.clone().map(|block| (block, env.clone())),
            at: field.values.first().map_or(0..0, |value| value.rule.clone()),
        }
    }

    /// The values of a `with` in place of these, or after them; what was here is what `keep` stands for.
    fn lay(&mut self, over: &Field, env: &Env) {
        let env = Env { keep: self.values.clone(), ..env.clone() };
        let values = over.values.iter().map(|value| Placed { value: value.clone(), env: env.clone() });
        let values: Vec<Placed> = values.collect();
        if over.adds {
            self.values.extend(values);
        } else {
            self.values = values;
        }
        if let Some(extras) = &over.extras {
            self.extras = Some((extras.clone(), env));
        }
    }
}

/// The fields of a block under everything that is laid over it.
pub(super) fn merged(fields: &[Field], env: &Env, overs: &[Over]) -> Vec<Merged> {
    let mut merged: Vec<Merged> = fields.iter().map(|field| Merged::of(field, env)).collect();
    for over in overs {
        for field in &over.fields {
            match merged.iter_mut().find(|known| known.name == field.name) {
                Some(known) => known.lay(field, &over.env),
                None => {
                    let mut new = Merged::of(&Field { values: Vec::new(), extras: None, ..field.clone() }, &over.env);
                    new.lay(field, &over.env);
                    new.at = field.values.first().map_or(0..0, |value| value.rule.clone());
                    merged.push(new);
                }
            }
        }
    }
    merged
}

/// What is done with a value that nothing stands around any more.
type Found<'f, L> = &'f mut dyn FnMut(&mut L, &Expr, &[Over], &mut Frame, &mut Block);

impl Lower<'_> {
    /// Goes down to the block that a value is, through everything that stands around it, and hands it to `found`.
    ///
    /// Decisions become steps; a call is inlined, its parameters bound to the arguments.
    pub(super) fn open(
        &mut self,
        expr: &Expr,
        overs: &[Over],
        frame: &mut Frame,
        out: &mut Block,
        found: Found<'_, Self>,
    ) {
        match &*expr.kind {
            Kind::With { base, fields } => {
                let mut inner = vec![Over { fields: fields.clone(), env: frame.env.clone() }];
                inner.extend(overs.iter().cloned());
                self.open(base, &inner, frame, out, found);
            }
            Kind::Call { function, arguments } if !overs.is_empty() => {
                let Some(callee) = self.world.function(function) else { return };
                let bound: Vec<_> = arguments.iter().map(|argument| self.value(argument, frame, out)).collect();
                let slots = callee.params.iter().map(|param| param.slot).zip(bound).collect();
                let env = Env { function: function.clone(), slots, keep: Vec::new() };
                let outer = std::mem::replace(&mut frame.env, env);
                self.open(&callee.body, overs, frame, out, found);
                frame.env = outer;
            }
            Kind::Else(first, second) => {
                let (mut one, mut two) = (Block::new(), Block::new());
                self.open(first, overs, frame, &mut one, found);
                self.open(second, overs, frame, &mut two, found);
                out.push(Step::Or { first: one, then: two });
            }
            Kind::When { value, condition } => {
                let test = self.test(condition, frame, out);
                let mut yes = Block::new();
                self.open(value, overs, frame, &mut yes, found);
                out.push(Step::If { test, yes, no: Block::new() });
            }
            Kind::Warn { value, text } => {
                let mut body = Block::new();
                self.open(value, overs, frame, &mut body, found);
                let rule = self.rule(frame, &expr.at);
                out.push(Step::IfWrote { body, then: vec![Step::Issue { text: text.clone(), at: None, rule }] });
            }
            Kind::Match { arms, otherwise } => self.open_match(arms, otherwise.as_ref(), overs, frame, out, found),
            Kind::Do { statements, value } => {
                for statement in statements {
                    self.statement(statement, frame, out);
                }
                self.open(value, overs, frame, out, found);
            }
            Kind::List(items) => {
                for item in items {
                    self.open(item, overs, frame, out, found);
                }
            }
            Kind::Each { list, item, filter, body } => {
                let of = self.value(list, frame, out);
                let item = frame.bind(*item);
                let (mut inner, mut given) = (Block::new(), Block::new());
                self.open(body, overs, frame, &mut given, found);
                self.filtered(filter.as_ref(), vec![Step::Attempt(given)], frame, &mut inner);
                out.push(Step::Each { of, item, body: inner, once: false });
            }
            Kind::EachBy { list, item, filter, key, items, body } => {
                let of = self.chosen(list, *item, filter.as_ref(), frame, out);
                let item = frame.bind(*item);
                let mut keyed = Block::new();
                let by = self.value(key, frame, &mut keyed);
                let items = frame.bind(*items);
                let mut given = Block::new();
                self.open(body, overs, frame, &mut given, found);
                let body = vec![Step::Attempt(given)];
                out.push(Step::EachBy { of, item, key: keyed, by, items, body });
            }
            Kind::Pick { list, .. } => {
                // The first that comes to something; of what has elements, nothing else can be told apart.
                let mut body = Block::new();
                self.open(list, overs, frame, &mut body, found);
                for step in &mut body {
                    if let Step::Each { once, .. } = step {
                        *once = true;
                    }
                }
                out.extend(first_written(body));
            }
            Kind::Keep => {
                for kept in frame.env.keep.clone() {
                    let outer = std::mem::replace(&mut frame.env, kept.env);
                    self.open(&kept.value.value, overs, frame, out, found);
                    frame.env = outer;
                }
            }
            _ => found(self, expr, overs, frame, out),
        }
    }

    fn open_match(
        &mut self,
        arms: &[typed::Arm],
        otherwise: Option<&Expr>,
        overs: &[Over],
        frame: &mut Frame,
        out: &mut Block,
        found: Found<'_, Self>,
    ) {
        let Some((arm, rest)) = arms.split_first() else {
            if let Some(value) = otherwise {
                self.open(value, overs, frame, out, found);
            }
            return;
        };
        let test = self.test(&arm.condition, frame, out);
        let (mut yes, mut no) = (Block::new(), Block::new());
        self.open(&arm.value, overs, frame, &mut yes, found);
        self.open_match(rest, otherwise, overs, frame, &mut no, found);
        out.push(Step::If { test, yes, no });
    }
}

/// Only the first of several steps that writes.
fn first_written(steps: Block) -> Block {
    let writes =
        |step: &Step| matches!(step, Step::Each { .. } | Step::Wrap { .. } | Step::Or { .. } | Step::Attempt(_));
    if steps.iter().filter(|step| writes(step)).count() < 2 {
        return steps;
    }
    steps.into_iter().rev().fold(Block::new(), |then, step| {
        if then.is_empty() { vec![step] } else { vec![Step::Or { first: vec![step], then }] }
    })
}
