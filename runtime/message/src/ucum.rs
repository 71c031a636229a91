//! Units of UCUM and numbers in them, by UCUM's own table ("essence", version 2.2), which is embedded whole and unmodified:
//! `ucum/NOTICE.md`.
//!
//! A unit is a factor and a power of each base unit. Of the units that are no multiple of others, degrees Celsius and
//! Fahrenheit are known when they stand alone; logarithms are not. Arbitrary units, such as `[iU]`, convert to none but
//! themselves.

mod likely;

use std::collections::{BTreeMap, HashMap};
use std::sync::OnceLock;

pub use likely::likely;

const ESSENCE: &str = include_str!("ucum/ucum-essence.xml");

/// How many digits of a result are kept: those that arithmetic leaves certain.
const DIGITS: usize = 12;

/// Units made of units: the table goes 6 deep.
const DEPTH_MAX: u32 = 32;

/// Why a number has no value in the other unit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Invalid {
    /// No unit of UCUM, or one that is no multiple of others.
    Unit,
    /// The two measure different things.
    Kind,
    /// The number is none, or the result cannot be written.
    Number,
}

#[derive(Clone, Debug, PartialEq)]
struct Unit {
    factor: f64,
    /// What 0 of it is in base units, for degrees.
    zero: f64,
    /// The base and arbitrary units that it is made of; none to the power of 0.
    powers: BTreeMap<String, i32>,
}

/// The number in the other unit, to twelve digits.
pub fn convert(number: &str, from: &str, to: &str) -> Result<String, Invalid> {
    let value: f64 = crate::number::decimal(number).ok().and_then(|it| it.parse().ok()).ok_or(Invalid::Number)?;
    let (from, to) = (unit(from).ok_or(Invalid::Unit)?, unit(to).ok_or(Invalid::Unit)?);
    if from.powers != to.powers {
        return Err(Invalid::Kind);
    }
    plain((value * from.factor + from.zero - to.zero) / to.factor).ok_or(Invalid::Number)
}

/// Whether numbers of one unit can be told in the other.
pub fn converts(from: &str, to: &str) -> Result<(), Invalid> {
    convert("0", from, to).map(drop)
}

/// Whether a text is a unit of UCUM, also one that no number converts to: a logarithm, a pH.
pub fn is_unit(text: &str) -> bool {
    whole(text, true).is_some()
}

fn unit(text: &str) -> Option<Unit> {
    essence().degrees.get(text).cloned().or_else(|| whole(text, false))
}

fn whole(text: &str, special: bool) -> Option<Unit> {
    let mut reader = Reader { text, depth: 0, special };
    let unit = reader.product(essence())?;
    reader.text.is_empty().then_some(unit)
}

/// What the table says, as far as it is needed.
struct Essence {
    prefixes: Vec<(&'static str, f64)>,
    bases: Vec<&'static str>,
    atoms: HashMap<&'static str, Atom>,
    degrees: HashMap<&'static str, Unit>,
    /// Units that are no multiple of others, and whether they take prefixes.
    specials: HashMap<&'static str, bool>,
}

struct Atom {
    is_metric: bool,
    is_arbitrary: bool,
    value: f64,
    unit: &'static str,
}

fn essence() -> &'static Essence {
    static KNOWN: OnceLock<Essence> = OnceLock::new();
    KNOWN.get_or_init(|| {
        let code = |element: &'static str| attribute(element, "Code");
        let value = |element: &'static str| element.split_once("<value").map(|(_, value)| value);
        let number = |element| attribute(value(element)?, "value")?.parse::<f64>().ok();
        let mut prefixes: Vec<_> =
            elements("prefix").filter_map(|element| Some((code(element)?, number(element)?))).collect();
        // The longer one first: `da` is no `d`.
        prefixes.sort_by_key(|(code, _)| std::cmp::Reverse(code.len()));
        let atom = |element| {
            let is = |name| attribute(element, name) == Some("yes");
            let atom = Atom {
                is_metric: is("isMetric"),
                is_arbitrary: is("isArbitrary"),
                value: number(element)?,
                unit: attribute(value(element)?, "Unit")?,
            };
            (!is("isSpecial")).then_some((code(element)?, atom))
        };
        let kelvin = |factor, zero| Unit { factor, zero, powers: [("K".to_owned(), 1)].into() };
        Essence {
            prefixes,
            bases: elements("base-unit").filter_map(code).collect(),
            atoms: elements("unit").filter_map(atom).collect(),
            specials: elements("unit")
                .filter(|element| attribute(element, "isSpecial") == Some("yes"))
                .filter_map(|element| Some((code(element)?, attribute(element, "isMetric") == Some("yes"))))
                .collect(),
            degrees: HashMap::from([("Cel", kelvin(1.0, 273.15)), ("[degF]", kelvin(5.0 / 9.0, 459.67 * 5.0 / 9.0))]),
        }
    })
}

