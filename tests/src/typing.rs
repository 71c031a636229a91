//! Text as it is while somebody types: every beginning of the examples goes through the whole checker.

use crate::corpus::root;
use crate::pipeline;
use emr_compiler::db;
use emr_compiler::diagnostic::Code;
use std::fs;
use std::panic::{AssertUnwindSafe, catch_unwind};

/// A mistake at the head of a file, to be seen however the rest of it ends.
const MISTAKE: &str = "map mistaken(PID) -> Patient { birthdate: PID-7 }\n\n";

/// Checking is quick and the examples are long: of every text about this many beginnings are tried.
const BEGINNINGS: usize = 60;

#[test]
fn every_beginning_of_the_examples_is_checked_to_its_end() {
    let mut count = 0;
    for example in ["examples/admission", "examples/results"] {
        let mut opened = pipeline::project(example);
        for index in 0..opened.files.len() {
            let file = opened.files[index];
            let whole = file.text(&opened.db).to_owned();
            for end in beginnings(&whole) {
                let text = format!("{MISTAKE}{}", &whole[..end]);
                opened.db.edit(file, text);
                let path = file.path(&opened.db).to_owned();
                let checked = || db::diagnostics(&opened.db, opened.project, file).to_vec();
                let problems = catch_unwind(AssertUnwindSafe(checked)).unwrap_or_else(|_| panic!("{path} up to {end}"));
                let seen = problems.iter().any(|it| it.code == Code::UnknownElement && it.at.end < MISTAKE.len());
                assert!(seen, "{path} up to {end} hides the mistake at its head: {problems:?}");
                for problem in &problems {
                    assert!(problem.at.end <= MISTAKE.len() + end, "{path} up to {end}: {problem:?} lies beyond");
                }
                count += 1;
            }
            opened.db.edit(file, whole);
        }
    }
    println!("{count} beginnings were checked");
}

/// Places spread over the text, on letters' borders; each run of the test takes the same.
fn beginnings(text: &str) -> Vec<usize> {
    let step = (text.len() / BEGINNINGS).max(1);
    // A step that shares no factor with the length of lines meets tokens at different places.
    (0..=text.len()).step_by(step | 1).filter(|&end| text.is_char_boundary(end)).collect()
}

#[test]
fn a_short_module_is_checked_at_each_byte() {
    let whole = fs::read_to_string(root().join("tests/cases/typing.emr")).unwrap();
    let mut opened = pipeline::module(&whole);
    assert_eq!(opened.rendered(), "", "the text to type is wrong itself");
    let file = opened.files[0];
    for end in (0..=whole.len()).filter(|&end| whole.is_char_boundary(end)) {
        opened.db.edit(file, format!("{MISTAKE}{}", &whole[..end]));
        let problems = db::diagnostics(&opened.db, opened.project, file);
        assert!(problems.iter().any(|it| it.code == Code::UnknownElement), "nothing seen up to {end}");
    }
}
