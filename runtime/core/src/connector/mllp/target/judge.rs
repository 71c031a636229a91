//! What answers are to come for a message, and what one means for its delivery.

use emr_message::answer::{self, Answer, Code};
use emr_message::header::Header;

use super::super::Mode;
use super::passing;
use crate::clock;
use crate::flow::retry::Failure;

/// Which answer decides of a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Awaited {
    /// None will come: the message asks for none.
    Nothing,
    /// The first.
    First,
    /// That of the application, behind the one that says that the message is stored.
    Application,
}

/// What a message says of its answers.
#[derive(Clone, Copy)]
pub(super) struct Sent<'m> {
    /// MSH-10
    pub control: &'m [u8],
    /// MSH-15
    accept: &'m [u8],
    /// MSH-16
    application: &'m [u8],
}

impl Sent<'_> {
    pub fn of(message: &[u8]) -> Sent<'_> {
        let fields = Header::read(message).map(|header| header.fields([10, 15, 16]));
        let [control, accept, application] = fields.unwrap_or_default();
        Sent { control, accept, application }
    }

    /// In the enhanced mode that of the application decides, unless MSH-15 and MSH-16 ask for less (HL7 v2.5.1 §2.9.3,
    /// HL7 table 0155). In the original one the first does: an application may answer a message that asks for two answers
    /// much later, or over another connection. What comes of errors alone cannot be waited for.
    pub fn awaited(&self, mode: Mode) -> Awaited {
        match (self.accept, self.application) {
            (b"", b"") | (_, b"AL") if mode == Mode::Enhanced => Awaited::Application,
            (b"", b"") | (b"AL" | b"SU", _) | (_, b"AL" | b"SU") => Awaited::First,
            _ => Awaited::Nothing,
        }
    }

    /// Whether it says itself which answers it wants.
    pub fn asks(&self) -> bool {
        !self.accept.is_empty() || !self.application.is_empty()
    }
}

/// What an answer says.
pub(super) struct Said<'a> {
    /// MSA-1, where it is a code of HL7 table 0008.
    pub code: Option<Code>,
    /// MSA-2
    of: &'a [u8],
    /// Whether the peer wants to hear that its answer has come.
    pub asks: bool,
}

/// # Errors
/// It is no answer.
pub(super) fn said(bytes: &[u8]) -> Result<Said<'_>, Failure> {
    let (code, of) = answer::reply::said(bytes).ok_or_else(|| passing("its answer has no MSA"))?;
    let asks = Header::read(bytes).is_some_and(|header| matches!(header.field(15), b"AL" | b"SU"));
    Ok(Said { code: Code::read(code), of, asks })
}

impl Said<'_> {
    /// MSA-2
    pub fn of(&self) -> &[u8] {
        self.of
    }

    pub fn is_of(&self, control: &[u8]) -> bool {
        self.of == control
    }

    /// Whether it is what the application says, and not that the message is stored.
    pub fn is_of_application(&self) -> bool {
        matches!(self.code, Some(Code::Accept | Code::Error | Code::Reject))
    }

    /// # Errors
    /// The message was not taken: AR and CR pass, AE and CE may.
    pub fn judged(&self, retry_on: &[String]) -> Result<(), Failure> {
        let Some(code) = self.code else { return Err(passing("its answer has a code that is not known")) };
        let is_asked = retry_on.iter().any(|asked| asked == code.text());
        let why = format!("it answers {}", code.text());
        match code {
            Code::Accept | Code::CommitAccept => Ok(()),
            Code::Error | Code::CommitError if !is_asked => Err(Failure::Doubtful(why)),
            _ => Err(Failure::Passing(why)),
        }
    }

    /// That the answer has come, as its sender asks to be told.
    pub fn acknowledged(&self, answer: &[u8]) -> Vec<u8> {
        let Some(header) = Header::read(answer) else { return Vec::new() };
        let now = clock::microseconds();
        let (id, time) = (clock::unique(now), clock::hl7(now));
        answer::write(&header, &Answer { code: Code::CommitAccept, problems: &[], id: &id, time: &time })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn judged(msa: &str, retry_on: &[&str]) -> Result<(), Failure> {
        let answer = format!("MSH|^~\\&|||||||ACK|9|P|2.5\r{msa}\r");
        let said = said(answer.as_bytes())?;
        assert!(said.is_of(b"7") != said.is_of(b"8"));
        said.judged(&retry_on.iter().map(ToString::to_string).collect::<Vec<_>>())
    }

    #[test]
    fn errors_are_doubted_and_rejections_pass() {
        assert_eq!(judged("MSA|AA|7", &[]), Ok(()));
        assert_eq!(judged("MSA|CA|8", &[]), Ok(()));
        assert_eq!(judged("MSA|AE|7", &[]), Err(Failure::Doubtful("it answers AE".into())));
        assert_eq!(judged("MSA|AE|7", &["AE"]), Err(Failure::Passing("it answers AE".into())));
        assert!(matches!(judged("MSA|AR|7", &[]), Err(Failure::Passing(_))));
        assert!(matches!(judged("MSA|XX|7", &[]), Err(Failure::Passing(_))));
        assert!(matches!(judged("ERR|7", &[]), Err(Failure::Passing(_))));
    }

    #[test]
    fn a_message_says_which_answer_decides() {
        let of = |accept: &str, application: &str, mode| {
            let message = format!("MSH|^~\\&|||||||ADT^A01|7|P|2.5|||{accept}|{application}\r");
            Sent::of(message.as_bytes()).awaited(mode)
        };
        assert_eq!(of("", "", Mode::Original), Awaited::First);
        assert_eq!(of("", "", Mode::Enhanced), Awaited::Application);
        for asks in ["AL", "NE"] {
            assert_eq!(of(asks, "AL", Mode::Original), Awaited::First);
            assert_eq!(of(asks, "AL", Mode::Enhanced), Awaited::Application);
        }
        for mode in [Mode::Original, Mode::Enhanced] {
            assert_eq!(of("AL", "NE", mode), Awaited::First);
            assert_eq!(of("AL", "ER", mode), Awaited::First);
            assert_eq!(of("NE", "SU", mode), Awaited::First);
            assert_eq!(of("NE", "NE", mode), Awaited::Nothing);
            assert_eq!(of("ER", "", mode), Awaited::Nothing);
        }
    }
}
