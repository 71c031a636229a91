//! The XHTML of narratives (FHIR R4 §2.1.8, narrative.html): it is written anew, so that whatever a text holds, what comes of it
//! is one `div`.

use super::super::super::Why;
use super::events::{Events, Next, Space, Start, ill_formed};
use super::{XHTML, text};

/// The `div` that a text is.
///
/// # Errors
/// The text is anything else.
pub fn of(text: &str) -> Result<String, Why> {
    let mut events = Events::of(text);
    let one = |events: &mut Events<'_>| {
        let start = events.root()?;
        let div = div(&start, events)?;
        events.over().map(|()| div)
    };
    one(&mut events).map_err(|_| no_div())
}

/// A `div` that began, up to its end.
///
/// # Errors
/// It is not well-formed, or has what is no XHTML in it.
pub fn div(start: &Start<'_>, events: &mut Events<'_>) -> Result<String, Why> {
    if (start.space, start.name.as_str()) != (Space::Xhtml, "div") {
        return Err(no_div());
    }
    let (mut out, mut open) = (String::new(), Vec::new());
    begin(start, &format!(" xmlns=\"{XHTML}\""), &mut out)?;
    // Of what is written as empty the end is written with it.
    open.push((start.name.clone(), start.is_empty));
    while !open.is_empty() {
        match events.next()? {
            Next::Start(start) if start.space == Space::Xhtml => {
                begin(&start, "", &mut out)?;
                open.push((start.name, start.is_empty));
            }
            Next::Start(_) => return Err(no_div()),
            Next::Text(part) => text::plain(&part, &mut out)?,
            Next::End => {
                if let Some((name, false)) = open.pop() {
                    out.extend(["</", &name, ">"]);
                }
            }
            Next::Over => return Err(ill_formed()),
        }
    }
    Ok(out)
}

fn begin(start: &Start<'_>, first: &str, out: &mut String) -> Result<(), Why> {
    is_name(&start.name).then_some(()).ok_or_else(no_div)?;
    out.extend(["<", &start.name, first]);
    for (name, value) in start.attributes()? {
        if name == "xmlns" || name.starts_with("xmlns:") {
            continue;
        }
        let plain = name.strip_prefix("xml:").unwrap_or(&name);
        is_name(plain).then_some(()).ok_or_else(no_div)?;
        out.extend([" ", &name, "="]);
        text::quoted(&value, out)?;
    }
    out.push_str(if start.is_empty { "/>" } else { ">" });
    Ok(())
}

/// As XHTML has them.
fn is_name(name: &str) -> bool {
    let is_letter = |letter: char| letter.is_ascii_alphanumeric() || matches!(letter, '-' | '_');
    name.starts_with(|first: char| first.is_ascii_alphabetic()) && name.chars().all(is_letter)
}

fn no_div() -> Why {
    "a narrative is no `div` of XHTML".to_owned()
}
