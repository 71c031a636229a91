//! Carries out the `test` blocks of the language: messages through maps, and what is expected of the output.
//!
//! Nothing here opens a file or runs a map: the caller does, and hands in what came of it.

mod check;
mod compute;
mod decimal;
mod differ;
mod equal;
mod evaluate;
mod message;
mod place;
mod route;
mod spell;
mod walk;

pub use check::{Scope, check};
pub use route::{Came, Comes, Routed, Taken};

use crate::check::typed;
use crate::syntax::tree::{self, At, Expect, Expected, ExprKind, Step, Test, Word};
use evaluate::Evaluator;
use smol_str::SmolStr;
use std::fmt;

/// Where a test finds what stands outside it.
pub trait Context {
    /// The bytes of a file that the test names, relative to the file that the test stands in. The error is one
    /// sentence for a person, without the file's name.
    fn file(&mut self, name: &str) -> Result<Vec<u8>, String>;

    /// The rows that a table has from here on which a running engine asks. The error says why it has none.
    fn given(&mut self, table: &Word, rows: &[tree::Arm]) -> Result<(), String>;

    /// What the maps, one after the other, make of one message, or what a route does of that name. The error says why they
    /// could not run at all; that a map refused the message is an [`Output`].
    fn through(&mut self, maps: &[Word], message: &[u8]) -> Result<Output, String>;

    /// Whether that is a route.
    fn is_route(&self, maps: &[Word]) -> bool;

    /// Whether that is a map of a reply that takes two: what was asked, and what was said of it.
    fn replies(&self, _maps: &[Word]) -> bool {
        false
    }

    /// What the map of a reply makes of the two. The error says why it could not run at all.
    fn reply(&mut self, _maps: &[Word], _asked: &[u8], _answer: &[u8]) -> Result<Output, String> {
        Err("it takes no two".to_owned())
    }

    /// What a constant that the test can name is worth; see [`crate::db::constant_of`].
    fn constant(&self, name: &str) -> Option<typed::Expr>;
}

/// What came of one message.
#[derive(Clone, PartialEq, Eq)]
pub struct Output {
    /// One; none or several where a map splits the message, and none where a route does not take it.
    pub results: Vec<Outcome>,
    /// The targets of the route that it went through, each of which got all that was made.
    pub sent: Vec<SmolStr>,
    pub issues: Vec<Issue>,
}

#[derive(Clone, PartialEq, Eq)]
pub enum Outcome {
    /// The bytes that the map wrote.
    Json(String),
    /// The message that the map made.
    Message(Vec<u8>),
    /// The text of the `reject` that refused the message.
    Rejected(String),
}

/// What a mapping said of a message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Issue {
    pub text: String,
    /// The place in the message, `OBX[3]-5`; empty where there is none.
    pub place: String,
}

/// What came of a test, a line for each expectation, in the order of the text.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Report {
    pub lines: Vec<Line>,
}

/// An expectation (or a step that could not be done) and why it does not hold.
#[derive(Clone, PartialEq, Eq)]
pub struct Line {
    /// Counted from the first byte of the item, as everywhere in the tree.
    pub at: At,
    /// One sentence. It may name values of the test's message: it is for the person who asked, not for a log.
    pub failure: Option<String>,
    /// Of a whole output that is not what a file says: both.
    pub golden: Option<Golden>,
}

/// An output, and the file that should have it.
#[derive(Clone, PartialEq, Eq)]
pub struct Golden {
    /// As the test names it.
    pub name: SmolStr,
    /// What the file has; nothing if there is none.
    pub file: Option<String>,
    /// What it should have: JSON, or a message with a line for each segment.
    pub output: String,
}

impl Report {
    pub fn passed(&self) -> bool {
        self.lines.iter().all(|line| line.failure.is_none())
    }

    pub fn failures(&self) -> impl Iterator<Item = (&At, &str)> {
        self.lines.iter().filter_map(|line| Some((&line.at, line.failure.as_deref()?)))
    }
}

/// Carries out the steps in order. A step that cannot be done is a failure, and what is expected of its output is then
/// left out of the report.
pub fn run(test: &Test, context: &mut dyn Context) -> Report {
    let mut running = Running {
        evaluator: Evaluator::new(context),
        messages: Ok(Vec::new()),
        broken: false,
        report: Report::default(),
    };
    for step in &test.steps {
        running.step(step);
    }
    running.unspoken_rejection(test);
    running.report
}

