//! `writes only identifier, name`: what a map writes beyond that, itself or by what it calls.

use super::promise::Bodies;
use super::typed::{Block, Expr, Field, Function, Key, Kind, Slot, Statement};
use crate::diagnostic::{Code, Diagnostic};
use crate::syntax::tree::At;
use indexmap::IndexSet;
use rustc_hash::FxHashMap;
use smol_str::SmolStr;
use std::collections::BTreeMap;

/// One diagnostic for each place that writes more.
pub fn writes_more<'w>(function: &'w Function, bodies: &'w dyn Bodies) -> Vec<Diagnostic> {
    let mut bound = Bound {
        bodies,
        allowed: &function.writes,
        lets: FxHashMap::default(),
        found: Vec::new(),
        beyond: BTreeMap::new(),
    };
    let place = Place { function: &function.key, at: None };
    bound.expr(&function.body, &[], &[], place);
    let Bound { beyond, mut found, .. } = bound;
    let allowed: Vec<String> = function.writes.iter().map(|path| format!("`{}`", path.join("."))).collect();
    let help = format!("the map writes only {}: add it there, or leave it out", allowed.join(", "));
    found.extend(beyond.into_iter().map(|((start, end), paths)| {
        let shown: Vec<String> = paths.iter().take(SHOWN).map(|path| format!("`{path}`")).collect();
        let more = if paths.len() > SHOWN { " and others" } else { "" };
        let message = format!("this writes {}{more} as well", shown.join(", "));
        Diagnostic::new(Code::WritesMore, start..end, message).help(help.clone())
    }));
    found
}

/// So many paths are named at one place.
const SHOWN: usize = 3;

struct Bound<'w> {
    bodies: &'w dyn Bodies,
    allowed: &'w [Vec<SmolStr>],
    /// What names stand for, by function.
    lets: FxHashMap<(Key, Slot), &'w Expr>,
    found: Vec<Diagnostic>,
    /// What is written beyond the bounds, by the place that writes it.
    beyond: BTreeMap<(usize, usize), IndexSet<String>>,
}

/// Whose expression it is, and where the map that is bounded calls it.
#[derive(Clone, Copy)]
struct Place<'w> {
    function: &'w Key,
    at: Option<&'w At>,
}

