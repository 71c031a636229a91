//! The only reader of source: finds the modules, packages and settings of a project and hands them to the compiler.

pub mod data;
mod dependencies;
mod error;
mod files;
mod index;
mod listeners;
mod manifest;
pub mod packages;
mod terminology;

pub use dependencies::{Dependency, LOCK};
pub use error::Error;
pub use files::{Disk, Files, Stamp};
pub use listeners::{SCOPE_ACT, SCOPE_READ};
pub use manifest::{Journal, Manifest, Setting};

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use emr_compiler::db::{self, Database, SourceFile};
use emr_compiler::diagnostic::{Code, Diagnostic};
use emr_compiler::files::Content;
use emr_compiler::standard::Standards;
use emr_compiler::standard::fhir::Fhir;
use emr_compiler::standard::package::Package;
use emr_compiler::syntax;

/// What the compiler needs of a project, as it lies on the disk.
#[derive(Debug)]
pub struct Project {
    /// The folder of `emr.toml`, or that of the single file.
    pub root: PathBuf,
    pub manifest: Manifest,
    /// Where the settings stand; nothing if there is no `emr.toml`.
    pub settings: Option<Source>,
    /// The environment that was chosen.
    pub environment: Option<String>,
    /// All modules, in the order of their paths.
    pub modules: Vec<Module>,
    /// The projects that this one uses, each before those that it uses itself.
    pub dependencies: Vec<Dependency>,
    /// The packages of `emr.toml`, and after them what these need.
    pub packages: Vec<Arc<Package>>,
    /// The code systems and value sets of `emr.toml`.
    pub terminology: Option<Arc<Package>>,
    /// The files of rows that declarations name, by their places under the root.
    pub data: Vec<(String, Content)>,
    /// The only file that was asked for, if it was a file. Its project is here because its names may be of it.
    pub only: Option<PathBuf>,
}

/// A file of `.emr` text.
#[derive(Debug)]
pub struct Module {
    /// By its path: `hospital.adt` for `hospital/adt.emr`; of another project behind the name that it has here.
    pub name: String,
    /// Whether it is of another project, which this one uses.
    pub of_dependency: bool,
    pub source: Source,
}

/// Text with its place, and what is wrong with it that only the reader of the file can know.
#[derive(Debug)]
pub struct Source {
    /// As a person would write it from where they are.
    pub path: PathBuf,
    pub text: String,
    pub problems: Vec<Diagnostic>,
}

impl Project {
    /// Whether the caller asked about this module: about the one file, or about all of the project.
    pub fn is_asked(&self, module: &Module) -> bool {
        self.only.as_ref().map_or(!module.of_dependency, |only| *only == module.source.path)
    }

    /// What `emr.lock` has to say: what the other projects held. Nothing where there are none.
    pub fn lock(&self) -> Option<String> {
        (!self.dependencies.is_empty()).then(|| dependencies::lock(&self.dependencies))
    }

    /// Sets the zone of times without an offset, whatever `emr.toml` says.
    pub fn set_timezone(&mut self, zone: &str) {
        self.manifest.timezone = Some(Setting { value: zone.to_owned(), at: 0..0 });
    }

    /// Chooses one of its environments, by its name; whether there is one.
    pub fn choose_environment(&mut self, name: &str) -> bool {
        self.environment = self.manifest.environments.contains_key(name).then(|| name.to_owned());
        self.environment.is_some()
    }

    /// Hands the project to the compiler: its modules in their order, settings, packages.
    pub fn load(&self, db: &Database) -> (db::Project, Vec<SourceFile>) {
        let open =
            |module: &Module| db.open(&module.name, &module.source.path.to_string_lossy(), module.source.text.clone());
        let files: Vec<_> = self.modules.iter().map(open).collect();
        let project = db.project_with(files.clone(), self.data.clone(), self.settings(), self.standards());
        (project, files)
    }

    /// What the checker needs to know of `emr.toml`.
    pub fn settings(&self) -> db::Settings {
        let timezone = self.manifest.timezone.as_ref().map(|it| it.value.clone());
        // Also those that are not there: that is said once, in the settings, not at every use.
        let packages = self.manifest.packages.keys().map(|alias| alias.as_str().into()).collect();
        let dependencies = self.dependencies.iter().map(|it| it.name.as_str().into()).collect();
        let values = |values: &BTreeMap<String, Setting>| {
            values.iter().map(|(name, value)| (name.as_str().into(), value.value.as_str().into())).collect()
        };
        let environments = &self.manifest.environments;
        let environments = environments.iter().map(|(name, given)| (name.as_str().into(), values(given))).collect();
        let environment = self.environment.as_deref().map(Into::into);
        db::Settings { timezone, packages, dependencies, environments, environment }
    }

