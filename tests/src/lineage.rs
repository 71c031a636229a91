//! Where the values of an output come from, told by machine code of traced plans: golden, and against the interpreter.

mod changed;
mod resource;
mod traced;
mod why;

use std::fs;
use std::sync::Arc;

use emr_compiler::plan::interpret::spelled;
use emr_message::{Settings, batch};
use emr_native::{Compiler, Target};
use emr_runtime::host::{Loaded, Machine, Ran};

use crate::corpus::{self, own, root, shared};
use crate::oracle::Both;
use crate::pipeline::{self, Map};

const MAPS: [(&str, &str); 4] = [
    ("examples/admission", "admission.admission"),
    ("examples/results", "results.lab_result"),
    ("tests/bench/maps", "admission.admission"),
    ("tests/bench/maps", "results.results"),
];

/// Each value with where it comes from and the map whose rule wrote it.
fn told(map: &Map, message: &[u8]) -> String {
    let program = Compiler::new(&Target::Host).unwrap().program(&map.plan);
    let loaded = Arc::new(Loaded::new(program).unwrap());
    let mut machine = Machine::new(loaded, Settings::default(), map.runs.zone.clone(), None);
    let Ran::Done(done) = machine.run(message) else { panic!("{}", machine.why()) };
    let lineage = done.lineage();
    let lines = lineage.iter().map(|of| {
        let place = of.place.as_ref().map_or("no place".to_owned(), spelled);
        format!("{} <- {place}, {}\n", of.path, map.plan.rules[of.rule as usize].function)
    });
    lines.collect()
}

#[test]
fn of_an_admission() {
    let message = fs::read(root().join("examples/admission/samples/a01_short.hl7")).unwrap();
    insta::assert_snapshot!(told(&pipeline::project("examples/admission").traced("admission.admission"), &message));
}

#[test]
fn a_plan_that_is_not_traced_tells_nothing() {
    let message = fs::read(root().join("examples/results/samples/oru.hl7")).unwrap();
    assert_eq!(told(&pipeline::project("examples/results").map("results.lab_result"), &message), "");
}

#[test]
fn machine_code_tells_what_the_interpreter_tells() {
    let mut messages: Vec<Vec<u8>> = own().into_iter().map(|(_, message)| message).collect();
    if let Some(folder) = shared("messages") {
        for path in corpus::files(&folder, &[".hl7", ".HL7", ".txt"]) {
            messages.extend(batch::messages(&fs::read(&path).unwrap()));
        }
    }
    for (folder, key) in MAPS {
        let mut both = Both::new(pipeline::project(folder).traced(key));
        for (number, message) in messages.iter().enumerate() {
            assert_eq!(both.differ(message), None, "{folder}, {key}: message {number}");
        }
        println!("{folder}, {key}: {:?} {:?}", both.tally, both.reasons);
        assert!(both.tally.native > 10, "{folder}, {key}: {:?}", both.tally);
    }
}
