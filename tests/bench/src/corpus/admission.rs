//! ADT^A01

use super::parts::{address, clinician, code, day, identifier, moment, name, odd, reached, several};
use crate::dice::Dice;

const ALLERGENS: &[&str] = &[
    "70618^Penicillin^RXNORM",
    "^Peanut",
    "1191^Aspirin^RXNORM",
    "3423^Latex^L",
    "91934008^Nut allergy^SCT",
    "2670^Codeine^RXNORM^COD^Codeine local^99ALL",
];
const DIAGNOSES: &[&str] = &[
    "I10^Essential (primary) hypertension^I10",
    "E11.9^Type 2 diabetes mellitus without complications^I10C",
    "J18.9^Pneumonia, unspecified organism^I10",
    "44054006^Diabetes mellitus type 2^SCT^E11.9^Diabetes^I10",
    "S72.0^Fracture of neck of femur^I10",
    "N39.0^Urinary tract infection, site not specified^I10C",
];
const REACTIONS: &[&str] = &["Hives", "Swelling", "Rash", "Shortness of breath", "Nausea", "Itching"];
const LONG_REACTIONS: &[&str] = &[
    "Hives on both arms \\T\\ trunk, lasting for three days",
    "Swelling of lips and \"tongue\"",
    "Démangeaisons",
    "Rash\\.br\\with blisters, seen by the family doctor",
    "Anaphylaxis in 2019 \\F\\ treated with adrenaline",
];
const INSURERS: &[&str] = &["Lakeside Mutual", "Northern Health Fund", "Guild \\T\\ Harbour", "Cantonal Insurance"];
const RELATIONS: &[&str] =
    &["SPO^Spouse^HL70063", "CHD^Child^HL70063", "MTH^Mother^HL70063", "FND^Friend^HL70063", "EMC"];

pub fn message(dice: &mut Dice, number: usize, rich: bool) -> String {
    let rows = |dice: &mut Dice, short: usize, least: usize, most: usize| {
        if rich { dice.between(least, most) } else { short }
    };
    let mut lines =
        vec![header(number, rich), format!("EVN|A01|202603{:02}1012", dice.between(1, 28)), patient(dice, rich)];
    for row in 1..=rows(dice, 2, 7, 10) {
        lines.push(relation(dice, row, rich));
    }
    lines.push(visit(dice, rich));
    lines.push("PV2|||^Observation after \\T\\ before surgery|||||20260401|||3".to_owned());
    for row in 1..=rows(dice, 2, 11, 16) {
        lines.push(allergy(dice, row, rich));
    }
    for row in 1..=rows(dice, 2, 11, 16) {
        lines.push(diagnosis(dice, row, rich));
    }
    lines.push(guarantor(dice, rich));
    for row in 1..=rows(dice, 1, 4, 6) {
        lines.push(insurance(dice, row, rich));
    }
    lines.into_iter().map(|line| line + "\r").collect()
}

fn header(number: usize, rich: bool) -> String {
    let charset = if rich { "||||||UNICODE UTF-8" } else { "" };
    format!(
        "MSH|^~\\&|REGISTRATION|LAKESIDE|EMR|HUB|202603{:02}{:02}{:02}00||ADT^A01^ADT_A01|LK{number:08}|P|2.5.1{charset}",
        1 + number % 28,
        number % 24,
        number % 60
    )
}

fn patient(dice: &mut Dice, rich: bool) -> String {
    let most = if rich { 4 } else { 1 };
    let more = dice.maybe(if rich { 90 } else { 20 }, |dice| format!("~{}", identifier(dice, "NI")));
    let id = format!("{}{more}", identifier(dice, "MR"));
    let names = several(dice, most, |dice| name(dice, rich));
    let (born, sex) = (day(dice, 1931, 2024), code(dice, &["F", "M", "F", "M", "O", "U"]));
    let born = odd(dice, born);
    let addresses = several(dice, most, |dice| address(dice, rich));
    let home = several(dice, most, |dice| reached(dice, "PRN"));
    let work = dice.maybe(50, |dice| reached(dice, "WPN"));
    let work = odd(dice, work);
    let language = dice.maybe(40, |dice| dice.one(&["EN^English^HL70296", "DE^German^HL70296", "FR"]).to_owned());
    let married = code(dice, &["M^Married", "S^Never Married", "D^Divorced", "W^Widowed"]);
    let number = dice.maybe(60, |dice| format!("9{}-{}-{}", dice.digits(2), dice.digits(2), dice.digits(4)));
    let twin = dice.maybe(10, |dice| format!("Y|{}", dice.between(1, 3)));
    let twin = if twin.is_empty() { "N|".to_owned() } else { twin };
    let dead = dice.maybe(3, |dice| format!("{}|Y", moment(dice)));
    let dead = if dead.is_empty() { "|N".to_owned() } else { dead };
    format!(
        "PID|1||{id}||{names}||{born}|{sex}|||{addresses}||{home}|{work}|{language}|{married}|CAT|AC{}|{number}|||||{twin}||||{dead}",
        dice.digits(6)
    )
}

