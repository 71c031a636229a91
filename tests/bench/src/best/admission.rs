//! W1.

use super::codes::Table;
use super::converter::{Converter, REFERENCE, Reference, open, period, reference};
use super::dates::{Kind, time};
use super::ids::Id;
use super::index::tag;
use super::out::Out;
use super::patient::PID;
use super::text::{Map, NONE, S, Text};
use super::types::{address, clinician, concept_list, concept_of, each, gender, identifier, name, telecom};

/// The last field of each segment that is read.
const PV1: usize = 45;
const NK1: usize = 16;
const AL1: usize = 6;
const DG1: usize = 19;
const IN1: usize = 36;

static CLASSES: Table = Table::new(
    b"AMB\",\"display\":\"ambulatory\"},",
    b"AMB\",\"display\":\"ambulatory\"},",
    &[
        (b"I", b"IMP\",\"display\":\"inpatient encounter\"},"),
        (b"R", b"IMP\",\"display\":\"inpatient encounter\"},"),
        (b"B", b"IMP\",\"display\":\"inpatient encounter\"},"),
        (b"E", b"EMER\",\"display\":\"emergency\"},"),
        (b"P", b"PRENC\",\"display\":\"pre-admission\"},"),
    ],
);
static CATEGORIES: Table = Table::new(
    b"",
    b"",
    &[
        (b"DA", b"\"category\":[\"medication\"],"),
        (b"FA", b"\"category\":[\"food\"],"),
        (b"EA", b"\"category\":[\"environment\"],"),
        (b"AA", b"\"category\":[\"environment\"],"),
        (b"PA", b"\"category\":[\"environment\"],"),
        (b"LA", b"\"category\":[\"environment\"],"),
        (b"MA", b"\"category\":[\"environment\"],"),
    ],
);
static CRITICALITIES: Table = Table::new(
    b"",
    b"",
    &[
        (b"SV", b"\"criticality\":\"high\","),
        (b"MI", b"\"criticality\":\"low\","),
        (b"MO", b"\"criticality\":\"low\","),
        (b"U", b"\"criticality\":\"unable-to-assess\","),
    ],
);

/// What the resources of a message say of each other.
struct Ties {
    who: Reference,
    /// Of the encounter, if there is one.
    visit: Option<Reference>,
}

impl Converter {
    #[target_feature(enable = "avx2,bmi1,bmi2,lzcnt,popcnt")]
    pub fn admission(&mut self, msg: &[u8]) -> Option<Out> {
        let (text, mut out) = self.begin(msg)?;
        let find = |it: &Self, tag: u32| (0..it.index.count).find(|&number| it.index.tag(text, number) == tag);
        let pid = find(self, tag(b"PID"))?;
        let who;
        (out, who) = self.patient(out, text, self.index.segment(text, pid, PID));
        let mut ties = Ties { who, visit: None };
        if let Some(pv1) = find(self, tag(b"PV1")) {
            let visit;
            (out, visit) = self.encounter(out, text, self.index.segment(text, pv1, PV1), &ties.who);
            ties.visit = Some(visit);
        }
        let series = [self.places.related, self.places.allergy, self.places.condition, self.places.coverage]
            .map(|place| place.series(self.digest));
        let mut turns = [0; 4];
        let mut next = |of: usize| {
            turns[of] += 1;
            series[of].id(turns[of])
        };
        const RELATED: u32 = tag(b"NK1");
        const ALLERGY: u32 = tag(b"AL1");
        const CONDITION: u32 = tag(b"DG1");
        const COVERAGE: u32 = tag(b"IN1");
        for number in pid + 1..self.index.count {
            let segment = |fields: usize| self.index.segment(text, number, fields);
            out = match self.index.tag(text, number) {
                RELATED => related(out, text, segment(NK1), next(0), &ties),
                ALLERGY => allergy(out, text, segment(AL1), next(1), &ties),
                CONDITION => condition(out, text, segment(DG1), next(2), &ties),
                COVERAGE => coverage(out, text, segment(IN1), next(3), &ties),
                _ => out,
            };
        }
        out.back(b"]}");
        Some(out)
    }

