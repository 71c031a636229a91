//! Values that a test computes of others, by the functions of the language and by arithmetic. A plan of constants does it,
//! so that they come to what they come to in maps.

use super::equal::text;
use super::evaluate::Evaluator;
use super::spell;
use super::walk::Found;
use crate::check::typed::Arithmetic;
use crate::json::{self, Json};
use crate::plan::interpret::{self, Settings};
use crate::plan::{Block, Code, Constant, Form, Gives, Plan, Routine, Rule, Said, Step, Until, Val};
use crate::settings::milliseconds;
use crate::syntax::tree::{Binary, Expr, ExprKind, Prefix};
use emr_abi::Builtin;
use emr_message::Message;
use emr_message::group::Grammar;
use smol_str::SmolStr;
use std::collections::BTreeMap;

/// No computation looks at it.
const MESSAGE: &[u8] = b"MSH|^~\\&";

/// What a computation comes to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Computed {
    Text,
    Number,
    Boolean,
    /// Of what is computed further: a test compares none.
    Duration,
    /// What is given.
    Same,
}

/// What a function gives; nothing for one that is no function of tests, or that they have of their own.
pub fn function(name: &str) -> Option<(Builtin, Computed)> {
    let function = Builtin::from_name(name)?;
    let gives = match function {
        Builtin::digits
        | Builtin::search_value
        | Builtin::left
        | Builtin::right
        | Builtin::substring
        | Builtin::replace
        | Builtin::extract
        | Builtin::pieces
        | Builtin::pad
        | Builtin::join
        | Builtin::truncate
        | Builtin::parse
        | Builtin::format
        | Builtin::in_zone
        | Builtin::base64
        | Builtin::unhex
        | Builtin::text_of
        | Builtin::sha1
        | Builtin::uuid => Computed::Text,
        Builtin::number
        | Builtin::round
        | Builtin::sum
        | Builtin::position
        | Builtin::convert_units
        | Builtin::year
        | Builtin::in_minutes
        | Builtin::age
        | Builtin::size => Computed::Number,
        Builtin::has_time => Computed::Boolean,
        Builtin::minutes | Builtin::hours | Builtin::days | Builtin::duration => Computed::Duration,
        Builtin::min | Builtin::max => Computed::Same,
        _ => return None,
    };
    Some((function, gives))
}

/// What an expression comes to; nothing if it computes nothing.
pub fn computed(expr: &Expr) -> Option<Computed> {
    match &*expr.kind {
        ExprKind::Duration(_) => Some(Computed::Duration),
        // Behind a call that is chosen from it is a value like others.
        ExprKind::Call { name, parts, .. } if parts.is_empty() => function(&name.text).map(|(_, gives)| gives),
        ExprKind::Binary(op, left, right) => {
            arithmetic(*op)?;
            let is_span = |side: &Expr| computed(side) == Some(Computed::Duration);
            Some(match (is_span(left), is_span(right)) {
                (false, false) => Computed::Number,
                // A moment that is moved.
                (false, true) => Computed::Text,
                (true, _) => Computed::Duration,
            })
        }
        _ => None,
    }
}

fn arithmetic(op: Binary) -> Option<Arithmetic> {
    match op {
        Binary::Plus => Some(Arithmetic::Plus),
        Binary::Minus => Some(Arithmetic::Minus),
        Binary::Times => Some(Arithmetic::Times),
        Binary::Over => Some(Arithmetic::Over),
        _ => None,
    }
}

/// From which argument on a function takes all values at once, instead of each; the list may stand in several arguments.
fn list_from(function: Builtin) -> Option<usize> {
    match function {
        Builtin::join => Some(1),
        Builtin::min | Builtin::max | Builtin::sum | Builtin::uuid => Some(0),
        _ => None,
    }
}

/// What the expression comes to, which computes something.
pub fn values(expr: &Expr, gives: Computed, evaluator: &mut Evaluator) -> Result<Vec<Found>, String> {
    let mut making = Making { evaluator, vals: 0, body: Block::new(), numbers: true };
    let (of, _) = making.value(expr, false)?;
    let item = making.fresh();
    let written = vec![Step::Write { of: item, form: Form::Text }, Step::Put(",".to_owned())];
    let each = Step::Each { of, item, body: written, until: Until::All };
    making.body.push(Step::Wrap {
        open: "[".to_owned(),
        body: vec![each],
        close: "],".to_owned(),
        live: false,
        needs: Vec::new(),
    });
    let Making { vals, body, numbers, .. } = making;
    let texts = run(vals, body).ok_or_else(|| format!("{} cannot be computed", spell::expr(expr)))?;
    let found = |text: &str| match gives {
        Computed::Number => Found::Number(text.into()),
        Computed::Same if numbers => Found::Number(text.into()),
        Computed::Boolean => Found::Boolean(text == "true"),
        _ => Found::Text(text.into()),
    };
    Ok(texts.iter().map(|text| found(text)).collect())
}

