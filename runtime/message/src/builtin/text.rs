//! Functions of text. Characters are Unicode's code points; positions count from 1, as in HL7.

use regex::Regex;

/// A pattern of `matches`, `extract` or `replace`: linear in time, compiled once.
#[derive(Clone, Debug)]
pub struct Pattern(Regex);

impl Pattern {
    /// `Err` says in one line what is wrong with it.
    pub fn new(pattern: &str) -> Result<Pattern, String> {
        Regex::new(pattern).map(Pattern).map_err(|error| {
            let text = error.to_string();
            let last = text.lines().last().unwrap_or_default();
            last.trim_start_matches("error:").trim().to_owned()
        })
    }

    /// Whether it matches anywhere; `^` and `$` bind it to the whole.
    pub fn matches(&self, text: &str) -> bool {
        self.0.is_match(text)
    }
}

pub fn length(text: &str) -> usize {
    text.chars().count()
}

pub fn upper(text: &str) -> String {
    text.to_uppercase()
}

pub fn lower(text: &str) -> String {
    text.to_lowercase()
}

pub fn trim(text: &str) -> Option<&str> {
    some(text.trim())
}

pub fn digits(text: &str) -> Option<String> {
    let digits: String = text.chars().filter(char::is_ascii_digit).collect();
    (!digits.is_empty()).then_some(digits)
}

/// A value of a search as it stands in an address.
pub fn search_value(text: &str) -> String {
    percent(&undivided(text))
}

/// What would divide a search value, behind a backslash (FHIR R4 §3.1.1.5.9).
pub fn undivided(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        if matches!(c, '\\' | ',' | '|' | '$') {
            out.push('\\');
        }
        out.push(c);
    }
    out
}

/// RFC 3986 §2.1, leaving what a query may hold unencoded and no server takes amiss.
pub fn percent(text: &str) -> String {
    const HEX: [char; 16] = ['0', '1', '2', '3', '4', '5', '6', '7', '8', '9', 'A', 'B', 'C', 'D', 'E', 'F'];
    let digit = |number: u8| HEX.get(usize::from(number)).copied().unwrap_or('0');
    let mut out = String::with_capacity(text.len());
    for byte in text.bytes() {
        match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' | b':' | b'/' => {
                out.push(char::from(byte));
            }
            _ => out.extend(['%', digit(byte >> 4), digit(byte & 15)]),
        }
    }
    out
}

pub fn left(text: &str, count: i64) -> Option<&str> {
    substring(text, 1, count)
}

pub fn right(text: &str, count: i64) -> Option<&str> {
    let skipped = length(text).saturating_sub(usize::try_from(count).unwrap_or_default());
    some(text.get(offset(text, skipped)..)?)
}

/// A place before the first character gives nothing, as one after the last does.
pub fn substring(text: &str, from: i64, count: i64) -> Option<&str> {
    let skipped = usize::try_from(from.checked_sub(1)?).ok()?;
    let count = usize::try_from(count).ok()?;
    if text.is_ascii() {
        let rest = text.get(skipped.min(text.len())..)?;
        return some(rest.get(..count.min(rest.len()))?);
    }
    let rest = text.get(offset(text, skipped)..)?;
    some(rest.get(..offset(rest, count))?)
}

/// Every match replaced. `$1` or `${1}` in the replacement stands for a group, `$$` for `$`.
pub fn replace(text: &str, pattern: &Pattern, replacement: &str) -> Option<String> {
    let replaced = pattern.0.replace_all(text, replacement);
    (!replaced.is_empty()).then(|| replaced.into_owned())
}

/// The first group of the first match, the whole match if the pattern has no group.
pub fn extract<'t>(text: &'t str, pattern: &Pattern) -> Option<&'t str> {
    let captures = pattern.0.captures(text)?;
    let group = if captures.len() > 1 { 1 } else { 0 };
    some(captures.get(group)?.as_str())
}

/// The most characters that [`pad`] makes: no field of HL7 v2 is longer.
const PAD_MAX: u64 = 65_536;

/// Filled up to so many characters at its left, at its right for a negative length. Nothing without a filling, and where
/// the length is beyond [`PAD_MAX`].
pub fn pad(text: &str, to: i64, filling: &str) -> Option<String> {
    let wanted = usize::try_from(Some(to.unsigned_abs()).filter(|&wanted| wanted <= PAD_MAX)?).ok()?;
    let missing = wanted.saturating_sub(length(text));
    if missing > 0 && filling.is_empty() {
        return None;
    }
    let filled: String = filling.chars().cycle().take(missing).collect();
    Some(if to < 0 { [text, &filled].concat() } else { [&filled, text].concat() })
}

