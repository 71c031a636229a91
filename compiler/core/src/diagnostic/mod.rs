//! What the compiler says about text. One type for every stage.

mod article;
mod codes;
mod render;
mod sarif;

pub use article::a;
pub use codes::{Code, Severity};
pub use render::{Report, render, reports};
pub use sarif::sarif;

use std::ops::Range;

use serde::Serialize;

/// A problem of the text, or something worth knowing about it. Ranges are bytes of the file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Diagnostic {
    pub code: Code,
    /// One sentence in the analyst's words: lower case, no full stop, the user's text in backticks.
    pub message: String,
    pub at: Range<usize>,
    pub labels: Vec<Label>,
    /// What to do next.
    pub help: Option<String>,
    pub fix: Option<Fix>,
}

/// A place that has to do with it, and how. One that has the range of the diagnostic itself is written beside it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Label {
    pub at: Range<usize>,
    pub message: String,
}

/// The edit that repairs it: `text` in the place of what stands there now.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Fix {
    pub at: Range<usize>,
    pub text: String,
}

impl Diagnostic {
    pub fn new(code: Code, at: Range<usize>, message: impl Into<String>) -> Self {
        Self { code, message: message.into(), at, labels: Vec::new(), help: None, fix: None }
    }

    pub fn label(mut self, at: Range<usize>, message: impl Into<String>) -> Self {
        self.labels.push(Label { at, message: message.into() });
        self
    }

    pub fn help(mut self, help: impl Into<String>) -> Self {
        self.help = Some(help.into());
        self
    }

    pub fn fix(mut self, at: Range<usize>, text: impl Into<String>) -> Self {
        self.fix = Some(Fix { at, text: text.into() });
        self
    }

    pub fn severity(&self) -> Severity {
        self.code.severity()
    }

    /// The same, for text that stands `by` bytes further on.
    pub fn moved(mut self, by: usize) -> Self {
        let labels = self.labels.iter_mut().map(|label| &mut label.at);
        let fix = self.fix.iter_mut().map(|fix| &mut fix.at);
        for at in labels.chain(fix).chain([&mut self.at]) {
            *at = at.start + by..at.end + by;
        }
        self
    }
}

impl Fix {
    /// The text with the edit made; as it was where the range is none of the text.
    pub fn apply(&self, text: &str) -> String {
        match (text.get(..self.at.start), text.get(self.at.end..)) {
            (Some(before), Some(after)) => [before, &self.text, after].concat(),
            _ => text.to_owned(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_moves_keeps_its_parts_together() {
        let it = Diagnostic::new(Code::WrongPathSpelling, 2..9, "m").label(0..1, "l").fix(2..9, "f").moved(10);
        assert_eq!(it.at, 12..19);
        assert_eq!(it.labels, [Label { at: 10..11, message: "l".into() }]);
        assert_eq!(it.fix, Some(Fix { at: 12..19, text: "f".into() }));
    }

    #[test]
    fn a_fix_replaces_its_range_only() {
        let fix = Fix { at: 4..9, text: "PID-5".into() };
        assert_eq!(fix.apply("id: PID.5\n"), "id: PID-5\n");
        assert_eq!(fix.apply("id"), "id");
    }
}
