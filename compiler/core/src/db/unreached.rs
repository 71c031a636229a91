//! What no feed, route, target, alarm or test of a project comes to.

use super::{Item, Project, SourceFile, View, declared, item, items, names, needs, parsed};
use crate::diagnostic::{Code, Diagnostic};
use crate::resolve::{Declared, DeclaredKind, Found, Needs, key};
use crate::syntax::tree::Declaration;
use rustc_hash::FxHashSet;
use smol_str::SmolStr;

/// A warning for each declaration of these modules that nothing comes to, with the place of its module among them. A project
/// without a route is one that others use: nothing is said of it.
pub fn unreached(db: &dyn salsa::Database, project: Project, files: &[SourceFile]) -> Vec<(usize, Diagnostic)> {
    let Some(reached) = reached(db, project) else { return Vec::new() };
    let of_file = |(place, file): (usize, &SourceFile)| {
        let unused = declared(db, *file).iter().filter(|(_, it)| is_looked_at(it));
        let unused = unused.filter(|(_, it)| !reached.contains(&key(file.module(db), &it.name)));
        let warnings = unused.map(|(number, it)| {
            let start = items(db, *file).get(*number).map_or(0, |item| item.start(db));
            (place, warning(it).moved(start))
        });
        warnings.collect::<Vec<_>>()
    };
    files.iter().enumerate().flat_map(of_file).collect()
}

/// Who has a private name to himself is told of it where it stands.
fn is_looked_at(declared: &Declared) -> bool {
    use DeclaredKind::{Codes, Constant, Convert, Map, Profile, Table};
    !declared.private && matches!(declared.kind, Map | Convert | Codes | Table | Constant | Profile)
}

fn warning(declared: &Declared) -> Diagnostic {
    let message = format!("no route, test or alarm comes to the {} `{}`", declared.kind.noun(), declared.name);
    Diagnostic::new(Code::UnusedName, declared.at.clone(), message)
        .help("take it away, or use it where it was meant to be used")
}

/// The keys of all that is come to; nothing where the project has no route.
#[salsa::tracked]
fn reached(db: &dyn salsa::Database, project: Project) -> Option<FxHashSet<SmolStr>> {
    let all = project.files(db).iter().flat_map(|&file| items(db, file).iter().copied());
    let mut has_route = false;
    let mut open: Vec<Item<'_>> = Vec::new();
    for item in all {
        let Some(parsed) = parsed(db, item).item.as_ref() else {
            open.push(item);
            continue;
        };
        has_route |= matches!(parsed.declaration, Declaration::Route(_));
        if is_root(&parsed.declaration) {
            open.push(item);
        }
    }
    let mut reached = FxHashSet::default();
    while let Some(next) = open.pop() {
        for key in needed(db, project, next) {
            let found = item(db, project, &key);
            if reached.insert(key) {
                open.extend(found);
            }
        }
    }
    has_route.then_some(reached)
}

fn is_root(declaration: &Declaration) -> bool {
    use Declaration::{Alarm, Connector, Extend, Feed, Route, Segment, Structure, Target, Test};
    matches!(
        declaration,
        Alarm(_) | Connector(_) | Extend(_) | Feed(_) | Route(_) | Segment(_) | Structure(_) | Target(_) | Test(_)
    )
}

/// The keys of what an item needs.
fn needed(db: &dyn salsa::Database, project: Project, item: Item<'_>) -> Vec<SmolStr> {
    let Needs { names: written, keys, words } = needs(db, project, item);
    let view = View::plain(db, project, item.file(db));
    let names = names(db, project, item.file(db));
    let named = written.iter().chain(words).flat_map(|name| match names.find(name, &view) {
        Found::One(export) => vec![export.key],
        Found::Several(exports) => exports.into_iter().map(|export| export.key).collect(),
        Found::Nothing => Vec::new(),
    });
    named.chain(keys.iter().cloned()).collect()
}
