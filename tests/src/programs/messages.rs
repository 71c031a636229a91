//! Messages for a program: valid ones by the dictionary, damaged ones, and those that nobody should send.

use super::known::Known;
use super::{Program, WORDS, resources};
use crate::mutate::mutate;
use crate::random::Random;
use emr_compiler::plan::{Plan, Reads};
use emr_compiler::standard::hl7::Version;
use emr_compiler::standard::shape::Element;

/// Characters that stand in for `|^~\&`, in that order.
const OTHER_DELIMITERS: [&[u8; 5]; 3] = [b"#*+!%", b"|^~\\#", b"\x01\x02\x03\x04\x05"];

const NUMBERS: [&str; 16] = [
    "1",
    "2",
    "25",
    "7.50",
    "-3",
    "+5",
    "x",
    "1e5",
    "007",
    "99999999999999999999",
    "0.1",
    ".",
    "1.",
    "-0",
    "100",
    "12 ",
];
const DATES: [&str; 8] = ["20200229", "2020", "202002", "20240231", "1961", "19610423", "2020022", "00000000"];
const TIMES: [&str; 12] = [
    "20240102030405",
    "2020",
    "202001021330+0200",
    "20200102030405.123+0100",
    "2024013025",
    "19700101",
    "20240331023000",
    "20241027023000",
    "20200102",
    "2020010203",
    "99991231235959",
    "2020010203040",
];
const HOURS: [&str; 6] = ["1030", "10", "103015.5", "2575", "0000", "235959"];
const TEXTS: [&str; 22] = [
    "a b",
    " x ",
    "  ",
    "Müller",
    "😀",
    "a\\F\\b",
    "a\\S\\b\\T\\",
    "\\X41\\",
    "\\XZZ\\",
    "\\.br\\",
    "\\E",
    "\\H\\x\\N\\",
    "\"quoted\"",
    "a\tb",
    "c:\\E\\dir",
    "http://x.org/a",
    "urn:oid:1.2.3",
    "\"\"",
    "'",
    "<b>",
    "\u{2028}",
    "e\u{301}",
];

/// The message of that number, of those that are made for a program.
pub fn message(known: &Known, program: &Program, plan: &Plan, seed: u64, number: u64) -> Vec<u8> {
    if let Some(resource) = &program.resource {
        return resources::resource(known, resource, plan, seed, number);
    }
    let mut sender =
        Sender { known, plan, random: Random::seeded(seed ^ number.wrapping_mul(0x5851_F42D_4C95_7F2D)), dense: 0 };
    match number % 20 {
        0..11 => sender.valid(program),
        11..16 => {
            let message = sender.valid(program);
            mutate(&message, &mut sender.random)
        }
        _ => sender.hostile(program, number),
    }
}

struct Sender<'a> {
    known: &'a Known,
    plan: &'a Plan,
    random: Random,
    /// How many of a hundred fields that are read have a value.
    dense: usize,
}

