//! Paths into the message: steps down, with a loop wherever a step repeats and something follows.

use super::items::Walk;
use super::{Env, Lower};
use crate::check::typed::{Expr, Kind, Slot, Step as PathStep, Ty, TyKind};
use crate::plan::{Block, Constant, Part, Step, Test, Until, Val};
use crate::standard::shape::Kind as ShapeKind;

/// A value on the way down, and what is known of it.
struct At {
    val: Val,
    ty: TyKind,
    /// Several instances or repetitions.
    many: bool,
}

type Body<'b, 'a> = &'b mut dyn FnMut(&mut Lower<'a>, Val);

impl<'a> Lower<'a> {
    /// The value of a path; a list where a step repeats.
    pub(super) fn path(&mut self, root: Slot, steps: &'a [PathStep], env: &Env<'a>) -> Val {
        let Some(at) = self.root(root, env) else { return self.constant(Constant::Missing) };
        self.path_from(at, steps, env)
    }

    fn root(&mut self, root: Slot, env: &Env<'a>) -> Option<At> {
        let (bound, ty) = env.get(root)?;
        let val = match bound {
            super::Bound::Val(val) | super::Bound::Json(val, _) | super::Bound::Coding(val, _) => val,
            super::Bound::Later(expr, inner, _) => self.value(expr, &inner),
        };
        Some(At { val, many: ty.is_list(), ty: ty.kind })
    }

    fn path_from(&mut self, mut at: At, steps: &'a [PathStep], env: &Env<'a>) -> Val {
        for (index, step) in steps.iter().enumerate() {
            match step {
                PathStep::Filter { item, condition } => at = self.filtered(at, *item, condition, env),
                PathStep::Index(_) | PathStep::Range(..) => at = self.step(at, step),
                _ if at.many => {
                    let rest = steps.get(index..).unwrap_or_default();
                    return self.collected(at.val, |lower, item| {
                        let inner = At { val: item, ty: at.ty, many: false };
                        lower.path_from(inner, rest, env)
                    });
                }
                _ => at = self.step(at, step),
            }
        }
        at.val
    }

    /// The list of what `make` gives for each item.
    pub(super) fn collected(&mut self, of: Val, make: impl FnOnce(&mut Self, Val) -> Val) -> Val {
        let list = self.constant(Constant::List);
        let item = self.fresh();
        self.surely(item);
        let body = self.block(|lower| {
            let val = make(lower, item);
            lower.push(Step::Push { of: val, to: list });
        });
        self.push(Step::Each { of, item, body, until: Until::All });
        list
    }

    fn filtered(&mut self, at: At, slot: Slot, condition: &'a Expr, env: &Env<'a>) -> At {
        let list = self.constant(Constant::List);
        let item = self.fresh();
        self.surely(item);
        env.bind(slot, item, Ty::one(at.ty.clone()));
        let body = self.block(|lower| {
            let test = lower.test(condition, env);
            lower.when(test, vec![Step::Push { of: item, to: list }], Block::new());
        });
        self.push(Step::Each { of: at.val, item, body, until: Until::All });
        At { val: list, many: true, ..at }
    }

    /// One step down from one value, or a choice among several.
    fn step(&mut self, at: At, step: &PathStep) -> At {
        let (part, ty, many) = match step {
            PathStep::Outer(levels) => (Part::Outer(*levels), outer(&at.ty, *levels), false),
            PathStep::Member { name, member } => {
                let (nth, repeats, ty) = self.member(&at.ty, name, *member);
                (Part::Member { name: name.clone(), nth, repeats }, ty, repeats)
            }
            PathStep::Field { number, repeats } => {
                self.reads(&at.ty, *number, *repeats);
                let ty = self.field_type(&at.ty, *number);
                (Part::Field { number: *number, repeats: *repeats }, ty, *repeats)
            }
            PathStep::Component(number) => (Part::Component(*number), TyKind::Nothing, false),
            PathStep::Index(number) => (Part::Index(*number), at.ty.clone(), false),
            PathStep::Range(from, to) => (Part::Range(*from, *to), at.ty.clone(), true),
            PathStep::Filter { .. } => return at,
        };
        let to = self.fresh();
        self.push(Step::Take { of: at.val, part, to });
        self.look_at(to);
        At { val: to, ty, many }
    }

    /// Which of the members of that name it is, whether it repeats, and what it is.
    pub(super) fn member(&self, around: &TyKind, name: &str, member: u32) -> (u32, bool, TyKind) {
        let (TyKind::Structure(version, key) | TyKind::Group(version, key)) = around else {
            return (0, false, TyKind::Nothing);
        };
        let standards = self.world.standards();
        let shape = standards.structure(*version, key);
        let elements = shape.as_ref().map(|shape| shape.elements.as_slice()).unwrap_or_default();
        let index = member as usize;
        let before = elements.get(..index).unwrap_or_default().iter().filter(|it| it.name == name).count();
        let element = elements.get(index);
        let group = element
            .and_then(|element| element.types.first())
            .and_then(|ty| standards.structure(*version, &ty.shape))
            .filter(|shape| shape.kind == ShapeKind::Group);
        let ty = match group {
            Some(group) => TyKind::Group(*version, group.key.clone()),
            None => TyKind::Segment(*version, name.into()),
        };
        let repeats = element.is_none_or(|element| element.repeats());
        (u32::try_from(before).unwrap_or(u32::MAX), repeats, ty)
    }