    #[inline(never)]
    #[target_feature(enable = "avx2,bmi1,bmi2,lzcnt,popcnt")]
    fn encounter(&mut self, mut out: Out, text: Text, pv1: usize, who: &Reference) -> (Out, Reference) {
        let field = |k: usize| text.field(pv1, k);
        let number = text.until(Map::Tildes, field(19));
        let id = self.keyed(text, "Encounter", self.places.encounter, number);
        open(&mut out, id, b"\",\"resource\":{\"resourceType\":\"Encounter\",");
        if number.some() {
            let mark = out;
            out.lit(b"\"identifier\":[");
            let inside = out;
            out = identifier(out, text, number);
            out.shut(mark, inside, b"],");
        }
        let left = text.leaf(field(45));
        if left.some() {
            out.lit(b"\"status\":\"finished\",");
        } else {
            out.lit(b"\"status\":\"in-progress\",");
        }
        out.lit(b"\"class\":{\"system\":\"http://terminology.hl7.org/CodeSystem/v3-ActCode\",\"code\":\"");
        let class = CLASSES.code(text, field(2), b"HL70004");
        out.wide(class.text, class.n);
        concept_list(&mut out, text, b"\"type\":[", field(4));
        out.lit(b"\"subject\":");
        out.wide(who, REFERENCE);
        let mark = out;
        out.lit(b"\"participant\":[");
        let inside = out;
        out = participant(out, text, field(7), b"{\"type\":[{\"coding\":[{\"system\":\"http://terminology.hl7.org/CodeSystem/v3-ParticipationType\",\"code\":\"ATND\"}]}],\"individual\":");
        out = participant(out, text, field(8), b"{\"type\":[{\"coding\":[{\"system\":\"http://terminology.hl7.org/CodeSystem/v3-ParticipationType\",\"code\":\"REF\"}]}],\"individual\":");
        out = participant(out, text, field(9), b"{\"type\":[{\"coding\":[{\"system\":\"http://terminology.hl7.org/CodeSystem/v3-ParticipationType\",\"code\":\"CON\"}]}],\"individual\":");
        out = participant(out, text, field(17), b"{\"type\":[{\"coding\":[{\"system\":\"http://terminology.hl7.org/CodeSystem/v3-ParticipationType\",\"code\":\"ADM\"}]}],\"individual\":");
        out.shut(mark, inside, b"],");
        period(&mut out, text, field(44), left);
        let (source, went) = (field(14), field(36));
        if source.some() | went.some() {
            let mark = out;
            out.lit(b"\"hospitalization\":{");
            let inside = out;
            concept_of(&mut out, text, b"\"admitSource\":", source, NONE);
            concept_of(&mut out, text, b"\"dischargeDisposition\":", went, NONE);
            out.shut(mark, inside, b"},");
        }
        located(&mut out, text, field(3));
        self.request(&mut out, b"\"PUT\",\"url\":\"Encounter", b"\"POST\",\"url\":\"Encounter");
        (out, reference(id))
    }
}

#[inline(always)]
fn located(out: &mut Out, text: Text, place: S) {
    if !place.some() {
        return;
    }
    let words = text.far::<4>(text.until(Map::Tildes, place));
    let mut to = *out;
    to.lit(b"\"location\":[{\"location\":{\"display\":\"");
    let first = to;
    to.words(text, words);
    if to != first {
        to.back(b"\"},\"status\":\"active\"}],");
        *out = to;
    }
}

#[inline]
#[target_feature(enable = "avx2,bmi1,bmi2,lzcnt,popcnt")]
fn participant<const K: usize>(mut out: Out, text: Text, s: S, open: &[u8; K]) -> Out {
    if s.some() {
        for one in text.repetitions(s) {
            let mut to = out;
            to.lit(open);
            let inside = to;
            to = clinician(to, text, one);
            if to != inside {
                to.back(b"},");
                out = to;
            }
        }
    }
    out
}

#[inline(never)]
#[target_feature(enable = "avx2,bmi1,bmi2,lzcnt,popcnt")]
fn related(mut out: Out, text: Text, nk1: usize, id: Id, ties: &Ties) -> Out {
    let field = |k: usize| text.field(nk1, k);
    open(&mut out, id, b"\",\"resource\":{\"resourceType\":\"RelatedPerson\",\"patient\":");
    out.wide(&ties.who, REFERENCE);
    concept_list(&mut out, text, b"\"relationship\":[", field(3));
    each(&mut out, text, b"\"name\":[", field(2), |out, text, s| name(out, text, s));
    telecom(&mut out, text, field(5), field(6));
    gender(&mut out, text, field(15));
    time(&mut out, text, b"\"birthDate\":\"", field(16), Kind::Date);
    each(&mut out, text, b"\"address\":[", field(4), |out, text, s| address(out, text, s));
    period(&mut out, text, field(8), field(9));
    out.back(b"},\"request\":{\"method\":\"POST\",\"url\":\"RelatedPerson\"}},");
    out
}