/// What stands over a block in a `with` is not written by the block.
type Over<'o> = &'o [&'o SmolStr];

impl<'w> Bound<'w> {
    fn expr(&mut self, expr: &'w Expr, path: &[SmolStr], over: Over, place: Place<'w>) {
        match &*expr.kind {
            Kind::Block(block) => self.block(block, path, over, place),
            Kind::With { base, fields } => {
                let own = fields.iter().filter(|field| !field.adds && !field.values.is_empty());
                let over: Vec<&SmolStr> = own.map(|field| &field.name).chain(over.iter().copied()).collect();
                self.expr(base, path, &over, place);
                self.fields(fields, path, &[], place);
            }
            Kind::Call { function, arguments } => self.call(function, arguments, (path, over), &expr.at, place),
            Kind::Slot(slot) => match self.lets.get(&(place.function.clone(), *slot)).copied() {
                Some(bound) => self.expr(bound, path, over, place),
                None => self.unknown(path, &expr.at, place),
            },
            Kind::Emit { resource, .. } => self.emitted(resource, &expr.at, place),
            Kind::Contain(resource) => {
                let inner = [SmolStr::from("contained")];
                if !self.covers(&inner) {
                    self.say("contained", &resource.at, place);
                }
            }
            Kind::Do { statements, value } => {
                self.statements(statements, place);
                self.expr(value, path, over, place);
            }
            Kind::Each { list, item, body, .. } => {
                self.lets.insert((place.function.clone(), *item), list);
                self.expr(body, path, over, place);
            }
            Kind::Skip | Kind::Absent | Kind::AbsentWarn(_) | Kind::DataAbsent(_) | Kind::Reject(_) | Kind::Keep => {}
            _ => match expr.chosen() {
                none if none.is_empty() => self.unknown(path, &expr.at, place),
                chosen => chosen.into_iter().for_each(|one| self.expr(one, path, over, place)),
            },
        }
    }

    fn block(&mut self, block: &'w Block, path: &[SmolStr], over: Over, place: Place<'w>) {
        self.statements(&block.statements, place);
        self.fields(&block.fields, path, over, place);
    }

    fn fields(&mut self, fields: &'w [Field], path: &[SmolStr], over: Over, place: Place<'w>) {
        for field in fields.iter().filter(|field| !over.contains(&&field.name)) {
            let inner: Vec<SmolStr> = path.iter().chain([&field.name]).cloned().collect();
            let values = field.values.iter().filter(|value| !matches!(&*value.value.kind, Kind::Absent));
            // What the compiler fills in for a profile has no rule.
            let written: Vec<_> = values.filter(|value| !value.rule.is_empty()).collect();
            if self.covers(&inner) || written.is_empty() && field.extras.is_none() {
                continue;
            }
            if self.leads_to(&inner) {
                written.into_iter().for_each(|value| self.expr(&value.value, &inner, &[], place));
            } else if let Some(first) = written.first() {
                self.say(&inner.join("."), &first.rule, place);
            }
        }
    }

    fn call(
        &mut self,
        key: &Key,
        arguments: &'w [Expr],
        (path, over): (&[SmolStr], Over),
        at: &'w At,
        place: Place<'w>,
    ) {
        let Some(function) = self.bodies.function(key) else { return };
        for (param, argument) in function.params.iter().zip(arguments) {
            self.lets.insert((function.key.clone(), param.slot), argument);
        }
        let inner = Place { function: &function.key, at: Some(place.at.unwrap_or(at)) };
        self.expr(&function.body, path, over, inner);
    }

    fn statements(&mut self, statements: &'w [Statement], place: Place<'w>) {
        for statement in statements {
            match statement {
                Statement::Let(slot, value) => {
                    self.lets.insert((place.function.clone(), *slot), value);
                    self.emits(value, place);
                }
                Statement::Do(value) => self.emits(value, place),
                Statement::Require { .. } | Statement::Ignore(_) => {}
            }
        }
    }

    /// What is emitted inside an expression.
    fn emits(&mut self, expr: &'w Expr, place: Place<'w>) {
        match &*expr.kind {
            Kind::Emit { resource, .. } => self.emitted(resource, &expr.at, place),
            _ => expr.inside().into_iter().for_each(|inner| self.emits(inner, place)),
        }
    }

    /// A resource of its own has bounds of its own.
    fn emitted(&mut self, resource: &'w Expr, at: &At, place: Place<'w>) {
        let bounded = match &*resource.kind {
            Kind::Call { function, .. } => {
                self.bodies.function(function).is_some_and(|function| !function.writes.is_empty())
            }
            _ => false,
        };
        if !bounded {
            let at = place.at.unwrap_or(at).clone();
            let message = "this emits a resource that `writes only` does not bound";
            let diagnostic = Diagnostic::new(Code::WritesMore, at, message);
            self.add(diagnostic.help("emit what a map gives that says `writes only …` itself, or leave it out"));
        }
    }

    /// Something whose elements are not known here.
    fn unknown(&mut self, path: &[SmolStr], at: &At, place: Place<'w>) {
        if !path.is_empty() && !self.covers(path) {
            self.say(&path.join("."), at, place);
        }
    }

    fn covers(&self, path: &[SmolStr]) -> bool {
        self.allowed.iter().any(|allowed| path.starts_with(allowed))
    }

    fn leads_to(&self, path: &[SmolStr]) -> bool {
        self.allowed.iter().any(|allowed| allowed.starts_with(path))
    }

    fn say(&mut self, what: &str, at: &At, place: Place<'w>) {
        let at = place.at.unwrap_or(at);
        self.beyond.entry((at.start, at.end)).or_default().insert(what.to_owned());
    }

    fn add(&mut self, diagnostic: Diagnostic) {
        if !self.found.contains(&diagnostic) {
            self.found.push(diagnostic);
        }
    }
}
