//! The header of a message as its bytes have it, for those who answer or sort messages that they do not read.

use crate::Delimiters;

/// The first line of a message. `Debug` is not given: it holds what a sender wrote.
#[derive(Clone)]
pub struct Header<'m> {
    pub delimiters: Delimiters,
    /// The line without its end.
    line: &'m [u8],
}

impl<'m> Header<'m> {
    /// That of bytes which begin with `MSH`, but for line ends, blanks and a byte order mark of UTF-8 before it.
    pub fn read(bytes: &'m [u8]) -> Option<Header<'m>> {
        let bytes = bytes.trim_ascii_start();
        let bytes = bytes.strip_prefix(b"\xEF\xBB\xBF").unwrap_or(bytes);
        let end = memchr::memchr2(b'\r', b'\n', bytes).unwrap_or(bytes.len());
        let line = bytes.get(..end).filter(|line| line.starts_with(b"MSH"))?;
        Some(Header { delimiters: Delimiters::read(line)?, line })
    }

    /// The line, from `MSH` to before its end.
    pub fn line(&self) -> &'m [u8] {
        self.line
    }

    /// A field by its number in the standard, MSH-1 and MSH-2 included; empty if it is not there.
    pub fn field(&self, number: usize) -> &'m [u8] {
        match number {
            0 => b"MSH",
            1 => self.line.get(3..4).unwrap_or_default(),
            _ => {
                let mut bars = memchr::memchr_iter(self.delimiters.field, self.line);
                let Some(before) = bars.nth(number - 2) else { return b"" };
                self.line.get(before + 1..bars.next().unwrap_or(self.line.len())).unwrap_or_default()
            }
        }
    }

    /// Several fields in one pass, by their numbers in rising order, from 2 on; empty where they are not there.
    pub fn fields<const N: usize>(&self, numbers: [usize; N]) -> [&'m [u8]; N] {
        let mut bars = memchr::memchr_iter(self.delimiters.field, self.line);
        // The bar before a field, by the number of the field.
        let (mut number, mut bar) = (2, bars.next());
        numbers.map(|wanted| {
            for _ in number..wanted {
                bar = bars.next();
            }
            number = wanted + 1;
            let Some(before) = bar else { return &b""[..] };
            bar = bars.next();
            self.line.get(before + 1..bar.unwrap_or(self.line.len())).unwrap_or_default()
        })
    }

    /// A component of a field's first repetition, from 1.
    pub fn component(&self, field: usize, number: usize) -> &'m [u8] {
        self.component_of(self.field(field), number)
    }

    pub(crate) fn component_of(&self, field: &'m [u8], number: usize) -> &'m [u8] {
        let is = |mark: Option<u8>| move |byte: &u8| mark == Some(*byte);
        let first = field.split(is(self.delimiters.repetition)).next().unwrap_or_default();
        first.split(is(self.delimiters.component)).nth(number.saturating_sub(1)).unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_have_the_numbers_of_the_standard() {
        let header = Header::read(b"\r\nMSH|^~\\&|LAB^1|H|E||2026||ORU^R01^ORU_R01|7|P|2.5.1\rPID|1").unwrap();
        assert_eq!(header.field(1), b"|");
        assert_eq!(header.field(2), b"^~\\&");
        assert_eq!(header.field(3), b"LAB^1");
        assert_eq!(header.component(3, 2), b"1");
        assert_eq!(header.component(9, 2), b"R01");
        assert_eq!(header.field(12), b"2.5.1");
        assert_eq!(header.field(13), b"");
        assert_eq!(header.component(13, 1), b"");
        assert_eq!(header.fields([3, 4, 9]), [3, 4, 9].map(|number| header.field(number)));
        assert_eq!(header.fields([2, 12, 13, 14]), [&b"^~\\&"[..], b"2.5.1", b"", b""]);
    }

    #[test]
    fn what_is_no_header_is_none() {
        for bytes in [&b""[..], b"MS", b"MSH", b"MSHA", b"PID|1\rMSH|^~\\&"] {
            assert!(Header::read(bytes).is_none());
        }
    }
}
