//! Where the last message of a feed went that was sorted by its header alone: the next one whose header says the same goes
//! there too, without a closer look.

use std::sync::{Mutex, PoisonError};

use emr_message::{Charset, notes};
use emr_runtime::flow::program::Sorted;

use super::came::Came;

/// The last message.
#[derive(Default)]
pub struct Alike(Mutex<Option<Last>>);

struct Last {
    /// What tells of its header where it goes.
    telling: Vec<Vec<u8>>,
    is_utf8: bool,
    sorted: Sorted,
}

/// The delimiters, MSH-9, MSH-11, MSH-12 and MSH-18, as places between bars.
const TELLING: [usize; 5] = [1, 8, 10, 11, 17];

impl Alike {
    /// Where the last message went, if this one is alike. Where it is not sure that it can be read it is not.
    pub fn known(&self, bytes: &[u8]) -> Option<Sorted> {
        let last = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let Last { telling, is_utf8, sorted } = last.as_ref()?;
        let is_alike = self::telling(bytes)?.eq(telling.iter().map(Vec::as_slice));
        let is_read = || if *is_utf8 { std::str::from_utf8(bytes).is_ok() } else { notes::is_ascii_text(bytes) };
        (is_alike && is_read()).then(|| sorted.clone())
    }

    /// Of what cannot be read, a header says nothing about the next.
    pub fn note(&self, bytes: &[u8], came: Option<&Came>, sorted: &Sorted) {
        if let Some((telling, Came::Message(message, ..))) = telling(bytes).zip(came) {
            let is_utf8 = message.encoding().charset == Charset::Utf8;
            let telling = telling.map(<[u8]>::to_vec).collect();
            let last = Last { telling, is_utf8, sorted: sorted.clone() };
            *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Some(last);
        }
    }
}

/// The bar, and the fields that tell, of a message that begins with its header.
fn telling(bytes: &[u8]) -> Option<impl Iterator<Item = &[u8]>> {
    let line = bytes.split(|byte| matches!(byte, b'\r' | b'\n')).next().filter(|line| line.starts_with(b"MSH"))?;
    let bar = line.get(3..4)?;
    let fields = line.split(move |byte| bar.contains(byte)).enumerate();
    let telling = fields.filter(|(place, _)| TELLING.contains(place)).map(|(_, field)| field);
    Some(std::iter::once(bar).chain(telling))
}

#[cfg(test)]
mod tests {
    use emr_compiler::standard::Standards;

    use super::*;
    use crate::engine::Settings;

    const FIRST: &str = "MSH|^~\\&|a|b|c|d|1||ADT^A01|4|P|2.5||||||UNICODE UTF-8\rPID|1\r";

    /// Where what comes behind the first message goes.
    fn known(first: &str, next: &[u8]) -> Option<Sorted> {
        let alike = Alike::default();
        assert_eq!(alike.known(first.as_bytes()), None);
        let came = Came::read_header(first.as_bytes(), &Settings::new(None, None).unwrap(), &Standards::embedded());
        alike.note(first.as_bytes(), came.as_ref(), &Sorted::Routes(vec![2]));
        alike.known(next)
    }

    #[test]
    fn only_what_tells_the_way_is_compared() {
        let is_known = |text: &str| known(FIRST, text.as_bytes()).is_some();
        assert!(is_known(FIRST));
        assert!(is_known("MSH|^~\\&|x|y|||2|z|ADT^A01|5|P|2.5|||AL|||UNICODE UTF-8|\rPID|\u{e4}\r"));
        for other in [
            "MSH|^~\\&|a|b|c|d|1||ADT^A02|4|P|2.5||||||UNICODE UTF-8\rPID|1\r",
            "MSH|^~\\&|a|b|c|d|1||ADT^A01|4|T|2.5||||||UNICODE UTF-8\rPID|1\r",
            "MSH|^~\\&|a|b|c|d|1||ADT^A01|4|P|2.6||||||UNICODE UTF-8\rPID|1\r",
            "MSH|^~\\&|a|b|c|d|1||ADT^A01|4|P|2.5||||||\rPID|1\r",
            "MSH|^~\\&|a|b|c|d|1||ADT^A01|4|P|2.5\rPID|1\r",
            "MSH|^~\\$|a|b|c|d|1||ADT^A01|4|P|2.5||||||UNICODE UTF-8\rPID|1\r",
            "MSH$^~\\&$a$b$c$d$1$$ADT^A01$4$P$2.5$$$$$$UNICODE UTF-8\rPID$1\r",
            "\rMSH|^~\\&|a|b|c|d|1||ADT^A01|4|P|2.5||||||UNICODE UTF-8\rPID|1\r",
        ] {
            assert!(!is_known(other), "{other}");
        }
    }

    #[test]
    fn what_may_not_be_readable_is_looked_at() {
        let with = |charset: &str, rest: &[u8]| {
            let header = FIRST.replace("UNICODE UTF-8", charset);
            let next = [header.as_bytes(), rest].concat();
            known(&header, &next).is_some()
        };
        assert!(with("UNICODE UTF-8", b"PID|a\r") && !with("UNICODE UTF-8", b"PID|\xe4\r"));
        assert!(with("8859/1", b"PID|a\r") && !with("8859/1", b"PID|\xe4\r"));
        assert!(!with("ISO IR87", b"PID|\x1b$B\r"));
        // Nothing is known of what no header was read of.
        assert!(!with("NONE SUCH \u{e4}", b"PID|a\r"));
    }
}
