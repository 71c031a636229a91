//! Patterns of texts. Most that a mapping asks about are a row of characters from start to end (`^HL7[0-9]{4}$`), which
//! takes a look at each byte; the library does all others.

use emr_message::builtin::Pattern;
use regex_syntax::hir::{Class, Hir, HirKind, Look};

use super::work::has_escape;

/// The longest row.
const LENGTH_MAX: usize = 64;

pub enum Matcher {
    /// What each byte may be, from the first to the last.
    Row(Vec<Bytes>),
    Other(Pattern),
}

/// A set of ASCII.
#[derive(Clone, Copy, Default)]
pub struct Bytes(u128);

impl Matcher {
    /// `None` if it is no pattern.
    pub fn new(pattern: &str) -> Option<Matcher> {
        if let Some(row) = regex_syntax::parse(pattern).ok().and_then(|parsed| row(&parsed)) {
            return Some(Matcher::Row(row));
        }
        Pattern::new(pattern).ok().map(Matcher::Other)
    }

    pub fn matches(&self, text: &str) -> bool {
        match self {
            Matcher::Row(row) => is_row(row, text.as_bytes()),
            Matcher::Other(pattern) => pattern.matches(text),
        }
    }

    /// Whether a text that JSON may have escaped matches, where that is plain to see.
    #[inline]
    pub fn matches_plainly(&self, text: &[u8]) -> Option<bool> {
        let Matcher::Row(row) = self else { return None };
        // With an escape it is longer than the text that it stands for.
        if text.len() < row.len() {
            return Some(false);
        }
        (!has_escape(text)).then(|| is_row(row, text))
    }
}

fn is_row(row: &[Bytes], text: &[u8]) -> bool {
    row.len() == text.len() && row.iter().zip(text).all(|(set, byte)| set.has(*byte))
}

impl Bytes {
    fn of(from: u8, to: u8) -> Option<Bytes> {
        to.is_ascii().then(|| Bytes((from..=to).fold(0, |set, byte| set | 1 << byte)))
    }

    fn has(self, byte: u8) -> bool {
        byte.is_ascii() && self.0 >> byte & 1 == 1
    }
}

/// The bytes of a pattern that is bound to both ends and always as long.
fn row(pattern: &Hir) -> Option<Vec<Bytes>> {
    let HirKind::Concat(parts) = pattern.kind() else { return None };
    let [first, inner @ .., last] = parts.as_slice() else { return None };
    let bound = (first.kind(), last.kind());
    if !matches!(bound, (HirKind::Look(Look::Start), HirKind::Look(Look::End))) {
        return None;
    }
    let mut row = Vec::new();
    inner.iter().try_for_each(|part| add(part, &mut row))?;
    Some(row)
}

fn add(part: &Hir, row: &mut Vec<Bytes>) -> Option<()> {
    match part.kind() {
        HirKind::Literal(literal) => {
            for byte in &literal.0 {
                row.push(Bytes::of(*byte, *byte)?);
            }
        }
        HirKind::Class(class) => row.push(set(class)?),
        HirKind::Repetition(repeated) if repeated.max == Some(repeated.min) => {
            for _ in 0..repeated.min {
                add(&repeated.sub, row)?;
            }
        }
        _ => return None,
    }
    (row.len() <= LENGTH_MAX).then_some(())
}

fn set(class: &Class) -> Option<Bytes> {
    let mut all = Bytes::default();
    match class {
        Class::Unicode(class) => {
            for range in class.ranges() {
                all.0 |= Bytes::of(u8::try_from(range.start()).ok()?, u8::try_from(range.end()).ok()?)?.0;
            }
        }
        Class::Bytes(class) => {
            for range in class.ranges() {
                all.0 |= Bytes::of(range.start(), range.end())?.0;
            }
        }
    }
    Some(all)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn rows_are_found() {
        for (pattern, is_row) in [
            ("^HL7[0-9]{4}$", true),
            ("^[A-Z][0-9]{2}$", true),
            ("^a$", true),
            ("^a+$", false),
            ("HL7[0-9]{4}", false),
            (r"^\d{4}$", false),
            ("^é$", false),
            ("(?i)^a$", true),
            ("^[0-9]{100}$", false),
        ] {
            assert_eq!(matches!(Matcher::new(pattern), Some(Matcher::Row(_))), is_row, "{pattern}");
        }
        assert!(Matcher::new("(").is_none());
    }

    proptest! {
        #[test]
        fn a_row_matches_what_the_pattern_matches(text in "[HL7a-f0-9é\n]{0,8}|HL7[0-9]{4}") {
            for pattern in ["^HL7[0-9]{4}$", "(?i)^hl7[0-9]{4}$", "^[a-f]{2}7[^0-9]$", "^$"] {
                let whole = Pattern::new(pattern).unwrap();
                let row = Matcher::new(pattern).unwrap();
                prop_assert_eq!(row.matches(&text), whole.matches(&text), "{}", pattern);
                let quoted = emr_message::json::quoted(&text);
                let plainly = row.matches_plainly(&quoted.as_bytes()[1..quoted.len() - 1]);
                prop_assert!(plainly.is_none_or(|plainly| plainly == whole.matches(&text)), "{}", pattern);
            }
        }
    }
}
