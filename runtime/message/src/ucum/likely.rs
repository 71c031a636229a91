//! The unit that somebody meant who wrote none of UCUM: `mmHg` is `mm[Hg]`, `MG/DL` is `mg/dL`, `mcg` is `ug`.

use std::collections::HashMap;
use std::sync::OnceLock;

use super::{attribute, elements, is_unit, symbol};

/// How units are written that UCUM's table does not have, by what it has for them.
const HABITS: &[(&str, &str)] = &[
    ("bpm", "{beats}/min"),
    ("cc", "mL"),
    ("degC", "Cel"),
    ("degF", "[degF]"),
    ("gm", "g"),
    ("hr", "h"),
    ("hrs", "h"),
    ("lbs", "[lb_av]"),
    ("mcg", "ug"),
    ("mcL", "uL"),
    ("sec", "s"),
    ("yr", "a"),
    ("yrs", "a"),
];

/// The longest text that is looked at: no unit is as long.
const LENGTH_MAX: usize = 80;

/// A unit of UCUM that the text may have meant; nothing if no part of it reminds of one.
pub fn likely(text: &str) -> Option<String> {
    if text.len() > LENGTH_MAX {
        return None;
    }
    let text: String = text.chars().filter(|sign| !sign.is_whitespace()).collect();
    let mut text = text.replace(['\u{b5}', '\u{3bc}'], "u");
    for power in ["x10^", "x10*", "x10E", "X10E", "10E", "10e"] {
        text = text.replace(power, "10*");
    }
    let is_loud = text.contains(|sign: char| sign.is_ascii_uppercase()) && !text.contains(char::is_lowercase);
    let loud = || is_loud.then(|| symbols(&text, |_| false, |symbol| spellings().get(symbol).cloned())).flatten();
    let made = loud().or_else(|| symbols(&text, is_unit, meant))?;
    is_unit(&made).then_some(made)
}

/// The text with each of its symbols replaced that cannot stay.
fn symbols(text: &str, stays: impl Fn(&str) -> bool, meant: impl Fn(&str) -> Option<String>) -> Option<String> {
    let mut made = String::new();
    let mut rest = text;
    while let Some(sign) = rest.chars().next() {
        let length = match sign {
            '{' => rest.find('}')? + 1,
            '.' | '/' | '(' | ')' | '+' | '-' | '0'..='9' if !rest.starts_with("10*") => 1,
            _ => symbol(rest).max(sign.len_utf8()),
        };
        let (part, after) = rest.split_at_checked(length)?;
        let is_sign = part.len() == 1 && !part.starts_with(char::is_alphabetic);
        match is_sign || part.starts_with(['{', '%']) || part.starts_with("10*") || stays(part) {
            true => made.push_str(part),
            false => made.push_str(&meant(part)?),
        }
        rest = after;
    }
    Some(made)
}

fn meant(symbol: &str) -> Option<String> {
    let habit = HABITS.iter().find(|(habit, _)| habit.eq_ignore_ascii_case(symbol)).map(|(_, unit)| *unit);
    let spelled = || spellings().get(symbol).or_else(|| spellings().get(symbol.to_lowercase().trim_end_matches('s')));
    let capital = || spellings().get(symbol.to_uppercase().as_str());
    let bracketed = || Some(format!("[{symbol}]")).filter(|unit| is_unit(unit));
    // What is counted stands in braces: `{cells}/uL`.
    let counted = || {
        let is_plural = symbol.len() > 4 && symbol.ends_with('s') && symbol.chars().all(|it| it.is_ascii_lowercase());
        is_plural.then(|| format!("{{{symbol}}}"))
    };
    habit
        .map(str::to_owned)
        .or_else(|| spelled().cloned())
        .or_else(bracketed)
        .or_else(|| capital().cloned())
        .or_else(counted)
}

