//! Remembers what the stages computed; the only file that knows salsa. No logic: a query is a sentence.

mod database;
mod offered;
mod plans;
mod tables;
mod unreached;
mod view;
mod wired;

use crate::check::typed::{CodeTable, Expr, Function, Key, Param, TyKind};
use crate::check::{self, Checked, ProfileFacts, Signature, World as _, wiring};
use crate::diagnostic::{Code, Diagnostic, Severity};
use crate::files::Content;
use crate::resolve::{self, Declared, DeclaredKind, Export, Found, Names, Needs};
use crate::standard::Standards;
use crate::standard::shape::Shape;
use crate::syntax::tree::{Declaration, Parsed, Route, Test, Use, Word};
use crate::{syntax, testing};
use database::Library;
pub use database::{Database, unless_edited};
pub use plans::{covered_plan, explained_plan, holds, plain_plan, plan, reads, routed, runs, traced_plan, used_by};
use rustc_hash::{FxHashMap, FxHashSet};
use smol_str::SmolStr;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use tables::{asked, codes, data_files, extended, extension, extensions, table};
pub use tables::{files_named, given};
pub use unreached::unreached;
use view::View;
pub use wired::{Wired, reader, wired};

/// A module and its text.
#[salsa::input(debug)]
pub struct SourceFile {
    /// `hospital.adt`
    #[returns(deref)]
    pub module: String,
    /// As a person would write it.
    #[returns(deref)]
    pub path: String,
    #[returns(deref)]
    pub text: String,
}

/// A file of rows that a declaration names.
#[salsa::input(debug)]
pub struct DataFile {
    /// Seen from the root of the project, as [`files::place`] has it.
    #[returns(deref)]
    pub path: String,
    pub content: Content,
}

/// What a project is made of, besides the text of its modules.
#[salsa::input(debug)]
pub struct Project {
    #[returns(deref)]
    pub files: Vec<SourceFile>,
    pub settings: Settings,
    /// The embedded packs and the project's packages.
    standards: Standards,
    #[returns(deref)]
    data: Vec<DataFile>,
}

/// What the checker needs to know of `emr.toml` and the call.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Settings {
    /// The zone of times without offset, if one is declared.
    pub timezone: Option<String>,
    /// The short names of the FHIR packages that are named, whether they are there or not.
    pub packages: Vec<SmolStr>,
    /// The names under which other projects are used: `regional`, and `regional.codes` that this one uses.
    pub dependencies: Vec<SmolStr>,
    /// What each environment gives: `[env.production]`.
    pub environments: wiring::Environments,
    /// The one that was chosen, if there are several.
    pub environment: Option<SmolStr>,
}

impl Settings {
    /// What the environment gives that was chosen, or the only one that there is.
    fn environment(&self) -> Option<&BTreeMap<SmolStr, SmolStr>> {
        match &self.environment {
            Some(chosen) => self.environments.get(chosen),
            None if self.environments.len() == 1 => self.environments.values().next(),
            None => None,
        }
    }
}

/// What is remembered apart. The head is its identity; its text and its place may change.
#[salsa::tracked(debug)]
pub struct Item<'db> {
    #[returns(copy)]
    file: SourceFile,
    head: String,
    #[tracked]
    #[returns(deref)]
    text: String,
    #[tracked]
    #[returns(copy)]
    start: usize,
}

#[salsa::tracked(returns(deref))]
fn items<'db>(db: &'db dyn salsa::Database, file: SourceFile) -> Vec<Item<'db>> {
    let item = |text: &str, start| Item::new(db, file, syntax::head(text).to_owned(), text.to_owned(), start);
    let text = file.text(db);
    if syntax::too_large(text.len()).is_some() {
        return Vec::new();
    }
    syntax::items(text).into_iter().filter_map(|at| Some(item(text.get(at.clone())?, at.start))).collect()
}

#[salsa::tracked]
fn parsed<'db>(db: &'db dyn salsa::Database, item: Item<'db>) -> Parsed {
    syntax::item(item.text(db))
}

