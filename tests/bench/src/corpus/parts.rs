//! Values as senders write them, by data type.

use crate::dice::Dice;

const FAMILIES: &[&str] = &[
    "Testfrau",
    "Sample",
    "Everywoman",
    "Mustermann",
    "Example",
    "Nobody",
    "Placeholder",
    "Specimen",
    "Trial",
    "Model",
];
const GIVEN: &[&str] = &["Quilla", "Otto", "Ida", "Ann", "Maria", "Jon", "Eve", "Adam", "Lea", "Noah", "Mia", "Paul"];
const FOREIGN: &[&str] = &["Müster", "Lefèvre-Essai", "Próba", "Žkouška", "Örnek", "Παράδειγμα", "見本", "O\\T\\Probe"];
const STREETS: &[&str] =
    &["Heron Quay", "Example Road", "Lake Street", "Mill Lane", "Station Square", "Old Harbour Way", "Cedar Avenue"];
const STREETS_FOREIGN: &[&str] =
    &["Rue de l'Étang", "Königsallee \\T\\ Hof", "Said \"The Lane\"", "Calle Año Nuevo", "Half \\S\\ Moon Street"];
const CITIES: &[&str] = &["Lakeside", "Hilltop", "Riverton", "Northfield", "Oakham", "Westbridge"];

pub fn family(dice: &mut Dice, rich: bool) -> String {
    if rich && dice.percent(30) { dice.one(FOREIGN).to_owned() } else { dice.one(FAMILIES).to_owned() }
}

/// XPN
pub fn name(dice: &mut Dice, rich: bool) -> String {
    let family = family(dice, rich);
    let own = dice.maybe(if rich { 20 } else { 5 }, |dice| format!("&von&{}", dice.one(FAMILIES)));
    let (given, middle) = (dice.one(GIVEN), dice.maybe(50, |dice| dice.one(GIVEN).to_owned()));
    let suffix = dice.maybe(5, |_| "Jr.".to_owned());
    let prefix = dice.maybe(20, |dice| dice.one(&["Dr.", "Mr.", "Ms.", "Prof."]).to_owned());
    let degree = dice.maybe(5, |_| "PhD".to_owned());
    let used = dice.one(&["L", "L", "L", "D", "M", "N", "", "B"]);
    format!("{family}{own}^{given}^{middle}^{suffix}^{prefix}^{degree}^{used}").trim_end_matches('^').to_owned()
}

/// XAD
pub fn address(dice: &mut Dice, rich: bool) -> String {
    let street = if rich && dice.percent(40) { dice.one(STREETS_FOREIGN) } else { dice.one(STREETS) };
    let line = format!("{} {street}", dice.between(1, 240));
    let second = dice.maybe(30, |dice| format!("Flat {}", dice.between(1, 60)));
    let (city, zip) = (dice.one(CITIES), dice.digits(5));
    let county = dice.maybe(if rich { 60 } else { 10 }, |dice| format!("^{} County", dice.one(CITIES)));
    let used = dice.one(&["H", "H", "H", "B", "C", "BA", "M", "BI", "L"]);
    format!("{line}^{second}^{city}^LS^{zip}^CHE^{used}^{county}").trim_end_matches('^').to_owned()
}

/// XTN
pub fn reached(dice: &mut Dice, at: &str) -> String {
    match dice.below(5) {
        0 => format!("^{at}^PH^^41^{}^{}", dice.digits(3), dice.digits(7)),
        1 => format!("^NET^Internet^{}{}@example.org", dice.one(GIVEN).to_lowercase(), dice.digits(2)),
        2 => format!("(555){}^{at}^CP", dice.digits(7)),
        3 => format!("^{at}^FX^^^^^^^^^+41 55 {}", dice.digits(7)),
        _ => format!("{}^{at}", dice.digits(9)),
    }
}

/// CX
pub fn identifier(dice: &mut Dice, kind: &str) -> String {
    match dice.below(6) {
        0 => format!("{}^^^CANTON^{kind}", dice.digits(8)),
        1 => format!("{}^^^NORTH&north.example.org&DNS^{kind}", dice.digits(7)),
        _ => format!("{}^^^LAKESIDE&2.999.1.{}&ISO^{kind}", dice.digits(7), dice.between(1, 20)),
    }
}

/// XCN
pub fn clinician(dice: &mut Dice, rich: bool) -> String {
    let (number, family, given) = (dice.digits(4), family(dice, rich), dice.one(GIVEN));
    let middle = dice.maybe(30, |dice| dice.one(&["A.", "B.", "M.", "R."]).to_owned());
    let prefix = dice.maybe(60, |_| "Dr.".to_owned());
    let by = dice.maybe(if rich { 80 } else { 40 }, |dice| format!("LAKESIDE&2.999.1.{}&ISO", dice.between(1, 9)));
    format!("{number}^{family}^{given}^{middle}^^{prefix}^^^{by}").trim_end_matches('^').to_owned()
}

/// Several of them, with `~` between.
pub fn several(dice: &mut Dice, most: usize, mut one: impl FnMut(&mut Dice) -> String) -> String {
    let count = dice.between(1, most);
    let all: Vec<String> = (0..count).map(|_| one(dice)).collect();
    all.join("~")
}

/// A day, now and then known to the month only, or none that there is.
pub fn day(dice: &mut Dice, from: usize, to: usize) -> String {
    let (year, month, day) = (dice.between(from, to), dice.between(1, 12), dice.between(1, 28));
    match dice.below(60) {
        0 => format!("{year}"),
        1 => format!("{year}{month:02}"),
        2 => format!("{year}1301"),
        3 => format!("{year}0231"),
        _ => format!("{year}{month:02}{day:02}"),
    }
}

/// A time to the second, or less, or with an offset.
pub fn moment(dice: &mut Dice) -> String {
    let date = format!("2026{:02}{:02}", dice.between(1, 12), dice.between(1, 28));
    let (hour, minute, second) = (dice.below(24), dice.below(60), dice.below(60));
    match dice.below(20) {
        0 => date,
        1 | 2 => format!("{date}{hour:02}{minute:02}"),
        3 => format!("{date}{hour:02}{minute:02}{second:02}.{}", dice.digits(3)),
        4 | 5 => format!("{date}{hour:02}{minute:02}{second:02}{}", dice.one(&["+0100", "-0500", "+0530"])),
        _ => format!("{date}{hour:02}{minute:02}{second:02}"),
    }
}

/// The value as it is, or in a few cases in a hundred as nobody wants it.
pub fn odd(dice: &mut Dice, value: String) -> String {
    match dice.below(50) {
        0 => "\"\"".to_owned(),
        1 => format!("{value}  "),
        _ => value,
    }
}

/// A code, now and then one that the table does not have.
pub fn code(dice: &mut Dice, of: &[&str]) -> String {
    if dice.percent(2) { "ZZ9".to_owned() } else { dice.one(of).to_owned() }
}
