//! What `emr trace` tells of each value.

use emr_compiler::trace::{Trace, trace};
use emr_message::{Message, Settings};

use crate::pipeline;

const MESSAGE: &str = "MSH|^~\\&|A|B|C|D|20240102030405||ADT^A01^ADT_A01|1|P|2.5.1\rEVN||20240102\rPID|1|7^^^B|8^^^C||Doe^Jane||19610101||Roe^J|||||||||99\rPV1|1|I";

fn traced(text: &str) -> Trace {
    let opened = pipeline::module(text);
    let message = Message::read(MESSAGE.as_bytes(), &Settings::default()).unwrap();
    let trace = trace(&opened.db, opened.project, "main.m", &message, &opened.runs);
    trace.unwrap_or_else(|| panic!("{}", opened.rendered()))
}

/// Each value with its path and the lines of this map's rules on the way to it.
fn shown(trace: &Trace) -> String {
    let value = |value: &emr_compiler::trace::Value| {
        let own = value.rules.iter().filter(|rule| !rule.library);
        let lines: Vec<_> = own.map(|rule| rule.line.to_string()).collect();
        format!("{}: {} by {}\n", value.path, value.json, lines.join(" "))
    };
    trace.values.iter().map(value).collect()
}

#[test]
fn an_item_of_a_list_comes_of_the_rule_that_writes_it() {
    let trace = traced(
        r#"map m(ADT_A01) -> Patient {
    name +:       PID-5
    name +:       { text: first PID-9.1 }
    name +:       PID-9 with { use: "old" }
    identifier:   PID-2, PID-3
    birthDate:    PID-7
}
"#,
    );
    insta::assert_snapshot!(shown(&trace));
}

#[test]
fn of_a_message_that_is_changed_what_is_taken_over_is_one_value() {
    let trace = traced(
        r#"map m(new: ADT_A01) -> ADT_A01 = new with {
    PID-3:   PID-2, PID-3
    PID-5 +: PID-9
    PID-7:   "1961"
    PID-8:   null
    PID-18:  PID-18 with { CX.4.1: "MAIN" }
    drop EVN because "nobody reads it"
}
"#,
    );
    insta::assert_snapshot!(shown(&trace));
}

#[test]
fn of_a_message_that_is_built_what_is_taken_over_is_one_value() {
    let trace = traced(
        r#"map m(ADT_A01) -> ADT_A01 {
    MSH: MSH with { MSH-3: "X" }
    EVN: EVN else skip
    PID: {
        PID-3: PID-3 else skip
        PID-5: PID-5 else skip, PID-9
        PID-8: "F"
    }
    PV1: PV1 else skip
}
"#,
    );
    insta::assert_snapshot!(shown(&trace));
}
