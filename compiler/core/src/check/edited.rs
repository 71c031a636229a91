//! `message with { … }`: what is changed in a message, while all else stays as it came.

use super::convert::{self, Want};
use super::scope::{Kept, Local, Scope};
use super::typed::{Edit, EditPlace, Expr, Kind, Repetition, Slot, State, Step, Ty, TyKind, Value};
use super::{arms, block, built, each, expression, kept, mixed, part, path, types};
use crate::diagnostic::{Code, Diagnostic, a};
use crate::standard::built as targets;
use crate::standard::shape::{Element, Kind as ShapeKind};
use crate::syntax::tree::{self, At, BlockItem, Count, ExprKind, Part, PartKind, Rule};
use rustc_hash::FxHashMap;
use smol_str::SmolStr;

/// A whole message with changes.
pub(super) fn with(scope: &mut Scope, base: &Expr, block: &tree::Block, want: Option<&Want>, at: &At) -> Expr {
    let Kind::Slot(of) = &*base.kind else {
        let message = "this is no message that came, and what is changed here would be lost";
        let help = "make a map of these changes, and send the message through both: `first then second`";
        scope.problem(Diagnostic::new(Code::TakenAgain, at.clone(), message).help(help));
        return Expr::error(at);
    };
    let of = *of;
    // Inside, names are those of this message.
    let mark = scope.mark();
    let own = scope.locals().find(|local| local.slot == of).cloned();
    if let Some(own) = own {
        scope.push(Local { name: None, current: false, is_let: false, ..own });
    }
    let edits = edits(scope, &block.items, at);
    scope.release(mark);
    if base.ty.is_list() {
        scope.error(Code::ManyForOne, at, "one message is changed here, and this is a list");
        return Expr::error(at);
    }
    let value = Expr::new(Kind::Edited { of, edits }, base.ty.clone(), at);
    match want {
        Some(want) => convert::to(scope, value, want),
        None => value,
    }
}

fn nothing(kind: Kind, at: &At) -> Expr {
    Expr::new(kind, Ty::NOTHING, at)
}

pub(super) fn edits(scope: &mut Scope, items: &[BlockItem], at: &At) -> Expr {
    let mark = scope.mark();
    let known = scope.known();
    let mut assigned = FxHashMap::default();
    let mut edits = Vec::new();
    for item in items {
        match item {
            BlockItem::Rule(rule) => edits.extend(set(scope, rule, &mut assigned)),
            BlockItem::Drop(drop) if scope.changed.is_some() => {
                let message = "a part of a message loses no segments";
                let diagnostic = Diagnostic::new(Code::WrongType, drop.at.clone(), message);
                scope.problem(diagnostic.help("empty its fields: `PID-19: absent`"));
            }
            BlockItem::Drop(drop) => edits.extend(dropped(scope, drop)),
            BlockItem::Do(expr) => edits.extend(inner(scope, expr)),
            BlockItem::Result(value) => {
                scope.error(Code::WrongType, &value.at, "a changed message has no other value");
            }
            other => edits.extend(block::statement(scope, other).map(Edit::Statement)),
        }
    }
    scope.forget(known);
    scope.release(mark);
    nothing(Kind::Edits(edits), at)
}

/// `each OBX { … }`, `match { … }`: what is changed for each item, or under a condition.
fn inner(scope: &mut Scope, expr: &tree::Expr) -> Option<Edit> {
    let value = match &*expr.kind {
        ExprKind::Each(each) if matches!(&*each.body.kind, ExprKind::Block(_)) => {
            each::walk(scope, each, &expr.at, &|scope, each| match &*each.body.kind {
                ExprKind::Block(block) => edits(scope, &block.items, &each.body.at),
                _ => Expr::error(&each.body.at),
            })
        }
        ExprKind::Match { on, arms } if arms.iter().any(arms::is_block) => {
            let inside = |scope: &mut Scope, block: &tree::Block, at: &At| edits(scope, &block.items, at);
            arms::matched(scope, on.as_ref(), arms, &expr.at, &inside)
        }
        _ => {
            let diagnostic =
                Diagnostic::new(Code::WrongType, expr.at.clone(), "a change of a message takes rules and `drop`");
            scope.problem(diagnostic.help("inside `each … { … }` and the arms of `match` too"));
            return None;
        }
    };
    (!value.is_error()).then_some(Edit::Inner(value))
}

