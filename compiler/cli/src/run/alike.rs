//! Where the last messages of a feed went that were sorted by their headers alone: the next one whose header says the same
//! as that of one of them goes there too, without a closer look.

use std::sync::{Mutex, MutexGuard, PoisonError};

use emr_message::header::Header;
use emr_message::{Charset, notes};
use emr_runtime::flow::program::Sorted;

use super::came::Came;

/// The last messages that differ in what tells.
#[derive(Default)]
pub struct Alike(Mutex<Vec<Last>>);

struct Last {
    /// What tells of its header where it goes.
    telling: [Vec<u8>; TELLING.len() + 1],
    is_utf8: bool,
    sorted: Sorted,
}

/// The delimiters, kind, processing id, version and charset of MSH.
const TELLING: [usize; 5] = [2, 9, 11, 12, 18];

/// How many are kept: the senders of a feed say few different things.
const KEPT: usize = 8;

impl Alike {
    /// Where the last message that is like this one went. Where it is not sure that it can be read it is like none.
    pub fn known(&self, bytes: &[u8]) -> Option<Sorted> {
        let telling = telling(bytes)?;
        let lasts = self.lasts();
        let Last { is_utf8, sorted, .. } = lasts.iter().find(|last| last.telling == telling)?;
        let is_read = if *is_utf8 { notes::is_utf8(bytes) } else { notes::is_ascii_text(bytes) };
        is_read.then(|| sorted.clone())
    }

    /// Of what cannot be read, a header says nothing about the next.
    pub fn note(&self, bytes: &[u8], came: Option<&Came>, sorted: &Sorted) {
        if let Some((telling, Came::Message(message, ..))) = telling(bytes).zip(came) {
            let is_utf8 = message.encoding().charset == Charset::Utf8;
            let last = Last { telling: telling.map(<[u8]>::to_vec), is_utf8, sorted: sorted.clone() };
            let mut lasts = self.lasts();
            lasts.retain(|other| other.telling != last.telling);
            lasts.truncate(KEPT - 1);
            lasts.insert(0, last);
        }
    }

    /// Whoever panicked left them as they were.
    fn lasts(&self) -> MutexGuard<'_, Vec<Last>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The bar, and the fields that tell, of a message that begins with its header. One that is not there is empty.
fn telling(bytes: &[u8]) -> Option<[&[u8]; TELLING.len() + 1]> {
    let header = Header::read(bytes).filter(|_| bytes.starts_with(b"MSH"))?;
    let [delimiters, kind, processing, version, charset] = header.fields(TELLING);
    Some([header.field(1), delimiters, kind, processing, version, charset])
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
        went(&alike, first, 2);
        alike.known(next)
    }

    fn went(alike: &Alike, first: &str, route: usize) {
        let came = Came::read_header(first.as_bytes(), &Settings::new(None, None).unwrap(), &Standards::embedded());
        alike.note(first.as_bytes(), came.as_ref(), &Sorted::Routes(vec![route]));
    }

    #[test]
    fn several_senders_are_known_and_the_oldest_is_forgotten() {
        let alike = Alike::default();
        let from = |number: usize| FIRST.replace("^A01", &format!("^A{number:02}"));
        let known = |number: usize| alike.known(from(number).as_bytes());
        for number in 0..KEPT {
            went(&alike, &from(number), number);
        }
        for number in 0..KEPT {
            assert_eq!(known(number), Some(Sorted::Routes(vec![number])));
        }
        went(&alike, &from(3), 99);
        went(&alike, &from(KEPT), KEPT);
        assert_eq!((known(0), known(3)), (None, Some(Sorted::Routes(vec![99]))));
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
