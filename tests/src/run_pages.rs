//! The page of each code that a message or a resource brings about: what it shows raises that code as the page says, and
//! what it shows put right does not.
//!
//! `EMR_UPDATE_PAGES=1 cargo test -p emr-tests pages` writes what is said into the pages.

use crate::corpus::root;
use crate::pipeline;
use emr_compiler::codes::{Page, pages};
use emr_compiler::db;
use emr_compiler::standard::fhir::Fhir;
use emr_compiler::standard::package::Package;
use emr_compiler::{plan, validate};
use emr_message::Place;
use std::collections::BTreeMap;
use std::fmt::Write;
use std::path::Path;
use std::sync::Arc;
use std::{env, fs};

/// What the examples leave out before their segments.
const HEADER: &str = "MSH|^~\\&|REG|MAIN|EHR|MAIN|20260312091504||ADT^A01^ADT_A01|1|P|2.5.1\r";

/// The texts of a page, each by what stands behind its fence: `emr`, `hl7`, `json`, `json profile.json`.
type Texts<'p> = BTreeMap<&'p str, &'p str>;

#[test]
fn pages_say_what_is_said_of_messages() {
    hold(plan::Code::ALL.iter().map(|it| it.text()), &map);
}

#[test]
fn pages_say_what_is_said_of_resources() {
    hold(validate::Code::ALL.iter().map(|it| it.text()), &validated);
}

fn hold(codes: impl Iterator<Item = &'static str>, say: &dyn Fn(&Texts) -> String) {
    let mut wrong = String::new();
    for code in codes {
        let page = pages().find(|page| page.code == code).unwrap();
        if let Err(why) = hold_page(page, say) {
            writeln!(wrong, "{code}: {why}\n").unwrap();
        }
    }
    assert!(wrong.is_empty(), "{wrong}");
}

fn hold_page(Page { code, text, .. }: Page, say: &dyn Fn(&Texts) -> String) -> Result<(), String> {
    let (before, after) = text.split_once("\nPut right:\n").ok_or("it shows nothing put right")?;
    let failing = texts(before);
    let said = say(&failing);
    if !said.contains(code) {
        return Err(format!("its example does not raise it, but\n{said}"));
    }
    let shown = failing.get("text").copied().unwrap_or_default();
    if said != shown {
        if env::var_os("EMR_UPDATE_PAGES").is_none() {
            return Err(format!("what is said is\n{said}and the page shows\n{shown}"));
        }
        let (kept, _) = before.split_once("```text\n").ok_or("it has no place for what is said")?;
        let path = root().join(format!("compiler/codes/{code}.md"));
        fs::write(path, format!("{kept}```text\n{said}```\n\nPut right:\n{after}")).unwrap();
    }
    let mut right = failing;
    right.extend(texts(after));
    match say(&right) {
        said if said.is_empty() => Ok(()),
        said => Err(format!("what is put right gives\n{said}")),
    }
}

fn texts(page: &str) -> Texts<'_> {
    let fences = page.split("```").skip(1).step_by(2);
    fences.filter_map(|fence| fence.split_once('\n')).collect()
}

/// What the last map of the text says of the message, as `emr map` writes it.
fn map(texts: &Texts) -> String {
    let files = [("main.emr", "emr"), ("emr.toml", "toml")].into_iter();
    let files = files.filter_map(|(path, fence)| Some((path.into(), texts.get(fence)?.as_bytes().to_vec())));
    let opened = pipeline::open(&files.collect::<BTreeMap<_, _>>(), Path::new(""));
    let problems = opened.rendered();
    if !problems.is_empty() {
        return problems;
    }
    let map = db::maps(&opened.db, opened.project, opened.files[0]).last().unwrap().key.to_string();
    let segments = texts["hl7"].replace('\n', "\r");
    let message = if segments.starts_with("MSH") { segments } else { format!("{HEADER}{segments}") };
    let outcome = opened.map(&map).run(message.as_bytes()).unwrap();
    let line = |what: &str, code: &str, place: Option<Place>, text: &str| {
        format!("{what}[{code}]: {}{text}\n", place.map(|it| format!("{it}: ")).unwrap_or_default())
    };
    let issues: String = outcome.issues.iter().map(|it| line("warning", it.code, it.place, &it.text)).collect();
    let rejected = outcome.result.err().map(|it| line("rejected", it.code, it.place, &it.text));
    issues + &rejected.unwrap_or_default()
}

/// What is said of the resource beside a package of the page's other resources.
fn validated(texts: &Texts) -> String {
    let manifest = r#"{"name": "example.local", "version": "1"}"#;
    let mut files = vec![("package.json".to_owned(), manifest.to_owned())];
    files.extend(
        texts.iter().filter_map(|(name, text)| Some((name.strip_prefix("json ")?.to_owned(), (*text).to_owned()))),
    );
    let fhir = Fhir::with_packages(vec![Arc::new(Package::new("local", files).unwrap())]);
    validate::resource(texts["json"], &fhir, &[]).iter().map(|problem| format!("{problem}\n")).collect()
}