/// The elements of a name, each with all up to its end.
fn elements(name: &'static str) -> impl Iterator<Item = &'static str> {
    let (open, close) = (format!("<{name}"), format!("</{name}>"));
    let mut rest = ESSENCE;
    std::iter::from_fn(move || {
        let (_, element) = rest.split_once(&open)?;
        let (element, after) = element.split_once(&close)?;
        rest = after;
        Some(element)
    })
}

/// The value of the first attribute of that name.
fn attribute(element: &'static str, name: &str) -> Option<&'static str> {
    let (_, after) = element.split_once(&format!(" {name}=\""))?;
    after.split_once('"').map(|(value, _)| value)
}

/// Takes a unit apart, by the grammar of UCUM §2.
struct Reader<'t> {
    text: &'t str,
    depth: u32,
    /// Whether units that are no multiple of others are taken, each as a measure of its own.
    special: bool,
}

impl Reader<'_> {
    fn product(&mut self, essence: &Essence) -> Option<Unit> {
        self.depth += 1;
        if self.depth > DEPTH_MAX || self.text.is_empty() {
            return None;
        }
        let mut all = Unit { factor: 1.0, zero: 0.0, powers: BTreeMap::new() };
        let mut sign = if self.eat('/') { -1 } else { 1 };
        loop {
            let (unit, exponent) = self.term(essence)?;
            all = all.times(&unit, exponent.checked_mul(sign)?)?;
            sign = match self.text.chars().next() {
                Some('.') => 1,
                Some('/') => -1,
                _ => break,
            };
            self.text = self.text.get(1..)?;
        }
        self.depth -= 1;
        Some(all)
    }

    fn term(&mut self, essence: &Essence) -> Option<(Unit, i32)> {
        let unit = if self.eat('(') {
            let unit = self.product(essence)?;
            self.eat(')').then_some(unit)?
        } else if self.text.starts_with('{') {
            Unit::number(1.0)
        } else {
            self.atom(essence)?
        };
        let exponent = self.exponent()?;
        while self.eat('{') {
            let (note, after) = self.text.split_once('}')?;
            if !note.bytes().all(|byte| byte.is_ascii_graphic()) {
                return None;
            }
            self.text = after;
        }
        Some((unit, exponent))
    }

    fn exponent(&mut self) -> Option<i32> {
        let digits = self.text.trim_start_matches(['+', '-']);
        let signs = self.text.len() - digits.len();
        let length = signs + digits.bytes().take_while(u8::is_ascii_digit).count();
        if length == 0 {
            return Some(1);
        }
        let (written, rest) = self.text.split_at_checked(length)?;
        self.text = rest;
        // No unit has more than a few powers, and a number to the power of thousands is none.
        written.parse::<i32>().ok().filter(|power| power.abs() <= 99)
    }

    fn atom(&mut self, essence: &Essence) -> Option<Unit> {
        if !self.text.starts_with("10*") && !self.text.starts_with("10^") {
            let digits = self.text.bytes().take_while(u8::is_ascii_digit).count();
            if digits > 0 {
                let (number, rest) = self.text.split_at_checked(digits)?;
                self.text = rest;
                return Some(Unit::number(number.parse().ok()?));
            }
        }
        let length = symbol(self.text);
        let (symbol, rest) = self.text.split_at_checked(length)?;
        self.text = rest;
        let found = |symbol: &str, prefixed: bool| {
            let special = essence.specials.get(symbol).filter(|is_metric| self.special && (**is_metric || !prefixed));
            known(essence, symbol, prefixed, self.depth).or_else(|| special.map(|_| Unit::measure(symbol)))
        };
        if let Some(unit) = found(symbol, false) {
            return Some(unit);
        }
        essence.prefixes.iter().find_map(|(prefix, factor)| {
            let unit = found(symbol.strip_prefix(prefix)?, true)?;
            Some(Unit { factor: unit.factor * factor, ..unit })
        })
    }

    fn eat(&mut self, sign: char) -> bool {
        let rest = self.text.strip_prefix(sign);
        self.text = rest.unwrap_or(self.text);
        rest.is_some()
    }
}

/// How long the symbol at the front is: up to an operator, an exponent or a note. Brackets hold anything.
fn symbol(text: &str) -> usize {
    if text.starts_with("10*") || text.starts_with("10^") {
        return 3;
    }
    let mut inside = false;
    let end = text.find(|sign: char| {
        match sign {
            '[' => inside = true,
            ']' => inside = false,
            _ => return !inside && (sign.is_ascii_digit() || "./(){}+- ".contains(sign)),
        }
        false
    });
    end.unwrap_or(text.len())
}

fn known(essence: &Essence, symbol: &str, prefixed: bool, depth: u32) -> Option<Unit> {
    if essence.bases.contains(&symbol) {
        return Some(Unit::measure(symbol));
    }
    let atom = essence.atoms.get(symbol).filter(|atom| atom.is_metric || !prefixed)?;
    if atom.is_arbitrary {
        return Some(Unit::measure(symbol));
    }
    let mut reader = Reader { text: atom.unit, depth, special: false };
    let unit = reader.product(essence)?;
    Some(Unit { factor: unit.factor * atom.value, ..unit })
}

impl Unit {
    fn number(factor: f64) -> Unit {
        Unit { factor, zero: 0.0, powers: BTreeMap::new() }
    }

