//! HL7's data types as FHIR's.

use super::codes::Table;
use super::out::Out;
use super::text::{Map, NONE, S, Text, WINDOW, from};

static SYSTEMS: Table = Table::new(
    b"",
    b"",
    &[
        (b"LN", b"\"system\":\"http://loinc.org\","),
        (b"SCT", b"\"system\":\"http://snomed.info/sct\","),
        (b"SNOMED", b"\"system\":\"http://snomed.info/sct\","),
        (b"SNM", b"\"system\":\"http://snomed.info/sct\","),
        (b"UCUM", b"\"system\":\"http://unitsofmeasure.org\","),
        (b"I9", b"\"system\":\"http://hl7.org/fhir/sid/icd-9-cm\","),
        (b"I9C", b"\"system\":\"http://hl7.org/fhir/sid/icd-9-cm\","),
        (b"I10", b"\"system\":\"http://hl7.org/fhir/sid/icd-10-cm\","),
        (b"I10C", b"\"system\":\"http://hl7.org/fhir/sid/icd-10-cm\","),
        (b"CVX", b"\"system\":\"http://hl7.org/fhir/sid/cvx\","),
        (b"NDC", b"\"system\":\"http://hl7.org/fhir/sid/ndc\","),
        (b"C4", b"\"system\":\"http://www.ama-assn.org/go/cpt\","),
        (b"CDCREC", b"\"system\":\"urn:oid:2.16.840.1.113883.6.238\","),
        (b"RXNORM", b"\"system\":\"http://www.nlm.nih.gov/research/umls/rxnorm\","),
        // What others become as well, for those that come most: local names, and the fields' own tables.
        (b"L", b"\"system\":\"urn:id:L\","),
        (b"HL70007", b"\"system\":\"http://terminology.hl7.org/CodeSystem/v2-0007\","),
        (b"HL70023", b"\"system\":\"http://terminology.hl7.org/CodeSystem/v2-0023\","),
        (b"HL70063", b"\"system\":\"http://terminology.hl7.org/CodeSystem/v2-0063\","),
        (b"HL70078", b"\"system\":\"http://terminology.hl7.org/CodeSystem/v2-0078\","),
        (b"HL70086", b"\"system\":\"http://terminology.hl7.org/CodeSystem/v2-0086\","),
        (b"HL70112", b"\"system\":\"http://terminology.hl7.org/CodeSystem/v2-0112\","),
        (b"HL70296", b"\"system\":\"http://terminology.hl7.org/CodeSystem/v2-0296\","),
    ],
);
static NAME_USES: Table = Table::new(
    b"",
    b"",
    &[
        (b"L", b"\"use\":\"official\","),
        (b"D", b"\"use\":\"usual\","),
        (b"M", b"\"use\":\"maiden\","),
        (b"N", b"\"use\":\"nickname\","),
        (b"A", b"\"use\":\"anonymous\","),
        (b"S", b"\"use\":\"anonymous\","),
        (b"T", b"\"use\":\"temp\","),
    ],
);
static ADDRESS_USES: Table = Table::new(
    b"",
    b"",
    &[
        (b"H", b"\"use\":\"home\","),
        (b"B", b"\"use\":\"work\","),
        (b"O", b"\"use\":\"work\","),
        (b"C", b"\"use\":\"temp\","),
        (b"BA", b"\"use\":\"old\","),
        (b"BI", b"\"use\":\"billing\","),
        (b"M", b"\"type\":\"postal\","),
    ],
);
const PHONE: &[u8] = b"{\"system\":\"phone\",\"value\":\"";
static TELECOM_SYSTEMS: Table = Table::new(
    PHONE,
    PHONE,
    &[
        (b"FX", b"{\"system\":\"fax\",\"value\":\""),
        (b"Internet", b"{\"system\":\"email\",\"value\":\""),
        (b"X.400", b"{\"system\":\"email\",\"value\":\""),
        (b"BP", b"{\"system\":\"pager\",\"value\":\""),
        (b"SAT", b"{\"system\":\"other\",\"value\":\""),
        (b"MD", b"{\"system\":\"other\",\"value\":\""),
        (b"TDD", b"{\"system\":\"other\",\"value\":\""),
        (b"TTY", b"{\"system\":\"other\",\"value\":\""),
        (b"CP", PHONE),
    ],
);
static HOME_USES: Table = telecom_uses(b"\",\"use\":\"home\"},");
static WORK_USES: Table = telecom_uses(b"\",\"use\":\"work\"},");
static MOBILE_USES: Table = telecom_uses(b"\",\"use\":\"mobile\"},");
static GENDERS: Table = Table::new(
    b"",
    b"\"gender\":\"unknown\",",
    &[
        (b"M", b"\"gender\":\"male\","),
        (b"F", b"\"gender\":\"female\","),
        (b"O", b"\"gender\":\"other\","),
        (b"A", b"\"gender\":\"other\","),
    ],
);

