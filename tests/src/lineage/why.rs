//! That what is told of an output is whole: each value has its rule, and nothing that is not named has a part in it.

use emr_compiler::plan::interpret::{Explained, Explanation, Places, Rejection, Through, explain, spelled};
use emr_message::{Message, Settings};

use super::changed::parted;
use crate::corpus::root;
use crate::pipeline::{self, Map};

const MAPS: [(&str, &str, &str); 4] = [
    ("tests/bench/maps", "admission.admission", "ADT"),
    ("tests/bench/maps", "results.results", "ORU"),
    ("examples/admission", "admission.admission", "ADT"),
    ("examples/results", "results.lab_result", "ORU"),
];

/// Fields whose change makes it another message, read in another way.
const HEADER: [u16; 5] = [1, 2, 9, 12, 18];

fn explained(map: &Map, message: &[u8]) -> Option<Explained> {
    let message = Message::read(message, &Settings::default()).ok()?;
    Some(explain(&map.plan, &message, &map.runs))
}

/// Our own messages of that kind.
fn messages(kind: &str) -> Vec<(String, Vec<u8>)> {
    let mut messages = crate::corpus::own();
    messages.retain(|(_, message)| message.windows(kind.len()).any(|bytes| bytes == kind.as_bytes()));
    messages
}

fn told(map: &Map, explained: &Explained) -> String {
    let places = |places: &Places| {
        let mut all: Vec<String> = places.places.iter().map(spelled).collect();
        all.extend(places.whole.then(|| "the whole message".to_owned()));
        all.join(" ")
    };
    let line = |value: &Explanation| {
        let rules: Vec<_> = value.rules.iter().map(|rule| map.plan.rules[*rule as usize].function.as_str()).collect();
        let through: Vec<_> = value.through.iter().map(shown).collect();
        format!(
            "{}\n    of {} | if {} | by {} | through {}\n",
            value.path,
            places(&value.sources),
            places(&value.conditions),
            rules.join(" > "),
            through.join(" ")
        )
    };
    explained.values.iter().map(line).collect()
}

fn shown(through: &Through) -> String {
    match through {
        Through::Into(primitive) => format!("{primitive:?}"),
        Through::Builtin(name) => (*name).to_owned(),
        Through::Routine(name) => name.to_string(),
    }
}

#[test]
fn of_an_admission() {
    let message = std::fs::read(root().join("examples/admission/samples/a01_short.hl7")).unwrap();
    let map = pipeline::project("examples/admission").explained("admission.admission");
    insta::assert_snapshot!(told(&map, &explained(&map, &message).unwrap()));
}

#[test]
fn a_run_that_is_explained_writes_the_same() {
    for (folder, key, kind) in MAPS {
        let project = pipeline::project(folder);
        let (plain, maps) = (project.map(key), [project.explained(key), project.covered(key)]);
        let all = messages(kind).into_iter().flat_map(|message| maps.iter().map(move |map| (message.clone(), map)));
        for ((name, message), map) in all {
            let (Ok(plain), Some(explained)) = (plain.run(&message), explained(map, &message)) else { continue };
            match (&plain.result, &explained.outcome.result) {
                (Ok(plain), Ok(explained)) => assert!(plain == explained, "{folder}, {name}"),
                // Rules have other numbers in a plan that is explained.
                (plain, explained) => {
                    let code = |it: &Result<Vec<u8>, Rejection>| it.as_ref().err().map(|it| (it.code, it.place));
                    assert_eq!(code(plain), code(explained), "{folder}, {name}");
                }
            }
            assert_eq!(plain.issues.len(), explained.outcome.issues.len(), "{folder}, {name}");
        }
    }
}

#[test]
fn each_value_has_a_rule() {
    for (folder, key, kind) in MAPS {
        let map = pipeline::project(folder).explained(key);
        let mut values = 0;
        for (name, message) in messages(kind) {
            let Some(explained) = explained(&map, &message) else { continue };
            values += explained.values.len();
            for value in &explained.values {
                let rule = value.rules.last().and_then(|rule| map.plan.rules.get(*rule as usize));
                let has_rule = rule.is_some_and(|rule| !rule.function.is_empty() && !rule.at.is_empty());
                assert!(has_rule, "{folder}, {name}: {} has no rule", value.path);
            }
        }
        assert!(values > 300, "{folder}: {values} values");
    }
}

/// A field of a message, by the number of its segment.
type Field = (u32, u16);

fn names(places: &Places, (segment, field): Field) -> bool {
    places.whole || places.places.iter().any(|place| (place.segment, place.field) == (segment, field))
}

/// The message with other text in a field.
fn changed(message: &[u8], (segment, field): Field, text: &str) -> Vec<u8> {
    let read = Message::read(message, &Settings::default()).unwrap();
    let line = |number: usize| {
        let line = read.text_of(number);
        if number != segment as usize {
            return line.to_owned();
        }
        // Of MSH the first field is the bar itself.
        let index = usize::from(field) - usize::from(line.starts_with("MSH"));
        let mut fields: Vec<&str> = line.split('|').collect();
        fields[index] = text;
        fields.join("|")
    };
    let lines: Vec<String> = (0..read.segments().len()).map(line).collect();
    lines.join("\r").into_bytes()
}

#[test]
fn a_change_of_a_field_changes_only_values_that_name_it() {
    for (folder, key, kind) in MAPS {
        let map = pipeline::project(folder).explained(key);
        let mut compared = 0;
        for (name, message) in messages(kind) {
            let Some(before) = explained(&map, &message).filter(|it| it.outcome.result.is_ok()) else { continue };
            let read = Message::read(&message, &Settings::default()).unwrap();
            // What is changed is written with bars, in UTF-8.
            if read.text_of(0).as_bytes()[3] != b'|' || read.msh(18).value().is_some() {
                continue;
            }
            // The first of each kind of segment: those that follow are treated alike.
            let kinds = (0..read.segments().len()).filter(|segment| read.place(*segment).occurrence < 3);
            for segment in kinds {
                for field in 1..read.fields(segment) + 1 {
                    let is_header = read.text_of(segment).starts_with("MSH") && HEADER.contains(&field);
                    // The examples are long: a third of their fields says enough.
                    let is_passed_over = folder.starts_with("examples") && (segment + usize::from(field)) % 3 > 0;
                    if is_header || is_passed_over || read.field(segment, field).state() == emr_message::State::Absent {
                        continue;
                    }
                    let at = (u32::try_from(segment).unwrap(), field);
                    for text in ["", ["19990101", "M^N^O~P^Q&R"][(segment + usize::from(field)) % 2]] {
                        let after = explained(&map, &changed(&message, at, text));
                        let Some(after) = after.filter(|it| it.outcome.result.is_ok()) else { continue };
                        compared += 1;
                        let parted = parted(&before, &after, |_, places| names(places, at));
                        let place = read.field(segment, field).place;
                        assert!(parted.is_empty(), "{folder}, {name}: {} as {text:?}: {parted:?}", spelled(&place));
                    }
                }
            }
        }
        println!("{folder}, {key}: {compared}");
        assert!(compared > 60, "{folder}: {compared}");
    }
}
