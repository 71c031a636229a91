//! What a map assigns as changes of a resource that the server has: a FHIRPath Patch, a Parameters of operations (FHIR R4,
//! `fhirpatch.html`).
//!
//! R4 has no operation that sets an element whether it is there or not: `add` refuses what is there, `replace` what is
//! not. So an element is deleted, which is nothing where it is not there, and added. What is nested in it would have to
//! be there for its parts to be changed, and goes as a whole. Of a list those items are deleted that the constants of
//! the rule name, or all.

use super::block::{Field, json};
use super::element::Source;
use super::write::{Name, To};
use super::{Bound, Env, Lower};
use crate::check::patched::named;
use crate::check::typed::{Expr, Kind, TyKind};
use crate::plan::{Block, Constant, Step, Test, Val};
use crate::standard::shape::{Element, Kind as ShapeKind, typed};
use emr_abi::Builtin;
use smol_str::SmolStr;
use std::rc::Rc;

/// What stands around a value in a parameter.
#[derive(Clone, Debug)]
pub(super) struct Parameter {
    before: String,
    /// What ends behind the value.
    pub after: String,
    holds: Holds,
}

#[derive(Clone, Debug)]
enum Holds {
    /// A value of this type; of a choice, of the type of what is written.
    Value(Option<SmolStr>),
    /// The elements of something that no parameter holds as a value: a part for each.
    Parts,
}

impl Parameter {
    pub fn has_parts(&self) -> bool {
        matches!(self.holds, Holds::Parts)
    }

    pub fn opened(&self, prefix: &str, ty: &str) -> String {
        let name = match &self.holds {
            Holds::Value(known) => format!("{prefix}{}", typed("value", known.as_deref().unwrap_or(ty))),
            Holds::Parts => "part".to_owned(),
        };
        format!("{}{}:", self.before, json(&name))
    }
}

