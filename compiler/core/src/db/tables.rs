//! Code tables and tables of rows: what they say, what files they take rows from, and what other modules add to them.

use super::view::View;
use super::{DataFile, Item, Project, SourceFile, items, parsed};
use crate::check;
use crate::check::typed::{CodeTable, Key, RowTable};
use crate::diagnostic::{Code, Diagnostic};
use crate::files;
use crate::resolve;
use crate::syntax::tree::{Arm, Declaration, Extend, Word};
use rustc_hash::{FxHashMap, FxHashSet};

/// A table that needs itself has no rows.
#[salsa::tracked(cycle_result = recursive_codes)]
pub(super) fn codes<'db>(
    db: &'db dyn salsa::Database,
    project: Project,
    item: Item<'db>,
) -> Option<(CodeTable, Vec<Diagnostic>)> {
    let file = item.file(db);
    match &parsed(db, item).item.as_ref()?.declaration {
        Declaration::Codes(codes) => Some(check::codes(codes, file.module(db), &View::plain(db, project, file))),
        _ => None,
    }
}

fn recursive_codes<'db>(
    db: &'db dyn salsa::Database,
    _: salsa::Id,
    _: Project,
    item: Item<'db>,
) -> Option<(CodeTable, Vec<Diagnostic>)> {
    let parsed = parsed(db, item).item.as_ref()?;
    let Declaration::Codes(codes) = &parsed.declaration else { return None };
    let diagnostic = Diagnostic::new(Code::Recursive, codes.name.at.clone(), "this code table needs itself");
    let problems = vec![diagnostic.help("write its rows without what is looked up in it")];
    Some((check::no_codes(codes, item.file(db).module(db)), problems))
}

/// A table of several keys and columns, and what is wrong with it.
#[salsa::tracked]
pub(super) fn table<'db>(
    db: &'db dyn salsa::Database,
    project: Project,
    item: Item<'db>,
) -> Option<(RowTable, Vec<Diagnostic>)> {
    let file = item.file(db);
    match &parsed(db, item).item.as_ref()?.declaration {
        Declaration::Table(table) => Some(check::table(table, file.module(db), &View::plain(db, project, file))),
        _ => None,
    }
}

/// The tables of a module that a running engine asks.
#[salsa::tracked(returns(deref))]
fn asked_in(db: &dyn salsa::Database, file: SourceFile) -> Vec<Key> {
    let key = |&item: &Item| match &parsed(db, item).item.as_ref()?.declaration {
        Declaration::Table(table) => {
            check::wiring::is_asked(table).then(|| resolve::key(file.module(db), &table.name.text))
        }
        _ => None,
    };
    items(db, file).iter().filter_map(key).collect()
}

/// Those of a project: its declarations alone say it, so that no row and no body matters. The library has none.
#[salsa::tracked]
pub(super) fn asked(db: &dyn salsa::Database, project: Project) -> FxHashSet<Key> {
    project.files(db).iter().flat_map(|&file| asked_in(db, file)).cloned().collect()
}

/// The rows that a test of a sound project gives a table which a running engine asks.
pub fn given(
    db: &dyn salsa::Database,
    project: Project,
    file: SourceFile,
    table: &Word,
    rows: &[Arm],
) -> Option<check::Given> {
    check::given(table, rows, &View::new(db, project, file)).ok().map(|(given, _)| given)
}

/// The files of rows by their places.
#[salsa::tracked]
pub(super) fn data_files(db: &dyn salsa::Database, project: Project) -> FxHashMap<String, DataFile> {
    project.data(db).iter().map(|&file| (file.path(db).to_owned(), file)).collect()
}

/// The files that a module takes rows from, by their places.
pub fn files_named(db: &dyn salsa::Database, file: SourceFile) -> Vec<String> {
    files::named_in(file.text(db)).iter().map(|name| files::place(file.module(db), name)).collect()
}

/// The tables that a module extends, each with the item that does.
#[salsa::tracked(returns(deref))]
fn extends<'db>(db: &'db dyn salsa::Database, project: Project, file: SourceFile) -> Vec<(String, Item<'db>)> {
    let table = |&item: &Item<'db>| match &parsed(db, item).item.as_ref()?.declaration {
        Declaration::Extend(extend) => {
            let table = check::table_of(&extend.table, &View::plain(db, project, file)).ok()?;
            Some((table.to_string(), item))
        }
        _ => None,
    };
    items(db, file).iter().filter_map(table).collect()
}

/// The items that extend a table, by its key.
#[salsa::tracked]
pub(super) fn extensions<'db>(db: &'db dyn salsa::Database, project: Project) -> FxHashMap<String, Vec<Item<'db>>> {
    let mut found = FxHashMap::<String, Vec<Item<'db>>>::default();
    for (table, item) in project.files(db).iter().flat_map(|&file| extends(db, project, file)) {
        found.entry(table.clone()).or_default().push(*item);
    }
    found
}

/// A table with the rows that the project adds to it, and what is wrong with these, item by item.
type Extended = (CodeTable, Vec<Vec<Diagnostic>>);

/// Nothing if nobody extends the table, or if what is added needs the table itself.
#[salsa::tracked(cycle_result = recursive_extended)]
pub(super) fn extended<'db>(db: &'db dyn salsa::Database, project: Project, item: Item<'db>) -> Option<Extended> {
    let (mut table, _) = codes(db, project, item).clone()?;
    let by = extensions(db, project).get(table.key.as_str())?;
    let problems = by.iter().map(|&item| match parsed(db, item).item.as_ref().map(|it| &it.declaration) {
        Some(Declaration::Extend(extend)) => {
            check::extend(&mut table, extend, item.file(db).module(db), &View::plain(db, project, item.file(db)))
        }
        _ => Vec::new(),
    });
    let problems = problems.collect();
    Some((table, problems))
}

fn recursive_extended<'db>(
    db: &'db dyn salsa::Database,
    _: salsa::Id,
    project: Project,
    item: Item<'db>,
) -> Option<Extended> {
    let (table, _) = codes(db, project, item).clone()?;
    let by = extensions(db, project).get(table.key.as_str())?;
    let said = |&item: &Item<'db>| {
        let at = match parsed(db, item).item.as_ref().map(|it| &it.declaration) {
            Some(Declaration::Extend(extend)) => extend.table.at.clone(),
            _ => 0..0,
        };
        let diagnostic =
            Diagnostic::new(Code::Recursive, at, "what is added to this code table needs the table itself");
        vec![diagnostic.help("write the rows without what is looked up in it")]
    };
    let problems = by.iter().map(said).collect();
    Some((table, problems))
}

/// What is wrong with an item that extends a table.
pub(super) fn extension<'db>(
    db: &'db dyn salsa::Database,
    project: Project,
    item: Item<'db>,
    extend: &Extend,
) -> Vec<Diagnostic> {
    match check::table_of(&extend.table, &View::plain(db, project, item.file(db))) {
        Ok(table) => {
            let by = extensions(db, project).get(table.as_str()).into_iter().flatten();
            let extended = super::item(db, project, &table).and_then(|table| extended(db, project, table).as_ref());
            let mut problems = by.zip(extended.into_iter().flat_map(|(_, problems)| problems));
            problems.find(|(by, _)| **by == item).map(|(_, problems)| problems.clone()).unwrap_or_default()
        }
        Err(problem) => vec![*problem],
    }
}
