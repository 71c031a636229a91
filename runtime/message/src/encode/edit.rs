//! A message that is changed: all that no edit names stays as it came, byte by byte.
//!
//! An edit is `[segment, field, repetition, component, subcomponent, value]`. Repetition 0 is the whole field or, with a
//! component, each repetition and the first where there is none; -1 each that is there. A value of `{}` empties the place.
//! `[segment]` drops the segment. Edits of one place are carried out in their order.

use super::json::Node;
use super::value::Writer;
use super::{Encoded, in_charset};
use crate::escape::recoded;
use crate::piece::Level;
use crate::{Charset, Message};

pub struct Edit<'n, 'j> {
    pub segment: usize,
    /// Nothing drops the segment.
    pub change: Option<Change<'n, 'j>>,
}

pub struct Change<'n, 'j> {
    pub field: u16,
    pub repetition: i32,
    pub component: u16,
    pub subcomponent: u16,
    pub value: &'n Node<'j>,
}

/// The source with the edits; nothing where one of them is no edit.
pub fn message(edits: &[Node<'_>], source: &Message) -> Option<Encoded> {
    let (mut encoded, charset) = made(read(edits)?, source);
    let mark = source.mark(charset);
    if !mark.is_empty() {
        encoded.bytes = [mark, &encoded.bytes].concat();
    }
    Some(encoded)
}

/// The source with the edits, without a mark of its charset, which is the other.
pub fn made(mut edits: Vec<Edit<'_, '_>>, source: &Message) -> (Encoded, Charset) {
    edits.sort_by_key(|edit| edit.segment);
    let mut writer = Writer::new(source, source.encoding().delimiters);
    if let Some(version) = new_version(&edits, &writer) {
        writer.version = version;
    }
    let text = edited(&edits, &writer);
    let own = source.encoding().charset;
    let header = source.header();
    let declares = |edit: &Edit| edit.segment == header && edit.change.as_ref().is_some_and(|it| it.field == 18);
    let (charset, is_known) = if edits.iter().any(declares) { declared(&text, &writer) } else { (own, true) };
    let text = recoded(text, &writer.delimiters, own, charset);
    let separator = writer.delimiters.field;
    let mut encoded = match source.original().filter(|_| charset == own) {
        Some(original) => by_line(&text, original, &edits, charset, separator),
        None => in_charset(text, charset, separator),
    };
    if !is_known {
        encoded.unknown_charset = Some(crate::Place { field: 18, ..source.place(header) });
    }
    (encoded, charset)
}

/// What the edits make of MSH-12, where one of them is of it.
fn new_version(edits: &[Edit<'_, '_>], writer: &Writer<'_>) -> Option<String> {
    let of_header = edits.iter().filter(|edit| edit.segment == writer.source.header());
    let change = of_header.filter_map(|edit| edit.change.as_ref()).rfind(|change| change.field == 12)?;
    let field = changed(writer, "", change);
    Some(field.split(char::from(writer.delimiters.component?)).next().unwrap_or_default().to_owned())
}

/// The place that a path into the edits names.
pub fn spelled(path: &str, written: &[u8], source: &Message) -> Option<String> {
    let (number, rest) = path.strip_prefix('[')?.split_once(']')?;
    let Node::List(edits) = super::json::read(std::str::from_utf8(written).ok()?)? else { return None };
    let edits = read(&edits)?;
    let edit = edits.get(number.parse::<usize>().ok()?)?;
    let change = edit.change.as_ref()?;
    let place = crate::Place {
        field: change.field,
        repetition: u32::try_from(change.repetition).unwrap_or(0),
        component: change.component,
        subcomponent: change.subcomponent,
        ..source.place(edit.segment)
    };
    Some(format!("{place}{}", super::spelled_below(rest)))
}

/// The segment that the leaf drops, where it is such an edit.
pub fn dropped(leaf: &str, written: &[u8], source: &Message) -> Option<crate::Place> {
    let number: usize = leaf.strip_prefix('[')?.strip_suffix("][0]")?.parse().ok()?;
    let Node::List(edits) = super::json::read(std::str::from_utf8(written).ok()?)? else { return None };
    let edit = read(edits.get(number..=number)?)?.pop()?;
    edit.change.is_none().then(|| source.place(edit.segment))
}

pub fn read<'n, 'j>(edits: &'n [Node<'j>]) -> Option<Vec<Edit<'n, 'j>>> {
    let mut found = Vec::with_capacity(edits.len());
    for edit in edits {
        let Node::List(edit) = edit else { return None };
        found.push(match edit.as_slice() {
            [segment] => Edit { segment: segment.number()?, change: None },
            [segment, field, repetition, component, subcomponent, value] => Edit {
                segment: segment.number()?,
                change: Some(Change {
                    field: field.number()?,
                    repetition: repetition.number()?,
                    component: component.number()?,
                    subcomponent: subcomponent.number()?,
                    value,
                }),
            },
            _ => return None,
        });
    }
    Some(found)
}

