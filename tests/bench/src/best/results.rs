//! W2.

use super::codes::Table;
use super::converter::{Converter, REFERENCE, Reference, open};
use super::dates::{Kind, time};
use super::ids::{Id, letters};
use super::index::tag;
use super::out::Out;
use super::patient::PID;
use super::text::{NONE, S, Text};
use super::types::{clinician, concept_of, each, system};
use core::arch::x86_64::*;

/// The last field of each segment that is read.
const OBR: usize = 25;
const OBX: usize = 23;
const NTE: usize = 3;

const UNKNOWN: &[u8; 114] =
    b"\"code\":{\"extension\":[{\"url\":\"http://hl7.org/fhir/StructureDefinition/data-absent-reason\",\"valueCode\":\"unknown\"}]},";

static REPORT_STATUSES: Table = Table::new(
    b"\"status\":\"unknown\",",
    b"\"status\":\"unknown\",",
    &[
        (b"F", b"\"status\":\"final\","),
        (b"P", b"\"status\":\"preliminary\","),
        (b"C", b"\"status\":\"corrected\","),
        (b"A", b"\"status\":\"partial\","),
        (b"R", b"\"status\":\"partial\","),
        (b"X", b"\"status\":\"cancelled\","),
        (b"O", b"\"status\":\"registered\","),
        (b"I", b"\"status\":\"registered\","),
        (b"S", b"\"status\":\"registered\","),
    ],
);
static RESULT_STATUSES: Table = Table::new(
    b"\"status\":\"unknown\",",
    b"\"status\":\"unknown\",",
    &[
        (b"F", b"\"status\":\"final\","),
        (b"U", b"\"status\":\"final\","),
        (b"P", b"\"status\":\"preliminary\","),
        (b"S", b"\"status\":\"preliminary\","),
        (b"R", b"\"status\":\"preliminary\","),
        (b"C", b"\"status\":\"corrected\","),
        (b"X", b"\"status\":\"cancelled\","),
        (b"D", b"\"status\":\"entered-in-error\","),
        (b"W", b"\"status\":\"entered-in-error\","),
        (b"I", b"\"status\":\"registered\","),
        (b"O", b"\"status\":\"registered\","),
    ],
);
static COMPARATORS: Table = Table::new(
    b"",
    b"",
    &[
        (b"<", b"\"comparator\":\"<\","),
        (b">", b"\"comparator\":\">\","),
        (b"<=", b"\"comparator\":\"<=\","),
        (b">=", b"\"comparator\":\">=\","),
    ],
);

/// When the order at hand was carried out, as it is written where a result does not say; with its length.
struct Taken {
    text: [u8; 64],
    n: usize,
}

impl Converter {
    #[target_feature(enable = "avx2,bmi1,bmi2,lzcnt,popcnt")]
    pub fn results(&mut self, msg: &[u8]) -> Option<Out> {
        let (text, mut out) = self.begin(msg)?;
        let count = self.index.count;
        let pid = (0..count).find(|&number| self.index.tag(text, number) == tag(b"PID"))?;
        let who;
        (out, who) = self.patient(out, text, self.index.segment(text, pid, PID));
        let reports = self.places.report.series(self.digest);
        let observations = self.places.observation.series(self.digest);
        let (mut report_turn, mut turn, mut at) = (0, 0, pid + 1);
        const ORDER: u32 = tag(b"OBR");
        const RESULT: u32 = tag(b"OBX");
        while at < count {
            if self.index.tag(text, at) != ORDER {
                at += 1;
                continue;
            }
            let order = at;
            let taken = taken(out, text, self.index.segment(text, order, OBR));
            self.found.clear();
            at += 1;
            while at < count {
                match self.index.tag(text, at) {
                    ORDER => break,
                    RESULT => {
                        turn += 1;
                        let id = observations.id(turn);
                        self.found.push(id);
                        out = self.observation(out, text, at, id, &who, &taken);
                    }
                    _ => {}
                }
                at += 1;
            }
            report_turn += 1;
            let id = reports.id(report_turn);
            out = report(out, text, self.index.segment(text, order, OBR), id, &who, &self.found);
        }
        out.back(b"]}");
        Some(out)
    }

