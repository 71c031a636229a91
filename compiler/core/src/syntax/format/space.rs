//! What stands between two words of one line.

use super::piece::Piece;
use crate::syntax::grammar::Rule;
use crate::syntax::scan::Kind;

/// Whether nothing stands between them; else one blank does.
pub fn glued(before: &Piece, after: &Piece) -> bool {
    if before.verbatim || after.verbatim {
        return false;
    }
    let imports = |piece: &Piece| piece.within == Some(Rule::imports);
    match (before.text.as_str(), after.text.as_str()) {
        ("(" | "[", _) | (_, ")" | "]" | ",") => true,
        ("{", "}") => true,
        ("{", _) if imports(before) => true,
        (_, "}") if imports(after) => true,
        (_, "[") => true,
        (_, ":") if after.kind == Kind::Mark => true,
        (_, "(") => matches!(after.within, Some(Rule::args | Rule::params | Rule::references)),
        (".", _) if before.within == Some(Rule::dot) => after.within == Some(Rule::here),
        ("." | "..", _) | (_, "..") if before.kind == Kind::Mark || after.kind == Kind::Mark => {
            is_path_mark(before) || is_path_mark(after)
        }
        ("-", _) if before.within == Some(Rule::field) || before.within == Some(Rule::negative) => true,
        _ if after.of == Some(Rule::count) => true,
        _ => is_path_mark(after),
    }
}

/// A mark that holds the parts of a path together.
fn is_path_mark(piece: &Piece) -> bool {
    piece.kind == Kind::Mark
        && match piece.text.as_str() {
            "." => matches!(piece.within, Some(Rule::child | Rule::imports)),
            "-" => piece.within == Some(Rule::field),
            ".." => matches!(piece.within, Some(Rule::ignored | Rule::bounds)),
            _ => false,
        }
}
