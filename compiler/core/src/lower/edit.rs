//! Messages that are changed, and what is taken over as it stands in the message.
//!
//! What is written is said in [`emr_message::encode`].

use super::write::{Name, To};
use super::{Bound, Env, Lower};
use crate::check::typed::{Edit, EditPlace, Expr, Repetition, Slot, Ty, TyKind, Value};
use crate::plan::{Block, Code, Form, Part, Spot, Step, Test, Until, Val};
use crate::standard::hl7::Version;
use crate::standard::shape::Kind as ShapeKind;
use emr_message::encode::KEPT;
use smol_str::SmolStr;
use std::slice;

impl<'a> Lower<'a> {
    /// A place of the message, or each of a list. An explicit null is copied too, of a field that repeats where nothing
    /// else stands there.
    pub(super) fn write_copy(&mut self, value: &'a Expr, null: bool, expr: &Expr, env: &Env<'a>, to: &To) {
        let base = self.json_type(&expr.ty);
        let has_null = matches!(value.ty.kind, TyKind::Hl7(..));
        if value.ty.is_list() || !null {
            let items = self.block(|lower| {
                lower.each(value, env, Until::All, &mut |lower, val| lower.written(val, Form::Copy, &base, env, to));
            });
            let cleared = self.block(|lower| {
                if null && has_null {
                    let val = lower.value(value, env);
                    lower.copied_if(Test::Null(val), val, &base, env, to);
                }
            });
            return self.or(items, cleared);
        }
        let val = self.value(value, env);
        let is_there = match self.is_sure(val) || !has_null {
            true => Test::Present(val),
            false => Test::Either(Box::new(Test::Present(val)), Box::new(Test::Null(val))),
        };
        self.copied_if(is_there, val, &base, env, to);
    }

    fn copied_if(&mut self, test: Test, val: Val, base: &str, env: &Env<'a>, to: &To) {
        let yes = self.block(|lower| lower.written(val, Form::Copy, base, env, to));
        self.when(test, yes, Block::new());
    }

    /// The edits of a message, in a list.
    pub(super) fn write_edited(&mut self, of: Slot, edits: &'a Expr, env: &Env<'a>, to: &To) {
        match env.get(of) {
            Some((Bound::Later(..), _)) => return,
            Some((Bound::Val(val), ty)) if matches!(ty.kind, TyKind::Segment(..) | TyKind::Hl7(..)) => {
                return self.write_changed(val, edits, env, to);
            }
            _ => {}
        }
        self.put("[");
        self.write(edits, env, to, &Vec::new());
        self.put("],");
    }

    /// A segment or field as it stands in the message, and the edits of it.
    fn write_changed(&mut self, val: Val, edits: &'a Expr, env: &Env<'a>, to: &To) {
        let body = self.block(|lower| {
            lower.written(val, Form::Copy, "", env, &To { at: to.at.clone(), ..To::new(Name::Item) });
            let inside = To { at: to.at.clone(), ..To::new(Name::Part) };
            let edits = lower.block(|lower| lower.write(edits, env, &inside, &Vec::new()));
            lower.wrap("\"with\":[".to_owned(), edits, "],", false, Vec::new());
        });
        self.wrap(format!("{}{{\"of\":", to.opened("")), body, &format!("}}{}", to.closed()), false, Vec::new());
    }

    pub(super) fn write_edits(&mut self, edits: &'a [Edit], env: &Env<'a>, to: &To) {
        for edit in edits {
            match edit {
                Edit::Statement(statement) => self.statements(slice::from_ref(statement), env),
                Edit::Inner(inner) => self.write(inner, env, to, &Vec::new()),
                Edit::Set { segments, item, place, list, values } => {
                    let Some(first) = values.first() else { continue };
                    self.ruled(env, &first.rule, |lower| {
                        lower.each(segments, env, Until::All, &mut |lower, segment| {
                            env.bind(*item, segment, Ty::one(segments.ty.kind.clone()));
                            let fits = lower.fits_edit(&segments.ty.kind, *place, values);
                            lower.write_edit(segment, *place, *list, (values, fits.as_deref()), env, to);
                        });
                    });
                }
                Edit::Drop { item, at } => {
                    let Some((Bound::Val(val), ty)) = env.get(*item) else { continue };
                    self.ruled(env, at, |lower| {
                        let to = To { at: at.clone(), ..To::new(Name::Item) };
                        lower.segments(val, &ty.kind, &mut |lower, segment| {
                            if lower.tells {
                                lower.trace(None, env, &to);
                            }
                            lower.push(Step::Drop { segment });
                        });
                    });
                }
                Edit::Part { item } => {
                    let Some((Bound::Val(val), ty)) = env.get(*item) else { continue };
                    self.put("[");
                    self.segments(val, &ty.kind, &mut |lower, of| {
                        lower.push(Step::Write { of, form: Form::Segment });
                        lower.put(",");
                    });
                    self.put("],");
                }
            }
        }
    }

