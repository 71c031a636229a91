//! Machine code of the examples against the interpreter.

use crate::corpus::{self, shared};
use crate::mutate::mutate;
use crate::oracle::Both;
use crate::pipeline;
use crate::random::Random;
use emr_message::batch;
use std::fs;

const MUTATIONS: usize = 2_000;

#[test]
fn the_examples_are_mapped_as_the_interpreter_does() {
    for (example, map) in pipeline::examples() {
        let mut both = Both::new(map);
        let messages = pipeline::fitting(example);
        for (name, message) in &messages {
            assert_eq!(both.differ(message), None, "{name}");
        }
        println!("{example}, own messages: {:?} {:?}", both.tally, both.reasons);
        for seed in 0..MUTATIONS {
            let (name, message) = &messages[seed % messages.len()];
            let mutated = mutate(message, &mut Random::seeded(seed as u64));
            assert_eq!(both.differ(&mutated), None, "{name}, seed {seed}");
        }
        println!("{example}, with mutations: {:?} {:?}", both.tally, both.reasons);
    }
}

#[test]
fn real_messages_are_mapped_as_the_interpreter_does() {
    let Some(folder) = shared("messages") else { return };
    for (example, map) in pipeline::examples() {
        let mut both = Both::new(map);
        for path in corpus::files(&folder, &[".hl7", ".HL7", ".txt"]) {
            let bytes = fs::read(&path).unwrap();
            for message in batch::messages(&bytes) {
                assert_eq!(both.differ(&message), None, "{example}: {}", path.display());
            }
        }
        println!("{example}, real messages: {:?} {:?}", both.tally, both.reasons);
    }
}

#[test]
fn a_question_and_its_answer_are_mapped_as_the_interpreter_does() {
    let map = pipeline::project("examples/query").map("query.candidates");
    let sample = |name: &str| fs::read(corpus::root().join("examples/query/samples").join(name)).unwrap();
    let questions = ["by-birthday.hl7", "by-name.hl7", "by-number.hl7"].map(sample);
    let answers = ["nobody.json", "two-candidates.json"].map(sample);
    let mut both = Both::new(map);
    for seed in 0..MUTATIONS {
        let mut random = Random::seeded(seed as u64);
        let (question, answer) = (random.of(&questions).clone(), random.of(&answers).clone());
        let question = if seed % 2 == 0 { question } else { mutate(&question, &mut random) };
        let answer = if seed % 3 == 0 { mutate(&answer, &mut random) } else { answer };
        assert_eq!(both.differ_of_both(&question, &answer), None, "seed {seed}");
    }
    println!("{:?} {:?}", both.tally, both.reasons);
    assert!(both.tally.native > MUTATIONS / 2, "{:?}", both.tally);
}