/// `drop DB1 where …`: an `each` that drops its item.
fn dropped(scope: &mut Scope, drop: &tree::Drop) -> Option<Edit> {
    let refused = ("only segments and groups can be dropped", "a field is emptied by `PID-19: absent`");
    let edit = |item| Edit::Drop { item, at: drop.at.clone() };
    let value = of_each(scope, (&drop.what, drop.filter.as_ref()), &drop.at, refused, &edit);
    (!value.is_error()).then_some(Edit::Inner(value))
}

/// An edit of each such segment, or of the group that it opens; what is said where it is neither, and what helps.
pub(super) fn of_each(
    scope: &mut Scope,
    (what, filter): (&tree::Path, Option<&tree::Expr>),
    at: &At,
    (refused, help): (&str, &str),
    edit: &dyn Fn(Slot) -> Edit,
) -> Expr {
    let list = tree::Expr { kind: Box::new(ExprKind::Path(what.clone())), at: what.at.clone() };
    let body = tree::Expr { kind: Box::new(ExprKind::Missing), at: at.clone() };
    let each = tree::Each { name: None, list, filter: filter.cloned(), by: None, body };
    each::walk(scope, &each, at, &|scope, _| {
        let item = scope.current();
        match item.filter(|item| matches!(item.ty.kind, TyKind::Segment(..) | TyKind::Group(..))) {
            Some(item) => nothing(Kind::Edits(vec![edit(item.slot)]), at),
            None => {
                scope.problem(Diagnostic::new(Code::WrongType, what.at.clone(), refused).help(help));
                Expr::error(at)
            }
        }
    })
}

// ---- rules -----------------------------------------------------------------------------------------------

/// Where a rule writes.
pub(super) struct Goal {
    /// Of the field or component that is changed alone: that.
    pub segments: Expr,
    pub place: EditPlace,
    /// The field, component or subcomponent.
    pub element: Element,
    pub owner: SmolStr,
    pub field_repeats: bool,
    /// As a person writes it.
    pub label: String,
}

fn set(scope: &mut Scope, rule: &Rule, assigned: &mut FxHashMap<String, At>) -> Option<Edit> {
    let found = match scope.changed.clone() {
        Some(changed) => part::goal(scope, rule, &changed),
        None => goal(scope, rule),
    };
    let Some(goal) = found else {
        for value in rule.values.iter().filter(|value| !matches!(&*value.kind, ExprKind::Block(_))) {
            expression::infer(scope, value);
        }
        return None;
    };
    if let Some(first) = assigned.insert(goal.label.clone(), rule.target.at.clone()) {
        let message = format!("`{}` is assigned twice", goal.label);
        let diagnostic = Diagnostic::new(Code::AssignedTwice, rule.target.at.clone(), message);
        scope.problem(diagnostic.label(first, "the first time").help("keep one of the two rules"));
    }
    let whole = goal.place.component == 0 && goal.place.repetition == Repetition::Whole;
    let list = whole && goal.field_repeats;
    if rule.adds && !list {
        let message = format!("`{}` takes one value, so nothing can be added", goal.label);
        scope.problem(Diagnostic::new(Code::ManyForOne, rule.target.at.clone(), message).help("write `:`"));
    }
    if let Some(mixed) = mixed::told(scope, rule, &goal.segments, &goal.label) {
        scope.problem(mixed);
        return None;
    }
    let item_ty = goal.segments.ty.with(Count::One);
    let item = scope.slot(item_ty.clone());
    let place = place_kept(&goal, item, &item_ty);
    let lacking = if place.is_none() { lacking(scope, &goal, item, &item_ty) } else { None };
    let mut element = goal.element.clone();
    element.max = if list { element.max.max(2) } else { 1 };
    let want = Want { label: goal.label.clone(), ..Want::element(&goal.owner, &element) };
    if rule.values.len() > 1 && !list {
        let diagnostic =
            Diagnostic::new(Code::ManyForOne, rule.at.clone(), format!("`{}` takes one value", want.label));
        scope.problem(diagnostic.help("say which: `A else B`"));
    }
    let outer = scope.kept.replace(Kept { place, lacking, is_last: true });
    let before = scope.problems.len();
    let mut values = expression::values(scope, &rule.values, &want, rule.adds || rule.values.len() > 1);
    scope.kept = outer;
    if values.iter().any(Expr::is_error) || scope.errors_since(before).next().is_some() {
        return None;
    }
    if rule.adds {
        values.insert(0, kept::all(&want, &rule.at));
    }
    let values = values.into_iter().map(|value| Value { value, rule: rule.at.clone() }).collect();
    Some(Edit::Set { segments: goal.segments, item, place: goal.place, list, values })
}

