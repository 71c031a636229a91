//! What `emr generate` makes for maps that take resources of FHIR.

use emr_compiler::coverage::{Coverage, Kind};
use emr_compiler::generate::{Generated, generate};
use emr_compiler::json;
use emr_compiler::plan::interpret::run_resource;
use emr_compiler::standard::Standards;
use emr_compiler::validate;

use crate::pipeline::{self, Opened};

fn made(opened: &Opened, count: Option<usize>) -> Generated {
    let made = generate(&opened.db, opened.project, "main.m", (count, 0), &opened.runs);
    made.unwrap_or_else(|| panic!("{}", opened.rendered()))
}

/// What becomes of each; all of them are sound.
fn outputs(text: &str) -> Vec<String> {
    let opened = pipeline::module(text);
    let (map, made) = (opened.map("main.m"), made(&opened, None));
    assert!(made.of_fhir);
    let output = |resource: &String| {
        let problems = validate::resource(resource, &Standards::embedded().fhir, &[]);
        assert!(problems.is_empty(), "{problems:?}: {resource}");
        let outcome = run_resource(&map.plan, &json::read(resource).unwrap(), &map.runs).unwrap();
        match outcome.result {
            Ok(out) => String::from_utf8_lossy(&out).into_owned(),
            Err(rejected) => rejected.text.to_string(),
        }
    };
    made.messages.iter().map(output).collect()
}

/// Each of them stands in one at least.
fn holds(outputs: &[String], all: &[&str]) {
    for wanted in all {
        assert!(outputs.iter().any(|output| output.contains(wanted)), "no output has {wanted}: {outputs:#?}");
    }
}

#[test]
fn resources_have_what_a_map_asks_for() {
    let outputs = outputs(
        r#"map m(o: Observation) -> Basic {
    code: { text: match o.status { "final" => "F", "amended" => "C", else => "P" } }
    identifier: { value: o.identifier[0].value }
    extension["http://example.org/value"]: "{(o.value as Quantity).value} {(o.value as Quantity).unit}" as string
        when o.value is Quantity else "text" when o.value is present
    created: o.issued as date
    subject: o.performer[1] when o.code.coding[.system == "http://loinc.org"].code is present
}
"#,
    );
    holds(&outputs, &["\"F\"", "\"C\"", "\"P\"", " Example\"", "\"text\"", "2024-02-29", "\"subject\""]);
}

#[test]
fn a_bundle_has_the_resources_that_its_references_lead_to() {
    let outputs = outputs(
        r#"map m(bundle: Bundle) -> Basic {
    let report = first (bundle.entry.resource as DiagnosticReport)
    code:    { text: (resolve(report.subject) as Patient).name[0].family else "nobody" }
    subject: report.subject
    author:  { display: first (resolve(report.result)).code.text }
}
"#,
    );
    holds(&outputs, &["nobody", "\"Example\"", "\"author\""]);
}

#[test]
fn a_map_of_any_resource_gets_those_that_it_asks_for() {
    let outputs = outputs(
        r#"map m(r: Resource) -> Basic {
    code: { text: "a {(r as Patient).gender}" when r is Patient else "a stay" when r is Encounter else "none" }
}
"#,
    );
    holds(&outputs, &["a other", "a stay", "none"]);
}

#[test]
fn what_is_asked_for_is_missing_in_one() {
    let text = "map m(p: Patient) -> Basic { code: { text: p.name[0].family else reject \"no name\" } }\n";
    holds(&outputs(text), &["Example", "no name"]);
}

#[test]
fn what_is_asked_for_stands_with_what_the_standard_wants_beside_it() {
    let outputs = outputs(
        r#"map m(o: Observation) -> Person {
    telecom: each t in (o.contained as Patient).telecom { system: "phone", value: t.value }
    gender: first (o.contained as Patient).contact.gender
    name: { text: first o.referenceRange.type.text }
    identifier: { value: (o.value as string) else o.dataAbsentReason.text }
}
"#,
    );
    holds(&outputs, &["\"value\":\"Example\"", "\"gender\"", "\"text\"", "\"identifier\""]);
}

#[test]
fn as_many_as_are_asked_for() {
    let opened = pipeline::module("map m(p: Patient) -> Basic { code: { text: p.name[0].family else \"?\" } }\n");
    let (few, many) = (made(&opened, Some(1)), made(&opened, Some(30)));
    assert_eq!((few.messages.len(), many.messages.len()), (1, 30));
    assert_eq!(many.messages, made(&opened, Some(30)).messages);
}

#[test]
fn what_can_be_exercised_without_a_rejection_is() {
    let opened = pipeline::module(
        r#"map m(p: Patient) -> Basic {
    code: { text: match p.gender { "female" => "F", "male" => "M", else => "U" } }
    identifier: { value: p.identifier[0].value else "none" }
    require p.active is present else reject "whether the patient is known is not said"
}
"#,
    );
    let made = made(&opened, None);
    let report = |coverage: &Coverage| coverage.report(&opened.db, opened.project, &opened.files);
    let (all, passing) = (report(&made.coverage), report(&made.passing));
    let pairs = all.iter().flat_map(|file| &file.points).zip(passing.iter().flat_map(|file| &file.points));
    let only: Vec<Kind> = pairs.filter(|(all, other)| all.times > 0 && other.times == 0).map(|it| it.0.kind).collect();
    assert_eq!(only, [Kind::RequireNot]);
    assert!(made.rejected > 0 && made.rejected < made.messages.len(), "{} of {}", made.rejected, made.messages.len());
}
