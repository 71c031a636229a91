//! Between the editor's words and ours; the only file that knows lines, columns and UTF-16.

use std::ops;

use emr_compiler::diagnostic::{Diagnostic as Problem, Severity};
use line_index::{LineIndex, TextSize, WideEncoding};
use serde_json::from_value;
use tower_lsp::jsonrpc::Request;
use tower_lsp::lsp_types::{
    Diagnostic, DiagnosticRelatedInformation, DiagnosticSeverity, DidChangeTextDocumentParams,
    DidCloseTextDocumentParams, DidOpenTextDocumentParams, Location, NumberOrString, Position, Range, Url,
};

use crate::world::{Document, Edit};

/// What a notification does to a document, if it is one that does.
pub fn edit(request: &Request) -> Option<Edit> {
    let params = || request.params().cloned();
    match request.method() {
        "textDocument/didOpen" => {
            let it = from_value::<DidOpenTextDocumentParams>(params()?).ok()?.text_document;
            Some(Edit { document: document(it.uri), version: it.version, text: Some(it.text) })
        }
        "textDocument/didChange" => {
            let it: DidChangeTextDocumentParams = from_value(params()?).ok()?;
            // We ask for whole texts, so that the last change is all of them.
            let last = it.content_changes.into_iter().last()?;
            let (uri, version) = (it.text_document.uri, it.text_document.version);
            Some(Edit { document: document(uri), version, text: Some(last.text) })
        }
        "textDocument/didClose" => {
            let it: DidCloseTextDocumentParams = from_value(params()?).ok()?;
            Some(Edit { document: document(it.text_document.uri), version: 0, text: None })
        }
        _ => None,
    }
}

/// The place of a document on the disk, if it has one.
fn document(uri: Url) -> Document {
    Document { path: uri.to_file_path().ok(), uri: uri.into() }
}

pub fn problems(uri: &Url, text: &str, problems: &[Problem]) -> Vec<Diagnostic> {
    let lines = LineIndex::new(text);
    problems.iter().map(|it| problem(uri, &lines, text, it)).collect()
}

fn problem(uri: &Url, lines: &LineIndex, text: &str, it: &Problem) -> Diagnostic {
    let help = it.help.iter().map(|help| format!("\nhelp: {help}"));
    let related = it.labels.iter().map(|label| DiagnosticRelatedInformation {
        location: Location::new(uri.clone(), range(lines, text, &label.at)),
        message: label.message.clone(),
    });
    Diagnostic {
        range: range(lines, text, &it.at),
        severity: Some(match it.severity() {
            Severity::Error => DiagnosticSeverity::ERROR,
            Severity::Warning => DiagnosticSeverity::WARNING,
        }),
        code: Some(NumberOrString::String(it.code.text().to_owned())),
        source: Some("emr".to_owned()),
        message: std::iter::once(it.message.clone()).chain(help).collect(),
        related_information: Some(related.collect()),
        ..Diagnostic::default()
    }
}

fn range(lines: &LineIndex, text: &str, at: &ops::Range<usize>) -> Range {
    Range::new(position(lines, text, at.start), position(lines, text, at.end))
}

/// A place outside the text is its end: an editor cannot show what is not there.
fn position(lines: &LineIndex, text: &str, at: usize) -> Position {
    let at = TextSize::try_from(text.floor_char_boundary(at)).unwrap_or_default();
    let place = lines.try_line_col(at).and_then(|it| lines.to_wide(WideEncoding::Utf16, it));
    place.map(|it| Position::new(it.line, it.col)).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;
    use emr_compiler::diagnostic::Code;

    #[test]
    fn columns_count_as_utf_16_does() {
        let text = "a\n// ü 𝄞 x\n";
        let at = text.find('x').unwrap();
        let uri = Url::parse("file:///a.emr").unwrap();
        let found = problems(&uri, text, &[Problem::new(Code::UnknownName, at..at + 1, "m").help("h")]);
        assert_eq!(found[0].range, Range::new(Position::new(1, 8), Position::new(1, 9)));
        assert_eq!(found[0].message, "m\nhelp: h");
        let outside = problems(&uri, text, &[Problem::new(Code::UnknownName, 900..901, "m")]);
        assert_eq!(outside[0].range.start, Position::new(2, 0));
    }
}
