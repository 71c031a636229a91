//! A project in the compiler's hands, for the commands that check, run or test it.

use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};

use emr_compiler::db::{self, Database, SourceFile};
use emr_compiler::diagnostic::{Diagnostic, Severity};
use emr_compiler::plan::{Plan, Rule};
use emr_compiler::syntax;
use emr_project::{Disk, Project, Source};
use emr_runtime::connector::tls::Secrets;
use emr_runtime::host::{Artifact, Loaded};

use crate::end::End;
use crate::engine;
use crate::secrets::Vault;

/// How much is done to a plan before it runs; the results do not depend on it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, clap::ValueEnum)]
pub enum Opt {
    /// Nothing: it says what the text says, step by step
    None,
    /// All that makes it faster
    #[default]
    Speed,
}

/// What a call chooses before `emr.toml`.
#[derive(Clone, Debug, Default, clap::Args)]
pub struct Chosen {
    /// The zone of times without an offset, before that of `emr.toml`: Europe/Zurich
    #[arg(long, value_name = "ZONE")]
    pub timezone: Option<String>,
    /// The environment of `emr.toml` that the run is of: what `env("…")` gives
    #[arg(long, value_name = "NAME")]
    pub env: Option<String>,
}

pub struct World {
    pub db: Database,
    /// In the order of the project's modules.
    pub files: Vec<SourceFile>,
    pub inside: db::Project,
    pub outside: Project,
    pub opt: Opt,
    /// What maps are made with beside messages.
    pub secrets: Secrets,
    /// Maps that were compiled before.
    built: Option<Arc<Artifact>>,
}

impl World {
    pub fn open(path: &Path, chosen: &Chosen) -> Result<World, End> {
        let mut outside = emr_project::open(&Disk, path, emr_project::packages::cache().as_deref())?;
        if let Some(zone) = &chosen.timezone {
            outside.set_timezone(zone);
        }
        if let Some(name) = &chosen.env
            && !outside.choose_environment(name)
        {
            let known: Vec<_> = outside.manifest.environments.keys().map(|name| format!("`{name}`")).collect();
            let known = if known.is_empty() { "none".to_owned() } else { known.join(", ") };
            return Err(End::Call(format!("`emr.toml` has no environment `{name}`; it has {known}")));
        }
        let db = Database::default();
        let (inside, files) = outside.load(&db);
        let secrets = Vault::default().secrets();
        Ok(World { db, files, inside, outside, opt: Opt::default(), secrets, built: None })
    }

    /// The same with what `emr build` wrote, if that is said: a map that is still what it was need not be compiled again.
    pub fn with(self, artifact: Option<&Path>) -> Result<World, End> {
        let built = artifact.map(engine::artifact).transpose()?;
        Ok(World { built, ..self })
    }

    /// The same, with secrets from there.
    pub fn trusting(self, vault: &Vault) -> World {
        World { secrets: vault.secrets(), ..self }
    }

    /// What is wrong with each file that was asked about, its settings first.
    pub fn problems(&self) -> Vec<(&Source, Vec<Diagnostic>)> {
        let settings = self.outside.settings.iter().map(|it| (it, it.problems.clone()));
        let all = self.outside.modules.iter().zip(&self.files);
        let shown = all.filter(|(module, _)| self.outside.only.is_none() || self.outside.is_asked(module));
        let (modules, files): (Vec<_>, Vec<_>) = shown.map(|(module, &file)| (module, file)).unzip();
        let mut apart = db::unchecked(&self.db, self.inside, &files);
        let is_own = |place: &usize| modules.get(*place).is_some_and(|module| !module.of_dependency);
        let unreached = db::unreached(&self.db, self.inside, &files);
        apart.extend(unreached.into_iter().filter(|(place, _)| is_own(place)));
        let modules = modules.into_iter().zip(files).enumerate().map(|(place, (module, file))| {
            let source = &module.source;
            let apart = apart.iter().filter(|(at, _)| *at == place).map(|(_, found)| found);
            let found = db::diagnostics(&self.db, self.inside, file).iter().chain(apart);
            let mut all: Vec<_> = source.problems.iter().chain(found).cloned().collect();
            all.sort_by_key(|it| it.at.start);
            (source, all)
        });
        settings.chain(modules).collect()
    }

    /// Ends the command if something is wrong anywhere in the project, and shows what. Warnings are `emr check`'s.
    pub fn sound(&self) -> Result<(), End> {
        let mut wrong = false;
        for (source, mut problems) in self.problems() {
            problems.retain(|it| it.severity() == Severity::Error);
            wrong |= !problems.is_empty();
            crate::check::show(source, &problems);
        }
        if wrong { Err(End::Wrong) } else { Ok(()) }
    }

    /// The modules that the call is about.
    pub fn asked(&self) -> impl Iterator<Item = (&Source, SourceFile)> {
        let all = self.outside.modules.iter().zip(&self.files);
        all.filter(|(module, _)| self.outside.is_asked(module)).map(|(module, file)| (&module.source, *file))
    }

    /// Whether a map of a sound project can run.
    pub fn runs(&self, key: &str) -> bool {
        db::runs(&self.db, self.inside, key)
    }

    /// The plan of a map, by its key.
    pub fn plan(&self, key: &str) -> Option<Arc<Plan>> {
        plan(&self.db, self.inside, self.opt, key)
    }

    /// `patient.emr:12`, for a rule of a plan.
    pub fn place(&self, rule: &Rule) -> String {
        place(&self.db, self.inside, rule)
    }

    pub fn shared(&self) -> Arc<Shared> {
        let (inside, opt, built) = (self.inside, self.opt, self.built.clone());
        Arc::new(Shared { db: Mutex::new(self.db.clone()), inside, opt, built })
    }
}

/// What threads ask of a project while they map, one at a time.
pub struct Shared {
    db: Mutex<Database>,
    inside: db::Project,
    opt: Opt,
    built: Option<Arc<Artifact>>,
}

impl Shared {
    pub fn plan(&self, key: &str) -> Option<Arc<Plan>> {
        self.ask(|db| plan(db, self.inside, self.opt, key))
    }

    /// The machine code of a map that was made before of the same plan.
    pub fn built(&self, key: &str, plan: &Plan) -> Option<Loaded> {
        let artifact = self.built.as_ref()?;
        let map = artifact.index().maps.iter().find(|map| map.name == key)?;
        if artifact.plan(map) == plan.stored() { artifact.program(map).ok() } else { None }
    }

    /// Where each rule stands.
    pub fn places(&self, rules: &[Rule]) -> Vec<String> {
        self.ask(|db| rules.iter().map(|rule| place(db, self.inside, rule)).collect())
    }

    fn ask<T>(&self, question: impl FnOnce(&Database) -> T) -> T {
        question(&self.db.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

fn plan(db: &Database, project: db::Project, opt: Opt, key: &str) -> Option<Arc<Plan>> {
    match opt {
        Opt::None => db::plain_plan(db, project, key.to_owned()).clone(),
        Opt::Speed => db::plan(db, project, key.to_owned()).clone(),
    }
}

fn place(db: &Database, project: db::Project, rule: &Rule) -> String {
    let Some((file, start)) = db::place(db, project, &rule.function) else { return String::new() };
    format!("{}:{}", file.path(db), syntax::line(file.text(db), start + rule.at.start))
}
