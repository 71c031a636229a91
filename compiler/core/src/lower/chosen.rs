//! Items of FHIR lists that are chosen by their number or their type. They are expressions, so what chooses counts those
//! that would write something.

use super::block::Over;
use super::items::Item;
use super::write::{Name, To};
use super::{Bound, Env, Lower};
use crate::check::typed::{Compare, Comparison, Expr, Kind, Pick, Ty, TyKind};
use crate::plan::{Block, Code, Constant, Part, Step, Test, Until, Val};
use emr_abi::Builtin;

impl<'a> Lower<'a> {
    /// The first, last or only item of something of FHIR, if there is one.
    pub(super) fn picked(
        &mut self,
        which: Pick,
        list: &'a Expr,
        expr: &'a Expr,
        env: &Env<'a>,
        over: &Over<'a>,
        found: Item<'_, 'a>,
    ) {
        if !list.ty.is_list() {
            return self.items(list, env, over, found);
        }
        if which == Pick::Last {
            return self.last(list, expr, env, over, found);
        }
        let taken = self.missing();
        self.items(list, env, over, &mut |lower, bound| {
            let mut there = Test::Always(true);
            let looked = lower.block(|lower| there = lower.is_there(&bound));
            let yes = lower.block(|lower| {
                lower.push(Step::Constant { value: Constant::Text("true".into()), to: taken });
                found(lower, bound);
            });
            let another = lower.block(|lower| {
                if which == Pick::Only {
                    let issue = lower.second(expr, env);
                    lower.push(Step::Issue { issue, at: None });
                }
            });
            let take = |lower: &mut Self, then: Block| {
                lower.block(|lower| {
                    lower.extend(looked.clone());
                    lower.when(there.clone(), then, Block::new());
                })
            };
            let first = take(lower, yes);
            let second = if another.is_empty() { another } else { take(lower, another) };
            lower.when(Test::Absent(taken), first, second);
        });
    }

    /// Which is the last is known when all are counted: they are gone through twice.
    fn last(&mut self, list: &'a Expr, expr: &'a Expr, env: &Env<'a>, over: &Over<'a>, found: Item<'_, 'a>) {
        let all = self.constant(Constant::List);
        self.items(list, env, over, &mut |lower, bound| {
            let there = lower.is_there(&bound);
            let counted = lower.block(|lower| lower.count_one(all));
            lower.when(there, counted, Block::new());
        });
        let all = self.count_of(all, expr, env);
        let seen = self.constant(Constant::List);
        self.counted(
            list,
            seen,
            env,
            over,
            &mut |lower| {
                let number = lower.count_of(seen, expr, env);
                Test::Compare { op: Compare::Equal, left: number, right: all, how: Comparison::Text }
            },
            found,
        );
    }

    /// `[1]`, `[1..*]`, counted from 0.
    pub(super) fn ranged(
        &mut self,
        list: &'a Expr,
        (from, to): (u32, Option<u32>),
        env: &Env<'a>,
        over: &Over<'a>,
        found: Item<'_, 'a>,
    ) {
        if !list.ty.is_list() {
            if from == 0 {
                self.items(list, env, over, found);
            }
            return;
        }
        let seen = self.constant(Constant::List);
        self.counted(
            list,
            seen,
            env,
            over,
            &mut |lower| {
                let reached = lower.nth(seen, from.saturating_add(1));
                let Some(to) = to else { return Test::Present(reached) };
                let passed = lower.nth(seen, to.saturating_add(2));
                let not_passed = Test::Not(Box::new(Test::Present(passed)));
                Test::Both(Box::new(Test::Present(reached)), Box::new(not_passed))
            },
            found,
        );
    }

    /// Each item that is there, counted in `seen`, if the test then says so.
    fn counted(
        &mut self,
        list: &'a Expr,
        seen: Val,
        env: &Env<'a>,
        over: &Over<'a>,
        is_meant: &mut dyn FnMut(&mut Self) -> Test,
        found: Item<'_, 'a>,
    ) {
        self.items(list, env, over, &mut |lower, bound| {
            let there = lower.is_there(&bound);
            let yes = lower.block(|lower| {
                lower.count_one(seen);
                let meant = is_meant(lower);
                let taken = lower.block(|lower| found(lower, bound));
                lower.when(meant, taken, Block::new());
            });
            lower.when(there, yes, Block::new());
        });
    }

    fn count_one(&mut self, of: Val) {
        let one = self.text("1".into());
        self.push(Step::Push { of: one, to: of });
    }

