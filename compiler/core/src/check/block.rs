//! Blocks: rules that write the elements of a shape, and the statements between them.

use super::convert::Want;
use super::scope::Scope;
use super::typed::{Block, Expr, Field, Kind, Statement, Ty, TyKind, Value};
use super::{choose, condition, expression, extension, path, types};
use crate::diagnostic::{Code, Diagnostic};
use crate::standard::shape::{self, Element, Shape};
use crate::syntax::tree::{self, At, BlockItem, Count, ExprKind, Part, PartKind, Rule};
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
    nested: Option<(SmolStr, Fields)>,
    /// `birthDate.extension["…"]`.
    extras: Fields,
    /// `extension["…"].extension["…"]`: the elements of the extension of that URL.
    pub by_url: IndexMap<SmolStr, Fields>,
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
    let Some(shape) = scope.world.standards().fhir.shape(key) else { return Expr::error(at) };
    if let Some(result) = result_of(block) {
        return with_result(scope, block, result, key, at);
    }
    let mark = scope.mark();
    let known = scope.known();
    let before = scope.problems.len();
    let mut fields = Fields::default();
    let statements = items(scope, &block.items, &shape, &mut fields);
    let sound = scope.problems.len() == before;
    let mut written = finish(scope, fields, &shape);
    if types::base(&shape) == "Bundle" {
        with_bundle_type(&mut written, at);
    }
    if sound {
        required(scope, &written, &shape, at, always);
    }
    let written = with_fixed(written, &shape);
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
    fields.is_empty() && !statements.is_empty()
}

/// A value that is always there brings its block about.
fn surely(fields: &[Field]) -> bool {
    fields
        .iter()
        .flat_map(|field| &field.values)
        .any(|value| !value.value.ty.may_be_missing() && !value.value.is_nothing() && !is_constant(&value.value))
}

/// Whether no source has a part in it: such a value alone makes no block.
pub(super) fn is_constant(value: &Expr) -> bool {
    match &*value.kind {
        Kind::Text(_) | Kind::Number(_) | Kind::Boolean(_) | Kind::Duration(_) | Kind::Code { .. } | Kind::Json(_) => {
            true
        }
        Kind::DataAbsent(_) | Kind::Absent | Kind::AbsentWarn(_) | Kind::Skip | Kind::Reject(_) => true,
        Kind::List(items) => items.iter().all(is_constant),
        Kind::Else(first, second) => is_constant(first) && is_constant(second),
        Kind::Match { arms, otherwise } => arms.iter().map(|arm| &arm.value).chain(otherwise).all(is_constant),
        Kind::Do { value, .. } => is_constant(value),
        Kind::When { value, .. } | Kind::Warn { value, .. } | Kind::Coded(value) => is_constant(value),
        Kind::Block(block) => {
            block.fields.iter().flat_map(|field| &field.values).all(|value| is_constant(&value.value))
        }
        _ => false,
    }
}

/// Constants alone make a block only in an element that must be there: they are part of what is around it, as a
/// constant text would be. Elsewhere the block is never written, which is worth a word.
pub(super) fn of_constants(scope: &mut Scope, value: Expr, required: bool) -> Expr {
    if !is_constant(&value) || matches!(&*value.kind, Kind::Block(block) if block.fields.is_empty()) {
        return value;
    }
    if required {
        return with_constants(value);
    }
    // What is said of the whole block need not be said of those inside it, and a value that is wrong is no constant.
    let inside = |it: &Diagnostic| value.at.start <= it.at.start && it.at.end <= value.at.end;
    scope.problems.retain(|it| it.code != Code::NeverWritten || !inside(it));
    if scope.problems.iter().any(inside) {
        return value;
    }
    let message = "this block is never written: it holds constants alone";
    let diagnostic = Diagnostic::new(Code::NeverWritten, value.at.clone(), message);
    scope.problem(
        diagnostic.help("a block is written if one of its sources has a value: put in the one that it depends on"),
    );
    value
}

