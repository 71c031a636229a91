//! W2.

use super::converter::{Converter, PID};
use super::date::Kind;
use super::index::tag;
use super::types::{M_PID, fields};
use super::writer::{NONE, S};

const OBR: u32 = tag(b"OBR");
const OBX: u32 = tag(b"OBX");
const NTE: u32 = tag(b"NTE");
const M_OBR: u64 = fields(&[2, 3, 4, 7, 16, 22, 24, 25]);
const M_OBX: u64 = fields(&[2, 3, 5, 6, 7, 8, 11, 14, 16, 17, 19, 23]);
const M_NTE: u64 = fields(&[3]);
const UNKNOWN: &[u8; 114] =
    b"\"code\":{\"extension\":[{\"url\":\"http://hl7.org/fhir/StructureDefinition/data-absent-reason\",\"valueCode\":\"unknown\"}]},";

/// When the order at hand was carried out, as it is written where a result does not say; with its length.
struct Taken {
    text: [u8; 64],
    n: usize,
}

impl Converter {
    #[target_feature(enable = "avx2,bmi1,bmi2,lzcnt,popcnt")]
    pub fn results(&mut self, msg: &[u8]) -> bool {
        if !self.begin(msg) {
            return false;
        }
        self.head(msg);
        let Some(pid) = self.index.segs.iter().position(|seg| seg.tag == PID) else { return false };
        self.load(pid, M_PID);
        self.patient();
        let (mut reports, mut observations, mut i) = (0, 0, pid + 1);
        while i < self.index.segs.len() {
            if self.index.segs[i].tag != OBR {
                i += 1;
                continue;
            }
            let order = i;
            let taken = self.taken(order);
            self.found.clear();
            i += 1;
            while i < self.index.segs.len() && self.index.segs[i].tag != OBR {
                if self.index.segs[i].tag == OBX {
                    observations += 1;
                    self.observation(i, observations, &taken);
                }
                i += 1;
            }
            reports += 1;
            self.report(order, reports);
        }
        self.end();
        true
    }

    #[target_feature(enable = "avx2,bmi1,bmi2,lzcnt,popcnt")]
    fn taken(&mut self, order: usize) -> Taken {
        const W: u64 = fields(&[7]);
        self.load(order, W);
        let (at, mark) = (self.leaf(self.field::<W>(7)), self.w.p);
        self.time(b"\"effectiveDateTime\":\"", at, Kind::DateTime);
        let n = self.w.p as usize - mark as usize;
        self.w.p = mark;
        // SAFETY: it was written there, and the buffer goes on.
        Taken { text: unsafe { mark.cast::<[u8; 64]>().read_unaligned() }, n }
    }

    #[target_feature(enable = "avx2,bmi1,bmi2,lzcnt,popcnt")]
    fn issued(&mut self, s: S) {
        if s.n >= 14 {
            self.time(b"\"issued\":\"", s, Kind::Instant);
        }
    }