const fn telecom_uses(others: &[u8]) -> Table {
    let home = b"\",\"use\":\"home\"},";
    Table::new(
        others,
        others,
        &[
            (b"PRN", home),
            (b"ORN", home),
            (b"VHN", home),
            (b"WPN", b"\",\"use\":\"work\"},"),
            (b"PRS", b"\",\"use\":\"mobile\"},"),
        ],
    )
}

#[inline(always)]
pub fn system(out: &mut Out, text: Text, s: S) {
    let line = SYSTEMS.find(text, s);
    out.wide(line.text, line.n);
    if !line.is_known {
        let is_table = s.n == 7 && &text.bytes(s)[..3] == b"HL7" && text.bytes(s)[3..].iter().all(u8::is_ascii_digit);
        if is_table {
            out.lit(b"\"system\":\"http://terminology.hl7.org/CodeSystem/v2-");
            out.text(text, S { o: s.o + 3, n: 4 });
        } else {
            out.lit(b"\"system\":\"urn:id:");
            out.text(text, s);
        }
        out.lit(b"\",");
    }
}

/// A CodeableConcept of one repetition with a comma behind it, or nothing; `said` goes before its own text.
#[target_feature(enable = "avx2,bmi1,bmi2,lzcnt,popcnt")]
pub fn concept(mut out: Out, text: Text, s: S, said: S) -> Out {
    match text.near::<6>(s) {
        // The sixth is the last of them.
        Some(c) if (c[5].o as isize + c[5].n) >= s.o as isize + s.n => coded(&mut out, text, &c, NONE, said),
        _ => return concept_far(out, text, s, said),
    }
    out
}

#[inline(never)]
#[target_feature(enable = "avx2,bmi1,bmi2,lzcnt,popcnt")]
fn concept_far(mut out: Out, text: Text, s: S, said: S) -> Out {
    let (c, other) = match text.middling::<6>(s) {
        Some((c, count)) if count <= 6 => (c, NONE),
        _ => {
            let [a, b, c, d, e, f, _, _, other] = text.far::<9>(s);
            ([a, b, c, d, e, f], other)
        }
    };
    coded(&mut out, text, &c, other, said);
    out
}

#[inline(always)]
fn coded(out: &mut Out, text: Text, c: &[S; 6], other: S, said: S) {
    let mark = *out;
    out.lit(b"{\"coding\":[");
    let inside = *out;
    if c[0].some() | c[1].some() | c[2].some() {
        out.lit(b"{");
        coding(out, text, c[0], c[1], c[2]);
    }
    if c[3].some() | c[4].some() | c[5].some() {
        out.lit(b"{");
        coding(out, text, c[3], c[4], c[5]);
    }
    let said = said.or(other).or(c[1]);
    if *out == inside {
        *out = mark;
        if said.some() {
            out.around(b"{\"text\":\"", text, said, b"\"},");
        }
        return;
    }
    out.back(b"],");
    out.pair(b"\"text\":\"", text, said);
    out.back(b"},");
}

