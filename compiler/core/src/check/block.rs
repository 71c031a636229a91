//! Blocks: rules that write the elements of a shape, and the statements between them.

use super::arms::{holds_rules, is_block, match_rules, match_statements};
use super::convert::Want;
use super::required::{Doubt, required};
use super::scope::Scope;
use super::sourceless::{is_constant, of_constants};
use super::typed::{Block, Expr, Field, Kind, Left, Statement, Ty, TyKind, Value};
use super::{beside, built, bundle, condition, expression, extension, fixed, lookup, path, place, rule, terms, types};
use crate::diagnostic::{Code, Diagnostic, Severity};
use crate::standard::shape::{self, Element, Shape};
use crate::syntax::tree::{self, At, BlockItem, Count, ExprKind, PartKind};
use indexmap::IndexMap;
use smol_str::SmolStr;
use std::sync::Arc;

/// What rules of a block have assigned so far, by the element's name in the order of the text.
pub(super) type Fields = IndexMap<SmolStr, Building>;

/// What is being built under one name.
#[derive(Default)]
pub(super) struct Building {
    pub element: Option<Element>,
    pub values: Vec<Value>,
    /// `name.family: X`: the element's own elements.
    pub nested: Option<(SmolStr, Fields)>,
    /// `birthDate.extension["…"]`.
    pub extras: Fields,
    /// `extension["…"].extension["…"]`: the elements of the extension of that URL.
    pub by_url: IndexMap<SmolStr, Fields>,
    /// `identifier[mrn].value: X`: the elements of the slice of that name.
    pub by_slice: IndexMap<SmolStr, (SmolStr, Fields)>,
    /// Extensions of these URLs are assigned as a whole: where, and whether by `+:`.
    pub urls: IndexMap<SmolStr, (At, bool)>,
    /// Where it was first assigned, and whether by `+:`.
    pub first: At,
    pub adds: bool,
}

/// A block as a value: written if one of its sources has a value.
pub(super) fn value(scope: &mut Scope, block: &tree::Block, key: &SmolStr, at: &At) -> Expr {
    built(scope, block, key, at, false)
}

/// A block; `always` if it is written whatever its sources give.
pub(super) fn built(scope: &mut Scope, block: &tree::Block, key: &SmolStr, at: &At, always: bool) -> Expr {
    let Some(shape) = scope.world.standards().shape(key) else { return Expr::error(at) };
    if let Some(result) = result_of(block) {
        return with_result(scope, block, result, key, at);
    }
    let mark = scope.mark();
    let known = scope.known();
    let before = scope.problems.len();
    let mut fields = Fields::default();
    let statements = items(scope, &block.items, &shape, &mut fields);
    let doubt = Doubt::of(scope.errors_since(before), &block.items, &shape);
    let mut written = finish(scope, fields, &shape);
    if types::base(&shape) == "Bundle" {
        with_bundle_type(&mut written, at);
        bundle::hold(scope, &statements, &written, at);
    }
    terms::hold_block(scope, &written, types::base(&shape));
    required(scope, &written, &shape, at, always, &doubt);
    let written = with_profile(with_fixed(scope, written, &shape), &shape);
    scope.forget(known);
    scope.release(mark);
    let count = if always || statements_alone(&statements, &written) || surely(&written) {
        Count::One
    } else {
        Count::Optional
    };
    let resource = (shape.kind == shape::Kind::Resource).then(|| types::base(&shape).clone());
    let ty = Ty { kind: TyKind::Fhir(key.clone()), count };
    let block = Block { shape: key.clone(), resource, statements, fields: written, always };
    Expr::new(Kind::Block(block), ty, at)
}

fn statements_alone(statements: &[Statement], fields: &[Field]) -> bool {
    fields.is_empty() && statements.iter().any(|it| !matches!(it, Statement::Ignore(_)))
}

/// A value that is always there brings its block about.
fn surely(fields: &[Field]) -> bool {
    fields
        .iter()
        .flat_map(|field| &field.values)
        .any(|value| !value.value.ty.may_be_missing() && !value.value.is_nothing() && !is_constant(&value.value))
}

fn result_of(block: &tree::Block) -> Option<&tree::Expr> {
    block.items.iter().rev().find_map(|item| match item {
        BlockItem::Result(value) => Some(value),
        _ => None,
    })
}

/// A block with `= value` at its end: its lets, then the value.
fn with_result(scope: &mut Scope, block: &tree::Block, result: &tree::Expr, key: &SmolStr, at: &At) -> Expr {
    let ty = Ty { kind: TyKind::Fhir(key.clone()), count: Count::Optional };
    let want = Want::ty(&ty, types::short(key));
    valued(scope, &block.items, &|scope| expression::value(scope, result, &want), at)
}

