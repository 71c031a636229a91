//! Resources of FHIR for a program: valid ones by the shapes of R4, damaged ones, and those that nobody should send.

use super::WORDS;
use super::known::Known;
use crate::mutate::mutate;
use crate::random::Random;
use emr_compiler::plan::{Block, Part, Plan, Step};
use emr_compiler::standard::shape::{Element, Type, typed};
use std::collections::BTreeSet;

const NUMBERS: [&str; 10] = ["1", "2", "7.50", "-3", "0", "1e5", "0.001", "1.5E+3", "99999999999999999999", "-0.0"];
const COUNTS: [&str; 5] = ["0", "1", "2", "25", "2147483647"];
const DAYS: [&str; 5] = ["2020-02-29", "2020", "2020-02", "1961-04-23", "9999-12-31"];
const TIMES: [&str; 5] = [
    "2024-01-02T03:04:05Z",
    "2020",
    "2020-01-02T03:04:05.123+01:00",
    "2024-03-31T02:30:00+02:00",
    "1970-01-01T00:00:00-11:00",
];
const TEXTS: [&str; 16] = [
    "a b",
    " x ",
    "a  b",
    "M\u{fc}ller",
    "\u{1f600}",
    r"a\\b",
    r#"a\"b\""#,
    r"a\nb\r\n",
    r"\ta\u0041",
    r"a\b\f",
    r"\u00e9\ud83d\ude00",
    "|^~&",
    "\u{2028}x\u{a0}",
    r"\/\/",
    "true",
    " ",
];
/// What no value of FHIR is, or not there.
const WRONG: [&str; 12] =
    ["null", "\"\"", "0", "true", "[]", "{}", "[[]]", "\"x\"", "{\"a\":1}", "[null]", "-", "\"\\u0000\""];
const ADDRESSES: [&str; 8] = [
    "Patient/1",
    "Organization/1",
    "#c1",
    "#",
    "urn:uuid:0c3f7d5e-3f64-4b36-a4b9-1a6a35f57c11",
    "http://a.org/fhir/Patient/1",
    "Practitioner/2/_history/3",
    "nowhere",
];
const ELEMENTS_MAX: usize = 300;

/// The resource of that number, of those that are made for a program.
pub fn resource(known: &Known, ty: &str, plan: &Plan, seed: u64, number: u64) -> Vec<u8> {
    let mut asked = BTreeSet::new();
    plan.routines.iter().for_each(|routine| ask(&routine.body, &mut asked));
    let random = Random::seeded(seed ^ number.wrapping_mul(0x5851_F42D_4C95_7F2D));
    let mut maker = Maker { known, asked, random, dense: 0, damage: 0, left: ELEMENTS_MAX };
    maker.dense = *maker.random.of(&[20, 60, 80, 95]);
    match number % 20 {
        0..11 => maker.resource(ty, 0).into_bytes(),
        11..15 => {
            maker.damage = *maker.random.of(&[3, 10, 30]);
            maker.resource(ty, 0).into_bytes()
        }
        15 => {
            let whole = maker.resource(ty, 0);
            mutate(whole.as_bytes(), &mut maker.random)
        }
        _ => maker.hostile(ty),
    }
}

/// The names of elements that steps ask for.
fn ask(block: &Block, asked: &mut BTreeSet<String>) {
    for step in block {
        if let Step::Take { part: Part::Element(names), .. } = step {
            asked.extend(names.iter().map(ToString::to_string));
        }
        step.blocks().into_iter().for_each(|inner| ask(inner, asked));
    }
}

struct Maker<'a> {
    known: &'a Known,
    asked: BTreeSet<String>,
    random: Random,
    /// How many of a hundred elements that are asked for are there, and how many values are none.
    dense: usize,
    damage: usize,
    /// How many elements may still be made.
    left: usize,
}

