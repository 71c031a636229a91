//! Both engines, from source and from an artifact: the same results and the same words.

#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "a test that cannot go on stops")]

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR")).ancestors().nth(2).unwrap()
}

fn emr(arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_emr")).args(arguments).current_dir(root()).output().unwrap()
}

/// Our own messages, and each with bytes changed at places that differ from turn to turn.
fn messages(turns: usize) -> Vec<u8> {
    let mut found: Vec<PathBuf> = Vec::new();
    for folder in ["tests/messages", "examples/admission/samples", "examples/results/samples"] {
        found.extend(fs::read_dir(root().join(folder)).unwrap().map(|it| it.unwrap().path()));
    }
    found.sort();
    let others = b"|^~\\&\r\"\x01 \xc3Z0";
    let mut all = Vec::new();
    for turn in 0..turns {
        for (number, path) in found.iter().enumerate() {
            let mut bytes = fs::read(path).unwrap();
            for change in 0..turn % 4 {
                let at = (turn * 7919 + number * 104_729 + change * 15_485_863) % bytes.len();
                bytes[at] = others[(turn + change) % others.len()];
            }
            all.extend(bytes);
            all.push(b'\r');
        }
    }
    all
}

#[test]
fn engines_and_artifacts_say_the_same() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name).display().to_string();
    let (file, artifact) = (path("messages.hl7"), path("maps.emrx"));
    fs::write(&file, messages(24)).unwrap();
    for example in ["examples/admission", "examples/results"] {
        let built = emr(&["build", example, "-o", &artifact]);
        assert!(built.status.success(), "{}", String::from_utf8_lossy(&built.stderr));
        let run = |with: &str, engine, opt| emr(&["map", &file, "--with", with, "--engine", engine, "--opt", opt]);
        let expected = run(example, "interpreter", "none");
        let said = String::from_utf8_lossy(&expected.stderr).into_owned();
        assert!(!expected.stdout.is_empty() && said.lines().count() > 100, "{said}");
        let source = ["auto", "native", "interpreter"].map(|engine| (example, engine, "speed"));
        let built = ["auto", "interpreter"].map(|engine| (artifact.as_str(), engine, "speed"));
        for (with, engine, opt) in source.into_iter().chain(built).chain([(example, "native", "none")]) {
            let run = run(with, engine, opt);
            let differs = said.lines().zip(String::from_utf8_lossy(&run.stderr).lines()).position(|(a, b)| a != b);
            assert_eq!(differs.map(|at| said.lines().nth(at).unwrap()), None, "{with}, {engine}, {opt}");
            assert!(run.stderr == expected.stderr && run.stdout == expected.stdout, "{with}, {engine}, {opt}");
            assert_eq!(run.status.code(), expected.status.code());
        }
    }
}

/// Resources, one on each line, and each with bytes changed.
fn resources(turns: usize) -> Vec<u8> {
    let resource = r#"{"resourceType":"Patient","id":"1","identifier":[{"system":"urn:x","value":"47|11"}],"name":[{"use":"old","family":"MAID"},{"family":"M\u00fcller","given":["J\"","B"]}],"gender":"female","birthDate":"1961-04-23","address":[{"line":["a"],"city":"Basel"}],"multipleBirthInteger":2}"#;
    let others = b"{}[],:\"1\\e \xc3";
    let mut all = Vec::new();
    for turn in 0..turns {
        let mut bytes = resource.as_bytes().to_vec();
        for change in 0..turn % 3 {
            // Each line begins and ends as a resource does.
            let at = 1 + (turn * 7919 + change * 15_485_863) % (bytes.len() - 2);
            bytes[at] = others[(turn + change) % others.len()];
        }
        all.extend(bytes);
        all.push(b'\n');
    }
    all
}

const OF_PATIENTS: &str = r#"
map slim(p: Patient) -> Bundle {
    type: "collection"
    let whole = emit p with { telecom: absent }
    emit Person {
        name: each p.name where .use != "old" { family: .family, given: .given }
        gender: p.gender else "unknown"
        birthDate: p.birthDate
        link: { target: whole }
    }
    require p.name is present else reject "nobody"
}
"#;

#[test]
fn resources_become_the_same_in_both_engines_and_in_artifacts() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name).display().to_string();
    let (file, source, artifact) = (path("patients.ndjson"), path("patients.emr"), path("maps.emrx"));
    fs::write(&file, resources(400)).unwrap();
    fs::write(&source, OF_PATIENTS).unwrap();
    let built = emr(&["build", &source, "-o", &artifact]);
    assert!(built.status.success(), "{}", String::from_utf8_lossy(&built.stderr));
    let run = |with: &str, engine| emr(&["map", &file, "--with", with, "--engine", engine]);
    let expected = run(&source, "interpreter");
    let said = String::from_utf8_lossy(&expected.stderr).into_owned();
    assert!(!expected.stdout.is_empty() && said.lines().count() > 100, "{said}");
    for (with, engine) in [(&source, "auto"), (&source, "native"), (&artifact, "auto"), (&artifact, "interpreter")] {
        let run = run(with, engine);
        assert_eq!(String::from_utf8_lossy(&run.stderr), said, "{with}, {engine}");
        assert!(run.stdout == expected.stdout, "{with}, {engine}");
    }
}

#[test]
fn code_of_rules_has_names_where_perf_looks_for_them() {
    let mut child = Command::new(env!("CARGO_BIN_EXE_emr"))
        .args(["map", "examples/admission/samples/a01.hl7", "--with", "examples/admission", "--perf-map"])
        .current_dir(root())
        .stdout(Stdio::null())
        .spawn()
        .unwrap();
    let path = PathBuf::from(format!("/tmp/perf-{}.map", child.id()));
    assert!(child.wait().unwrap().success());
    let lines = fs::read_to_string(&path).unwrap();
    fs::remove_file(&path).unwrap();
    let mut end = None;
    for line in lines.lines() {
        let (start, rest) = line.split_once(' ').unwrap();
        let (length, _name) = rest.split_once(' ').unwrap();
        let number = |text| usize::from_str_radix(text, 16).unwrap();
        assert!(number(length) > 0 && end.is_none_or(|end| end == number(start)), "{line}");
        end = Some(number(start) + number(length));
    }
    // Rules of the project and of the library, and functions where code is of no rule.
    for name in [" examples/admission/patient.emr:", " std.people.emr:", " admission.admission\n"] {
        assert!(lines.contains(name), "{name}");
    }
}