/// An empty separator gives the text whole.
pub fn pieces<'t>(text: &'t str, separator: &str) -> impl Iterator<Item = &'t str> {
    let whole = separator.is_empty().then_some(text);
    let split = whole.is_none().then(|| text.split(separator));
    whole.into_iter().chain(split.into_iter().flatten()).filter(|piece| !piece.is_empty())
}

/// Empty parts count as missing ones.
pub fn join<'t>(separator: &str, parts: impl IntoIterator<Item = Option<&'t str>>) -> Option<String> {
    let parts: Vec<&str> = parts.into_iter().flatten().filter(|part| !part.is_empty()).collect();
    (!parts.is_empty()).then(|| parts.join(separator))
}

fn some(text: &str) -> Option<&str> {
    (!text.is_empty()).then_some(text)
}

/// Where the character after so many begins.
fn offset(text: &str, characters: usize) -> usize {
    text.char_indices().nth(characters).map_or(text.len(), |(at, _)| at)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pattern(text: &str) -> Pattern {
        Pattern::new(text).unwrap()
    }

    #[test]
    fn characters_are_counted_not_bytes() {
        assert_eq!(length("Zo\u{eb}"), 3);
        assert_eq!((left("Zo\u{eb}x", 3), right("Zo\u{eb}x", 2)), (Some("Zo\u{eb}"), Some("\u{eb}x")));
        assert_eq!((left("DOE", 10), right("DOE", 10)), (Some("DOE"), Some("DOE")));
        assert_eq!((left("DOE", 0), right("DOE", -1), left("", 3)), (None, None, None));
        assert_eq!(substring("A-4711-B", 3, 4), Some("4711"));
        assert_eq!(substring("A-4711-B", 7, i64::MAX), Some("-B"));
        for (from, count) in [(0, 2), (-5, 9), (i64::MIN, 1), (2, 1), (1, 0), (1, -1)] {
            assert_eq!(substring("A", from, count), None, "{from} {count}");
        }
    }

    #[test]
    fn a_search_value_neither_ends_nor_divides_the_search() {
        assert_eq!(search_value("urn:oid:2.999|Z\u{fc}rich&x=1#"), "urn:oid:2.999%5C%7CZ%C3%BCrich%26x%3D1%23");
        assert_eq!(search_value("a,b $c\\%"), "a%5C%2Cb%20%5C%24c%5C%5C%25");
    }

    #[test]
    fn letters_blanks_and_digits() {
        assert_eq!((upper("stra\u{df}e"), lower("\u{c9}")), ("STRASSE".into(), "\u{e9}".into()));
        assert_eq!((trim("  4711\r\n"), trim("  ")), (Some("4711"), None));
        assert_eq!((digits("(555) 010-20").as_deref(), digits("none")), (Some("55501020"), None));
    }

    #[test]
    fn padding_is_at_the_left_or_right() {
        assert_eq!(pad("4711", 8, "0").as_deref(), Some("00004711"));
        assert_eq!(pad("Zo\u{eb}", -5, ".").as_deref(), Some("Zo\u{eb}.."));
        assert_eq!(pad("4711", 3, "0").as_deref(), Some("4711"));
        assert_eq!(pad("1", 6, "ab").as_deref(), Some("ababa1"));
        assert_eq!((pad("1", 6, ""), pad("1", i64::MIN, "0"), pad("1", 1 << 20, "0")), (None, None, None));
    }

    #[test]
    fn patterns_extract_and_replace() {
        assert_eq!(extract("HL70203", &pattern(r"^HL7(\d{4})$")), Some("0203"));
        assert_eq!(extract("<= 5", &pattern("^([<>]=?)")), Some("<="));
        assert_eq!(extract("abc", &pattern("b.")), Some("bc"));
        assert_eq!((extract("LOCAL", &pattern("^HL7")), extract("a", &pattern("a(b)?"))), (None, None));
        assert_eq!(replace("555 010  20", &pattern(r"\s+"), "-").as_deref(), Some("555-010-20"));
        assert_eq!(replace("DOE,JANE", &pattern(r"(\w+),(\w+)"), "$2 $1").as_deref(), Some("JANE DOE"));
        assert_eq!(replace("abc", &pattern("."), ""), None);
        assert!(pattern(r"^\d+$").matches("4711"));
        assert_eq!(Pattern::new("(a").unwrap_err(), "unclosed group");
    }

    #[test]
    fn text_is_taken_apart_and_joined() {
        assert_eq!(pieces("4711;;4712", ";").collect::<Vec<_>>(), ["4711", "4712"]);
        assert_eq!(pieces("ab", "").collect::<Vec<_>>(), ["ab"]);
        assert_eq!(pieces("", ";").count(), 0);
        assert_eq!(join(", ", [None, Some("DOE"), Some(""), Some("JANE")]).as_deref(), Some("DOE, JANE"));
        assert_eq!(join(", ", [None, Some("")]), None);
    }
}