/// What a module declares, each with the number of its item.
#[salsa::tracked(returns(deref))]
fn declared(db: &dyn salsa::Database, file: SourceFile) -> Vec<(usize, Declared)> {
    let parsed = items(db, file).iter().map(|&item| parsed(db, item)).enumerate();
    parsed.filter_map(|(index, parsed)| Some((index, resolve::exports(parsed.item.as_ref()?)?))).collect()
}

/// The same without the numbers, as other modules see it.
#[salsa::tracked(returns(deref))]
fn exported(db: &dyn salsa::Database, file: SourceFile) -> Vec<Declared> {
    declared(db, file).iter().map(|(_, declared)| declared.clone()).collect()
}

#[salsa::tracked(returns(deref))]
fn uses(db: &dyn salsa::Database, file: SourceFile) -> Vec<(usize, Use)> {
    let parsed = items(db, file).iter().map(|&item| parsed(db, item)).enumerate();
    let import = |(index, parsed): (usize, &Parsed)| match &parsed.item.as_ref()?.declaration {
        Declaration::Use(import) => Some((index, import.clone())),
        _ => None,
    };
    parsed.filter_map(import).collect()
}

#[salsa::tracked]
fn names(db: &dyn salsa::Database, project: Project, file: SourceFile) -> Names {
    resolve::names(file.module(db), declared(db, file), uses(db, file), &View::plain(db, project, file))
}

/// The modules that can be named: the project's, then the library's.
#[salsa::tracked]
fn modules(db: &dyn salsa::Database, project: Project) -> FxHashMap<SmolStr, SourceFile> {
    let library = Library::get(db).files(db).iter();
    library.chain(project.files(db)).map(|&file| (file.module(db).into(), file)).collect()
}

/// The item that a module declares under a name.
#[salsa::tracked]
fn declarations<'db>(db: &'db dyn salsa::Database, file: SourceFile) -> FxHashMap<String, Item<'db>> {
    let items = items(db, file);
    let found = |(index, declared): &(usize, Declared)| Some((declared.name.to_string(), *items.get(*index)?));
    declared(db, file).iter().filter_map(found).collect()
}

/// The item behind a key such as `hospital.adt.admission`.
fn item<'db>(db: &'db dyn salsa::Database, project: Project, key: &str) -> Option<Item<'db>> {
    let (module, name) = key.rsplit_once('.')?;
    declarations(db, *modules(db, project).get(module)?).get(name).copied()
}

#[salsa::tracked]
fn signature<'db>(db: &'db dyn salsa::Database, project: Project, item: Item<'db>) -> Option<Signature> {
    let file = item.file(db);
    check::signature(parsed(db, item).item.as_ref()?, file.module(db), &View::new(db, project, file))
}

/// A constant that needs itself has no value.
#[salsa::tracked(cycle_result = recursive)]
fn constant<'db>(db: &'db dyn salsa::Database, project: Project, item: Item<'db>) -> (Expr, Vec<Diagnostic>) {
    match parsed(db, item).item.as_ref().map(|it| &it.declaration) {
        Some(Declaration::Constant(constant)) => {
            let needs = |key: &str| self::item(db, project, key).map(|item| constants_in(db, project, item).clone());
            let key = resolve::key(item.file(db).module(db), &constant.name.text);
            if check::is_too_long(&key, &|key| needs(key).unwrap_or_default()) {
                return check::too_long(constant);
            }
            check::constant(constant, &View::plain(db, project, item.file(db)))
        }
        _ => (Expr::error(&(0..0)), Vec::new()),
    }
}

/// The constants that the text of an item names.
#[salsa::tracked]
fn constants_in<'db>(db: &'db dyn salsa::Database, project: Project, item: Item<'db>) -> Vec<Key> {
    let view = View::plain(db, project, item.file(db));
    let constant = |name: &SmolStr| match view.find(name) {
        Found::One(export) => (export.kind == DeclaredKind::Constant).then_some(export.key),
        _ => None,
    };
    Needs::names(item.text(db)).iter().filter_map(constant).collect()
}