struct Running<'a> {
    evaluator: Evaluator<'a>,
    /// Those that no `through` has taken yet, unless one of them could not be read.
    messages: Result<Vec<Vec<u8>>, ()>,
    /// The last `through` could not be done.
    broken: bool,
    report: Report,
}

impl Running<'_> {
    fn step(&mut self, step: &Step) {
        match step {
            Step::InputText(text) => self.input(text.text.as_bytes().to_vec()),
            Step::InputFile(name) => match self.evaluator.context.file(&name.text) {
                Ok(bytes) => self.input(bytes),
                Err(why) => {
                    self.failed(&name.at, format!("the file \"{}\" cannot be read: {why}", name.text));
                    self.messages = Err(());
                }
            },
            Step::Given { table, rows } => {
                if let Err(why) = self.evaluator.context.given(table, rows) {
                    self.failed(&table.at, why);
                }
            }
            Step::Through(maps) => self.through(maps),
            Step::Let(_) | Step::Expect(_) if self.broken => {}
            Step::Let(it) => match self.evaluator.values(&it.value) {
                Ok(values) => self.evaluator.name(it.name.text.clone(), values),
                Err(why) => {
                    self.failed(&it.value.at, why);
                    self.evaluator.name(it.name.text.clone(), Vec::new());
                }
            },
            Step::Expect(it) => {
                let failure = self.expect(it).err();
                let golden = self.evaluator.golden.take().filter(|_| failure.is_some());
                self.report.lines.push(Line { at: it.at.clone(), failure, golden });
            }
        }
    }

    fn input(&mut self, message: Vec<u8>) {
        if let Ok(messages) = &mut self.messages {
            messages.push(message);
        }
    }

    /// Each message that waits goes through the maps; what came of those before is forgotten.
    fn through(&mut self, maps: &[Word]) {
        let Some(at) = span(maps) else { return };
        self.evaluator.ran(at.clone());
        let messages = std::mem::replace(&mut self.messages, Ok(Vec::new()));
        self.broken = messages.is_err();
        let Ok(messages) = messages else { return };
        if messages.is_empty() {
            self.broken = true;
            self.failed(&at, "there is no message to send through it: `input` brings one".to_owned());
        }
        self.evaluator.routed = self.evaluator.context.is_route(maps);
        let replies = self.evaluator.context.replies(maps);
        for messages in messages.chunks(if replies { 2 } else { 1 }) {
            let output = match messages {
                [asked, answer] => self.evaluator.context.reply(maps, asked, answer),
                [_] if replies => {
                    Err("it takes two, each from an `input`: what was asked, and what was said of it".to_owned())
                }
                messages => self.evaluator.context.through(maps, messages.first().map_or(&[], Vec::as_slice)),
            };
            if let Err(why) = output.and_then(|output| self.evaluator.take(output)) {
                self.broken = true;
                self.failed(&at, why);
            }
        }
    }

    fn expect(&mut self, expect: &Expect) -> Result<(), String> {
        if self.evaluator.run_at.is_none() {
            return Err("no message has gone through a map before it".to_owned());
        }
        match &expect.what {
            Expected::NoIssues => self.no_issues(),
            Expected::Issue { text, place } => {
                self.issue(text.as_ref(), place.as_ref().map(spell::path).unwrap_or_default())
            }
            Expected::Rejected(text) => self.rejected(text.as_ref()),
            Expected::That { condition, ignoring } => {
                // Of what a target got there may well be nothing.
                if !names_sent(condition) {
                    self.produced()?;
                }
                self.evaluator.ignoring = ignoring.clone();
                let verdict = self.evaluator.judge(condition)?;
                if verdict.holds { Ok(()) } else { Err(verdict.fact) }
            }
        }
    }

    fn no_issues(&self) -> Result<(), String> {
        self.produced()?;
        if self.evaluator.issues.is_empty() {
            return Ok(());
        }
        Err(format!("there are issues: {}", listed(&self.evaluator.issues)))
    }

    fn issue(&self, text: Option<&Word>, place: String) -> Result<(), String> {
        let text = text.map_or("", |text| text.text.as_str());
        let issues = &self.evaluator.issues;
        let (same_text, others): (Vec<_>, Vec<_>) = issues.iter().partition(|issue| issue.text.contains(text));
        if same_text.iter().any(|issue| place::within(&issue.place, &place)) {
            return Ok(());
        }
        let wanted = match (text, place.as_str()) {
            ("", "") => "no issue was raised".to_owned(),
            ("", place) => format!("no issue was raised at {place}"),
            (text, "") => format!("no issue says \"{text}\""),
            (text, place) => format!("no issue says \"{text}\" at {place}"),
        };
        let raised = if same_text.is_empty() { others } else { same_text };
        match raised.is_empty() {
            true if issues.is_empty() && wanted != "no issue was raised" => Err(format!("{wanted}; there are none")),
            true => Err(wanted),
            false => Err(format!("{wanted}; there is {}", listed(raised))),
        }
    }

    fn rejected(&self, text: Option<&Word>) -> Result<(), String> {
        let text = text.map_or("", |text| text.text.as_str());
        let rejections = &self.evaluator.rejections;
        if rejections.iter().any(|why| why.contains(text)) {
            return Ok(());
        }
        match rejections.first() {
            None => Err("the message was not rejected".to_owned()),
            Some(why) => Err(format!("the message was rejected with \"{why}\", which does not say \"{text}\"")),
        }
    }

    /// That there is an output to speak of.
    fn produced(&self) -> Result<(), String> {
        let evaluator = &self.evaluator;
        match evaluator.rejections.first() {
            Some(why) if evaluator.is_empty() => Err(format!("the message was rejected: \"{why}\"")),
            // A route may take nothing, and then there is nothing to be counted.
            None if evaluator.is_empty() && !evaluator.routed => Err("there is no output".to_owned()),
            _ => Ok(()),
        }
    }

    /// A message that was refused fails the test that has no word about it.
    fn unspoken_rejection(&mut self, test: &Test) {
        let spoken = |step: &Step| matches!(step, Step::Expect(Expect { what: Expected::Rejected(_), .. }));
        if test.steps.iter().any(spoken) || !self.report.passed() {
            return;
        }
        if let (Some(why), Some(at)) = (self.evaluator.rejections.first(), self.evaluator.run_at.clone()) {
            let why = format!("the message was rejected: \"{why}\"; say `expect rejected` if it should be");
            self.failed(&at, why);
        }
    }

    fn failed(&mut self, at: &At, why: String) {
        self.report.lines.push(Line { at: at.clone(), failure: Some(why), golden: None });
    }
}

