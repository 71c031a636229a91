//! Acknowledgments: what a sender is told of its message (HL7 v2.5.1 §2.9.2, §2.13.1).
//!
//! An answer is written in the sender's delimiters, charset and version, and turned around: who received it sends it. It
//! never holds a value of the message but those of its header.

pub mod reply;

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::header::Header;
use crate::{Charset, escape};

/// What is said of a message, of HL7 table 0008.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Code {
    /// It was taken and is done.
    Accept,
    /// Its content is wrong.
    Error,
    /// It is not served here.
    Reject,
    /// It is stored; what becomes of it is told later.
    CommitAccept,
    CommitError,
    CommitReject,
}

impl Code {
    pub fn text(self) -> &'static str {
        match self {
            Code::Accept => "AA",
            Code::Error => "AE",
            Code::Reject => "AR",
            Code::CommitAccept => "CA",
            Code::CommitError => "CE",
            Code::CommitReject => "CR",
        }
    }

    /// What MSA-1 says.
    pub fn read(text: &[u8]) -> Option<Code> {
        let all = [Code::Accept, Code::Error, Code::Reject, Code::CommitAccept, Code::CommitError, Code::CommitReject];
        all.into_iter().find(|code| code.text().as_bytes() == text)
    }
}

/// What is wrong, of HL7 table 0357.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Wrong {
    SegmentSequence,
    RequiredFieldMissing,
    DataType,
    TableValueNotFound,
    ValueTooLong,
    MessageType,
    EventCode,
    ProcessingId,
    Version,
    Internal,
}

impl Wrong {
    pub fn code(self) -> u16 {
        match self {
            Wrong::SegmentSequence => 100,
            Wrong::RequiredFieldMissing => 101,
            Wrong::DataType => 102,
            Wrong::TableValueNotFound => 103,
            Wrong::ValueTooLong => 104,
            Wrong::MessageType => 200,
            Wrong::EventCode => 201,
            Wrong::ProcessingId => 202,
            Wrong::Version => 203,
            Wrong::Internal => 207,
        }
    }

    /// The table's own words.
    pub fn text(self) -> &'static str {
        match self {
            Wrong::SegmentSequence => "Segment sequence error",
            Wrong::RequiredFieldMissing => "Required field missing",
            Wrong::DataType => "Data type error",
            Wrong::TableValueNotFound => "Table value not found",
            Wrong::ValueTooLong => "Value too long",
            Wrong::MessageType => "Unsupported message type",
            Wrong::EventCode => "Unsupported event code",
            Wrong::ProcessingId => "Unsupported processing id",
            Wrong::Version => "Unsupported version id",
            Wrong::Internal => "Application internal error",
        }
    }
}

/// One thing that is wrong, and where.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    pub wrong: Wrong,
    pub at: Option<At>,
    /// What a map says of it, in its own words, which hold no value.
    pub said: Option<Arc<str>>,
}

impl Problem {
    pub fn new(wrong: Wrong, at: Option<At>) -> Problem {
        Problem { wrong, at, said: None }
    }

    /// The sender waits for what somebody else says, who says nothing that can be told.
    pub fn unanswered() -> Problem {
        Problem { said: Some("there is no answer to it now".into()), ..Problem::new(Wrong::Internal, None) }
    }

    /// In the words of a map, or else in those of the table.
    pub fn text(&self) -> &str {
        self.said.as_deref().unwrap_or_else(|| self.wrong.text())
    }
}

/// A place in a message: numbers from 1, 0 where it is not so narrow.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct At {
    pub segment: [u8; 3],
    /// The how-manieth of its name.
    pub sequence: u32,
    pub field: u16,
    pub repetition: u32,
    pub component: u16,
}

/// What of an answer its receiver decides.
pub struct Answer<'a> {
    pub code: Code,
    pub problems: &'a [Problem],
    /// MSH-10 of the answer, unique for its sender.
    pub id: &'a str,
    /// MSH-7 of the answer, `20261129121500+0000`.
    pub time: &'a str,
}

/// The answer to the message with this header, lines ended by CR.
pub fn write(header: &Header<'_>, answer: &Answer<'_>) -> Vec<u8> {
    let mut out = Writer::new(header);
    let asked = Asked::of(header);
    out.header(&asked, answer);
    let is_old = is_older(asked.version, b"2.5");
    // MSA-3 is the only place for words there, and later versions have it no more.
    let said = answer.problems.iter().find_map(|problem| problem.said.as_deref()).filter(|_| is_old);
    let said = said.map(|said| words(header, said)).unwrap_or_default();
    out.line(b"MSA", &[answer.code.text().as_bytes(), asked.id, &said]);
    for problem in answer.problems {
        if is_old {
            out.error_location(problem);
        } else {
            let said = problem.said.as_deref().map(|said| words(header, said)).unwrap_or_default();
            out.error(problem, &said);
        }
    }
    out.bytes
}