/// The text of the source with the edits, which are in the order of their segments.
fn edited(edits: &[Edit], writer: &Writer<'_>) -> String {
    let source = writer.source;
    let mut out = String::with_capacity(source.text().len() + source.text().len() / 8);
    let mut at = 0;
    let mut rest = edits;
    while let Some(first) = rest.first() {
        let count = rest.iter().take_while(|edit| edit.segment == first.segment).count();
        let (own, others) = rest.split_at(count);
        rest = others;
        let Some(segment) = source.segments().get(first.segment) else { continue };
        let range = segment.range();
        out.push_str(source.text().get(at..range.start).unwrap_or_default());
        at = range.end;
        if own.iter().any(|edit| edit.change.is_none()) {
            at = behind_line_end(source.text(), at);
        } else {
            let changes = own.iter().filter_map(|edit| edit.change.as_ref()).collect();
            segment_with(writer, source.text_of(first.segment), changes, &mut out);
        }
    }
    out.push_str(source.text().get(at..).unwrap_or_default());
    // What stood behind the last line was taken off as framing.
    if !out.ends_with(['\r', '\n']) {
        out.push_str(line_end(source.text()));
    }
    out
}

/// The first line end of the text.
fn line_end(text: &str) -> &'static str {
    match text.find(['\r', '\n']).and_then(|at| text.get(at..)) {
        Some(rest) if rest.starts_with("\r\n") => "\r\n",
        Some(rest) if rest.starts_with('\n') => "\n",
        _ => "\r",
    }
}

fn behind_line_end(text: &str, at: usize) -> usize {
    match text.as_bytes().get(at..).unwrap_or_default() {
        [b'\r', b'\n', ..] => at + 2,
        [b'\r' | b'\n', ..] => at + 1,
        _ => at,
    }
}

/// The changes that stand in `"with":[…]`.
pub fn inside<'n, 'j>(members: &'n [(&str, Node<'j>)]) -> Vec<Change<'n, 'j>> {
    let [("with", Node::List(edits))] = members else { return Vec::new() };
    read(edits).unwrap_or_default().into_iter().filter_map(|edit| edit.change).collect()
}

/// A segment with changes; it is written with the delimiters of the writer.
pub fn segment_with(writer: &Writer<'_>, text: &str, mut changes: Vec<&Change>, out: &mut String) {
    changes.sort_by_key(|change| change.field);
    let separator = char::from(writer.delimiters.field);
    // MSH-1 is the separator itself.
    let declares = matches!(text.get(..3), Some("MSH" | "FHS" | "BHS"));
    let mut rest = changes.as_slice();
    let mut number = u16::from(declares);
    let mut fields = text.split(separator);
    out.push_str(fields.next().unwrap_or_default());
    let mut missing = 0;
    loop {
        let field = fields.next();
        if field.is_none() && rest.is_empty() {
            return;
        }
        number = number.saturating_add(1);
        let count = rest.iter().take_while(|change| change.field <= number).count();
        let (own, others) = rest.split_at(count);
        rest = others;
        let new = own.iter().filter(|change| change.field == number).fold(None, |before: Option<String>, change| {
            Some(changed(writer, before.as_deref().or(field).unwrap_or_default(), change))
        });
        let new = new.as_deref().or(field).unwrap_or_default();
        if field.is_none() && new.is_empty() {
            missing += 1;
            continue;
        }
        out.extend(std::iter::repeat_n(separator, missing + 1));
        missing = 0;
        out.push_str(new);
    }
}

/// A field with one change.
fn changed(writer: &Writer<'_>, field: &str, change: &Change) -> String {
    let repetition = Delimited::of(writer).repetition;
    let in_repetition = |text: &str| match change.component {
        0 => written(writer, change, Level::Repetition, text),
        _ => part_with(writer, Level::Repetition, text, change),
    };
    // One that is not there, or an explicit null, has no components.
    let in_each = |text: &str| match text {
        "" | "\"\"" if change.repetition == -1 => text.to_owned(),
        _ => in_repetition(text),
    };
    match (change.repetition, change.component) {
        (0 | -1, 0) => written(writer, change, Level::Field, field),
        (-1, _) if field.is_empty() => String::new(),
        (0 | -1, _) => match repetition {
            Some(between) => {
                let parts: Vec<String> = field.split(between).map(in_each).collect();
                parts.join(&String::from(between))
            }
            None => in_each(field),
        },
        (n, _) => with_nth(field, repetition, u16::try_from(n).unwrap_or(u16::MAX), &in_repetition),
    }
}

