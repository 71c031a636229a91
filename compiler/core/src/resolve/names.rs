//! The names that a module sees: its own, those that it `use`s, the project's prelude, the library's.

use super::module::{Declared, DeclaredKind, Export, key};
use crate::diagnostic::{Code, Diagnostic};
use crate::syntax::tree::{At, Use, Used, Word};
use indexmap::IndexMap;
use smol_str::SmolStr;

/// What this stage asks of the other modules.
pub trait Modules {
    /// What a module declares; nothing if there is no such module.
    fn declared(&self, module: &str) -> Option<&[Declared]>;
    /// The name that a module has in the whole, from that which it has here: other projects that this one uses see theirs.
    fn canonical(&self, module: &str) -> SmolStr;
    /// All modules that can be named.
    fn modules(&self) -> Vec<SmolStr>;
    /// The modules whose names are in scope everywhere, the nearest first: the project's `prelude`, the library.
    fn preludes(&self) -> Vec<SmolStr>;
}

/// How near a name is; the nearer wins.
const OWN: u8 = 0;
const USED: u8 = 1;
const PRELUDE: u8 = 2;

/// The names of one module.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Names {
    /// Own and used names.
    near: IndexMap<SmolStr, Vec<(u8, Export)>>,
    /// `use hospital.codes as codes`: the module behind the short name.
    modules: IndexMap<SmolStr, SmolStr>,
    /// The preludes' names, by how near they are.
    far: IndexMap<SmolStr, Vec<(u8, Export)>>,
    /// What each `use` brings, for the warning that nobody needs it: item number, name here, place.
    pub imported: Vec<(usize, SmolStr, At)>,
    /// Names that a `use` should have brought and did not: that has been said, and is not said again where they stand.
    lost: Vec<SmolStr>,
    /// What is private here, for the same warning.
    pub private: Vec<(usize, SmolStr, At)>,
    /// Problems of the `use` declarations, by the number of the item.
    pub problems: Vec<(usize, Diagnostic)>,
}

/// What a name means.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Found {
    One(Export),
    /// Two equally near.
    Several(Vec<Export>),
    Nothing,
}

/// The names of a module, by its own declarations and its `use`s (each with the number of its item).
pub fn names(module: &str, own: &[(usize, Declared)], uses: &[(usize, Use)], world: &dyn Modules) -> Names {
    let mut names = Names::default();
    for (item, declared) in own {
        let entry = names.near.entry(declared.name.clone()).or_default();
        // A convert and a map may share a name with a type, never with each other.
        if entry.iter().any(|(_, known)| known.kind != DeclaredKind::Segment || declared.kind == DeclaredKind::Segment)
        {
            names.problems.push((*item, declared_twice(declared)));
        }
        entry.push((OWN, export(module, declared)));
        // A convert is used without its name.
        if declared.private && declared.kind != DeclaredKind::Convert {
            names.private.push((*item, declared.name.clone(), declared.at.clone()));
        }
    }
    for (item, import) in uses {
        names.bring(*item, import, world);
    }
    for prelude in world.preludes() {
        let Some(declared) = world.declared(&prelude).filter(|_| prelude != module) else { continue };
        for declared in declared.iter().filter(|declared| !declared.private) {
            let distance = if prelude.starts_with("std.") { PRELUDE + 1 } else { PRELUDE };
            names.far.entry(declared.name.clone()).or_default().push((distance, export(&prelude, declared)));
        }
    }
    names
}

impl Names {
    /// What `patient` or `codes.Gender` names here.
    pub fn find(&self, name: &str, world: &dyn Modules) -> Found {
        if let Some((module, rest)) = name.rsplit_once('.') {
            let module = self.modules.get(module).cloned().unwrap_or_else(|| world.canonical(module));
            let declared = world.declared(&module).into_iter().flatten();
            let found = declared.filter(|it| it.name == rest && !it.private).map(|it| export(&module, it));
            return one(found.collect());
        }
        one(self.nearest(name))
    }

    /// All that a name without a module could stand for: several if they are equally near.
    pub(super) fn nearest(&self, name: &str) -> Vec<Export> {
        let nearest = |found: &Vec<(u8, Export)>| {
            let distance = found.iter().map(|(distance, _)| *distance).min()?;
            Some(found.iter().filter(|(it, _)| *it == distance).map(|(_, export)| export.clone()).collect::<Vec<_>>())
        };
        let near = self.near.get(name).and_then(nearest);
        near.or_else(|| self.far.get(name).and_then(nearest)).unwrap_or_default()
    }

    /// Every export in scope with how near it is, for conversions.
    pub fn all(&self) -> impl Iterator<Item = (u8, &Export)> {
        self.near.values().chain(self.far.values()).flatten().map(|(distance, export)| (*distance, export))
    }