fn with_constants(mut value: Expr) -> Expr {
    if !is_constant(&value) {
        return value;
    }
    if let Kind::Block(block) = &mut *value.kind
        && !block.fields.is_empty()
    {
        block.always = true;
        for inner in block.fields.iter_mut().flat_map(|field| &mut field.values) {
            let constant = std::mem::replace(&mut inner.value, Expr::error(&value.at));
            inner.value = with_constants(constant);
        }
        value.ty.count = Count::One;
    }
    value
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
            BlockItem::Rule(written) => rule(scope, written, shape, fields),
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

fn is_block(arm: &tree::Arm) -> bool {
    matches!(&*arm.value.kind, ExprKind::Block(_))
}

/// A `match` whose arms hold statements alone.
fn match_statements(scope: &mut Scope, on: Option<&tree::Expr>, arms: &[tree::Arm], at: &At) -> Expr {
    let mark = scope.mark();
    let Some((subject, tests)) = choose::tests(scope, on, arms, at) else { return Expr::error(at) };
    let mut values = Vec::new();
    for arm in arms {
        values.push(match &*arm.value.kind {
            ExprKind::Block(block) => {
                let nothing = |_: &mut Scope| Expr::new(Kind::Absent, Ty::NOTHING, &arm.at);
                valued(scope, &block.items, &nothing, &arm.at)
            }
            _ => expression::infer(scope, &arm.value),
        });
    }
    scope.release(mark);
    if values.iter().any(Expr::is_error) || tests.iter().flatten().any(Expr::is_error) {
        return Expr::error(at);
    }
    let mut value = choose::join(tests, values, at);
    value.ty = Ty::NOTHING;
    choose::around(subject, value)
}

fn holds_rules(arms: &[tree::Arm]) -> bool {
    arms.iter().any(|arm| match &*arm.value.kind {
        ExprKind::Block(block) => block.items.iter().any(|item| matches!(item, BlockItem::Rule(_))),
        _ => false,
    })
}

/// One item of a block that is no rule.
pub(super) fn statement(scope: &mut Scope, item: &BlockItem) -> Option<Statement> {
    match item {
        BlockItem::Let(it) => {
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
            let slot = scope.define(&it.name.text, &it.name.at, value.ty.clone(), true);
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
            ignored(scope, ignore);
            None
        }
        BlockItem::Other { keyword, at } => {
            scope.not_yet(at, &format!("`{}`", keyword.text));
            None
        }
        BlockItem::Rule(_) | BlockItem::Result(_) => None,
    }
}

/// What is ignored must exist.
fn ignored(scope: &mut Scope, ignore: &tree::Ignore) {
    for what in &ignore.what {
        match what {
            tree::Ignored::Path(written) | tree::Ignored::Range(written, _) => {
                let first = path::path(scope, written);
                if let tree::Ignored::Range(_, last) = what
                    && !first.is_error()
                {
                    let mut end = written.clone();
                    if let Some(part) = end.parts.last_mut() {
                        part.kind = PartKind::Field(*last);
                        path::path(scope, &end);
                    }
                }
            }
            tree::Ignored::Rest(name) => {
                let whole = tree::Path { root: Some(name.clone()), parts: Vec::new(), at: name.at.clone() };
                path::path(scope, &whole);
            }
            tree::Ignored::Event(event) => {
                scope.error(Code::WrongType, &event.at, "events are ignored in a feed, not in a map");
            }
        }
    }
}

// ---- rules ---------------------------------------------------------------------------------------------

/// One rule: its target among the fields, its values as the element takes them.
fn rule(scope: &mut Scope, rule: &Rule, shape: &Arc<Shape>, fields: &mut Fields) {
    let target = &rule.target;
    let before = scope.problems.len();
    match enter(scope, shape, &target.first.text, &target.first.at, fields) {
        Some(entered) => place(scope, rule, entered, &target.parts),
        // The values are looked at all the same: what is wrong with them is said in the same pass.
        None => {
            let said = scope.problems.len();
            for value in rule.values.iter().filter(|value| !matches!(&*value.kind, ExprKind::Block(_))) {
                expression::infer(scope, value);
            }
            debug_assert!(said > before, "an element that cannot be entered is reported");
        }
    }
}

/// Follows a target part by part, and assigns at its end.
pub(super) fn place(scope: &mut Scope, rule: &Rule, entered: Entered, parts: &[Part]) {
    let (building, element, owner) = entered;
    let Some((part, rest)) = parts.split_first() else {
        return assign(scope, rule, building, &element, &owner);
    };
    match &part.kind {
        PartKind::Child(child) => {
            if let Some(next) = descend(scope, building, &element, child, &part.at) {
                place(scope, rule, next, rest);
            }
        }
        PartKind::Url(url) if element.name == "extension" || element.name == "modifierExtension" => {
            extension::by_url(scope, rule, building, url, part, rest);
        }
        PartKind::Slice(slice) => extension::slice(scope, rule, (building, element, owner), slice, part, rest),
        PartKind::Unfinished => {}
        _ => {
            let diagnostic =
                Diagnostic::new(Code::UnknownPath, part.at.clone(), "a target is one element, not a part of a list");
            scope.problem(diagnostic.help("several items are several values or blocks: `name: { … }, { … }`"));
        }
    }
}

pub(super) type Entered<'f> = (&'f mut Building, Element, SmolStr);