impl Maker<'_> {
    fn chance(&mut self, percent: usize) -> bool {
        self.random.below(100) < percent
    }

    fn resource(&mut self, ty: &str, depth: usize) -> String {
        let id = *self.random.of(&["1", "2", "c1", "x-9"]);
        let mut members = vec![format!("\"resourceType\":\"{ty}\""), format!("\"id\":\"{id}\"")];
        if ty == "Bundle" {
            members.push("\"type\":\"collection\"".to_owned());
            let entries: Vec<String> = (0..self.random.below(6)).map(|_| self.entry(depth)).collect();
            members.push(format!("\"entry\":[{}]", entries.join(",")));
            return format!("{{{}}}", members.join(","));
        }
        if depth < 2 && self.chance(25) {
            let ty = *self.random.of(&["Patient", "Practitioner", "Organization", "Observation"]);
            let inside = self.resource(ty, depth + 2);
            members
                .push(format!("\"contained\":[{}]", inside.replacen(&format!("\"id\":\"{id}\""), "\"id\":\"c1\"", 1)));
        }
        members.extend(self.members(ty, depth));
        if self.chance(5) {
            // Which of two members of a name counts is said nowhere.
            let again = self.random.of(&members).clone();
            members.push(again);
        }
        format!("{{{}}}", members.join(","))
    }

    fn entry(&mut self, depth: usize) -> String {
        let wanted = ["Patient", "Observation", "DiagnosticReport", "Encounter", "Practitioner", "ServiceRequest"];
        let ty = *self.random.of(&wanted);
        let resource = self.resource(ty, depth + 1);
        if self.chance(50) {
            let urls = [
                "urn:uuid:0c3f7d5e-3f64-4b36-a4b9-1a6a35f57c11",
                "http://a.org/fhir/Patient/1",
                "http://b.org/Patient/1",
            ];
            return format!("{{\"fullUrl\":\"{}\",\"resource\":{resource}}}", self.random.of(&urls));
        }
        format!("{{\"resource\":{resource}}}")
    }

    /// The members of something, but for those that all resources have.
    fn members(&mut self, key: &str, depth: usize) -> Vec<String> {
        let Some(shape) = self.known.shape(key) else { return Vec::new() };
        let mut members = Vec::new();
        for element in &shape.elements {
            let is_left = matches!(element.name.as_str(), "contained" | "text" | "meta" | "id" | "modifierExtension");
            let Some(ty) = self.type_of(element) else { continue };
            let name = element.called(&ty);
            let chance = match (element.min > 0, self.asked.contains(&name)) {
                _ if is_left || element.max == 0 || depth > 6 || self.left == 0 => 0,
                (true, _) => 95,
                (false, true) => self.dense,
                (false, false) => 2,
            };
            if !self.chance(chance) {
                continue;
            }
            self.left -= 1;
            let is_list = element.repeats() != (self.chance(self.damage / 3));
            let value = if is_list {
                let values: Vec<String> =
                    (0..*self.random.of(&[1, 1, 2, 3])).map(|_| self.value(element, &ty, depth + 1)).collect();
                format!("[{}]", values.join(","))
            } else {
                self.value(element, &ty, depth + 1)
            };
            members.push(format!("\"{name}\":{value}"));
            let is_primitive = ty.name.starts_with(|first: char| first.is_ascii_lowercase());
            if is_primitive && self.chance(if is_list { 40 } else { 8 }) {
                let beside = "{\"id\":\"p\"}";
                let listed = self.random.text(&["[{\"id\":\"p\"}]", "[null,{\"id\":\"p\"}]"]);
                members.push(format!("\"_{name}\":{}", if is_list { listed } else { beside }));
            }
        }
        members
    }

    /// Of a choice a type that is asked for, mostly.
    fn type_of(&mut self, element: &Element) -> Option<Type> {
        if element.types.is_empty() {
            return None;
        }
        let is_asked = |ty: &&Type| self.asked.contains(&typed(&element.name, &ty.name));
        let asked: Vec<&Type> = element.types.iter().filter(is_asked).collect();
        let ty = if !asked.is_empty() && self.random.below(100) < 80 {
            (*self.random.of(&asked)).clone()
        } else {
            self.random.of(&element.types).clone()
        };
        (ty.name != "Resource").then_some(ty)
    }

    fn value(&mut self, element: &Element, ty: &Type, depth: usize) -> String {
        if self.chance(self.damage) {
            return (*self.random.of(&WRONG)).to_owned();
        }
        let quoted = |text: &str| format!("\"{text}\"");
        match ty.name.as_str() {
            "boolean" => (*self.random.of(&["true", "false"])).to_owned(),
            "decimal" => (*self.random.of(&NUMBERS)).to_owned(),
            "integer" | "unsignedInt" | "positiveInt" => (*self.random.of(&COUNTS)).to_owned(),
            "date" => quoted(self.random.text(&DAYS)),
            "dateTime" => quoted(self.random.text(&TIMES)),
            "instant" => quoted(self.random.text(&["2024-01-02T03:04:05Z", "2020-01-02T03:04:05.123+01:00"])),
            "time" => quoted(self.random.text(&["10:30:00", "23:59:59.5"])),
            "code" => {
                let codes = self.known.codes(element);
                let code = if codes.is_empty() { self.random.text(&["final", "M", "x"]) } else { "" };
                if code.is_empty() { quoted(&self.random.of(&codes).1) } else { quoted(code) }
            }
            "id" | "oid" | "uuid" => quoted(self.random.text(&["a-1", "urn:oid:1.2.3"])),
            "uri" | "url" | "canonical" => quoted(self.random.text(&["http://x.org/e", "urn:oid:1.2", "x"])),
            "base64Binary" => quoted("QUI="),
            "xhtml" => quoted("<div xmlns=\\\"http://www.w3.org/1999/xhtml\\\">x</div>"),
            "string" | "markdown" if self.chance(65) => quoted(self.random.text(&WORDS)),
            "string" | "markdown" => quoted(self.random.text(&TEXTS)),
            "Reference" => {
                let address = *self.random.of(&ADDRESSES);
                let more = if self.chance(30) { ",\"display\":\"who\"" } else { "" };
                format!("{{\"reference\":\"{address}\"{more}}}")
            }
            "Extension" => {
                let url = *self.random.of(&["http://x.org/e", "http://x.org/f"]);
                format!("{{\"url\":\"{url}\",\"value{}\":{}}}", "String", quoted(self.random.text(&WORDS)))
            }
            _ => format!("{{{}}}", self.members(&ty.shape, depth).join(",")),
        }
    }

    // ---- what nobody should send

    fn hostile(&mut self, ty: &str) -> Vec<u8> {
        let whole = self.resource(ty, 0);
        let name = match self.asked.iter().nth(self.random.below(self.asked.len())) {
            Some(name) => name.clone(),
            None => "id".to_owned(),
        };
        let inside = match self.random.below(8) {
            0 => return whole.into_bytes().into_iter().take(self.random.below(200)).collect(),
            1 => format!("{}1{}", "[".repeat(150), "]".repeat(150)),
            2 => format!("{}{}", "{\"a\":".repeat(120), "1") + &"}".repeat(120),
            3 => format!("\"{}\"", r"x\n\u0007 ".repeat(2_000)),
            4 => format!("[{}]", vec![whole.as_str(); 1 + 20_000 / whole.len().max(1)].join(",")),
            5 => format!("[{}null]", "{},".repeat(3_000)),
            6 => "9".repeat(400),
            _ => {
                let references = "{\"reference\":\"Patient/1\"},".repeat(400);
                format!("[{references}{{\"reference\":\"#c1\"}}]")
            }
        };
        let open = format!("{{\"resourceType\":\"{ty}\",\"{name}\":{inside},");
        whole.replacen('{', &open, 1).into_bytes()
    }
}
