//! Messages that nobody would send in good faith, and limits that are met to the byte, in machine code: what the
//! interpreter makes of them, a rejection, or a word that they are left to it.

use crate::oracle::{Both, Tally};
use crate::pipeline::{self, Map};

/// What [`emr_runtime::host::Machine`] has for output at first.
const ROOM: usize = 1 << 18;

const HEAD: &str = "MSH|^~\\&|LAB|MAIN|EHR|MAIN|20260102083000-0600||ORU^R01^ORU_R01|1|P|2.5.1\r\
                    PID|1||4711^^^MAIN^MR||EVERYWOMAN^EVE||19700601|F\r\
                    OBR|1|P1|F1|24323-8^Panel^LN|||20260102080000-0600|||||||||||||||20260102083000-0600|||F\r";

fn results() -> Map {
    pipeline::project("examples/results").map("results.lab_result")
}

/// Runs all of them, one after the other; how they came out.
fn same(map: Map, messages: impl IntoIterator<Item = Vec<u8>>) -> Tally {
    let mut both = Both::new(map);
    for (number, message) in messages.into_iter().enumerate() {
        assert_eq!(both.differ(&message), None, "message {number}");
    }
    both.tally
}

#[test]
fn no_byte_is_a_message() {
    for (_, map) in pipeline::examples() {
        let tally = same(map, std::iter::once(Vec::new()).chain((0..=255).map(|byte| vec![byte])));
        assert_eq!(tally.unreadable, 257, "{tally:?}");
    }
}

/// The examples of which code carries out the first message of their kind: all but `examples/laboratory`.
fn carried() -> Vec<(&'static str, Map)> {
    let is_carried = |(example, map): &(&'static str, Map)| {
        let (_, message) = pipeline::fitting(example).swap_remove(0);
        let mut both = Both::new(map.clone());
        assert_eq!(both.differ(&message), None);
        both.tally.native == 1
    };
    let carried: Vec<_> = pipeline::examples().into_iter().filter(is_carried).collect();
    let names: Vec<_> = carried.iter().map(|(example, _)| *example).collect();
    assert_eq!(names, ["examples/admission", "examples/results", "examples/inpatient"]);
    carried
}

#[test]
fn delimiters_alone_are_no_message_and_what_begins_as_one_is_read_alike() {
    let delimiters = ["|", "^", "~", "\\", "&", "\r", "\n", "\r\n", "^~\\&", "|^~\\&|"];
    let alone = delimiters.iter().flat_map(|it| [1, 7, 1_000].map(|times| it.repeat(times).into_bytes()));
    let behind = delimiters.iter().flat_map(|it| {
        let heads = ["MSH", "MSH|", "MSH|^~\\&", "MSH|^~\\&|", "MSH||||||", "MSH|^~\\&|||||||ADT^A01", "MSH^~|\\&^"];
        heads.map(|head| format!("{head}{}", it.repeat(300)).into_bytes())
    });
    let alone: Vec<_> = alone.collect();
    let count = alone.len();
    let (mut told, mut left) = (0, 0);
    for (_, map) in carried() {
        assert_eq!(same(map.clone(), alone.clone()).unreadable, count);
        let tally = same(map, behind.clone());
        told += tally.native + tally.rejected;
        left += tally.deferred + tally.unreadable;
    }
    // What a profile asks of such messages is more than code says.
    assert!(told > left, "{told} and {left}");
}

#[test]
fn where_fuel_ends_code_stops_and_goes_on_with_the_next() {
    // More than a message takes.
    const ALL: u64 = 3_000;
    for (example, map) in carried() {
        let (_, message) = pipeline::fitting(example).swap_remove(0);
        let mut both = Both::new(map);
        let mut tally = |fuel: u64| {
            both.renew(Some(fuel));
            assert_eq!([both.differ(&message), both.differ(&message)], [None, None]);
            both.tally
        };
        assert_eq!(tally(ALL).native, 2, "{example} wants more than {ALL}");
        let (mut low, mut high) = (0, ALL);
        while high - low > 1 {
            let middle = low.midpoint(high);
            if tally(middle).deferred == 0 { high = middle } else { low = middle }
        }
        assert!(low > 0, "{example} takes no fuel");
        assert_eq!(tally(low).deferred, 2, "{example} with {low}");
        assert_eq!(tally(u64::MAX).native, 2);
    }
}

