//! What is remembered when a text changes.

use emr_compiler::db::{self, Database, Settings};
use emr_compiler::standard::Standards;
use std::sync::mpsc::channel;

const TEXT: &str =
    "map one(PID) -> Patient {\n    birthDate: PID-7\n}\nmap two(PID) -> Patient {\n    birthDate: PID-7\n}\n";

#[test]
fn moving_a_map_does_not_check_it_again() {
    assert_eq!(checked_again_after(&format!("// a new first line\n{TEXT}")), 0);
}

#[test]
fn typing_in_a_map_checks_that_map() {
    assert_eq!(checked_again_after(&TEXT.replacen("PID-7", "PID-33", 1)), 1);
}

#[test]
fn typing_in_one_file_checks_nothing_of_another() {
    let (ran, log) = channel();
    let mut db = Database::watched(move |query| ran.send(query).unwrap());
    let north = db.open("north", "north.emr", TEXT.to_owned());
    let south = db.open("south", "south.emr", "use north.{one}\n\nmap three(PID) -> Patient = one(PID)\n".to_owned());
    let project = db.project(vec![north, south], Settings::default(), Standards::embedded());
    db::diagnostics(&db, project, south);
    log.try_iter().for_each(drop);
    // Of `one` they need to know; of what stands beside it, nothing.
    db.edit(
        north,
        TEXT.replace(
            "map two(PID) -> Patient {\n    birthDate: PID-7",
            "map two(PID) -> Patient {\n    birthDate: PID-33",
        ),
    );
    db::diagnostics(&db, project, south);
    assert_eq!(log.try_iter().filter(|query| query.starts_with("checked")).count(), 0);
}

fn checked_again_after(text: &str) -> usize {
    let (ran, log) = channel();
    let mut db = Database::watched(move |query| ran.send(query).unwrap());
    let file = db.open("main", "main.emr", TEXT.to_owned());
    let project = db.project(vec![file], Settings::default(), Standards::embedded());
    db::diagnostics(&db, project, file);
    let checks =
        |log: &std::sync::mpsc::Receiver<String>| log.try_iter().filter(|it| it.starts_with("checked")).count();
    assert!(checks(&log) >= 2);
    db.edit(file, text.to_owned());
    db::diagnostics(&db, project, file);
    checks(&log)
}