    fn standards(&self) -> Standards {
        // What the project itself says goes before what packages say.
        let packages = self.terminology.iter().chain(&self.packages).cloned().collect();
        Standards { fhir: Arc::new(Fhir::with_packages(packages)), ..Standards::embedded() }
    }
}

/// The name of the file that holds the settings of a project.
pub const SETTINGS: &str = "emr.toml";

/// Folders inside folders, so that a folder that holds itself does not go on for ever.
const DEPTH_MAX: usize = 32;

/// Opens the project in a folder, or the project that a file belongs to; a file without one is a project of its own.
///
/// `cache` is the user's folder of FHIR packages.
pub fn open(files: &impl Files, path: &Path, cache: Option<&Path>) -> Result<Project, Error> {
    let folder = files.is_folder(path);
    if !folder && !files.is_file(path) {
        return Err(Error::Absent(path.to_owned()));
    }
    let named = path.file_name().is_some_and(|name| name == SETTINGS);
    if !folder && !named && !is_module(path) {
        return Err(Error::NotAModule(path.to_owned()));
    }
    let only = (!folder && !named).then(|| tidy(path));
    let root = if folder { Some(path.to_owned()) } else { root(files, path) };
    let paths = match &root {
        Some(root) => modules(files, root)?,
        None => only.iter().cloned().collect(),
    };
    let root = root.unwrap_or_else(|| parent(path).to_owned());
    if paths.is_empty() {
        return Err(Error::NoModules { inner: projects(files, &root), folder: root });
    }
    let settings = root.join(SETTINGS);
    let mut settings = if files.is_file(&settings) { Some(source(files, &settings)?) } else { None };
    let manifest = settings.as_mut().map(manifest::read).unwrap_or_default();
    let packages = settings.as_mut().map(|settings| load(&manifest, &root, cache, settings)).unwrap_or_default();
    let mut modules = own_modules(files, &root, &paths, "")?;
    let dependencies = match &mut settings {
        Some(settings) => dependencies::load(files, &root, &manifest, &mut modules, settings),
        None => Vec::new(),
    };
    let data = data::read(files, &root, &modules, &dependencies);
    let terminology = settings.as_mut().and_then(|settings| terminology::load(files, &manifest, &root, settings));
    let environment = None;
    Ok(Project { manifest, settings, environment, modules, dependencies, packages, terminology, data, only, root })
}

/// The `.emr` files of a folder, without reading them.
pub fn module_paths(files: &impl Files, folder: &Path) -> Result<Vec<PathBuf>, Error> {
    if !files.is_folder(folder) {
        return Err(Error::Absent(folder.to_owned()));
    }
    let paths = modules(files, folder)?;
    match paths.is_empty() {
        true => Err(Error::NoModules { inner: projects(files, folder), folder: folder.to_owned() }),
        false => Ok(paths),
    }
}

/// The modules of these files; of another project behind its name and a dot.
fn own_modules(files: &impl Files, root: &Path, paths: &[PathBuf], prefix: &str) -> Result<Vec<Module>, Error> {
    let module = |path: &PathBuf| {
        let name = format!("{prefix}{}", name(root, path));
        Ok(Module { name, of_dependency: !prefix.is_empty(), source: source(files, path)? })
    };
    paths.iter().map(module).collect()
}

fn is_module(path: &Path) -> bool {
    path.extension().is_some_and(|it| it == "emr")
}

/// The nearest folder above a file that has settings.
fn root(files: &impl Files, path: &Path) -> Option<PathBuf> {
    let near = path.ancestors().skip(1).map(Path::to_owned);
    let far = std::path::absolute(path).ok();
    let far = far.iter().flat_map(|path| path.ancestors().skip(1)).map(Path::to_owned);
    let mut folders = near.chain(far);
    folders.find(|folder| files.is_file(&folder.join(SETTINGS)))
}

fn parent(path: &Path) -> &Path {
    path.parent().unwrap_or(Path::new(""))
}