/// Room is made anew for a message that needs more, wherever the output meets the end of what there is.
#[test]
fn an_output_ends_at_each_byte_around_its_room() {
    let mut both = Both::new(results());
    let line = |number: usize, text: &str| format!("OBX|{number}|ST|718-7^Hemoglobin^LN||{text}||||||F\r");
    let message = |count: usize, text: &str| {
        let lines = (1..count).map(|number| line(number, "x")).chain([line(count, text)]);
        [HEAD.to_owned()].into_iter().chain(lines).collect::<String>().into_bytes()
    };
    let length = |count| results().run(&message(count, "x")).unwrap().result.unwrap().len();
    let (few, more) = (length(10), length(20));
    let each = (more - few) / 10;
    let count = 10 + (ROOM - few) / each - 1;
    let short = length(count);
    assert!((ROOM - 3 * each..ROOM).contains(&short), "{short}");
    // One byte more at a time where the output could just fit, then in strides until it certainly does not.
    let ends = (0..40).map(|by| by * 97).chain((ROOM - short).saturating_sub(700)..ROOM - short + 8);
    for more in ends.step_by(if cfg!(debug_assertions) { 13 } else { 1 }) {
        both.renew(None);
        assert_eq!(both.differ(&message(count, &"x".repeat(more + 1))), None, "{more} bytes more");
        assert_eq!(both.tally.native, 1, "{more} bytes more: {:?}", both.reasons);
    }
}

#[test]
fn an_output_many_times_its_room_is_written() {
    let lines = (0..6_000).map(|number| format!("OBX|{number}|NM|718-7^Hemoglobin^LN||1{number}||||||F\r"));
    let message = [HEAD.to_owned()].into_iter().chain(lines).collect::<String>();
    let mut both = Both::new(results());
    assert_eq!(both.differ(message.as_bytes()), None);
    assert_eq!(both.differ(HEAD.as_bytes()), None);
    assert_eq!(both.tally.native, 2, "{:?}", both.reasons);
}

/// Numbers at and beyond the edges of machine words and of what FHIR allows.
fn numbers() -> Vec<String> {
    let edges = [7, 8, 15, 16, 31, 32, 63, 64, 127].map(|bits| 1u128 << bits);
    let around =
        edges.iter().flat_map(|edge| [edge - 1, *edge, edge + 1]).flat_map(|it| [it.to_string(), format!("-{it}")]);
    let odd = [
        ".999999", "-.999999", "0.", ".", "-", "+", "+1", "-0", "0", "00012", "1.", "1e400", "1E-400", "0x10", "1_000",
        "1,5", "\u{661}", " 1", "1 ", "NaN", "Infinity", "--1", "1.2.3",
    ];
    let digits = [17, 18, 19, 20, 38, 39, 400].map(|count| "9".repeat(count));
    let long = digits.iter().flat_map(|it| [it.clone(), format!("-{it}"), format!("0.{it}"), format!("{it}.{it}")]);
    around.chain(odd.map(str::to_owned)).chain(long).collect()
}

#[test]
fn numbers_at_their_edges_are_read_alike() {
    let whole =
        "map m(ADT_A01) -> Patient {\n    multipleBirth: PID-25\n    telecom: { value: PID-1, rank: PID-1 }\n}\n";
    let messages = numbers().into_iter().map(|it| format!("MSH|^~\\&|||||||ADT^A01\rPID|{it}{}{it}\r", "|".repeat(24)));
    let tally = same(pipeline::module(whole).map("main.m"), messages.map(String::into_bytes));
    assert!(tally.native > tally.deferred && tally.deferred_clean == 0, "{tally:?}");

    let line = |it: String| format!("{HEAD}OBX|{it}|NM|718-7^Hemoglobin^LN||{it}|{it}|{it}-{it}|||{it}|F\r");
    let structured = |it: String| format!("{HEAD}OBX|1|SN|718-7^Hemoglobin^LN||>^{it}^-^{it}||||||F\r");
    let messages = numbers().into_iter().flat_map(|it| [line(it.clone()), structured(it)]);
    let tally = same(results(), messages.map(String::into_bytes));
    assert!(tally.native > tally.deferred && tally.deferred_clean == 0, "{tally:?}");
}