#[inline(always)]
fn coding(out: &mut Out, text: Text, code: S, display: S, name: S) {
    system(out, text, name);
    out.pair(b"\"code\":\"", text, code);
    out.pair(b"\"display\":\"", text, display);
    out.back(b"},");
}

/// `key` is `"name":`; of the first repetition.
#[inline]
#[target_feature(enable = "avx2,bmi1,bmi2,lzcnt,popcnt")]
pub fn concept_of<const K: usize>(out: &mut Out, text: Text, key: &[u8; K], s: S, said: S) -> bool {
    if !s.some() {
        return false;
    }
    let mark = *out;
    out.lit(key);
    let inside = *out;
    *out = concept(inside, text, text.until(Map::Tildes, s), said);
    if *out == inside {
        *out = mark;
        return false;
    }
    true
}

/// `key` is `"name":[`; a list of the first repetition.
#[inline]
#[target_feature(enable = "avx2,bmi1,bmi2,lzcnt,popcnt")]
pub fn concept_list<const K: usize>(out: &mut Out, text: Text, key: &[u8; K], s: S) {
    if concept_of(out, text, key, s, NONE) {
        out.back(b"],");
    }
}

/// An authority (HD): its name and its universal id, and whether that is an OID.
pub struct Authority {
    pub name: S,
    pub universal: S,
    pub is_oid: bool,
}

impl Authority {
    #[inline(always)]
    pub fn of(text: Text, s: S) -> Authority {
        if s.n > WINDOW {
            return Authority::far(text, s);
        }
        let ends = text.window(Map::Amps, s.o) | from(s.n.max(0));
        let first = ends.trailing_zeros() as usize;
        let ends = ends & ends.wrapping_sub(1);
        let second = ends.trailing_zeros() as usize;
        let ends = ends & ends.wrapping_sub(1);
        let third = ends.trailing_zeros() as usize;
        Authority {
            name: S { o: s.o, n: first as isize },
            universal: S { o: s.o + first + 1, n: second.wrapping_sub(first + 1) as isize },
            is_oid: third.wrapping_sub(second) == 4 && text.word(s.o + second + 1) & 0xff_ffff == 0x4f_5349,
        }
    }

    #[inline(never)]
    fn far(text: Text, s: S) -> Authority {
        let next = |s: S| {
            let one = text.until(Map::Amps, s);
            (one, S { o: one.o + one.n as usize + 1, n: (s.n - one.n - 1).max(0) })
        };
        let (name, rest) = next(s);
        let (universal, rest) = next(rest);
        Authority { name, universal, is_oid: text.bytes(next(rest).0) == b"ISO" }
    }

    #[inline(always)]
    fn system(&self, out: &mut Out, text: Text) {
        let n = if self.universal.some() { 17 + usize::from(self.is_oid) } else { 0 };
        out.wide(if self.is_oid { b"\"system\":\"urn:oid:" } else { b"\"system\":\"urn:id: " }, n);
        out.around(b"", text, self.universal, b"\",");
    }
}

/// The parts of a CX that are read: number, authority, kind.
#[inline(always)]
pub fn numbered(text: Text, s: S) -> (S, S, S) {
    let [a, _, _, d, e] = text.wholes::<5>(s);
    match text.has_none(Map::Amps, s) {
        true => (a, d, e),
        false => (text.until(Map::Amps, a), d, text.until(Map::Amps, e)),
    }
}

#[inline(never)]
#[target_feature(enable = "avx2,bmi1,bmi2,lzcnt,popcnt")]
pub fn identifier(mut out: Out, text: Text, s: S) -> Out {
    let (value, by, kind) = numbered(text, s);
    if !value.some() {
        return out;
    }
    out.lit(b"{");
    out.around(
        b"\"type\":{\"coding\":[{\"system\":\"http://terminology.hl7.org/CodeSystem/v2-0203\",\"code\":\"",
        text,
        kind,
        b"\"}]},",
    );
    let by = Authority::of(text, by);
    by.system(&mut out, text);
    out.pair(b"\"value\":\"", text, value);
    out.around(b"\"assigner\":{\"display\":\"", text, by.name, b"\"},");
    out.back(b"},");
    out
}

