//! The examples over messages that nobody would wish for, and over real ones.

use crate::corpus::{self, own, shared};
use crate::pipeline::{self, Map};
use crate::torture::{Tally, mutations, truncations};
use emr_compiler::standard::fhir::Fhir;
use emr_compiler::validate;
use emr_message::{Message, Settings, batch};
use std::collections::BTreeMap;
use std::fs;
use std::path::PathBuf;
use std::sync::Mutex;

/// How many mutations a run of the tests takes. `cargo run --release -p emr-tests --bin mutations -- 100000` takes more.
const MUTATIONS: usize = 5_000;

#[test]
fn every_beginning_of_the_examples_messages_is_survived() {
    for (example, map) in pipeline::examples() {
        let mut messages = own();
        messages.retain(|(name, _)| name.starts_with(example));
        assert!(!messages.is_empty());
        let Tally { given, refused } = truncations(messages, map.transform());
        println!("{example}: {given} beginnings mapped, {refused} refused");
        assert!(given > 100);
    }
}

#[test]
fn mutations_are_survived() {
    for (example, map) in pipeline::examples() {
        let messages = pipeline::fitting(example);
        let count = messages.len();
        let Tally { given, refused } = mutations(messages, MUTATIONS / 2, map.transform());
        println!("{example}: {given} mutations of {count} messages mapped, {refused} refused");
        assert!(given > MUTATIONS / 4);
    }
}

/// The messages of one kind in the shared folder, each with its file.
fn real(folder: &std::path::Path, code: &str) -> Vec<(PathBuf, Vec<u8>)> {
    let mut messages = Vec::new();
    for path in corpus::files(folder, &[".hl7", ".HL7", ".txt"]) {
        let bytes = fs::read(&path).unwrap();
        for message in batch::messages(&bytes) {
            let read = Message::read(&message, &Settings::default());
            if read.is_ok_and(|it| it.msh(9).component(1).value().is_some_and(|it| it == code)) {
                messages.push((path.strip_prefix(folder).unwrap().to_owned(), message));
            }
        }
    }
    messages
}

#[test]
fn what_the_examples_make_of_real_messages_is_valid() {
    let Some(folder) = shared("messages") else { return };
    let fhir = Fhir::r4();
    let mut wrong: BTreeMap<String, (usize, String)> = BTreeMap::new();
    for (example, map) in pipeline::examples() {
        let code = pipeline::kind(example);
        let messages = real(&folder, code);
        let (mut mapped, mut rejected, mut invalid) = (0, BTreeMap::<String, usize>::new(), 0);
        for (path, message) in &messages {
            let outcome = map.run(message).unwrap();
            let json = match outcome.result {
                Ok(json) => String::from_utf8(json).unwrap(),
                Err(rejection) => {
                    *rejected.entry(rejection.text.to_string()).or_default() += 1;
                    continue;
                }
            };
            mapped += 1;
            let problems = validate::resource(&json, &fhir, &[]);
            invalid += usize::from(!problems.is_empty());
            for problem in problems {
                let said = format!("{example}: {}", general(&problem.to_string()));
                let entry = wrong.entry(said).or_insert_with(|| (0, format!("{}: {problem}", path.display())));
                entry.0 += 1;
            }
        }
        println!(
            "{example}: {} {code} messages, {mapped} mapped, {invalid} invalid; rejected {rejected:?}",
            messages.len()
        );
        assert!(mapped * 2 > messages.len(), "{example} rejects most messages: {rejected:?}");
    }
    let told: Vec<_> = wrong.iter().map(|(said, (count, first))| format!("{count} × {said}\n      {first}")).collect();
    assert!(told.is_empty(), "{} kinds of problems:\n{}", told.len(), told.join("\n"));
}

/// A problem without the numbers of its place, so that like ones count together.
fn general(problem: &str) -> String {
    problem.replace(|letter: char| letter.is_ascii_digit(), "").replace("[]", "")
}

#[test]
fn the_same_message_gives_the_same_bytes_on_any_number_of_threads() {
    for (example, map) in pipeline::examples() {
        let messages = own();
        let alone: Vec<_> = messages.iter().map(|(_, message)| bytes(&map, message)).collect();
        assert!(alone.iter().any(Option::is_some), "{example}");
        for threads in [2, 5] {
            let together = Mutex::new(vec![None; messages.len()]);
            std::thread::scope(|scope| {
                for thread in 0..threads {
                    let (map, messages, together) = (map.clone(), &messages, &together);
                    scope.spawn(move || {
                        for index in (thread..messages.len()).step_by(threads) {
                            let given = bytes(&map, &messages[index].1);
                            together.lock().unwrap()[index] = given;
                        }
                    });
                }
            });
            assert!(together.into_inner().unwrap() == alone, "{example} on {threads} threads");
        }
        // A project that is opened again has nothing left of the first time.
        let (_, again) = pipeline::examples().into_iter().find(|(name, _)| *name == example).unwrap();
        assert!(messages.iter().map(|(_, message)| bytes(&again, message)).eq(alone), "{example}, opened again");
    }
}

fn bytes(map: &Map, message: &[u8]) -> Option<Vec<u8>> {
    map.run(message).ok()?.result.ok()
}