#[test]
fn very_many_parts_are_read_alike() {
    let admission = "MSH|^~\\&|A|B|C|D|20260312091504-0400||ADT^A01^ADT_A01|1|P|2.5.1\rEVN|A01|20260312091455-0400\r";
    let rest = "\rPV1|1|I|4W^412^B\r";
    let counts = [15, 16, 17, 63, 64, 65, 255, 256, 257, 4_095, 20_000];
    let messages = counts.iter().flat_map(|&count| {
        let repeated = |piece: &str| piece.repeat(count);
        [
            format!("{admission}PID|1||{}1^^^M^MR||A^B{rest}", repeated("1^^^M^MR~")),
            format!("{admission}PID|1||1^^^M^MR||A{}^B{rest}", repeated("^")),
            format!("{admission}PID|1||1^^^M{}&x^MR||A^B{rest}", repeated("&")),
            format!("{admission}PID|1||1^^^M^MR||A^B{}x{rest}", repeated("|")),
            format!("{admission}PID|1||1^^^M^MR||{}^B{rest}", repeated("A\\T\\\"")),
            format!("{admission}PID|1||1^^^M^MR||A^B{rest}{}", repeated("ZZZ|1\r")),
            format!("{admission}PID|1||1^^^M^MR||A^B{rest}{}", repeated("NK1|1|A^B|SPO\r")),
        ]
    });
    let map = pipeline::project("examples/admission").map("admission.admission");
    let tally = same(map, messages.map(String::into_bytes));
    assert!(tally.native > tally.deferred, "{tally:?}");
}

// ---- resources of FHIR

fn of_bundles() -> Map {
    let text = r#"map m(b: Bundle) -> Bundle {
    type: "collection"
    each o in b.entry.resource as Observation {
        emit Basic {
            code: { text: (resolve(o.subject) as Patient).name[0].family else "nobody" }
            identifier: { value: "{count(o.performer)} {o.id}" }
        }
    }
}
"#;
    pipeline::module(text).map("main.m")
}

/// Patients, and as many observations of them.
fn bundle(count: usize) -> Vec<u8> {
    let patient = |number| {
        format!(r#"{{"resource":{{"resourceType":"Patient","id":"{number}","name":[{{"family":"F{number}"}}]}}}}"#)
    };
    let observation = |number| {
        format!(
            r#"{{"resource":{{"resourceType":"Observation","id":"o{number}","status":"final","code":{{"text":"c"}},"subject":{{"reference":"Patient/{number}"}}}}}}"#
        )
    };
    let entries: Vec<String> = (0..count).map(patient).chain((0..count).rev().map(observation)).collect();
    format!(r#"{{"resourceType":"Bundle","type":"collection","entry":[{}]}}"#, entries.join(",")).into_bytes()
}

#[test]
fn a_bundle_of_thousands_is_mapped_by_machine_code() {
    let tally = same(of_bundles(), [bundle(1_500), bundle(0)]);
    assert_eq!(tally.native, 2, "{tally:?}");
}

#[test]
fn where_fuel_of_a_resource_ends_code_stops() {
    let mut both = Both::new(of_bundles());
    let bundle = bundle(4);
    for fuel in 0..40 {
        both.renew(Some(fuel));
        assert_eq!([both.differ(&bundle), both.differ(&bundle)], [None, None], "{fuel}");
    }
    assert_eq!(both.tally.native, 2, "{:?}", both.tally);
}

#[test]
fn a_resource_becomes_many_times_the_room_that_there_is() {
    let text = r#"map m(p: Patient) -> Bundle {
    type: "collection"
    each p.name { emit p with { active: true } }
}
"#;
    let map = pipeline::module(text);
    let names = r#"{"family":"A"},"#.repeat(29) + r#"{"family":"B"}"#;
    let patient =
        format!(r#"{{"resourceType":"Patient","name":[{names}],"photo":[{{"title":"{}"}}]}}"#, "x\\\"".repeat(10_000));
    let tally = same(map.map("main.m"), [patient.clone().into_bytes(), patient.into_bytes()]);
    assert_eq!(tally.native, 2, "{tally:?}");
}

#[test]
fn what_is_deep_or_no_json_is_read_alike() {
    let deep = |open: &str, close: &str, depth: usize| {
        let inside = format!("{}1{}", open.repeat(depth), close.repeat(depth));
        format!(r#"{{"resourceType":"Patient","x":{inside},"name":[{{"family":"A"}}]}}"#).into_bytes()
    };
    let mut all: Vec<Vec<u8>> = (120..132).map(|depth| deep("[", "]", depth)).collect();
    all.extend((120..132).map(|depth| deep("{\"x\":", "}", depth)));
    all.extend(
        [
            &b""[..],
            b"{",
            b"{}",
            b"[]",
            b"null",
            b"{\"resourceType\":\"Patient\"",
            b"\xef\xbb\xbf{\"resourceType\":\"Patient\"}",
        ]
        .map(<[u8]>::to_vec),
    );
    let map = pipeline::module("map m(p: Patient) -> Basic { code: { text: p.name[0].family else \"none\" } }\n")
        .map("main.m");
    let count = all.len();
    let tally = same(map, all);
    assert!(tally.native > 5 && tally.native + tally.deferred + tally.unreadable == count, "{tally:?}");
}