#[inline(never)]
#[target_feature(enable = "avx2,bmi1,bmi2,lzcnt,popcnt")]
pub fn name(mut out: Out, text: Text, s: S) -> Out {
    match text.near::<7>(s) {
        Some(c) => named(&mut out, text, &c),
        None => return name_far(out, text, s),
    }
    out
}

#[inline(never)]
#[target_feature(enable = "avx2,bmi1,bmi2,lzcnt,popcnt")]
fn name_far(mut out: Out, text: Text, s: S) -> Out {
    named(&mut out, text, &text.far::<7>(s));
    out
}

#[inline(always)]
fn named(out: &mut Out, text: Text, c: &[S; 7]) {
    let mark = *out;
    out.lit(b"{");
    let inside = *out;
    let used = NAME_USES.find(text, c[6]);
    out.wide(used.text, used.n);
    out.pair(b"\"family\":\"", text, c[0]);
    out.strings(b"\"given\":[", text, c[1], c[2]);
    out.around(b"\"prefix\":[\"", text, c[4], b"\"],");
    if c[3].some() | c[5].some() {
        out.strings(b"\"suffix\":[", text, c[3], c[5]);
    }
    out.shut(mark, inside, b"},");
}

#[inline(never)]
#[target_feature(enable = "avx2,bmi1,bmi2,lzcnt,popcnt")]
pub fn address(mut out: Out, text: Text, s: S) -> Out {
    match text.near::<9>(s) {
        Some(c) => addressed(&mut out, text, &c),
        None => return address_far(out, text, s),
    }
    out
}

#[inline(never)]
#[target_feature(enable = "avx2,bmi1,bmi2,lzcnt,popcnt")]
fn address_far(mut out: Out, text: Text, s: S) -> Out {
    addressed(&mut out, text, &text.far::<9>(s));
    out
}

#[inline(always)]
fn addressed(out: &mut Out, text: Text, c: &[S; 9]) {
    let mark = *out;
    out.lit(b"{");
    let inside = *out;
    let used = ADDRESS_USES.find(text, c[6]);
    out.wide(used.text, used.n);
    out.strings(b"\"line\":[", text, c[0], c[1]);
    out.pair(b"\"city\":\"", text, c[2]);
    out.pair(b"\"district\":\"", text, c[8]);
    out.pair(b"\"state\":\"", text, c[3]);
    out.pair(b"\"postalCode\":\"", text, c[4]);
    out.pair(b"\"country\":\"", text, c[5]);
    out.shut(mark, inside, b"},");
}

#[derive(Clone, Copy)]
pub enum Use {
    Home,
    Work,
}

/// `used` where the number does not say it.
#[inline(never)]
#[target_feature(enable = "avx2,bmi1,bmi2,lzcnt,popcnt")]
fn reached(mut out: Out, text: Text, s: S, used: Use) -> Out {
    match text.near::<12>(s) {
        Some(c) => contact(&mut out, text, &c, used),
        None => return reached_far(out, text, s, used),
    }
    out
}

#[inline(never)]
#[target_feature(enable = "avx2,bmi1,bmi2,lzcnt,popcnt")]
fn reached_far(mut out: Out, text: Text, s: S, used: Use) -> Out {
    contact(&mut out, text, &text.far::<12>(s), used);
    out
}