/// The texts that a routine writes in a list; nothing where a function does not take what it is given.
fn run(vals: u32, body: Block) -> Option<Vec<String>> {
    let name = SmolStr::new_static("test");
    let issue = Said { code: Code::NotCalculated.text(), text: SmolStr::default(), rule: 0 };
    let routine = Routine { name: name.clone(), params: 0, vals, body, result: None, marks: Vec::new() };
    let plan = Plan {
        name,
        grammar: Grammar::default(),
        stated: Vec::new(),
        reads: BTreeMap::new(),
        takes: Vec::new(),
        gives: Gives::Value,
        routines: vec![routine],
        entry: 0,
        issues: vec![issue],
        rules: vec![Rule { function: SmolStr::default(), at: 0..0 }],
        tables: Vec::new(),
        asked: Vec::new(),
    };
    let message = Message::read(MESSAGE, &emr_message::Settings::default()).ok()?;
    let outcome = interpret::run(&plan, &message, &Settings::default());
    if !outcome.issues.is_empty() {
        return None;
    }
    let json = json::read(&String::from_utf8(outcome.result.ok()?).ok()?)?;
    Some(json.items().iter().filter_map(Json::text).map(str::to_owned).collect())
}

/// A routine that computes.
struct Making<'m, 'e> {
    evaluator: &'m mut Evaluator<'e>,
    vals: u32,
    body: Block,
    /// All that is given are numbers.
    numbers: bool,
}

impl Making<'_, '_> {
    fn fresh(&mut self) -> Val {
        self.vals += 1;
        self.vals - 1
    }

    fn to(&mut self, step: impl FnOnce(Val) -> Step) -> Val {
        let to = self.fresh();
        self.body.push(step(to));
        to
    }

    fn constant(&mut self, value: Constant) -> Val {
        self.to(|to| Step::Constant { value, to })
    }

    /// A value, and whether it may be several: all of them if that is asked for.
    fn value(&mut self, expr: &Expr, all: bool) -> Result<(Val, bool), String> {
        match &*expr.kind {
            ExprKind::Duration(written) => {
                let millis = milliseconds(written).ok_or_else(|| format!("{written} is no duration"))?;
                Ok((self.constant(Constant::Duration(millis)), false))
            }
            ExprKind::Binary(op, left, right) if let Some(op) = arithmetic(*op) => {
                let (left, right) = (self.one(left)?, self.one(right)?);
                Ok((self.to(|to| Step::Calculate { op, left, right, to, issue: 0 }), false))
            }
            ExprKind::Call { name, arguments, parts } if parts.is_empty() && function(&name.text).is_some() => {
                let Some((function, _)) = function(&name.text) else { return Err(String::new()) };
                let from = list_from(function).unwrap_or(arguments.len());
                let mut made = Vec::new();
                for (index, argument) in arguments.iter().enumerate() {
                    let all = index >= from || (function, index) == (Builtin::position, 0);
                    made.push(self.value(&argument.value, all)?);
                }
                if made.len() > from {
                    let parts = made.drain(from..).map(|(val, _)| val).collect();
                    made.push((self.to(|to| Step::Gather { parts, to }), true));
                }
                Ok(self.call(function, &made))
            }
            ExprKind::List { items, parts } if parts.is_empty() && (all || items.len() == 1) => {
                if let ([only], false) = (items.as_slice(), all) {
                    return self.value(only, false);
                }
                let mut made = Vec::new();
                for item in items {
                    made.push(self.value(item, true)?.0);
                }
                Ok((self.to(|to| Step::Gather { parts: made, to }), true))
            }
            _ => self.given(expr, all),
        }
    }

    /// What arithmetic takes: one value.
    fn one(&mut self, expr: &Expr) -> Result<Val, String> {
        match self.value(expr, false)? {
            (val, false) => Ok(val),
            (_, true) => Err(format!("{} has several values: choose one by its number", spell::expr(expr))),
        }
    }

    /// A function of each of several values, where it takes one.
    fn call(&mut self, function: Builtin, arguments: &[(Val, bool)]) -> (Val, bool) {
        let vals: Vec<Val> = arguments.iter().map(|(val, _)| *val).collect();
        let lifts = list_from(function).is_none() && function != Builtin::position;
        let Some((first, true)) = arguments.first().filter(|_| lifts).copied() else {
            let several = function == Builtin::pieces;
            return (self.to(|to| Step::Builtin { function, arguments: vals, to, issue: 0 }), several);
        };
        let (list, item, one) = (self.constant(Constant::List), self.fresh(), self.fresh());
        let arguments = std::iter::once(item).chain(vals.into_iter().skip(1)).collect();
        let body = vec![Step::Builtin { function, arguments, to: one, issue: 0 }, Step::Push { of: one, to: list }];
        self.body.push(Step::Each { of: first, item, body, until: Until::All });
        (list, true)
    }

    /// What the test has at hand.
    fn given(&mut self, expr: &Expr, all: bool) -> Result<(Val, bool), String> {
        let values = match &*expr.kind {
            ExprKind::Prefix(Prefix::Not, _) => return Err(format!("{} is no value", spell::expr(expr))),
            _ => self.evaluator.values(expr)?,
        };
        let is_number = |found: &Found| match found {
            Found::Number(_) => true,
            Found::Node(node) => matches!(node.value, Json::Number(_)),
            _ => false,
        };
        self.numbers &= values.iter().all(is_number);
        let mut made = Vec::new();
        for value in &values {
            let text = text(value).ok_or_else(|| format!("{} has elements, and one is needed", spell::expr(expr)))?;
            made.push(self.constant(Constant::Text(text.into())));
        }
        Ok(match made.as_slice() {
            [] if !all => (self.constant(Constant::Missing), false),
            [only] if !all => (*only, false),
            _ => (self.to(|to| Step::Gather { parts: made, to }), true),
        })
    }
}
