//! The element of that name of something of FHIR: asked for, it is pushed down to the block that writes it.

use super::block::Over;
use super::items::Walk;
use super::{Bound, Env, Lower};
use crate::check::typed::{Block, Expr, Kind, Pick, Ty, Value};
use crate::plan::{self, CodePart, Step, Test, Until, Val};
use crate::syntax::tree::Count;
use emr_abi::Builtin;
use smol_str::SmolStr;

/// What is written under one name: a value of a rule, or a part of a code.
#[derive(Clone)]
pub(super) enum Source<'a> {
    Rule(&'a Value, Env<'a>),
    Part(Val, CodePart),
    /// The only Coding of a concept.
    Coding(Val),
    /// What stands beside a primitive: its id and its extensions.
    Beside(&'a Block, Env<'a>),
    /// An element of something that came.
    Json {
        of: Val,
        name: SmolStr,
        ty: Ty,
    },
}

impl Source<'_> {
    /// Whether it is of a resource that came, or is what `with` made there.
    pub(super) fn came(&self) -> bool {
        match self {
            Source::Json { .. } => true,
            Source::Rule(_, env) => env.came,
            _ => false,
        }
    }
}

type Found<'b, 'a> = &'b mut dyn FnMut(&mut Lower<'a>, &[Source<'a>]);

impl<'a> Lower<'a> {
    /// The value at a path of names below an expression.
    pub(super) fn element(&mut self, of: &'a Expr, env: &Env<'a>, path: &[&str], many: bool) -> Val {
        self.element_over(of, env, &Vec::new(), path, many)
    }

    fn element_over(&mut self, of: &'a Expr, env: &Env<'a>, over: &Over<'a>, path: &[&str], many: bool) -> Val {
        let Some((name, rest)) = path.split_first() else { return self.value(of, env) };
        let to = if many { self.constant(crate::plan::Constant::List) } else { self.missing() };
        self.project(of, env, over, name, &mut |lower, sources| {
            for (index, source) in sources.iter().enumerate() {
                let take = |lower: &mut Self| {
                    let val = match (source, rest) {
                        (_, []) => lower.source_value(source),
                        (Source::Rule(value, env), rest) => {
                            lower.element_over(&value.value, env, &Vec::new(), rest, false)
                        }
                        (Source::Coding(of), [name]) => lower.part_named(*of, name),
                        (Source::Json { of, name, ty }, rest) => {
                            let of = lower.json_value(*of, name, ty);
                            lower.json_path(of, rest)
                        }
                        _ => lower.missing(),
                    };
                    lower.add(val, to, many);
                };
                // The first that is there.
                if many || index == 0 {
                    take(lower);
                } else {
                    let no = lower.block(take);
                    lower.when(Test::Present(to), plan::Block::new(), no);
                }
            }
        });
        to
    }

    pub(super) fn source_value(&mut self, source: &Source<'a>) -> Val {
        match source {
            Source::Rule(value, env) => self.value(&value.value, env),
            Source::Part(of, part) => self.code_part(*of, *part),
            Source::Coding(of) => *of,
            Source::Beside(..) => self.missing(),
            Source::Json { of, name, ty } => self.json_value(*of, name, ty),
        }
    }

    fn part_named(&mut self, of: Val, name: &str) -> Val {
        match part(name) {
            Some(part) => self.code_part(of, part),
            None => self.missing(),
        }
    }

    /// Hands over what is written under a name, wherever the expression comes to a block.
    pub(super) fn project(&mut self, expr: &'a Expr, env: &Env<'a>, over: &Over<'a>, name: &str, found: Found<'_, 'a>) {
        if over.is_empty() && self.is_json(expr, env) {
            let of = self.json(expr, env);
            return found(self, &[self.json_source(of, &expr.ty, name)]);
        }
        match &*expr.kind {
            Kind::Block(block) => {
                self.statements(&block.statements, env);
                let fields = self.fields(block, env, over);
                if let Some(field) = name.strip_prefix('_').and_then(|name| fields.iter().find(|it| it.name == name)) {
                    if let Some((beside, env)) = &field.extras {
                        found(self, &[Source::Beside(beside, env.clone())]);
                    }
                } else if let Some(field) = fields.iter().find(|field| field.name == name) {
                    found(self, &field.sources);
                }
            }
            Kind::With { base, fields } => {
                let over = super::block::under(fields, env, over);
                self.project(base, env, &over, name, found);
            }
            Kind::Call { function, arguments } => {
                let Some(function) = self.function(function) else { return };
                let inner = self.bound(function, arguments, env);
                self.project(&function.body, &inner, over, name, found);
            }
            Kind::Slot(slot) => match env.get(*slot) {
                Some((Bound::Later(inner, env, before), _)) => {
                    self.project(inner, &env, &[before, over.clone()].concat(), name, found);
                }
                Some((bound @ (Bound::Val(_) | Bound::Json(..) | Bound::Coding(..)), ty)) => {
                    self.project_item(bound.under(over), &ty, name, found);
                }
                None => {}
            },
            Kind::Keep => {
                let kept = env.keep.clone().unwrap_or_default();
                self.project_sources(&kept, over, name, found);
            }
            // Of a primitive: what stands beside it.
            Kind::Element { of, name: outer } if self.is_primitive_type(&expr.ty) => {
                self.project(of, env, &Vec::new(), &format!("_{outer}"), &mut |lower, sources| {
                    for source in sources {
                        let Source::Beside(block, env) = source else { continue };
                        let fields = lower.fields(block, env, &Vec::new());
                        if let Some(field) = fields.iter().find(|field| field.name == name) {
                            found(lower, &field.sources);
                        }
                    }
                });
            }
            Kind::Element { of, name: outer } => {
                self.project(of, env, &Vec::new(), outer, &mut |lower, sources| {
                    lower.project_sources(sources, over, name, found);
                });
            }
            Kind::Range { .. } | Kind::OfType { .. } | Kind::Builtin { function: Builtin::distinct, .. } => {
                self.items(expr, env, over, &mut |lower, item| lower.project_item(item, &expr.ty, name, found));
            }
            Kind::Code { .. } | Kind::Coded(_) => {
                let coded = match &*expr.kind {
                    Kind::Coded(inner) => self.value(inner, env),
                    _ => self.value(expr, env),
                };
                let fields = self.coded_fields(coded, expr, over);
                if let Some(field) = fields.iter().find(|field| field.name == name) {
                    found(self, &field.sources);
                }
            }
            Kind::Each { list, item, filter, body } => {
                self.walk(Walk::new(list, *item, filter.as_ref()), env, Until::All, &mut |lower| {
                    lower.project(body, env, over, name, found)
                });
            }
            Kind::List(items) => items.iter().for_each(|item| self.project(item, env, over, name, found)),
            Kind::Pick { list, which } => match (&*list.kind, which) {
                (Kind::Each { list, item, filter: None, body }, Pick::First | Pick::Only)
                    if self.is_plain(&list.ty) =>
                {
                    let of = self.value(list, env);
                    let issue = self.second(expr, env);
                    let val = self.to(|to| Step::Pick { which: *which, of, to, issue });
                    env.bind(*item, val, list.ty.with(Count::One));
                    let yes = self.block(|lower| lower.project(body, env, over, name, found));
                    self.when(Test::Present(val), yes, plan::Block::new());
                }
                _ => self.picked(*which, list, expr, env, over, &mut |lower, item| {
                    lower.project_item(item, &expr.ty, name, found);
                }),
            },
            Kind::Else(first, second) => {
                let wrote = self.probe(first, env);
                let yes = self.block(|lower| {
                    lower.take(env, &first.at);
                    lower.project(first, env, over, name, found);
                });
                let no = self.block(|lower| {
                    lower.take(env, &second.at);
                    lower.project(second, env, over, name, found);
                });
                self.when(Test::True(wrote), yes, no);
            }
            Kind::When { value, condition } => {
                self.held(value, condition, env, |lower| lower.project(value, env, over, name, found))
            }
            Kind::Match { arms, otherwise } => {
                self.arms(arms, otherwise.as_ref(), env, &mut |lower, value| {
                    lower.project(value, env, over, name, found);
                });
            }
            Kind::Do { statements, value } => {
                self.statements(statements, env);
                self.project(value, env, over, name, found);
            }
            Kind::Warn { value, .. } => self.project(value, env, over, name, found),
            Kind::AbsentWarn(_) | Kind::Skip | Kind::Reject(_) => self.effect(expr, env),
            _ => {}
        }
    }

    fn project_sources(&mut self, sources: &[Source<'a>], over: &Over<'a>, name: &str, found: Found<'_, 'a>) {
        for source in sources {
            match source {
                Source::Rule(value, env) => self.project(&value.value, env, over, name, found),
                Source::Coding(coding) => self.project_coding(*coding, over, name, found),
                Source::Json { of, name: outer, ty } => {
                    let of = self.json_value(*of, outer, ty);
                    found(self, &self.json_sources(of, ty, over, name));
                }
                Source::Part(..) | Source::Beside(..) => {}
            }
        }
    }

    fn project_item(&mut self, item: Bound<'a>, ty: &Ty, name: &str, found: Found<'_, 'a>) {
        match item {
            Bound::Later(expr, env, over) => self.project(expr, &env, &over, name, found),
            Bound::Json(of, over) => found(self, &self.json_sources(of, ty, &over, name)),
            Bound::Coding(coding, over) => self.project_coding(coding, &over, name, found),
            Bound::Val(coding) => self.project_coding(coding, &Over::new(), name, found),
        }
    }

    fn project_coding(&mut self, coding: Val, over: &Over<'a>, name: &str, found: Found<'_, 'a>) {
        let fields = self.coding_fields(coding, over);
        if let Some(field) = fields.iter().find(|field| field.name == name) {
            found(self, &field.sources);
        }
    }
}

pub(super) fn part(name: &str) -> Option<CodePart> {
    match name {
        "system" => Some(CodePart::System),
        "code" => Some(CodePart::Code),
        "display" => Some(CodePart::Display),
        _ => None,
    }
}
