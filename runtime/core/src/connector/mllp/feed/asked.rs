//! Which answers a sender wants.

use emr_message::answer::Code;
use emr_message::header::Header;

use super::super::Mode;

/// Which answers a sender wants (HL7 v2.5.1 §2.9.2; MSH-15, MSH-16, HL7 table 0155).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Asked {
    pub is_enhanced: bool,
    /// That the message is stored.
    pub accept: bool,
    /// That it is not taken as it is: then nothing else is said of it.
    pub is_told_of_refusals: bool,
    application: Condition,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Condition {
    Always,
    Never,
    Error,
    Success,
}

impl Asked {
    pub fn of(message: &[u8], mode: Mode) -> Asked {
        let [accept, application] = Header::read(message).map(|header| header.fields([15, 16])).unwrap_or_default();
        if accept.is_empty() && application.is_empty() && mode == Mode::Original {
            let application = Condition::Always;
            return Asked { is_enhanced: false, accept: false, is_told_of_refusals: false, application };
        }
        let is_silent = accept.is_empty() && application.is_empty();
        let is_told_of_refusals = matches!(accept, b"AL" | b"ER") || is_silent;
        let accept = matches!(accept, b"AL" | b"SU") || is_silent;
        let application = match application {
            b"AL" => Condition::Always,
            b"ER" => Condition::Error,
            b"SU" => Condition::Success,
            _ => Condition::Never,
        };
        Asked { is_enhanced: true, accept, is_told_of_refusals, application }
    }

    pub fn application(self, code: Code) -> bool {
        match self.application {
            Condition::Always => true,
            Condition::Never => false,
            Condition::Error => code != Code::Accept,
            Condition::Success => code == Code::Accept,
        }
    }
}
