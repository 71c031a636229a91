//! Writes a file as all files are written: `emr fmt`. There is nothing to choose.
//!
//! - Lines stay lines: a value goes on where its author broke it. One rule stands on a line, four blanks in from what
//!   it belongs to. A block that stood on one line stays there while it fits into 120 columns.
//! - What stands below each other is aligned: values behind the colons of neighbouring rules, `=` of `let`s, `=>` of
//!   arms, the columns of a profile and a segment, comments at the ends of lines. A blank line, and a rule that takes
//!   more than one line, ends such a group; a long target takes no part in it.
//! - A value that goes on below stands where it began, everything else four blanks in.
//! - At most one blank line stays. Comments and texts stay as they are, and so does an item that cannot be read.

mod align;
mod layout;
mod piece;
mod space;

use super::cst;
use crate::diagnostic::Diagnostic;

/// A file as it should be written, and what of it could not be read and was left as it was.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Formatted {
    pub text: String,
    /// Ranges count from the first byte of the file.
    pub problems: Vec<Diagnostic>,
}

pub fn format(text: &str) -> Formatted {
    let problems = super::items(text).into_iter().flat_map(|at| {
        let problems = super::item(text.get(at.clone()).unwrap_or_default()).problems;
        problems.into_iter().map(move |problem| problem.moved(at.start))
    });
    let pieces = piece::pieces(&cst::file(text));
    let line_end = if text.contains("\r\n") { "\r\n" } else { "\n" };
    Formatted { text: layout::print(&pieces, line_end), problems: problems.collect() }
}
