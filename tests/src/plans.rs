//! Every plan that a test looks at: those of the small cases, and those of the examples.

use std::fs;
use std::sync::{Arc, LazyLock};

use emr_compiler::db::{self, Database, SourceFile};
use emr_compiler::plan::Plan;
use emr_compiler::standard::Standards;

use crate::corpus::{files, root};
use crate::pipeline;

/// Each with the file of its case and its name. Made once, since that takes a while.
pub fn all() -> &'static [(String, Arc<Plan>)] {
    static ALL: LazyLock<Vec<(String, Arc<Plan>)>> = LazyLock::new(made);
    &ALL
}

fn made() -> Vec<(String, Arc<Plan>)> {
    let standards = Standards::embedded();
    let mut found = Vec::new();
    for folder in ["compiler/core/src/lower/cases", "tests/cases/language"] {
        for path in files(&root().join(folder), &[".emr"]) {
            let case = path.file_stem().unwrap().to_string_lossy().into_owned();
            let text = fs::read_to_string(&path).unwrap();
            found.extend(plans(&text, &standards).into_iter().map(|plan| (format!("{case}: {}", plan.name), plan)));
        }
    }
    let examples = pipeline::examples().into_iter();
    found.extend(examples.map(|(example, map)| (format!("{example}: {}", map.plan.name), map.plan)));
    found
}

/// The plans of a case; none where it is one of what the compiler refuses.
fn plans(case: &str, standards: &Standards) -> Vec<Arc<Plan>> {
    // What follows is messages, in the one way or the other.
    let text = case.split("\n--- ").next().unwrap();
    let mut modules = vec![("main.emr", String::new())];
    for line in text.lines() {
        match line.strip_prefix("// --- ") {
            Some(name) => modules.push((name, String::new())),
            None => modules.last_mut().unwrap().1 += &format!("{line}\n"),
        }
    }
    modules.retain(|(name, _)| *name != "message");
    let db = Database::default();
    let open = |(name, text): (&str, String)| db.open(&name.trim_end_matches(".emr").replace('/', "."), name, text);
    let files: Vec<SourceFile> = modules.into_iter().map(open).collect();
    let settings = db::Settings { timezone: Some("Europe/Zurich".into()), ..Default::default() };
    let project = db.project(files.clone(), settings, standards.clone());
    let maps = files.into_iter().flat_map(|file| db::maps(&db, project, file));
    maps.filter_map(|map| db::plan(&db, project, map.key.to_string()).clone()).collect()
}