    /// Every name that could be meant, for suggestions.
    pub fn known(&self) -> impl Iterator<Item = &SmolStr> {
        self.near.keys().chain(self.far.keys())
    }

    /// The short names of modules that a `use` brought.
    pub fn module_names(&self) -> impl Iterator<Item = &SmolStr> {
        self.modules.keys()
    }

    fn bring(&mut self, item: usize, import: &Use, world: &dyn Modules) {
        let module = &*world.canonical(&import.module.text);
        match &import.what {
            Used::Module(short) => self.bring_module(item, import, short.as_ref(), world),
            Used::Names(names) => {
                let Some(declared) = world.declared(module) else {
                    self.lost.extend(names.iter().map(|(name, here)| here.as_ref().unwrap_or(name).text.clone()));
                    self.problems.push((item, unknown_module(&import.module, world)));
                    return;
                };
                for (name, here) in names {
                    let found: Vec<_> = declared.iter().filter(|it| it.name == name.text && !it.private).collect();
                    let here = here.as_ref().unwrap_or(name);
                    if found.is_empty() {
                        self.lost.push(here.text.clone());
                        self.problems.push((item, not_in_module(name, module, declared)));
                    } else {
                        self.imported.push((item, here.text.clone(), here.at.clone()));
                    }
                    let entry = self.near.entry(here.text.clone()).or_default();
                    entry.extend(found.into_iter().map(|it| (USED, export(module, it))));
                }
            }
        }
    }

    /// `use std.v2_to_fhir.patient` may mean the module or the one name in it.
    fn bring_module(&mut self, item: usize, import: &Use, short: Option<&Word>, world: &dyn Modules) {
        let module = &*world.canonical(&import.module.text);
        let last = module.rsplit('.').next().unwrap_or(module);
        let here = short.map_or_else(|| SmolStr::from(last), |short| short.text.clone());
        let at = short.map_or_else(|| import.module.at.clone(), |short| short.at.clone());
        if world.declared(module).is_some() {
            self.imported.push((item, here.clone(), at));
            self.modules.insert(here, module.into());
            return;
        }
        let found = module.rsplit_once('.').and_then(|(parent, name)| {
            let declared = world.declared(parent)?.iter().find(|it| it.name == name && !it.private)?;
            Some(export(parent, declared))
        });
        match found {
            Some(export) => {
                self.imported.push((item, here.clone(), at));
                self.near.entry(here).or_default().push((USED, export));
            }
            None => {
                self.lost.push(here);
                self.problems.push((item, unknown_module(&import.module, world)));
            }
        }
    }

    /// Whether a name as it is written (`Sex`, `codes.Sex`) is one that a `use` should have brought.
    pub fn is_lost(&self, written: &str) -> bool {
        let first = written.split('.').next().unwrap_or(written);
        self.lost.iter().any(|name| name == first)
    }
}

fn one(mut found: Vec<Export>) -> Found {
    found.dedup();
    match found.len() {
        0 => Found::Nothing,
        1 => found.pop().map_or(Found::Nothing, Found::One),
        _ => Found::Several(found),
    }
}

fn export(module: &str, declared: &Declared) -> Export {
    Export { key: key(module, &declared.name), kind: declared.kind }
}

fn declared_twice(declared: &Declared) -> Diagnostic {
    let message = format!("`{}` is declared twice in this file", declared.name);
    Diagnostic::new(Code::DuplicateName, declared.at.clone(), message).help("give one of the two another name")
}

fn unknown_module(module: &Word, world: &dyn Modules) -> Diagnostic {
    let message = format!("there is no module `{}`", module.text);
    let known = world.modules();
    let diagnostic = Diagnostic::new(Code::UnknownModule, module.at.clone(), message);
    match crate::check::suggest::nearest(&module.text, known.iter().map(SmolStr::as_str)) {
        Some(near) => diagnostic.help(format!("did you mean `{near}`?")),
        None => diagnostic
            .help("a module is a file of the project, named by its path: `hospital/adt.emr` is `hospital.adt`"),
    }
}

fn not_in_module(name: &Word, module: &str, declared: &[Declared]) -> Diagnostic {
    if declared.iter().any(|it| it.name == name.text) {
        let message = format!("`{}` is private to the module `{module}`", name.text);
        return Diagnostic::new(Code::PrivateName, name.at.clone(), message)
            .help("take `private` away there, or use another name");
    }
    let message = format!("the module `{module}` has no `{}`", name.text);
    let diagnostic = Diagnostic::new(Code::UnknownName, name.at.clone(), message);
    let known: Vec<&str> = declared.iter().filter(|it| !it.private).map(|it| it.name.as_str()).collect();
    match crate::check::suggest::nearest(&name.text, known.iter().copied()) {
        Some(near) => diagnostic.help(format!("did you mean `{near}`?")),
        None => diagnostic.help(format!("it has `{}`", known.join("`, `"))),
    }
}
