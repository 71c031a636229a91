//! What came of tests, for the terminal.

use std::io::{self, Write};
use std::path::Path;

use emr_compiler::testing::Golden;

use super::{Ran, golden};
use crate::style::{GREEN, PLAIN, RED, YELLOW};

pub fn ran(ran: &Ran, out: &mut impl Write) -> io::Result<()> {
    let Ran { path, name, .. } = ran;
    if ran.passed() {
        return writeln!(out, "ok {path}: {name}");
    }
    writeln!(out, "{RED}FAILED{PLAIN} {path}: {name}")?;
    for failure in &ran.failures {
        writeln!(out, "    {path}:{}: {}", failure.line, failure.why)?;
        diff(&failure.diff, out)?;
    }
    Ok(())
}

/// What was written to a file in place of what it had.
pub fn accepted(path: &Path, golden: &Golden, out: &mut impl Write) -> io::Result<()> {
    diff(&golden::diff(golden), out)?;
    writeln!(out, "    {YELLOW}accepted{PLAIN} {}", path.display())
}

fn diff(text: &str, out: &mut impl Write) -> io::Result<()> {
    for line in text.lines() {
        let (before, after) = match line.as_bytes().first() {
            Some(b'-') => (RED, PLAIN),
            Some(b'+') => (GREEN, PLAIN),
            _ => ("", ""),
        };
        writeln!(out, "    {before}{line}{after}")?;
    }
    Ok(())
}