/// Whether a repetition that is there has no value at the place.
fn lacking(scope: &mut Scope, goal: &Goal, item: Slot, segment: &Ty) -> Option<Expr> {
    let TyKind::Segment(version, _) = &segment.kind else { return None };
    let EditPlace { field, component, subcomponent, .. } = goal.place;
    let at = 0..0;
    let ty = |count| Ty { kind: TyKind::Hl7(*version, "ST".into()), count };
    let is_there = |root, steps, count| {
        let value = Expr::new(Kind::Path { root, steps }, ty(count), &at);
        Expr::new(Kind::Is { value, state: State::Present }, Ty::fhir("boolean"), &at)
    };
    let one = scope.slot(ty(Count::One));
    let numbers = [component, subcomponent].into_iter().filter(|number| *number > 0);
    let below = numbers.map(|number| u8::try_from(number).map(Step::Component)).collect::<Result<Vec<_>, _>>().ok()?;
    let condition = Expr::new(Kind::Not(is_there(one, below, Count::Optional)), Ty::fhir("boolean"), &at);
    let steps = vec![Step::Field { number: field, repeats: true }, Step::Filter { item: one, condition }];
    Some(is_there(item, steps, Count::Any))
}

/// The place as a source, below the segment in hand; nothing where it may be several.
fn place_kept(goal: &Goal, item: Slot, segment: &Ty) -> Option<Expr> {
    let (TyKind::Segment(version, _) | TyKind::Hl7(version, _)) = &segment.kind else { return None };
    let EditPlace { field, repetition, component, subcomponent } = goal.place;
    let whole = component == 0;
    if goal.field_repeats && !whole && !matches!(repetition, Repetition::Nth(_)) {
        return None;
    }
    let many = goal.field_repeats && repetition == Repetition::Whole;
    let mut steps = Vec::new();
    if field > 0 {
        steps.push(Step::Field { number: field, repeats: goal.field_repeats });
    }
    if let Repetition::Nth(number) = repetition {
        steps.push(Step::Index(number));
    }
    for number in [component, subcomponent] {
        if number > 0 {
            steps.push(Step::Component(u8::try_from(number).ok()?));
        }
    }
    let name = goal.element.types.first().and_then(|ty| targets::name(&ty.name)).unwrap_or("ST");
    let kind = TyKind::Hl7(*version, name.into());
    let count = if many { Count::Any } else { Count::Optional };
    Some(Expr::new(Kind::Path { root: item, steps }, Ty { kind, count }, &(0..0)))
}

fn goal(scope: &mut Scope, rule: &Rule) -> Option<Goal> {
    let target = &rule.target;
    let is_field = |part: &Part| matches!(part.kind, PartKind::Field(_));
    let split = target.parts.iter().position(is_field).unwrap_or(target.parts.len());
    let (around, below) = target.parts.split_at_checked(split)?;
    let written = tree::Path { root: Some(target.first.clone()), parts: around.to_vec(), at: target.at.clone() };
    let segments = path::path(scope, &written);
    if segments.is_error() {
        return None;
    }
    let TyKind::Segment(_, name) = segments.ty.kind.clone() else {
        let message = format!("{} is no segment, so it has no fields", a(&types::show_kind(&segments.ty.kind)));
        let diagnostic = Diagnostic::new(Code::WrongType, target.at.clone(), message);
        scope.problem(diagnostic.help("change it segment by segment, as in `each OBX { OBX-6: … }`"));
        return None;
    };
    let Some((Part { kind: PartKind::Field(number), at }, rest)) = below.split_first() else {
        let message = format!("`{name}` is changed field by field");
        let diagnostic = Diagnostic::new(Code::WrongType, target.at.clone(), message);
        scope.problem(diagnostic.help(format!("write `{name}-1: …`, or `drop {name} because \"…\"`")));
        return None;
    };
    below_segment(scope, segments, &name, (*number, at), rest)
}

