//! A message that a mapping made to answer another one: turned to whoever asked, and saying which message it answers.

use super::Code;
use crate::header::Header;
use crate::{Charset, Delimiters};

/// MSA-1 and MSA-2 of an answer.
pub fn said(answer: &[u8]) -> Option<(&[u8], &[u8])> {
    let bar = Header::read(answer)?.delimiters.field;
    let lines = answer.split(|byte| matches!(byte, b'\r' | b'\n'));
    let mut fields = lines.map(|line| line.split(|byte| *byte == bar)).find_map(|mut line| {
        let name = line.next()?;
        (name == b"MSA").then_some(line)
    })?;
    Some((fields.next()?.trim_ascii(), fields.next().unwrap_or_default()))
}

/// The answer to the message with this header. MSA-2 is the number of that message, whatever the answer says; sender and
/// receiver (MSH-3 to MSH-6), MSH-11, MSH-12 and MSA-1 are filled in where it says nothing. Nothing if it is no message.
pub fn addressed(answer: &[u8], asked: &Header<'_>, code: Code) -> Option<Vec<u8>> {
    let own = Header::read(answer)?;
    let carried = |number| carried(asked.field(number), asked, &own);
    let bar = own.delimiters.field;
    let mut lines: Vec<Vec<u8>> = answer
        .split(|byte| matches!(byte, b'\r' | b'\n'))
        .filter(|line| !line.is_empty())
        .map(<[u8]>::to_vec)
        .collect();
    let head = lines.first_mut()?;
    for (number, from) in [(3, 5), (4, 6), (5, 3), (6, 4), (11, 11), (12, 12)] {
        if own.field(number).is_empty() {
            *head = with(head, bar, number - 1, &carried(from));
        }
    }
    let is =
        |line: &[u8], name: &[u8]| line.strip_prefix(name).is_some_and(|rest| rest.first().is_none_or(|b| *b == bar));
    let at = lines.iter().position(|line| is(line, b"MSA")).unwrap_or_else(|| {
        // Behind the header and what stands beside it in all structures.
        let at = lines.iter().position(|line| ![&b"MSH"[..], b"SFT", b"UAC"].iter().any(|name| is(line, name)));
        let at = at.unwrap_or(lines.len());
        lines.insert(at, b"MSA".to_vec());
        at
    });
    let line = lines.get_mut(at)?;
    if line.split(|byte| *byte == bar).nth(1).is_none_or(<[u8]>::is_empty) {
        *line = with(line, bar, 1, code.text().as_bytes());
    }
    *line = with(line, bar, 2, &carried(10));
    lines.push(Vec::new());
    Some(lines.join(&b'\r'))
}

/// A line with another value in the place of one, counted from 0 for its name.
fn with(line: &[u8], bar: u8, at: usize, value: &[u8]) -> Vec<u8> {
    let mut fields: Vec<&[u8]> = line.split(|byte| *byte == bar).collect();
    if fields.len() <= at {
        if value.is_empty() {
            return line.to_vec();
        }
        fields.resize(at + 1, b"");
    }
    if let Some(field) = fields.get_mut(at) {
        *field = value;
    }
    fields.join(&bar)
}

/// A field of one message as it stands in another: in the delimiters and the charset of that.
fn carried(field: &[u8], from: &Header<'_>, to: &Header<'_>) -> Vec<u8> {
    let field = if field.is_ascii() { field.to_vec() } else { in_charset(field, from, to) };
    let roles = |of: &Delimiters| [of.component, of.repetition, of.escape, of.subcomponent];
    let (own, other) = (roles(&to.delimiters), roles(&from.delimiters));
    if own == other && from.delimiters.field == to.delimiters.field {
        return field;
    }
    let mut out = Vec::with_capacity(field.len());
    for byte in field {
        match other.iter().position(|role| *role == Some(byte)) {
            Some(role) => out.extend(own.get(role).copied().flatten()),
            None => match escape(byte, to) {
                Some(letter) => out.extend(to.delimiters.escape.map(|e| [e, letter, e]).into_iter().flatten()),
                None => out.push(byte),
            },
        }
    }
    out
}

