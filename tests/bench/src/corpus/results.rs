//! ORU^R01

use super::parts::{clinician, code, identifier, moment, name, odd, reached};
use crate::dice::Dice;

/// How many OBX a message has.
const OBX: usize = 28;

/// Code, unit, usual range.
const ANALYTES: &[(&str, &str, &str)] = &[
    ("718-7^Hemoglobin [Mass/volume] in Blood^LN^HGB^Haemoglobin^L", "g/dL^gram per deciliter^UCUM", "12.0 - 15.5"),
    ("777-3^Platelets [#/volume] in Blood by Automated count^LN^PLT^Platelets^L", "10*3/uL^^UCUM", "150 - 400"),
    ("6690-2^Leukocytes [#/volume] in Blood by Automated count^LN^WBC^Leucocytes^L", "10*3/uL^^UCUM", "4.0 - 10.0"),
    (
        "789-8^Erythrocytes [#/volume] in Blood by Automated count^LN",
        "10*6/uL^million per microliter^UCUM",
        "3.9 - 5.2",
    ),
    (
        "4544-3^Hematocrit [Volume Fraction] of Blood by Automated count^LN^HCT^Hematocrit^L",
        "%^percent^UCUM",
        "36 - 46",
    ),
    (
        "2345-7^Glucose [Mass/volume] in Serum or Plasma^LN^GLU^Glucose^L",
        "mg/dL^milligram per deciliter^UCUM",
        "70 - 99",
    ),
    ("2160-0^Creatinine [Mass/volume] in Serum or Plasma^LN^CREA^Creatinine^L", "mg/dL", "0.5 - 1.1"),
    ("2951-2^Sodium [Moles/volume] in Serum or Plasma^LN^NA^Sodium^L", "mmol/L^millimole per liter^UCUM", "136 - 145"),
    (
        "2823-3^Potassium [Moles/volume] in Serum or Plasma^LN^K^Potassium^L",
        "mmol/L^millimole per liter^UCUM",
        "3.5 - 5.1",
    ),
    ("1742-6^Alanine aminotransferase [Enzymatic activity/volume] in Serum or Plasma^LN", "U/L^^UCUM", "< 35"),
];
const PANELS: &[&str] = &[
    "57021-8^CBC W Auto Differential panel - Blood^LN",
    "24323-8^Comprehensive metabolic 2000 panel - Serum or Plasma^LN",
    "51990-0^Basic metabolic panel - Blood^LN",
];
const COMMENTS: &[&str] = &[
    "Sample slightly haemolysed; potassium and lactate dehydrogenase may be falsely high, please send another one",
    "Result checked by repetition \\T\\ second method",
    "Patient said to be \"fasting\"; the ward could not confirm it",
    "Résultat confirmé par téléphone",
];

pub fn message(dice: &mut Dice, number: usize) -> String {
    let mut lines = vec![
        format!(
            "MSH|^~\\&|LAB|LAKESIDE|EMR|HUB|202604{:02}{:02}{:02}30||ORU^R01^ORU_R01|LB{number:08}|P|2.5.1||||||UNICODE UTF-8",
            1 + number % 28,
            number % 24,
            number % 60
        ),
        format!(
            "PID|1||{}||{}||19{}{:02}{:02}|{}|||||{}",
            identifier(dice, "MR"),
            name(dice, false),
            dice.between(31, 99),
            dice.between(1, 12),
            dice.between(1, 28),
            code(dice, &["F", "M"]),
            reached(dice, "PRN")
        ),
    ];
    let orders = dice.between(1, 3);
    for order in 1..=orders {
        lines.push(report(dice, order));
        let (from, to) = (OBX * (order - 1) / orders, OBX * order / orders);
        for row in 1..=to - from {
            lines.push(observation(dice, row));
            if dice.percent(45) {
                lines.push(format!("NTE|1||{}", dice.one(COMMENTS)));
            }
        }
    }
    lines.into_iter().map(|line| line + "\r").collect()
}

fn report(dice: &mut Dice, row: usize) -> String {
    let (placer, filler) = (dice.maybe(80, |dice| format!("P-{}^WARD9", dice.digits(6))), dice.digits(7));
    let (panel, taken, by, issued) = (dice.one(PANELS), moment(dice), clinician(dice, false), moment(dice));
    let status = code(dice, &["F", "F", "F", "P", "C", "A"]);
    let section = dice.one(&["HM", "CH", "LAB"]);
    format!("OBR|{row}|{placer}|F-{filler}^LAB|{panel}|||{taken}|||||||||{by}||||||{issued}||{section}|{status}")
}

fn observation(dice: &mut Dice, row: usize) -> String {
    let (analyte, unit, range) = ANALYTES.get(dice.below(ANALYTES.len())).copied().unwrap_or_default();
    let number = format!("{}.{}", dice.between(1, 300), dice.below(10));
    let (kind, value) = match dice.below(40) {
        0 => ("NM", "haemolysed".to_owned()),
        1 | 2 => ("SN", format!("{}^{number}", dice.one(&["<", ">", "<=", ">="]))),
        3 => ("SN", format!("^1^:^{}", dice.digits(3))),
        4 | 5 => (
            "CWE",
            dice.one(&["YEL^Yellow^L", "260385009^Negative^SCT", "A^Group A^L^278147001^Blood group A^SCT"]).to_owned(),
        ),
        6 => ("ST", "see comment, \"not\" measured".to_owned()),
        7 => ("TX", "The sample was sent on to the reference laboratory \\T\\ the result follows by letter".to_owned()),
        8 => ("DT", format!("202603{:02}", dice.between(1, 28))),
        _ => ("NM", number),
    };
    let flag = dice.one(&["N", "N", "N^Normal", "H^High^HL70078", "L~A", "", "HH^Critically high"]);
    let status = code(dice, &["F", "F", "F", "F", "P", "C", "X", "R", "W"]);
    let (taken, done) = (dice.maybe(80, moment), dice.maybe(80, moment));
    let by = dice.maybe(90, |dice| clinician(dice, true));
    let method = dice.maybe(80, |dice| dice.one(&["AUTO^Automated analyser^L", "MAN^Counted by hand^L"]).to_owned());
    let (range, unit) = (odd(dice, range.to_owned()), odd(dice, unit.to_owned()));
    let place = dice.maybe(90, |_| "Lakeside Laboratory^L^^^^LAKESIDE&2.999.1.7&ISO".to_owned());
    format!(
        "OBX|{row}|{kind}|{analyte}|{row}|{value}|{unit}|{range}|{flag}|||{status}|||{taken}||{by}|{method}||{done}||||{place}|1 Mill Lane^^Lakeside^LS^90125"
    )
}