    /// A rule that skips leaves the place as it is.
    fn write_edit(
        &mut self,
        segment: Val,
        place: EditPlace,
        list: bool,
        (values, fits): (&'a [Value], Option<&str>),
        env: &Env<'a>,
        around: &To,
    ) {
        let at = values.first().map_or(0..0, |value| value.rule.clone());
        self.caught(env, &at, |lower| {
            let EditPlace { field, repetition, component, subcomponent } = place;
            let repetition = match repetition {
                Repetition::Whole => 0,
                Repetition::Each => -1,
                Repetition::Nth(number) => i16::try_from(number).unwrap_or(i16::MAX),
            };
            let to = To { at: at.clone(), ..To::new(Name::Item) };
            let written = lower.block(|lower| {
                let items = lower.block(|lower| {
                    values.iter().for_each(|value| lower.write(&value.value, env, &to, &Vec::new()));
                });
                let items = lower.block(|lower| match list {
                    true => lower.wrap("[".to_owned(), items, "],", false, Vec::new()),
                    false => lower.extend(items),
                });
                lower.wrap_fitted("", fits, items, ",");
            });
            // Nothing is written there as well.
            let nothing = lower.block(|lower| {
                lower.trace(None, env, &to);
                lower.put("{},");
            });
            let body = lower.block(|lower| lower.or(written, nothing));
            // What is written is accounted for by its place; of a part that is taken over, too.
            if matches!(around.name, Name::Part) && !lower.accounts {
                let open = format!("[0,{field},{repetition},{component},{subcomponent},");
                return lower.wrap(open, body, "],", false, Vec::new());
            }
            let at = Spot { field, repetition, component, subcomponent };
            lower.push(Step::Edit { segment, at, body });
        });
    }

    /// What stands at each of several places, or the other value where nothing does.
    pub(super) fn write_kept(&mut self, lacking: &'a Expr, or: &'a Expr, env: &Env<'a>, to: &To) {
        let test = self.test(lacking, env);
        let yes = self.block(|lower| {
            let other = lower.block(|lower| lower.write(or, env, to, &Vec::new()));
            let other = lower.block(|lower| lower.wrap("{\"else\":".to_owned(), other, "},", false, Vec::new()));
            let nothing = lower.block(|lower| lower.put("{\"else\":{}},"));
            lower.or(other, nothing);
        });
        let no = self.block(|lower| lower.put(&format!("{KEPT},")));
        self.when(test, yes, no);
    }

    /// What each of several messages of one keeps, in a list.
    pub(super) fn write_split(&mut self, parts: &'a Expr, expr: &Expr, env: &Env<'a>) {
        self.put("{\"split\":[");
        let body = self.block(|lower| lower.write(parts, env, &To::new(Name::Item), &Vec::new()));
        let wrote = self.to(|to| Step::Wrote { body, to });
        self.put("]},");
        let text = "the message has nothing to split it by, so nothing is made of it";
        let issue = self.said(Code::NoPart, text, env, &expr.at);
        let nothing = Test::Not(Box::new(Test::True(wrote)));
        self.when(nothing, vec![Step::Issue { issue, at: None }], Block::new());
    }

    /// A segment, or all segments of a group.
    fn segments(&mut self, val: Val, ty: &TyKind, each: &mut dyn FnMut(&mut Self, Val)) {
        let TyKind::Group(version, key) = ty else {
            return each(self, val);
        };
        let Some(group) = self.world.standards().structure(*version, key) else { return };
        for (index, element) in (0..).zip(&group.elements) {
            let (nth, repeats, ty) = self.member(&TyKind::Group(*version, group.key.clone()), &element.name, index);
            let part = Part::Member { name: element.name.clone(), nth, repeats };
            let member = self.to(|to| Step::Take { of: val, part, to });
            self.each_of(member, repeats, Until::All, &mut |lower, val| lower.segments(val, &ty, each));
        }
    }

    /// The version of a message of that structure: the one that its profile names.
    pub(super) fn version(&self, name: &str) -> &'static str {
        let named = self.world.profile(name).map(|facts| facts.version).filter(|version| *version != Version::Union);
        named.unwrap_or(Version::V2_5_1).text()
    }

    /// The structure that a profile narrows, or itself.
    pub(super) fn structure(&self, name: &str) -> SmolStr {
        let local = self.world.standards().local.get(name).filter(|shape| shape.kind != ShapeKind::Segment);
        local.map_or_else(|| name.into(), |shape| shape.base.clone())
    }
}