fn relation(dice: &mut Dice, row: usize, rich: bool) -> String {
    let names = several(dice, if rich { 2 } else { 1 }, |dice| name(dice, rich));
    let (relation, address) = (dice.one(RELATIONS).to_owned(), address(dice, rich));
    let (home, work) = (reached(dice, "PRN"), dice.maybe(30, |dice| reached(dice, "WPN")));
    let (relation, since) = (odd(dice, relation), dice.maybe(30, |dice| day(dice, 2000, 2025)));
    let sex = dice.maybe(70, |dice| code(dice, &["F", "M"]));
    let born = dice.maybe(50, |dice| day(dice, 1931, 2010));
    format!("NK1|{row}|{names}|{relation}|{address}|{home}|{work}|N^Next-of-Kin|{since}|||||||{sex}|{born}")
}

fn visit(dice: &mut Dice, rich: bool) -> String {
    let class = code(dice, &["I", "O", "E", "P", "R", "B"]);
    let place =
        format!("W{}^{}^{}^LAKESIDE&2.999.1.8", dice.between(1, 12), dice.digits(3), dice.one(&["A", "B", "C"]));
    let kind = dice.maybe(60, |dice| dice.one(&["E^Emergency^HL70007", "R^Routine^HL70007", "C"]).to_owned());
    let most = if rich { 3 } else { 1 };
    let attending = several(dice, most, |dice| clinician(dice, rich));
    let referring = dice.maybe(if rich { 80 } else { 20 }, |dice| several(dice, most, |dice| clinician(dice, rich)));
    let consulting = dice.maybe(if rich { 80 } else { 10 }, |dice| several(dice, most, |dice| clinician(dice, rich)));
    let admitting = dice.maybe(if rich { 90 } else { 30 }, |dice| clinician(dice, rich));
    let admitting = odd(dice, admitting);
    let source =
        dice.maybe(60, |dice| dice.one(&["1^Physician referral^HL70023", "7", "4^Transfer^HL70023"]).to_owned());
    let visit = dice.maybe(97, |dice| identifier(dice, "VN"));
    let (left, start) = (dice.maybe(15, moment), moment(dice));
    let went = if left.is_empty() { "" } else { "01^Home^HL70112" };
    format!(
        "PV1|1|{class}|{place}|{kind}|||{attending}|{referring}|{consulting}|MED||||{source}|||{admitting}|IP|{visit}|||||||||||||||||{went}||||||||{start}|{left}"
    )
}

fn allergy(dice: &mut Dice, row: usize, rich: bool) -> String {
    let kind = code(dice, &["DA", "FA", "EA", "MA"]);
    let (what, how) = (dice.one(ALLERGENS), code(dice, &["SV", "MO", "MI", "U", ""]));
    let reactions = several(dice, if rich { 4 } else { 2 }, |dice| {
        dice.one(if rich { LONG_REACTIONS } else { REACTIONS }).to_owned()
    });
    let since = dice.maybe(50, |dice| day(dice, 1990, 2025));
    let (reactions, since) = (odd(dice, reactions), odd(dice, since));
    format!("AL1|{row}|{kind}|{what}|{how}|{reactions}|{since}")
}

fn diagnosis(dice: &mut Dice, row: usize, rich: bool) -> String {
    let what = dice.one(DIAGNOSES);
    let said = dice.maybe(if rich { 70 } else { 20 }, |dice| {
        dice.one(&["Known for years", "Said to be \"mild\"", "Depuis l'été 2025", "On the left \\T\\ right"]).to_owned()
    });
    let (since, said) = (moment(dice), odd(dice, said));
    let by = dice.maybe(60, |dice| several(dice, if rich { 2 } else { 1 }, |dice| clinician(dice, rich)));
    let noted = dice.maybe(40, moment);
    format!("DG1|{row}||{what}|{said}|{since}|A||||||||||{by}|||{noted}")
}

fn guarantor(dice: &mut Dice, rich: bool) -> String {
    format!("GT1|1|{}|{}||{}|{}", dice.digits(6), name(dice, rich), address(dice, rich), reached(dice, "PRN"))
}

fn insurance(dice: &mut Dice, row: usize, rich: bool) -> String {
    let plan = format!("PLAN{}^{}", dice.between(1, 9), dice.one(&["Gold plan", "Basic", "Half-private"]));
    let (company, number) = (dice.one(INSURERS), dice.digits(5));
    let group = dice.maybe(60, |dice| format!("GRP-{}|Harbour works", dice.digits(3)));
    let group = if group.is_empty() { "|".to_owned() } else { group };
    let (from, to) = (day(dice, 2024, 2026), dice.maybe(60, |dice| day(dice, 2027, 2029)));
    let kind = dice.one(&["HMO", "PPO^Preferred provider^HL70086", "COM"]);
    let insured = name(dice, rich);
    let relation = dice.one(&["18^Self^HL70063", "SPO^Spouse^HL70063", "SEL"]);
    let member = dice.maybe(80, |dice| format!("M{}", dice.digits(9)));
    let (company, member) = (odd(dice, company.to_owned()), odd(dice, member));
    format!(
        "IN1|{row}|{plan}|INS-{number}|{company}|{}|||{group}|||{from}|{to}||{kind}|{insured}|{relation}|19600101|||||||||||||||||||{member}",
        address(dice, rich)
    )
}
