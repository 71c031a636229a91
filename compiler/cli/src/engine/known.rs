//! Which maps took the last messages: the next one of the same kind goes there too, without a closer look.

/// The last kinds of messages.
#[derive(Default)]
pub struct Known(Vec<Last>);

/// What of a message tells which map takes it, as it stood there, and that map's number.
struct Last {
    delimiters: Vec<u8>,
    /// MSH-9 and MSH-12.
    kind: Vec<u8>,
    version: Vec<u8>,
    map: usize,
}

/// How many are kept: several senders take turns.
const KEPT: usize = 8;

/// The parts of a header that are looked at.
struct Head<'m> {
    delimiters: &'m [u8],
    kind: &'m [u8],
    version: &'m [u8],
}

impl Known {
    /// The map of the last message of the same kind. Where a header is anything but plain it is of none.
    pub fn map(&self, bytes: &[u8]) -> Option<usize> {
        if self.0.is_empty() {
            return None;
        }
        let head = Head::of(bytes)?;
        self.0.iter().find(|last| last.is_of(&head)).map(|last| last.map)
    }

    pub fn note(&mut self, bytes: &[u8], map: usize) {
        let Some(head) = Head::of(bytes) else { return };
        let [delimiters, kind, version] = [head.delimiters, head.kind, head.version].map(<[u8]>::to_vec);
        self.0.truncate(KEPT - 1);
        self.0.insert(0, Last { delimiters, kind, version, map });
    }
}

impl Last {
    fn is_of(&self, head: &Head<'_>) -> bool {
        head.delimiters == self.delimiters && head.kind == self.kind && head.version == self.version
    }
}

impl Head<'_> {
    /// Of a message that begins with its MSH, all of it up to MSH-12 printable ASCII: that means the same in every
    /// charset that a header can be read in.
    fn of(bytes: &[u8]) -> Option<Head<'_>> {
        let rest = bytes.strip_prefix(b"MSH")?;
        let separator = rest.first()?;
        // Field 0 is the empty one before the bar, field 1 is MSH-2.
        let mut fields = rest.split(|byte| byte == separator || *byte == b'\r' || *byte == b'\n');
        let delimiters = fields.nth(1)?;
        let kind = fields.nth(6)?;
        let version = fields.nth(2)?;
        let looked_at = version.as_ptr_range().end as usize - bytes.as_ptr() as usize;
        let plain = bytes.get(..looked_at)?.iter().all(|byte| matches!(byte, b' '..=b'~'));
        plain.then_some(Head { delimiters: rest.get(..delimiters.len() + 1)?, kind, version })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn is_same(first: &str, then: &str) -> bool {
        let mut known = Known::default();
        known.note(first.as_bytes(), 3);
        known.map(then.as_bytes()) == Some(3)
    }

    #[test]
    fn several_kinds_are_known_and_the_oldest_is_forgotten() {
        let mut known = Known::default();
        let message = |number: usize| format!("MSH|^~\\&|a|b|c|d|1||ADT^A{number:02}|4|P|2.5\rPID|1\r");
        for number in 0..=KEPT {
            known.note(message(number).as_bytes(), number);
        }
        assert_eq!(known.map(message(0).as_bytes()), None);
        for number in 1..=KEPT {
            assert_eq!(known.map(message(number).as_bytes()), Some(number));
        }
    }

    #[test]
    fn only_what_tells_the_map_is_compared() {
        let first = "MSH|^~\\&|a|b|c|d|1||ADT^A01|4|P|2.5\rPID|1\r";
        assert!(is_same(first, first));
        assert!(is_same(first, "MSH|^~\\&|x|y|||2|z|ADT^A01|5|T|2.5|||\rEVN|\r"));
        for other in [
            "MSH|^~\\&|a|b|c|d|1||ADT^A02|4|P|2.5\rPID|1\r",
            "MSH|^~\\&|a|b|c|d|1||ADT^A01|4|P|2.6\rPID|1\r",
            "MSH|^~\\$|a|b|c|d|1||ADT^A01|4|P|2.5\rPID|1\r",
            "MSH$^~\\&$a$b$c$d$1$$ADT^A01$4$P$2.5\rPID$1\r",
            "MSH|^~\\&|a|b|c|d|\u{e4}||ADT^A01|4|P|2.5\rPID|1\r",
            "MSH|^~\\&|a|b|c|d|1||ADT^A01|4\r|P|2.5\rPID|1\r",
            "MSH|^~\\&|a|b|c|d|1||ADT^A01|4|P\r",
            "\rMSH|^~\\&|a|b|c|d|1||ADT^A01|4|P|2.5\rPID|1\r",
        ] {
            assert!(!is_same(first, other), "{other}");
        }
    }
}