fn recursive<'db>(db: &'db dyn salsa::Database, _: salsa::Id, _: Project, item: Item<'db>) -> (Expr, Vec<Diagnostic>) {
    let at = parsed(db, item).item.as_ref().map_or(0..0, |it| it.at.clone());
    let diagnostic = Diagnostic::new(Code::Recursive, at.clone(), "this constant needs itself");
    (Expr::error(&at), vec![diagnostic.help("give it a value of its own")])
}

#[salsa::tracked]
fn profile<'db>(db: &'db dyn salsa::Database, project: Project, item: Item<'db>) -> Option<ProfileFacts> {
    let file = item.file(db);
    match &parsed(db, item).item.as_ref()?.declaration {
        Declaration::Profile(profile) => {
            let world = View::plain(db, project, file);
            Some(check::profile(profile, file.module(db), segments(db, project), &world))
        }
        _ => None,
    }
}

/// The standards with the segments and structures that the project declares.
#[salsa::tracked]
fn segments(db: &dyn salsa::Database, project: Project) -> Standards {
    let standards = project.standards(db);
    let all = project.files(db).iter().flat_map(|&file| items(db, file));
    let declared = all.flat_map(|&item| match parsed(db, item).item.as_ref().map(|it| &it.declaration) {
        Some(Declaration::Segment(segment)) => Vec::from_iter(check::segment(segment, standards).0),
        Some(Declaration::Structure(structure)) => check::structure(structure, standards),
        _ => Vec::new(),
    });
    let shapes: FxHashMap<SmolStr, Arc<Shape>> = declared.map(|shape| (shape.key.clone(), Arc::new(shape))).collect();
    standards.with_local(shapes)
}

/// The same with the structures of the project's profiles.
#[salsa::tracked]
pub fn standards(db: &dyn salsa::Database, project: Project) -> Standards {
    let with_segments = segments(db, project);
    let mut shapes = FxHashMap::clone(&with_segments.local);
    let all = project.files(db).iter().flat_map(|&file| items(db, file));
    for facts in all.filter_map(|&item| profile(db, project, item).as_ref()) {
        shapes.extend(facts.shapes.iter().map(|shape| (shape.key.clone(), shape.clone())));
    }
    with_segments.with_local(shapes)
}

#[salsa::tracked]
fn checked<'db>(db: &'db dyn salsa::Database, project: Project, item: Item<'db>) -> Checked {
    let file = item.file(db);
    let parsed = parsed(db, item);
    let mut checked = match parsed.item.as_ref().map(|it| &it.declaration) {
        Some(Declaration::Map(map)) => match signature(db, project, item) {
            Some(signature) => {
                let view = View::new(db, project, file);
                let checked = check::function(map, file.module(db), signature, &view);
                Checked { names: view.named(), ..checked }
            }
            None => Checked::default(),
        },
        Some(Declaration::Constant(_)) => Checked::said(constant(db, project, item).1.clone()),
        Some(Declaration::Codes(_)) => {
            Checked::said(codes(db, project, item).as_ref().map(|it| it.1.clone()).unwrap_or_default())
        }
        Some(Declaration::Table(written)) => {
            let view = View::new(db, project, file);
            let mut found = table(db, project, item).as_ref().map(|it| it.1.clone()).unwrap_or_default();
            found.extend(wiring::table(written, file.module(db), &view));
            Checked { names: view.named(), ..Checked::said(found) }
        }
        Some(Declaration::Extend(extend)) => Checked::said(extension(db, project, item, extend)),
        Some(Declaration::Profile(_)) => {
            Checked::said(profile(db, project, item).as_ref().map(|it| it.problems.clone()).unwrap_or_default())
        }
        Some(Declaration::Segment(segment)) => {
            let problems = check::segment(segment, project.standards(db)).1;
            Checked::said(problems.into_iter().chain(elsewhere(db, project, file, &segment.name)).collect())
        }
        Some(Declaration::Structure(structure)) => {
            let problems = check::structure_problems(structure, segments(db, project));
            Checked::said(problems.into_iter().chain(elsewhere(db, project, file, &structure.name)).collect())
        }
        Some(Declaration::Test(test)) => {
            let view = View::new(db, project, file);
            Checked::said(testing::check(test, &project.standards(db).fhir, &view))
        }
        Some(
            wired @ (Declaration::Feed(_) | Declaration::Target(_) | Declaration::Route(_) | Declaration::Alarm(_)),
        ) => {
            let view = View::new(db, project, file);
            let found = wire(wired, file.module(db), &view);
            Checked { names: view.named(), ..Checked::said(found) }
        }
        Some(Declaration::Connector(connector)) if !file.module(db).starts_with("std.") => {
            Checked::said(vec![wiring::misplaced(connector)])
        }
        Some(Declaration::Use(_) | Declaration::ExternFn(_) | Declaration::Connector(_)) | None => Checked::default(),
    };
    // What is missing from a block that could not be read may be its source.
    if !parsed.problems.is_empty() {
        checked.problems.retain(|it| it.code != Code::NeverWritten);
    }
    checked.problems.splice(0..0, parsed.problems.iter().cloned());
    checked
}

