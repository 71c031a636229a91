//! Other projects whose maps this one uses, by their paths, and the lock that says what they held.
//!
//! A project has its own modules under their own names; whoever uses it sees them behind the name that it has there:
//! `regional.adt`. What it uses itself lies one name deeper: `regional.codes.sex`.

use std::path::{Component, Path, PathBuf};

use emr_compiler::diagnostic::{Code, Diagnostic};
use emr_compiler::files::Content;
use sha2::{Digest, Sha256};

use crate::manifest::{Manifest, Setting};
use crate::{Error, Files, Module, SETTINGS, Source, data, manifest, modules, own_modules, source};

/// The name of the file that says what the projects held that this one uses.
pub const LOCK: &str = "emr.lock";

/// A project that another one uses.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Dependency {
    /// `regional`, and `regional.codes` for what that uses as `codes`.
    pub name: String,
    /// As `emr.toml` has it, from its own folder.
    pub path: String,
    pub folder: PathBuf,
    /// SHA-256 over its settings, its modules and the files that these name, in hexadecimal digits.
    pub sha256: String,
}

/// Adds the modules of all projects that this one uses, and says at their names what is wrong with them.
pub fn load(
    files: &impl Files,
    root: &Path,
    manifest: &Manifest,
    modules: &mut Vec<Module>,
    settings: &mut Source,
) -> Vec<Dependency> {
    let mut found = Vec::new();
    for (name, place) in &manifest.dependencies {
        if let Some(why) = unusable(name, modules) {
            settings.problems.push(Diagnostic::new(Code::DependencyNotThere, place.at.clone(), why));
            continue;
        }
        let mut loading = Loading { files, modules, found: Vec::new(), around: vec![plain(root)] };
        match loading.project(name, root, place) {
            Ok(()) => found.append(&mut loading.found),
            Err(why) => {
                let diagnostic = Diagnostic::new(Code::DependencyNotThere, place.at.clone(), why);
                settings.problems.push(diagnostic.help("its folder has an `emr.toml` and at least one `.emr` file"));
            }
        }
    }
    settings.problems.extend(stale(files, root, manifest, &found));
    found
}

/// Why no project can be used under a name.
fn unusable(name: &str, modules: &[Module]) -> Option<String> {
    let word = |c: char| c.is_ascii_alphanumeric() || c == '_';
    if name == "std" || !name.starts_with(|c: char| c.is_ascii_alphabetic()) || !name.chars().all(word) {
        return Some(format!("`{name}` cannot be the name of a module"));
    }
    let same = modules.iter().any(|it| !it.of_dependency && it.name.split('.').next() == Some(name));
    same.then(|| format!("`{name}` is a module of this project too"))
}

struct Loading<'a, F> {
    files: &'a F,
    modules: &'a mut Vec<Module>,
    found: Vec<Dependency>,
    /// The folders of the projects that we are in.
    around: Vec<PathBuf>,
}

impl<F: Files> Loading<'_, F> {
    /// Everything of one project, and of those that it uses.
    fn project(&mut self, name: &str, from: &Path, place: &Setting) -> Result<(), String> {
        let folder = plain(&from.join(&place.value));
        if self.around.contains(&folder) {
            return Err(format!("`{name}` uses itself"));
        }
        if !self.files.is_file(&folder.join(SETTINGS)) {
            return Err(format!("there is no project `{}` in `{}`", name, place.value));
        }
        let broken = |why: Error| format!("`{name}`: {why}");
        let mut settings = source(self.files, &folder.join(SETTINGS)).map_err(broken)?;
        let manifest = manifest::read(&mut settings);
        if let Some(problem) = settings.problems.first() {
            return Err(format!("the `emr.toml` of `{name}` is wrong: {}", problem.message));
        }
        let paths = modules(self.files, &folder).map_err(broken)?;
        let own = own_modules(self.files, &folder, &paths, &format!("{name}.")).map_err(broken)?;
        let (path, sha256) = (place.value.clone(), String::new());
        let mut dependency = Dependency { name: name.to_owned(), path, folder: folder.clone(), sha256 };
        let data = data::read(self.files, &folder, &own, std::slice::from_ref(&dependency));
        dependency.sha256 = hash(&settings, &own, &data);
        self.found.push(dependency);
        self.modules.extend(own);
        self.around.push(folder.clone());
        for (inner, place) in &manifest.dependencies {
            self.project(&format!("{name}.{inner}"), &folder, place)?;
        }
        self.around.pop();
        Ok(())
    }
}

/// The path without `.` and `a/..`, so that one folder has one path.
fn plain(path: &Path) -> PathBuf {
    let mut plain = PathBuf::new();
    for part in path.components() {
        let back = part == Component::ParentDir && matches!(plain.components().next_back(), Some(Component::Normal(_)));
        match part {
            Component::CurDir => {}
            _ if back => drop(plain.pop()),
            other => plain.push(other),
        }
    }
    plain
}

/// Over what maps are made of: settings, modules and rows, each with its name and length before it.
fn hash(settings: &Source, modules: &[Module], data: &[(String, Content)]) -> String {
    let mut sha = Sha256::new();
    let modules = modules.iter().map(|module| (module.name.as_str(), module.source.text.as_str()));
    let rows = data.iter().filter_map(|(place, content)| match content {
        Content::Text(text) => Some((place.as_str(), &**text)),
        _ => None,
    });
    for (name, text) in [(SETTINGS, settings.text.as_str())].into_iter().chain(modules).chain(rows) {
        sha.update(format!("{name} {}\n", text.len()));
        sha.update(text);
    }
    sha.finalize().iter().map(|byte| format!("{byte:02x}")).collect()
}

/// The text of `emr.lock`.
pub fn lock(dependencies: &[Dependency]) -> String {
    let lines: String = dependencies.iter().map(|it| line(it) + "\n").collect();
    format!("# Written by `emr lock`: what the projects held that this one uses, when somebody last looked.\n{lines}")
}

fn line(dependency: &Dependency) -> String {
    let Dependency { name, path, sha256, .. } = dependency;
    format!("\"{name}\" = {{ path = {path:?}, sha256 = \"{sha256}\" }}")
}

/// Where a project is no longer what the lock says that it was.
fn stale(files: &impl Files, root: &Path, manifest: &Manifest, found: &[Dependency]) -> Option<Diagnostic> {
    let path = root.join(LOCK);
    let text = if files.is_file(&path) { files.read(&path).ok() } else { None };
    let text = text.map(|bytes| String::from_utf8_lossy(&bytes).into_owned());
    if found.is_empty() || text.as_deref() == Some(lock(found).as_str()) {
        return None;
    }
    let changed = found.iter().find(|it| text.as_ref().is_none_or(|text| !text.lines().any(|known| known == line(it))));
    let message = match (&text, changed) {
        (None, _) => format!("there is no `{LOCK}`: nobody has looked at what this project uses"),
        (Some(_), Some(changed)) => format!("`{}` is not what `{LOCK}` says", changed.name),
        (Some(_), None) => format!("`{LOCK}` names projects that are used no more"),
    };
    let first = |it: &Dependency| it.name.split('.').next().unwrap_or_default().to_owned();
    let place = changed.and_then(|it| manifest.dependencies.get(&first(it)));
    let at = place.or(manifest.dependencies.values().next()).map_or(0..0, |place| place.at.clone());
    Some(Diagnostic::new(Code::StaleLock, at, message).help("look at what has changed, run the tests, then `emr lock`"))
}
