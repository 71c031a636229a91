//! What the condition of a route lets through, as far as the kind of what comes alone decides it: the event of a message,
//! the type of a resource.

use super::super::typed::Ty;
use super::super::{World, types};
use super::accept::{ANY_RESOURCE, Accepted, Event};
use crate::standard::shape::Kind;
use crate::syntax::tree::{Binary, Expr, ExprKind, Is, PartKind, Path, Prefix, Route, TextPart};
use smol_str::SmolStr;

/// Something that comes: of a kind that is accepted, and where that has events of one of them.
#[derive(Clone, Copy)]
pub(super) struct Comes<'a> {
    pub accepted: &'a Accepted,
    pub event: Option<&'a Event>,
    pub world: &'a dyn World,
}

impl<'a> Comes<'a> {
    /// All that comes of what is accepted.
    pub fn all(accepted: &'a Accepted, world: &'a dyn World) -> impl Iterator<Item = Comes<'a>> {
        let whole = accepted.events.is_empty().then_some(Comes { accepted, event: None, world });
        whole.into_iter().chain(accepted.events.iter().map(move |event| Comes { accepted, event: Some(event), world }))
    }

    /// Whether the condition of a route can let some of it through.
    pub fn may_reach(self, route: &Route) -> bool {
        route.filter.as_ref().is_none_or(|filter| {
            let both: Vec<&Expr> = self.accepted.filter.iter().chain([filter]).collect();
            self.truth(filter) != Some(false) && !exclude_each_other(&both)
        })
    }

    /// Whether the condition of a route lets all of it through.
    pub fn reaches(self, route: &Route) -> bool {
        route.filter.as_ref().is_none_or(|filter| self.truth(filter) == Some(true))
    }

    /// Nothing where its kind does not decide it.
    fn truth(self, condition: &Expr) -> Option<bool> {
        match &*condition.kind {
            ExprKind::Boolean(value) => Some(*value),
            ExprKind::Binary(Binary::And, left, right) => match (self.truth(left), self.truth(right)) {
                (Some(false), _) | (_, Some(false)) => Some(false),
                (Some(true), Some(true)) => Some(true),
                _ => None,
            },
            ExprKind::Binary(Binary::Or, left, right) => match (self.truth(left), self.truth(right)) {
                (Some(true), _) | (_, Some(true)) => Some(true),
                (Some(false), Some(false)) => Some(false),
                _ => None,
            },
            ExprKind::Prefix(Prefix::Not, inner) => self.truth(inner).map(|it| !it),
            ExprKind::Binary(op, left, right) => {
                let component = component(left)?;
                let texts = texts(right)?;
                let is_one = texts.contains(&self.said(component)?);
                match op {
                    Binary::Equal | Binary::In => Some(is_one),
                    Binary::NotEqual | Binary::NotIn => Some(!is_one),
                    _ => None,
                }
            }
            ExprKind::Is { value, not, what: Is::Type(ty) } if is_whole(value) => {
                self.is_of_type(&ty.text).map(|it| it != *not)
            }
            _ => None,
        }
    }

    /// What stands in a component of MSH-9.
    fn said(self, component: u16) -> Option<&'a str> {
        // A resource has no header, and so nothing there.
        let event = if self.accepted.is_resource() { return Some("") } else { self.event? };
        Some(if component == 1 { &event.code } else { &event.event })
    }

    fn is_of_type(self, name: &str) -> Option<bool> {
        let shape = |name: &str| self.world.standards().shape(name).filter(|shape| shape.kind == Kind::Resource);
        let wanted = shape(name)?;
        if !self.accepted.is_resource() {
            return Some(false);
        }
        if name == self.accepted.name || name == ANY_RESOURCE {
            return Some(true);
        }
        let own = self.accepted.base(self.world)?;
        let base = types::base(&wanted);
        if *base != own {
            // Any resource may be of that type, but for those that come apart.
            return (own != ANY_RESOURCE || self.accepted.except.contains(base)).then_some(false);
        }
        // A profile says more than a type.
        (name == own).then_some(true)
    }
}

/// What is accepted, by what a condition speaks of, where it lets any of that through.
pub(super) fn parted(accepted: &Accepted, condition: &Expr, world: &dyn World) -> Vec<Accepted> {
    let mut parts = apart(accepted, condition, world);
    let comes = |part: &Accepted| Comes::all(part, world).any(|comes| comes.truth(condition) != Some(false));
    // Where nothing comes there is still something to be said.
    if parts.len() > 1 && parts.iter().any(comes) {
        parts.retain(comes);
    }
    parts
}

/// Any resource by the types that a condition asks for, and the rest; all else as it is.
pub(super) fn apart(accepted: &Accepted, condition: &Expr, world: &dyn World) -> Vec<Accepted> {
    if accepted.resource().is_none_or(|key| key != ANY_RESOURCE) {
        return vec![accepted.clone()];
    }
    let mut types = Vec::new();
    asked(condition, world, &mut types);
    types.retain(|name| !accepted.except.contains(name));
    let of_type = |name: &SmolStr| Accepted { ty: Ty::fhir(name), except: Vec::new(), ..accepted.clone() };
    let mut parts: Vec<Accepted> = types.iter().map(of_type).collect();
    let except = accepted.except.iter().cloned().chain(types).collect();
    parts.push(Accepted { except, ..accepted.clone() });
    parts
}