    pub(super) fn reads(&mut self, segment: &TyKind, field: u16, repeats: bool) {
        let TyKind::Segment(_, name) = segment else { return };
        let reads = self.reads.entry(name.clone()).or_default();
        reads.fields.insert(field);
        reads.repetitions |= repeats;
        // MSH-1 and MSH-2 are read as they stand; any other value is the first part of what is there.
        let split = name != "MSH" || field > 2;
        reads.components |= split;
        reads.subcomponents |= split;
    }

    fn field_type(&self, segment: &TyKind, field: u16) -> TyKind {
        let TyKind::Segment(version, name) = segment else { return TyKind::Nothing };
        let shape = self.world.standards().segment(*version, name);
        let ty = shape.and_then(|shape| Some(shape.element(&field.to_string())?.types.first()?.name.clone()));
        ty.map_or(TyKind::Nothing, |name| TyKind::Hl7(*version, name))
    }

    /// Carries out the body for each value of an expression that is a list or may be missing.
    pub(super) fn each(&mut self, list: &'a Expr, env: &Env<'a>, until: Until, body: Body<'_, 'a>) {
        match &*list.kind {
            Kind::Path { root, steps } => {
                let Some(at) = self.root(*root, env) else { return };
                self.each_from(at, steps, env, until, body);
            }
            Kind::When { value, condition } => {
                self.held(value, condition, env, |lower| lower.each(value, env, until, body));
            }
            Kind::Do { statements, value } => {
                self.statements(statements, env);
                self.each(value, env, until, body);
            }
            Kind::Each { list, item, filter, body: inner }
                if self.is_plain(&inner.ty) && (self.is_plain(&list.ty) || until == Until::All) =>
            {
                self.walk(Walk::new(list, *item, filter.as_ref()), env, until, &mut |lower| {
                    lower.each(inner, env, until, body);
                });
            }
            _ => {
                let val = self.value(list, env);
                self.each_of(val, list.ty.is_list(), until, body);
            }
        }
    }

    pub(super) fn filtered_by(&mut self, filter: Option<&'a Expr>, env: &Env<'a>, body: &mut dyn FnMut(&mut Self)) {
        match filter {
            None => body(self),
            Some(filter) => {
                let test = self.test(filter, env);
                let yes = self.block(|lower| body(lower));
                self.when(test, yes, Block::new());
            }
        }
    }

    fn each_from(&mut self, mut at: At, steps: &'a [PathStep], env: &Env<'a>, until: Until, body: Body<'_, 'a>) {
        for (index, step) in steps.iter().enumerate() {
            match step {
                PathStep::Filter { item, condition } if at.many => {
                    let rest = steps.get(index + 1..).unwrap_or_default();
                    if matches!(rest.first(), Some(PathStep::Index(_) | PathStep::Range(..))) {
                        at = self.filtered(at, *item, condition, env);
                        continue;
                    }
                    let ty = at.ty.clone();
                    return self.each_of(at.val, true, until, &mut |lower, val| {
                        env.bind(*item, val, Ty::one(ty.clone()));
                        let ty = ty.clone();
                        lower.filtered_by(Some(condition), env, &mut |lower| {
                            lower.each_from(At { val, ty: ty.clone(), many: false }, rest, env, until, body);
                        });
                    });
                }
                PathStep::Index(_) | PathStep::Range(..) => at = self.step(at, step),
                PathStep::Filter { item, condition } => at = self.filtered(at, *item, condition, env),
                _ if at.many => {
                    let rest = steps.get(index..).unwrap_or_default();
                    let ty = at.ty.clone();
                    return self.each_of(at.val, true, until, &mut |lower, val| {
                        lower.each_from(At { val, ty: ty.clone(), many: false }, rest, env, until, body);
                    });
                }
                _ => at = self.step(at, step),
            }
        }
        self.each_of(at.val, at.many, until, body);
    }

    /// A loop over a list, or a look whether the one value is there.
    pub(super) fn each_of(&mut self, of: Val, many: bool, until: Until, body: Body<'_, 'a>) {
        if !many {
            if self.is_sure(of) {
                return body(self, of);
            }
            let yes = self.block(|lower| body(lower, of));
            return self.when(Test::Present(of), yes, Block::new());
        }
        let item = self.fresh();
        self.surely(item);
        let inner = self.block(|lower| body(lower, item));
        if !inner.is_empty() {
            self.push(Step::Each { of, item, body: inner, until });
        }
    }
}

/// The group or structure so many levels around a group.
fn outer(ty: &TyKind, levels: u32) -> TyKind {
    let TyKind::Group(version, key) = ty else { return ty.clone() };
    let mut key = key.as_str();
    for _ in 0..levels {
        key = key.rsplit_once('.').map_or(key, |(parent, _)| parent);
    }
    TyKind::Group(*version, key.into())
}
