//! Text as it is while somebody types: many beginnings of the examples go through the parser and the whole checker.
//!
//! A debug build takes minutes for all of them: `src/bin/beginnings.rs` leaves none out.

use crate::beginnings::{EXAMPLES, HEAD, check, ends, in_trees, texts};
use crate::corpus::root;
use crate::pipeline;
use emr_compiler::db;
use emr_compiler::diagnostic::Code;
use emr_compiler::syntax;
use std::fs;

/// How far the beginnings lie apart. Primes, so that words are cut at different letters.
const STEP_PARSED: usize = 23;
const STEP_CHECKED: usize = 61;

#[test]
fn a_beginning_of_an_item_is_in_its_tree() {
    let texts = texts();
    let count: usize = std::thread::scope(|scope| {
        let started: Vec<_> = texts.iter().map(|(path, text)| scope.spawn(|| items_in_trees(path, text))).collect();
        started.into_iter().map(|it| it.join().unwrap()).sum()
    });
    assert!(count > 1_000);
    println!("{count} beginnings were parsed");
}

/// The items of a file are read one by one, so a beginning of a file has whole items that are always the same, and one
/// that is cut off.
fn items_in_trees(path: &str, text: &str) -> usize {
    syntax::items(text).into_iter().map(|item| in_trees(path, &text[item], STEP_PARSED)).sum()
}

#[test]
fn a_beginning_of_the_examples_hides_nothing_beside_it() {
    let count: usize = std::thread::scope(|scope| {
        let started = EXAMPLES.map(|example| scope.spawn(move || check(example, STEP_CHECKED)));
        started.into_iter().map(|it| it.join().unwrap()).sum()
    });
    println!("{count} beginnings were checked");
}

#[test]
fn a_short_module_is_checked_at_each_byte() {
    let whole = fs::read_to_string(root().join("tests/cases/typing.emr")).unwrap();
    let mut opened = pipeline::module(&whole);
    assert_eq!(opened.rendered(), "", "the text to type is wrong itself");
    let file = opened.files[0];
    for end in ends(&whole) {
        opened.db.edit(file, format!("{HEAD}{}", &whole[..end]));
        let problems = db::diagnostics(&opened.db, opened.project, file);
        assert!(problems.iter().any(|it| it.code == Code::UnknownElement), "nothing seen up to {end}");
    }
}
