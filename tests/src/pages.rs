//! The page of each code: its failing text fails with that code and the message on the page, its other text does not,
//! and where an edit is offered, it repairs the text.
//!
//! `EMR_UPDATE_PAGES=1 cargo test -p emr-tests pages` writes the messages into the pages.

use emr_compiler::db::{self, Database};
use emr_compiler::diagnostic::{Code, Diagnostic, render};
use std::collections::BTreeMap;
use std::fmt::Write;
use std::path::{Path, PathBuf};
use std::{env, fs};

/// Codes that a text alone cannot bring about, and why.
const WITHOUT_TEXT: &[(Code, &str)] = &[
    (Code::MissingPackage, "a package is a folder or an archive on the disk; `packages` has a test of it"),
    (Code::NotOfProfile, "a profile is of a package; `packages` has a test of it"),
    (Code::TooLarge, "a file of 4 MiB; `ill_meant` has a test of it"),
    (Code::Unchecked, "it is said once for all modules; `terminology` has a test of it"),
    (Code::StaleLock, "a project beside this one; `emr-project` has a test of it"),
];

type Texts = BTreeMap<PathBuf, Vec<u8>>;

/// What a page shows.
#[derive(Default)]
struct Page {
    failing: Texts,
    message: String,
    corrected: Texts,
}

#[test]
fn pages_say_what_the_compiler_says() {
    let mut wrong = String::new();
    // One for all pages, so that the library is read once.
    let db = Database::default();
    for &code in Code::ALL.iter().filter(|code| !WITHOUT_TEXT.iter().any(|(it, _)| it == *code)) {
        if let Err(why) = hold(&db, code) {
            writeln!(wrong, "{}: {why}\n", code.text()).unwrap();
        }
    }
    assert!(wrong.is_empty(), "{wrong}");
}

/// All failing texts as one project: each still says what it says alone, and nothing hides anything.
#[test]
fn every_code_is_shown_in_one_run() {
    let db = Database::default();
    let mut texts = Texts::new();
    let mut expected = BTreeMap::new();
    let (mut settings, mut sections) = (String::new(), String::new());
    for &code in Code::ALL.iter().filter(|code| !WITHOUT_TEXT.iter().any(|(it, _)| it == *code)) {
        let page = read(code.page());
        let alone = check(&db, &page.failing);
        for (path, text) in page.failing {
            if path == Path::new("emr.toml") {
                // A zone for all of them would leave nothing to say to those that lack one.
                let text = String::from_utf8(text).unwrap();
                let mut out = &mut settings;
                for line in text.lines().filter(|it| !it.starts_with("timezone")) {
                    if line.starts_with('[') && line != "[project]" {
                        out = &mut sections;
                    }
                    *out += &format!("{line}\n");
                }
                continue;
            }
            let module =
                if path == Path::new("main.emr") { format!("{}.emr", code.text()).into() } else { path.clone() };
            let found = alone.iter().find(|(file, _)| file.path == path).map(|(_, found)| found.clone());
            // A file of rows says nothing itself.
            expected.extend(found.map(|found| (module.clone(), found)));
            assert_eq!(texts.insert(module, text), None, "two pages have a file {}", path.display());
        }
    }
    // A section stands once in a file.
    let project = settings.replace("[project]\nname = \"hospital\"\n", "");
    texts.insert("emr.toml".into(), format!("[project]\nname = \"hospital\"\n{project}{sections}").into_bytes());
    let found = check(&db, &texts);
    for code in Code::ALL.iter().filter(|code| !WITHOUT_TEXT.iter().any(|(it, _)| it == *code)) {
        assert!(found.values().flatten().any(|it| it.code == *code), "{} is not shown", code.text());
    }
    for (file, problems) in &found {
        let without_zone = problems.iter().filter(|it| it.code != Code::NoZone).cloned().collect::<Vec<_>>();
        if let Some(alone) = expected.get(&file.path).filter(|it| it.iter().all(|it| it.code != Code::NoZone)) {
            assert_eq!(&without_zone, alone, "{} says something else beside others", file.path.display());
        }
    }
}