/// The types of resources that a condition asks for: `. is Patient`.
fn asked(condition: &Expr, world: &dyn World, found: &mut Vec<SmolStr>) {
    match &*condition.kind {
        ExprKind::Binary(_, left, right) => [left, right].into_iter().for_each(|it| asked(it, world, found)),
        ExprKind::Prefix(_, inner) => asked(inner, world, found),
        ExprKind::Is { value, what: Is::Type(ty), .. } if is_whole(value) => {
            let is_type = world.standards().fhir.resources().contains(&ty.text.as_str());
            if is_type && !found.contains(&ty.text) {
                found.push(ty.text.clone());
            }
        }
        _ => {}
    }
}

/// A condition for what is accepted alone: what its kind decides is decided, and what then does not matter is gone. So each
/// part of a condition need but make sense for what it speaks of.
pub(super) fn reduced(condition: &Expr, accepted: &Accepted, world: &dyn World) -> Expr {
    let mut truths = Comes::all(accepted, world).map(|comes| comes.truth(condition));
    let first = truths.next().flatten();
    if let Some(value) = first.filter(|_| truths.all(|truth| truth == first)) {
        return Expr { kind: Box::new(ExprKind::Boolean(value)), at: condition.at.clone() };
    }
    let is = |expr: &Expr, value: bool| matches!(&*expr.kind, ExprKind::Boolean(it) if *it == value);
    match &*condition.kind {
        ExprKind::Binary(op @ (Binary::And | Binary::Or), left, right) => {
            let (left, right) = (reduced(left, accepted, world), reduced(right, accepted, world));
            let idle = *op == Binary::And;
            match (is(&left, idle), is(&right, idle)) {
                (true, _) => right,
                (_, true) => left,
                _ => Expr { kind: Box::new(ExprKind::Binary(*op, left, right)), at: condition.at.clone() },
            }
        }
        ExprKind::Prefix(Prefix::Not, inner) => {
            let inner = reduced(inner, accepted, world);
            Expr { kind: Box::new(ExprKind::Prefix(Prefix::Not, inner)), at: condition.at.clone() }
        }
        _ => condition.clone(),
    }
}

/// Whether nothing can be as all of these conditions ask: one place would have to be of texts that are never the same.
fn exclude_each_other(conditions: &[&Expr]) -> bool {
    let mut asked = Vec::new();
    conditions.iter().for_each(|condition| all_asked(condition, &mut asked));
    asked.iter().filter(|(_, _, is)| *is).any(|(place, texts, _)| {
        let same = || asked.iter().filter(|(other, ..)| other == place);
        let keeps = |text: &&str| same().all(|(_, others, is)| others.contains(text) == *is);
        !texts.iter().any(keeps)
    })
}

/// What must be so of places for a condition to hold: that each is one of the texts, or none of them.
fn all_asked<'e>(condition: &'e Expr, asked: &mut Vec<(String, Vec<&'e str>, bool)>) {
    let ExprKind::Binary(op, left, right) = &*condition.kind else { return };
    let is = match op {
        Binary::And => return [left, right].into_iter().for_each(|it| all_asked(it, asked)),
        Binary::Equal | Binary::In => true,
        Binary::NotEqual | Binary::NotIn => false,
        _ => return,
    };
    // Numbers and times may be equal in other spellings.
    let is_plain = |text: &&str| text.starts_with(|first: char| first.is_alphabetic()) && text.trim() == *text;
    if let (Some(place), Some(texts)) = (place(left), texts(right))
        && texts.iter().all(is_plain)
    {
        asked.push((place, texts, is));
    }
}

/// A path in what came that no bracket chooses in but by number, as it is written. Another module may have another constant of
/// the same name.
fn place(expr: &Expr) -> Option<String> {
    let ExprKind::Path(path) = &*expr.kind else { return None };
    if path.root.as_ref().is_some_and(|root| !types::is_hl7_name(&root.text)) {
        return None;
    }
    let mut text = path.root.as_ref().map(|root| root.text.to_string()).unwrap_or_default();
    for part in &path.parts {
        text += &match &part.kind {
            PartKind::Field(number) => format!("-{number}"),
            PartKind::Component(number) => format!(".{number}"),
            PartKind::Index(number) => format!("[{number}]"),
            PartKind::Child(name) => format!(".{name}"),
            _ => return None,
        };
    }
    Some(text)
}

/// `.`, all of what came.
fn is_whole(expr: &Expr) -> bool {
    matches!(&*expr.kind, ExprKind::Path(Path { root: None, parts, .. }) if parts.is_empty())
}

/// 1 of `MSH-9.1`, 2 of `MSH-9.2`
fn component(expr: &Expr) -> Option<u16> {
    let ExprKind::Path(Path { root: Some(root), parts, .. }) = &*expr.kind else { return None };
    let parts: Vec<_> = parts.iter().map(|part| &part.kind).collect();
    match (root.text.as_str(), parts.as_slice()) {
        ("MSH", [PartKind::Field(9), PartKind::Component(number @ (1 | 2))]) => u16::try_from(*number).ok(),
        _ => None,
    }
}

fn texts(expr: &Expr) -> Option<Vec<&str>> {
    match &*expr.kind {
        ExprKind::Text(parts) => match parts.as_slice() {
            [TextPart::Plain(text)] => Some(vec![text.as_str()]),
            _ => None,
        },
        ExprKind::Raw(text) => Some(vec![text.as_str()]),
        ExprKind::List { items, parts } if parts.is_empty() => {
            Some(items.iter().map(texts).collect::<Option<Vec<_>>>()?.concat())
        }
        _ => None,
    }
}
