//! Escape sequences (HL7 v2.5.1 §2.7): told apart here, once, for decoding and for the notes alike.
//!
//! Known ones become what they stand for; an unknown one stays as it is written and is reported. Formatting commands
//! of FT become line ends or blanks, highlighting disappears.

use std::borrow::Cow;

use crate::{Charset, Delimiters};

/// What one escape sequence stands for.
enum Meaning {
    Byte(u8),
    Text(&'static str),
    Blanks { character: char, count: usize },
    Hex(String),
}

/// The most line ends or blanks that one command may ask for (`\.sp99999999\`).
const BLANKS_MAX: usize = 100;

/// The text that a leaf stands for: trailing blanks are dropped (HL7 v2.5.1 §2.A.74: they are optional), escapes are
/// undone once, control characters but for tab, CR and LF become a blank, since FHIR allows no others.
pub fn decode<'a>(text: &'a str, delimiters: &Delimiters, charset: Charset) -> Cow<'a, str> {
    let text = trim_end(text);
    let escape = delimiters.escape.filter(|&escape| memchr::memchr(escape, text.as_bytes()).is_some());
    if escape.is_none() && !text.bytes().any(is_unwanted) {
        return Cow::Borrowed(text);
    }
    let mut out = String::with_capacity(text.len());
    walk(text, delimiters, charset, |part| match part {
        Part::Plain(plain) => out.push_str(plain),
        Part::Known(Meaning::Byte(byte)) => out.push(char::from(byte)),
        Part::Known(Meaning::Text(text)) => out.push_str(text),
        Part::Known(Meaning::Blanks { character, count }) => out.extend(std::iter::repeat_n(character, count)),
        Part::Known(Meaning::Hex(text)) => out.push_str(&text),
        Part::Unknown(sequence) => out.push_str(sequence),
    });
    match clean(&out) {
        Cow::Borrowed(_) => Cow::Owned(out),
        Cow::Owned(cleaned) => Cow::Owned(cleaned),
    }
}

/// The text with a blank for each control character but tab, CR and LF.
pub fn clean(text: &str) -> Cow<'_, str> {
    if !text.bytes().any(is_unwanted) {
        return Cow::Borrowed(text);
    }
    Cow::Owned(text.chars().map(|c| if u8::try_from(c).is_ok_and(is_unwanted) { ' ' } else { c }).collect())
}

/// The text with each delimiter written as its escape, so that [`decode`] gives the text again.
pub fn encode(text: &str, delimiters: &Delimiters) -> String {
    let mut out = String::with_capacity(text.len());
    encode_into(text, delimiters, &mut out);
    out
}

/// The same at the end of another text.
pub(crate) fn encode_into(text: &str, delimiters: &Delimiters, out: &mut String) {
    let Some(escape) = delimiters.escape else { return out.push_str(text) };
    // Where what was not copied yet begins.
    let mut from = 0;
    for (at, character) in text.char_indices() {
        let letter = match u8::try_from(character).ok() {
            Some(b) if b == delimiters.field => "F",
            Some(b) if b == escape => "E",
            Some(b) if Some(b) == delimiters.component => "S",
            Some(b) if Some(b) == delimiters.subcomponent => "T",
            Some(b) if Some(b) == delimiters.repetition => "R",
            Some(b'\r') => "X0D",
            Some(b'\n') => ".br",
            _ => continue,
        };
        out.push_str(text.get(from..at).unwrap_or_default());
        out.push(char::from(escape));
        out.push_str(letter);
        out.push(char::from(escape));
        from = at + character.len_utf8();
    }
    out.push_str(text.get(from..).unwrap_or_default());
}

/// Escaped text of one charset for a message in another: `\Xdd…\` are bytes of the first (HL7 v2.5.1 §2.7.5), so what they
/// stand for is written itself, or, if it is a control character, as bytes of the other. `\C…\` and `\M…\` name charsets of
/// their own and stay.
pub(crate) fn recoded(text: String, delimiters: &Delimiters, from: Charset, to: Charset) -> String {
    let Some(escape) = delimiters.escape.map(char::from).filter(|escape| from != to && text.contains(*escape)) else {
        return text;
    };
    let mut out = String::with_capacity(text.len());
    let mut rest = text.as_str();
    while let Some((plain, after)) = rest.split_once(escape) {
        out.push_str(plain);
        let known = after.split_once(escape).filter(|(inner, _)| is_known(inner, delimiters, from));
        let Some((inner, next)) = known else {
            out.push(escape);
            rest = after;
            continue;
        };
        match inner.strip_prefix('X').and_then(|digits| hex_in(digits, delimiters, from, to)) {
            Some(other) => out.push_str(&other),
            None => out.extend([&format!("{escape}{inner}"), escape.encode_utf8(&mut [0; 4]) as &str]),
        }
        rest = next;
    }
    out.push_str(rest);
    out
}