fn wire(declaration: &Declaration, module: &str, view: &View) -> Vec<Diagnostic> {
    match declaration {
        Declaration::Feed(feed) => wiring::feed(feed, module, view),
        Declaration::Target(target) => wiring::target(target, module, view),
        Declaration::Route(route) => wiring::route(route, module, view),
        Declaration::Alarm(alarm) => wiring::alarm(alarm, view),
        _ => Vec::new(),
    }
}

/// The routes of a project, each with its module.
#[salsa::tracked(returns(deref))]
fn routes(db: &dyn salsa::Database, project: Project) -> Vec<(SmolStr, Route)> {
    let files = project.files(db).iter();
    let routes = files.flat_map(|&file| items(db, file).iter().map(move |&item| (file, item)));
    let route = |(file, item): (SourceFile, Item)| match &parsed(db, item).item.as_ref()?.declaration {
        Declaration::Route(route) => Some((file.module(db).into(), route.clone())),
        _ => None,
    };
    routes.filter_map(route).collect()
}

/// The keys of the tables whose misses alarms watch.
#[salsa::tracked(returns(ref))]
fn watched(db: &dyn salsa::Database, project: Project) -> BTreeSet<SmolStr> {
    let files = project.files(db).iter();
    let all = files.flat_map(|&file| items(db, file).iter().map(move |&item| (file, item)));
    let missed = |(file, item): (SourceFile, Item)| match &parsed(db, item).item.as_ref()?.declaration {
        Declaration::Alarm(alarm) => Some(wiring::missed(alarm, &View::new(db, project, file))),
        _ => None,
    };
    all.filter_map(missed).flatten().collect()
}

/// What the library says that feeds and targets can be told.
#[salsa::tracked]
fn connectors(db: &dyn salsa::Database) -> wiring::Connectors {
    let files = Library::get(db).files(db).iter().filter(|file| file.module(db).starts_with("std.connector."));
    let items = files.flat_map(|&file| items(db, file));
    wiring::connectors(items.filter_map(|&item| match &parsed(db, item).item.as_ref()?.declaration {
        Declaration::Connector(connector) => Some(connector.clone()),
        _ => None,
    }))
}

/// Segments and structures are seen by their names in the whole project: another module's would hide this one.
fn elsewhere(db: &dyn salsa::Database, project: Project, file: SourceFile, name: &Word) -> Option<Diagnostic> {
    let others = project.files(db).iter().filter(|other| **other != file);
    let local =
        |it: &Declared| matches!(it.kind, DeclaredKind::Segment | DeclaredKind::Structure) && it.name == name.text;
    let other = others.into_iter().find(|&&other| exported(db, other).iter().any(local))?;
    Some(check::declared_elsewhere(name, other.module(db)))
}

