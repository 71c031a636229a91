//! Names of compiled code: all of it has one, and the rule behind an address is the one that the code comes of.

use std::collections::BTreeSet;
use std::sync::Arc;

use emr_compiler::db;
use emr_compiler::plan::Plan;
use emr_native::{Compiler, Target};
use emr_runtime::host::{Loaded, Symbol};

use crate::pipeline::{self, Opened};

fn symbols(plan: &Arc<Plan>, rules: &[String]) -> Vec<Symbol> {
    let program = Compiler::new(&Target::Host).unwrap().program(plan);
    Loaded::new(program).unwrap().symbols(rules)
}

/// The first line of each rule.
fn rules(opened: &Opened, plan: &Plan) -> Vec<String> {
    let line = |rule: &emr_compiler::plan::Rule| {
        let (file, start) = db::place(&opened.db, opened.project, &rule.function).unwrap();
        file.text(&opened.db)[start + rule.at.start..].lines().next().unwrap().trim().to_owned()
    };
    plan.rules.iter().map(line).collect()
}

#[test]
fn code_has_the_names_of_the_rules_that_it_comes_of() {
    let text = "map patient(PID) -> Patient {\n    active: true\n    birthDate: PID-7\n    name: each PID-5 {\n        given: .2\n    }\n}\n";
    let opened = pipeline::module(text);
    let plan = opened.map("main.patient").plan;
    let names: BTreeSet<_> = symbols(&plan, &rules(&opened, &plan)).into_iter().map(|symbol| symbol.name).collect();
    // A constant is written with what comes behind it; the entry and the beginning of the routine are of no rule.
    let expected =
        ["birthDate: PID-7", "entry", "given: .2", "main.patient", "name: each PID-5 {", "patient(PID) -> Patient {"];
    assert_eq!(names.iter().map(String::as_str).collect::<Vec<_>>(), expected);
}

#[test]
fn all_code_has_a_name() {
    for (example, map) in pipeline::examples() {
        let rules: Vec<_> = (0..map.plan.rules.len()).map(|rule| format!("rule {rule}")).collect();
        let program = Compiler::new(&Target::Host).unwrap().program(&map.plan);
        let (length, functions) = (program.code.len(), program.functions.len());
        let symbols = Loaded::new(program).unwrap().symbols(&rules);
        let first = symbols.first().unwrap().address;
        let end = symbols.iter().fold(first, |end, symbol| {
            assert_eq!(symbol.address, end, "{example}: {}", symbol.name);
            end + symbol.length
        });
        assert_eq!(end - first, length, "{example}");
        let of_rules: usize =
            symbols.iter().filter(|symbol| symbol.name.starts_with("rule ")).map(|symbol| symbol.length).sum();
        println!("{example}: {length} bytes in {functions} functions, {of_rules} of them of {} rules", rules.len());
        // What is left is where functions begin.
        assert!(of_rules * 10 > length * 7, "{example}");
    }
}
