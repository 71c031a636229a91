//! Mappings that nobody wrote in good faith: each is refused with its place, in a time and memory that are bounded.

use emr_compiler::db::{self, Database, Settings};
use emr_compiler::diagnostic::{Code, Diagnostic};
use emr_compiler::standard::Standards;
use emr_compiler::syntax::TEXT_MAX;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// What is said of modules, each by its name.
fn said(modules: &[(String, String)]) -> Vec<Diagnostic> {
    let db = Database::default();
    let open = |(name, text): &(String, String)| db.open(name, &format!("{name}.emr"), text.clone());
    let files: Vec<_> = modules.iter().map(open).collect();
    let project = db.project(files.clone(), Settings::default(), Standards::embedded());
    let mut found = Vec::new();
    for file in files {
        for diagnostic in db::diagnostics(&db, project, file) {
            assert!(file.text(&db).get(diagnostic.at.clone()).is_some(), "{diagnostic:?} has no place");
            found.push(diagnostic.clone());
        }
    }
    found
}

fn of_one(text: &str) -> Vec<Diagnostic> {
    said(&[("main".to_owned(), text.to_owned())])
}

#[test]
fn brackets_within_brackets_without_end_are_refused() {
    for (open, close) in [("(", ")"), ("[", "]"), ("{", "}"), ("x: {", "}"), ("f(", ")"), ("match { a => ", " }")] {
        for close in [close, ""] {
            let text = format!(
                "map m(PID) -> Patient {{\n    name: {}PID-5{}\n}}\n",
                open.repeat(100_000),
                close.repeat(100_000)
            );
            let found = of_one(&text);
            assert!(found.iter().any(|it| it.code == Code::Unreadable || it.code == Code::HalfTyped), "{open}{close}");
            assert!(found.len() < 100, "{open}{close}: {} problems", found.len());
        }
    }
}

#[test]
fn modules_and_maps_that_go_round_in_a_circle_are_refused() {
    const COUNT: usize = 300;
    let module = |number: usize| {
        let next = (number + 1) % COUNT;
        let text = format!("use m{next}.{{f{next}}}\n\nmap f{number}(XPN) -> string? = f{next}(XPN)\n");
        (format!("m{number}"), text)
    };
    let found = said(&(0..COUNT).map(module).collect::<Vec<_>>());
    assert_eq!(found.len(), COUNT);
    assert!(found.iter().all(|it| it.code == Code::Recursive));
}

#[test]
fn constants_and_feeds_that_need_themselves_are_refused() {
    let lets: String = (0..300).map(|it| format!("let c{it} = c{}\n", (it + 1) % 300)).collect();
    let found = of_one(&lets);
    assert_eq!((found.len(), found.iter().all(|it| it.code == Code::Unreadable)), (300, true));
    let lets: String = (0..20).map(|it| format!("let c{it} = c{}\n", (it + 1) % 20)).collect();
    assert!(of_one(&lets).iter().any(|it| it.code == Code::Recursive));
    // A row of them without a circle ends somewhere too.
    let lets: String = (1..5_000).map(|it| format!("let c{it} = c{}\n", it - 1)).collect();
    let found = of_one(&(lets + "let c0 = 1\n"));
    assert_eq!(found.iter().filter(|it| it.code == Code::Unreadable).count(), 5_000 - 32);
    let feeds: String =
        (0..300).map(|it| format!("feed f{it} = f{} with {{ answer: \"stored\" }}\n", (it + 1) % 300)).collect();
    let found = of_one(&feeds);
    assert_eq!((found.len(), found.iter().all(|it| it.code == Code::Recursive)), (300, true));
}

#[test]
fn what_is_no_text_is_refused_where_it_stops_being_one() {
    let mut files: BTreeMap<PathBuf, Vec<u8>> = BTreeMap::new();
    files.insert("main.emr".into(), b"map m(PID) -> Patient { name: PID-5 } // \xff\xfe".to_vec());
    let project = emr_project::open(&files, Path::new("main.emr"), None).unwrap();
    let problems: Vec<_> = project.modules.iter().flat_map(|it| &it.source.problems).collect();
    assert_eq!(problems.iter().map(|it| (it.code, it.at.clone())).collect::<Vec<_>>(), [(Code::Unreadable, 41..41)]);
}

#[test]
fn characters_that_turn_the_direction_are_refused_wherever_they_stand() {
    for turned in ['\u{202A}', '\u{202E}', '\u{2066}', '\u{2069}'] {
        for text in [
            "map pati#ent(PID) -> Patient { name: PID-5 }",
            "let a = \"#b\"",
            "// a # comment\nlet b = 1",
            "let c = 'x#'",
        ] {
            let at = text.find('#').unwrap();
            let found = of_one(&text.replace('#', &turned.to_string()));
            let place = found.iter().find(|it| it.code == Code::HiddenDirection).map(|it| it.at.start);
            assert_eq!(place, Some(at), "{text}");
        }
    }
    // The direction of a word is part of how it is written: Arabic and Hebrew names stay as they are.
    assert_eq!(of_one("let name = \"\u{645}\u{62d}\u{645}\u{62f}\u{200f}\""), []);
}

#[test]
fn a_text_of_ten_megabytes_is_not_read() {
    let line = "map m(PID) -> Patient { name: PID-5 }\n";
    let text = line.repeat(10_000_000 / line.len());
    assert_eq!(of_one(&text).iter().map(|it| it.code).collect::<Vec<_>>(), [Code::TooLarge]);
    let files = BTreeMap::from([(PathBuf::from("main.emr"), text.into_bytes())]);
    let project = emr_project::open(&files, Path::new("main.emr"), None).unwrap();
    let module = project.modules.first().unwrap();
    assert_eq!(module.source.problems.iter().map(|it| it.code).collect::<Vec<_>>(), [Code::TooLarge]);
    assert!(module.source.text.is_empty());
    // One that is just not too long is read.
    assert_eq!(of_one(&format!("let a = \"{}\"", "x".repeat(TEXT_MAX - 100))), []);
}