/// All that is wrong with a module, in the order of the text.
#[salsa::tracked(returns(deref))]
pub fn diagnostics(db: &dyn salsa::Database, project: Project, file: SourceFile) -> Vec<Diagnostic> {
    let items = items(db, file);
    let mut found: Vec<Diagnostic> = syntax::too_large(file.text(db).len()).into_iter().collect();
    if found.is_empty() {
        found = syntax::hidden(file.text(db));
    }
    for &item in items {
        found.extend(checked(db, project, item).problems.iter().map(|it| it.clone().moved(item.start(db))));
        found.extend(left_open(db, project, item).iter().map(|it| it.clone().moved(item.start(db))));
        found.extend(cycle(db, project, item).iter().map(|it| it.clone().moved(item.start(db))));
        found.extend(promises(db, project, item).iter().map(|it| it.clone().moved(item.start(db))));
    }
    let names = names(db, project, file);
    let written = |it: &Diagnostic| file.text(db).get(it.at.clone()).unwrap_or_default();
    found.retain(|it| it.code != Code::UnknownName || !names.is_lost(written(it)));
    found.retain(|it| it.code != Code::Unchecked);
    let mut found: Vec<_> = found.into_iter().map(|it| offered::offered(db, project, file, it)).collect();
    let needs: Vec<Needs> = items.iter().map(|&item| needs(db, project, item).clone()).collect();
    for (index, diagnostic) in names.problems.iter().cloned().chain(resolve::unused(names, &needs)) {
        let start = items.get(index).map_or(0, |item| item.start(db));
        found.push(diagnostic.moved(start));
    }
    found.sort_by_key(|it| (it.at.start, it.at.end, it.code));
    found.dedup();
    found
}

/// Of each code system that nothing is known of the first code in these modules, each with the place of its module among
/// them.
pub fn unchecked(db: &dyn salsa::Database, project: Project, files: &[SourceFile]) -> Vec<(usize, Diagnostic)> {
    let mut found: Vec<(usize, Diagnostic)> = Vec::new();
    for (place, &file) in files.iter().enumerate() {
        for diagnostic in unchecked_in(db, project, file) {
            if !found.iter().any(|(_, known)| known.message == diagnostic.message) {
                found.push((place, diagnostic.clone()));
            }
        }
    }
    found
}

/// The same of one module.
#[salsa::tracked(returns(deref))]
fn unchecked_in(db: &dyn salsa::Database, project: Project, file: SourceFile) -> Vec<Diagnostic> {
    let items = items(db, file).iter();
    let all = items.flat_map(|&item| {
        let problems = checked(db, project, item).problems.iter();
        problems.filter(|it| it.code == Code::Unchecked).map(move |it| it.clone().moved(item.start(db)))
    });
    all.collect()
}

/// What an item needs of others.
#[salsa::tracked]
fn needs<'db>(db: &'db dyn salsa::Database, project: Project, item: Item<'db>) -> Needs {
    let (file, checked) = (item.file(db), checked(db, project, item));
    let Some(parsed) = parsed(db, item).item.as_ref() else { return Needs::words(item.text(db)) };
    if !is_sound(db, project, item) {
        return Needs::words(item.text(db));
    }
    let view = View::plain(db, project, file);
    let mut names = checked.names.clone();
    match &parsed.declaration {
        Declaration::Map(_) => {
            check::signature(parsed, file.module(db), &view);
        }
        Declaration::Constant(constant) => {
            check::constant(constant, &view);
        }
        Declaration::Codes(codes) => {
            check::codes(codes, file.module(db), &view);
        }
        Declaration::Table(table) => {
            check::table(table, file.module(db), &view);
        }
        Declaration::Extend(extend) => {
            if let Ok(table) = check::table_of(&extend.table, &view)
                && let Some(table) = self::item(db, project, &table)
                && let Some((mut table, _)) = codes(db, project, table).clone()
            {
                check::extend(&mut table, extend, file.module(db), &view);
            }
        }
        Declaration::Profile(profile) => {
            check::profile(profile, file.module(db), segments(db, project), &view);
        }
        Declaration::Test(test) => {
            names.extend(test.maps().map(|map| map.text.clone()));
            testing::check(test, &project.standards(db).fhir, &view);
        }
        _ => {}
    }
    names.extend(view.named());
    Needs { names, keys: checked.uses.iter().chain(&checked.refers).cloned().collect(), ..Needs::default() }
}

