//! The edits that diagnostics carry: each repairs what it is for.

use crate::pipeline;
use emr_compiler::db;
use emr_compiler::diagnostic::{Code, Diagnostic};
use std::collections::BTreeSet;

#[test]
fn an_edit_that_a_diagnostic_carries_repairs_it() {
    let mut opened = pipeline::project("tests/cases/diagnostics/all");
    let mut repaired = BTreeSet::new();
    for &file in &opened.files.clone() {
        let text = file.text(&opened.db).to_owned();
        let path = file.path(&opened.db).to_owned();
        for problem in db::diagnostics(&opened.db, opened.project, file).to_vec() {
            let Some(fix) = &problem.fix else { continue };
            let like = |it: &&Diagnostic| it.code == problem.code && it.message == problem.message;
            let before = db::diagnostics(&opened.db, opened.project, file).iter().filter(like).count();
            opened.db.edit(file, fix.apply(&text));
            let still = db::diagnostics(&opened.db, opened.project, file).iter().filter(like).count();
            assert!(still < before, "{path}: {} {} is not repaired by {fix:?}", problem.code.text(), problem.message);
            opened.db.edit(file, text.clone());
            repaired.insert(problem.code);
        }
    }
    let codes: Vec<_> = repaired.iter().map(|code| code.text()).collect();
    println!("edits repair {codes:?}");
    for code in [Code::WrongPathSpelling, Code::UnknownElement, Code::UnknownName] {
        assert!(repaired.contains(&code), "no edit for {}", code.text());
    }
}
