//! A module's view of everything around it, as the stages ask for it.

use super::{
    Project, SourceFile, asked, code_table, codes, connectors, constant, data_files, exported, item, modules, names,
    parsed, profile, routes, signature, standards, table, watched,
};
use crate::check::typed::{CodeTable, Expr, Function, Key, RowTable};
use crate::check::{Bodies, ProfileFacts, Signature, World, wiring};
use crate::diagnostic::Diagnostic;
use crate::files::{self, Content};
use crate::resolve::{Declared, DeclaredKind, Found, Modules, Names};
use crate::standard::Standards;
use crate::syntax::tree::{Arm, Count, Declaration, Param, Route, Word};
use crate::{lower, testing};
use emr_abi::Builtin;
use rustc_hash::FxHashSet;
use smol_str::{SmolStr, format_smolstr};
use std::cell::RefCell;
use std::collections::BTreeSet;

pub(super) struct View<'db> {
    db: &'db dyn salsa::Database,
    project: Project,
    file: SourceFile,
    /// Whether the project's own segments and profiles are seen. What these are made of must not see them.
    local: bool,
    /// The names that were asked for and stand for something.
    named: RefCell<BTreeSet<SmolStr>>,
}

impl<'db> View<'db> {
    pub fn new(db: &'db dyn salsa::Database, project: Project, file: SourceFile) -> Self {
        Self { db, project, file, local: true, named: RefCell::default() }
    }

    /// Without the shapes that the project declares.
    pub fn plain(db: &'db dyn salsa::Database, project: Project, file: SourceFile) -> Self {
        Self { db, project, file, local: false, named: RefCell::default() }
    }

    /// The project, of those that this one uses, that the module belongs to: it sees its own modules under their own names.
    fn dependency(&self) -> Option<&SmolStr> {
        let module = self.file.module(self.db);
        let holds = |name: &&SmolStr| module.strip_prefix(name.as_str()).is_some_and(|rest| rest.starts_with('.'));
        self.project.settings(self.db).dependencies.iter().filter(holds).max_by_key(|name| name.len())
    }

    /// What the item needs for which this view was made.
    pub fn named(self) -> BTreeSet<SmolStr> {
        self.named.into_inner()
    }
}

impl Modules for View<'_> {
    fn declared(&self, module: &str) -> Option<&[Declared]> {
        Some(exported(self.db, *modules(self.db, self.project).get(module)?))
    }

    fn modules(&self) -> Vec<SmolStr> {
        modules(self.db, self.project).keys().cloned().collect()
    }

    fn canonical(&self, module: &str) -> SmolStr {
        match self.dependency() {
            Some(own) if !module.starts_with("std.") => format_smolstr!("{own}.{module}"),
            _ => module.into(),
        }
    }

    fn preludes(&self) -> Vec<SmolStr> {
        let library = emr_stdlib::library::PRELUDE.iter().map(|(name, _)| SmolStr::from(*name));
        let prelude = self.canonical("prelude");
        let own = self.project.files(self.db).iter().any(|file| file.module(self.db) == prelude);
        own.then_some(prelude).into_iter().chain(library).collect()
    }
}

impl World for View<'_> {
    fn standards(&self) -> &Standards {
        if self.local { standards(self.db, self.project) } else { self.project.standards(self.db) }
    }

    fn has_zone(&self) -> bool {
        // The library's conversions are checked for every project; those that need a zone ask at their use.
        self.project.settings(self.db).timezone.is_some() || self.file.module(self.db).starts_with("std.")
    }

    fn packages(&self) -> &[SmolStr] {
        &self.project.settings(self.db).packages
    }

    fn names(&self) -> &Names {
        names(self.db, self.project, self.file)
    }

    fn find(&self, name: &str) -> Found {
        let found = self.names().find(name, self);
        if !matches!(found, Found::Nothing) {
            self.named.borrow_mut().insert(name.into());
        }
        found
    }

    fn signature(&self, key: &str) -> Option<&Signature> {
        signature(self.db, self.project, item(self.db, self.project, key)?).as_ref()
    }

    fn constant(&self, key: &str) -> Option<&Expr> {
        Some(&constant(self.db, self.project, item(self.db, self.project, key)?).0)
    }

    fn codes(&self, key: &str) -> Option<&CodeTable> {
        code_table(self.db, self.project, key)
    }

    fn own_codes(&self, key: &str) -> Option<&CodeTable> {
        codes(self.db, self.project, item(self.db, self.project, key)?).as_ref().map(|it| &it.0)
    }

    fn table(&self, key: &str) -> Option<&RowTable> {
        table(self.db, self.project, item(self.db, self.project, key)?).as_ref().map(|it| &it.0)
    }

    fn file(&self, name: &str) -> Content {
        let place = files::place(self.file.module(self.db), name);
        let file = data_files(self.db, self.project).get(&place);
        file.map_or(Content::Absent, |file| file.content(self.db).clone())
    }

    fn profile(&self, key: &str) -> Option<&ProfileFacts> {
        profile(self.db, self.project, item(self.db, self.project, key)?).as_ref()
    }

    fn declaration(&self, key: &str) -> Option<&Declaration> {
        Some(&parsed(self.db, item(self.db, self.project, key)?).item.as_ref()?.declaration)
    }

    fn beside(&self, module: &str) -> Option<Box<dyn World + '_>> {
        let file = *modules(self.db, self.project).get(module)?;
        Some(Box::new(View { file, named: RefCell::default(), ..*self }))
    }

    fn connectors(&self) -> &wiring::Connectors {
        connectors(self.db)
    }

    fn routes(&self) -> &[(SmolStr, Route)] {
        routes(self.db, self.project)
    }

    fn environments(&self) -> &wiring::Environments {
        &self.project.settings(self.db).environments
    }
}

