//! The examples as they are while somebody types: cut off at any letter, between two declarations with a mistake each.

use crate::corpus::{files, root};
use crate::pipeline;
use emr_compiler::db;
use emr_compiler::diagnostic::Code;
use emr_compiler::syntax::cst;
use std::fs;
use std::panic::{AssertUnwindSafe, catch_unwind};

/// Mistakes to be seen however the text between them ends.
pub const HEAD: &str = "map mistaken(PID) -> Patient { birthdate: PID-7 }\n\n";
pub const TAIL: &str = "\n\nmap mistaken_too(PID) -> Patient { birthdate: PID-7 }\n";

/// The folders of the examples.
pub const EXAMPLES: [&str; 5] =
    ["examples/admission", "examples/results", "examples/us-core", "examples/inpatient", "examples/laboratory"];

/// The modules of the examples, each with its path from our root.
pub fn texts() -> Vec<(String, String)> {
    let all = EXAMPLES.iter().flat_map(|folder| files(&root().join(folder), &[".emr"]));
    all.map(|path| {
        let text = fs::read_to_string(&path).unwrap();
        (path.strip_prefix(root()).unwrap().display().to_string(), text)
    })
    .collect()
}

/// Where the text can be cut, between any two letters, its start and its end included.
pub fn ends(text: &str) -> impl Iterator<Item = usize> {
    (0..=text.len()).filter(|&end| text.is_char_boundary(end))
}

/// Reads every `step`th beginning of a text. Panics with the place if one is not in its tree to the letter; gives the count.
pub fn in_trees(path: &str, text: &str, step: usize) -> usize {
    let read = |end| {
        let typed = &text[..end];
        let tree = catch_unwind(|| cst::file(typed).text().to_string());
        assert!(tree.is_ok_and(|tree| tree == typed), "{path}, {end} bytes of {text}");
    };
    ends(text).step_by(step).map(read).count()
}

/// Sends every `step`th beginning of the modules of an example through the whole checker, in one database as an editor
/// has it. Panics with the place if a mistake beside it is hidden, a diagnostic lies outside the text, or anything
/// panics; gives the count.
pub fn check(example: &str, step: usize) -> usize {
    let mut opened = pipeline::project(example);
    let mut count = 0;
    for file in opened.files.clone() {
        let whole = file.text(&opened.db).to_owned();
        let path = file.path(&opened.db).to_owned();
        for end in ends(&whole).step_by(step) {
            let typed = &whole[..end];
            let text = format!("{HEAD}{typed}{TAIL}");
            opened.db.edit(file, text.clone());
            let checked = || db::diagnostics(&opened.db, opened.project, file).to_vec();
            let problems = catch_unwind(AssertUnwindSafe(checked)).unwrap_or_else(|_| panic!("{path} up to {end}"));
            let mistakes = problems
                .iter()
                .filter(|it| it.code == Code::UnknownElement && text.get(it.at.clone()) == Some("birthdate"));
            let seen: Vec<_> = mistakes.map(|it| it.at.start).collect();
            assert!(seen.first().is_some_and(|at| *at < HEAD.len()), "{path} up to {end} hides the mistake before it");
            let shown = seen.last().is_some_and(|at| *at >= HEAD.len() + end);
            assert!(shown || in_lines(typed), "{path} up to {end} hides the mistake behind it");
            for problem in &problems {
                assert!(text.get(problem.at.clone()).is_some(), "{path} up to {end}: {problem:?} lies outside");
            }
            count += 1;
        }
        opened.db.edit(file, whole);
    }
    count
}

/// Whether the text ends inside of `'''`: what follows it is a message, and no declaration.
fn in_lines(typed: &str) -> bool {
    typed.matches("'''").count() % 2 == 1
}