    #[inline(never)]
    #[target_feature(enable = "avx2,bmi1,bmi2,lzcnt,popcnt")]
    fn observation(&self, mut out: Out, text: Text, at: usize, id: Id, who: &Reference, taken: &Taken) -> Out {
        let obx = self.index.segment(text, at, OBX);
        let field = |k: usize| text.field(obx, k);
        open(&mut out, id, b"\",\"resource\":{\"resourceType\":\"Observation\",");
        let status = status(text, field(11), &RESULT_STATUSES);
        out.wide(status.0, status.1);
        out.lit(b"\"category\":[{\"coding\":[{\"system\":\"http://terminology.hl7.org/CodeSystem/observation-category\",\"code\":\"laboratory\"}]}],");
        if !concept_of(&mut out, text, b"\"code\":", field(3), NONE) {
            out.lit(UNKNOWN);
        }
        out.lit(b"\"subject\":");
        out.wide(who, REFERENCE);
        let before = out;
        time(&mut out, text, b"\"effectiveDateTime\":\"", field(14), Kind::DateTime);
        out.wide(&taken.text, if out == before { taken.n } else { 0 });
        issued(&mut out, text, field(19));
        let mark = out;
        out.lit(b"\"performer\":[");
        let inside = out;
        out.around(b"{\"display\":\"", text, text.leaf(field(23)), b"\"},");
        let by = field(16);
        if by.some() {
            for one in text.repetitions(by) {
                out = clinician(out, text, one);
            }
        }
        out.shut(mark, inside, b"],");
        value(&mut out, text, obx);
        each(&mut out, text, b"\"interpretation\":[", field(8), interpretation);
        let method = field(17);
        if method.some() {
            concept_of(&mut out, text, b"\"method\":", text.first(method), NONE);
        }
        out.around(b"\"referenceRange\":[{\"text\":\"", text, text.leaf(field(7)), b"\"}],");
        const NOTE: u32 = tag(b"NTE");
        let mut next = at + 1;
        if self.index.tag(text, next) == NOTE {
            let mark = out;
            out.lit(b"\"note\":[");
            let inside = out;
            while self.index.tag(text, next) == NOTE {
                let note = text.field(self.index.segment(text, next, NTE), 3);
                out.around(b"{\"text\":\"", text, text.first_one(note), b"\"},");
                next += 1;
            }
            out.shut(mark, inside, b"],");
        }
        out.back(b"},\"request\":{\"method\":\"POST\",\"url\":\"Observation\"}},");
        out
    }
}

#[target_feature(enable = "avx2,bmi1,bmi2,lzcnt,popcnt")]
fn taken(out: Out, text: Text, obr: usize) -> Taken {
    let mut end = out;
    time(&mut end, text, b"\"effectiveDateTime\":\"", text.field(obr, 7), Kind::DateTime);
    // SAFETY: it was written there, and the buffer goes on.
    Taken { text: unsafe { out.0.cast::<[u8; 64]>().read_unaligned() }, n: end.0 as usize - out.0 as usize }
}

#[inline]
#[target_feature(enable = "avx2,bmi1,bmi2,lzcnt,popcnt")]
fn issued(out: &mut Out, text: Text, s: S) {
    time(out, text, b"\"issued\":\"", s.when(s.n >= 14), Kind::Second);
}

#[inline(always)]
fn status(text: Text, s: S, table: &'static Table) -> (&'static [u8; 64], usize) {
    let line = table.find(text, s);
    let line = if line.is_known { line } else { table.find(text, text.leaf(s)) };
    (line.text, line.n)
}

#[inline(never)]
#[target_feature(enable = "avx2,bmi1,bmi2,lzcnt,popcnt")]
fn report(mut out: Out, text: Text, obr: usize, id: Id, who: &Reference, found: &[Id]) -> Out {
    let field = |k: usize| text.field(obr, k);
    open(&mut out, id, b"\",\"resource\":{\"resourceType\":\"DiagnosticReport\",");
    let mark = out;
    out.lit(b"\"identifier\":[");
    let inside = out;
    out.around(b"{\"type\":{\"coding\":[{\"system\":\"http://terminology.hl7.org/CodeSystem/v2-0203\",\"code\":\"PLAC\"}]},\"value\":\"", text, text.leaf(field(2)), b"\"},");
    out.around(b"{\"type\":{\"coding\":[{\"system\":\"http://terminology.hl7.org/CodeSystem/v2-0203\",\"code\":\"FILL\"}]},\"value\":\"", text, text.leaf(field(3)), b"\"},");
    out.shut(mark, inside, b"],");
    let status = status(text, field(25), &REPORT_STATUSES);
    out.wide(status.0, status.1);
    out.around(
        b"\"category\":[{\"coding\":[{\"system\":\"http://terminology.hl7.org/CodeSystem/v2-0074\",\"code\":\"",
        text,
        text.leaf(field(24)),
        b"\"}]}],",
    );
    if !concept_of(&mut out, text, b"\"code\":", field(4), NONE) {
        out.lit(UNKNOWN);
    }
    out.lit(b"\"subject\":");
    out.wide(who, REFERENCE);
    time(&mut out, text, b"\"effectiveDateTime\":\"", field(7), Kind::DateTime);
    issued(&mut out, text, field(22));
    each(&mut out, text, b"\"performer\":[", field(16), |out, text, s| clinician(out, text, s));
    if !found.is_empty() {
        out.lit(b"\"result\":[");
        for &id in found {
            out.lit(b"{\"reference\":\"urn:uuid:");
            letters(&mut out, id);
            out.lit(b"\"},");
        }
        out.back(b"],");
    }
    out.back(b"},\"request\":{\"method\":\"POST\",\"url\":\"DiagnosticReport\"}},");
    out
}

