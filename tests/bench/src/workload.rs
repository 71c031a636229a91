//! What is measured: a map, from its text through the whole compiler, and the messages for it.

use crate::corpus::Corpus;
use emr_compiler::db::{self, Database};
use emr_compiler::plan::{Plan, Step, interpret};
use emr_message::Zone;
use emr_message::identity::Origin;
use emr_project::Disk;
use std::path::Path;
use std::sync::Arc;

/// Which of the maps is carried out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Map {
    Admission,
    Results,
    Routing,
    Deidentified,
}

impl Map {
    /// As the compiler names it.
    pub fn key(self) -> &'static str {
        match self {
            Map::Admission => "admission.admission",
            Map::Results => "results.results",
            Map::Routing => "routing.routing",
            Map::Deidentified => "deidentified.deidentified",
        }
    }
}

pub struct Workload {
    /// `W1`
    pub name: &'static str,
    pub map: Map,
    pub plan: Arc<Plan>,
    pub settings: interpret::Settings,
    pub corpus: Corpus,
    /// The corpus is one file with all messages in it.
    pub is_batch: bool,
}

const NAMES: &[(&str, Map, bool)] = &[
    ("W1", Map::Admission, false),
    ("W2", Map::Results, false),
    ("W3", Map::Routing, false),
    ("W5", Map::Admission, true),
    ("W6", Map::Deidentified, false),
];

/// Those of the names, all if there are none.
pub fn all(wanted: &[String]) -> Result<Vec<Workload>, String> {
    if let Some(unknown) = wanted.iter().find(|it| NAMES.iter().all(|(name, ..)| name != it)) {
        return Err(format!("there is no workload `{unknown}`"));
    }
    let maps = Maps::open()?;
    let chosen = NAMES.iter().filter(|(name, ..)| wanted.is_empty() || wanted.iter().any(|it| it == name));
    chosen.map(|(name, map, is_batch)| maps.workload(name, *map, *is_batch)).collect()
}

/// The maps of the bench, checked.
pub struct Maps {
    db: Database,
    project: db::Project,
    settings: interpret::Settings,
}

impl Maps {
    pub fn open() -> Result<Maps, String> {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("maps");
        let outside = emr_project::open(&Disk, &folder, None).map_err(|why| why.to_string())?;
        let db = Database::default();
        let (project, files) = outside.load(&db);
        if files.iter().any(|&file| !db::diagnostics(&db, project, file).is_empty()) {
            return Err(format!("the maps do not compile: emr check {}", folder.display()));
        }
        let zone = outside.manifest.timezone.as_ref().and_then(|zone| Zone::named(&zone.value).ok());
        Ok(Maps { db, project, settings: interpret::Settings { zone, ..Default::default() } })
    }

    /// Made when it is first asked for.
    pub fn plan(&self, map: Map) -> Result<Arc<Plan>, String> {
        let key = map.key();
        db::plan(&self.db, self.project, key.to_owned()).clone().ok_or(format!("there is no map {key}"))
    }

    fn workload(&self, name: &'static str, map: Map, is_batch: bool) -> Result<Workload, String> {
        let plan = self.plan(map)?;
        let corpus = match (map, is_batch) {
            (Map::Results, _) => Corpus::results(),
            (_, true) => Corpus::batch(),
            (_, false) => Corpus::admissions(),
        };
        Ok(Workload { name, map, plan, settings: self.settings.clone(), corpus, is_batch })
    }
}

impl Workload {
    /// Where the map writes resources of the type. Who writes the same by hand needs it, for ids tell places apart.
    pub fn origin(&self, resource: &str) -> Option<Origin> {
        Some(Origin::new(resource, self.place(resource)?))
    }

    /// The same as the text that an id is made of.
    pub fn place(&self, resource: &str) -> Option<String> {
        let steps = self.plan.routines.iter().flat_map(|routine| &routine.body);
        let rule = steps.filter_map(|step| emitting(step, resource)).next()?;
        let rule = self.plan.rules.get(rule as usize)?;
        Some(format!("{}:{}", rule.function, rule.at.start))
    }
}

/// The rule of the step that emits such a resource, it or one inside it.
fn emitting(step: &Step, wanted: &str) -> Option<u32> {
    match step {
        Step::Emit { resource, rule, .. } if resource == wanted => Some(*rule),
        _ => step.blocks().into_iter().flatten().find_map(|step| emitting(step, wanted)),
    }
}
