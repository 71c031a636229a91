//! Character sets by HL7's names (table 0211) and by those of IANA, and bytes to text.
//!
//! Bytes that are none of their charset are an error with the offset of the first, never replaced. Text is decoded
//! before it is split: the second byte of a Chinese or Japanese character can look like a delimiter.

use std::borrow::Cow;

use encoding_rs::Encoding;

mod table;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Charset {
    Utf8,
    Ascii,
    /// A part of ISO 8859: 1 to 11 or 13 to 16.
    Iso8859(u8),
    /// What Windows calls Latin 1. HL7 has no name for it; senders that claim 8859/1 often mean it.
    Windows1252,
    Gb18030,
    Big5,
    /// KS X 1001 as EUC-KR.
    EucKr,
    /// ISO IR87, IR13 and IR14: Japanese with the escape sequences of ISO 2022.
    Iso2022Jp,
    Utf16Le,
    Utf16Be,
}

/// A name that no charset here bears.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct UnknownCharset;

impl Charset {
    /// `8859/1`, `UNICODE UTF-8`, `GB 18030-2000` as HL7 says, or `ISO-8859-1`, `latin1`, `GB18030` as others do.
    /// Blanks, hyphens, slashes and case do not count.
    pub fn named(name: &str) -> Result<Charset, UnknownCharset> {
        let key: String = name.chars().filter(char::is_ascii_alphanumeric).collect::<String>().to_ascii_uppercase();
        if let Some(part) = key.strip_prefix("ISO8859").or(key.strip_prefix("8859")) {
            return match part.parse() {
                Ok(part @ (1..=11 | 13..=16)) => Ok(Charset::Iso8859(part)),
                _ => Err(UnknownCharset),
            };
        }
        Ok(match key.as_str() {
            "UTF8" | "UNICODEUTF8" | "UNICODE" => Charset::Utf8,
            "ASCII" | "USASCII" | "ISOIR6" => Charset::Ascii,
            "LATIN1" => Charset::Iso8859(1),
            "WINDOWS1252" | "CP1252" => Charset::Windows1252,
            "GB18030" | "GB180302000" | "GBK" | "GB2312" => Charset::Gb18030,
            "BIG5" | "BIG5HKSCS" => Charset::Big5,
            "KSX1001" | "EUCKR" => Charset::EucKr,
            "ISOIR87" | "ISOIR14" | "ISOIR13" | "ISO2022JP" => Charset::Iso2022Jp,
            "UTF16LE" => Charset::Utf16Le,
            "UTF16" | "UTF16BE" | "UNICODEUTF16" => Charset::Utf16Be,
            _ => return Err(UnknownCharset),
        })
    }

