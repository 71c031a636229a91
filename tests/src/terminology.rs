//! Code systems that a project brings: what is checked by them, and what is said where nothing is known.

use crate::oracle::Both;
use crate::{corpus, pipeline};
use emr_compiler::check::typed::{CodeKey, CodeTo};
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

#[test]
fn object_identifiers_stand_for_the_systems_that_naming_systems_name() {
    let naming = r#"{ "resourceType": "NamingSystem", "id": "north", "name": "North", "status": "active", "kind": "codesystem",
        "uniqueId": [{ "type": "oid", "value": "2.999.4.1" }, { "type": "uri", "value": "http://old.example.org" },
            { "type": "uri", "value": "http://north.example.org/lab", "preferred": true }] }"#;
    let known = r#"{ "resourceType": "CodeSystem", "url": "http://north.example.org/ward", "content": "complete",
        "identifier": [{ "system": "urn:ietf:rfc:3986", "value": "urn:oid:2.999.4.2" }], "concept": [{ "code": "A" }] }"#;
    let text = "codes Ward from \"2.999.4.1\" to \"urn:oid:2.999.4.2\" { \"1\" => \"A\", \"2\" => \"B\" }\n\
        map ward(OBX) -> Coding? = OBX-3 via Ward\nmap system(OBX) -> uri? = system_of(OBX-3)\n";
    let settings = "[terminology]\nnorth = \"names\"\n";
    let files = [("emr.toml", settings), ("names/naming.json", naming), ("names/ward.json", known), ("main.emr", text)];
    let opened = open(&files);
    let found = db::diagnostics(&opened.db, opened.project, opened.files[0]);
    let [found] = found else { panic!("{}", opened.rendered()) };
    assert_eq!(found.message, "`B` is not a code of `http://north.example.org/ward`");
    let opened = open(&[files[0], files[1], files[2], ("main.emr", &text.replace("\"B\"", "\"A\""))]);
    for (system, coded, uri) in [
        ("2.999.4.1", true, "http://north.example.org/lab"),
        ("urn:oid:2.999.4.1", true, "http://north.example.org/lab"),
        ("http://north.example.org/lab", true, "http://north.example.org/lab"),
        ("2.999.4.2", false, "http://north.example.org/ward"),
        ("2.999.4.3", false, "urn:oid:2.999.4.3"),
    ] {
        let message = format!("MSH|^~\\&|||||||ORU^R01|1|P|2.8\rOBX|1||1^one^{system}\r");
        let run = |name: &str| {
            let mut both = Both::new(opened.map(name));
            assert_eq!(both.differ(message.as_bytes()), None, "{system}");
            String::from_utf8(opened.map(name).run(message.as_bytes()).unwrap().result.unwrap()).unwrap()
        };
        let ward = if coded { r#"{"system":"http://north.example.org/ward","code":"A"}"# } else { "null" };
        assert_eq!((run("main.ward").as_str(), run("main.system")), (ward, format!("\"{uri}\"")), "{system}");
    }
}

/// What the library says of object identifiers is what HL7 says of them.
#[test]
fn object_identifiers_of_the_library_are_those_of_hl7() {
    let folder = corpus::root().join("../shared/data/terminology/utg-namingsystems");
    let files = corpus::files(&folder, &[".xml"]);
    if files.is_empty() {
        return eprintln!("skipped: {} is not here", folder.display());
    }
    let mut known = BTreeMap::<String, Vec<String>>::new();
    for path in files {
        let text = std::fs::read_to_string(path).unwrap();
        let ids = text.split("<uniqueId>").skip(1);
        let value = |id: &str| id.split("<value value=\"").nth(1)?.split('"').next().map(str::to_owned);
        let of = |kind: &str| -> Vec<String> {
            let mark = format!("<type value=\"{kind}\"");
            ids.clone().filter(|id| id.contains(&mark)).filter_map(value).collect()
        };
        let uris = of("uri");
        of("oid").into_iter().for_each(|oid| known.entry(oid).or_default().extend(uris.clone()));
    }
    let opened = open(&[("main.emr", "map a(PID) -> string? = PID-8\n")]);
    let table = db::code_table(&opened.db, opened.project, "std.coded.SystemOid").unwrap();
    let mut held = 0;
    for arm in &table.arms {
        let CodeTo::Code { code, .. } = &arm.result.what else { panic!("{arm:?}") };
        for key in &arm.keys {
            let CodeKey::Code(oid) = key else { panic!("{key:?}") };
            let uris = known.get(oid.as_str()).unwrap_or_else(|| panic!("{oid} is not known"));
            assert!(uris.iter().any(|uri| uri == code.as_str()), "{oid} is {uris:?}, not {code}");
            held += 1;
        }
    }
    assert!(held >= 18, "{held}");
}
