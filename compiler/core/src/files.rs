//! Files of rows that declarations name: `csv("codes/lab.csv")`, `conceptmap("marital.json")`.
//!
//! The text says which it needs, the reader of the project brings them.

use crate::syntax;
use crate::syntax::tree::{Argument, CodeTable, Declaration, Expr, ExprKind, Rows, TextPart, Word};
use std::sync::Arc;

/// What lies where a file should be.
#[derive(Clone, PartialEq, Eq)]
pub enum Content {
    Text(Arc<str>),
    Absent,
    /// It is there, and the system does not let it be read.
    Unreadable,
    /// It is not text in UTF-8, from that line on.
    NotText(usize),
    TooLarge,
}

impl std::fmt::Debug for Content {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Content::Text(text) => write!(f, "Text({} bytes)", text.len()),
            Content::Absent => write!(f, "Absent"),
            Content::Unreadable => write!(f, "Unreadable"),
            Content::NotText(line) => write!(f, "NotText({line})"),
            Content::TooLarge => write!(f, "TooLarge"),
        }
    }
}

/// The largest file of rows, in bytes.
pub const SIZE_MAX: u64 = 256 << 20;

/// What brings rows from a file.
pub const READERS: [&str; 2] = ["csv", "conceptmap"];

/// Where a file lies that a module names, seen from the root of the project: beside the module.
pub fn place(module: &str, name: &str) -> String {
    if name.starts_with('/') {
        return name.to_owned();
    }
    let mut parts: Vec<&str> = module.split('.').collect();
    parts.pop();
    for part in name.split('/') {
        match part {
            "" | "." => {}
            ".." if parts.last().is_some_and(|last| *last != "..") => {
                parts.pop();
            }
            part => parts.push(part),
        }
    }
    parts.join("/")
}

/// The names of the files that a module's declarations take rows from, in the order of the text.
pub fn named_in(text: &str) -> Vec<String> {
    if !READERS.iter().any(|reader| text.contains(reader)) {
        return Vec::new();
    }
    let items = syntax::items(text).into_iter().filter_map(|at| text.get(at));
    let items = items.filter(|item| READERS.iter().any(|reader| item.contains(reader)));
    items.filter_map(|item| Some(file_of(&syntax::item(item).item?.declaration)?.1)).collect()
}

fn file_of(declaration: &Declaration) -> Option<(Word, String)> {
    match declaration {
        Declaration::Codes(codes) => match &codes.table {
            CodeTable::From(from) => file(from),
            CodeTable::Arms(_) => None,
        },
        Declaration::Table(table) => match &table.rows {
            Rows::From { source, .. } => file(source),
            Rows::Arms(_) => None,
        },
        _ => None,
    }
}

/// The reader that a source calls, and the name of its file; nothing if it is another.
pub fn file(source: &Expr) -> Option<(Word, String)> {
    let ExprKind::Call { name, arguments, .. } = &*source.kind else { return None };
    let is_reader = READERS.contains(&name.text.as_str());
    let first = arguments.iter().find(|argument| argument.name.is_none()).and_then(plain)?;
    is_reader.then(|| (name.clone(), first))
}

/// The text that an argument is, if it is one without holes.
pub fn plain(argument: &Argument) -> Option<String> {
    match &*argument.value.kind {
        ExprKind::Raw(text) => Some(text.to_string()),
        ExprKind::Text(parts) => parts
            .iter()
            .map(|part| match part {
                TextPart::Plain(text) => Some(text.as_str()),
                TextPart::Hole(_) => None,
            })
            .collect(),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_lies_beside_its_module() {
        assert_eq!(place("main", "codes/lab.csv"), "codes/lab.csv");
        assert_eq!(place("hospital.adt", "lab.csv"), "hospital/lab.csv");
        assert_eq!(place("hospital.adt", "../shared/./lab.csv"), "shared/lab.csv");
        assert_eq!(place("main", "../../lab.csv"), "../../lab.csv");
        assert_eq!(place("main", "/srv/lab.csv"), "/srv/lab.csv");
    }

    #[test]
    fn declarations_name_their_files() {
        let text = "codes A = csv(\"a.csv\", to: \"x\")\nprivate codes B = conceptmap('b.json')\n\
                    table T(k: string) -> { v: string } = csv(\"t.csv\")\ncodes C = csv(\n// csv(\"no.csv\")\n";
        assert_eq!(named_in(text), ["a.csv", "b.json", "t.csv"]);
    }
}
