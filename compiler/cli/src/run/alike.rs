//! Where the last message of a feed went that was sorted by its header alone: the next one whose header says the same goes
//! there too, without a closer look.

use std::sync::{Mutex, PoisonError};

use emr_message::notes;
use emr_runtime::flow::program::Sorted;

/// What tells of a header where its message goes, as it stood in the last one, and where that went.
#[derive(Default)]
pub struct Alike(Mutex<Option<(Vec<Vec<u8>>, Sorted)>>);

/// The delimiters, MSH-9, MSH-11, MSH-12 and MSH-18, as places between bars.
const TELLING: [usize; 5] = [1, 8, 10, 11, 17];

impl Alike {
    /// Where the last message went, if this one is alike. Where a message is anything but plain it is not.
    pub fn known(&self, bytes: &[u8]) -> Option<Sorted> {
        let known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let (telling, sorted) = known.as_ref()?;
        let is_alike = notes::is_ascii_text(bytes) && self::telling(bytes)?.eq(telling.iter().map(Vec::as_slice));
        is_alike.then(|| sorted.clone())
    }

    /// Of what cannot be read, a header says nothing about the next.
    pub fn note(&self, bytes: &[u8], sorted: &Sorted) {
        if let Some(telling) = telling(bytes).filter(|_| !matches!(sorted, Sorted::Unreadable(_))) {
            let telling = telling.map(<[u8]>::to_vec).collect();
            *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Some((telling, sorted.clone()));
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
    use super::*;

    #[test]
    fn only_what_tells_the_way_is_compared() {
        let alike = Alike::default();
        let first = "MSH|^~\\&|a|b|c|d|1||ADT^A01|4|P|2.5||||||UTF-8\rPID|1\r";
        assert_eq!(alike.known(first.as_bytes()), None);
        alike.note(first.as_bytes(), &Sorted::Routes(vec![2]));
        let is_known = |text: &str| alike.known(text.as_bytes()) == Some(Sorted::Routes(vec![2]));
        assert!(is_known(first));
        assert!(is_known("MSH|^~\\&|x|y|||2|z|ADT^A01|5|P|2.5|||AL|||UTF-8|\rEVN|\r"));
        for other in [
            "MSH|^~\\&|a|b|c|d|1||ADT^A02|4|P|2.5||||||UTF-8\rPID|1\r",
            "MSH|^~\\&|a|b|c|d|1||ADT^A01|4|T|2.5||||||UTF-8\rPID|1\r",
            "MSH|^~\\&|a|b|c|d|1||ADT^A01|4|P|2.6||||||UTF-8\rPID|1\r",
            "MSH|^~\\&|a|b|c|d|1||ADT^A01|4|P|2.5||||||\rPID|1\r",
            "MSH|^~\\&|a|b|c|d|1||ADT^A01|4|P|2.5\rPID|1\r",
            "MSH|^~\\$|a|b|c|d|1||ADT^A01|4|P|2.5||||||UTF-8\rPID|1\r",
            "MSH$^~\\&$a$b$c$d$1$$ADT^A01$4$P$2.5$$$$$$UTF-8\rPID$1\r",
            "MSH|^~\\&|a|b|c|d|1||ADT^A01|4|P|2.5||||||UTF-8\rPID|\u{e4}\r",
            "MSH|^~\\&|a|b|c|d|1||ADT^A01|4|P|2.5||||||UTF-8\rPID|\u{1b}$B\r",
            "\rMSH|^~\\&|a|b|c|d|1||ADT^A01|4|P|2.5||||||UTF-8\rPID|1\r",
        ] {
            assert!(!is_known(other), "{other}");
        }
    }
}
