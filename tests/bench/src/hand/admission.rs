//! W1.

use super::converter::{Converter, PID, PV1};
use super::date::Kind;
use super::index::tag;
use super::types::{M_PID, fields};
use super::writer::{NONE, S};

const NK1: u32 = tag(b"NK1");
const AL1: u32 = tag(b"AL1");
const DG1: u32 = tag(b"DG1");
const IN1: u32 = tag(b"IN1");
const M_PV1: u64 = fields(&[2, 3, 4, 7, 8, 9, 14, 17, 19, 36, 44, 45]);
const M_NK1: u64 = fields(&[2, 3, 4, 5, 6, 8, 9, 15, 16]);
const M_AL1: u64 = fields(&[2, 3, 4, 5, 6]);
const M_DG1: u64 = fields(&[3, 4, 5, 16, 19]);
const M_IN1: u64 = fields(&[2, 3, 4, 8, 9, 12, 13, 15, 17, 36]);

impl Converter {
    #[target_feature(enable = "avx2,bmi1,bmi2,lzcnt,popcnt")]
    pub fn admission(&mut self, msg: &[u8]) -> bool {
        if !self.begin(msg) {
            return false;
        }
        self.head(msg);
        let find = |it: &Self, tag: u32| it.index.segs.iter().position(|seg| seg.tag == tag);
        let Some(pid) = find(self, PID) else { return false };
        let pv1 = find(self, PV1);
        self.load(pid, M_PID);
        self.patient();
        if let Some(pv1) = pv1 {
            self.load(pv1, M_PV1);
            self.encounter();
        }
        let (mut related, mut allergies, mut conditions, mut coverages) = (0, 0, 0, 0);
        for i in 0..self.index.segs.len() {
            match self.index.segs[i].tag {
                NK1 => {
                    related += 1;
                    self.load(i, M_NK1);
                    self.related(related);
                }
                AL1 => {
                    allergies += 1;
                    self.load(i, M_AL1);
                    self.allergy(allergies);
                }
                DG1 => {
                    conditions += 1;
                    self.load(i, M_DG1);
                    self.condition(conditions, pv1.is_some());
                }
                IN1 => {
                    coverages += 1;
                    self.load(i, M_IN1);
                    self.coverage(coverages);
                }
                _ => {}
            }
        }
        self.end();
        true
    }

    #[target_feature(enable = "avx2,bmi1,bmi2,lzcnt,popcnt")]
    fn participant(&mut self, s: S, open: &[u8]) {
        let mut rest = s;
        while let Some(one) = self.next(&mut rest) {
            let mark = self.w.p;
            self.w.bytes(open);
            if self.clinician(one) {
                self.w.close(b'}');
                self.w.byte(b',');
            } else {
                self.w.p = mark;
            }
        }
    }

