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

/// A file of more than 4 MiB is no part of a repository; `ill_meant` makes one. What is not known of code systems is said
/// of the project as a whole; `terminology` has a test of it.
const ELSEWHERE: &[Code] = &[Code::TooLarge, Code::Unchecked];

/// All of them can stand beside others; what is shown alone stands in `compiler/cli/tests/commands/ending.md`.
#[test]
fn every_code_is_in_that_run() {
    let shown = pipeline::project("tests/cases/diagnostics/all").rendered();
    let all = Code::ALL.iter().filter(|code| !ELSEWHERE.contains(code));
    let unseen: Vec<_> = all.filter(|code| !shown.contains(&format!("[{}]", code.text()))).collect();
    assert!(unseen.is_empty(), "{unseen:?} are not in `diagnostics/all`");
}