/// Whether a version is below another: `2.3.1` is below `2.5`. An empty or strange one is taken for a new one.
fn is_older(version: &[u8], than: &[u8]) -> bool {
    let end = version.iter().position(|byte| !byte.is_ascii_digit() && *byte != b'.').unwrap_or(version.len());
    let version = version.get(..end).unwrap_or_default();
    version.starts_with(b"2") && version < than
}

/// Words in the sender's delimiters and charset; `?` stands for a character that it lacks.
fn words(header: &Header<'_>, said: &str) -> Vec<u8> {
    let said = escape::encode(&escape::clean(said), &header.delimiters);
    let charset = Charset::named(&String::from_utf8_lossy(header.component(18, 1)));
    // The rest of the answer is written byte by byte.
    let charset = charset.ok().filter(|charset| !matches!(charset, Charset::Utf16Le | Charset::Utf16Be));
    let encoded = charset.and_then(|charset| charset.encode(&said));
    encoded.unwrap_or_else(|| said.chars().map(|c| u8::try_from(c).ok().filter(u8::is_ascii).unwrap_or(b'?')).collect())
}

/// What of a header its answer repeats.
struct Asked<'m> {
    delimiters: &'m [u8],
    /// MSH-3 and MSH-4, MSH-5 and MSH-6.
    from: [&'m [u8]; 2],
    to: [&'m [u8]; 2],
    /// MSH-9.2.
    event: &'m [u8],
    id: &'m [u8],
    processing: &'m [u8],
    version: &'m [u8],
    charset: &'m [u8],
}

impl<'m> Asked<'m> {
    fn of(header: &Header<'m>) -> Asked<'m> {
        let [delimiters, application, facility, to_application, to_facility, kind, id, processing, version, charset] =
            header.fields([2, 3, 4, 5, 6, 9, 10, 11, 12, 18]);
        Asked {
            delimiters,
            from: [application, facility],
            to: [to_application, to_facility],
            event: header.component_of(kind, 2),
            id,
            processing,
            version,
            charset,
        }
    }
}

struct Writer {
    bytes: Vec<u8>,
    field: u8,
    component: u8,
    subcomponent: u8,
}

impl Writer {
    fn new(header: &Header<'_>) -> Writer {
        let own = header.delimiters;
        Writer {
            bytes: Vec::with_capacity(256),
            field: own.field,
            component: own.component.unwrap_or(b'^'),
            subcomponent: own.subcomponent.unwrap_or(b'&'),
        }
    }

    fn header(&mut self, asked: &Asked<'_>, answer: &Answer<'_>) {
        let kind = self.kind(asked);
        let fields: [&[u8]; 17] = [
            if asked.delimiters.is_empty() { b"^~\\&" } else { asked.delimiters },
            asked.to[0],
            asked.to[1],
            asked.from[0],
            asked.from[1],
            answer.time.as_bytes(),
            b"",
            &kind,
            answer.id.as_bytes(),
            asked.processing,
            asked.version,
            b"",
            b"",
            b"",
            b"",
            b"",
            asked.charset,
        ];
        self.line(b"MSH", &fields);
    }

    /// MSH-9: the structure is told since v2.3.1, the event since the first.
    fn kind(&self, asked: &Asked<'_>) -> Vec<u8> {
        let mut kind = b"ACK".to_vec();
        if !asked.event.is_empty() {
            kind.push(self.component);
            kind.extend(asked.event);
            if !is_older(asked.version, b"2.3.1") {
                kind.push(self.component);
                kind.extend(b"ACK");
            }
        }
        kind
    }

    /// ERR since v2.5: ERR-2 location (ERL), ERR-3 code, ERR-4 severity, ERR-8 for whoever reads it (§2.15.5).
    fn error(&mut self, problem: &Problem, said: &[u8]) {
        let place = problem.at.as_ref().map(|at| self.place(at)).unwrap_or_default();
        let code = self.coded(problem.wrong, self.component);
        self.line(b"ERR", &[b"", &place, &code, b"E", b"", b"", b"", said]);
    }

    /// ERR before v2.5: ERR-1 is segment, sequence, field and the code in subcomponents (ELD).
    fn error_location(&mut self, problem: &Problem) {
        let code = self.coded(problem.wrong, self.subcomponent);
        let mut parts = match &problem.at {
            Some(at) => vec![at.segment.to_vec(), number(at.sequence), number(at.field.into())],
            None => vec![Vec::new(); 3],
        };
        parts.push(code);
        let joined = parts.join(&self.component);
        self.line(b"ERR", &[&joined]);
    }

    fn place(&self, at: &At) -> Vec<u8> {
        let numbers = [at.sequence, at.field.into(), at.repetition, at.component.into()];
        let mut parts = vec![at.segment.to_vec()];
        parts.extend(numbers.into_iter().map(number));
        while parts.last().is_some_and(Vec::is_empty) {
            parts.pop();
        }
        parts.join(&self.component)
    }

    fn coded(&self, wrong: Wrong, between: u8) -> Vec<u8> {
        [wrong.code().to_string().as_bytes(), wrong.text().as_bytes(), b"HL70357"].join(&between)
    }

    /// A segment, without the empty fields at its end.
    fn line(&mut self, name: &[u8; 3], fields: &[&[u8]]) {
        let last = fields.iter().rposition(|field| !field.is_empty()).map_or(0, |last| last + 1);
        self.bytes.extend(name);
        for field in fields.get(..last).unwrap_or_default() {
            self.bytes.push(self.field);
            self.bytes.extend(*field);
        }
        self.bytes.push(b'\r');
    }
}

/// Nothing for 0.
fn number(number: u32) -> Vec<u8> {
    if number == 0 { Vec::new() } else { number.to_string().into_bytes() }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answered(message: &str, code: Code, problems: &[Problem]) -> String {
        let header = Header::read(message.as_bytes()).unwrap();
        let answer = Answer { code, problems, id: "e1", time: "20261129" };
        String::from_utf8(write(&header, &answer)).unwrap().replace('\r', "\n")
    }

    fn wrong_birth_date() -> Problem {
        let at = At { segment: *b"PID", sequence: 1, field: 7, repetition: 0, component: 0 };
        Problem::new(Wrong::DataType, Some(at))
    }

    #[test]
    fn a_map_says_it_in_its_own_words() {
        let said = Problem { said: Some("a date, or | none: für uns".into()), ..wrong_birth_date() };
        let new =
            answered("MSH|^~\\&|A||||||ADT^A01|1|P|2.5||||||UNICODE UTF-8", Code::Error, std::slice::from_ref(&said));
        assert!(
            new.ends_with("ERR||PID^1^7|102^Data type error^HL70357|E||||a date, or \\F\\ none: für uns\n"),
            "{new}"
        );
        let old = answered("MSH|^~\\&|A||||||ADT^A01|1|P|2.3||||||ASCII", Code::Error, &[said]);
        assert!(old.contains("\nMSA|AE|1|a date, or \\F\\ none: f?r uns\nERR|PID^1^7^102&"), "{old}");
    }

    #[test]
    fn an_answer_is_turned_around() {
        let message = "MSH|^~\\&|LAB|H1|EMR|H2|2026||ORU^R01^ORU_R01|77|P|2.5.1|||||CHE|UNICODE UTF-8\rPID|1";
        assert_eq!(
            answered(message, Code::Accept, &[]),
            "MSH|^~\\&|EMR|H2|LAB|H1|20261129||ACK^R01^ACK|e1|P|2.5.1||||||UNICODE UTF-8\nMSA|AA|77\n"
        );
    }

    #[test]
    fn errors_are_told_as_the_version_has_them() {
        let new = answered("MSH|^~\\&|A||||||ADT^A01|1|P|2.5", Code::Error, &[wrong_birth_date()]);
        assert!(new.ends_with("MSA|AE|1\nERR||PID^1^7|102^Data type error^HL70357|E\n"), "{new}");
        let old = answered("MSH|^~\\&|A||||||ADT^A01|1|P|2.3", Code::Error, &[wrong_birth_date()]);
        assert!(old.contains("|ACK^A01|e1|P|2.3\n"), "{old}");
        assert!(old.ends_with("ERR|PID^1^7^102&Data type error&HL70357\n"), "{old}");
    }

    #[test]
    fn the_senders_delimiters_are_kept() {
        let message = "MSH$*~\\%$A$$$$$$ADT*A01$9$P$2.6";
        let rejected = answered(message, Code::Reject, &[Problem::new(Wrong::MessageType, None)]);
        assert_eq!(
            rejected,
            "MSH$*~\\%$$$A$$20261129$$ACK*A01*ACK$e1$P$2.6\nMSA$AR$9\nERR$$$200*Unsupported message type*HL70357$E\n"
        );
    }
}
