//! Cases: programs and messages on which the engines differed once, `tests/cases/native/*.emr`.
//!
//! The mapping comes first, then a line `// --- message` and the message, a segment on a line. Bytes that are no printable
//! text are written as `%0D`, and so is the percent sign. Those in `own` are carried out by machine code alone.

use std::fmt::Write;

const MESSAGE: &str = "// --- message\n";

/// The case as text.
pub fn shown(text: &str, message: &[u8]) -> String {
    let mut case = format!("{}\n{MESSAGE}", text.trim_end());
    for &byte in message {
        match byte {
            b'\r' => case.push('\n'),
            b'%' => case.push_str("%25"),
            b' '..=b'~' => case.push(char::from(byte)),
            _ => write!(case, "%{byte:02X}").unwrap(),
        }
    }
    if case.ends_with('\n') { case } else { case + "%\n" }
}

/// Mapping and message of a case.
pub fn read(case: &str) -> (String, Vec<u8>) {
    let (text, shown) = case.split_once(MESSAGE).expect("a case has a message");
    let mut message = Vec::new();
    // A percent sign at the end: the last segment does not end.
    let mut rest = shown.strip_suffix("%\n").unwrap_or(shown).as_bytes();
    while let Some((first, others)) = rest.split_first() {
        rest = others;
        message.push(match first {
            b'\n' => b'\r',
            b'%' => {
                let (digits, others) = rest.split_at(2);
                rest = others;
                u8::from_str_radix(std::str::from_utf8(digits).unwrap(), 16).unwrap()
            }
            byte => *byte,
        });
    }
    (text.to_owned(), message)
}

#[cfg(test)]
mod tests {
    use super::super::run::{Workshop, both, differ};
    use super::{read, shown};
    use crate::corpus::{files, root};

    #[test]
    fn a_case_keeps_every_byte() {
        let bytes: Vec<u8> = (0..=255).collect();
        for message in [&bytes[..], b"MSH|^~\\&|A\rPID|1\r", b"MSH|50%", b""] {
            assert_eq!(read(&shown("map m(PID) -> Patient {\n}", message)).1, message);
        }
    }

    #[test]
    fn cases_are_mapped_as_the_interpreter_does() {
        let mut shop = Workshop::default();
        for path in files(&root().join("tests/cases/native"), &[".emr"]) {
            let (text, message) = read(&std::fs::read_to_string(&path).unwrap());
            let map = shop.compile(&text).unwrap_or_else(|wrong| panic!("{}:\n{wrong}", path.display()));
            let maps = [Some(map), shop.traced(), shop.plain()];
            for map in maps.into_iter().flatten() {
                let mut both = both(&map).unwrap();
                assert_eq!(differ(&mut both, &message), None, "{}", path.display());
                let is_own = path.components().any(|folder| folder.as_os_str() == "own");
                assert!(!is_own || both.tally.deferred == 0, "{}: {:?}", path.display(), both.reasons);
            }
        }
    }
}
