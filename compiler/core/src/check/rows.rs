//! Where the rows of a table come from: a file that its declaration names.

use super::scope::Scope;
use super::suggest::nearest;
use crate::diagnostic::{Code, Diagnostic};
use crate::files::{self, Content};
use crate::syntax::tree::{Argument, At, Expr, ExprKind, Word};
use std::sync::Arc;

/// `csv("codes/lab.csv", code: "local")`
pub(super) struct Source<'t> {
    /// The name of the file, as it is written.
    pub name: String,
    /// Where that stands.
    pub at: At,
    options: Vec<(&'t Word, String, At)>,
}

/// The call that a source is, held to the options that its reader takes.
pub(super) fn source<'t>(scope: &mut Scope, written: &'t Expr, options: &[&str]) -> Option<Source<'t>> {
    let ExprKind::Call { name, arguments, .. } = &*written.kind else { return None };
    let mut unnamed = arguments.iter().filter(|argument| argument.name.is_none());
    let (Some(file), None) = (unnamed.next(), unnamed.next()) else {
        let message = format!("`{}` takes the name of one file", name.text);
        let diagnostic = Diagnostic::new(Code::WrongCall, written.at.clone(), message);
        scope.problem(diagnostic.help(format!("as in `{}(\"codes/lab.csv\")`", name.text)));
        return None;
    };
    let mut found = Source { name: said(scope, file)?, at: file.value.at.clone(), options: Vec::new() };
    for argument in arguments {
        let Some(option) = &argument.name else { continue };
        if !options.contains(&option.text.as_str()) {
            scope.problem(no_option(name, option, options));
            return None;
        }
        found.options.push((option, said(scope, argument)?, argument.value.at.clone()));
    }
    Some(found)
}

/// What an option says, and where.
impl Source<'_> {
    pub fn option(&self, name: &str) -> Option<(&str, &At)> {
        self.options.iter().find(|(option, ..)| option.text == name).map(|(_, text, at)| (text.as_str(), at))
    }
}

fn said(scope: &mut Scope, argument: &Argument) -> Option<String> {
    let text = files::plain(argument);
    if text.is_none() {
        scope.error(
            Code::WrongType,
            &argument.value.at,
            "this is a text without holes: it is known before any message",
        );
    }
    text
}

fn no_option(reader: &Word, option: &Word, known: &[&str]) -> Diagnostic {
    let message = format!("`{}` has no `{}` here", reader.text, option.text);
    let diagnostic = Diagnostic::new(Code::WrongCall, option.at.clone(), message);
    match nearest(&option.text, known.iter().copied()) {
        Some(near) => diagnostic.help(format!("did you mean `{near}`?")).fix(option.at.clone(), near),
        None if known.is_empty() => diagnostic.help("it takes the name of a file alone"),
        None => diagnostic.help(format!("it takes `{}`", known.join("`, `"))),
    }
}

/// The text of the file, or a word about what lies there instead.
pub(super) fn text(scope: &mut Scope, source: &Source) -> Option<Arc<str>> {
    let name = &source.name;
    let (code, message, help) = match scope.world.file(name) {
        Content::Text(text) => return Some(text),
        Content::Absent => (
            Code::FileNotThere,
            format!("there is no file `{name}`"),
            "a file is looked for beside the module that names it",
        ),
        Content::Unreadable => (
            Code::UnreadableFile,
            format!("`{name}` cannot be read"),
            "it is there, but the system does not let it be read",
        ),
        Content::NotText(line) => (
            Code::UnreadableFile,
            format!("`{name}` is not text in UTF-8, from line {line} on"),
            "save the file as UTF-8",
        ),
        Content::TooLarge => (
            Code::UnreadableFile,
            format!("`{name}` is larger than a table may be"),
            "a file of rows has at most 256 MiB",
        ),
    };
    scope.problem(Diagnostic::new(code, source.at.clone(), message).help(help));
    None
}

/// What is wrong with the rows of one file: the first few are shown, the others counted.
#[derive(Default)]
pub(super) struct Findings {
    found: Vec<(Code, String)>,
    more: usize,
}

/// How many are shown of each file.
const SHOWN_MAX: usize = 5;

impl Findings {
    pub fn add(&mut self, code: Code, message: String) {
        if self.found.len() < SHOWN_MAX {
            self.found.push((code, message));
        } else {
            self.more += 1;
        }
    }

    /// Says them where the file is named.
    pub fn tell(self, scope: &mut Scope, at: &At) {
        let more = match self.more {
            0 => String::new(),
            1 => "; one row more is wrong".to_owned(),
            more => format!("; {more} rows more are wrong"),
        };
        let last = self.found.len().saturating_sub(1);
        for (index, (code, message)) in self.found.into_iter().enumerate() {
            let more = if index == last { more.as_str() } else { "" };
            scope.error(code, at, message + more);
        }
    }
}
