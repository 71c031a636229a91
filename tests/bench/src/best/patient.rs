//! The patient of any message.

use super::codes::Table;
use super::converter::{Converter, Reference, open, reference};
use super::dates::{Kind, time};
use super::out::Out;
use super::text::Map;
use super::text::{NONE, S, Text};
use super::types::{address, concept_of, each, gender, identifier, name, telecom};

/// The last field of PID that is read.
pub const PID: usize = 30;

static DECEASED: Table = Table::new(
    b"",
    b"",
    &[
        (b"Y", b"\"deceasedBoolean\":true,"),
        (b"true", b"\"deceasedBoolean\":true,"),
        (b"N", b"\"deceasedBoolean\":false,"),
        (b"false", b"\"deceasedBoolean\":false,"),
    ],
);
static TWINS: Table = Table::new(
    b"",
    b"",
    &[
        (b"Y", b"\"multipleBirthBoolean\":true,"),
        (b"true", b"\"multipleBirthBoolean\":true,"),
        (b"N", b"\"multipleBirthBoolean\":false,"),
        (b"false", b"\"multipleBirthBoolean\":false,"),
    ],
);

impl Converter {
    /// The patient of that segment, with its entry; and the reference to it.
    #[inline(never)]
    #[target_feature(enable = "avx2,bmi1,bmi2,lzcnt,popcnt")]
    pub fn patient(&mut self, mut out: Out, text: Text, pid: usize) -> (Out, Reference) {
        let field = |k: usize| text.field(pid, k);
        let id = self.keyed(text, "Patient", self.places.patient, text.first(field(3)));
        open(&mut out, id, b"\",\"resource\":{\"resourceType\":\"Patient\",");
        let mark = out;
        out.lit(b"\"identifier\":[");
        let inside = out;
        for one in text.repetitions(field(3)) {
            out = identifier(out, text, one);
        }
        out.around(
            b"{\"type\":{\"coding\":[{\"system\":\"http://terminology.hl7.org/CodeSystem/v2-0203\",\"code\":\"SS\"}]},\"system\":\"http://hl7.org/fhir/sid/us-ssn\",\"value\":\"",
            text,
            text.leaf(field(19)),
            b"\"},",
        );
        out.shut(mark, inside, b"],");
        each(&mut out, text, b"\"name\":[", field(5), |out, text, s| name(out, text, s));
        telecom(&mut out, text, field(13), field(14));
        gender(&mut out, text, field(8));
        time(&mut out, text, b"\"birthDate\":\"", field(7), Kind::Date);
        let before = out;
        time(&mut out, text, b"\"deceasedDateTime\":\"", field(29), Kind::DateTime);
        if out == before {
            boolean(&mut out, text, field(30), &DECEASED);
        }
        each(&mut out, text, b"\"address\":[", field(11), |out, text, s| address(out, text, s));
        married(&mut out, text, field(16));
        let order = text.leaf(field(25));
        if is_order(text.bytes(order)) {
            out.around(b"\"multipleBirthInteger\":", text, order, b",");
        } else {
            boolean(&mut out, text, field(24), &TWINS);
        }
        if concept_of(&mut out, text, b"\"communication\":[{\"language\":", field(15), NONE) {
            out.back(b"}],");
        }
        self.request(&mut out, b"\"PUT\",\"url\":\"Patient", b"\"POST\",\"url\":\"Patient");
        (out, reference(id))
    }
}

#[inline(always)]
fn boolean(out: &mut Out, text: Text, s: S, table: &'static Table) {
    let line = table.find(text, s);
    if line.is_known {
        out.wide(line.text, line.n);
    } else {
        let line = table.find(text, text.leaf(s));
        out.wide(line.text, line.n);
    }
}

#[inline(always)]
fn married(out: &mut Out, text: Text, s: S) {
    if !s.some() {
        return;
    }
    let one = text.until(Map::Tildes, s);
    let [code, display] = text.near::<2>(one).unwrap_or_else(|| text.far::<2>(one));
    if code.some() {
        out.lit(b"\"maritalStatus\":{\"coding\":[{\"system\":\"http://terminology.hl7.org/CodeSystem/v3-MaritalStatus\",\"code\":\"");
        out.text(text, code);
        out.lit(b"\",");
        out.pair(b"\"display\":\"", text, display);
        out.back(b"}]},");
    }
}

/// A number as JSON has it. Longer ones do not come.
fn is_order(b: &[u8]) -> bool {
    (1..9).contains(&b.len()) && b.iter().all(u8::is_ascii_digit) && b[0] != b'0'
}
