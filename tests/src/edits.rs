//! Typing in one map of a large project: what of it is asked again.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use emr_compiler::db::{self, Database, Project, Settings, SourceFile};
use emr_compiler::diagnostic::Diagnostic;
use emr_compiler::standard::Standards;

use crate::project::Module;

/// A project that is open as an editor has it, and the queries that ran since they were last looked at.
pub struct Editor {
    db: Database,
    project: Project,
    files: Vec<SourceFile>,
    ran: Arc<Mutex<Vec<String>>>,
}

impl Editor {
    pub fn open(modules: &[Module]) -> Editor {
        let ran = Arc::new(Mutex::new(Vec::new()));
        let log = Arc::clone(&ran);
        let db = Database::watched(move |query| log.lock().unwrap().push(query));
        let open = |module: &Module| db.open(&module.name, &format!("{}.emr", module.name), module.text.clone());
        let files: Vec<SourceFile> = modules.iter().map(open).collect();
        let settings = Settings { timezone: Some("Europe/Zurich".to_owned()), ..Settings::default() };
        let project = db.project(files.clone(), settings, Standards::embedded());
        Editor { db, project, files, ran }
    }

    /// All that is said of the project.
    pub fn check(&self) -> Vec<Diagnostic> {
        self.files.iter().flat_map(|&file| db::diagnostics(&self.db, self.project, file).to_vec()).collect()
    }

    /// Puts other text into the place of the first that reads so.
    pub fn replace(&mut self, module: usize, old: &str, new: &str) {
        let file = self.files[module];
        let text = file.text(&self.db).to_owned();
        assert!(text.contains(old), "there is no `{old}`");
        self.db.edit(file, text.replacen(old, new, 1));
    }

    /// How often each query ran since this was last asked, by its name.
    pub fn ran(&self) -> BTreeMap<String, usize> {
        let mut counted = BTreeMap::new();
        for query in self.ran.lock().unwrap().drain(..) {
            let name = query.split('(').next().unwrap_or_default().to_owned();
            *counted.entry(name).or_default() += 1;
        }
        counted
    }
}

/// What stands in the map of a patient, and what somebody makes of it.
pub const EDIT: (&str, &str) = ("birthDate:", "birthDate :");

/// The first module that has it.
pub fn edited(modules: &[Module]) -> usize {
    modules.iter().position(|module| module.text.contains(EDIT.0)).unwrap()
}

#[cfg(test)]
mod tests {
    use super::{EDIT, Editor, edited};
    use crate::project;

    const MODULES: usize = 60;

    #[test]
    fn typing_in_one_map_asks_nothing_of_the_others() {
        let modules = project::write(MODULES, 1);
        let mut editor = Editor::open(&modules);
        let before = editor.check();
        let cold = editor.ran();
        assert!(cold["checked"] > 1_000, "{cold:?}");

        editor.replace(edited(&modules), EDIT.0, EDIT.1);
        assert_eq!(editor.check().len(), before.len());
        let warm = editor.ran();
        for once in ["parsed", "items", "checked", "signature", "diagnostics", "promises"] {
            assert_eq!(warm[once], 1, "{once}: {warm:?}");
        }
        assert!(warm.values().sum::<usize>() <= 20, "{warm:?}");

        editor.check();
        assert!(editor.ran().is_empty(), "nothing was edited");
    }

    #[test]
    fn what_a_map_takes_is_asked_again_of_those_that_call_it() {
        let modules = project::write(MODULES, 1);
        let mut editor = Editor::open(&modules);
        let before = editor.check().len();
        editor.ran();
        editor.replace(edited(&modules), "map patient(PID)", "map patient(PID, other: NK1)");
        assert!(editor.check().len() > before, "the callers give one value too few");
        let warm = editor.ran();
        assert!((2..20).contains(&warm["checked"]), "{warm:?}");
    }
}