    /// The name that MSH-18 has for it (table 0211), that of IANA where HL7 has none.
    pub fn name(self) -> &'static str {
        match self {
            Charset::Utf8 => "UNICODE UTF-8",
            Charset::Ascii => "ASCII",
            Charset::Iso8859(part) => table::NAMES.get(usize::from(part)).copied().unwrap_or("8859/1"),
            Charset::Windows1252 => "windows-1252",
            Charset::Gb18030 => "GB 18030-2000",
            Charset::Big5 => "BIG-5",
            Charset::EucKr => "KS X 1001",
            Charset::Iso2022Jp => "ISO IR87",
            Charset::Utf16Le => "UTF-16LE",
            Charset::Utf16Be => "UNICODE UTF-16",
        }
    }

    /// The text of the bytes, borrowed where they are that already. `Err` is the offset of the first byte that is
    /// none of this charset; where the charset keeps state, of the first place at which decoding could not go on.
    pub fn decode(self, bytes: &[u8]) -> Result<Cow<'_, str>, usize> {
        let utf8 = || simdutf8::compat::from_utf8(bytes).map(Cow::Borrowed).map_err(|error| error.valid_up_to());
        if bytes.is_ascii() && self.extends_ascii() {
            return utf8();
        }
        match self.scheme() {
            Scheme::Utf8 => utf8(),
            Scheme::Ascii => Err(bytes.iter().position(|byte| !byte.is_ascii()).unwrap_or(0)),
            Scheme::Own(upper) => own(bytes, upper).map(Cow::Owned),
            Scheme::Utf16(unit) => utf16(bytes, unit).map(Cow::Owned),
            Scheme::Table(encoding) => with_table(bytes, encoding).map(Cow::Owned),
        }
    }

    /// The bytes of the text, `None` where the charset lacks one of its characters.
    pub fn encode(self, text: &str) -> Option<Vec<u8>> {
        match self.scheme() {
            Scheme::Utf8 => Some(text.as_bytes().to_vec()),
            Scheme::Ascii => text.is_ascii().then(|| text.as_bytes().to_vec()),
            Scheme::Own(upper) => {
                let byte = |c: char| match u8::try_from(c) {
                    Ok(byte) if upper(byte) == Some(c) => Some(byte),
                    _ => (0x80..=0xff).find(|&byte| upper(byte) == Some(c)),
                };
                text.chars().map(|c| if c.is_ascii() { u8::try_from(c).ok() } else { byte(c) }).collect()
            }
            Scheme::Utf16(_) if self == Charset::Utf16Le => {
                Some(text.encode_utf16().flat_map(u16::to_le_bytes).collect())
            }
            Scheme::Utf16(_) => Some(text.encode_utf16().flat_map(u16::to_be_bytes).collect()),
            Scheme::Table(encoding) => match encoding.encode(text) {
                (bytes, _, false) => Some(bytes.into_owned()),
                _ => None,
            },
        }
    }

    /// Whether each ASCII byte stands for itself wherever it is seen.
    fn extends_ascii(self) -> bool {
        !matches!(self, Charset::Iso2022Jp | Charset::Utf16Le | Charset::Utf16Be)
    }

    /// Whether two byte sequences can give the same text, so that encoding may not give back what was decoded.
    pub(crate) fn is_ambiguous(self) -> bool {
        matches!(self, Charset::Gb18030 | Charset::Big5 | Charset::EucKr | Charset::Iso2022Jp)
    }

    fn scheme(self) -> Scheme {
        match self {
            Charset::Utf8 => Scheme::Utf8,
            Charset::Ascii => Scheme::Ascii,
            // encoding_rs follows the web, which reads parts 1, 9 and 11 as the code pages of Windows.
            Charset::Iso8859(1) => Scheme::Own(table::part_1),
            Charset::Iso8859(9) => Scheme::Own(table::part_9),
            Charset::Iso8859(11) => Scheme::Own(table::part_11),
            Charset::Iso8859(part) => Scheme::Table(table::encoding(part)),
            Charset::Windows1252 => Scheme::Table(encoding_rs::WINDOWS_1252),
            Charset::Gb18030 => Scheme::Table(encoding_rs::GB18030),
            Charset::Big5 => Scheme::Table(encoding_rs::BIG5),
            Charset::EucKr => Scheme::Table(encoding_rs::EUC_KR),
            Charset::Iso2022Jp => Scheme::Table(encoding_rs::ISO_2022_JP),
            Charset::Utf16Le => Scheme::Utf16(u16::from_le_bytes),
            Charset::Utf16Be => Scheme::Utf16(u16::from_be_bytes),
        }
    }
}