fn span(words: &[Word]) -> Option<At> {
    Some(words.first()?.at.start..words.last()?.at.end)
}

fn listed<'a>(issues: impl IntoIterator<Item = &'a Issue>) -> String {
    let one = |issue: &Issue| match issue.place.as_str() {
        "" => format!("\"{}\"", issue.text),
        place => format!("\"{}\" at {place}", issue.text),
    };
    issues.into_iter().map(one).collect::<Vec<_>>().join(", ")
}

/// Whether a condition speaks of what targets got.
fn names_sent(expr: &tree::Expr) -> bool {
    match &*expr.kind {
        ExprKind::Path(path) => path.root.as_ref().is_some_and(|root| root.text == SENT),
        ExprKind::Binary(_, left, right) => names_sent(left) || names_sent(right),
        ExprKind::Call { arguments, .. } => arguments.iter().any(|argument| names_sent(&argument.value)),
        ExprKind::List { items, .. } => items.iter().any(names_sent),
        ExprKind::Prefix(_, value) | ExprKind::Is { value, .. } => names_sent(value),
        _ => false,
    }
}

/// `sent.ehr`: what the target `ehr` got.
const SENT: &str = "sent";

/// The name of a file in `file("golden.json")`.
fn file_name(call: &ExprKind) -> Option<SmolStr> {
    let ExprKind::Call { name, arguments, .. } = call else { return None };
    let argument = arguments.first().filter(|_| name.text == "file" && arguments.len() == 1)?;
    match &*argument.value.kind {
        ExprKind::Text(parts) => evaluate::plain(parts),
        ExprKind::Raw(text) => Some(text.clone()),
        _ => None,
    }
}

impl fmt::Debug for Output {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Output({:?}, {} issues)", self.results, self.issues.len())
    }
}

impl fmt::Debug for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Outcome::Json(text) => write!(f, "Json({} bytes)", text.len()),
            Outcome::Message(bytes) => write!(f, "Message({} bytes)", bytes.len()),
            Outcome::Rejected(_) => f.write_str("Rejected"),
        }
    }
}

impl fmt::Debug for Line {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let outcome = if self.failure.is_some() { "failed" } else { "ok" };
        write!(f, "Line({:?}, {outcome})", self.at)
    }
}

#[cfg(test)]
mod tests;