/// Statements and the value after them, of a body that is no block of rules.
pub(super) fn valued(scope: &mut Scope, items: &[BlockItem], result: &dyn Fn(&mut Scope) -> Expr, at: &At) -> Expr {
    let mark = scope.mark();
    let known = scope.known();
    let mut statements = Vec::new();
    for item in items {
        match item {
            BlockItem::Rule(rule) => {
                let diagnostic = Diagnostic::new(
                    Code::WrongType,
                    rule.at.clone(),
                    "there is no element here that a rule could write",
                );
                scope.problem(diagnostic.help("write the element before the block, as in `contact: { … }`"));
            }
            BlockItem::Result(_) => {}
            other => statements.extend(statement(scope, other)),
        }
    }
    let value = result(scope);
    scope.forget(known);
    scope.release(mark);
    if statements.is_empty() || value.is_error() {
        return value;
    }
    let ty = value.ty.clone();
    Expr::new(Kind::Do { statements, value }, ty, at)
}

/// Carries out the items of a block: rules into `fields`, the rest as statements.
pub(super) fn items(scope: &mut Scope, items: &[BlockItem], shape: &Arc<Shape>, fields: &mut Fields) -> Vec<Statement> {
    let mut statements = Vec::new();
    for item in items {
        match item {
            BlockItem::Rule(written) => rule::rule(scope, written, shape, fields),
            BlockItem::Do(expr) => match &*expr.kind {
                ExprKind::Match { on, arms } if holds_rules(arms) => {
                    statements.extend(match_rules(scope, on.as_ref(), arms, shape, fields, &expr.at));
                }
                _ => statements.extend(statement(scope, item)),
            },
            _ => statements.extend(statement(scope, item)),
        }
    }
    statements
}

/// One item of a block that is no rule.
pub(super) fn statement(scope: &mut Scope, item: &BlockItem) -> Option<Statement> {
    match item {
        BlockItem::Let(it) => {
            if let Some(row) = lookup::row(scope, it) {
                match row {
                    Some(row) => scope.define_row(&it.name.text, &it.name.at, row),
                    None => _ = scope.define(&it.name.text, &it.name.at, Ty::ERROR, None),
                }
                return None;
            }
            let value = match &it.ty {
                Some(ty) => {
                    let mut problems = Vec::new();
                    let ty = types::result(ty, scope.world, &mut problems);
                    scope.problems.extend(problems);
                    expression::value(scope, &it.value, &Want::ty(&ty, &it.name.text))
                }
                None => expression::infer(scope, &it.value),
            };
            let sound = !value.is_error();
            let source = beside::source(scope, &value);
            let slot = scope.define(&it.name.text, &it.name.at, value.ty.clone(), source);
            sound.then_some(Statement::Let(slot, value))
        }
        BlockItem::Require { condition: expr, otherwise, .. } => {
            let condition = condition::required(scope, expr);
            let otherwise = expression::infer(scope, otherwise);
            if condition.is_error() || otherwise.is_error() {
                return None;
            }
            if !matches!(&*otherwise.kind, Kind::AbsentWarn(_) | Kind::Absent) {
                condition::assume(scope, &condition);
            }
            Some(Statement::Require { condition, otherwise })
        }
        BlockItem::Do(expr) => {
            let value = match &*expr.kind {
                ExprKind::Match { on, arms } if arms.iter().any(is_block) => {
                    match_statements(scope, on.as_ref(), arms, &expr.at)
                }
                _ => expression::infer(scope, expr),
            };
            let does = value.is_nothing() || matches!(value.ty.kind, TyKind::Reference(_));
            if !value.is_error() && !does {
                let diagnostic =
                    Diagnostic::new(Code::WrongType, expr.at.clone(), "this gives a value that nobody takes");
                scope.problem(diagnostic.help("write the element before it, or `emit` a resource"));
            }
            (!value.is_error()).then_some(Statement::Do(value))
        }
        BlockItem::Ignore(ignore) => {
            let ignored = ignored(scope, ignore);
            (!ignored.is_empty()).then_some(Statement::Ignore(ignored))
        }
        BlockItem::Accept(accept) => {
            let diagnostic = Diagnostic::new(Code::WrongType, accept.at.clone(), "`accept` belongs to a feed");
            scope.problem(diagnostic.help("a map says what it takes in its parameters"));
            None
        }
        BlockItem::Drop(drop) => {
            let diagnostic =
                Diagnostic::new(Code::WrongType, drop.at.clone(), "only what stands in a message can be dropped");
            scope.problem(diagnostic.help("`drop` stands in the block of `with` on a message"));
            None
        }
        BlockItem::Rule(_) | BlockItem::Result(_) => None,
    }
}