impl Sender<'_> {
    fn chance(&mut self, percent: usize) -> bool {
        self.random.below(100) < percent
    }

    fn valid(&mut self, program: &Program) -> Vec<u8> {
        self.dense = *self.random.of(&[20, 60, 80, 95]);
        let mut segments = Vec::new();
        if let Some(structure) = self.known.standards.hl7.structure(Version::Union, &program.structure) {
            for element in &structure.elements.clone() {
                self.members(element, &mut segments);
            }
        }
        if !segments.first().is_some_and(|first: &String| first.starts_with("MSH")) {
            let header = self.header();
            segments.insert(0, header);
        }
        if self.chance(4) && segments.len() > 2 {
            let (from, to) = (1 + self.random.below(segments.len() - 1), 1 + self.random.below(segments.len() - 1));
            segments.swap(from, to);
        }
        let end = *self.random.of(&["\r", "\r", "\r", "\n", "\r\n"]);
        let mut text = segments.join(end);
        if self.chance(80) {
            text += end;
        }
        let mut bytes = text.into_bytes();
        if self.chance(8) {
            let delimiters = *self.random.of(&OTHER_DELIMITERS);
            for byte in &mut bytes {
                if let Some(at) = b"|^~\\&".iter().position(|known| known == byte) {
                    *byte = delimiters[at];
                }
            }
        }
        bytes
    }

    /// A segment or group as often as it may be there, more often where the map reads it.
    fn members(&mut self, element: &Element, segments: &mut Vec<String>) {
        let Some(ty) = element.types.first() else { return };
        let group = self.known.standards.structure(Version::Union, &ty.shape);
        let read = group.is_some() || self.plan.reads.contains_key(ty.shape.as_str());
        let chance = match (element.min > 0, read) {
            (true, _) => 96,
            (false, true) => 75,
            (false, false) => 6,
        };
        if !self.chance(chance) {
            return;
        }
        let times = if element.repeats() { *self.random.of(&[1, 1, 2, 3]) } else { 1 };
        for _ in 0..times {
            match &group {
                Some(group) if segments.len() < 80 => {
                    let one = group.elements.clone();
                    if element.choice {
                        let chosen = self.random.of(&one).clone();
                        self.members(&chosen, segments);
                    } else {
                        one.iter().for_each(|inner| self.members(inner, segments));
                    }
                }
                Some(_) => {}
                None => {
                    let segment = self.segment(ty.shape.as_str());
                    segments.push(segment);
                }
            }
        }
        if ty.shape == "PID" && self.plan.reads.contains_key("ZPI") {
            let segment = self.segment("ZPI");
            segments.push(segment);
        }
        if self.chance(1) {
            segments.push("ZZZ|1|x".into());
        }
    }

    fn header(&mut self) -> String {
        let kind = self.plan.grammar.nodes.first().map_or("ADT_A01", |node| node.name.as_str()).replace('_', "^");
        let charset = if self.chance(5) { "||||||UNICODE UTF-8" } else { "" };
        format!("MSH|^~\\&|A|B|C|D|20240102030405||{kind}|1|P|2.5.1{charset}")
    }

    fn segment(&mut self, name: &str) -> String {
        if name == "MSH" {
            return self.header();
        }
        let nothing = Reads::default();
        let reads = self.plan.reads.get(name).unwrap_or(&nothing).clone();
        let shape = self.known.standards.hl7.segment(Version::Union, name);
        let last = reads.fields.last().copied().unwrap_or(1);
        let mut text = name.to_owned();
        for number in 1..=last.max(1) {
            text.push('|');
            let read = reads.fields.contains(&number);
            if !self.chance(if read { self.dense } else { 4 }) {
                continue;
            }
            let element = shape.as_ref().and_then(|shape| shape.element(&number.to_string()).cloned());
            let ty = element.as_ref().and_then(|it| it.types.first()).map_or("CWE".into(), |ty| ty.shape.to_string());
            let repeats = element.is_none_or(|element| element.repeats());
            let times = if repeats { *self.random.of(&[1, 1, 2, 3]) } else { 1 };
            let values: Vec<String> = (0..times).map(|_| self.value(&ty, 0)).collect();
            text += &values.join("~");
        }
        text
    }

    /// A value of a type, with its components.
    fn value(&mut self, ty: &str, depth: usize) -> String {
        if self.chance(3) {
            return (*self.random.of(&["\"\"", "", "^^", "&", "\"\"^x"])).to_owned();
        }
        let shape = self.known.standards.hl7.datatype(Version::Union, ty).filter(|shape| !shape.elements.is_empty());
        match shape {
            Some(shape) if depth < 2 => {
                let glue = if depth == 0 { "^" } else { "&" };
                let count = 1 + self.random.below(shape.elements.len().min(12));
                let mut parts = Vec::new();
                for element in shape.elements.iter().take(count) {
                    let inner = element.types.first().map_or("ST", |ty| ty.shape.as_str()).to_owned();
                    let full = self.chance(if parts.is_empty() { 90 } else { 50 });
                    parts.push(if full { self.value(&inner, depth + 1) } else { String::new() });
                }
                parts.join(glue)
            }
            _ => self.simple(ty),
        }
    }

    fn simple(&mut self, ty: &str) -> String {
        let one: &str = match ty {
            "NM" | "SI" => self.random.text(&NUMBERS),
            "DT" => self.random.text(&DATES),
            "DTM" | "TS" => self.random.text(&TIMES),
            "TM" => self.random.text(&HOURS),
            "varies" => match self.random.below(4) {
                0 => self.random.text(&NUMBERS),
                1 => self.random.text(&TIMES),
                2 => return self.value("CWE", 0),
                _ => self.random.text(&WORDS),
            },
            _ if self.chance(75) => self.random.text(&WORDS),
            _ => self.random.text(&TEXTS),
        };
        if self.chance(2) {
            let length = *self.random.of(&[31, 56, 57, 58, 63, 64, 65, 129, 300]);
            return one.chars().chain("long text ".chars().cycle()).take(length).collect();
        }
        one.to_owned()
    }

    // ---- what nobody should send ---------------------------------------------------------------------------------

    fn hostile(&mut self, program: &Program, number: u64) -> Vec<u8> {
        let valid = self.valid(program);
        let read: Vec<(String, u16)> = (self.plan.reads.iter())
            .flat_map(|(name, reads)| reads.fields.iter().map(|field| (name.to_string(), *field)))
            .filter(|(name, _)| name != "MSH")
            .collect();
        let (segment, field) = if read.is_empty() { ("PID".into(), 3) } else { self.random.of(&read).clone() };
        // Large ones once or twice for a program: they take long.
        let large = number < 40;
        let content: Vec<u8> = match self.random.below(if large { 14 } else { 8 }) {
            0 => return valid.into_iter().take(self.random.below(24)).collect(),
            1 => {
                let soup: &[u8] = b"|^~\\&\r|^~&|\n\"\"";
                let length = self.random.below(400);
                let drawn: Vec<u8> = (0..length).map(|_| *self.random.of(soup)).collect();
                return [b"MSH|^~\\&|".as_slice(), &drawn].concat();
            }
            2 => (0..1 + self.random.below(120)).map(|_| *self.random.of(b"^&~\\\"a 1\x00\x1b\x7f\xc3\xa9")).collect(),
            3 => {
                let valid = String::from_utf8_lossy(&valid).into_owned();
                return valid.replace(['M', 'a', '1', '2'], self.random.text(&["\\", "&", "\"\"", "é"])).into_bytes();
            }
            4 => {
                // Bytes that are none of UTF-8, or of the charset that the message names.
                let name =
                    *self.random.of(&["8859/1", "UNICODE UTF-8", "ASCII", "8859/15", "UNKNOWN", "UNICODE UTF-16"]);
                let header = format!("MSH|^~\\&|A|B|C|D|2024||ADT^A01|1|P|2.5.1||||||{name}\r");
                return [header.as_bytes(), &line(&segment, field, b"M\xfcller^\xe9\xa4~\xff"), &rest(&valid)].concat();
            }
            5 => b"\\".repeat(1 + self.random.below(70)),
            6 => [&b"x".repeat(55 + self.random.below(12)), b"^".as_slice(), &b"y".repeat(60 + self.random.below(8))]
                .concat(),
            7 => "\u{10FFFF}\u{2029}\u{FEFF}é".repeat(1 + self.random.below(30)).into_bytes(),
            8 => b"long ".repeat(14_000),
            9 => b"1^M~".repeat(2_000 + self.random.below(3_000)),
            10 => b"^".repeat(5_000),
            11 => {
                let more = line(&segment, field, b"M");
                return [valid, more.repeat(1_500)].concat();
            }
            12 => b"\"".repeat(70_000),
            _ => [b"&".repeat(3_000), b"~".repeat(3_000), b"Doe".to_vec()].concat(),
        };
        [header(&valid), line(&segment, field, &content), rest(&valid)].concat()
    }
}

/// A segment with one field.
fn line(segment: &str, field: u16, content: &[u8]) -> Vec<u8> {
    let bars = vec![b'|'; usize::from(field)];
    [segment.as_bytes(), &bars, content, b"\r"].concat()
}

fn is_end(byte: u8) -> bool {
    matches!(byte, b'\r' | b'\n')
}

fn header(message: &[u8]) -> Vec<u8> {
    let end = message.iter().position(|byte| is_end(*byte)).map_or(message.len(), |at| at + 1);
    message[..end].to_vec()
}

fn rest(message: &[u8]) -> Vec<u8> {
    message[header(message).len()..].to_vec()
}