/// How UCUM's table says that units are printed, what it calls them, and what they are without small letters, by each of
/// which one finds the unit; with prefixes where they take such.
fn spellings() -> &'static HashMap<String, String> {
    static KNOWN: OnceLock<HashMap<String, String>> = OnceLock::new();
    KNOWN.get_or_init(|| {
        let mut known = HashMap::new();
        // Of the two codes of the litre that which cannot be taken for a 1.
        let is_other = |element: &&'static str| attribute(element, "Code") != Some("l");
        let units = || elements("base-unit").chain(elements("unit")).filter(is_other);
        for element in units() {
            let Some(code) = attribute(element, "Code") else { continue };
            for spelling in spelled(element) {
                known.entry(spelling).or_insert_with(|| code.to_owned());
            }
        }
        let prefixes: Vec<_> = elements("prefix").collect();
        for element in units() {
            let (Some(code), is_base) = (attribute(element, "Code"), attribute(element, "isMetric").is_none()) else {
                continue;
            };
            if !is_base && attribute(element, "isMetric") != Some("yes") {
                continue;
            }
            for prefix in &prefixes {
                let Some(before) = attribute(prefix, "Code") else { continue };
                for (front, back) in spelled(prefix).zip(spelled(element)) {
                    known.entry(front + &back).or_insert_with(|| format!("{before}{code}"));
                }
            }
        }
        known
    })
}

/// The printed symbol, the name and the code in capitals of a unit or a prefix.
fn spelled(element: &'static str) -> impl Iterator<Item = String> {
    let content = |name: &str| {
        let (_, inside) = element.split_once(&format!("<{name}>"))?;
        inside.split_once(&format!("</{name}>")).map(|(text, _)| text)
    };
    let printed = content("printSymbol").map(plain).unwrap_or_default();
    let name = content("name").unwrap_or_default().to_lowercase();
    let capital = attribute(element, "CODE").unwrap_or_default().to_owned();
    [printed, name, capital].into_iter()
}

/// Without markup and blanks, signs that stand by their numbers as such.
fn plain(text: &str) -> String {
    let mut plain = String::new();
    let mut rest = text;
    while let Some(sign) = rest.chars().next() {
        let (skipped, sign) = match sign {
            '<' => (rest.find('>').map_or(rest.len(), |end| end + 1), None),
            '&' => {
                let end = rest.find(';').map_or(rest.len(), |end| end + 1);
                let number = rest.get(2..end.saturating_sub(1)).and_then(|number| number.parse().ok());
                (end, number.and_then(char::from_u32))
            }
            sign => (sign.len_utf8(), Some(sign)),
        };
        plain.extend(sign.filter(|sign| !sign.is_whitespace()));
        rest = rest.get(skipped..).unwrap_or_default();
    }
    plain
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_unit_that_is_none_reminds_of_one() {
        for (written, unit) in [
            ("mmHg", "mm[Hg]"),
            ("MG/DL", "mg/dL"),
            ("MMOL/L", "mmol/L"),
            ("mcg", "ug"),
            ("IU/L", "[iU]/L"),
            ("mIU/mL", "m[iU]/mL"),
            ("\u{b0}C", "Cel"),
            ("\u{b5}g", "ug"),
            ("x10E3/uL", "10*3/uL"),
            ("mg / dL", "mg/dL"),
            ("degC", "Cel"),
            ("lb", "[lb_av]"),
            ("in", "[in_i]"),
            ("cells/uL", "{cells}/uL"),
            ("hours", "h"),
            ("milligram", "mg"),
        ] {
            assert_eq!(likely(written).as_deref(), Some(unit), "{written}");
        }
        for written in ["", "xyzzy", "mg/", "{", "mg{a", "\u{fffd}"] {
            assert_eq!(likely(written), None, "{written}");
        }
    }

    #[test]
    fn any_text_is_looked_at_in_bounded_time() {
        assert_eq!(likely(&"(".repeat(100_000)), None);
        assert_eq!(likely(&"q".repeat(79)), None);
    }
}