/// The letter of the escape sequence for a byte that divides (HL7 v2.5.1 §2.7.1).
fn escape(byte: u8, to: &Header<'_>) -> Option<u8> {
    let own = &to.delimiters;
    let all = [
        (Some(own.field), b'F'),
        (own.component, b'S'),
        (own.repetition, b'R'),
        (own.escape, b'E'),
        (own.subcomponent, b'T'),
    ];
    all.into_iter().find(|(role, _)| *role == Some(byte)).map(|(_, letter)| letter)
}

/// Text that the other charset lacks stays as its bytes are: nobody can say it better there.
fn in_charset(field: &[u8], from: &Header<'_>, to: &Header<'_>) -> Vec<u8> {
    let charset = |of: &Header<'_>| match of.component(18, 1) {
        b"" => Some(Charset::Utf8),
        name => Charset::named(&String::from_utf8_lossy(name)).ok(),
    };
    let told = || charset(to)?.encode(&charset(from)?.decode(field).ok()?);
    told().unwrap_or_else(|| field.to_vec())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answered(asked: &str, answer: &str) -> String {
        let asked = Header::read(asked.as_bytes()).unwrap();
        let answer = addressed(answer.as_bytes(), &asked, Code::Accept).unwrap();
        String::from_utf8(answer).unwrap().replace('\r', "\n")
    }

    const ASKED: &str = "MSH|^~\\&|DESK|H1|EMR|H2|2026||QBP^Q22^QBP_Q21|77|T|2.5\rQPD|x";

    #[test]
    fn an_answer_is_turned_to_whoever_asked() {
        let answer = "MSH|^~\\&|||||2026||RSP^K22^RSP_K22|e1||2.5.1\rSFT|emr\rQAK|1\r";
        let wanted = "MSH|^~\\&|EMR|H2|DESK|H1|2026||RSP^K22^RSP_K22|e1|T|2.5.1\nSFT|emr\nMSA|AA|77\nQAK|1\n";
        assert_eq!(answered(ASKED, answer), wanted);
        assert_eq!(said(wanted.replace('\n', "\r").as_bytes()), Some((&b"AA"[..], &b"77"[..])));
    }

    #[test]
    fn what_an_answer_says_stays_but_for_the_number_that_it_answers() {
        let answer = "MSH|^~\\&|MPI|X|Y|Z|2026||RSP^K22|e1|P|2.5.1\rMSA|AE|other|why\r";
        assert_eq!(answered(ASKED, answer), "MSH|^~\\&|MPI|X|Y|Z|2026||RSP^K22|e1|P|2.5.1\nMSA|AE|77|why\n");
    }

    #[test]
    fn other_delimiters_are_turned_into_those_of_the_answer() {
        let asked = "MSH$*~\\%$DESK*a^b$H%1$$$2026$$QBP*Q22$7|8$P$2.5";
        let answer = "MSH|^~\\&|||||||RSP^K22|e1|P|2.5.1\rMSA|AA\r";
        let wanted = "MSH|^~\\&|||DESK^a\\S\\b|H&1|||RSP^K22|e1|P|2.5.1\nMSA|AA|7\\F\\8\n";
        assert_eq!(answered(asked, answer), wanted);
    }

    #[test]
    fn the_charset_is_that_of_the_answer() {
        let asked = [&b"MSH|^~\\&|Z\xFCrich||||||QBP^Q22|7|P|2.5||||||8859/1\r"[..]].concat();
        let asked = Header::read(&asked).unwrap();
        let answer = addressed(b"MSH|^~\\&|||||||RSP^K22|e1|P|2.5.1\rMSA|AA\r", &asked, Code::Accept).unwrap();
        assert!(String::from_utf8(answer).unwrap().contains("|Z\u{fc}rich|"));
    }
}
