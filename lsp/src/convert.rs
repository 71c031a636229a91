//! Between the editor's words and ours; the only file that knows lines, columns and UTF-16.

use std::collections::HashMap;
use std::ops;
use std::path::Path;

use emr_compiler::diagnostic::{Diagnostic as Problem, Fix, Severity};
use line_index::{LineIndex, TextSize, WideEncoding};
use serde_json::{from_value, to_value};
use tower_lsp::jsonrpc::Request;
use tower_lsp::lsp_types::{
    CodeAction, CodeActionKind, CodeActionOrCommand, CodeActionParams, Diagnostic, DiagnosticRelatedInformation,
    DiagnosticSeverity, DidChangeTextDocumentParams, DidChangeWatchedFilesParams, DidCloseTextDocumentParams,
    DidOpenTextDocumentParams, DidSaveTextDocumentParams, Location, NumberOrString, Position, Range, TextEdit, Url,
    WorkspaceEdit,
};

use crate::world::{Document, Edit, Told};

/// What a notification tells of documents and files, if it is one that does.
pub fn told(request: &Request) -> Vec<Told> {
    let params = || request.params().cloned();
    let files = match request.method() {
        "textDocument/didSave" => {
            let saved = params().and_then(|it| from_value::<DidSaveTextDocumentParams>(it).ok());
            saved.into_iter().map(|it| it.text_document.uri).collect()
        }
        "workspace/didChangeWatchedFiles" => {
            let changed = params().and_then(|it| from_value::<DidChangeWatchedFilesParams>(it).ok());
            changed.into_iter().flat_map(|it| it.changes).map(|it| it.uri).collect()
        }
        _ => Vec::new(),
    };
    // A map is what the editor says; only of settings and of rows the disk may know more.
    let on_disk = files.into_iter().map(document).filter(|it| it.is_settings() || it.is_rows()).map(Told::OnDisk);
    on_disk.chain(edit(request).map(Told::Edit)).collect()
}

/// The address of a file.
pub fn uri(path: &Path) -> Option<String> {
    Url::from_file_path(path).ok().map(Into::into)
}

fn edit(request: &Request) -> Option<Edit> {
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
        // The editor hands it back when it asks what can be done.
        data: it.fix.as_ref().and_then(|fix| to_value(edit_of(lines, text, fix)).ok()),
        ..Diagnostic::default()
    }
}

fn edit_of(lines: &LineIndex, text: &str, fix: &Fix) -> TextEdit {
    TextEdit::new(range(lines, text, &fix.at), fix.text.clone())
}

/// The edits that repair what the editor shows in a place: those that came with the problems.
pub fn repairs(asked: CodeActionParams) -> Vec<CodeActionOrCommand> {
    let uri = asked.text_document.uri;
    let repair = |problem: Diagnostic| {
        let edit: TextEdit = from_value(problem.data.clone()?).ok()?;
        let title = match edit.new_text.trim() {
            "" => "remove this".to_owned(),
            text => format!("write `{}`", text.lines().next().unwrap_or_default()),
        };
        let changes = Some(HashMap::from([(uri.clone(), vec![edit])]));
        Some(CodeActionOrCommand::CodeAction(CodeAction {
            title,
            kind: Some(CodeActionKind::QUICKFIX),
            diagnostics: Some(vec![problem]),
            edit: Some(WorkspaceEdit { changes, ..WorkspaceEdit::default() }),
            is_preferred: Some(true),
            ..CodeAction::default()
        }))
    };
    asked.context.diagnostics.into_iter().filter_map(repair).collect()
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
