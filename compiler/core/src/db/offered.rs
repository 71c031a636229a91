//! Names that are not known in a module and stand in another one: what a `use` would bring.

use super::view::View;
use super::{Project, SourceFile, exported, items, modules, uses};
use crate::diagnostic::{Code, Diagnostic};
use crate::resolve::{Declared, Modules};
use smol_str::SmolStr;

/// Says of a name that is not known in which module it stands, with the edit that brings it; another problem as it is.
pub(super) fn offered(db: &dyn salsa::Database, project: Project, file: SourceFile, problem: Diagnostic) -> Diagnostic {
    if problem.code != Code::UnknownName {
        return problem;
    }
    let name = file.text(db).get(problem.at.clone()).unwrap_or_default();
    let having = having(db, project, file, name);
    let place = place(db, file);
    match having.as_slice() {
        [] => problem,
        [module] => {
            let line = format!("use {module}.{name}");
            let text = if place.is_behind { format!("\n{line}") } else { format!("{line}\n\n") };
            problem.help(format!("it is in another file: bring it in with `{line}`")).fix(place.at..place.at, text)
        }
        several => {
            let all: Vec<_> = several.iter().map(|module| format!("`use {module}.{name}`")).collect();
            let mut problem = problem.help(format!("it is in several files: bring one in, with {}", all.join(" or ")));
            // Which one is meant only a person knows.
            problem.fix = None;
            problem
        }
    }
}

/// The modules that have something of that name for others, as this one calls them.
fn having(db: &dyn salsa::Database, project: Project, file: SourceFile, name: &str) -> Vec<SmolStr> {
    let view = View::plain(db, project, file);
    let is_it = |declared: &Declared| declared.name == name && !declared.private && declared.kind.is_brought();
    let all = modules(db, project).iter().filter(|(_, other)| **other != file);
    let having = all.filter(|(_, other)| exported(db, **other).iter().any(is_it));
    // Of another project's module this one has no name of its own.
    let mut names: Vec<SmolStr> =
        having.filter(|(module, _)| view.canonical(module) == **module).map(|(module, _)| module.clone()).collect();
    names.sort_unstable();
    names
}

/// Where a `use` is put.
struct Place {
    at: usize,
    /// Behind others, or else in front of all.
    is_behind: bool,
}

fn place(db: &dyn salsa::Database, file: SourceFile) -> Place {
    let items = items(db, file);
    match uses(db, file).last().and_then(|(number, _)| items.get(*number)) {
        Some(last) => Place { at: last.start(db) + last.text(db).trim_end().len(), is_behind: true },
        None => Place { at: items.first().map_or(0, |first| first.start(db)), is_behind: false },
    }
}