/// The element of that name, and the place where its values are collected.
pub(super) fn enter<'f>(
    scope: &mut Scope,
    shape: &Arc<Shape>,
    name: &SmolStr,
    at: &At,
    fields: &'f mut Fields,
) -> Option<Entered<'f>> {
    let Some(element) = shape.element(name) else {
        scope.problem(unknown_target(shape, name, at));
        return None;
    };
    if element.max == 0 {
        let message = format!("`{}.{name}` is forbidden by the profile", types::short(&shape.key));
        scope.error(Code::UnknownElement, at, message);
        return None;
    }
    let building = fields.entry(name.clone()).or_default();
    building.element = Some(element.clone());
    Some((building, element.clone(), shape.key.clone()))
}

/// `valueQuantity` is how JSON writes `value`.
fn unknown_target(shape: &Shape, name: &str, at: &At) -> Diagnostic {
    let stem =
        shape.elements.iter().filter(|element| element.choice).find(|element| name.starts_with(element.name.as_str()));
    match stem {
        Some(element) => {
            let message = format!("`{}` has no element `{name}`", types::short(&shape.key));
            Diagnostic::new(Code::UnknownElement, at.clone(), message)
                .help(format!("write `{}`; the type of the value gives the rest", element.name))
                .fix(at.clone(), element.name.clone())
        }
        None => path::unknown_element(shape, name, at),
    }
}

/// `name.family`, `birthDate.extension`: one element deeper.
fn descend<'f>(
    scope: &mut Scope,
    building: &'f mut Building,
    element: &Element,
    child: &SmolStr,
    at: &At,
) -> Option<Entered<'f>> {
    let [ty] = element.types.as_slice() else {
        let message = format!("`{}` may have several types, so `{child}` is not known", element.name);
        let diagnostic = Diagnostic::new(Code::NotAChoice, at.clone(), message);
        scope.problem(diagnostic.help("name the type: `value: Quantity { … }`"));
        return None;
    };
    let shape = scope.world.standards().fhir.shape(&ty.shape)?;
    if shape.kind == shape::Kind::FhirPrimitive {
        let Some(inner) = shape.element(child).cloned().or_else(|| primitive_part(scope, child)) else {
            let message = format!("a {} has no element `{child}`", shape.key);
            scope.error(Code::UnknownElement, at, message);
            return None;
        };
        let deeper = building.extras.entry(child.clone()).or_default();
        deeper.element = Some(inner.clone());
        return Some((deeper, inner, shape.key.clone()));
    }
    if building.first.is_empty() {
        building.first = at.clone();
    }
    let (_, fields) = building.nested.get_or_insert_with(|| (shape.key.clone(), Fields::default()));
    enter(scope, &shape, child, at, fields)
}

/// Every primitive may have an id and extensions (FHIR R4 Element).
fn primitive_part(scope: &Scope, name: &str) -> Option<Element> {
    scope.world.standards().fhir.shape("Element")?.element(name).cloned()
}