/// What the maps that take a closed profile leave open of it.
#[salsa::tracked(returns(deref))]
fn left_open<'db>(db: &'db dyn salsa::Database, project: Project, item: Item<'db>) -> Vec<Diagnostic> {
    let Some(facts) = profile(db, project, item).as_ref().filter(|facts| !facts.closed.is_empty()) else {
        return Vec::new();
    };
    let all = project.files(db).iter().flat_map(|&file| maps(db, project, file));
    let takes = |map: &&Function| {
        map.params.iter().any(|it| matches!(&it.ty.kind, TyKind::Structure(_, key) if *key == facts.key))
    };
    let taker = |map: &'db Function| {
        let fields = plain_plan(db, project, map.key.to_string()).as_ref()?.fields();
        let functions = reached(db, project, map).into_iter().filter_map(|key| function(db, project, &key));
        Some(check::Taker { key: &map.key, fields, ignored: functions.flat_map(|it| &it.ignored).collect() })
    };
    check::left_open(facts, &all.filter(takes).filter_map(taker).collect::<Vec<_>>())
}

/// The keys of a map and of all that it uses.
fn reached(db: &dyn salsa::Database, project: Project, entry: &Function) -> FxHashSet<Key> {
    let needs = |key: &str| {
        let checked = item(db, project, key).map(|item| checked(db, project, item));
        checked.into_iter().flat_map(|checked| checked.uses.iter().chain(&checked.refers)).cloned().collect()
    };
    check::reached(entry, &needs)
}

/// What a map calls must not come back to it.
#[salsa::tracked]
fn cycle<'db>(db: &'db dyn salsa::Database, project: Project, item: Item<'db>) -> Option<Diagnostic> {
    let function = checked(db, project, item).function.as_ref()?;
    let calls = |key: &str| {
        self::item(db, project, key).map(|item| checked(db, project, item).uses.clone()).unwrap_or_default()
    };
    check::cycle(function, &calls)
}

/// What a map promises of itself and does not keep.
#[salsa::tracked]
fn promises<'db>(db: &'db dyn salsa::Database, project: Project, item: Item<'db>) -> Vec<Diagnostic> {
    let checked = checked(db, project, item);
    let Some(function) = checked.function.as_ref() else { return Vec::new() };
    let is_wrong = checked.problems.iter().any(|it| it.severity() == Severity::Error);
    if is_wrong || cycle(db, project, item).is_some() {
        return Vec::new();
    }
    check::promises(function, &View::new(db, project, item.file(db)))
}

/// Whether nothing in an item stands in the way of running it.
#[salsa::tracked]
fn is_sound<'db>(db: &'db dyn salsa::Database, project: Project, item: Item<'db>) -> bool {
    let wrong = |it: &Diagnostic| it.severity() == Severity::Error;
    let checked = checked(db, project, item);
    // What depends on a package that is not there has no body, though nothing is wrong with its text.
    let has_body = checked.function.as_ref().is_none_or(|function| !function.body.is_error());
    let of_others = cycle(db, project, item).iter().chain(promises(db, project, item));
    has_body && !checked.problems.iter().chain(of_others).any(wrong)
}

/// The maps of a module, by name.
pub fn maps(db: &dyn salsa::Database, project: Project, file: SourceFile) -> Vec<&Function> {
    let functions = items(db, file).iter().filter_map(|&item| match &parsed(db, item).item.as_ref()?.declaration {
        Declaration::Map(map) if map.kind == syntax::tree::MapKind::Map => {
            checked(db, project, item).function.as_deref()
        }
        _ => None,
    });
    functions.collect()
}