    fn count_of(&mut self, list: Val, expr: &Expr, env: &Env<'a>) -> Val {
        let issue = self.said(Code::NotCalculated, "these cannot be counted", env, &expr.at);
        self.to(|to| Step::Builtin { function: Builtin::count, arguments: vec![list], to, issue })
    }

    fn nth(&mut self, list: Val, number: u32) -> Val {
        self.to(|to| Step::Take { of: list, part: Part::Index(number), to })
    }

    /// Items of one or several numbers, of a list of plain values.
    pub(super) fn range_value(&mut self, list: &'a Expr, (from, to): (u32, Option<u32>), env: &Env<'a>) -> Val {
        let of = self.value(list, env);
        if !list.ty.is_list() {
            return if from == 0 { of } else { self.missing() };
        }
        let (first, last) = (from.saturating_add(1), to.map(|to| to.saturating_add(1)));
        let part = if to == Some(from) { Part::Index(first) } else { Part::Range(first, last) };
        self.to(|to| Step::Take { of, part, to })
    }

    /// The items that would write what none before them would.
    pub(super) fn unlike(&mut self, list: &'a Expr, env: &Env<'a>, over: &Over<'a>, found: Item<'_, 'a>) {
        let to = To::new(Name::Item);
        let body = self.block(|lower| {
            lower.items(list, env, &Over::new(), &mut |lower, bound| {
                let body = lower.block(|lower| lower.write_item(bound.clone(), &list.ty, env, &to));
                let is_new = lower.to(|to| Step::Unlike { body, to });
                let taken = lower.block(|lower| found(lower, bound.under(over)));
                lower.when(Test::True(is_new), taken, Block::new());
            });
        });
        self.push(Step::Distinct { body });
    }

    // ---- by type

    /// The items that are of a type, by the name in the standard.
    pub(super) fn of_type(&mut self, value: &'a Expr, name: &str, env: &Env<'a>, over: &Over<'a>, found: Item<'_, 'a>) {
        if self.is_json(value, env) {
            let ty = Ty::fhir(name);
            let val = self.json_of_type(value, name, env);
            return self.each_of(val, value.ty.is_list(), Until::All, &mut |lower, val| {
                let came = match lower.came(val, &ty) {
                    Bound::Json(val, _) => Bound::Json(val, over.clone()),
                    other => other,
                };
                found(lower, came);
            });
        }
        self.items(value, env, over, &mut |lower, bound| {
            // A function that gives one of several types is looked into.
            if let Bound::Later(expr, env, over) = &bound
                && let Kind::Call { function, arguments } = &*expr.kind
                && lower.is_open(expr)
            {
                let Some(function) = lower.function(function) else { return };
                let inner = lower.bound(function, arguments, env);
                return lower.of_type(&function.body, name, &inner, over, found);
            }
            if lower.is_of(&bound, name) {
                found(lower, bound);
            }
        });
    }

    fn is_open(&self, expr: &Expr) -> bool {
        match &expr.ty.kind {
            TyKind::Choice(_) => true,
            TyKind::Fhir(key) => matches!(key.as_str(), "Resource" | "DomainResource"),
            _ => false,
        }
    }

    /// Whether an item is of the type of that name, of the profile of that key, or refers to such a resource.
    fn is_of(&self, bound: &Bound<'a>, name: &str) -> bool {
        let Bound::Later(expr, ..) = bound else { return name == "Coding" };
        match &expr.ty.kind {
            TyKind::Fhir(key) => key == name || self.base(key) == name,
            TyKind::Reference(targets) => match name.strip_prefix("Reference(") {
                Some(to) => {
                    let to = to.trim_end_matches(')');
                    !targets.is_empty() && targets.iter().all(|target| self.base(target) == to)
                }
                None => name == "Reference",
            },
            _ => false,
        }
    }

    /// Whether one is there of that type.
    pub(super) fn is_type(&mut self, value: &'a Expr, name: &str, env: &Env<'a>) -> Test {
        if let Some(to) = name.strip_prefix("Reference(").filter(|_| self.is_json(value, env)) {
            return self.json_refers(value, to.trim_end_matches(')'), env);
        }
        let is = self.missing();
        self.of_type(value, name, env, &Vec::new(), &mut |lower, bound| {
            let there = lower.is_there(&bound);
            let yes = vec![Step::Constant { value: Constant::Text("true".into()), to: is }];
            lower.when(there, yes, Block::new());
        });
        Test::Present(is)
    }
}