/// What bytes stand for, to be written in another charset; nothing where they are the same there.
fn hex_in(digits: &str, delimiters: &Delimiters, from: Charset, to: Charset) -> Option<String> {
    let bytes = crate::charset::unhex(digits)?;
    let text = from.decode(&bytes).ok()?;
    let there = to.encode(&text);
    if there.as_ref() == Some(&bytes) {
        return None;
    }
    match (there, delimiters.escape.map(char::from)) {
        (Some(there), Some(escape)) if text.contains(char::is_control) => {
            let digits: String = there.iter().map(|byte| format!("{byte:02X}")).collect();
            Some(format!("{escape}X{digits}{escape}"))
        }
        _ => Some(encode(&text, delimiters)),
    }
}

/// Offsets in the text of escape characters that begin no sequence that we know.
pub fn unknown(text: &str, delimiters: &Delimiters, charset: Charset) -> Vec<usize> {
    let mut found = Vec::new();
    walk(text, delimiters, charset, |part| {
        if let Part::Unknown(sequence) = part {
            found.push(sequence.as_ptr().addr() - text.as_ptr().addr());
        }
    });
    found
}

/// Whether what stands between two escape characters is a sequence that we know.
pub(crate) fn is_known(inner: &str, delimiters: &Delimiters, charset: Charset) -> bool {
    meaning(inner, delimiters, charset).is_some()
}

/// A control character that no FHIR string may hold (FHIR R4 §2.24.0.1, string).
pub(crate) fn is_unwanted(byte: u8) -> bool {
    byte < b' ' && !matches!(byte, b'\t' | b'\r' | b'\n')
}

/// Without the blanks at its end, which HL7 calls optional.
pub(crate) fn trim_end(text: &str) -> &str {
    text.trim_end_matches([' ', '\t'])
}