    #[target_feature(enable = "avx2,bmi1,bmi2,lzcnt,popcnt")]
    fn report(&mut self, order: usize, turn: u32) {
        const W: u64 = M_OBR;
        self.load(order, W);
        let id = self.placed(self.origins().report, turn);
        self.open(&id, b"DiagnosticReport\",");
        let (placer, filler) = (self.leaf(self.field::<W>(2)), self.leaf(self.field::<W>(3)));
        if placer.n | filler.n != 0 {
            self.w.lit(b"\"identifier\":[");
            if placer.some() {
                self.w.lit(b"{\"type\":{\"coding\":[{\"system\":\"http://terminology.hl7.org/CodeSystem/v2-0203\",\"code\":\"PLAC\"}]},\"value\":\"");
                self.put(placer);
                self.w.lit(b"\"},");
            }
            if filler.some() {
                self.w.lit(b"{\"type\":{\"coding\":[{\"system\":\"http://terminology.hl7.org/CodeSystem/v2-0203\",\"code\":\"FILL\"}]},\"value\":\"");
                self.put(filler);
                self.w.lit(b"\"},");
            }
            self.w.close(b']');
            self.w.byte(b',');
        }
        let status: &'static [u8] = match self.text(self.leaf(self.field::<W>(25))) {
            b"F" => b"\"status\":\"final\",",
            b"P" => b"\"status\":\"preliminary\",",
            b"C" => b"\"status\":\"corrected\",",
            b"A" | b"R" => b"\"status\":\"partial\",",
            b"X" => b"\"status\":\"cancelled\",",
            b"O" | b"I" | b"S" => b"\"status\":\"registered\",",
            _ => b"\"status\":\"unknown\",",
        };
        self.w.bytes(status);
        let section = self.leaf(self.field::<W>(24));
        if section.some() {
            self.w.lit(
                b"\"category\":[{\"coding\":[{\"system\":\"http://terminology.hl7.org/CodeSystem/v2-0074\",\"code\":\"",
            );
            self.put(section);
            self.w.lit(b"\"}]}],");
        }
        if !self.concept_of(b"\"code\":", self.field::<W>(4), NONE) {
            self.w.lit(UNKNOWN);
        }
        self.subject(b"\"subject\":");
        let taken = self.leaf(self.field::<W>(7));
        self.time(b"\"effectiveDateTime\":\"", taken, Kind::DateTime);
        self.issued(self.leaf(self.field::<W>(22)));
        let by = self.field::<W>(16);
        self.each(b"\"performer\":[", by, |it, s| {
            it.clinician(s);
        });
        if !self.found.is_empty() {
            self.w.lit(b"\"result\":[");
            let found = core::mem::take(&mut self.found);
            for id in &found {
                self.w.lit(b"{\"reference\":\"");
                self.w.urn(id);
                self.w.lit(b"\"},");
            }
            self.found = found;
            self.w.close(b']');
            self.w.byte(b',');
        }
        self.w.close(b'}');
        self.w.lit(b",\"request\":{\"method\":\"POST\",\"url\":\"DiagnosticReport\"}},");
    }

    #[target_feature(enable = "avx2,bmi1,bmi2,lzcnt,popcnt")]
    fn observation(&mut self, seg: usize, turn: u32, taken: &Taken) {
        const W: u64 = M_OBX;
        self.load(seg, W);
        let id = self.placed(self.origins().observation, turn);
        self.found.push(id);
        self.open(&id, b"Observation\",");
        let status: &'static [u8] = match self.text(self.leaf(self.field::<W>(11))) {
            b"F" | b"U" => b"\"status\":\"final\",",
            b"P" | b"S" | b"R" => b"\"status\":\"preliminary\",",
            b"C" => b"\"status\":\"corrected\",",
            b"X" => b"\"status\":\"cancelled\",",
            b"D" | b"W" => b"\"status\":\"entered-in-error\",",
            b"I" | b"O" => b"\"status\":\"registered\",",
            _ => b"\"status\":\"unknown\",",
        };
        self.w.bytes(status);
        self.w.lit(b"\"category\":[{\"coding\":[{\"system\":\"http://terminology.hl7.org/CodeSystem/observation-category\",\"code\":\"laboratory\"}]}],");
        if !self.concept_of(b"\"code\":", self.field::<W>(3), NONE) {
            self.w.lit(UNKNOWN);
        }
        self.subject(b"\"subject\":");
        let own = self.leaf(self.field::<W>(14));
        if !self.time(b"\"effectiveDateTime\":\"", own, Kind::DateTime) {
            self.w.fixed(&taken.text, taken.n);
        }
        self.issued(self.leaf(self.field::<W>(19)));
        let (place, by) = (self.leaf(self.field::<W>(23)), self.field::<W>(16));
        if place.n | by.n != 0 {
            let mark = self.w.p;
            self.w.lit(b"\"performer\":[");
            let inside = self.w.p;
            if place.some() {
                self.w.lit(b"{\"display\":\"");
                self.put(place);
                self.w.lit(b"\"},");
            }
            let mut rest = by;
            while let Some(one) = self.next(&mut rest) {
                self.clinician(one);
            }
            self.w.shut(mark, inside, b']');
        }
        self.value();
        let flags = self.field::<W>(8);
        self.each(b"\"interpretation\":[", flags, |it, s| {
            let c = it.parts(s);
            let (code, display) = (it.leaf_of(&c, 1), it.leaf_of(&c, 2));
            if code.n | display.n != 0 {
                it.w.lit(
                    b"{\"coding\":[{\"system\":\"http://terminology.hl7.org/CodeSystem/v3-ObservationInterpretation\",",
                );
                it.pair(b"\"code\":\"", code);
                it.pair(b"\"display\":\"", display);
                it.w.close(b'}');
                it.w.lit(b"]},");
            }
        });
        let method = self.first(self.field::<W>(17));
        self.concept_of(b"\"method\":", method, NONE);
        let range = self.leaf(self.field::<W>(7));
        if range.some() {
            self.w.lit(b"\"referenceRange\":[{\"text\":\"");
            self.put(range);
            self.w.lit(b"\"}],");
        }
        let (mark, mut next) = (self.w.p, seg + 1);
        if self.index.segs.get(next).is_some_and(|it| it.tag == NTE) {
            self.w.lit(b"\"note\":[");
            let inside = self.w.p;
            while self.index.segs.get(next).is_some_and(|it| it.tag == NTE) {
                self.load(next, M_NTE);
                let text = self.first_one(self.field::<M_NTE>(3));
                if text.some() {
                    self.w.lit(b"{\"text\":\"");
                    self.put(text);
                    self.w.lit(b"\"},");
                }
                next += 1;
            }
            self.w.shut(mark, inside, b']');
        }
        self.w.close(b'}');
        self.w.lit(b",\"request\":{\"method\":\"POST\",\"url\":\"Observation\"}},");
    }

    #[inline]
    #[target_feature(enable = "avx2,bmi1,bmi2,lzcnt,popcnt")]
    fn value(&mut self) {
        const W: u64 = M_OBX;
        let value = self.first(self.field::<W>(5));
        if !value.some() {
            return;
        }
        let text = self.leaf(value);
        match self.text(self.leaf(self.field::<W>(2))) {
            b"NM" if is_decimal(self.text(text)) => self.quantity(text, b""),
            b"SN" => {
                let c = self.parts(value);
                let number = self.leaf_of(&c, 2);
                if !self.leaf_of(&c, 3).some() && is_decimal(self.text(number)) {
                    let comparator: &'static [u8] = match self.text(self.leaf_of(&c, 1)) {
                        b"<" => b"\"comparator\":\"<\",",
                        b">" => b"\"comparator\":\">\",",
                        b"<=" => b"\"comparator\":\"<=\",",
                        b">=" => b"\"comparator\":\">=\",",
                        _ => b"",
                    };
                    self.quantity(number, comparator);
                } else {
                    self.pair(b"\"valueString\":\"", text);
                }
            }
            b"CWE" | b"CE" | b"CNE" | b"CF" => {
                self.concept_of(b"\"valueCodeableConcept\":", value, NONE);
            }
            b"DT" | b"TS" | b"DTM" => {
                self.time(b"\"valueDateTime\":\"", text, Kind::DateTime);
            }
            _ => self.pair(b"\"valueString\":\"", text),
        }
    }

    #[inline]
    #[target_feature(enable = "avx2,bmi1,bmi2,lzcnt,popcnt")]
    fn quantity(&mut self, number: S, comparator: &'static [u8]) {
        self.w.lit(b"\"valueQuantity\":{\"value\":");
        self.put(number);
        self.w.byte(b',');
        self.w.bytes(comparator);
        let units = self.field::<M_OBX>(6);
        if units.some() {
            let c = self.parts_of_one(units);
            let (code, name, system) = (self.leaf_of(&c, 1), self.leaf_of(&c, 2), self.leaf_of(&c, 3));
            self.pair(b"\"unit\":\"", name.or(code));
            if system.some() {
                self.system(system);
                self.pair(b"\"code\":\"", code);
            }
        }
        self.w.close(b'}');
        self.w.byte(b',');
    }
}

/// The JSON grammar of numbers without exponent. Other numbers of HL7 (`+5`, `.5`) do not come.
#[inline]
fn is_decimal(b: &[u8]) -> bool {
    let digits = |mut i: usize| {
        while i < b.len() && b[i].wrapping_sub(b'0') <= 9 {
            i += 1;
        }
        i
    };
    let from = usize::from(b.first() == Some(&b'-'));
    let mut i = digits(from);
    if i == from || (b[from] == b'0' && i - from > 1) {
        return false;
    }
    if b.get(i) == Some(&b'.') {
        let from = i + 1;
        i = digits(from);
        if i == from {
            return false;
        }
    }
    i == b.len()
}
