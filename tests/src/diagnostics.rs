//! All that can be wrong, shown as a terminal shows it.

use crate::corpus::{files, root};
use crate::pipeline;
use emr_compiler::diagnostic::Code;
use std::fs;

#[test]
fn everything_that_can_be_wrong_is_shown_in_one_run() {
    insta::assert_snapshot!(pipeline::project("tests/cases/diagnostics/all").rendered());
}

#[test]
fn broken_neighbours_do_not_hide_each_other() {
    let mut shown = String::new();
    for path in files(&root().join("tests/cases/diagnostics/pairs"), &[".emr"]) {
        let text = fs::read_to_string(&path).unwrap();
        shown += &pipeline::module(&text).rendered().replace("main.emr", &path.file_name().unwrap().to_string_lossy());
    }
    insta::assert_snapshot!(shown);
}

#[test]
fn every_code_is_seen_in_a_golden_or_shown_on_its_page() {
    let goldens = ["compiler", "tests"].map(|folder| files(&root().join(folder), &[".snap"]));
    let shown: String = goldens.iter().flatten().map(|path| fs::read_to_string(path).unwrap()).collect();
    let seen = |code: &Code| shown.contains(code.text()) || code.page().contains("```emr");
    let unseen: Vec<_> = Code::ALL.iter().filter(|code| !seen(code)).collect();
    assert!(unseen.is_empty(), "{unseen:?} are seen nowhere");
}