enum Part<'a> {
    Plain(&'a str),
    Known(Meaning),
    Unknown(&'a str),
}

/// Hands over the text in order, part by part. An escape character that begins no known sequence is handed over
/// alone, so that the sequence after a stray one is still found (`C:\dir\T\x`).
fn walk<'a>(text: &'a str, delimiters: &Delimiters, charset: Charset, mut take: impl FnMut(Part<'a>)) {
    let Some(escape) = delimiters.escape.map(char::from) else { return take(Part::Plain(text)) };
    let mut rest = text;
    while let Some((plain, after)) = rest.split_once(escape) {
        if !plain.is_empty() {
            take(Part::Plain(plain));
        }
        let known =
            after.split_once(escape).and_then(|(inner, next)| Some((meaning(inner, delimiters, charset)?, next)));
        rest = match known {
            Some((meaning, next)) => {
                take(Part::Known(meaning));
                next
            }
            None => {
                let (_, from) = rest.split_at(plain.len());
                take(Part::Unknown(from.get(..1).unwrap_or_default()));
                after
            }
        };
    }
    if !rest.is_empty() {
        take(Part::Plain(rest));
    }
}

fn meaning(inner: &str, delimiters: &Delimiters, charset: Charset) -> Option<Meaning> {
    Some(match inner {
        "F" => Meaning::Byte(delimiters.field),
        "S" => Meaning::Byte(delimiters.component?),
        "T" => Meaning::Byte(delimiters.subcomponent?),
        "R" => Meaning::Byte(delimiters.repetition?),
        "E" => Meaning::Byte(delimiters.escape?),
        "P" => Meaning::Byte(delimiters.truncation?),
        "H" | "N" => Meaning::Text(""),
        _ => match inner.split_at_checked(1)? {
            ("X", digits) => Meaning::Hex(hex(digits, charset)?),
            (".", command) => format(&command.to_ascii_lowercase())?,
            _ => return None,
        },
    })
}

/// `\Xdd…\`: bytes of the message's charset. Bytes that are none there make the sequence unknown.
fn hex(digits: &str, charset: Charset) -> Option<String> {
    let bytes = crate::charset::unhex(digits).filter(|bytes| !bytes.is_empty())?;
    charset.decode(&bytes).ok().map(Cow::into_owned)
}

/// The formatting commands of FT (HL7 v2.5.1 §2.7.6).
fn format(command: &str) -> Option<Meaning> {
    let (name, number) = command.split_at_checked(2)?;
    let count = |number: &str| number.parse::<usize>().ok().map(|count| count.min(BLANKS_MAX));
    match name {
        "br" | "ce" if number.is_empty() => Some(Meaning::Text("\n")),
        "fi" | "nf" if number.is_empty() => Some(Meaning::Text("")),
        "sp" if number.is_empty() => Some(Meaning::Text("\n")),
        "sp" => Some(Meaning::Blanks { character: '\n', count: count(number)? }),
        "sk" => Some(Meaning::Blanks { character: ' ', count: count(number)? }),
        "in" | "ti" => number.parse::<i32>().ok().map(|_| Meaning::Text("")),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn decoded(text: &str) -> String {
        decode(text, &Delimiters { truncation: Some(b'#'), ..Delimiters::STANDARD }, Charset::Utf8).into_owned()
    }

    #[test]
    fn known_escapes_become_what_they_stand_for() {
        assert_eq!(decoded(r"a\F\b\S\c\T\d\R\e\E\f\P\g"), r"a|b^c&d~e\f#g");
        assert_eq!(decoded(r"one\.br\two\.sp2\three\.sk2\four\.CE\five"), "one\ntwo\n\nthree  four\nfive");
        assert_eq!(decoded(r"\H\loud\N\ \.in+4\in"), "loud in");
        assert_eq!(decoded(r"\X41\\X0D0A\\XC3A9\"), "A\r\n\u{e9}");
        assert_eq!(decode(r"\XE9\", &Delimiters::STANDARD, Charset::Iso8859(1)), "\u{e9}");
    }

    #[test]
    fn unknown_escapes_stay_and_are_reported() {
        for text in
            [r"C:\dir", r"\Q\", r"\Z12\", r"\C2842\", r"\X4\", r"\XE9\", r"\X\", r"\.zz\", r"\.spx\", r"\\", r"\"]
        {
            assert_eq!(decoded(text), text);
            assert_eq!(unknown(text, &Delimiters::STANDARD, Charset::Utf8).first(), text.find('\\').as_ref(), "{text}");
        }
        assert_eq!(decoded(r"C:\dir\T\x"), r"C:\dir&x");
        assert_eq!(unknown(r"C:\dir\T\x", &Delimiters::STANDARD, Charset::Utf8), [2]);
    }

    #[test]
    fn bytes_of_one_charset_are_what_they_were_in_another() {
        let latin = Charset::Iso8859(1);
        let recoded = |text: &str, from, to| recoded(text.to_owned(), &Delimiters::STANDARD, from, to);
        assert_eq!(
            recoded(r"M\XC4\LLER\X0D0A\\T\\C2842\\XE4\", latin, Charset::Utf8),
            "M\u{c4}LLER\\X0D0A\\\\T\\\\C2842\\\u{e4}"
        );
        assert_eq!(recoded(r"M\XC384\LLER C:\x\XE282AC\", Charset::Utf8, latin), "M\u{c4}LLER C:\\x\u{20ac}");
        assert_eq!(recoded(r"\X0DC4\", latin, Charset::Utf8), r"\X0DC384\");
        assert_eq!(recoded(r"\E\XC4\E\ \XC4\", latin, latin), r"\E\XC4\E\ \XC4\");
        assert_eq!(recoded(r"\E\XC4\E\", latin, Charset::Utf8), r"\E\XC4\E\");
    }

    #[test]
    fn text_is_decoded_once() {
        assert_eq!(decoded(r"\E\T\E\"), r"\T\");
    }

    #[test]
    fn controls_become_blanks_and_trailing_blanks_go() {
        assert_eq!(decoded("a\u{b}b\\X00\\c \t"), "a b c");
        assert_eq!(decoded(r"a\X20\ "), "a ");
        assert_eq!(decoded("a\tb"), "a\tb");
    }

    #[test]
    fn a_command_cannot_ask_for_much() {
        assert_eq!(decoded(r"\.sp4000000000\").len(), BLANKS_MAX);
    }

    #[test]
    fn encoded_text_decodes_to_itself() {
        let text = "a|b^c~d\\e&f\ng\rh";
        let encoded = encode(text, &Delimiters::STANDARD);
        assert_eq!(encoded, r"a\F\b\S\c\R\d\E\e\T\f\.br\g\X0D\h");
        assert_eq!(decoded(&encoded), text);
    }
}