fn hold(db: &Database, code: Code) -> Result<(), String> {
    let page = read(code.page());
    if page.failing.is_empty() || page.corrected.is_empty() {
        return Err("it shows no failing text, or none put right".to_owned());
    }
    let found = check(db, &page.failing);
    let shown = show(&found);
    if found.values().flatten().all(|it| it.code != code) {
        return Err(format!("its failing text does not raise it, but\n{shown}"));
    }
    if let Some(other) = found.values().flatten().find(|it| it.code != code) {
        return Err(format!("its failing text raises {} too\n{shown}", other.code.text()));
    }
    if shown != page.message {
        if env::var_os("EMR_UPDATE_PAGES").is_none() {
            return Err(format!("the message is\n{shown}and the page shows\n{}", page.message));
        }
        update(code, &shown);
    }
    let corrected = check(db, &page.corrected);
    if corrected.values().any(|it| !it.is_empty()) {
        return Err(format!("its text put right raises\n{}", show(&corrected)));
    }
    for (path, problems) in &found {
        for fix in problems.iter().filter_map(|it| it.fix.as_ref()) {
            let mut texts = page.failing.clone();
            let text = String::from_utf8(texts[&path.path].clone()).unwrap();
            texts.insert(path.path.clone(), fix.apply(&text).into_bytes());
            let left = check(db, &texts);
            if left.values().flatten().any(|it| it.code == code) {
                return Err(format!("its edit leaves\n{}", show(&left)));
            }
        }
    }
    Ok(())
}

/// A file and its text, in the order in which they are shown.
#[derive(PartialEq, Eq, PartialOrd, Ord)]
struct File {
    path: PathBuf,
    text: String,
}

fn check(db: &Database, texts: &Texts) -> BTreeMap<File, Vec<Diagnostic>> {
    let mut texts = texts.clone();
    if texts.keys().all(|path| path.extension().is_none_or(|it| it != "emr")) {
        texts.insert("main.emr".into(), Vec::new());
    }
    let outside = emr_project::open(&texts, Path::new(""), None).unwrap();
    let (project, files) = outside.load(db);
    let settings = outside.settings.iter().map(|it| (it, it.problems.clone()));
    let modules = outside
        .modules
        .iter()
        .zip(files)
        .map(|(module, file)| (&module.source, db::diagnostics(db, project, file).to_vec()));
    settings.chain(modules).map(|(it, found)| (File { path: it.path.clone(), text: it.text.clone() }, found)).collect()
}

fn show(found: &BTreeMap<File, Vec<Diagnostic>>) -> String {
    let shown: Vec<_> = found
        .iter()
        .filter(|(_, problems)| !problems.is_empty())
        .map(|(file, problems)| render(&file.path.to_string_lossy(), &file.text, problems, false))
        .collect();
    format!("{}\n", shown.join("\n").trim_end())
}

/// Fenced texts before the message fail, those after it are put right. A fence may name its file: `emr lab/codes.emr`.
fn read(page: &str) -> Page {
    let mut found = Page::default();
    let mut right = false;
    let mut lines = page.lines();
    while let Some(line) = lines.next() {
        right |= line.starts_with("Put right");
        let Some(fence) = line.strip_prefix("```") else { continue };
        let text: String = lines.by_ref().take_while(|line| *line != "```").map(|line| format!("{line}\n")).collect();
        let (kind, name) = fence.split_once(' ').unwrap_or((fence, ""));
        let path = match (kind, name) {
            ("text", _) => {
                found.message = text;
                continue;
            }
            ("toml", _) => "emr.toml",
            (_, "") => "main.emr",
            (_, name) => name,
        };
        let texts = if right { &mut found.corrected } else { &mut found.failing };
        texts.insert(path.into(), text.into_bytes());
    }
    found
}

fn update(code: Code, message: &str) {
    let page = code.page();
    let (before, after) = page.split_once("Put right").unwrap();
    let failing = before.split_once("\n```text").map_or(before, |(failing, _)| failing);
    let text = format!("{}\n\n```text\n{message}```\n\nPut right{after}", failing.trim_end());
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../compiler/codes");
    fs::write(folder.join(format!("{}.md", code.text())), text).unwrap();
}