/// Puts the values of a rule under an element.
pub(super) fn assign(scope: &mut Scope, rule: &Rule, building: &mut Building, element: &Element, owner: &str) {
    let label = format!("{}.{}", types::short(owner), element.name);
    if !building.values.is_empty() || building.nested.is_some() || !building.by_url.is_empty() {
        if !rule.adds || !building.adds {
            let diagnostic =
                Diagnostic::new(Code::AssignedTwice, rule.target.at.clone(), format!("`{label}` is assigned twice"));
            let help =
                if element.repeats() { "add to the list with `+:` in both rules" } else { "keep one of the two rules" };
            scope.problem(diagnostic.label(building.first.clone(), "the first time").help(help));
        }
    } else {
        building.first = rule.target.at.clone();
    }
    if rule.adds && !element.repeats() {
        let diagnostic = Diagnostic::new(
            Code::ManyForOne,
            rule.target.at.clone(),
            format!("`{label}` takes one value, so nothing can be added"),
        );
        scope.problem(diagnostic.help("write `:`"));
    }
    building.adds |= rule.adds;
    let values = values(scope, rule, element, owner);
    building.values.extend(values);
}

/// The values of a rule, as the element takes them.
pub(super) fn values(scope: &mut Scope, rule: &Rule, element: &Element, owner: &str) -> Vec<Value> {
    let want = Want::element(owner, element);
    if rule.values.len() > 1 && !want.list {
        let diagnostic =
            Diagnostic::new(Code::ManyForOne, rule.at.clone(), format!("`{}` takes one value", want.label));
        scope.problem(diagnostic.help("say which: `A else B`"));
    }
    let rule_at = rule.at.clone();
    rule.values
        .iter()
        .map(|value| Value { value: expression::value(scope, value, &want), rule: rule_at.clone() })
        .filter(|value| !value.value.is_error())
        .collect()
}

// ---- match over rules ------------------------------------------------------------------------------------

/// The arms of a `match` hold rules of the block around it: each element they assign gets a `match` of its own.
fn match_rules(
    scope: &mut Scope,
    on: Option<&tree::Expr>,
    arms: &[tree::Arm],
    shape: &Arc<Shape>,
    fields: &mut Fields,
    at: &At,
) -> Vec<Statement> {
    let mark = scope.mark();
    let Some((subject, tests)) = choose::tests(scope, on, arms, at) else { return Vec::new() };
    let mut statements: Vec<Statement> = subject.into_iter().collect();
    let mut by_arm: Vec<Fields> = Vec::new();
    for (arm, test) in arms.iter().zip(&tests) {
        let mut inner = Fields::default();
        match &*arm.value.kind {
            ExprKind::Block(block) => {
                let known = scope.known();
                let within = scope.mark();
                let done = items(scope, &block.items, shape, &mut inner);
                scope.release(within);
                scope.forget(known);
                for statement in done {
                    statements.extend(guarded(statement, test.as_ref(), &tests, &arm.at));
                }
            }
            _ => {
                let value = expression::infer(scope, &arm.value);
                if !value.is_error() {
                    let done = Statement::Do(value);
                    statements.extend(guarded(done, test.as_ref(), &tests, &arm.at));
                }
            }
        }
        by_arm.push(inner);
    }
    scope.release(mark);
    if tests.iter().flatten().any(Expr::is_error) {
        return Vec::new();
    }
    distribute(scope, by_arm, &tests, shape, fields, at);
    statements
}

/// What an arm does is done only if the arm is taken.
fn guarded(statement: Statement, test: Option<&Expr>, tests: &[Option<Expr>], at: &At) -> Option<Statement> {
    let not = |test: &Expr| Expr::new(Kind::Not(test.clone()), Ty::fhir("boolean"), at);
    let and = |left, right| Expr::new(Kind::And(left, right), Ty::fhir("boolean"), at);
    let condition = match test {
        Some(test) => test.clone(),
        None => tests.iter().flatten().map(not).reduce(and)?,
    };
    match statement {
        // A let is pure but for what it emits, and its name is seen in its arm alone.
        Statement::Let(slot, value) => Some(Statement::Let(slot, expression::when(value, condition, at))),
        Statement::Do(value) => {
            let ty = value.ty.clone();
            Some(Statement::Do(Expr::new(Kind::When { value, condition }, ty, at)))
        }
        Statement::Require { .. } => {
            let nothing = || Expr::new(Kind::Absent, Ty::NOTHING, at);
            let value = Expr::new(Kind::Do { statements: vec![statement], value: nothing() }, Ty::NOTHING, at);
            Some(Statement::Do(Expr::new(Kind::When { value, condition }, Ty::NOTHING, at)))
        }
    }
}