/// The modules of a folder. A folder inside it that has settings is a project of its own.
fn modules(files: &impl Files, root: &Path) -> Result<Vec<PathBuf>, Error> {
    let mut found = Vec::new();
    let mut folders = vec![(root.to_owned(), 0)];
    while let Some((folder, depth)) = folders.pop() {
        for path in files.entries(&folder).map_err(|why| Error::Unreadable(folder.clone(), why))? {
            let hidden = path.file_name().is_some_and(|name| name.to_string_lossy().starts_with('.'));
            if hidden {
                continue;
            }
            if !files.is_folder(&path) {
                found.extend(is_module(&path).then(|| tidy(&path)));
            } else if depth < DEPTH_MAX && !files.is_file(&path.join(SETTINGS)) {
                folders.push((path, depth + 1));
            }
        }
    }
    found.sort();
    Ok(found)
}

/// The projects right inside a folder, for somebody who named the folder around them.
fn projects(files: &impl Files, folder: &Path) -> Vec<PathBuf> {
    let entries = files.entries(folder).unwrap_or_default();
    entries.into_iter().filter(|path| files.is_file(&path.join(SETTINGS))).collect()
}

/// `./a.emr` is `a.emr`.
fn tidy(path: &Path) -> PathBuf {
    path.strip_prefix(".").unwrap_or(path).to_owned()
}

fn name(root: &Path, path: &Path) -> String {
    let inner = path.strip_prefix(tidy(root)).unwrap_or(path).with_extension("");
    inner.iter().map(|part| part.to_string_lossy()).collect::<Vec<_>>().join(".")
}

/// Text that is not UTF-8 is a problem of that file alone; the others are still read.
fn source(files: &impl Files, path: &Path) -> Result<Source, Error> {
    let bytes = files.read(path).map_err(|why| Error::Unreadable(path.to_owned(), why))?;
    let path = tidy(path);
    if let Some(problem) = syntax::too_large(bytes.len()) {
        return Ok(Source { path, text: String::new(), problems: vec![problem] });
    }
    let broken = match String::from_utf8(bytes) {
        Ok(text) => return Ok(Source { path, text, problems: Vec::new() }),
        Err(broken) => broken,
    };
    let at = broken.utf8_error().valid_up_to();
    let problem = Diagnostic::new(Code::Unreadable, at..at, "this is not text in UTF-8");
    let problem = problem.help("save the file as UTF-8; a message goes into a file of another name");
    // What follows the first such byte would only raise problems of its own.
    let mut bytes = broken.into_bytes();
    bytes.truncate(at);
    let text = String::from_utf8(bytes).expect("it was cut where it stops being UTF-8");
    Ok(Source { path, text, problems: vec![problem] })
}

/// Loads the packages, and says at their names what is not there.
fn load(manifest: &Manifest, root: &Path, cache: Option<&Path>, settings: &mut Source) -> Vec<Arc<Package>> {
    let named: Vec<_> = manifest.packages.iter().map(|(alias, it)| (alias.clone(), it.value.clone())).collect();
    let found = packages::load(&named, root, cache);
    for fault in &found.faults {
        let Some(place) = manifest.packages.get(&fault.alias) else { continue };
        settings.problems.push(fault_of(fault.why, place));
    }
    for missing in &found.missing {
        let needs = found.packages.iter().find(|it| it.name == missing.needed_by.as_str());
        let place = needs.and_then(|it| manifest.packages.get(it.alias.as_str()));
        let at = place.map_or(0..0, |it| it.at.clone());
        let (name, version) = (&missing.name, &missing.version);
        let message = format!("the package `{name}#{version}` is not there; what it binds is not verified");
        let message = Diagnostic::new(Code::MissingPackage, at, message).help(format!(
            "`{}` needs it; unpack it as `~/.fhir/packages/{name}#{version}`, or name its file in `[packages]`",
            missing.needed_by
        ));
        settings.problems.push(message);
    }
    found.packages
}

fn fault_of(why: packages::Why, place: &Setting) -> Diagnostic {
    let name = &place.value;
    let (message, help) = match why {
        packages::Why::Absent => (
            format!("the package `{name}` is not there"),
            "it may be a `.tgz` file, a folder, or `name#version` in `~/.fhir/packages`",
        ),
        packages::Why::Unreadable => {
            (format!("`{name}` is no FHIR package that can be read"), "a package has `package/package.json` in it")
        }
        packages::Why::TooLarge => {
            (format!("`{name}` holds more than a package may"), "a package holds at most 1 GiB, and 64 MiB in a file")
        }
    };
    Diagnostic::new(Code::PackageNotThere, place.at.clone(), message).help(help)
}

#[cfg(test)]
mod tests;
