//! Resources that come as JSON: values of a routine, whatever elements they have.
//!
//! What a map makes has elements where it is written; what came has them already. So a path into it is steps, as a path
//! into a message is, and what stands at its end is written as it is.

use super::beside::Beside;
use super::block::{Field, Over, overridden};
use super::element::Source;
use super::write::To;
use super::{Bound, Env, Lower};
use crate::check::typed::{Expr, Kind, Ty, TyKind};
use crate::plan::{Block, Code, Constant, Form, Part, Step, Test, Until, Val};
use crate::standard::shape::{Element, Kind as ShapeKind, typed};
use crate::syntax::tree::Count;
use emr_abi::Builtin;
use smol_str::{SmolStr, format_smolstr};

impl<'a> Lower<'a> {
    /// What a slot stands for that holds a value of that type which came.
    pub(super) fn came(&self, val: Val, ty: &Ty) -> Bound<'a> {
        if self.is_primitive_type(ty) { Bound::Val(val) } else { Bound::Json(val, Vec::new()) }
    }

    /// Whether the expression names a part of a resource that came.
    pub(super) fn is_json(&self, expr: &Expr, env: &Env<'a>) -> bool {
        match &*expr.kind {
            Kind::Slot(slot) => match env.get(*slot) {
                Some((Bound::Json(_, over), _)) => over.is_empty(),
                Some((Bound::Later(inner, env, over), _)) => over.is_empty() && self.is_json(inner, &env),
                _ => false,
            },
            Kind::Element { of, .. } | Kind::OfType { value: of, .. } => self.is_json(of, env),
            Kind::Pick { list, .. } => self.is_json(list, env),
            Kind::Builtin { function: Builtin::resolve, .. } => true,
            Kind::Builtin { function: Builtin::distinct, arguments } => {
                arguments.iter().all(|list| self.is_json(list, env))
            }
            Kind::Each { list, item, body, .. } => {
                let is_item = matches!(&*body.kind, Kind::Slot(slot) if slot == item);
                is_item && self.is_json(list, env)
            }
            Kind::When { value, .. } => self.is_json(value, env),
            // Values of two types are each written as their own.
            Kind::Else(first, second) if self.is_primitive_type(&first.ty) && first.ty.kind != second.ty.kind => false,
            Kind::Else(first, second) => self.is_json(first, env) && self.is_json(second, env),
            _ => false,
        }
    }

    /// The value of such an expression.
    pub(super) fn json(&mut self, expr: &'a Expr, env: &Env<'a>) -> Val {
        match &*expr.kind {
            Kind::Slot(slot) => match env.get(*slot) {
                Some((Bound::Json(val, _) | Bound::Val(val) | Bound::Coding(val, _), _)) => val,
                Some((Bound::Later(inner, env, _), _)) => self.json(inner, &env),
                None => self.missing(),
            },
            Kind::Element { of, name } => {
                let names = names(name, &expr.ty);
                let of = self.json(of, env);
                self.json_part(of, Part::Element(names))
            }
            Kind::OfType { value, name } => self.json_of_type(value, name, env),
            Kind::Pick { which, list } => {
                let of = self.json(list, env);
                let issue = self.second(expr, env);
                self.to(|to| Step::Pick { which: *which, of, to, issue })
            }
            // A reference that is made leads to nothing that came.
            Kind::Builtin { function: Builtin::resolve, arguments }
                if !arguments.iter().all(|of| self.is_json(of, env)) =>
            {
                self.result_of(&expr.ty).0
            }
            Kind::Builtin { function, arguments } => {
                let arguments = arguments.iter().map(|list| self.json(list, env)).collect();
                let issue = self.said(Code::NotCalculated, "these cannot be told apart", env, &expr.at);
                self.to(|to| Step::Builtin { function: *function, arguments, to, issue })
            }
            Kind::Each { list, item, filter, .. } => {
                let of = self.json(list, env);
                let found = self.constant(Constant::List);
                let one = self.fresh();
                self.surely(one);
                env.put(*item, self.came(one, &list.ty), list.ty.with(Count::One));
                let body = self.block(|lower| {
                    lower.filtered_by(filter.as_ref(), env, &mut |lower| lower.push(Step::Push { of: one, to: found }));
                });
                self.push(Step::Each { of, item: one, body, until: Until::All });
                found
            }
            Kind::When { value, condition } => {
                let test = self.test(condition, env);
                let to = self.missing();
                self.held_by(test, value, condition, env, |lower| {
                    let from = lower.json(value, env);
                    lower.push(Step::Set { from, to });
                });
                to
            }
            Kind::Else(first, second) => {
                let to = self.fresh();
                let from = self.json(first, env);
                self.push(Step::Set { from, to });
                let yes = self.taken(env, &first.at);
                let no = self.block(|lower| {
                    lower.take(env, &second.at);
                    let from = lower.json(second, env);
                    lower.push(Step::Set { from, to });
                });
                self.when(Test::Present(to), yes, no);
                to
            }
            _ => self.missing(),
        }
    }

    /// It, if it is of that type.
    pub(super) fn json_of_type(&mut self, value: &'a Expr, ty: &str, env: &Env<'a>) -> Val {
        match (&*value.kind, &value.ty.kind) {
            // `value` of that type stands under `valueQuantity`.
            (Kind::Element { of, name }, TyKind::Choice(_)) => {
                let of = self.json(of, env);
                self.json_part(of, Part::Element(vec![typed(name, ty).into()]))
            }
            (_, TyKind::Fhir(key)) if self.is_resource(key) => {
                let of = self.json(value, env);
                self.json_part(of, Part::Resource(ty.into()))
            }
            // It has one type, and that was asked for.
            _ => self.json(value, env),
        }
    }

    /// Whether there is a reference to a resource of that type: `Patient/1`, or that it says so (FHIR R4 Reference.type).
    pub(super) fn json_refers(&mut self, value: &'a Expr, to: &str, env: &Env<'a>) -> Test {
        let references = match &value.ty.kind {
            TyKind::Choice(_) => self.json_of_type(value, "Reference", env),
            _ => self.json(value, env),
        };
        let found = self.missing();
        self.each_of(references, value.ty.is_list(), Until::All, &mut |lower, reference| {
            let text = lower.json_part(reference, Part::Element(vec!["reference".into()]));
            let said = lower.json_part(reference, Part::Element(vec!["type".into()]));
            let is = Test::Either(
                Box::new(Test::Matches { of: text, pattern: format_smolstr!("(^|/){to}/[^/]+(/_history/[^/]+)?$") }),
                Box::new(Test::Matches { of: said, pattern: format_smolstr!("^{to}$") }),
            );
            let yes = vec![Step::Constant { value: Constant::Text("true".into()), to: found }];
            lower.when(is, yes, Block::new());
        });
        Test::Present(found)
    }

    pub(super) fn json_part(&mut self, of: Val, part: Part) -> Val {
        let to = self.to(|to| Step::Take { of, part, to });
        self.look_at(to);
        to
    }

    // ---- as output

    pub(super) fn write_json(&mut self, expr: &'a Expr, env: &Env<'a>, to: &To, over: &Over<'a>) {
        match (&expr.ty.kind, &*expr.kind) {
            (TyKind::Choice(types), Kind::Element { of, name }) => {
                let of = self.json(of, env);
                self.write_choice(of, name, types, env, to, over);
            }
            _ if to.beside != Beside::Not && self.is_primitive_type(&expr.ty) => {
                self.write_primitive(expr, env, to);
            }
            _ => {
                let val = self.json(expr, env);
                let ty = expr.ty.with(Count::One);
                self.each_of(val, expr.ty.is_list(), Until::All, &mut |lower, val| {
                    lower.write_that_came(val, &ty, env, to, over);
                });
            }
        }
    }

    /// A choice has at most one of its types.
    fn write_choice(&mut self, of: Val, stem: &str, types: &[SmolStr], env: &Env<'a>, to: &To, over: &Over<'a>) {
        for ty in types {
            let name = typed(stem, ty);
            let ty = match ty.as_str() {
                REFERENCE => TyKind::Reference(Vec::new()),
                _ => TyKind::Fhir(ty.clone()),
            };
            let ty = Ty { kind: ty, count: Count::Optional };
            if self.is_primitive_type(&ty) {
                self.write_primitive_of(of, &name, &ty, env, to);
                continue;
            }
            let val = self.json_part(of, Part::Element(vec![name.into()]));
            self.each_of(val, false, Until::All, &mut |lower, val| lower.write_that_came(val, &ty, env, to, over));
        }
    }

    /// One value that came, with what overrides its elements.
    pub(super) fn write_that_came(&mut self, val: Val, ty: &Ty, env: &Env<'a>, to: &To, over: &Over<'a>) {
        match &ty.kind {
            TyKind::Fhir(key) if !over.is_empty() && !self.is_primitive(key) => {
                self.write_json_over(val, key, env, to, over);
            }
            TyKind::Reference(_) if !over.is_empty() => {
                self.write_json_over(val, &SmolStr::new_static(REFERENCE), env, to, over);
            }
            _ if self.is_primitive_type(ty) => self.write_value(val, ty, env, to),
            _ => {
                let base = self.json_type(ty);
                self.written(val, Form::Json, &base, env, to);
            }
        }
    }

    /// With some of its elements replaced, added to or taken away: these are written by themselves, the others as they are.
    fn write_json_over(&mut self, val: Val, key: &SmolStr, env: &Env<'a>, to: &To, over: &Over<'a>) {
        let Some(shape) = self.world.standards().shape(key) else { return };
        let is_set = |element: &Element| over.iter().any(|(fields, _)| fields.iter().any(|it| it.name == element.name));
        let mut fields = Vec::new();
        for element in &shape.elements {
            if is_set(element) {
                fields.push(self.json_field(val, element));
            } else {
                fields.extend(
                    members(element)
                        .map(|name| Field::of(name.clone(), false, Source::Json { of: val, name, ty: WHOLE })),
                );
            }
        }
        let fields = overridden(fields, over);
        let resource = (shape.kind == ShapeKind::Resource).then(|| self.base(key));
        // It came: so it is there, be all that is left of it constants.
        self.write_fields(&fields, key, resource.as_ref(), false, env, to);
    }

    /// All elements of something that came, as rules would have set them.
    pub(super) fn json_fields(&self, of: Val, key: &str) -> Vec<Field<'a>> {
        let shape = self.world.standards().shape(key);
        shape.iter().flat_map(|shape| &shape.elements).map(|element| self.json_field(of, element)).collect()
    }

    /// An element as a rule would have set it.
    fn json_field(&self, of: Val, element: &Element) -> Field<'a> {
        let count = if element.repeats() { Count::Any } else { Count::Optional };
        let kind = match (element.choice, element.types.first()) {
            (true, _) => TyKind::Choice(element.types.iter().map(|ty| ty.name.clone()).collect()),
            (false, Some(first)) if first.name == "Reference" => TyKind::Reference(first.targets.clone()),
            (false, Some(first)) => TyKind::Fhir(first.shape.clone()),
            (false, None) => TyKind::Error,
        };
        let source = Source::Json { of, name: element.name.clone(), ty: Ty { kind, count } };
        Field { choice: element.choice, ..Field::of(element.name.clone(), element.repeats(), source) }
    }

    // ---- elements

    /// The element of that name of something that came.
    pub(super) fn json_source(&self, of: Val, ty: &Ty, name: &str) -> Source<'a> {
        let key = match &ty.kind {
            TyKind::Fhir(key) => key.as_str(),
            TyKind::Reference(_) => REFERENCE,
            _ => "Element",
        };
        let element = self.world.standards().shape(key).and_then(|shape| shape.element(name).cloned());
        let source = element.and_then(|element| self.json_field(of, &element).sources.pop());
        source.unwrap_or(Source::Json { of, name: name.into(), ty: WHOLE })
    }

    pub(super) fn json_value(&mut self, of: Val, name: &str, ty: &Ty) -> Val {
        self.json_part(of, Part::Element(names(name, ty)))
    }

    /// Names of elements below it, one after the other.
    pub(super) fn json_path(&mut self, of: Val, path: &[&str]) -> Val {
        path.iter().fold(of, |of, name| self.json_part(of, Part::Element(vec![(*name).into()])))
    }

    /// What is written under a name of something that came, with what overrides its elements.
    pub(super) fn json_sources(&self, of: Val, ty: &Ty, over: &Over<'a>, name: &str) -> Vec<Source<'a>> {
        let came = self.json_source(of, ty, name);
        if !over.iter().any(|(fields, _)| fields.iter().any(|field| field.name == name)) {
            return vec![came];
        }
        let fields = overridden(vec![Field::of(name.into(), false, came)], over);
        fields.into_iter().find(|field| field.name == name).map(|field| field.sources).unwrap_or_default()
    }

    /// An element where a rule of that name writes.
    pub(super) fn write_json_part(&mut self, of: Val, name: &str, ty: &Ty, to: &To, over: &Over<'a>) {
        let env = Env::new(&SmolStr::default());
        if let TyKind::Choice(types) = &ty.kind {
            return self.write_choice(of, name, types, &env, to, over);
        }
        if self.is_primitive_type(ty) {
            return self.write_primitive_of(of, name, ty, &env, to);
        }
        let val = self.json_value(of, name, ty);
        let one = ty.with(Count::One);
        self.each_of(val, ty.is_list(), Until::All, &mut |lower, val| {
            lower.write_that_came(val, &one, &env, to, over);
        });
    }
}

const REFERENCE: &str = "Reference";

/// A member that is written as it is, whatever it holds.
const WHOLE: Ty = Ty { kind: TyKind::Reference(Vec::new()), count: Count::Optional };

/// Under which names an element stands in JSON: a choice under one for each of its types.
fn names(name: &str, ty: &Ty) -> Vec<SmolStr> {
    match &ty.kind {
        TyKind::Choice(types) => types.iter().map(|ty| typed(name, ty).into()).collect(),
        _ => vec![name.into()],
    }
}

/// All members of an element: also what stands beside the value of a primitive.
fn members(element: &Element) -> impl Iterator<Item = SmolStr> {
    let names: Vec<SmolStr> = match element.choice {
        true => element.types.iter().map(|ty| typed(&element.name, &ty.name).into()).collect(),
        false => vec![element.name.clone()],
    };
    let is_primitive =
        |ty: &crate::standard::shape::Type| ty.name.starts_with(|first: char| first.is_ascii_lowercase());
    let beside = element.types.iter().any(is_primitive);
    names.into_iter().flat_map(move |name| [beside.then(|| format_smolstr!("_{name}")), Some(name)]).flatten()
}
