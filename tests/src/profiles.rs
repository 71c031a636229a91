//! Profiles that are learnt from messages hold of them, and two of them are told apart.

use crate::corpus::{self, root};
use crate::pipeline;
use emr_compiler::diagnostic::render;
use emr_compiler::plan::interpret;
use emr_compiler::select::MessageType;
use emr_compiler::sender::{compare, infer};
use emr_compiler::standard::Standards;
use emr_compiler::{db, syntax};
use emr_message::{Message, batch};
use std::collections::BTreeMap;
use std::fmt::Write;
use std::path::PathBuf;
use std::{fs, iter};

/// The codes of what deviates from a profile.
const DEVIATIONS: std::ops::RangeInclusive<&str> = "R0304"..="R0310";

fn read<'b>(files: impl Iterator<Item = &'b [u8]>) -> Vec<Message> {
    let messages = files.flat_map(|bytes| batch::messages(bytes).collect::<Vec<_>>());
    messages.filter_map(|message| Message::read(&message, &Default::default()).ok()).collect()
}

/// The names of the profiles of a text, each with its structure.
fn profiles(text: &str) -> Vec<(&str, &str)> {
    let heads = text.lines().filter_map(|line| line.strip_prefix("profile ")?.split_once(" of "));
    heads.map(|(name, rest)| (name, rest.split(' ').next().unwrap())).collect()
}

/// What messages are said to deviate in from the profiles that were learnt from them, and whether text and layout are
/// right.
fn deviations(messages: &[Message]) -> String {
    let text = infer(messages, &Standards::embedded());
    let mut said = String::new();
    if syntax::format(&text).text != text {
        said += "it is laid out in another way than the formatter has\n";
    }
    let maps = profiles(&text)
        .into_iter()
        .map(|(name, _)| format!("map of_{}({name}) -> string? = MSH-10\n", name.to_lowercase()));
    let whole = iter::once(text.clone()).chain(maps).collect::<Vec<_>>().join("\n");
    let opened = pipeline::module(&whole);
    let problems = db::diagnostics(&opened.db, opened.project, opened.files[0]);
    said += &render("learnt.emr", &whole, problems, false);
    let standards = db::standards(&opened.db, opened.project);
    let mut plans = BTreeMap::new();
    for map in opened.files.iter().flat_map(|&file| db::maps(&opened.db, opened.project, file)) {
        let plan = db::plan(&opened.db, opened.project, map.key.to_string()).clone();
        plans.extend(db::takes(&opened.db, opened.project, map).into_iter().map(|structure| (structure, plan.clone())));
    }
    let mut held = 0;
    for message in messages {
        let Some(Some(plan)) = plans.get(&MessageType::of(message).structure(standards)) else { continue };
        held += 1;
        for issue in interpret::run(plan, message, &opened.runs).issues {
            if DEVIATIONS.contains(&issue.code) {
                writeln!(said, "{} {}: {}", issue.code, issue.spelled(), issue.text).unwrap();
            }
        }
    }
    assert!(held * 10 > messages.len() * 9, "only {held} of {} messages have a profile", messages.len());
    said
}

#[test]
fn what_is_learnt_holds_of_what_it_was_learnt_from() {
    let own = corpus::own();
    let messages = read(own.iter().map(|(_, bytes)| bytes.as_slice()));
    assert!(messages.len() > 10);
    assert_eq!(deviations(&messages), "");
}

#[test]
fn what_is_learnt_from_real_messages_holds_of_them() {
    let Some(folder) = corpus::shared("messages") else { return };
    let paths: Vec<PathBuf> = corpus::files(&folder, &[".hl7", ".txt"]);
    let bytes: Vec<Vec<u8>> = paths.iter().map(|path| fs::read(path).unwrap()).collect();
    let messages = read(bytes.iter().map(Vec::as_slice));
    assert!(messages.len() > 500, "{} messages were read", messages.len());
    assert_eq!(deviations(&messages), "");
}

#[test]
fn a_profile_tells_of_what_was_seen_alone() {
    let folder = root().join("compiler/cli/tests/commands/profiling.in/messages");
    let bytes: Vec<_> = corpus::files(&folder, &[".hl7"]).iter().map(|path| fs::read(path).unwrap()).collect();
    let messages = read(bytes.iter().map(Vec::as_slice));
    insta::assert_snapshot!(infer(&messages, &Standards::embedded()));
}

#[test]
fn two_profiles_differ_place_by_place() {
    let text = "profile A of ADT_A01 version \"2.5.1\" {\n    PID-3 1..5\n    PID-8 1..1 in (\"M\", \"F\")\n    NK1 0..3\n}\n\
                profile B of ADT_A01, ADT_A03 version \"2.5.1\" {\n    PID-3 1..5\n    PID-8 1..1 in (\"F\", \"M\", \"U\")\n    \
                ZPI 0..1 after PID\n}\nsegment ZPI { 1 ST? }\n";
    let opened = pipeline::module(text);
    let facts = db::profiles(&opened.db, opened.project, opened.files[0]);
    let compared = compare(facts[0], facts[1]);
    let show = |said: &Option<emr_compiler::sender::Said>| said.as_ref().map(ToString::to_string).unwrap_or_default();
    let rows: Vec<_> =
        compared.differences.iter().map(|it| (it.place.to_string(), show(&it.left), show(&it.right))).collect();
    let row = |place: &str, left: &str, right: &str| (place.to_owned(), left.to_owned(), right.to_owned());
    assert_eq!(
        rows,
        [row("PID-8", "1..1 in (F, M)", "1..1 in (F, M, U)"), row("NK1", "0..3", ""), row("ZPI", "", "0..1 after PID"),]
    );
    // PID-3, and PID, which PID-3 makes present.
    assert_eq!(compared.same, 2);
    let heads: Vec<_> = compared.heads.iter().map(|head| (head.what, head.right.as_str())).collect();
    assert_eq!(heads, [("structures", "ADT_A01, ADT_A03")]);
}
