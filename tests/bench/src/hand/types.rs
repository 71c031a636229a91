//! HL7's data types as FHIR's, and the patient.

use super::converter::{Converter, Parts};
use super::date::Kind;
use super::writer::{NONE, S};

pub const M_PID: u64 = fields(&[3, 5, 7, 8, 11, 13, 14, 15, 16, 19, 24, 25, 29, 30]);

/// The bars around fields.
pub const fn fields(of: &[u32]) -> u64 {
    let (mut bars, mut at) = (0, 0);
    while at < of.len() {
        bars |= 0b11 << (of[at] - 1);
        at += 1;
    }
    bars
}

impl Converter {
    #[inline]
    #[target_feature(enable = "avx2,bmi1,bmi2,lzcnt,popcnt")]
    pub fn system(&mut self, s: S) {
        if !s.some() {
            return;
        }
        let text: &'static [u8] = match self.text(s) {
            b"LN" => b"\"system\":\"http://loinc.org\",",
            b"SCT" | b"SNOMED" | b"SNM" => b"\"system\":\"http://snomed.info/sct\",",
            b"UCUM" => b"\"system\":\"http://unitsofmeasure.org\",",
            b"I9" | b"I9C" => b"\"system\":\"http://hl7.org/fhir/sid/icd-9-cm\",",
            b"I10" | b"I10C" => b"\"system\":\"http://hl7.org/fhir/sid/icd-10-cm\",",
            b"CVX" => b"\"system\":\"http://hl7.org/fhir/sid/cvx\",",
            b"NDC" => b"\"system\":\"http://hl7.org/fhir/sid/ndc\",",
            b"C4" => b"\"system\":\"http://www.ama-assn.org/go/cpt\",",
            b"CDCREC" => b"\"system\":\"urn:oid:2.16.840.1.113883.6.238\",",
            b"RXNORM" => b"\"system\":\"http://www.nlm.nih.gov/research/umls/rxnorm\",",
            text => {
                if text.len() == 7 && &text[..3] == b"HL7" && text[3..].iter().all(u8::is_ascii_digit) {
                    self.w.lit(b"\"system\":\"http://terminology.hl7.org/CodeSystem/v2-");
                    self.put(S { o: s.o + 3, n: 4 });
                } else {
                    self.w.lit(b"\"system\":\"urn:id:");
                    self.put(s);
                }
                self.w.lit(b"\",");
                return;
            }
        };
        self.w.bytes(text);
    }

    #[inline]
    #[target_feature(enable = "avx2,bmi1,bmi2,lzcnt,popcnt")]
    fn coding(&mut self, code: S, display: S, system: S) {
        if code.n | display.n | system.n != 0 {
            self.w.byte(b'{');
            self.system(system);
            self.pair(b"\"code\":\"", code);
            self.pair(b"\"display\":\"", display);
            self.w.close(b'}');
            self.w.byte(b',');
        }
    }

    /// A CodeableConcept with a comma behind it, or nothing; `text` goes before its own.
    #[inline(never)]
    #[target_feature(enable = "avx2,bmi1,bmi2,lzcnt,popcnt")]
    fn concept(&mut self, s: S, text: S) -> bool {
        let c = self.parts(s);
        let mark = self.w.p;
        self.w.lit(b"{\"coding\":[");
        let inside = self.w.p;
        let display = self.leaf_of(&c, 2);
        self.coding(self.leaf_of(&c, 1), display, self.leaf_of(&c, 3));
        if c.n > 3 {
            self.coding(self.leaf_of(&c, 4), self.leaf_of(&c, 5), self.leaf_of(&c, 6));
        }
        if self.w.p == inside {
            self.w.p = mark;
            self.w.byte(b'{');
        } else {
            self.w.close(b']');
            self.w.byte(b',');
        }
        let text = text.or(self.leaf_of(&c, 9)).or(display);
        self.pair(b"\"text\":\"", text);
        if self.w.p as usize == mark as usize + 1 {
            self.w.p = mark;
            return false;
        }
        self.w.close(b'}');
        self.w.byte(b',');
        true
    }

    /// `key` is `"name":`; of the first repetition.
    #[inline]
    #[target_feature(enable = "avx2,bmi1,bmi2,lzcnt,popcnt")]
    pub fn concept_of<const N: usize>(&mut self, key: &[u8; N], s: S, text: S) -> bool {
        if s.some() {
            let one = self.until(s, super::index::By::Repetition);
            let mark = self.w.p;
            self.w.lit(key);
            if self.concept(one, text) {
                return true;
            }
            self.w.p = mark;
        }
        false
    }

    /// `key` is `"name":[`; a list of the first repetition.
    #[inline]
    #[target_feature(enable = "avx2,bmi1,bmi2,lzcnt,popcnt")]
    pub fn concept_list<const N: usize>(&mut self, key: &[u8; N], s: S) {
        if self.concept_of(key, s, NONE) {
            self.w.close(b']');
            self.w.byte(b',');
        }
    }

    /// The system of an authority (HD).
    #[inline]
    #[target_feature(enable = "avx2,bmi1,bmi2,lzcnt,popcnt")]
    fn assigned(&mut self, hd: &Parts) {
        let universal = hd.whole(2);
        if universal.some() {
            if self.text(hd.whole(3)) == b"ISO" {
                self.w.lit(b"\"system\":\"urn:oid:");
            } else {
                self.w.lit(b"\"system\":\"urn:id:");
            }
            self.put(universal);
            self.w.lit(b"\",");
        }
    }

    #[inline(never)]
    #[target_feature(enable = "avx2,bmi1,bmi2,lzcnt,popcnt")]
    pub fn identifier(&mut self, s: S) {
        let c = self.parts(s);
        let value = self.leaf_of(&c, 1);
        if !value.some() {
            return;
        }
        self.w.byte(b'{');
        let kind = self.leaf_of(&c, 5);
        if kind.some() {
            self.w.lit(
                b"\"type\":{\"coding\":[{\"system\":\"http://terminology.hl7.org/CodeSystem/v2-0203\",\"code\":\"",
            );
            self.put(kind);
            self.w.lit(b"\"}]},");
        }
        let by = c.whole(4);
        if by.some() {
            let hd = self.subs(by);
            self.assigned(&hd);
            self.pair(b"\"value\":\"", value);
            let name = hd.whole(1);
            if name.some() {
                self.w.lit(b"\"assigner\":{\"display\":\"");
                self.put(name);
                self.w.lit(b"\"},");
            }
        } else {
            self.pair(b"\"value\":\"", value);
        }
        self.w.close(b'}');
        self.w.byte(b',');
    }

    /// A list of up to two texts.
    #[inline]
    #[target_feature(enable = "avx2,bmi1,bmi2,lzcnt,popcnt")]
    fn strings<const N: usize>(&mut self, key: &[u8; N], one: S, other: S) {
        if one.n | other.n == 0 {
            return;
        }
        self.w.lit(key);
        for s in [one, other] {
            if s.some() {
                self.w.byte(b'"');
                self.put(s);
                self.w.lit(b"\",");
            }
        }
        self.w.close(b']');
        self.w.byte(b',');
    }

    #[inline(never)]
    #[target_feature(enable = "avx2,bmi1,bmi2,lzcnt,popcnt")]
    pub fn name(&mut self, s: S) {
        let c = self.parts(s);
        let mark = self.w.p;
        self.w.byte(b'{');
        let inside = self.w.p;
        let used = self.leaf_of(&c, 7);
        if used.some() {
            let text: &'static [u8] = match self.text(used) {
                b"L" => b"\"use\":\"official\",",
                b"D" => b"\"use\":\"usual\",",
                b"M" => b"\"use\":\"maiden\",",
                b"N" => b"\"use\":\"nickname\",",
                b"A" | b"S" => b"\"use\":\"anonymous\",",
                b"T" => b"\"use\":\"temp\",",
                _ => b"",
            };
            self.w.bytes(text);
        }
        self.pair(b"\"family\":\"", self.leaf_of(&c, 1));
        self.strings(b"\"given\":[", self.leaf_of(&c, 2), self.leaf_of(&c, 3));
        self.strings(b"\"prefix\":[", self.leaf_of(&c, 5), NONE);
        self.strings(b"\"suffix\":[", self.leaf_of(&c, 4), self.leaf_of(&c, 6));
        self.w.shut(mark, inside, b'}');
    }

    #[inline(never)]
    #[target_feature(enable = "avx2,bmi1,bmi2,lzcnt,popcnt")]
    pub fn address(&mut self, s: S) {
        let c = self.parts(s);
        let mark = self.w.p;
        self.w.byte(b'{');
        let inside = self.w.p;
        let used = self.leaf_of(&c, 7);
        if used.some() {
            let text: &'static [u8] = match self.text(used) {
                b"H" => b"\"use\":\"home\",",
                b"B" | b"O" => b"\"use\":\"work\",",
                b"C" => b"\"use\":\"temp\",",
                b"BA" => b"\"use\":\"old\",",
                b"BI" => b"\"use\":\"billing\",",
                b"M" => b"\"type\":\"postal\",",
                _ => b"",
            };
            self.w.bytes(text);
        }
        self.strings(b"\"line\":[", self.leaf_of(&c, 1), self.leaf_of(&c, 2));
        self.pair(b"\"city\":\"", self.leaf_of(&c, 3));
        self.pair(b"\"district\":\"", self.leaf_of(&c, 9));
        self.pair(b"\"state\":\"", self.leaf_of(&c, 4));
        self.pair(b"\"postalCode\":\"", self.leaf_of(&c, 5));
        self.pair(b"\"country\":\"", self.leaf_of(&c, 6));
        self.w.shut(mark, inside, b'}');
    }

    /// `used` where the number does not say it.
    #[inline(never)]
    #[target_feature(enable = "avx2,bmi1,bmi2,lzcnt,popcnt")]
    fn reached(&mut self, s: S, used: &'static [u8]) {
        let c = self.parts(s);
        let kind = self.leaf_of(&c, 3);
        let (system, email): (&'static [u8], bool) = match self.text(kind) {
            b"FX" => (b"{\"system\":\"fax\",\"value\":\"", false),
            b"Internet" | b"X.400" => (b"{\"system\":\"email\",\"value\":\"", true),
            b"BP" => (b"{\"system\":\"pager\",\"value\":\"", false),
            b"SAT" | b"MD" | b"TDD" | b"TTY" => (b"{\"system\":\"other\",\"value\":\"", false),
            _ => (b"{\"system\":\"phone\",\"value\":\"", false),
        };
        let mail = if email { self.leaf_of(&c, 4) } else { NONE };
        let value = mail.or(self.leaf_of(&c, 1)).or(self.leaf_of(&c, 12));
        let (area, number) = if value.some() { (NONE, value) } else { (self.leaf_of(&c, 6), self.leaf_of(&c, 7)) };
        if !number.some() {
            return;
        }
        self.w.bytes(system);
        if area.some() {
            self.w.byte(b'(');
            self.put(area);
            self.w.lit(b") ");
        }
        self.put(number);
        let used: &'static [u8] = match self.text(self.leaf_of(&c, 2)) {
            b"PRN" | b"ORN" | b"VHN" => b"\",\"use\":\"home\"},",
            b"WPN" => b"\",\"use\":\"work\"},",
            b"PRS" => b"\",\"use\":\"mobile\"},",
            _ if self.text(kind) == b"CP" => b"\",\"use\":\"mobile\"},",
            _ => used,
        };
        self.w.bytes(used);
    }

    #[inline]
    #[target_feature(enable = "avx2,bmi1,bmi2,lzcnt,popcnt")]
    pub fn telecom(&mut self, home: S, work: S) {
        if home.n | work.n == 0 {
            return;
        }
        let mark = self.w.p;
        self.w.lit(b"\"telecom\":[");
        let inside = self.w.p;
        let mut rest = home;
        while let Some(one) = self.next(&mut rest) {
            self.reached(one, b"\",\"use\":\"home\"},");
        }
        let mut rest = work;
        while let Some(one) = self.next(&mut rest) {
            self.reached(one, b"\",\"use\":\"work\"},");
        }
        self.w.shut(mark, inside, b']');
    }

    /// Number and name of a clinician between braces, with a comma behind; nothing if there is neither.
    #[inline(never)]
    #[target_feature(enable = "avx2,bmi1,bmi2,lzcnt,popcnt")]
    pub fn clinician(&mut self, s: S) -> bool {
        let c = self.parts(s);
        let number = self.leaf_of(&c, 1);
        let [prefix, given, middle] = [self.leaf_of(&c, 6), self.leaf_of(&c, 3), self.leaf_of(&c, 4)];
        let words = [prefix, given, middle, self.leaf_of(&c, 2), self.leaf_of(&c, 5)];
        let said = words[0].n | words[1].n | words[2].n | words[3].n | words[4].n != 0;
        if !number.some() && !said {
            return false;
        }
        self.w.byte(b'{');
        if number.some() {
            self.w.lit(b"\"identifier\":{");
            let by = c.whole(9);
            if by.some() {
                let hd = self.subs(by);
                self.assigned(&hd);
            }
            self.w.lit(b"\"value\":\"");
            self.put(number);
            self.w.lit(b"\"},");
        }
        if said {
            self.w.lit(b"\"display\":\"");
            self.words(&words);
            self.w.lit(b"\",");
        }
        self.w.close(b'}');
        self.w.byte(b',');
        true
    }

    /// With blanks between those that are there.
    #[inline]
    #[target_feature(enable = "avx2,bmi1,bmi2,lzcnt,popcnt")]
    pub fn words(&mut self, words: &[S]) {
        let mut any = false;
        for &word in words {
            if word.some() {
                if any {
                    self.w.byte(b' ');
                }
                self.put(word);
                any = true;
            }
        }
    }

    /// The code of a coded field, and whether its system is another than the table's.
    #[inline]
    #[target_feature(enable = "avx2,bmi1,bmi2,lzcnt,popcnt")]
    pub fn code(&self, s: S, table: &[u8; 7]) -> (S, bool) {
        if s.n <= 1 {
            return (self.leaf(s), false);
        }
        let c = self.parts_of_one(s);
        let (code, system) = (self.leaf_of(&c, 1), self.leaf_of(&c, 3));
        let uri = b"http://terminology.hl7.org/CodeSystem/v2-";
        let known = match self.text(system) {
            b"" => true,
            text if text == table => true,
            text => text.strip_prefix(uri).is_some_and(|it| it == &table[3..]),
        };
        (code, !known)
    }

    #[inline]
    #[target_feature(enable = "avx2,bmi1,bmi2,lzcnt,popcnt")]
    pub fn gender(&mut self, s: S) {
        let (code, foreign) = self.code(s, b"HL70001");
        if code.some() {
            let text: &'static [u8] = match self.text(code) {
                _ if foreign => b"\"gender\":\"unknown\",",
                b"M" => b"\"gender\":\"male\",",
                b"F" => b"\"gender\":\"female\",",
                b"O" | b"A" => b"\"gender\":\"other\",",
                _ => b"\"gender\":\"unknown\",",
            };
            self.w.bytes(text);
        }
    }

    #[inline]
    #[target_feature(enable = "avx2,bmi1,bmi2,lzcnt,popcnt")]
    fn boolean<const N: usize>(&mut self, key: &[u8; N], s: S) {
        let text: &'static [u8] = match self.text(self.leaf(s)) {
            b"Y" | b"true" => b"true,",
            b"N" | b"false" => b"false,",
            _ => return,
        };
        self.w.lit(key);
        self.w.bytes(text);
    }

    /// `key` is `"name":[`.
    #[inline]
    #[target_feature(enable = "avx2,bmi1,bmi2,lzcnt,popcnt")]
    pub fn each<const N: usize>(&mut self, key: &[u8; N], s: S, write: impl Fn(&mut Self, S)) {
        if s.some() {
            let mark = self.w.p;
            self.w.lit(key);
            let inside = self.w.p;
            let mut rest = s;
            while let Some(one) = self.next(&mut rest) {
                if one.some() {
                    write(self, one);
                }
            }
            self.w.shut(mark, inside, b']');
        }
    }

    /// The patient of the segment at hand, with its entry.
    #[target_feature(enable = "avx2,bmi1,bmi2,lzcnt,popcnt")]
    pub fn patient(&mut self) {
        const W: u64 = M_PID;
        let ids = self.field::<W>(3);
        let (id, keyed) = self.keyed("Patient", self.origins().patient, self.first(ids));
        self.who = self.reference(&id);
        self.open(&id, b"Patient\",");
        let ssn = self.leaf(self.field::<W>(19));
        let mark = self.w.p;
        self.w.lit(b"\"identifier\":[");
        let inside = self.w.p;
        let mut rest = ids;
        while let Some(one) = self.next(&mut rest) {
            self.identifier(one);
        }
        if ssn.some() {
            self.w.lit(b"{\"type\":{\"coding\":[{\"system\":\"http://terminology.hl7.org/CodeSystem/v2-0203\",\"code\":\"SS\"}]},\"system\":\"http://hl7.org/fhir/sid/us-ssn\",\"value\":\"");
            self.put(ssn);
            self.w.lit(b"\"},");
        }
        self.w.shut(mark, inside, b']');
        let names = self.field::<W>(5);
        self.each(b"\"name\":[", names, |it, s| it.name(s));
        self.telecom(self.field::<W>(13), self.field::<W>(14));
        self.gender(self.field::<W>(8));
        let born = self.leaf(self.field::<W>(7));
        self.time(b"\"birthDate\":\"", born, Kind::Date);
        let died = self.leaf(self.field::<W>(29));
        if !self.time(b"\"deceasedDateTime\":\"", died, Kind::DateTime) {
            self.boolean(b"\"deceasedBoolean\":", self.field::<W>(30));
        }
        let addresses = self.field::<W>(11);
        self.each(b"\"address\":[", addresses, |it, s| it.address(s));
        let married = self.field::<W>(16);
        if married.some() {
            let c = self.parts_of_one(married);
            let code = self.leaf_of(&c, 1);
            if code.some() {
                self.w.lit(b"\"maritalStatus\":{\"coding\":[{\"system\":\"http://terminology.hl7.org/CodeSystem/v3-MaritalStatus\",\"code\":\"");
                self.put(code);
                self.w.lit(b"\",");
                self.pair(b"\"display\":\"", self.leaf_of(&c, 2));
                self.w.close(b'}');
                self.w.lit(b"]},");
            }
        }
        let order = self.leaf(self.field::<W>(25));
        if order.some() && order.n < 9 && self.text(order).iter().all(u8::is_ascii_digit) && self.text(order)[0] != b'0'
        {
            self.w.lit(b"\"multipleBirthInteger\":");
            self.put(order);
            self.w.byte(b',');
        } else {
            self.boolean(b"\"multipleBirthBoolean\":", self.field::<W>(24));
        }
        if self.concept_of(b"\"communication\":[{\"language\":", self.field::<W>(15), NONE) {
            self.w.close(b'}');
            self.w.lit(b"],");
        }
        self.request(keyed, b"\"PUT\",\"url\":\"Patient", b"\"POST\",\"url\":\"Patient");
    }
}