/// A checked map or convert, by its key.
pub fn function<'db>(db: &'db dyn salsa::Database, project: Project, key: &str) -> Option<&'db Arc<Function>> {
    checked(db, project, item(db, project, key)?).function.as_ref()
}

/// The key of what a name stands for in a module, and what that is; nothing if it could be several things.
pub fn named(db: &dyn salsa::Database, project: Project, file: SourceFile, name: &str) -> Option<Export> {
    match View::new(db, project, file).find(name) {
        Found::One(export) => Some(export),
        _ => None,
    }
}

/// What a constant that a module can name is worth.
pub fn constant_of<'db>(
    db: &'db dyn salsa::Database,
    project: Project,
    file: SourceFile,
    name: &str,
) -> Option<&'db Expr> {
    let export = named(db, project, file, name).filter(|it| it.kind == DeclaredKind::Constant)?;
    Some(&constant(db, project, item(db, project, &export.key)?).0)
}

/// Where the declaration of a key stands: its file, and the first byte of its item.
pub fn place(db: &dyn salsa::Database, project: Project, key: &str) -> Option<(SourceFile, usize)> {
    item(db, project, key).map(|item| (item.file(db), item.start(db)))
}

/// A code table with what the project adds to it, by its key.
pub fn code_table<'db>(db: &'db dyn salsa::Database, project: Project, key: &str) -> Option<&'db CodeTable> {
    let item = item(db, project, key)?;
    let extended = extended(db, project, item).as_ref().map(|it| &it.0);
    extended.or_else(|| codes(db, project, item).as_ref().map(|it| &it.0))
}

/// The profile of that key.
pub fn profile_of<'db>(db: &'db dyn salsa::Database, project: Project, key: &str) -> Option<&'db ProfileFacts> {
    profile(db, project, item(db, project, key)?).as_ref()
}

/// The profiles of a module.
pub fn profiles(db: &dyn salsa::Database, project: Project, file: SourceFile) -> Vec<&ProfileFacts> {
    items(db, file).iter().filter_map(|&item| profile(db, project, item).as_ref()).collect()
}

/// The structures of the one message that a map takes, or the resource; none for a map over parts of them.
pub fn takes(db: &dyn salsa::Database, project: Project, function: &Function) -> Vec<SmolStr> {
    match function.params.as_slice() {
        [param] => taken(db, project, param),
        _ => Vec::new(),
    }
}

/// The same for each parameter of a map.
pub fn takes_each(db: &dyn salsa::Database, project: Project, function: &Function) -> Vec<Vec<SmolStr>> {
    function.params.iter().map(|param| taken(db, project, param)).collect()
}

fn taken(db: &dyn salsa::Database, project: Project, param: &Param) -> Vec<SmolStr> {
    let key = match &param.ty.kind {
        TyKind::Structure(_, key) => key,
        // A resource of FHIR, as JSON.
        TyKind::Fhir(key) if !param.ty.is_list() => {
            let shape = standards(db, project).fhir.shape(key);
            let resource = shape.filter(|shape| shape.kind == crate::standard::shape::Kind::Resource);
            return resource.map(|shape| check::types::base(&shape).clone()).into_iter().collect();
        }
        _ => return Vec::new(),
    };
    let profile = item(db, project, key).and_then(|item| profile(db, project, item).as_ref());
    profile.map_or_else(|| vec![key.clone()], |facts| facts.of.clone())
}

/// The tests of a module, each with where its item begins.
pub fn tests(db: &dyn salsa::Database, file: SourceFile) -> Vec<(usize, &Test)> {
    items(db, file)
        .iter()
        .filter_map(|&item| match &parsed(db, item).item.as_ref()?.declaration {
            Declaration::Test(test) => Some((item.start(db), test)),
            _ => None,
        })
        .collect()
}