fn distribute(
    scope: &mut Scope,
    by_arm: Vec<Fields>,
    tests: &[Option<Expr>],
    shape: &Arc<Shape>,
    fields: &mut Fields,
    at: &At,
) {
    let mut finished: Vec<IndexMap<SmolStr, Field>> = Vec::new();
    let mut names: IndexMap<SmolStr, ()> = IndexMap::new();
    for arm in by_arm {
        let fields: IndexMap<SmolStr, Field> =
            finish(scope, arm, shape).into_iter().map(|field| (field.name.clone(), field)).collect();
        names.extend(fields.keys().map(|name| (name.clone(), ())));
        finished.push(fields);
    }
    for name in names.keys() {
        let Some(element) = shape.element(name) else { continue };
        let mut rule = at.clone();
        let mut values = Vec::new();
        for arm in &mut finished {
            let field = arm.shift_remove(name);
            if field.as_ref().is_some_and(|field| field.extras.is_some()) {
                scope.not_yet(at, "an extension of a primitive inside an arm");
            }
            let of_arm = field.map(|field| field.values).unwrap_or_default();
            if let Some(first) = of_arm.first() {
                rule = first.rule.clone();
            }
            values.push(together(of_arm, at));
        }
        let value = choose::join(tests.to_vec(), values, at);
        let building = fields.entry(name.clone()).or_default();
        if !building.values.is_empty() && !building.adds {
            let label = format!("{}.{name}", types::short(&shape.key));
            let diagnostic = Diagnostic::new(Code::AssignedTwice, rule.clone(), format!("`{label}` is assigned twice"));
            scope.problem(diagnostic.label(building.first.clone(), "the first time").help("keep one of the two rules"));
        }
        building.element = Some(element.clone());
        building.first = rule.clone();
        building.values.push(Value { value, rule });
    }
}