#[inline(always)]
fn interpretation(mut out: Out, text: Text, s: S) -> Out {
    let [code, display] = text.near::<2>(s).unwrap_or_else(|| text.far::<2>(s));
    if code.some() | display.some() {
        out.lit(b"{\"coding\":[{\"system\":\"http://terminology.hl7.org/CodeSystem/v3-ObservationInterpretation\",");
        out.pair(b"\"code\":\"", text, code);
        out.pair(b"\"display\":\"", text, display);
        out.back(b"}]},");
    }
    out
}

#[inline]
#[target_feature(enable = "avx2,bmi1,bmi2,lzcnt,popcnt")]
fn value(out: &mut Out, text: Text, obx: usize) {
    let value = text.first(text.field(obx, 5));
    if !value.some() {
        return;
    }
    let said = text.leaf(value);
    let kind = text.field(obx, 2);
    // Nearly all are numbers.
    if kind.n == 2 && text.word(kind.o) as u16 == u16::from_le_bytes(*b"NM") && is_decimal(text, said) {
        quantity(out, text, NONE, said, text.field(obx, 6));
        return;
    }
    match text.bytes(text.leaf(kind)) {
        b"NM" if is_decimal(text, said) => quantity(out, text, NONE, said, text.field(obx, 6)),
        b"SN" => {
            let [comparator, number, separator] = text.far::<3>(value);
            if !separator.some() && is_decimal(text, number) {
                quantity(out, text, comparator, number, text.field(obx, 6));
            } else {
                out.pair(b"\"valueString\":\"", text, said);
            }
        }
        b"CWE" | b"CE" | b"CNE" | b"CF" => {
            concept_of(out, text, b"\"valueCodeableConcept\":", value, NONE);
        }
        b"DT" | b"TS" | b"DTM" => time(out, text, b"\"valueDateTime\":\"", said, Kind::DateTime),
        _ => out.pair(b"\"valueString\":\"", text, said),
    }
}

#[inline(always)]
fn quantity(out: &mut Out, text: Text, comparator: S, number: S, units: S) {
    out.lit(b"\"valueQuantity\":{\"value\":");
    out.text(text, number);
    out.lit(b",");
    let comparator = COMPARATORS.find(text, comparator);
    out.wide(comparator.text, comparator.n);
    if units.some() {
        let one = text.until(super::text::Map::Tildes, units);
        let [code, name, named] = text.near::<3>(one).unwrap_or_else(|| text.far::<3>(one));
        out.pair(b"\"unit\":\"", text, name.or(code));
        system(out, text, named);
        out.pair(b"\"code\":\"", text, code.when(named.some()));
    }
    out.back(b"},");
}

/// The JSON grammar of numbers without exponent. Other numbers of HL7 (`+5`, `.5`) do not come.
#[inline]
#[target_feature(enable = "avx2,bmi1,bmi2,lzcnt,popcnt")]
fn is_decimal(text: Text, s: S) -> bool {
    let is_short = s.n > 0 && s.n <= 16;
    // SAFETY: a stretch of the text, behind which a vector can be read.
    let (digits, dots) = unsafe {
        let v = _mm_loadu_si128(text.at(s.o).cast());
        let d = _mm_sub_epi8(v, _mm_set1_epi8(b'0' as i8));
        let digits = _mm_cmpeq_epi8(_mm_min_epu8(d, _mm_set1_epi8(9)), d);
        let dots = _mm_cmpeq_epi8(v, _mm_set1_epi8(b'.' as i8));
        (_mm_movemask_epi8(digits) as u32, _mm_movemask_epi8(dots) as u32)
    };
    let all = !(!0_u32).wrapping_shl(s.n as u32);
    let (digits, dots) = (digits & all, dots & all);
    // Digits and at most one dot, a digit at both ends, and no zero before another.
    let edges = 1 | 1_u32.wrapping_shl((s.n as u32).wrapping_sub(1));
    let is_plain = digits | dots == all && dots & dots.wrapping_sub(1) == 0 && digits & edges == edges;
    if is_short && is_plain && (text.word(s.o) as u8 != b'0' || digits & 2 == 0) {
        return true;
    }
    is_decimal_far(text.bytes(s))
}

#[inline(never)]
fn is_decimal_far(b: &[u8]) -> bool {
    let digits = |b: &[u8]| b.iter().take_while(|b| b.is_ascii_digit()).count();
    let b = b.strip_prefix(b"-").unwrap_or(b);
    let whole = digits(b);
    if whole == 0 || b[0] == b'0' && whole > 1 {
        return false;
    }
    match b[whole..].split_first() {
        Some((b'.', rest)) => !rest.is_empty() && digits(rest) == rest.len(),
        Some(_) => false,
        None => true,
    }
}