#[inline(always)]
fn contact(out: &mut Out, text: Text, c: &[S; 12], used: Use) {
    let kind = c[2];
    let system = TELECOM_SYSTEMS.find(text, kind);
    // `Internet` and `X.400`
    let is_mail = system.is_known && system.text[11..16] == *b"email";
    let value = c[3].when(is_mail).or(c[0]).or(c[11]);
    let area = c[5].when(!value.some());
    let number = value.or(c[6]);
    if !number.some() {
        return;
    }
    out.wide(system.text, system.n);
    out.around(b"(", text, area, b") ");
    out.text(text, number);
    let is_mobile = kind.n == 2 && text.word(kind.o) as u16 == u16::from_le_bytes(*b"CP");
    let uses = match used {
        Use::Home => &HOME_USES,
        Use::Work => &WORK_USES,
    };
    let used = if is_mobile { &MOBILE_USES } else { uses }.find(text, c[1]);
    out.wide(used.text, used.n);
}

#[inline]
#[target_feature(enable = "avx2,bmi1,bmi2,lzcnt,popcnt")]
pub fn telecom(out: &mut Out, text: Text, home: S, work: S) {
    let mark = *out;
    out.lit(b"\"telecom\":[");
    let inside = *out;
    if home.some() {
        for one in text.repetitions(home) {
            *out = reached(*out, text, one, Use::Home);
        }
    }
    if work.some() {
        for one in text.repetitions(work) {
            *out = reached(*out, text, one, Use::Work);
        }
    }
    out.shut(mark, inside, b"],");
}

/// Number and name of a clinician between braces, with a comma behind; nothing if there is neither.
#[inline(never)]
#[target_feature(enable = "avx2,bmi1,bmi2,lzcnt,popcnt")]
pub fn clinician(mut out: Out, text: Text, s: S) -> Out {
    if s.n <= WINDOW {
        let mut ends = text.window(Map::Carets, s.o) | from(s.n);
        let (mut all, mut o) = ([NONE; 9], 0);
        for one in &mut all {
            let end = ends.trailing_zeros() as usize;
            *one = S { o: s.o + o, n: end.wrapping_sub(o) as isize };
            o = end + 1;
            ends &= ends.wrapping_sub(1);
        }
        // Only the ninth has parts.
        let before = if all[8].n > 0 { (all[8].o - s.o) as isize } else { s.n };
        if text.window(Map::Amps, s.o) & !from(before) == 0 {
            called(&mut out, text, &all);
            return out;
        }
    }
    clinician_far(out, text, s)
}

#[inline(never)]
#[target_feature(enable = "avx2,bmi1,bmi2,lzcnt,popcnt")]
fn clinician_far(mut out: Out, text: Text, s: S) -> Out {
    let mut all = text.wholes::<9>(s);
    for one in &mut all[..8] {
        *one = text.until(Map::Amps, *one);
    }
    called(&mut out, text, &all);
    out
}

#[inline(always)]
fn called(out: &mut Out, text: Text, c: &[S; 9]) {
    let mark = *out;
    out.lit(b"{");
    let inside = *out;
    if c[0].some() {
        out.lit(b"\"identifier\":{");
        Authority::of(text, c[8]).system(out, text);
        out.lit(b"\"value\":\"");
        out.text(text, c[0]);
        out.lit(b"\"},");
    }
    let mut to = *out;
    to.lit(b"\"display\":\"");
    let first = to;
    to.words(text, [c[5], c[2], c[3], c[1], c[4]]);
    if to != first {
        to.back(b"\",");
        *out = to;
    }
    out.shut(mark, inside, b"},");
}

#[inline(always)]
pub fn gender(out: &mut Out, text: Text, s: S) {
    let line = GENDERS.code(text, s, b"HL70001");
    out.wide(line.text, line.n);
}

/// `key` is `"name":[`; of all repetitions with a value.
#[inline(always)]
pub fn each<const K: usize>(out: &mut Out, text: Text, key: &[u8; K], s: S, write: impl Fn(Out, Text, S) -> Out) {
    if s.some() {
        let mark = *out;
        out.lit(key);
        let inside = *out;
        for one in text.repetitions(s) {
            if one.some() {
                *out = write(*out, text, one);
            }
        }
        out.shut(mark, inside, b"],");
    }
}