/// All values of one element in one arm, as one expression.
fn together(mut values: Vec<Value>, at: &At) -> Expr {
    match values.len() {
        0 => Expr::new(Kind::Absent, Ty::NOTHING, at),
        1 => values.pop().map_or_else(|| Expr::error(at), |value| value.value),
        _ => {
            let items: Vec<Expr> = values.into_iter().map(|value| value.value).collect();
            let kind = items.first().map_or(TyKind::Nothing, |first| first.ty.kind.clone());
            Expr::new(Kind::List(items), Ty { kind, count: Count::Any }, at)
        }
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
            values.extend(nested_value(scope, key, nested, building.first.clone(), with));
        }
        for (url, nested) in building.by_url {
            values.extend(extension::collected(scope, &url, nested, building.first.clone()));
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
    let inner = scope.world.standards().fhir.shape(&key)?;
    let before = scope.problems.len();
    let fields = finished(scope, nested, &inner, with);
    let ty = Ty { kind: TyKind::Fhir(key.clone()), count: Count::Optional };
    let kind = if with {
        Kind::With { base: Expr::new(Kind::Keep, ty.clone(), &at), fields }
    } else {
        if scope.problems.len() == before {
            required(scope, &fields, &inner, &at, false);
        }
        let fields = with_fixed(fields, &inner);
        Kind::Block(Block { shape: key, resource: None, statements: Vec::new(), fields, always: false })
    };
    Some(Value { value: Expr::new(kind, ty, &at), rule: at })
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
    let shape = scope.world.standards().fhir.shape("Element")?;
    let fields = finish(scope, fields, &shape);
    Some(Block { shape: "Element".into(), resource: None, statements: Vec::new(), fields, always: false })
}

/// Each element that the shape requires is assigned, and a value that may be missing says what then.
fn required(scope: &mut Scope, fields: &[Field], shape: &Arc<Shape>, at: &At, always: bool) {
    // The URL of an extension stands in the target of its rule.
    let given = |element: &&Element| types::base(shape) == "Extension" && element.name == "url";
    for element in shape.elements.iter().filter(|element| element.min > 0 && !given(element)) {
        let label = format!("{}.{}", types::short(&shape.key), element.name);
        let Some(field) = fields.iter().find(|field| field.name == element.name) else {
            if element.fixed.is_none() && element.pattern.is_none() && !fields.is_empty() | always {
                let message = format!("`{label}` must have a value, and no rule gives it one");
                let range = if element.max == shape::MANY {
                    format!("{}..*", element.min)
                } else {
                    format!("{}..{}", element.min, element.max)
                };
                let diagnostic = Diagnostic::new(Code::RequiredNotAssigned, at.clone(), message);
                scope.problem(diagnostic.help(format!("{label} is {range}: add `{}: …`", element.name)));
            }
            continue;
        };
        let sure = field.values.iter().any(|value| !value.value.ty.may_be_missing() && !gives_nothing(&value.value));
        if sure || field.values.is_empty() || field.extras.is_some() {
            continue;
        }
        if !always && !brought_about_by_others(fields, field) {
            continue;
        }
        let Some(value) = field.values.first() else { continue };
        if let Some(table) = left_out(&value.value) {
            let message = format!("`{label}` must always have a value, but `{table}` does not hold every code");
            let diagnostic = Diagnostic::new(Code::NotTotal, value.value.at.clone(), message);
            scope.problem(diagnostic.help("add an arm `else => …` to the table, or `else …` behind it here"));
            continue;
        }
        let message = format!("`{label}` must always have a value, but this may give none");
        let diagnostic = Diagnostic::new(Code::MayBeMissing, value.value.at.clone(), message);
        scope
            .problem(diagnostic.help("say what to send when it is missing: `… else skip`, or a default behind `else`"));
    }
}

/// The table by which alone a value may be missing: what it translates is there.
fn left_out(value: &Expr) -> Option<&str> {
    match &*value.kind {
        Kind::Coded(inner) => left_out(inner),
        Kind::Via { value, table } if !value.ty.may_be_missing() => table.rsplit('.').next(),
        _ => None,
    }
}

fn gives_nothing(value: &Expr) -> bool {
    value.is_nothing() && matches!(&*value.kind, Kind::Absent | Kind::AbsentWarn(_))
}

/// A block that only this field can bring about does not exist without it.
fn brought_about_by_others(fields: &[Field], field: &Field) -> bool {
    let sources = fields.iter().filter(|other| other.name != field.name).flat_map(|other| &other.values);
    let mut others = sources.filter(|value| !is_constant(&value.value));
    let own: Vec<_> = field.values.iter().map(|value| source(&value.value)).collect();
    others.any(|other| {
        let other = source(&other.value);
        other.is_none() || !own.contains(&other)
    })
}

/// The one path that a value comes from, if it is so simple.
fn source(value: &Expr) -> Option<String> {
    match &*value.kind {
        Kind::Path { root, steps } => Some(format!("{root:?}{steps:?}")),
        Kind::Slot(slot) => Some(format!("{slot:?}")),
        Kind::Convert { value, .. } | Kind::Coded(value) | Kind::Via { value, .. } => source(value),
        Kind::Pick { list, .. } | Kind::Each { list, .. } => source(list),
        _ => None,
    }
}

/// A Bundle of which nothing is said is a transaction.
fn with_bundle_type(fields: &mut Vec<Field>, at: &At) {
    if fields.iter().any(|field| field.name == "type") {
        return;
    }
    let value = Value { value: Expr::new(Kind::Text("transaction".into()), Ty::fhir("code"), at), rule: at.clone() };
    fields.insert(0, Field::of("type", value));
}

/// Fixed and pattern values of a profile are filled in.
fn with_fixed(mut fields: Vec<Field>, shape: &Arc<Shape>) -> Vec<Field> {
    for element in &shape.elements {
        let value = element.fixed.as_ref().or(element.pattern.as_ref());
        let Some(json) = value.filter(|_| !fields.iter().any(|field| field.name == element.name)) else { continue };
        let text = SmolStr::from(json.to_string());
        let key = element.types.first().map(|ty| ty.name.clone()).unwrap_or_default();
        let ty = Ty::one(TyKind::Fhir(key));
        let value = Value { value: Expr::new(Kind::Json(text), ty, &(0..0)), rule: 0..0 };
        fields.push(Field {
            name: element.name.clone(),
            choice: element.choice,
            list: element.repeats(),
            required: false,
            values: vec![value],
            extras: None,
            adds: false,
        });
    }
    fields
}
