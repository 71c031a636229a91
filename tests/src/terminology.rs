//! Code systems that a project brings: what is checked by them, and what is said where nothing is known.

use crate::pipeline;
use emr_compiler::db;
use emr_compiler::diagnostic::Code;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

fn open(files: &[(&str, &str)]) -> pipeline::Opened {
    let files: BTreeMap<PathBuf, Vec<u8>> =
        files.iter().map(|(path, text)| (path.into(), text.as_bytes().to_vec())).collect();
    pipeline::open(&files, Path::new(""))
}

#[test]
fn a_system_that_nothing_is_known_of_is_named_once() {
    let one = "let lab = \"http://x.org/lab\"\nmap a(PID) -> Coding? = lab#A\nmap b(PID) -> Coding? = lab#B\n";
    let two = "codes C to loinc { \"1\" => \"718-7\" }\nmap c(PID) -> Coding? = loinc#718-7\nmap d(PID) -> Coding? = ucum#mg\n";
    let three = "map e(PID) -> Coding? = loinc#718-7\nmap f(PID) -> Coding? = language_tag#de\n";
    let opened = open(&[("one.emr", one), ("three.emr", three), ("two.emr", two)]);
    assert_eq!(opened.rendered(), "", "nothing is wrong with the modules");
    let found = db::unchecked(&opened.db, opened.project, &opened.files);
    let found: Vec<_> = found.iter().map(|(file, it)| (*file, it.at.start, it.message.as_str())).collect();
    let lab = (0, one.find("A\n").unwrap(), "codes of `http://x.org/lab` could not be checked");
    let loinc = (1, three.find("718").unwrap(), "codes of `http://loinc.org` could not be checked");
    assert_eq!(found, [lab, loinc]);
    let known = r#"{ "resourceType": "CodeSystem", "url": "http://x.org/lab", "content": "complete",
        "concept": [{ "code": "A", "display": "Alpha", "designation": [{ "value": "Alfa" }] }, { "code": "B" }] }"#;
    let named = one.to_owned() + "map g(PID) -> Coding? = lab#A \"Alfa\"\nmap h(PID) -> Coding? = lab#A \"Beta\"\n";
    let opened = open(&[("emr.toml", "[terminology]\nlab = \"lab.json\"\n"), ("lab.json", known), ("one.emr", &named)]);
    assert_eq!(db::unchecked(&opened.db, opened.project, &opened.files), []);
    let found = db::diagnostics(&opened.db, opened.project, opened.files[0]);
    let [found] = found else { panic!("{}", opened.rendered()) };
    assert_eq!(
        (found.code, found.message.as_str()),
        (Code::WrongDisplay, "`A` is not called `Beta` in `http://x.org/lab`")
    );
}