#[inline(never)]
#[target_feature(enable = "avx2,bmi1,bmi2,lzcnt,popcnt")]
fn allergy(mut out: Out, text: Text, al1: usize, id: Id, ties: &Ties) -> Out {
    let field = |k: usize| text.field(al1, k);
    open(&mut out, id, b"\",\"resource\":{\"resourceType\":\"AllergyIntolerance\",\"clinicalStatus\":{\"coding\":[{\"system\":\"http://terminology.hl7.org/CodeSystem/allergyintolerance-clinical\",\"code\":\"active\"}]},");
    let category = CATEGORIES.code(text, field(2), b"HL70127");
    out.wide(category.text, category.n);
    let criticality = CRITICALITIES.code(text, field(4), b"HL70128");
    out.wide(criticality.text, criticality.n);
    concept_of(&mut out, text, b"\"code\":", field(3), NONE);
    out.lit(b"\"patient\":");
    out.wide(&ties.who, REFERENCE);
    time(&mut out, text, b"\"onsetDateTime\":\"", field(6), Kind::DateTime);
    each(&mut out, text, b"\"reaction\":[", field(5), |mut out, text, s| {
        out.around(b"{\"manifestation\":[{\"text\":\"", text, text.leaf(s), b"\"}]},");
        out
    });
    out.back(b"},\"request\":{\"method\":\"POST\",\"url\":\"AllergyIntolerance\"}},");
    out
}

#[inline(never)]
#[target_feature(enable = "avx2,bmi1,bmi2,lzcnt,popcnt")]
fn condition(mut out: Out, text: Text, dg1: usize, id: Id, ties: &Ties) -> Out {
    let field = |k: usize| text.field(dg1, k);
    open(&mut out, id, b"\",\"resource\":{\"resourceType\":\"Condition\",\"clinicalStatus\":{\"coding\":[{\"system\":\"http://terminology.hl7.org/CodeSystem/condition-clinical\",\"code\":\"active\"}]},\"category\":[{\"coding\":[{\"system\":\"http://terminology.hl7.org/CodeSystem/condition-category\",\"code\":\"encounter-diagnosis\"}]}],");
    let what = field(3);
    if text.present(what) {
        concept_of(&mut out, text, b"\"code\":", what, text.leaf(field(4)));
    }
    out.lit(b"\"subject\":");
    out.wide(&ties.who, REFERENCE);
    if let Some(visit) = &ties.visit {
        out.lit(b"\"encounter\":");
        out.wide(visit, REFERENCE);
    }
    time(&mut out, text, b"\"onsetDateTime\":\"", field(5), Kind::DateTime);
    time(&mut out, text, b"\"recordedDate\":\"", field(19), Kind::DateTime);
    let by = field(16);
    if by.some() {
        let mark = out;
        out.lit(b"\"asserter\":");
        let inside = out;
        let by = text.first(by);
        if by.some() {
            out = clinician(out, text, by);
        }
        out = if out == inside { mark } else { out };
    }
    out.back(b"},\"request\":{\"method\":\"POST\",\"url\":\"Condition\"}},");
    out
}

#[inline(never)]
#[target_feature(enable = "avx2,bmi1,bmi2,lzcnt,popcnt")]
fn coverage(mut out: Out, text: Text, in1: usize, id: Id, ties: &Ties) -> Out {
    let field = |k: usize| text.field(in1, k);
    open(&mut out, id, b"\",\"resource\":{\"resourceType\":\"Coverage\",\"status\":\"active\",");
    concept_of(&mut out, text, b"\"type\":", field(15), NONE);
    out.pair(b"\"subscriberId\":\"", text, text.leaf(field(36)));
    out.lit(b"\"beneficiary\":");
    out.wide(&ties.who, REFERENCE);
    concept_of(&mut out, text, b"\"relationship\":", field(17), NONE);
    period(&mut out, text, field(12), field(13));
    let (number, company) = (text.first_one(field(3)), text.first_one(field(4)));
    // A block of constants alone is none, and without payers there is no coverage: none of these messages is so.
    out.lit(b"\"payor\":[{");
    out.around(b"\"identifier\":{\"value\":\"", text, number, b"\"},");
    if company.some() {
        out.around(b"\"display\":\"", text, company, b"\"}],");
    } else {
        out.lit(b"\"display\":\"unknown\"}],");
    }
    let group = text.leaf(field(8));
    let plan = text.until(Map::Tildes, field(2));
    let [code, called] = text.near::<2>(plan).unwrap_or_else(|| text.far::<2>(plan));
    if group.some() | code.some() {
        out.lit(b"\"class\":[");
        if group.some() {
            out.lit(b"{\"type\":{\"coding\":[{\"system\":\"http://terminology.hl7.org/CodeSystem/coverage-class\",\"code\":\"group\"}]},\"value\":\"");
            out.text(text, group);
            out.lit(b"\",");
            out.pair(b"\"name\":\"", text, text.first_one(field(9)));
            out.back(b"},");
        }
        if code.some() {
            out.lit(b"{\"type\":{\"coding\":[{\"system\":\"http://terminology.hl7.org/CodeSystem/coverage-class\",\"code\":\"plan\"}]},\"value\":\"");
            out.text(text, code);
            out.lit(b"\",");
            out.pair(b"\"name\":\"", text, called);
            out.back(b"},");
        }
        out.back(b"],");
    }
    out.back(b"},\"request\":{\"method\":\"POST\",\"url\":\"Coverage\"}},");
    out
}
