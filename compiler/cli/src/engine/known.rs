//! Which map took the last message: the next one of the same kind goes there too, without a closer look.

/// What of a message tells which map takes it, as it stood in the last one, and that map's number.
#[derive(Default)]
pub struct Known {
    delimiters: Vec<u8>,
    /// MSH-9 and MSH-12.
    kind: Vec<u8>,
    version: Vec<u8>,
    map: Option<usize>,
}

/// The parts of a header that are looked at.
struct Head<'m> {
    delimiters: &'m [u8],
    kind: &'m [u8],
    version: &'m [u8],
}

impl Known {
    /// The map of the last message, if this one is of the same kind. Where a header is anything but plain it is not.
    pub fn map(&self, bytes: &[u8]) -> Option<usize> {
        let map = self.map?;
        let head = Head::of(bytes)?;
        let same = head.delimiters == self.delimiters && head.kind == self.kind && head.version == self.version;
        same.then_some(map)
    }

    pub fn note(&mut self, bytes: &[u8], map: usize) {
        let Some(head) = Head::of(bytes) else { return };
        self.delimiters = head.delimiters.to_vec();
        self.kind = head.kind.to_vec();
        self.version = head.version.to_vec();
        self.map = Some(map);
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
