//! Tables of many rows: found by both engines, and read again when their files change.

use crate::oracle::Both;
use crate::pipeline;
use emr_compiler::db;
use emr_compiler::files::Content;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

const ROWS: usize = 20_000;

const MAP: &str = r#"
codes Analyte to "http://loinc.org" = csv("codes/analytes.csv")
table Lab(house: string, local: string) -> { loinc: code(loinc)?, unit: string } = csv("codes/lab.csv")
map result(OBX) -> Observation {
    status: "final"
    code:   OBX-3 via Analyte else absent "unknown"
    value:  Quantity { unit: Lab(OBX-3.3, OBX-3.1).unit, code: OBX-2 }
    category: Lab(OBX-3.3, OBX-3.1).loinc
}
"#;

fn project(rows: usize) -> BTreeMap<PathBuf, Vec<u8>> {
    let codes = (0..rows).fold("code,to\n".to_owned(), |all, row| all + &format!("C{row},{row}-{}\n", row % 10));
    let lab = (0..rows).fold("house,local,loinc,unit\n".to_owned(), |all, row| {
        all + &format!(
            "H{},C{row},{},\"m\"\"{row}\"\"\"\n",
            row % 7,
            if row % 3 == 0 { String::new() } else { format!("{row}-1") }
        )
    });
    let files = [("main.emr", MAP.to_owned()), ("codes/analytes.csv", codes), ("codes/lab.csv", lab)];
    files.into_iter().map(|(path, text)| (path.into(), text.into_bytes())).collect()
}

#[test]
fn both_engines_find_a_row_of_many() {
    let opened = pipeline::open(&project(ROWS), Path::new(""));
    assert_eq!(opened.rendered(), "");
    let map = opened.map("main.result");
    let rows: Vec<u32> = map.plan.tables.iter().map(emr_message::Table::rows).collect();
    assert_eq!(rows, [20_000, 20_000]);
    let mut both = Both::new(map.clone());
    let mut found = 0;
    for row in (0..ROWS + 50).step_by(97) {
        let message = format!("MSH|^~\\&|||||||ORU^R01|1|P|2.5.1\rOBX|1|NM|C{row}^x^H{}||7\r", row % 7);
        assert_eq!(both.differ(message.as_bytes()), None, "{row}");
        let made = map.run(message.as_bytes()).unwrap().result.unwrap();
        found += usize::from(String::from_utf8(made).unwrap().contains(&format!("\"unit\":\"m\\\"{row}\\\"\"")));
    }
    assert_eq!(found, ROWS.div_ceil(97));
    assert_eq!(both.tally.deferred, 0, "{:?}", both.reasons);
}

#[test]
fn rows_that_change_are_checked_again() {
    let mut opened = pipeline::open(&project(3), Path::new(""));
    assert_eq!(opened.rendered(), "");
    opened.db.supply(opened.project, "codes/analytes.csv", Content::Text("code,to\nC1,1\nC1,2\n".into()));
    let codes = |opened: &pipeline::Opened| {
        let found = db::diagnostics(&opened.db, opened.project, opened.files[0]);
        found.iter().map(|it| it.code.text()).collect::<Vec<_>>()
    };
    assert_eq!(codes(&opened), ["E0604"]);
    opened.db.supply(opened.project, "codes/analytes.csv", Content::Absent);
    assert_eq!(codes(&opened), ["E0910"]);
    opened.db.supply(opened.project, "codes/analytes.csv", Content::Text("code,to\nC1,1\n".into()));
    assert_eq!(codes(&opened), [""; 0]);
}

#[test]
fn a_file_that_holds_no_rows_is_a_problem_of_who_names_it() {
    let texts: [&[u8]; 6] = [b"", b"\n", b"code", b"\xff\xfe", b"code,to\n\"a", b"code,to\na,b\nc\xe4,d\n"];
    for text in texts {
        let mut files = project(1);
        files.insert("codes/analytes.csv".into(), text.to_vec());
        let shown = pipeline::open(&files, Path::new("")).rendered();
        assert!(shown.contains("error[E091"), "{shown}");
    }
}

#[test]
fn codes_are_held_to_the_terminology_of_the_project() {
    let wards = r#"{ "resourceType": "CodeSystem", "url": "http://x.org/wards", "content": "complete", "concept": [
        { "code": "N", "concept": [{ "code": "N1", "property": [{ "code": "kind", "valueCode": "icu" }] }, { "code": "N2" }] },
        { "code": "S", "property": [{ "code": "kind", "valueCode": "icu" }] }] }"#;
    let set = |name: &str, compose: &str| {
        format!(
            r#"{{ "resourceType": "ValueSet", "url": "http://x.org/{name}", "compose": {{ "include": [{compose}] }} }}"#
        )
    };
    let of = |filter: &str| format!(r#"{{ "system": "http://x.org/wards", "filter": [{filter}] }}"#);
    let north = set("north", &of(r#"{ "property": "concept", "op": "descendent-of", "value": "N" }"#));
    let icu = set("icu", &of(r#"{ "property": "kind", "op": "=", "value": "icu" }"#));
    let text = r#"
let wards = "http://x.org/wards"
codes Ward to "http://x.org/wards" { "1" => "N1", "2" => "N3" }
map of(PV1) -> string? = match {
    PV1-2 in valueset("http://x.org/north") and PV1-2 in valueset("http://x.org/icu") => "both"
    PV1-2 in valueset("http://x.org/north") => "north"
    PV1-2 in valueset("http://x.org/icu")   => "icu"
    PV1-3.1.1 in ("a", "b")                 => "b"
}
map place(PV1) -> Coding? = wards#S
map nowhere(PV1) -> Coding? = wards#X
"#;
    let files = [
        ("emr.toml", "[terminology]\nwards = \"codes\"\n".to_owned()),
        ("codes/wards.json", wards.to_owned()),
        ("codes/north.json", north),
        ("codes/icu.json", icu),
        ("main.emr", text.to_owned()),
    ];
    let files: BTreeMap<PathBuf, Vec<u8>> =
        files.into_iter().map(|(path, text)| (path.into(), text.into_bytes())).collect();
    let opened = pipeline::open(&files, Path::new(""));
    let found = db::diagnostics(&opened.db, opened.project, opened.files[0]);
    let found: Vec<_> = found.iter().map(|it| it.message.as_str()).collect();
    let [first, second] = found[..] else { panic!("{}", opened.rendered()) };
    assert!(first.contains("`N3` is not a code"), "{first}");
    assert!(second.contains("`X` is not a code"), "{second}");
    let mut both = Both::new(opened.map("main.of"));
    for (code, expected) in [("N1", "both"), ("N2", "north"), ("S", "icu")] {
        let message = format!("MSH|^~\\&|||||||ADT^A01|1|P|2.5.1\rPV1|1|{code}\r");
        assert_eq!(both.differ(message.as_bytes()), None);
        let made = opened.map("main.of").run(message.as_bytes()).unwrap().result.unwrap();
        assert_eq!(String::from_utf8(made).unwrap(), format!("\"{expected}\""));
    }
}
