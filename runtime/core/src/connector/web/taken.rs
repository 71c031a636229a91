//! What becomes of a message that was posted, as its sender is told.

use std::time::Duration;

use emr_message::answer::{Problem, Wrong};
use hyper::StatusCode;
use hyper::header::HeaderValue;
use tokio::time::{Instant, timeout, timeout_at};

use super::outcome::{Issue, RECEIPT, Reply};
use crate::flow::intake::{HELD, Intake, Sent, When};
use crate::flow::program::Made;
use crate::flow::seen::{Answer, Progress, Verdict};
use crate::journal::fs::Disk;

/// A message that is in the journal.
pub struct Taken {
    /// What it is called outside: `adt-12`.
    pub receipt: String,
    pub verdict: Verdict,
    /// Its targets, or its maps, have yet to take it.
    pub is_under_way: bool,
    /// What its sender gets of what a target says.
    pub reply: Option<Made>,
}

/// Takes a message in and waits for what is to be said of it. Nothing if that cannot be said now: its sender is to send it
/// again. `patience` is how long the answers of targets are waited for.
pub async fn take(intake: &Intake<Disk>, sent: Sent, patience: Duration) -> Option<Taken> {
    let answer = timeout(HELD, intake.take(sent)).await.ok()??;
    told(intake, answer, Instant::now() + patience).await
}

/// The same for several of one sender, which hears of all at once: of none if one is to be sent again. Those that are in the
/// journal are known then.
pub async fn take_all(intake: &Intake<Disk>, all: Vec<Sent>, patience: Duration) -> Option<Vec<Taken>> {
    let mut answers = Vec::with_capacity(all.len());
    for sent in all {
        answers.push(timeout(HELD, intake.take(sent)).await.ok()??);
    }
    let end = Instant::now() + patience;
    let mut taken = Vec::with_capacity(answers.len());
    for answer in answers {
        taken.push(told(intake, answer, end).await.filter(|taken| taken.verdict != Verdict::Later)?);
    }
    Some(taken)
}

async fn told(intake: &Intake<Disk>, mut answer: Answer, end: Instant) -> Option<Taken> {
    let _ = timeout_at(end, answer.verdict()).await;
    let Progress { number, verdict, .. } = answer.progress();
    // As long as a map may still refuse it, it has no number, and nothing is promised.
    let receipt = intake.called(number?);
    let is_under_way = verdict.is_none() || intake.version().settings.answer == When::Stored;
    let (verdict, reply) = intake.told(verdict.unwrap_or(Verdict::Good)).await;
    Some(Taken { receipt, verdict, is_under_way, reply })
}

impl Taken {
    /// The status where all is well is `done`, unless it is yet to be done.
    pub fn status(&self, done: StatusCode) -> StatusCode {
        match &self.verdict {
            Verdict::Good if self.is_under_way => StatusCode::ACCEPTED,
            Verdict::Good | Verdict::Replied(_) => done,
            Verdict::Unanswered => StatusCode::BAD_GATEWAY,
            Verdict::Unreadable(_) => StatusCode::BAD_REQUEST,
            Verdict::Wrong(_) | Verdict::NotServed(_) => StatusCode::UNPROCESSABLE_ENTITY,
            Verdict::Later => StatusCode::SERVICE_UNAVAILABLE,
        }
    }

    /// What is wrong with it, if anything is.
    pub fn problem(&self) -> Option<Problem> {
        self.verdict.problem()
    }

    /// The same, in the words of FHIR.
    pub fn issue(&self) -> Option<Issue> {
        let problem = self.problem()?;
        Some(Issue::of(code(problem.wrong), &problem))
    }

    /// The answer with the name of the receipt.
    pub fn named(&self, mut reply: Reply) -> Reply {
        if let Ok(receipt) = HeaderValue::from_str(&self.receipt) {
            reply.headers_mut().insert(RECEIPT, receipt);
        }
        reply
    }
}

/// Of FHIR's code system `issue-type`.
fn code(wrong: Wrong) -> &'static str {
    match wrong {
        Wrong::SegmentSequence => "structure",
        Wrong::RequiredFieldMissing => "required",
        Wrong::DataType => "value",
        Wrong::TableValueNotFound => "code-invalid",
        Wrong::ValueTooLong => "too-long",
        Wrong::MessageType | Wrong::EventCode | Wrong::ProcessingId | Wrong::Version => "not-supported",
        Wrong::Internal => "processing",
    }
}
