//! Tables that a running engine asks, in both engines: what is known comes with the receipt, what is not is noted and missing.

use std::sync::Arc;

use emr_compiler::plan::{Plan, interpret};
use emr_message::answers::{Answer, Question};
use emr_message::{Answers, Message, Receipt, Settings, Table};
use emr_native::{Compiler, Target};
use emr_runtime::host::{Loaded, Machine, Ran};

use crate::pipeline;

const MAPPING: &str = r#"
table Staff(id: string, house: string) -> { npi: string?, field: code(snomed)? } = sql(secret("STAFF_DB")) {
    query: 'select npi, field from staff where id = :id and house = :house'
}
map practitioner(MSH, PV1) -> Practitioner {
    identifier: each PV1-7 { value: Staff(.1, MSH-4.1).npi else "none" }
    qualification: { code: Staff(first PV1-7.1, MSH-4.1).field, period: { start: "2020" } }
    active: true when (first PV1-7.1, MSH-4.1) in Staff
}
"#;

const MESSAGE: &str = "MSH|^~\\&|A|N\\T\\O|C|D|20240102030405||ADT^A01^ADT_A01|1|P|2.5.1\rPV1|1|I|||||D1~D2\rPV1|2|I\r";

const SIGNATURE: &str = "main.Staff(id, house) npi, field of http://snomed.info/sct";

fn plan() -> Arc<Plan> {
    pipeline::module(MAPPING).map("main.practitioner").plan
}

fn question(id: &str) -> Question {
    Question { table: SIGNATURE.into(), keys: vec![id.to_owned(), "N&O".to_owned()] }
}

/// A row whose texts JSON holds in another way.
fn answer(id: &str) -> Answer {
    let texts = [id, "N&O", "1\"2\n\\3", "http://snomed.info/sct", "394579002"];
    Some(texts.iter().map(|text| Some((*text).to_owned())).chain([None]).collect())
}

/// What both engines make of it: the output, or the code of the refusal.
fn made(plan: &Plan, answers: impl Fn() -> Answers) -> (Result<String, String>, Vec<Question>) {
    let receipt = || Receipt::default().answered(answers());
    let message = Message::read(MESSAGE.as_bytes(), &Settings::default()).unwrap();
    let own = receipt();
    let settings = interpret::Settings { receipt: own.clone(), ..Default::default() };
    let interpreted = interpret::run(plan, &message, &settings).result;
    let interpreted = interpreted.map(|json| String::from_utf8(json).unwrap()).map_err(|why| why.code.to_owned());

    let program = Compiler::new(&Target::Host).unwrap().program(plan);
    let mut machine = Machine::new(Arc::new(Loaded::new(program).unwrap()), Settings::default(), None, None);
    let second = receipt();
    // What another message brought is not there any more.
    machine.receive(Receipt::default().answered(Answers::of([(&question("D9"), &answer("D9"))])));
    machine.receive(second.clone());
    match (machine.run(MESSAGE.as_bytes()), &interpreted) {
        (Ran::Done(done), Ok(json)) => assert_eq!(std::str::from_utf8(done.json).unwrap(), json),
        // The interpreter says why.
        (Ran::Deferred, Err(_)) => {}
        (ran, interpreted) => panic!("{ran:?}, and {interpreted:?}"),
    }
    assert_eq!(own.answers().wanted(), second.answers().wanted());
    (interpreted, own.answers().wanted())
}

#[test]
fn a_message_is_mapped_with_the_answers_that_come_with_it() {
    let plan = plan();
    let known = [(question("D1"), answer("D1")), (question("D2"), None)];
    let (json, wanted) = made(&plan, || Answers::of(known.iter().map(|(question, answer)| (question, answer))));
    assert_eq!(wanted, []);
    insta::assert_snapshot!(json.unwrap());
}

#[test]
fn what_is_not_known_is_noted_with_the_keys_of_the_message() {
    let plan = plan();
    let (json, wanted) = made(&plan, || Answers::of([(&question("D2"), &None)]));
    assert!(json.is_ok());
    assert_eq!(wanted, [question("D1")]);
}

#[test]
fn a_table_of_another_form_answers_nothing() {
    let plan = plan();
    let other = Question { table: "main.Staff(id, house) npi".into(), ..question("D1") };
    let (_, wanted) = made(&plan, || Answers::of([(&other, &None)]));
    assert_eq!(wanted, [question("D1"), question("D2")]);
}

#[test]
fn a_message_that_needs_answers_is_refused_where_nobody_asks() {
    let plan = plan();
    let (refused, wanted) = made(&plan, Answers::default);
    assert_eq!((refused.unwrap_err().as_str(), wanted.len()), ("R0602", 0));
    let empty = || Answers::given([(SIGNATURE.to_owned(), Table::empty(2, 6))]);
    assert_eq!(made(&plan, empty).0.unwrap(), "{\"resourceType\":\"Practitioner\"}");
}