pub(super) fn below_segment(
    scope: &mut Scope,
    segments: Expr,
    name: &SmolStr,
    (number, at): (u32, &At),
    rest: &[Part],
) -> Option<Goal> {
    if name == "MSH" && number <= 2 {
        let message = format!("`MSH-{number}` says how to read the message: it stays as it is");
        scope.problem(Diagnostic::new(Code::WrittenForYou, at.clone(), message).help("take the rule away"));
        return None;
    }
    let standards = scope.world.standards();
    let segment = standards.shape(&standards.target(name)?)?;
    let Some(element) = segment.element(&number.to_string()).cloned() else {
        scope.problem(built::unknown(&segment, &number.to_string(), at));
        return None;
    };
    let field_repeats = element.repeats();
    let mut repetition = if field_repeats { Repetition::Each } else { Repetition::Whole };
    let label = targets::place(&segment.key, &number.to_string());
    let mut way = Way { element: Some(element), ..Way::new(segment.key.clone(), label) };
    for part in rest {
        match &part.kind {
            PartKind::Index(0) => {
                let diagnostic = Diagnostic::new(Code::WrongPathSpelling, part.at.clone(), "HL7 v2 counts from 1");
                scope.problem(diagnostic.help("the first one is `[1]`").fix(part.at.clone(), "[1]"));
                return None;
            }
            PartKind::Index(number) if way.numbers.is_empty() && field_repeats => {
                repetition = Repetition::Nth(*number);
                way.label += &format!("[{number}]");
            }
            PartKind::Component(number) if !way.is_at_end() => way.component(scope, *number, &part.at)?,
            PartKind::Unfinished => return None,
            _ => {
                let diagnostic =
                    Diagnostic::new(Code::UnknownPath, part.at.clone(), "a target is a place, not a choice of them");
                scope.problem(diagnostic.help("write its number, as in `PID-3[2].4`"));
                return None;
            }
        }
    }
    let (component, subcomponent) = way.components();
    if component == 0 && repetition == Repetition::Each {
        repetition = Repetition::Whole;
    }
    let place = EditPlace { field: u16::try_from(number).ok()?, repetition, component, subcomponent };
    way.goal(segments, place, field_repeats)
}

/// The way down to a component or subcomponent that a rule writes.
pub(super) struct Way {
    /// Where it has led to; nothing yet where it begins at a value that is changed.
    element: Option<Element>,
    /// The shape that this is an element of, or of the value.
    owner: SmolStr,
    label: String,
    /// Of the component, and of the subcomponent.
    numbers: Vec<u16>,
}

impl Way {
    pub fn new(owner: SmolStr, label: String) -> Way {
        Way { element: None, owner, label, numbers: Vec::new() }
    }

    /// Nothing of HL7 v2 stands below a subcomponent.
    fn is_at_end(&self) -> bool {
        self.numbers.len() == 2
    }

    /// One component further down.
    pub fn component(&mut self, scope: &mut Scope, number: u32, at: &At) -> Option<()> {
        let key = match &self.element {
            Some(element) => element.types.first().map(|ty| ty.shape.clone()).unwrap_or_default(),
            None => self.owner.clone(),
        };
        let shape = scope.world.standards().shape(&key);
        let Some(shape) = shape.filter(|shape| shape.kind == ShapeKind::Composite && !self.is_at_end()) else {
            scope.error(Code::UnknownPath, at, format!("`{}` has no components", self.label));
            return None;
        };
        let Some(element) = shape.element(&number.to_string()) else {
            scope.problem(built::unknown(&shape, &number.to_string(), at));
            return None;
        };
        (self.element, self.owner) = (Some(element.clone()), shape.key.clone());
        self.numbers.push(u16::try_from(number).ok()?);
        self.label += &format!(".{number}");
        Some(())
    }

    /// The numbers of the component and the subcomponent, 0 for none.
    pub fn components(&self) -> (u16, u16) {
        let number = |index| self.numbers.get(index).copied().unwrap_or(0);
        (number(0), number(1))
    }

    pub fn goal(self, segments: Expr, place: EditPlace, field_repeats: bool) -> Option<Goal> {
        let Way { element, owner, label, .. } = self;
        Some(Goal { segments, place, element: element?, owner, field_repeats, label })
    }
}
