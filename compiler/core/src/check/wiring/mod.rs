//! Feeds, targets, routes and alarms, held against what their connectors can be told and against each other.
//!
//! What can be told is itself written in the language (`stdlib/connector`). Three things are proved: a route's map takes
//! what its feed accepts, and its target takes what the map gives; what a feed accepts goes somewhere; a setting that
//! reads the message can do so in each message.

mod accept;
mod alarm;
mod carried;
mod connector;
mod feed;
mod given;
mod join;
mod kind;
mod narrow;
mod query;
mod reading;
mod reply;
mod route;
pub mod run;
mod setting;
mod table;
mod target;

pub use alarm::{alarm, missed};
pub use carried::{Carried, Comes, carried};
pub use connector::{Connectors, connectors, misplaced};
pub use feed::feed;
pub use join::not_joined;
pub use kind::environment;
pub(super) use kind::text_argument;
pub use route::route;
pub use table::{ASKED, is_asked, table};
pub use target::target;

use super::World;
use super::suggest::nearest;
use crate::diagnostic::{Code, Diagnostic, a};
use crate::resolve::{DeclaredKind, Export, Found};
use crate::syntax::tree::{Declaration, Expr, ExprKind, Word};
use smol_str::SmolStr;
use std::collections::BTreeMap;

/// What each environment of `emr.toml` gives: its values by their names.
pub type Environments = BTreeMap<SmolStr, BTreeMap<SmolStr, SmolStr>>;

/// The declaration of that kind that a name stands for, or what is wrong.
pub(super) fn named<'w>(
    name: &Word,
    kind: DeclaredKind,
    world: &'w dyn World,
) -> Result<(Export, &'w Declaration), Box<Diagnostic>> {
    let noun = kind.noun();
    match world.find(&name.text) {
        Found::One(export) if export.kind == kind => match world.declaration(&export.key) {
            Some(declaration) => Ok((export, declaration)),
            None => Err(Box::new(unknown(name, kind, world))),
        },
        Found::One(export) => {
            let message = format!("`{}` is {}, and {} belongs here", name.text, a(export.kind.noun()), a(noun));
            Err(Box::new(Diagnostic::new(Code::WrongKind, name.at.clone(), message)))
        }
        Found::Several(exports) => {
            let keys = exports.iter().map(|it| it.key.as_str());
            Err(Box::new(super::path::ambiguous(&name.text, &name.at, keys)))
        }
        Found::Nothing => Err(Box::new(unknown(name, kind, world))),
    }
}

fn unknown(name: &Word, kind: DeclaredKind, world: &dyn World) -> Diagnostic {
    let noun = kind.noun();
    let diagnostic = Diagnostic::new(Code::UnknownName, name.at.clone(), format!("there is no {noun} `{}`", name.text));
    let names = world.names();
    let is_kind = |name: &&SmolStr| match world.find(name) {
        Found::One(export) => export.kind == kind && !export.key.starts_with("std."),
        _ => false,
    };
    let known: Vec<&SmolStr> = names.known().filter(is_kind).collect();
    match nearest(&name.text, known.iter().map(|it| it.as_str())) {
        Some(near) => diagnostic.help(format!("did you mean `{near}`?")).fix(name.at.clone(), near),
        None if known.is_empty() => {
            diagnostic.help(format!("declare it, or bring it in with `use`: no {noun} is known here"))
        }
        None => diagnostic.help(format!("there is {}", listed(known.iter().map(|it| it.as_str())))),
    }
}

/// `a`, `b` and `c`
fn listed<'a>(names: impl Iterator<Item = &'a str>) -> String {
    joined(names, "and")
}

fn joined<'a>(names: impl Iterator<Item = &'a str>, word: &str) -> String {
    let quoted: Vec<_> = names.map(|name| format!("`{name}`")).collect();
    match quoted.split_last() {
        None => String::new(),
        Some((only, [])) => only.clone(),
        Some((last, others)) => format!("{} {word} {last}", others.join(", ")),
    }
}

/// A path that is one word, or words joined by dots.
pub(super) fn name_of(expr: &Expr) -> Option<Word> {
    let ExprKind::Path(path) = &*expr.kind else { return None };
    let mut text = path.root.as_ref()?.text.to_string();
    for part in &path.parts {
        let crate::syntax::tree::PartKind::Child(name) = &part.kind else { return None };
        text += &format!(".{name}");
    }
    Some(Word { text: text.into(), at: path.at.clone() })
}

/// The module that a key belongs to.
fn module_of(key: &str) -> &str {
    key.rsplit_once('.').map_or("", |(module, _)| module)
}

#[cfg(test)]
mod tests;
