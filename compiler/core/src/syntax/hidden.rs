//! What no grammar sees: characters that show a text other than it is, and texts that are no mapping by their size.

use crate::diagnostic::{Code, Diagnostic};

/// The longest text that is read, so that no file takes all time and memory. A mapping of 10,000 lines has a tenth of it.
pub const TEXT_MAX: usize = 4 << 20;

/// Embeddings, overrides and isolates (Unicode Standard Annex #9): what stands behind one is shown in another order than
/// it is read in, so that a name or a comment may look like something else.
const DIRECTIONS: [char; 9] =
    ['\u{202A}', '\u{202B}', '\u{202C}', '\u{202D}', '\u{202E}', '\u{2066}', '\u{2067}', '\u{2068}', '\u{2069}'];

/// Each of these characters, wherever it stands: in a name, a text or a comment.
pub fn hidden(text: &str) -> Vec<Diagnostic> {
    let found = text.match_indices(DIRECTIONS);
    found
        .map(|(at, character)| {
            let number = character.chars().next().map_or(0, u32::from);
            let message = format!("the character U+{number:04X} shows what follows in another order than it is read");
            Diagnostic::new(Code::HiddenDirection, at..at + character.len(), message)
                .help(format!("take it away; where a text needs it, write `\\u{{{number:04X}}}`"))
        })
        .collect()
}

/// What to say of a text that is longer than any that is read.
pub fn too_large(length: usize) -> Option<Diagnostic> {
    (length > TEXT_MAX).then(|| {
        let message = format!("this file has more than {} MiB, and is not read", TEXT_MAX >> 20);
        Diagnostic::new(Code::TooLarge, 0..0, message)
            .help("put its maps into several modules; tables of codes stand in CSV files beside them")
    })
}