/// The new value of the place where the text stood.
fn written(writer: &Writer<'_>, change: &Change, level: Level, text: &str) -> String {
    let mut out = String::new();
    writer.value(change.value, level, text, &mut out);
    out
}

/// A repetition or a component with one change of what is below it.
pub fn part_with(writer: &Writer<'_>, level: Level, text: &str, change: &Change) -> String {
    let Delimited { component, subcomponent, .. } = Delimited::of(writer);
    let in_component = |text: &str, number| {
        with_nth(text, subcomponent, number, &|text| written(writer, change, Level::Subcomponent, text))
    };
    match (level, change.subcomponent) {
        (Level::Component, _) => in_component(text, change.component),
        (_, 0) => with_nth(text, component, change.component, &|text| written(writer, change, Level::Component, text)),
        (_, number) => with_nth(text, component, change.component, &|text| in_component(text, number)),
    }
}

struct Delimited {
    repetition: Option<char>,
    component: Option<char>,
    subcomponent: Option<char>,
}

impl Delimited {
    fn of(writer: &Writer<'_>) -> Self {
        let of = &writer.delimiters;
        Self {
            repetition: of.repetition.map(char::from),
            component: of.component.map(char::from),
            subcomponent: of.subcomponent.map(char::from),
        }
    }
}

/// The text with another nth part; there are as many parts as it takes, unless the new one is empty.
fn with_nth(text: &str, between: Option<char>, n: u16, change: &dyn Fn(&str) -> String) -> String {
    let Some(between) = between else { return if n == 1 { change(text) } else { text.to_owned() } };
    let mut out = String::with_capacity(text.len() + 8);
    let mut count = 0;
    for part in text.split(between) {
        if count > 0 {
            out.push(between);
        }
        count += 1;
        if count == n { out.push_str(&change(part)) } else { out.push_str(part) }
    }
    if count < n {
        let new = change("");
        if !new.is_empty() {
            out.extend(std::iter::repeat_n(between, usize::from(n - count)));
            out.push_str(&new);
        }
    }
    out
}

/// The charset that the new MSH-18 declares, and whether it is known.
fn declared(text: &str, writer: &Writer<'_>) -> (Charset, bool) {
    let header = text.split(['\r', '\n']).find(|line| line.starts_with("MSH")).unwrap_or_default();
    let field = header.split(char::from(writer.delimiters.field)).nth(17).unwrap_or_default();
    let first = match writer.delimiters.repetition {
        Some(between) => field.split(char::from(between)).next().unwrap_or_default(),
        None => field,
    };
    match (first.trim(), Charset::named(first)) {
        ("", _) => (Charset::Utf8, true),
        (_, Ok(charset)) => (charset, true),
        (_, Err(_)) => (Charset::Utf8, false),
    }
}

/// Where several bytes may stand for one text, lines without an edit keep those that came.
fn by_line(text: &str, original: &[u8], edits: &[Edit], charset: Charset, separator: u8) -> Encoded {
    // They are in the order of their segments.
    let of = |segment: usize| {
        let from = edits.partition_point(|edit| edit.segment < segment);
        edits.iter().skip(from).take_while(move |edit| edit.segment == segment)
    };
    let is_dropped = |segment: usize| of(segment).any(|edit| edit.change.is_none());
    let is_edited = |segment: usize| of(segment).next().is_some();
    let lines = original.split(|&byte| byte == b'\r' || byte == b'\n').filter(|line| !line.is_empty());
    let kept = lines.enumerate().filter(|(segment, _)| !is_dropped(*segment));
    let mut whole = in_charset(text.to_owned(), charset, separator);
    let mut bytes = Vec::with_capacity(original.len());
    for ((segment, line), new) in kept.zip(text.split(['\r', '\n']).filter(|line| !line.is_empty())) {
        if is_edited(segment) {
            bytes.extend_from_slice(&in_charset(new.to_owned(), charset, separator).bytes);
        } else {
            bytes.extend_from_slice(line);
        }
        bytes.push(b'\r');
    }
    whole.bytes = bytes;
    whole
}
