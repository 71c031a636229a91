//! What a shape requires: that its elements are assigned, and what is sent where a value is missing.

use super::scope::Scope;
use super::sourceless::is_constant;
use super::typed::{Expr, Field, Kind};
use super::{missing, types};
use crate::diagnostic::{Code, Diagnostic};
use crate::standard::shape::{self, Element, Shape};
use crate::syntax::tree::{At, BlockItem};
use smol_str::SmolStr;
use std::sync::Arc;

/// What the errors of a block leave open, so that no requirement is said to be missed because of them.
pub(super) enum Doubt {
    None,
    /// The elements of these names have rules that are wrong.
    These(Vec<SmolStr>),
    /// What is wrong may have been meant for any element.
    All,
}

impl Doubt {
    pub fn of<'a>(errors: impl Iterator<Item = &'a At>, items: &[BlockItem], shape: &Shape) -> Self {
        let mut names = Vec::new();
        for error in errors {
            let rules = items.iter().filter_map(|item| match item {
                BlockItem::Rule(rule) if rule.at.start <= error.start && error.end <= rule.at.end => Some(rule),
                _ => None,
            });
            match rules.map(|rule| &rule.target.first.text).find(|name| shape.element(name).is_some()) {
                Some(name) => names.push(name.clone()),
                None => return Self::All,
            }
        }
        if names.is_empty() { Self::None } else { Self::These(names) }
    }

    fn holds(&self, name: &str) -> bool {
        match self {
            Self::None => false,
            Self::These(names) => names.iter().any(|it| it == name),
            Self::All => true,
        }
    }
}

/// Each element that the shape requires is assigned, and a value that may be missing says what then.
pub(super) fn required(scope: &mut Scope, fields: &[Field], shape: &Arc<Shape>, at: &At, always: bool, doubt: &Doubt) {
    // The URL of an extension stands in the target of its rule.
    let given = |element: &&Element| types::base(shape) == "Extension" && element.name == "url";
    let open = |element: &&Element| given(element) || doubt.holds(&element.name);
    for element in shape.elements.iter().filter(|element| element.min > 0 && !open(element)) {
        let label = crate::standard::built::place(&shape.key, &element.name);
        let Some(field) = fields.iter().find(|field| field.name == element.name) else {
            if element.fixed.is_none() && element.pattern.is_none() && !fields.is_empty() | always {
                let message = format!("`{label}` must have a value, and no rule gives it one");
                let target = if super::built::is_target(shape) { label.as_str() } else { element.name.as_str() };
                let target = target
                    .strip_prefix(types::short(&shape.key))
                    .filter(|_| is_group(shape))
                    .map_or(target, |it| it.trim_start_matches('.'));
                let help = format!("{label} is {}: add `{target}: …`", range(element));
                scope.problem(Diagnostic::new(Code::RequiredNotAssigned, at.clone(), message).help(help));
            }
            continue;
        };
        // An extension stands in for the value.
        let extras = field.extras.iter().flat_map(|extras| &extras.fields).flat_map(|extra| &extra.values);
        let mut given = field.values.iter().chain(extras);
        let sure = given.any(|value| !value.value.ty.may_be_missing() && !gives_nothing(&value.value));
        if sure || field.values.is_empty() {
            continue;
        }
        if !always && !brought_about_by_others(fields, field) {
            continue;
        }
        let Some(value) = field.values.first() else { continue };
        // How many of them a message gives, only the message tells; without one the message is refused.
        let is_nested = matches!(&*value.value.kind, Kind::Block(block) if block.always);
        let is_repeated = is_group(shape) && element.repeats();
        if super::built::is_target(shape) && (value.value.ty.is_list() || is_nested || is_repeated) {
            continue;
        }
        if let Some(table) = left_out(&value.value) {
            let message = format!("`{label}` must always have a value, but `{table}` does not hold every code");
            let diagnostic = Diagnostic::new(Code::NotTotal, value.value.at.clone(), message);
            scope.problem(diagnostic.help("add an arm `else => …` to the table, or `else …` behind it here"));
            continue;
        }
        scope.problem(may_be_missing(scope, &label, element, &value.value));
    }
}

fn may_be_missing(scope: &Scope, label: &str, element: &Element, value: &Expr) -> Diagnostic {
    let name = if label.contains('-') { label } else { element.name.as_str() };
    let message = format!("`{name}` must always have a value, but {}", missing::why(scope, value));
    let help = "say what to send when it is missing: `… else skip`, or a default behind `else`";
    Diagnostic::new(Code::MayBeMissing, value.at.clone(), message)
        .label(value.at.clone(), format!("{label} is {}", range(element)))
        .help(help)
}

/// What has segments.
fn is_group(shape: &Shape) -> bool {
    matches!(shape.kind, shape::Kind::Structure | shape::Kind::Group)
}

/// How often an element is there: `1..1`, `1..*`.
fn range(element: &Element) -> String {
    let max = if element.max == shape::MANY { "*".into() } else { element.max.to_string() };
    format!("{}..{max}", element.min)
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
pub(super) fn brought_about_by_others(fields: &[Field], field: &Field) -> bool {
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
