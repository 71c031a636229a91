//! What is known of a message beside its bytes: who took it in, when, and as the how-manieth. A stored input, so that a
//! replay gives the same.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::DateTime;
use crate::answers::Answers;
use crate::identity::{Digest, Origin};

/// The parts, by their names in the language: `receipt.received`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Part {
    /// When the message was taken in: an instant.
    Received,
    /// A UUID made of the message and its number.
    Id,
    /// Counted from 1.
    Sequence,
    /// The day on which it was taken in.
    Day,
    /// The feed that brought it.
    Feed,
    /// The name of the file that it stood in.
    File,
}

impl Part {
    /// In the order of their numbers, by which compiled code names them.
    pub const ALL: [Part; 6] = [Part::Received, Part::Id, Part::Sequence, Part::Day, Part::Feed, Part::File];

    pub fn name(self) -> &'static str {
        match self {
            Part::Received => "received",
            Part::Id => "id",
            Part::Sequence => "sequence",
            Part::Day => "day",
            Part::Feed => "feed",
            Part::File => "file",
        }
    }

    /// The type of FHIR that it has.
    pub fn kind(self) -> &'static str {
        match self {
            Part::Received => "instant",
            Part::Sequence => "positiveInt",
            Part::Day => "date",
            Part::Id | Part::Feed | Part::File => "string",
        }
    }

    /// Whether each receipt has it.
    pub fn is_sure(self) -> bool {
        !matches!(self, Part::Feed | Part::File)
    }
}

#[derive(Clone)]
pub struct Receipt {
    /// Shared: each message has a receipt of its own.
    received: Arc<str>,
    sequence: u32,
    feed: Option<Arc<str>>,
    file: Option<Arc<str>>,
    answers: Answers,
}

/// A time without an hour or without an offset: it could be any of several.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NoInstant;

impl Receipt {
    pub fn new(received: &DateTime) -> Result<Receipt, NoInstant> {
        let received = received.instant(None).map_err(|_| NoInstant)?;
        Ok(Receipt { received: received.into(), sequence: 1, feed: None, file: None, answers: Answers::default() })
    }

    /// The same for the message of that number.
    #[must_use]
    pub fn numbered(&self, sequence: u32) -> Receipt {
        Receipt { sequence, ..self.clone() }
    }

    #[must_use]
    pub fn of_feed(&self, feed: Arc<str>) -> Receipt {
        Receipt { feed: Some(feed), ..self.clone() }
    }

    /// The same for a message of a file of that name.
    #[must_use]
    pub fn of_file(&self, file: Option<Arc<str>>) -> Receipt {
        Receipt { file, ..self.clone() }
    }

    /// The same with what tables gave for the message that a running engine asks.
    #[must_use]
    pub fn answered(&self, answers: Answers) -> Receipt {
        Receipt { answers, ..self.clone() }
    }

    pub fn answers(&self) -> &Answers {
        &self.answers
    }

    /// When the message was taken in, as an instant of FHIR.
    pub fn received(&self) -> &str {
        &self.received
    }

    /// One part of it as a text, for the message of that digest.
    pub fn text(&self, part: Part, digest: impl FnOnce() -> Digest) -> Option<String> {
        Some(match part {
            Part::Received => self.received.as_ref().to_owned(),
            Part::Id => Origin::new("receipt", "").id(digest(), self.sequence).to_string(),
            Part::Sequence => self.sequence.to_string(),
            Part::Day => self.received.split('T').next().unwrap_or_default().to_owned(),
            Part::Feed => self.feed.as_deref()?.to_owned(),
            Part::File => self.file.as_deref()?.to_owned(),
        })
    }
}

/// That of tests, the same for each message: the first of a run at the beginning of the year 2000.
impl Default for Receipt {
    fn default() -> Self {
        let received = "2000-01-01T00:00:00+00:00".into();
        Receipt { received, sequence: 1, feed: None, file: None, answers: Answers::default() }
    }
}

impl std::fmt::Debug for Receipt {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Receipt({})", self.sequence)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_part_has_a_text() {
        let digest = || Digest::of_segments([b"MSH|".as_slice()]);
        let time = |text| DateTime::read(text).unwrap();
        let receipt = Receipt::new(&time("20260312083000.5+0100")).unwrap().numbered(7).of_file(Some("a.hl7".into()));
        let texts = Part::ALL.map(|part| receipt.text(part, digest).unwrap_or_default());
        insta::assert_snapshot!(texts.join(" "), @"2026-03-12T08:30:00.5+01:00 dd2e2768-2d3e-87c7-a87b-0b4709e39eaf 7 2026-03-12  a.hl7");
        assert_ne!(receipt.text(Part::Id, digest), receipt.numbered(8).text(Part::Id, digest));
        assert!(["20260312", "202603120830"].iter().all(|text| Receipt::new(&time(text)).is_err()));
    }
}