impl<'a> Lower<'a> {
    /// A resource as operations.
    pub(super) fn write_changes(&mut self, fields: &[Field<'a>], shape: &SmolStr, live: bool, env: &Env<'a>) {
        let resource = self.base(shape);
        let body = self.block(|lower| {
            for field in fields {
                lower.ruled_by(field, |lower| lower.write_change(field, shape, &resource, env));
            }
        });
        self.wrap("{\"resourceType\":\"Parameters\",\"parameter\":[".to_owned(), body, "]},", live, Vec::new());
    }

    fn write_change(&mut self, field: &Field<'a>, shape: &SmolStr, resource: &str, env: &Env<'a>) {
        let Some(element) = self.element_of(shape, &field.name) else { return };
        let add = format!(
            "{{\"name\":\"operation\",\"part\":[{},{},{},{{\"name\":\"value\",",
            part("type", "valueCode", "add"),
            part("path", "valueString", resource),
            part("name", "valueString", &field.name)
        );
        let sources = if field.list { field.sources.as_slice() } else { field.sources.get(..1).unwrap_or_default() };
        for source in sources {
            let path = format!("{resource}.{}{}", field.name, self.which(source, field.list));
            let delete = format!(
                "{{\"name\":\"operation\",\"part\":[{},{}]}},",
                part("type", "valueCode", "delete"),
                part("path", "valueString", &path)
            );
            let added = self.block(|lower| lower.write_part(field, source, &element, (&add, "}]}"), true, env));
            let set = match added.as_slice() {
                [] => added,
                [Step::Put(text)] => vec![Step::Put(format!("{delete}{text}"))],
                _ => vec![Step::Wrap {
                    open: delete.clone(),
                    body: added,
                    close: ",".into(),
                    live: false,
                    needs: Vec::new(),
                }],
            };
            let cleared = self.block(|lower| {
                if field.required {
                    return;
                }
                let is_null = lower.missing();
                lower.nulls(source, is_null);
                lower.when(Test::Present(is_null), vec![Step::Count, Step::Put(delete)], Block::new());
            });
            self.or(set, cleared);
        }
    }

    /// The items of a list that a source is about.
    fn which(&self, source: &Source<'a>, list: bool) -> String {
        let Source::Rule(value, env) = source else { return String::new() };
        if !list {
            return String::new();
        }
        let expr = match &*value.value.kind {
            Kind::Slot(slot) => match env.get(*slot) {
                Some((Bound::Later(expr, ..), _)) => expr,
                _ => &value.value,
            },
            _ => &value.value,
        };
        let named = named(expr, &|key| self.function(key));
        if named.is_empty() {
            return String::new();
        }
        let terms: Vec<String> = named.iter().map(|(name, literal)| format!("{name} = {literal}")).collect();
        format!(".where({})", terms.join(" and "))
    }

    /// The values of a source, each as a parameter that opens and ends so.
    fn write_part(
        &mut self,
        field: &Field<'a>,
        source: &Source<'a>,
        element: &Element,
        (before, after): (&str, &str),
        catches: bool,
        env: &Env<'a>,
    ) {
        let holds = self.holds(element);
        let ty = element.types.first().map(|ty| ty.name.clone());
        let primitive = ty.as_ref().is_some_and(|name| self.is_primitive(name));
        let extras = field.extras.as_ref().filter(|_| !field.list && !field.choice && primitive);
        let to = |before: &str, after: &str| {
            let parameter = Parameter { before: before.into(), after: after.into(), holds: holds.clone() };
            let name = Name::Parameter(Rc::new(parameter));
            To { name, primitive, hint: ty.clone(), catches, ..To::new(Name::Item) }
        };
        let Some((extras, inner)) = extras else { return self.source(source, &to(before, after), &Vec::new()) };
        // A value and what stands beside it are in one parameter.
        let body = self.block(|lower| {
            lower.source(source, &to("", ""), &Vec::new());
            let beside = format!("_{}", typed("value", ty.as_deref().unwrap_or_default()));
            lower.write_block(extras, inner, &To::new(Name::Field(beside.into())), &Vec::new());
        });
        let whole = self.block(|lower| lower.wrap(before.to_owned(), body, &format!("{after},"), false, Vec::new()));
        self.caught(env, &(0..0), |lower| lower.extend(whole));
    }

    /// The elements of something that is no value of a parameter.
    pub(super) fn write_parts(
        &mut self,
        fields: &[Field<'a>],
        shape: &SmolStr,
        live: bool,
        env: &Env<'a>,
        parameter: &Parameter,
    ) {
        let mut needs = Vec::new();
        let body = self.block(|lower| {
            for field in fields {
                let Some(element) = lower.element_of(shape, &field.name) else { continue };
                let before = format!("{{\"name\":{},", json(&field.name));
                let several = if field.list { field.sources.len() } else { 1 };
                lower.ruled_by(field, |lower| {
                    let body = lower.block(|lower| {
                        for source in field.sources.iter().take(several) {
                            let catches = field.list || !field.required;
                            lower.write_part(field, source, &element, (&before, "}"), catches, env);
                        }
                    });
                    lower.needed(field, body, None, shape, env, &mut needs);
                });
            }
        });
        self.wrap(format!("{}[", parameter.opened("", "")), body, &format!("]{},", parameter.after), live, needs);
    }

    fn element_of(&self, shape: &str, name: &str) -> Option<Element> {
        self.world.standards().shape(shape)?.element(name).cloned()
    }

    fn holds(&self, element: &Element) -> Holds {
        let [only] = element.types.as_slice() else { return Holds::Value(None) };
        let shape = self.world.standards().shape(&only.shape);
        // `text` is the one data type that is no value of a parameter.
        let is_backbone = shape.is_some_and(|shape| shape.kind == ShapeKind::Backbone) || only.name == "Narrative";
        if is_backbone { Holds::Parts } else { Holds::Value(Some(only.name.clone())) }
    }

    // ---- what is null

    /// Sets the value if what a source is made of is an explicit null.
    fn nulls(&mut self, source: &Source<'a>, to: Val) {
        if let Source::Rule(value, env) = source {
            self.nulls_of(&value.value, env, to);
        }
    }

    fn nulls_of(&mut self, expr: &'a Expr, env: &Env<'a>, to: Val) {
        match &*expr.kind {
            Kind::Null => {
                self.take(env, &expr.at);
                self.push(Step::Constant { value: Constant::Text("true".into()), to });
            }
            Kind::Path { .. } if matches!(expr.ty.kind, TyKind::Hl7(..)) => {
                let val = self.value(expr, env);
                self.null_val(val, to);
            }
            Kind::Slot(slot) => match env.get(*slot) {
                Some((Bound::Val(val), ty)) if matches!(ty.kind, TyKind::Hl7(..)) => self.null_val(val, to),
                Some((Bound::Later(inner, env, _), _)) => self.nulls_of(inner, &env, to),
                _ => {}
            },
            Kind::Call { arguments, .. } => {
                if let Some(first) = arguments.first() {
                    self.nulls_of(first, env, to);
                }
            }
            Kind::Keep => {
                let kept = env.keep.clone().unwrap_or_default();
                kept.iter().for_each(|source| self.nulls(source, to));
            }
            // What they emit has been emitted.
            Kind::Do { value: inner, .. }
            | Kind::Each { list: inner, .. }
            | Kind::EachBy { list: inner, .. }
            | Kind::With { base: inner, .. }
            | Kind::Convert { value: inner, .. }
            | Kind::Via { value: inner, .. }
            | Kind::Coded(inner)
            | Kind::Pick { list: inner, .. }
            | Kind::Range { list: inner, .. }
            | Kind::OfType { value: inner, .. }
            | Kind::Element { of: inner, .. }
            | Kind::Warn { value: inner, .. } => self.nulls_of(inner, env, to),
            Kind::When { value, condition } => {
                let test = self.test(condition, env);
                let yes = self.block(|lower| lower.nulls_of(value, env, to));
                self.when(test, yes, Block::new());
            }
            Kind::Match { arms, otherwise } => {
                self.arms(arms, otherwise.as_ref(), env, &mut |lower, value| lower.nulls_of(value, env, to));
            }
            Kind::Builtin { function: Builtin::distinct, arguments } => {
                arguments.iter().for_each(|it| self.nulls_of(it, env, to));
            }
            Kind::Else(first, second) => [first, second].into_iter().for_each(|it| self.nulls_of(it, env, to)),
            Kind::List(items) => items.iter().for_each(|item| self.nulls_of(item, env, to)),
            _ => {}
        }
    }

    fn null_val(&mut self, val: Val, to: Val) {
        let yes = vec![Step::Constant { value: Constant::Text("true".into()), to }];
        self.when(Test::Null(val), yes, Block::new());
    }
}

fn part(name: &str, key: &str, value: &str) -> String {
    format!("{{\"name\":{},{}:{}}}", json(name), json(key), json(value))
}
