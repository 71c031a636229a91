//! Tables that a running engine asks are asked with keys that come from the message alone: no answer of one is a key of
//! another, also not by way of the maps that are called.

use super::promise::Bodies;
use super::typed::{Block, Expr, Field, Function, Key, Kind, Slot, Statement};
use super::types;
use crate::diagnostic::{Code, Diagnostic};
use crate::syntax::tree::At;
use rustc_hash::{FxHashMap, FxHashSet};

/// One diagnostic for each key that is an answer, where the function itself or a call in it makes it one. Where nothing is
/// asked, nothing else is looked at: no change of a body that is called then makes a map be looked through again.
pub fn as_keys(function: &Function, bodies: &dyn Bodies) -> Vec<Diagnostic> {
    if bodies.asked().is_empty() {
        return Vec::new();
    }
    let mut walk = Walk { bodies, known: FxHashMap::default() };
    let told = walk.function(function, &FxHashSet::default()).asked;
    let said = |(at, table): (At, Key)| {
        let table = types::short_key(&table).to_owned();
        let message = format!("`{table}` is asked before the map runs, and this key is what another table answers");
        Diagnostic::new(Code::AnswerAsKey, at, message)
            .help("a key comes from the message; one query can join the two tables where they are in one database")
    };
    told.into_iter().map(said).collect()
}

/// What comes of a function for arguments of which some are answers.
#[derive(Clone, Debug, Default)]
struct Told {
    /// What it gives is an answer, or made of one.
    gives: bool,
    /// Where a key is an answer, and of which table.
    asked: Vec<(At, Key)>,
}

struct Walk<'w> {
    bodies: &'w dyn Bodies,
    known: FxHashMap<(Key, Vec<Slot>), Told>,
}

/// The slots that hold answers.
type Answers = FxHashSet<Slot>;

impl Walk<'_> {
    fn function(&mut self, function: &Function, answers: &Answers) -> Told {
        let mut own: Vec<Slot> = answers.iter().copied().collect();
        own.sort_unstable();
        let known = (function.key.clone(), own);
        if let Some(told) = self.known.get(&known) {
            return told.clone();
        }
        // A name that is recursive is told of elsewhere, and comes to an end here.
        self.known.insert(known.clone(), Told::default());
        let mut answers = answers.clone();
        let mut told = Told::default();
        for expr in function.keyed.iter().map(|part| &part.value).chain([&function.body]) {
            told.gives |= self.expr(expr, &mut answers, &mut told.asked);
        }
        self.known.insert(known, told.clone());
        told
    }

    /// Whether a value is an answer, or made of one.
    fn expr(&mut self, expr: &Expr, answers: &mut Answers, asked: &mut Vec<(At, Key)>) -> bool {
        match &*expr.kind {
            Kind::Slot(slot) => answers.contains(slot),
            Kind::Path { root, .. } => self.all(&expr.inside(), answers, asked) | answers.contains(root),
            Kind::Lookup { table, keys, .. } => {
                let is_asked = self.bodies.asked().contains(table);
                let mut is_answer = is_asked;
                for key in keys {
                    let is_one = self.expr(key, answers, asked);
                    if is_one && is_asked {
                        asked.push((key.at.clone(), table.clone()));
                    }
                    is_answer |= is_one;
                }
                is_answer
            }
            Kind::Call { function, arguments } | Kind::Refer { function, arguments, .. } => {
                let given: Vec<bool> = arguments.iter().map(|it| self.expr(it, answers, asked)).collect();
                let Some(called) = self.bodies.function(function) else { return given.contains(&true) };
                let params = called.params.iter().zip(given).filter(|(_, is_answer)| *is_answer);
                let inner: Answers = params.map(|(param, _)| param.slot).collect();
                let Told { gives, asked: within } = self.function(called, &inner);
                if !inner.is_empty() {
                    asked.extend(within.into_iter().map(|(_, table)| (expr.at.clone(), table)));
                }
                gives
            }
            Kind::Do { statements, value } => {
                self.statements(statements, answers, asked);
                self.expr(value, answers, asked)
            }
            Kind::Block(block) => self.block(block, answers, asked),
            Kind::With { base, fields } => {
                let base = self.expr(base, answers, asked);
                self.fields(fields, answers, asked) | base
            }
            Kind::Each { list, item, filter, body } => {
                if self.expr(list, answers, asked) {
                    answers.insert(*item);
                }
                filter.iter().for_each(|filter| _ = self.expr(filter, answers, asked));
                self.expr(body, answers, asked)
            }
            Kind::EachBy { list, item, filter, key, items, body } => {
                if self.expr(list, answers, asked) {
                    answers.extend([*item, *items]);
                }
                filter.iter().chain([key]).for_each(|expr| _ = self.expr(expr, answers, asked));
                self.expr(body, answers, asked)
            }
            // What decides is no part of what is given.
            Kind::When { value, condition } => {
                self.expr(condition, answers, asked);
                self.expr(value, answers, asked)
            }
            Kind::Match { arms, otherwise } => {
                arms.iter().for_each(|arm| _ = self.expr(&arm.condition, answers, asked));
                let values: Vec<&Expr> = arms.iter().map(|arm| &arm.value).chain(otherwise).collect();
                self.all(&values, answers, asked)
            }
            _ => self.all(&expr.inside(), answers, asked),
        }
    }

    fn all(&mut self, exprs: &[&Expr], answers: &mut Answers, asked: &mut Vec<(At, Key)>) -> bool {
        exprs.iter().fold(false, |found, expr| self.expr(expr, answers, asked) | found)
    }

    fn block(&mut self, block: &Block, answers: &mut Answers, asked: &mut Vec<(At, Key)>) -> bool {
        self.statements(&block.statements, answers, asked);
        self.fields(&block.fields, answers, asked)
    }

    fn fields(&mut self, fields: &[Field], answers: &mut Answers, asked: &mut Vec<(At, Key)>) -> bool {
        let mut found = false;
        for field in fields {
            found |= field.values.iter().fold(false, |found, it| self.expr(&it.value, answers, asked) | found);
            found |= field.extras.iter().fold(false, |found, extra| self.block(extra, answers, asked) | found);
        }
        found
    }

    fn statements(&mut self, statements: &[Statement], answers: &mut Answers, asked: &mut Vec<(At, Key)>) {
        for statement in statements {
            match statement {
                Statement::Let(slot, value) => {
                    if self.expr(value, answers, asked) {
                        answers.insert(*slot);
                    }
                }
                Statement::Do(value) => _ = self.expr(value, answers, asked),
                Statement::Require { condition, otherwise } => {
                    self.expr(condition, answers, asked);
                    self.expr(otherwise, answers, asked);
                }
                Statement::Ignore(_) => {}
            }
        }
    }
}