/// What is ignored must exist, and is noted. Of a range each field is.
fn ignored(scope: &mut Scope, ignore: &tree::Ignore) -> Vec<Left> {
    let because = ignore.because.as_ref().map(|because| because.text.clone()).unwrap_or_default();
    let mut found = Vec::new();
    for what in &ignore.what {
        let swept = matches!(what, tree::Ignored::Rest(_));
        for written in named(what) {
            let at = written.at.clone();
            if let Some(problem) = place::not_taken(scope, &written) {
                scope.problem(problem);
                break;
            }
            let what = path::path(scope, &written);
            // What is wrong with a place is wrong with all fields of it.
            if what.is_error() {
                break;
            }
            if swept && !matches!(what.ty.kind, TyKind::Segment(..) | TyKind::Group(..)) {
                let diagnostic = Diagnostic::new(Code::WrongType, at, "`rest of` takes a segment");
                scope.problem(diagnostic.help("a field is ignored as a whole: `ignore PID-3`"));
                break;
            }
            scope.ignored.extend(path::named(scope, &what));
            found.push(Left { what, swept, because: because.clone(), at });
        }
        if let tree::Ignored::Event(event) = what {
            scope.error(Code::WrongType, &event.at, "events are ignored in a feed, not in a map");
        }
    }
    found
}

/// The paths that it stands for.
fn named(what: &tree::Ignored) -> Vec<tree::Path> {
    match what {
        tree::Ignored::Path(written) | tree::Ignored::Rest(written) => vec![written.clone()],
        tree::Ignored::Range(written, last) => {
            let Some(PartKind::Field(first)) = written.parts.last().map(|part| part.kind.clone()) else {
                return vec![written.clone()];
            };
            let field = |number| {
                let mut one = written.clone();
                if let Some(part) = one.parts.last_mut() {
                    part.kind = PartKind::Field(number);
                }
                one
            };
            // The ends first: they are what a person wrote.
            [first, *last].into_iter().chain(first.saturating_add(1)..*last).map(field).collect()
        }
        tree::Ignored::Event(_) => Vec::new(),
    }
}

// ---- the finished block ------------------------------------------------------------------------------------

/// Fields in the order in which their elements were first assigned.
pub(super) fn finish(scope: &mut Scope, fields: Fields, shape: &Arc<Shape>) -> Vec<Field> {
    finished(scope, fields, shape, false)
}

/// The same; in the block of `with`, `low.unit: X` keeps what else `low` has.
pub(super) fn finished(scope: &mut Scope, fields: Fields, shape: &Arc<Shape>, with: bool) -> Vec<Field> {
    let mut written = Vec::new();
    for (name, building) in fields {
        let Some(element) = building.element.clone() else { continue };
        let mut values = building.values;
        if let Some((key, nested)) = building.nested {
            let nested = nested_value(scope, key, nested, building.first.clone(), with);
            values.extend(nested.map(|nested| told_if_never_written(scope, nested, element.min > 0)));
        }
        for (url, nested) in building.by_url {
            values.extend(extension::collected(scope, &url, nested, building.first.clone()));
        }
        for (_, (key, nested)) in building.by_slice {
            values.extend(nested_value(scope, key, nested, building.first.clone(), false));
        }
        let extras = (!building.extras.is_empty()).then(|| extras(scope, building.extras)).flatten();
        written.push(Field {
            name,
            choice: element.choice,
            list: element.repeats() || base_repeats(scope, shape, &element),
            required: element.min > 0,
            values,
            extras,
            adds: building.adds,
        });
    }
    written
}

/// `name.family: X`, `name.given: Y`: the block of what they write.
fn nested_value(scope: &mut Scope, key: SmolStr, nested: Fields, at: At, with: bool) -> Option<Value> {
    let inner = scope.world.standards().shape(&key)?;
    let before = scope.problems.len();
    let fields = finished(scope, nested, &inner, with);
    let ty = Ty { kind: TyKind::Fhir(key.clone()), count: Count::Optional };
    let is_target = built::is_target(&inner);
    let count = if is_target && !with { built::count_of(&fields) } else { Count::Optional };
    let ty = ty.with(count);
    let kind = if with {
        Kind::With { base: kept_or_new(&fields, &inner, &ty, &at), fields }
    } else {
        let doubt = if scope.errors_since(before).next().is_some() { Doubt::All } else { Doubt::None };
        required(scope, &fields, &inner, &at, false, &doubt);
        let fields = with_fixed(scope, fields, &inner);
        // A rule that names a place of a message writes it, be it a constant.
        Kind::Block(Block { shape: key, resource: None, statements: Vec::new(), fields, always: is_target })
    };
    Some(Value { value: Expr::new(kind, ty, &at), rule: at })
}