impl Bodies for View<'_> {
    fn function(&self, key: &str) -> Option<&Function> {
        super::function(self.db, self.project, key).map(|function| &**function)
    }

    fn codes(&self, key: &str) -> Option<&CodeTable> {
        World::codes(self, key)
    }

    fn asked(&self) -> &FxHashSet<Key> {
        asked(self.db, self.project)
    }
}

impl lower::World for View<'_> {
    fn function(&self, key: &str) -> Option<&Function> {
        super::function(self.db, self.project, key).map(|function| &**function)
    }

    fn codes(&self, key: &str) -> Option<&CodeTable> {
        World::codes(self, key)
    }

    fn table(&self, key: &str) -> Option<&RowTable> {
        World::table(self, key)
    }

    fn profile(&self, key: &str) -> Option<&ProfileFacts> {
        World::profile(self, key)
    }

    fn environment(&self, name: &str) -> Option<SmolStr> {
        self.project.settings(self.db).environment()?.get(name).cloned()
    }

    fn standards(&self) -> &Standards {
        World::standards(self)
    }

    fn is_watched(&self, table: &str) -> bool {
        watched(self.db, self.project).contains(table)
    }
}

impl View<'_> {
    fn all(&self, kind: DeclaredKind) -> Vec<SmolStr> {
        let names = World::names(self);
        let is_one = |name: &&SmolStr| matches!(names.find(name, self), Found::One(export) if export.kind == kind);
        names.known().filter(is_one).cloned().collect()
    }
}

impl testing::Scope for View<'_> {
    fn maps(&self) -> Vec<SmolStr> {
        self.all(DeclaredKind::Map)
    }

    fn routes(&self) -> Vec<SmolStr> {
        self.all(DeclaredKind::Route)
    }

    fn targets(&self) -> Vec<SmolStr> {
        let all = self.project.files(self.db).iter().flat_map(|&file| exported(self.db, file));
        all.filter(|it| it.kind == DeclaredKind::Target).map(|it| it.name.clone()).collect()
    }

    fn is_constant(&self, name: &str) -> bool {
        matches!(self.find(name), Found::One(export) if export.kind == DeclaredKind::Constant)
    }

    fn arity(&self, function: Builtin) -> Option<(usize, usize)> {
        let Found::One(export) = self.find(function.name()) else { return None };
        let Declaration::ExternFn(declared) = World::declaration(self, &export.key)? else { return None };
        let is_needed = |param: &&Param| param.ty.count != Count::Optional;
        let several = declared.params.last().is_some_and(|last| matches!(last.ty.count, Count::Any | Count::Some));
        let most = if several { usize::MAX } else { declared.params.len() };
        Some((declared.params.iter().filter(is_needed).count(), most))
    }

    fn given(&self, table: &Word, rows: &[Arm]) -> Vec<Diagnostic> {
        crate::check::given(table, rows, self).map_or_else(|problem| vec![*problem], |(_, problems)| problems)
    }

    fn not_joined(&self, first: &Word, then: &Word) -> Option<Diagnostic> {
        let signature = |name: &Word| match self.find(&name.text) {
            Found::One(export) => World::signature(self, &export.key),
            _ => None,
        };
        wiring::not_joined((first, signature(first)?), (then, signature(then)?), self)
    }

    fn is_system(&self, name: &str) -> bool {
        crate::check::v2_system(name).is_some() || self.is_constant(name)
    }
}