enum Scheme {
    Utf8,
    Ascii,
    Own(fn(u8) -> Option<char>),
    Utf16(fn([u8; 2]) -> u16),
    Table(&'static Encoding),
}

fn own(bytes: &[u8], upper: fn(u8) -> Option<char>) -> Result<String, usize> {
    let mut text = String::with_capacity(bytes.len() + bytes.len() / 8);
    for (at, &byte) in bytes.iter().enumerate() {
        text.push(if byte.is_ascii() { char::from(byte) } else { upper(byte).ok_or(at)? });
    }
    Ok(text)
}

fn utf16(bytes: &[u8], unit: fn([u8; 2]) -> u16) -> Result<String, usize> {
    let (pairs, []) = bytes.as_chunks::<2>() else { return Err(bytes.len() - 1) };
    let mut text = String::with_capacity(bytes.len());
    let mut at = 0;
    for character in char::decode_utf16(pairs.iter().map(|&pair| unit(pair))) {
        let character = character.map_err(|_| at)?;
        text.push(character);
        at += 2 * character.len_utf16();
    }
    Ok(text)
}

fn with_table(bytes: &[u8], encoding: &'static Encoding) -> Result<String, usize> {
    if let Some(text) = encoding.decode_without_bom_handling_and_without_replacement(bytes) {
        return Ok(text.into_owned());
    }
    // Only now that the text is known to be wrong is it decoded piece by piece, to learn where.
    let mut decoder = encoding.new_decoder_without_bom_handling();
    let mut text = String::with_capacity(decoder.max_utf8_buffer_length(bytes.len()).unwrap_or(0));
    let (_, read) = decoder.decode_to_string_without_replacement(bytes, &mut text, true);
    Err(read.saturating_sub(1))
}

/// The bytes of an even number of hexadecimal digits.
pub(crate) fn unhex(digits: &str) -> Option<Vec<u8>> {
    let (pairs, []) = digits.as_bytes().as_chunks::<2>() else { return None };
    let digit = |byte: u8| char::from(byte).to_digit(16).and_then(|digit| u8::try_from(digit).ok());
    pairs.iter().map(|&[high, low]| Some(digit(high)? << 4 | digit(low)?)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_table_0211_and_of_others() {
        let named = |name| Charset::named(name).map(Charset::name);
        let same =
            ["ASCII", "8859/1", "8859/2", "8859/9", "8859/15", "UNICODE UTF-8", "GB 18030-2000", "BIG-5", "ISO IR87"];
        for name in same {
            assert_eq!(named(name), Ok(name));
        }
        for (name, is) in
            [("utf-8", "UNICODE UTF-8"), ("ISO-8859-1", "8859/1"), ("latin1", "8859/1"), ("ISO IR6", "ASCII")]
        {
            assert_eq!(named(name), Ok(is));
        }
        for name in ["", "8859/12", "8859/17", "UNICODE UTF-32", "ISO IR159", "CNS 11643-1992", "EBCDIC"] {
            assert_eq!(named(name), Err(UnknownCharset), "{name}");
        }
    }

    #[test]
    fn every_byte_of_every_part_comes_back() {
        for part in (1..=11).chain(13..=16) {
            let charset = Charset::Iso8859(part);
            let mut known = 0;
            for byte in 0..=255 {
                if let Ok(text) = charset.decode(&[byte]) {
                    assert_eq!(text.chars().count(), 1);
                    assert_eq!(charset.encode(&text).as_deref(), Some(&[byte][..]), "part {part}, byte {byte}");
                    known += 1;
                }
            }
            assert!(known >= 200, "part {part} knows {known}");
        }
    }

    #[test]
    fn latin_1_is_not_the_code_page_of_windows() {
        assert_eq!(Charset::Iso8859(1).decode(b"\x80\xe9").unwrap(), "\u{80}\u{e9}");
        assert_eq!(Charset::Windows1252.decode(b"\x80\xe9").unwrap(), "\u{20ac}\u{e9}");
        assert_eq!(Charset::Iso8859(9).decode(b"\xdd\xfd").unwrap(), "\u{130}\u{131}");
        assert_eq!(Charset::Iso8859(15).decode(b"\xa4").unwrap(), "\u{20ac}");
        assert_eq!(Charset::Iso8859(5).decode(b"\xb8\xd2").unwrap(), "\u{418}\u{432}");
        assert_eq!(Charset::Iso8859(7).decode(b"\xe1").unwrap(), "\u{3b1}");
        assert_eq!(Charset::Iso8859(11).decode(b"\xa1").unwrap(), "\u{e01}");
    }

    #[test]
    fn wrong_bytes_are_told_with_their_offset() {
        for (charset, bytes, at) in [
            (Charset::Utf8, &b"abc\xe9d"[..], 3),
            (Charset::Ascii, b"ab\xc3\xa9", 2),
            (Charset::Iso8859(11), b"ab\xff", 2),
            (Charset::Iso8859(6), b"ab\xa1", 2),
            (Charset::Gb18030, b"abc\xff", 3),
            (Charset::Utf16Be, b"\0a\xdc\0", 2),
            (Charset::Utf16Le, b"a\0b", 2),
        ] {
            assert_eq!(charset.decode(bytes), Err(at), "{}", charset.name());
        }
    }

    #[test]
    fn characters_of_several_bytes_come_back() {
        for (charset, text) in [
            (Charset::Gb18030, "\u{738b}^|\u{1f600}"),
            (Charset::Big5, "\u{738b}\u{529f}"),
            (Charset::EucKr, "\u{ae40}"),
            (Charset::Iso2022Jp, "A\u{5c71}\u{7530}B"),
            (Charset::Utf16Le, "\u{738b}\u{1f600}"),
            (Charset::Utf16Be, "\u{738b}\u{1f600}"),
        ] {
            let bytes = charset.encode(text).unwrap();
            assert_eq!(charset.decode(&bytes).unwrap(), text, "{}", charset.name());
        }
        assert_eq!(Charset::Iso8859(1).encode("\u{20ac}"), None);
        assert_eq!(Charset::Big5.encode("\u{1f600}"), None);
    }
}
