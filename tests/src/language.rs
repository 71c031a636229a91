//! The rules of the language, one small case each: a mapping, what the compiler says of it, and what it makes of a
//! message.
//!
//! A case is one file, `tests/cases/language/*.emr`. A line `// --- other.emr` begins another module, a line
//! `// --- message` the message that each map which takes it is run on, `// --- resource` such a resource of FHIR. One that
//! ends in `.csv` or `.json` is a file of rows.

use crate::oracle::Both;
use crate::pipeline::Map;
use emr_compiler::db::{self, Database, Project, SourceFile};
use emr_compiler::diagnostic::render;
use emr_compiler::files::Content;
use emr_compiler::plan::{Gives, Plan, interpret};
use emr_compiler::select;
use emr_compiler::standard::Standards;
use emr_compiler::validate;
use emr_message::time::Zone;
use emr_message::{Message, Secrets};
use std::fmt::Write;

const ZONE: &str = "Europe/Zurich";

#[test]
fn cases() {
    let mut settings = insta::Settings::clone_current();
    settings.set_snapshot_path("../cases/language/outcome");
    settings.set_prepend_module_to_snapshot(false);
    settings.set_omit_expression(true);
    let _bound = settings.bind_to_scope();
    insta::glob!("../cases/language", "*.emr", |path| {
        let text = std::fs::read_to_string(path).unwrap();
        insta::assert_snapshot!(outcome(&text));
    });
}

/// The diagnostics of a case and, if it has a message, what becomes of that.
fn outcome(case: &str) -> String {
    let mut parts = vec![("main.emr", String::new())];
    for line in case.lines() {
        match line.strip_prefix("// --- ") {
            Some(name) => parts.push((name, String::new())),
            None => parts.last_mut().unwrap().1 += &format!("{line}\n"),
        }
    }
    let is_input = |name: &str| matches!(name, "message" | "resource");
    let (messages, parts): (Vec<_>, Vec<_>) = parts.into_iter().partition(|(name, _)| is_input(name));
    let (modules, data): (Vec<_>, Vec<_>) = parts.into_iter().partition(|(name, _)| name.ends_with(".emr"));
    let data = data.into_iter().map(|(name, text)| (name.to_owned(), Content::Text(text.into()))).collect();
    let db = Database::default();
    let open =
        |(name, text): &(&str, String)| db.open(&name.trim_end_matches(".emr").replace('/', "."), name, text.clone());
    let files: Vec<SourceFile> = modules.iter().map(open).collect();
    let settings = db::Settings { timezone: Some(ZONE.into()), ..Default::default() };
    let project = db.project_with(files.clone(), data, settings, Standards::embedded());
    let mut out = String::new();
    for &file in &files {
        let found = db::diagnostics(&db, project, file);
        out += &render(file.path(&db), file.text(&db), found, false);
    }
    for (name, text) in &messages {
        if *name == "resource" {
            run_json(&db, project, &files, text, &mut out);
        } else {
            run(&db, project, &files, text, &mut out);
        }
    }
    out
}

/// What each map that takes the resource makes of it.
fn run_json(db: &Database, project: Project, files: &[SourceFile], text: &str, out: &mut String) {
    let (json, _) = validate::sound(text.as_bytes(), &db::standards(db, project).fhir).unwrap();
    for map in files.iter().flat_map(|&file| db::maps(db, project, file)) {
        let Some(plan) = db::plan(db, project, map.key.to_string()).as_ref() else { continue };
        let settings = interpret::Settings { zone: Zone::named(ZONE).ok(), ..Default::default() };
        let Some(outcome) = interpret::run_resource(plan, &json, &settings) else { continue };
        told(plan, outcome, out);
        let mut both = Both::new(Map { plan: plan.clone(), runs: settings });
        assert_eq!(both.differ(text.as_bytes()), None, "{}", map.key);
        assert_eq!(both.tally.deferred, 0, "{}: {:?}", map.key, both.reasons);
    }
}

/// What each map that takes the message makes of it.
fn run(db: &Database, project: Project, files: &[SourceFile], text: &str, out: &mut String) {
    let message = Message::read(text.as_bytes(), &Default::default()).unwrap();
    let standards = db::standards(db, project);
    let structure = select::MessageType::of(&message).structure(standards);
    let maps = files.iter().flat_map(|&file| db::maps(db, project, file));
    for map in maps.filter(|map| db::takes(db, project, map).contains(&structure)) {
        let Some(plan) = db::plan(db, project, map.key.to_string()).as_ref() else { continue };
        let settings =
            interpret::Settings { zone: Zone::named(ZONE).ok(), secrets: Secrets::of_tests(), ..Default::default() };
        told(plan, interpret::run(plan, &message, &settings), out);
    }
}

fn told(plan: &Plan, outcome: interpret::Outcome, out: &mut String) {
    for issue in &outcome.issues {
        let place = issue.place.as_ref().map(|place| format!(" at {place}")).unwrap_or_default();
        writeln!(out, "issue: {}{place}", issue.text).unwrap();
    }
    match outcome.result {
        Ok(bytes) => {
            let text = String::from_utf8(bytes).unwrap();
            if plan.gives == Gives::Message {
                writeln!(out, "{}", text.replace('\r', "\n").trim_end()).unwrap();
            } else {
                serde_json::from_str::<serde_json::Value>(&text).unwrap();
                writeln!(out, "{}", indented(&text)).unwrap();
            }
        }
        Err(rejection) => writeln!(out, "rejected: {}", rejection.text).unwrap(),
    }
}

/// JSON on lines of its own, each number and the order of all elements as they are.
fn indented(json: &str) -> String {
    let (mut out, mut depth, mut in_text, mut escaped) = (String::new(), 0, false, false);
    for c in json.chars() {
        match c {
            _ if escaped => escaped = false,
            '\\' if in_text => escaped = true,
            '"' => in_text = !in_text,
            '}' | ']' if !in_text => depth -= 1,
            _ => {}
        }
        let line = |depth: usize| format!("\n{}", "  ".repeat(depth));
        match c {
            '{' | '[' if !in_text => {
                depth += 1;
                out += &format!("{c}{}", line(depth));
            }
            '}' | ']' if !in_text => out += &format!("{}{c}", line(depth)),
            ',' if !in_text => out += &format!(",{}", line(depth)),
            ':' if !in_text => out += ": ",
            _ => out.push(c),
        }
    }
    out
}
