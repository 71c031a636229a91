//! The whole pipeline, from the folder of a project to what is said of it and the bytes that its maps write.

use crate::corpus::{own, root};
use crate::torture::Transform;
use emr_compiler::db::{self, Database, SourceFile};
use emr_compiler::diagnostic::{Diagnostic, render};
use emr_compiler::json::Json;
use emr_compiler::plan::interpret::{self, Outcome};
use emr_compiler::plan::{Plan, Take};
use emr_compiler::standard::fhir::Fhir;
use emr_compiler::validate;
use emr_message::time::Zone;
use emr_message::{Message, Secrets, Unreadable};
use emr_project::{Disk, Files, Source};
use std::path::Path;
use std::sync::{Arc, LazyLock};

/// A project whose text has been read; everything else is computed when it is asked for.
pub struct Opened {
    pub db: Database,
    pub project: db::Project,
    pub files: Vec<SourceFile>,
    pub runs: interpret::Settings,
    outside: emr_project::Project,
}

/// The project in a folder below the root of ours, such as `examples/admission`.
pub fn project(folder: &str) -> Opened {
    open(&Disk, &root().join(folder))
}

/// The examples that run without any package, each with its map and the code of the messages that it takes.
const EXAMPLES: [(&str, &str, &str); 4] = [
    ("examples/admission", "admission.admission", "ADT"),
    ("examples/results", "results.lab_result", "ORU"),
    ("examples/inpatient", "inpatient.admission", "ADT"),
    ("examples/laboratory", "laboratory.lab_result", "ORU"),
];

pub fn examples() -> Vec<(&'static str, Map)> {
    EXAMPLES.map(|(folder, key, _)| (folder, project(folder).map(key))).into()
}

/// The code of the messages that an example takes, in MSH-9.1.
pub fn kind(example: &str) -> &'static str {
    EXAMPLES.iter().find(|(folder, ..)| *folder == example).map_or("", |(.., kind)| kind)
}

/// Our own messages of the kind that an example takes.
pub fn fitting(example: &str) -> Vec<(String, Vec<u8>)> {
    let kind = kind(example).as_bytes();
    let mut messages = own();
    messages.retain(|(_, message)| message.windows(kind.len()).any(|bytes| bytes == kind));
    messages
}

/// A project of one module.
pub fn module(text: &str) -> Opened {
    let path = Path::new("main.emr");
    open(&[(path.to_owned(), text.as_bytes().to_vec())].into_iter().collect::<std::collections::BTreeMap<_, _>>(), path)
}

/// Packages are looked for beside the project alone, so that a user's own do not change what tests see.
pub fn open(files: &impl Files, path: &Path) -> Opened {
    let read = emr_project::open(files, path, None).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    let db = Database::default();
    let (project, files) = read.load(&db);
    let zone = read.manifest.timezone.as_ref().map(|zone| Zone::named(&zone.value).unwrap());
    Opened {
        db,
        project,
        files,
        runs: interpret::Settings { zone, secrets: Secrets::of_tests(), ..interpret::Settings::default() },
        outside: read,
    }
}

impl Opened {
    /// All that is wrong, as a terminal shows it; paths count from the root of ours.
    pub fn rendered(&self) -> String {
        let settings = self.outside.settings.iter().map(|source| (source, Vec::new()));
        let modules = self.outside.modules.iter().zip(&self.files);
        let modules =
            modules.map(|(module, &file)| (&module.source, db::diagnostics(&self.db, self.project, file).to_vec()));
        let show = |(source, found): (&Source, Vec<Diagnostic>)| {
            let path = source.path.strip_prefix(root()).unwrap_or(&source.path).display().to_string();
            render(&path, &source.text, &[source.problems.clone(), found].concat(), false)
        };
        settings.chain(modules).map(show).collect()
    }

    /// A map by its key, such as `admission.admission`, ready to run.
    pub fn map(&self, key: &str) -> Map {
        self.planned(key, db::plan(&self.db, self.project, key.to_owned()).clone())
    }

    /// The same, which also tells where what it writes comes from.
    pub fn traced(&self, key: &str) -> Map {
        self.planned(key, db::traced_plan(&self.db, self.project, key.to_owned()).clone())
    }

    /// The same, which also tells all the rules on the way: for the interpreter.
    pub fn explained(&self, key: &str) -> Map {
        self.planned(key, db::explained_plan(&self.db, self.project, key.to_owned()).clone())
    }

    /// The same, which also counts the ways that are taken: for the interpreter.
    pub fn covered(&self, key: &str) -> Map {
        self.planned(key, db::covered_plan(&self.db, self.project, key.to_owned()).clone())
    }

    fn planned(&self, key: &str, plan: Option<Arc<Plan>>) -> Map {
        let plan = plan.unwrap_or_else(|| panic!("{key} has no plan:\n{}", self.rendered()));
        Map { plan, runs: self.runs.clone() }
    }
}

/// A plan with what its runs know.
#[derive(Clone)]
pub struct Map {
    pub plan: Arc<Plan>,
    pub runs: interpret::Settings,
}

/// Shared by all that read resources.
static FHIR: LazyLock<Fhir> = LazyLock::new(Fhir::r4);

impl Map {
    /// Whether it takes resources of FHIR, and not messages.
    pub fn takes_resources(&self) -> bool {
        self.plan.takes.iter().any(|take| matches!(take, Take::Resource(_)))
    }

    /// A resource as the map takes it; what is none, or one of another type, is no message either.
    pub fn resource(&self, bytes: &[u8]) -> Result<Json, Unreadable> {
        let (resource, _) = validate::sound(bytes, &FHIR).map_err(|_| Unreadable::NoHeader)?;
        let name = resource.resource_type().unwrap_or_default();
        let takes = |take: &Take| matches!(take, Take::Resource(wanted) if wanted == name || wanted == "Resource");
        if self.plan.takes.iter().any(takes) { Ok(resource) } else { Err(Unreadable::NoHeader) }
    }

    pub fn run(&self, message: &[u8]) -> Result<Outcome, Unreadable> {
        if self.takes_resources() {
            let resource = self.resource(message)?;
            return interpret::run_resource(&self.plan, &resource, &self.runs).ok_or(Unreadable::NoHeader);
        }
        let message = Message::read(message, &emr_message::Settings::default())?;
        Ok(interpret::run(&self.plan, &message, &self.runs))
    }

    /// What it writes, if anything.
    pub fn transform(self) -> Box<Transform> {
        Box::new(move |message| self.run(message).ok()?.result.ok())
    }
}
