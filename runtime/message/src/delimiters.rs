//! The characters that take a message apart, as MSH-1 and MSH-2 declare them (HL7 v2.5.1 §2.5.4).
//!
//! Real senders leave MSH-2 empty, double its escape character or use one character twice. Each of these is read in
//! the one way that keeps most of the message, and is told as a note.

/// One byte for each role; `None` where the message has no character for it. All are visible ASCII.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Delimiters {
    /// MSH-1, `|` nearly always.
    pub field: u8,
    pub component: Option<u8>,
    pub repetition: Option<u8>,
    pub escape: Option<u8>,
    pub subcomponent: Option<u8>,
    /// `#`, since HL7 v2.7 (§2.5.5.2). It marks a cut value and splits nothing.
    pub truncation: Option<u8>,
    pub oddity: Option<Oddity>,
}

/// What was odd about MSH-2.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Oddity {
    /// MSH-2 is empty: the characters that the standard recommends are taken.
    Missing,
    /// MSH-2 is `^~\\&`: the doubled escape counts once.
    DoubledEscape,
    /// A character stands for two roles: it keeps the first, the other role has none.
    Repeated,
    /// A character is not visible ASCII: its role has none.
    Unusable,
}

impl Delimiters {
    /// `|^~\&`, those that the standard recommends.
    pub const STANDARD: Delimiters = Delimiters {
        field: b'|',
        component: Some(b'^'),
        repetition: Some(b'~'),
        escape: Some(b'\\'),
        subcomponent: Some(b'&'),
        truncation: None,
        oddity: None,
    };

    /// Reads a header (MSH, FHS or BHS) from its first byte. `None` where the fourth byte cannot separate fields:
    /// a letter, a digit, a quote, a blank, a control or no ASCII.
    pub fn read(header: &[u8]) -> Option<Delimiters> {
        let &field = header.get(3).filter(|&&byte| byte.is_ascii_punctuation() && byte != b'"')?;
        let rest = header.get(4..)?;
        if field == b'|' && rest.starts_with(b"^~\\&|") {
            return Some(Delimiters::STANDARD);
        }
        let end = rest.iter().position(|&b| b == field || b == b'\r' || b == b'\n').unwrap_or(rest.len());
        let declared = rest.get(..end)?.trim_ascii_end();
        if declared.is_empty() {
            return Some(Delimiters { field, oddity: Some(Oddity::Missing), ..Delimiters::STANDARD });
        }

        let mut oddity = None;
        let mut roles = declared.to_vec();
        if let [_, _, escape, doubled, _, ..] = roles.as_slice()
            && escape == doubled
        {
            oddity = Some(Oddity::DoubledEscape);
            roles.remove(3);
        }
        let mut taken = vec![field];
        let mut roles = roles.into_iter().map(|byte| {
            if !byte.is_ascii_graphic() || byte == b'"' {
                oddity = oddity.or(Some(Oddity::Unusable));
                return None;
            }
            if taken.contains(&byte) {
                oddity = oddity.or(Some(Oddity::Repeated));
                return None;
            }
            taken.push(byte);
            Some(byte)
        });
        let mut role = || roles.next().flatten();
        let (component, repetition, escape, subcomponent, truncation) = (role(), role(), role(), role(), role());
        Some(Delimiters { field, component, repetition, escape, subcomponent, truncation, oddity })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn roles(header: &str) -> String {
        let Some(d) = Delimiters::read(header.as_bytes()) else { return "none".into() };
        let show = |role: Option<u8>| role.map_or('.', char::from);
        let all = [Some(d.field), d.component, d.repetition, d.escape, d.subcomponent, d.truncation];
        format!("{} {:?}", all.into_iter().map(show).collect::<String>(), d.oddity)
    }

    #[test]
    fn each_character_has_its_role() {
        assert_eq!(roles(r"MSH|^~\&|A"), r"|^~\&. None");
        assert_eq!(roles(r"MSH|^~\&#|A"), r"|^~\&# None");
        assert_eq!(roles(r"MSH!$r?@!A"), r"!$r?@. None");
        assert_eq!(roles(r"BHS|^~\&"), r"|^~\&. None");
        assert_eq!(roles("MSH|^|A"), "|^.... None");
    }

    #[test]
    fn odd_headers_keep_what_can_be_kept() {
        assert_eq!(roles("MSH||A"), r"|^~\&. Some(Missing)");
        assert_eq!(roles(r"MSH|^~\\&|A"), r"|^~\&. Some(DoubledEscape)");
        assert_eq!(roles("MSH|^&&^##|A"), "|^&..# Some(Repeated)");
        assert_eq!(roles("MSH|^~\u{1}&|A"), "|^~.&. Some(Unusable)");
    }

    #[test]
    fn a_word_is_no_header() {
        for text in ["MSH", "MSHA^~", "MSH \\", "MSH\u{e9}"] {
            assert_eq!(roles(text), "none");
        }
    }
}