    /// What is measured in nothing but itself.
    fn measure(symbol: &str) -> Unit {
        Unit { factor: 1.0, zero: 0.0, powers: [(symbol.to_owned(), 1)].into() }
    }

    fn times(mut self, other: &Unit, exponent: i32) -> Option<Unit> {
        // By multiplication alone, so that each machine gives the same.
        for _ in 0..exponent.unsigned_abs() {
            if exponent > 0 {
                self.factor *= other.factor;
            } else {
                self.factor /= other.factor;
            }
        }
        for (name, power) in &other.powers {
            let sum = self.powers.entry(name.clone()).or_default();
            *sum = sum.checked_add(power.checked_mul(exponent)?)?;
        }
        self.powers.retain(|_, power| *power != 0);
        Some(self)
    }
}

/// As JSON and FHIR write it, without an exponent.
fn plain(number: f64) -> Option<String> {
    if !number.is_finite() {
        return None;
    }
    let (mantissa, exponent) = {
        let text = format!("{number:.*e}", DIGITS - 1);
        let (mantissa, exponent) = text.split_once('e')?;
        (mantissa.to_owned(), exponent.parse::<i32>().ok()?)
    };
    let sign = if mantissa.starts_with('-') { "-" } else { "" };
    let digits = mantissa.trim_start_matches('-').replace('.', "");
    let digits = digits.trim_end_matches('0');
    if digits.is_empty() {
        return Some("0".to_owned());
    }
    let before = usize::try_from(exponent + 1).unwrap_or(0);
    match exponent {
        0..=27 if digits.len() <= before => Some(format!("{sign}{digits}{}", "0".repeat(before - digits.len()))),
        0..=27 => {
            let (whole, fraction) = digits.split_at_checked(before)?;
            Some(format!("{sign}{whole}.{fraction}"))
        }
        -18..=-1 => Some(format!("{sign}0.{}{digits}", "0".repeat(usize::try_from(-exponent - 1).ok()?))),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn numbers_in_other_units() {
        for (number, from, to, result) in [
            ("5.5", "mmol/L", "umol/L", "5500"),
            ("180", "mg/dL", "g/L", "1.8"),
            ("37", "Cel", "[degF]", "98.6"),
            ("98.6", "[degF]", "Cel", "37"),
            ("310.15", "K", "Cel", "37"),
            ("72", "[in_i]", "cm", "182.88"),
            ("120", "mm[Hg]", "kPa", "15.99864"),
            ("7.2", "10*3/uL", "10*9/L", "7.2"),
            ("13.5", "g%", "g/dL", "13.5"),
            ("60", "{beats}/min", "Hz", "1"),
            ("1", "km/h", "m/s", "0.277777777778"),
            ("1", "[iU]/L", "m[iU]/mL", "1"),
            ("2", "(mg/kg)/d", "ug/(g.d)", "2"),
            ("50", "%", "1", "0.5"),
            ("-4", "dag", "g", "-40"),
            ("0", "mg", "kg", "0"),
        ] {
            let found = convert(number, from, to);
            assert_eq!(found.as_deref(), Ok(result), "{number} {from} in {to}");
        }
    }

    #[test]
    fn what_does_not_convert_says_why() {
        for (number, from, to, why) in [
            ("1", "mg/dL", "mmol/L", Invalid::Kind),
            ("1", "[iU]", "mg", Invalid::Kind),
            ("1", "mcg", "g", Invalid::Unit),
            ("1", "mg", "", Invalid::Unit),
            ("1", "[pH]", "1", Invalid::Unit),
            ("1", "mg/", "g", Invalid::Unit),
            ("1", "k[in_i]", "m", Invalid::Unit),
            ("1", "m10000", "m", Invalid::Unit),
            ("<5", "mg", "g", Invalid::Number),
            ("1", "Ym", "ym", Invalid::Number),
        ] {
            assert_eq!(convert(number, from, to), Err(why), "{number} {from} in {to}");
        }
        assert!(is_unit("[pH]") && is_unit("dB[SPL]") && is_unit("Cel/d") && is_unit("{score}") && is_unit("/min"));
        assert!(!is_unit("mcg") && !is_unit("") && !is_unit("mg dL") && !is_unit("k[pH]"));
        let nested = "(".repeat(100_000);
        assert_eq!(convert("1", &nested, "g"), Err(Invalid::Unit));
    }

    #[test]
    fn all_of_the_table_is_read() {
        let essence = essence();
        assert_eq!((essence.prefixes.len(), essence.bases.len(), essence.atoms.len()), (24, 7, 284));
        for symbol in essence.atoms.keys() {
            assert!(known(essence, symbol, false, 0).is_some(), "{symbol}");
        }
    }

    proptest! {
        #[test]
        fn any_text_is_a_unit_or_none(from in "[a-zA-Z0-9./(){}\\[\\]*^'+-]{0,12}", number in "-?[0-9]{1,6}(\\.[0-9]{1,4})?") {
            let _ = convert(&number, &from, "g");
            if let Some(unit) = unit(&from) && unit.factor.is_normal() {
                let _ = convert(&number, &from, &from).unwrap_or_default();
            }
        }
    }
}
