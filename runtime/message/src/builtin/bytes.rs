//! Functions of bytes. Between functions bytes travel as base64 (RFC 4648 §4), as FHIR's base64Binary holds them.

use std::borrow::Cow;

use hmac::{Hmac, KeyInit, Mac};
use sha1::{Digest, Sha1};
use sha2::Sha256;
use uuid::Uuid;

use crate::Charset;
use crate::identity::named;

const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

pub fn base64(bytes: &[u8]) -> String {
    let mut out = String::with_capacity(bytes.len().div_ceil(3) * 4);
    for three in bytes.chunks(3) {
        let at = |index: usize| u32::from(three.get(index).copied().unwrap_or_default());
        let bits = at(0) << 16 | at(1) << 8 | at(2);
        for place in 0..4 {
            let letter = ALPHABET.get((bits >> (18 - 6 * place) & 63) as usize).copied().unwrap_or(b'=');
            out.push(if place <= three.len() { char::from(letter) } else { '=' });
        }
    }
    out
}

/// The bytes of base64, with or without its padding; blanks and line ends in it do not count.
pub fn unbase64(text: &str) -> Option<Vec<u8>> {
    let mut out = Vec::with_capacity(text.len() / 4 * 3);
    let (mut bits, mut count, mut padding) = (0u32, 0usize, 0);
    for byte in text.bytes().filter(|byte| !byte.is_ascii_whitespace()) {
        if byte == b'=' {
            padding += 1;
            continue;
        }
        let digit = match byte {
            b'A'..=b'Z' => byte - b'A',
            b'a'..=b'z' => byte - b'a' + 26,
            b'0'..=b'9' => byte - b'0' + 52,
            b'+' => 62,
            b'/' => 63,
            _ => return None,
        };
        if padding > 0 {
            return None;
        }
        bits = (bits << 6 | u32::from(digit)) & 0xff_ffff;
        count += 1;
        // After the first digit of four, each completes a byte; what is left of it stays in `bits`.
        let surplus = match count % 4 {
            1 => continue,
            2 => 4,
            3 => 2,
            _ => 0,
        };
        let [.., byte] = (bits >> surplus).to_be_bytes();
        out.push(byte);
    }
    let is_whole = match count % 4 {
        0 => padding == 0,
        1 => false,
        rest => padding == 0 || padding == 4 - rest,
    };
    is_whole.then_some(out)
}

/// The base64 of what hexadecimal digits stand for.
pub fn unhex(text: &str) -> Option<String> {
    crate::charset::unhex(text.trim()).map(|bytes| base64(&bytes))
}

/// The text that the bytes are in a charset, by its name; UTF-8 if none is named.
pub fn text_of(data: &str, charset: Option<&str>) -> Option<String> {
    let charset = charset.map_or(Ok(Charset::Utf8), Charset::named).ok()?;
    charset.decode(&unbase64(data)?).ok().map(Cow::into_owned)
}

/// How many hexadecimal digits a pseudonym has: 128 bits, so that no two of a country's patients share one.
const PSEUDONYM_DIGITS: usize = 32;

/// What stands for a text to all who do not have the key, and is the same for the same text: HMAC (RFC 2104) with SHA-256.
pub fn pseudonym(text: &str, key: &[u8]) -> Option<String> {
    let mut mac = <Hmac<Sha256> as KeyInit>::new_from_slice(key).ok()?;
    mac.update(text.as_bytes());
    let digits: String = mac.finalize().into_bytes().iter().map(|byte| format!("{byte:02x}")).collect();
    digits.get(..PSEUDONYM_DIGITS).map(str::to_owned)
}

/// How many bytes the base64 stands for.
pub fn size(data: &str) -> Option<usize> {
    unbase64(data).map(|bytes| bytes.len())
}

/// The hash of what the base64 stands for, in base64.
pub fn sha1(data: &str) -> Option<String> {
    unbase64(data).map(|bytes| base64(&Sha1::digest(bytes)))
}

/// A UUID of version 5 (RFC 9562 §5.5) made of the parts. `("ab", "c")` and `("a", "bc")` give two.
pub fn uuid<'t>(parts: impl IntoIterator<Item = &'t str>) -> Uuid {
    let mut name = Vec::new();
    for part in parts {
        name.extend_from_slice(&(part.len() as u64).to_le_bytes());
        name.extend_from_slice(part.as_bytes());
    }
    named(named(Uuid::NAMESPACE_OID, [&b"emr"[..]]), [&name[..]])
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn base64_of_the_rfc() {
        for (text, coded) in [
            ("", ""),
            ("f", "Zg=="),
            ("fo", "Zm8="),
            ("foo", "Zm9v"),
            ("foob", "Zm9vYg=="),
            ("fooba", "Zm9vYmE="),
            ("foobar", "Zm9vYmFy"),
        ] {
            assert_eq!(base64(text.as_bytes()), coded);
            assert_eq!(unbase64(coded).unwrap(), text.as_bytes());
        }
        assert_eq!(unbase64("Zm 9v\r\nYg").unwrap(), b"foob");
        for wrong in ["Z", "Zg=", "Zm9v=", "Z=g=", "Zm9*", "Zg==="] {
            assert_eq!(unbase64(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn hashes_and_sizes() {
        assert_eq!(sha1("RE9F").as_deref(), Some("vcF4TVnUqYpsnvQRUkax8i53/4I="));
        assert_eq!((unhex("444F45").as_deref(), unhex("4"), unhex("4g")), (Some("RE9F"), None, None));
        assert_eq!((size("RE9F"), size("*")), (Some(3), None));
    }

    #[test]
    fn a_pseudonym_is_made_with_a_key() {
        let fox = "The quick brown fox jumps over the lazy dog";
        assert_eq!(pseudonym(fox, b"key").as_deref(), Some("f7bc83f430538424b13298e6aa6fb143"));
        assert_ne!(pseudonym(fox, b"key"), pseudonym(fox, b"kez"));
        assert_ne!(pseudonym("4711", b"key"), pseudonym("4712", b"key"));
    }

    #[test]
    fn text_of_bytes() {
        assert_eq!(text_of("Wm/Dqw==", None).as_deref(), Some("Zo\u{eb}"));
        assert_eq!(text_of("Wm/r", Some("8859/1")).as_deref(), Some("Zo\u{eb}"));
        assert_eq!((text_of("Wm/r", None), text_of("Wm/r", Some("8859/99")), text_of("*", None)), (None, None, None));
    }

    #[test]
    fn a_uuid_is_stable_and_keeps_parts_apart() {
        assert_eq!(uuid(["MAIN", "4711"]).to_string(), uuid(["MAIN", "4711"]).to_string());
        insta::assert_snapshot!(uuid(["MAIN", "4711"]), @"06b05294-b55b-5e39-87d0-ce6b241612c2");
        assert_ne!(uuid(["ab", "c"]), uuid(["a", "bc"]));
        assert_ne!(uuid(["a", ""]), uuid(["a"]));
    }

    proptest! {
        #[test]
        fn any_bytes_come_back(bytes in proptest::collection::vec(any::<u8>(), 0..50), text in "[A-Za-z0-9+/= ]{0,20}") {
            prop_assert_eq!(unbase64(&base64(&bytes)).unwrap(), bytes);
            let _ = unbase64(&text);
        }
    }
}
