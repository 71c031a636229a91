//! A project in the compiler's hands, for the commands that check, run or test it.

use std::path::Path;

use emr_compiler::db::{self, Database, SourceFile};
use emr_compiler::diagnostic::{Diagnostic, Severity};
use emr_project::{Disk, Project, Source};

use crate::end::End;

pub struct World {
    pub db: Database,
    /// In the order of the project's modules.
    pub files: Vec<SourceFile>,
    pub inside: db::Project,
    pub outside: Project,
}

impl World {
    /// `timezone` goes before that of `emr.toml`.
    pub fn open(path: &Path, timezone: Option<&str>) -> Result<World, End> {
        let mut outside = emr_project::open(&Disk, path, emr_project::packages::cache().as_deref())?;
        if let Some(zone) = timezone {
            outside.set_timezone(zone);
        }
        let db = Database::default();
        let (inside, files) = outside.load(&db);
        Ok(World { db, files, inside, outside })
    }

    /// What is wrong with each file that was asked about, its settings first.
    pub fn problems(&self) -> Vec<(&Source, Vec<Diagnostic>)> {
        let settings = self.outside.settings.iter().map(|it| (it, it.problems.clone()));
        let modules = self.asked().map(|(source, file)| {
            let found = db::diagnostics(&self.db, self.inside, file);
            (source, source.problems.iter().chain(found).cloned().collect())
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

    /// `patient.emr:12`, for a byte of an item.
    pub fn place(&self, key: &str, at: usize) -> String {
        let Some((file, start)) = db::place(&self.db, self.inside, key) else { return String::new() };
        let before = file.text(&self.db).get(..start + at).unwrap_or_default();
        format!("{}:{}", file.path(&self.db), before.matches('\n').count() + 1)
    }
}