/// What `with` changes below an element: what is there, or a new one, unless that would lack what it must have.
fn kept_or_new(fields: &[Field], shape: &Arc<Shape>, ty: &Ty, at: &At) -> Expr {
    let kept = Expr::new(Kind::Keep, ty.clone(), at);
    let is_set = |element: &Element| fields.iter().any(|field| field.name == element.name);
    if shape.elements.iter().any(|element| element.min > 0 && !is_set(element)) {
        return kept;
    }
    let always = built::is_target(shape);
    let new = Block { shape: shape.key.clone(), resource: None, statements: Vec::new(), fields: Vec::new(), always };
    Expr::new(Kind::Else(kept, Expr::new(Kind::Block(new), ty.clone(), at)), ty.clone(), at)
}

/// A place below an element is written with what is around it, as a block in braces is.
fn told_if_never_written(scope: &mut Scope, nested: Value, required: bool) -> Value {
    let Kind::Block(block) = &*nested.value.kind else { return nested };
    let values = block.fields.iter().flat_map(|field| &field.values).map(|value| &value.value.at);
    let mut errors = scope.problems.iter().filter(|it| it.severity() == Severity::Error);
    let is_wrong = errors.any(|it| values.clone().any(|at| at.start <= it.at.start && it.at.end <= at.end));
    // A rule whose value names nothing has none.
    if block.always || is_wrong || block.fields.iter().any(|field| field.values.is_empty()) {
        return nested;
    }
    Value { value: of_constants(scope, nested.value, required), ..nested }
}

/// A profile may allow one where the resource has a list: JSON writes an array all the same.
pub(super) fn base_repeats(scope: &Scope, shape: &Shape, element: &Element) -> bool {
    let base = types::base(shape);
    base != &shape.key
        && scope
            .world
            .standards()
            .fhir
            .shape(base)
            .and_then(|it| it.element(&element.name).map(Element::repeats))
            .unwrap_or(false)
}

fn extras(scope: &mut Scope, fields: Fields) -> Option<Block> {
    let shape = scope.world.standards().shape("Element")?;
    let fields = finish(scope, fields, &shape);
    // An extension that is written is there, be its value a constant; an id alone is of nothing.
    let always = fields.iter().all(|field| field.name == "extension");
    Some(Block { shape: "Element".into(), resource: None, statements: Vec::new(), fields, always })
}

/// A Bundle of which nothing is said is a transaction.
fn with_bundle_type(fields: &mut Vec<Field>, at: &At) {
    if fields.iter().any(|field| field.name == "type") {
        return;
    }
    let value = Value { value: Expr::new(Kind::Text("transaction".into()), Ty::fhir("code"), at), rule: at.clone() };
    fields.insert(0, Field::of("type", value));
}

/// A resource of a profile says so, unless a rule says which profiles it has.
fn with_profile(mut fields: Vec<Field>, shape: &Shape) -> Vec<Field> {
    if !shape.is_profile() {
        return fields;
    }
    let at = 0..0;
    let url = Expr::new(Kind::Text(shape.url.clone()), Ty::fhir("canonical"), &at);
    let profile = Field { list: true, ..Field::of("profile", Value { value: url, rule: at.clone() }) };
    match fields.iter_mut().find(|field| field.name == "meta") {
        None => {
            let block = fixed::block_of("Meta", vec![profile]);
            let value = Expr::new(Kind::Block(block), Ty::fhir("Meta"), &at);
            fields.insert(0, Field::of("meta", Value { value, rule: at }));
        }
        Some(meta) => {
            for value in &mut meta.values {
                if let Kind::Block(block) = &mut *value.value.kind
                    && !block.fields.iter().any(|field| field.name == "profile")
                {
                    block.fields.push(profile.clone());
                }
            }
        }
    }
    fields
}

/// Fixed and pattern values of a profile are filled in.
pub(super) fn with_fixed(scope: &Scope, mut fields: Vec<Field>, shape: &Arc<Shape>) -> Vec<Field> {
    for element in &shape.elements {
        let value = element.fixed.as_ref().or(element.pattern.as_ref());
        let Some(json) = value.filter(|_| !fields.iter().any(|field| field.name == element.name)) else { continue };
        let key = element.types.first().map(|ty| ty.name.clone()).unwrap_or_default();
        let value = Value { value: fixed::constant(scope, &key, json, &(0..0)), rule: 0..0 };
        fields.push(Field {
            choice: element.choice,
            list: element.repeats() || base_repeats(scope, shape, element),
            ..Field::of(&element.name, value)
        });
    }
    fields
}