    #[target_feature(enable = "avx2,bmi1,bmi2,lzcnt,popcnt")]
    fn encounter(&mut self) {
        const W: u64 = M_PV1;
        let number = self.until(self.field::<W>(19), super::index::By::Repetition);
        let (id, keyed) = self.keyed("Encounter", self.origins().encounter, number);
        self.visit = self.reference(&id);
        self.open(&id, b"Encounter\",");
        if number.some() {
            let mark = self.w.p;
            self.w.lit(b"\"identifier\":[");
            let inside = self.w.p;
            self.identifier(number);
            self.w.shut(mark, inside, b']');
        }
        let left = self.leaf(self.field::<W>(45));
        if left.some() {
            self.w.lit(b"\"status\":\"finished\",");
        } else {
            self.w.lit(b"\"status\":\"in-progress\",");
        }
        let (code, foreign) = self.code(self.field::<W>(2), b"HL70004");
        let class: &'static [u8] = match self.text(code) {
            b"I" | b"R" | b"B" if !foreign => b"IMP\",\"display\":\"inpatient encounter\"},",
            b"E" if !foreign => b"EMER\",\"display\":\"emergency\"},",
            b"P" if !foreign => b"PRENC\",\"display\":\"pre-admission\"},",
            _ => b"AMB\",\"display\":\"ambulatory\"},",
        };
        self.w.lit(b"\"class\":{\"system\":\"http://terminology.hl7.org/CodeSystem/v3-ActCode\",\"code\":\"");
        self.w.bytes(class);
        self.concept_list(b"\"type\":[", self.field::<W>(4));
        self.subject(b"\"subject\":");
        let mark = self.w.p;
        self.w.lit(b"\"participant\":[");
        let inside = self.w.p;
        let fields = (self.field::<W>(7), self.field::<W>(8), self.field::<W>(9), self.field::<W>(17));
        self.participant(fields.0, b"{\"type\":[{\"coding\":[{\"system\":\"http://terminology.hl7.org/CodeSystem/v3-ParticipationType\",\"code\":\"ATND\"}]}],\"individual\":");
        self.participant(fields.1, b"{\"type\":[{\"coding\":[{\"system\":\"http://terminology.hl7.org/CodeSystem/v3-ParticipationType\",\"code\":\"REF\"}]}],\"individual\":");
        self.participant(fields.2, b"{\"type\":[{\"coding\":[{\"system\":\"http://terminology.hl7.org/CodeSystem/v3-ParticipationType\",\"code\":\"CON\"}]}],\"individual\":");
        self.participant(fields.3, b"{\"type\":[{\"coding\":[{\"system\":\"http://terminology.hl7.org/CodeSystem/v3-ParticipationType\",\"code\":\"ADM\"}]}],\"individual\":");
        self.w.shut(mark, inside, b']');
        self.period(self.leaf(self.field::<W>(44)), left);
        let (source, went) = (self.field::<W>(14), self.field::<W>(36));
        if source.n | went.n != 0 {
            let mark = self.w.p;
            self.w.lit(b"\"hospitalization\":{");
            let inside = self.w.p;
            self.concept_of(b"\"admitSource\":", source, NONE);
            self.concept_of(b"\"dischargeDisposition\":", went, NONE);
            self.w.shut(mark, inside, b'}');
        }
        let place = self.field::<W>(3);
        if place.some() {
            let c = self.parts_of_one(place);
            let words = [self.leaf_of(&c, 1), self.leaf_of(&c, 2), self.leaf_of(&c, 3), self.leaf_of(&c, 4)];
            if words[0].n | words[1].n | words[2].n | words[3].n != 0 {
                self.w.lit(b"\"location\":[{\"location\":{\"display\":\"");
                self.words(&words);
                self.w.lit(b"\"},\"status\":\"active\"}],");
            }
        }
        self.request(keyed, b"\"PUT\",\"url\":\"Encounter", b"\"POST\",\"url\":\"Encounter");
    }

    #[target_feature(enable = "avx2,bmi1,bmi2,lzcnt,popcnt")]
    fn related(&mut self, turn: u32) {
        const W: u64 = M_NK1;
        let id = self.placed(self.origins().related, turn);
        self.open(&id, b"RelatedPerson\",");
        self.subject(b"\"patient\":");
        self.concept_list(b"\"relationship\":[", self.field::<W>(3));
        let names = self.field::<W>(2);
        self.each(b"\"name\":[", names, |it, s| it.name(s));
        self.telecom(self.field::<W>(5), self.field::<W>(6));
        self.gender(self.field::<W>(15));
        let born = self.leaf(self.field::<W>(16));
        self.time(b"\"birthDate\":\"", born, Kind::Date);
        let addresses = self.field::<W>(4);
        self.each(b"\"address\":[", addresses, |it, s| it.address(s));
        self.period(self.leaf(self.field::<W>(8)), self.leaf(self.field::<W>(9)));
        self.w.close(b'}');
        self.w.lit(b",\"request\":{\"method\":\"POST\",\"url\":\"RelatedPerson\"}},");
    }

    #[target_feature(enable = "avx2,bmi1,bmi2,lzcnt,popcnt")]
    fn allergy(&mut self, turn: u32) {
        const W: u64 = M_AL1;
        let id = self.placed(self.origins().allergy, turn);
        self.open(&id, b"AllergyIntolerance\",\"clinicalStatus\":{\"coding\":[{\"system\":\"http://terminology.hl7.org/CodeSystem/allergyintolerance-clinical\",\"code\":\"active\"}]},");
        let (code, foreign) = self.code(self.field::<W>(2), b"HL70127");
        let text: &'static [u8] = match self.text(code) {
            _ if foreign => b"",
            b"DA" => b"\"category\":[\"medication\"],",
            b"FA" => b"\"category\":[\"food\"],",
            b"EA" | b"AA" | b"PA" | b"LA" | b"MA" => b"\"category\":[\"environment\"],",
            _ => b"",
        };
        self.w.bytes(text);
        let (code, foreign) = self.code(self.field::<W>(4), b"HL70128");
        let text: &'static [u8] = match self.text(code) {
            _ if foreign => b"",
            b"SV" => b"\"criticality\":\"high\",",
            b"MI" | b"MO" => b"\"criticality\":\"low\",",
            b"U" => b"\"criticality\":\"unable-to-assess\",",
            _ => b"",
        };
        self.w.bytes(text);
        self.concept_of(b"\"code\":", self.field::<W>(3), NONE);
        self.subject(b"\"patient\":");
        let since = self.leaf(self.field::<W>(6));
        self.time(b"\"onsetDateTime\":\"", since, Kind::DateTime);
        let reactions = self.field::<W>(5);
        self.each(b"\"reaction\":[", reactions, |it, s| {
            let text = it.leaf(s);
            if text.some() {
                it.w.lit(b"{\"manifestation\":[{\"text\":\"");
                it.put(text);
                it.w.lit(b"\"}]},");
            }
        });
        self.w.close(b'}');
        self.w.lit(b",\"request\":{\"method\":\"POST\",\"url\":\"AllergyIntolerance\"}},");
    }

    #[target_feature(enable = "avx2,bmi1,bmi2,lzcnt,popcnt")]
    fn condition(&mut self, turn: u32, visited: bool) {
        const W: u64 = M_DG1;
        let id = self.placed(self.origins().condition, turn);
        self.open(&id, b"Condition\",\"clinicalStatus\":{\"coding\":[{\"system\":\"http://terminology.hl7.org/CodeSystem/condition-clinical\",\"code\":\"active\"}]},\"category\":[{\"coding\":[{\"system\":\"http://terminology.hl7.org/CodeSystem/condition-category\",\"code\":\"encounter-diagnosis\"}]}],");
        let what = self.field::<W>(3);
        if self.present(what) {
            let said = self.leaf(self.field::<W>(4));
            self.concept_of(b"\"code\":", what, said);
        }
        self.subject(b"\"subject\":");
        if visited {
            self.w.lit(b"\"encounter\":");
            let visit = self.visit;
            self.w.fixed(&visit, 62);
        }
        let since = self.leaf(self.field::<W>(5));
        self.time(b"\"onsetDateTime\":\"", since, Kind::DateTime);
        let noted = self.leaf(self.field::<W>(19));
        self.time(b"\"recordedDate\":\"", noted, Kind::DateTime);
        let by = self.first(self.field::<W>(16));
        if by.some() {
            let mark = self.w.p;
            self.w.lit(b"\"asserter\":");
            if !self.clinician(by) {
                self.w.p = mark;
            }
        }
        self.w.close(b'}');
        self.w.lit(b",\"request\":{\"method\":\"POST\",\"url\":\"Condition\"}},");
    }

    #[target_feature(enable = "avx2,bmi1,bmi2,lzcnt,popcnt")]
    fn coverage(&mut self, turn: u32) {
        const W: u64 = M_IN1;
        let id = self.placed(self.origins().coverage, turn);
        self.open(&id, b"Coverage\",\"status\":\"active\",");
        self.concept_of(b"\"type\":", self.field::<W>(15), NONE);
        self.pair(b"\"subscriberId\":\"", self.leaf(self.field::<W>(36)));
        self.subject(b"\"beneficiary\":");
        self.concept_of(b"\"relationship\":", self.field::<W>(17), NONE);
        self.period(self.leaf(self.field::<W>(12)), self.leaf(self.field::<W>(13)));
        let (number, company) = (self.first_one(self.field::<W>(3)), self.first_one(self.field::<W>(4)));
        // A block of constants alone is none, and without payers there is no coverage: none of these messages is so.
        self.w.lit(b"\"payor\":[{");
        if number.some() {
            self.w.lit(b"\"identifier\":{\"value\":\"");
            self.put(number);
            self.w.lit(b"\"},");
        }
        if company.some() {
            self.w.lit(b"\"display\":\"");
            self.put(company);
            self.w.lit(b"\"}],");
        } else {
            self.w.lit(b"\"display\":\"unknown\"}],");
        }
        let plan = self.field::<W>(2);
        let c = self.parts_of_one(plan);
        let (group, code) = (self.leaf(self.field::<W>(8)), self.leaf_of(&c, 1));
        if group.n | code.n != 0 {
            self.w.lit(b"\"class\":[");
            if group.some() {
                self.w.lit(b"{\"type\":{\"coding\":[{\"system\":\"http://terminology.hl7.org/CodeSystem/coverage-class\",\"code\":\"group\"}]},\"value\":\"");
                self.put(group);
                self.w.lit(b"\",");
                self.pair(b"\"name\":\"", self.first_one(self.field::<W>(9)));
                self.w.close(b'}');
                self.w.byte(b',');
            }
            if code.some() {
                self.w.lit(b"{\"type\":{\"coding\":[{\"system\":\"http://terminology.hl7.org/CodeSystem/coverage-class\",\"code\":\"plan\"}]},\"value\":\"");
                self.put(code);
                self.w.lit(b"\",");
                self.pair(b"\"name\":\"", self.leaf_of(&c, 2));
                self.w.close(b'}');
                self.w.byte(b',');
            }
            self.w.close(b']');
            self.w.byte(b',');
        }
        self.w.close(b'}');
        self.w.lit(b",\"request\":{\"method\":\"POST\",\"url\":\"Coverage\"}},");
    }
}
