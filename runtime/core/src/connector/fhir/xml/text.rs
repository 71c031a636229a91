//! Texts as they stand in XML.

use super::super::super::Why;

/// Puts a text between quotes. Blanks that are none of the plain kind are written as references: a reader makes plain ones
/// of all others (XML 1.0 §3.3.3).
///
/// # Errors
/// It has a character that XML cannot carry.
pub fn quoted(text: &str, out: &mut String) -> Result<(), Why> {
    out.push('"');
    escaped(text, out, |character| match character {
        '"' => Some("&quot;"),
        '\t' => Some("&#9;"),
        '\n' => Some("&#10;"),
        _ => None,
    })?;
    out.push('"');
    Ok(())
}

/// Puts a text between tags.
///
/// # Errors
/// As for [`quoted`].
pub fn plain(text: &str, out: &mut String) -> Result<(), Why> {
    escaped(text, out, |_| None)
}

fn escaped(text: &str, out: &mut String, more: impl Fn(char) -> Option<&'static str>) -> Result<(), Why> {
    for character in text.chars() {
        let reference = match character {
            '&' => Some("&amp;"),
            '<' => Some("&lt;"),
            '>' => Some("&gt;"),
            // A reader makes line feeds of all others (XML 1.0 §2.11).
            '\r' => Some("&#13;"),
            other => more(other),
        };
        match reference {
            Some(reference) => out.push_str(reference),
            None if is_character(character) => out.push(character),
            None => return Err("a text has a character that XML cannot carry".to_owned()),
        }
    }
    Ok(())
}

/// XML 1.0 §2.2, production 2.
fn is_character(character: char) -> bool {
    matches!(character, '\t' | '\n' | '\r' | ' '..='\u{FFFD}' | '\u{10000}'..)
}
