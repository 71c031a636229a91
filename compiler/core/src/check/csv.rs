//! Rows of a CSV file (RFC 4180), the first of which names the columns.
//!
//! What separates cells is the first of comma, semicolon and tab that stands between the names of the columns: spreadsheets
//! write what their country writes.

use super::rows::{self, Source};
use super::scope::Scope;
use super::suggest::nearest;
use crate::diagnostic::{Code, Diagnostic};
use crate::syntax::tree::At;
use std::sync::Arc;

pub(super) struct Sheet {
    name: String,
    columns: Vec<String>,
    pub rows: Vec<Line>,
}

/// A row, and the line of the file that it begins in.
pub(super) struct Line {
    pub number: u64,
    cells: csv::StringRecord,
}

impl Line {
    /// The text of a cell without the blanks around it; nothing if it is empty.
    pub fn cell(&self, column: usize) -> Option<&str> {
        self.cells.get(column).map(str::trim).filter(|text| !text.is_empty())
    }
}

/// The rows of the file that a source names.
pub(super) fn sheet(scope: &mut Scope, source: &Source) -> Option<Sheet> {
    let text: Arc<str> = rows::text(scope, source)?;
    match read(&text) {
        Ok((columns, rows)) => Some(Sheet { name: source.name.clone(), columns, rows }),
        Err((line, what)) => {
            let message = format!("line {line} of `{}` {what}", source.name);
            let diagnostic = Diagnostic::new(Code::UnreadableFile, source.at.clone(), message);
            scope.problem(
                diagnostic.help("the first line names the columns, each other line has a cell for each of them"),
            );
            None
        }
    }
}

type Read = (Vec<String>, Vec<Line>);

fn read(text: &str) -> Result<Read, (u64, String)> {
    // Spreadsheets put a mark of byte order before the text.
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let mut reader = csv::ReaderBuilder::new().delimiter(delimiter(text)).from_reader(text.as_bytes());
    let broken = |error: csv::Error| {
        let line = error.position().map_or(1, csv::Position::line);
        match error.kind() {
            csv::ErrorKind::UnequalLengths { expected_len, len, .. } => {
                (line, format!("has {len} cells, and there are {expected_len} columns"))
            }
            _ => (line, "is no row of a CSV file".to_owned()),
        }
    };
    let columns: Vec<String> = reader.headers().map_err(broken)?.iter().map(|name| name.trim().to_owned()).collect();
    let mut rows = Vec::new();
    for cells in reader.records() {
        let cells = cells.map_err(broken)?;
        // A spreadsheet may end with rows of nothing but separators.
        if cells.iter().any(|cell| !cell.trim().is_empty()) {
            rows.push(Line { number: cells.position().map_or(0, csv::Position::line), cells });
        }
    }
    Ok((columns, rows))
}

fn delimiter(text: &str) -> u8 {
    let mut quoted = false;
    let header = text.bytes().take_while(|byte| *byte != b'\n');
    let mut outside = header.filter(|byte| {
        quoted ^= *byte == b'"';
        !quoted
    });
    outside.find(|byte| matches!(byte, b',' | b';' | b'\t')).unwrap_or(b',')
}

impl Sheet {
    /// The number of a column that must be there.
    pub fn column(&self, scope: &mut Scope, name: &str, at: &At) -> Option<usize> {
        let found = self.optional(name);
        if found.is_none() {
            let message = format!("`{}` has no column `{name}`", self.name);
            let diagnostic = Diagnostic::new(Code::NoColumn, at.clone(), message);
            let known: Vec<&str> = self.columns.iter().map(String::as_str).collect();
            scope.problem(match nearest(name, known.iter().copied()) {
                Some(near) => diagnostic.help(format!("did you mean `{near}`?")),
                None => diagnostic.help(format!("its first line names `{}`", known.join("`, `"))),
            });
        }
        found
    }

    /// The number of a column that may be left out.
    pub fn optional(&self, name: &str) -> Option<usize> {
        self.columns.iter().position(|column| column == name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cells(text: &str) -> Vec<Vec<Option<String>>> {
        let (columns, rows) = read(text).unwrap_or_else(|(line, what)| panic!("line {line} {what}"));
        let cell = |row: &Line, column| row.cell(column).map(str::to_owned);
        rows.iter().map(|row| (0..columns.len()).map(|column| cell(row, column)).collect()).collect()
    }

    #[test]
    fn a_sheet_is_read_whatever_separates_its_cells() {
        let two = |a: &str, b: &str| vec![Some(a.to_owned()), Some(b.to_owned())];
        assert_eq!(cells("a,b\n1,2\n"), [two("1", "2")]);
        assert_eq!(cells("\u{feff}a;b\r\n1;\"2;\"\"3\"\r\n;\r\n"), [two("1", "2;\"3")]);
        assert_eq!(cells("\"a,x\"\tb\n 1 \t2,0"), [two("1", "2,0")]);
        assert_eq!(cells("a,b\n1,\n"), [vec![Some("1".to_owned()), None]]);
    }

    #[test]
    fn a_line_that_is_no_row_is_named() {
        let broken = read("a,b\n1,2\n1,2,3\n").err();
        assert_eq!(broken, Some((3, "has 3 cells, and there are 2 columns".to_owned())));
    }
}
