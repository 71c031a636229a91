//! Tests as text. What a map gives is a file beside them: `through admission` gives `cases/admission.json`, and the
//! issues of `cases/admission.issues`.

use crate::check::typed::{Kind, Ty};
use crate::diagnostic::{Diagnostic, render};
use crate::standard::fhir::Fhir;
use crate::syntax;
use crate::syntax::tree::{Arm, Declaration};
use crate::testing::*;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

struct Folder {
    path: PathBuf,
    /// Code systems, as URIs.
    constants: BTreeMap<SmolStr, SmolStr>,
}

impl Context for Folder {
    fn given(&mut self, _: &Word, _: &[Arm]) -> Result<(), String> {
        Ok(())
    }

    fn file(&mut self, name: &str) -> Result<Vec<u8>, String> {
        match name {
            // What is in a message does not matter here.
            "a.hl7" | "admission.hl7" => Ok(Vec::new()),
            name => std::fs::read(self.path.join(name)).map_err(|_| "there is no such file".to_owned()),
        }
    }

    fn through(&mut self, maps: &[Word], _: &[u8]) -> Result<Output, String> {
        let [map] = maps else { return Err("one map at a time".to_owned()) };
        let issues = std::fs::read_to_string(self.path.join(format!("{}.issues", map.text))).unwrap_or_default();
        let issues = issues.lines().filter_map(|line| line.split_once(": "));
        let issues = issues.map(|(place, text)| Issue { text: text.to_owned(), place: place.to_owned() }).collect();
        let result = match map.text.as_str() {
            "refused" => Outcome::Rejected("a patient needs an identifier".to_owned()),
            "broken" => return Err("the map takes no ADT^A08".to_owned()),
            name => {
                let json = std::fs::read_to_string(self.path.join(format!("{name}.json")));
                Outcome::Json(json.map_err(|_| format!("there is no map `{name}`"))?)
            }
        };
        Ok(Output { results: vec![result], sent: Vec::new(), issues })
    }

    fn is_route(&self, _: &[Word]) -> bool {
        false
    }

    fn constant(&self, name: &str) -> Option<typed::Expr> {
        let uri = self.constants.get(name)?.clone();
        Some(typed::Expr { kind: Box::new(Kind::Text(uri)), ty: Ty::fhir("string"), at: 0..0 })
    }
}

impl Scope for Folder {
    fn maps(&self) -> Vec<SmolStr> {
        ["admission", "patient", "refused", "broken"].map(SmolStr::from).to_vec()
    }

    fn routes(&self) -> Vec<SmolStr> {
        Vec::new()
    }

    fn targets(&self) -> Vec<SmolStr> {
        vec!["ehr".into()]
    }

    fn is_constant(&self, name: &str) -> bool {
        self.constants.contains_key(name)
    }

    fn arity(&self, _: emr_abi::Builtin) -> Option<(usize, usize)> {
        None
    }

    fn given(&self, _: &Word, _: &[Arm]) -> Vec<Diagnostic> {
        Vec::new()
    }

    fn not_joined(&self, _: &Word, _: &Word) -> Option<Diagnostic> {
        None
    }

    fn is_system(&self, name: &str) -> bool {
        self.is_constant(name)
    }
}

#[test]
fn cases() {
    insta::glob!("cases/*.emr", |path| {
        let text = std::fs::read_to_string(path).unwrap();
        insta::assert_snapshot!(shown(&text, path.parent().unwrap()));
    });
}

/// What is wrong with the tests of a text, and what came of each.
fn shown(text: &str, folder: &Path) -> String {
    let constants = [("loinc", "http://loinc.org"), ("lab", "http://hospital.example.org/lab")];
    let constants = constants.map(|(name, uri)| (name.into(), uri.into())).into();
    let mut folder = Folder { path: folder.to_owned(), constants };
    let mut found = Vec::new();
    let mut reports = String::new();
    for at in syntax::items(text) {
        let parsed = syntax::item(&text[at.clone()]);
        found.extend(parsed.problems.into_iter().map(|it| it.moved(at.start)));
        let Some(item) = parsed.item else { continue };
        match item.declaration {
            Declaration::Test(test) => {
                let checked = check(&test, &Fhir::r4(), &folder);
                found.extend(checked.into_iter().map(|it| it.moved(at.start)));
                let report = run(&test, &mut folder);
                reports += &format!("{}\n", test.name.text);
                reports += &report.lines.iter().map(|line| told(line, &text[at.clone()])).collect::<String>();
            }
            other => panic!("{other:?}"),
        }
    }
    render("test.emr", text, &found, false) + &reports
}

fn told(line: &Line, item: &str) -> String {
    match &line.failure {
        None => format!("  ok      {}\n", &item[line.at.clone()]),
        Some(why) => format!("  failed  {}\n          {why}\n", &item[line.at.clone()]),
    }
}
