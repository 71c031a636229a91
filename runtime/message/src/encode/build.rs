//! A message that is built: segments in the order in which they stand, and a header that says how to read them.
//!
//! What the rules leave open the engine fills in: delimiters, type and structure (MSH-9), a time and a number that are the
//! same for each replay (MSH-7 from the source or its receipt, MSH-10 from the source), processing id (MSH-11), version (MSH-12) and, where the text is
//! not plain ASCII, the charset (MSH-18).

use super::json::Node;
use super::value::Writer;
use super::{Encoded, edit, in_charset, places};
use crate::escape::recoded;
use crate::piece::Level;
use crate::{Charset, Delimiters, Message, Receipt, convert};
use std::borrow::Cow;

/// How long MSH-10 may be in all versions (HL7 v2.5.1 §2.15.9.10).
const CONTROL_ID: usize = 20;

pub fn message(members: &[(&str, Node<'_>)], source: &Message, receipt: &Receipt) -> Encoded {
    let writer = Writer::new(source, Delimiters::STANDARD);
    let mut build = Build { writer, lines: Vec::new(), head: head(members) };
    build.writer.version = build.version(members);
    build.members(members);
    let header = build.header(receipt);
    let mut text = header.line();
    for line in &build.lines {
        text.push('\r');
        text.push_str(line);
    }
    text.push('\r');
    header.encoded(text)
}

struct Build<'m, 'j> {
    writer: Writer<'m>,
    lines: Vec<String>,
    /// Structure and version.
    head: [&'j str; 2],
}

/// The fields of MSH, by number.
struct Header(Vec<String>);

/// What stands under the empty name.
fn head<'j>(members: &'j [(&str, Node<'j>)]) -> [&'j str; 2] {
    let head = members.iter().find(|(name, _)| name.is_empty()).map(|(_, node)| node);
    match head {
        Some(Node::List(items)) => match items.as_slice() {
            [Node::Text(structure), Node::Text(version)] => [structure, version],
            _ => [""; 2],
        },
        _ => [""; 2],
    }
}

impl<'j> Build<'_, 'j> {
    /// MSH-12 as the rules have it, else what stands for it.
    fn version(&self, members: &[(&str, Node<'_>)]) -> String {
        let member = |members: &[(&str, Node<'_>)], name: &str| members.iter().position(|(known, _)| *known == name);
        let field = member(members, "MSH").and_then(|at| members.get(at)).and_then(|(_, header)| match header {
            Node::Object(fields) => Some(fields.get(member(fields, "12")?)?),
            _ => None,
        });
        let mut text = String::new();
        if let Some((_, node)) = field {
            self.writer.value(node, Level::Field, "", &mut text);
        }
        let [_, other] = self.head;
        text.split('^').next().filter(|version| !version.is_empty()).unwrap_or(other).to_owned()
    }

    fn members(&mut self, members: &'j [(&str, Node<'j>)]) {
        for (name, node) in members {
            match node {
                Node::List(_) if name.is_empty() => {}
                Node::List(items) => items.iter().for_each(|item| self.member(name, item)),
                one => self.member(name, one),
            }
        }
    }

    /// A segment has fields, a group has members.
    fn member(&mut self, name: &str, node: &'j Node<'j>) {
        let Node::Object(inner) = node else { return };
        match inner.as_slice() {
            [] => {}
            [("=", place)] => self.lines.extend(self.copied(place)),
            [("of", Node::Object(of)), rest @ ..] => {
                let [("=", place)] = of.as_slice() else { return };
                let Some(line) = self.copied(place) else { return };
                let edits = edit::inside(rest);
                let mut changed = String::with_capacity(line.len());
                edit::segment_with(&self.writer, &line, edits.iter().collect(), &mut changed);
                self.lines.push(changed);
            }
            [(first, _), ..] if first.starts_with(|first: char| first.is_ascii_digit()) => {
                let line = self.segment(name.split('[').next().unwrap_or(name), inner);
                self.lines.push(line);
            }
            _ => self.members(inner),
        }
    }

    /// A segment of the source.
    fn copied(&self, place: &Node<'_>) -> Option<String> {
        let Node::List(numbers) = place else { return None };
        let segment = numbers.first().and_then(Node::number::<usize>)?;
        let source = self.writer.source;
        let mut line = source.place(segment).name.as_str().to_owned();
        let declares = matches!(line.as_str(), "MSH" | "FHS" | "BHS");
        let first = if declares { 3 } else { 1 };
        if declares {
            line.push_str(r"|^~\&");
        }
        for number in first..=source.fields(segment) {
            line.push('|');
            self.writer.piece_text(source.field(segment, number), &mut line);
        }
        Some(line)
    }

    fn segment(&self, name: &str, fields: &[(&str, Node<'_>)]) -> String {
        let mut numbered: Vec<(u16, &Node<'_>)> =
            fields.iter().filter_map(|(name, node)| Some((name.parse().ok()?, node))).collect();
        numbered.sort_by_key(|(number, _)| *number);
        let mut line = name.to_owned();
        let mut at = 0;
        if matches!(name, "MSH" | "FHS" | "BHS") {
            line.push_str(r"|^~\&");
            at = 2;
        }
        for (number, node) in numbered {
            let mut text = String::new();
            self.writer.value(node, Level::Field, "", &mut text);
            if text.is_empty() || number <= at {
                continue;
            }
            line.extend(std::iter::repeat_n('|', usize::from(number - at)));
            at = number;
            line.push_str(&text);
        }
        line
    }

    /// The header that the rules wrote, or none, with what they left open.
    fn header(&mut self, receipt: &Receipt) -> Header {
        let written = self.lines.first().filter(|line| line.starts_with("MSH|")).cloned();
        if written.is_some() {
            self.lines.remove(0);
        }
        let mut fields: Vec<String> = vec![String::new(), String::new()];
        fields.extend(written.iter().flat_map(|line| line.split('|').skip(1)).map(str::to_owned));
        let mut header = Header(fields);
        header.fill(2, || r"^~\&".to_owned());
        let [structure, version] = self.head;
        let (code, event) = structure.split_once('_').unwrap_or((structure, ""));
        let kind = header.field(9).to_owned();
        let mut parts = kind.split('^');
        let given = [parts.next(), parts.next(), parts.next()].map(|part| part.filter(|part| !part.is_empty()));
        let [own_code, own_event, own_structure] = given;
        let kind = [own_code.unwrap_or(code), own_event.unwrap_or(event), own_structure.unwrap_or(structure)];
        header.set(9, kind.join("^").trim_end_matches('^').to_owned());
        let source = self.writer.source;
        header.fill(7, || source.msh(7).value().map_or_else(|| received(receipt), Cow::into_owned));
        header.fill(10, || control_id(source));
        header.fill(11, || source.msh(11).value().unwrap_or("P".into()).into_owned());
        header.fill(12, || version.to_owned());
        let (own, charset) = (source.encoding().charset, header.charset().unwrap_or(Charset::Utf8));
        for text in header.0.iter_mut().skip(3).chain(&mut self.lines) {
            *text = recoded(std::mem::take(text), &Delimiters::STANDARD, own, charset);
        }
        let is_ascii = header.0.iter().chain(&self.lines).all(|text| text.is_ascii());
        if !is_ascii {
            header.fill(18, || Charset::Utf8.name().to_owned());
        }
        header
    }
}

/// When the source was taken in, as HL7 writes it.
fn received(receipt: &Receipt) -> String {
    convert::moment(receipt.received()).map(|time| time.hl7()).unwrap_or_default()
}

/// A number that is the same for each replay of the source.
fn control_id(source: &Message) -> String {
    let lines = (0..source.segments().len()).map(|segment| source.text_of(segment).as_bytes());
    let digest = crate::identity::Digest::of_segments(lines);
    let id = crate::identity::Origin::new("MSH", String::new()).id(digest, 1);
    id.simple().to_string().chars().take(CONTROL_ID).collect()
}

impl Header {
    fn field(&self, number: usize) -> &str {
        self.0.get(number).map(String::as_str).unwrap_or_default()
    }

    fn set(&mut self, number: usize, text: String) {
        if self.0.len() <= number {
            self.0.resize(number + 1, String::new());
        }
        if let Some(field) = self.0.get_mut(number) {
            *field = text;
        }
    }

    fn fill(&mut self, number: usize, make: impl FnOnce() -> String) {
        if self.field(number).is_empty() {
            let text = make();
            if !text.is_empty() {
                self.set(number, text);
            }
        }
    }

    fn line(&self) -> String {
        let mut line = "MSH".to_owned();
        for field in self.0.iter().skip(2) {
            line.push('|');
            line.push_str(field);
        }
        line.truncate(line.trim_end_matches('|').len());
        line
    }

    /// Which MSH-18 names: UTF-8 if none, and its first name if that is not known.
    fn charset(&self) -> Result<Charset, &str> {
        match self.field(18).split('~').next().unwrap_or_default() {
            "" => Ok(Charset::Utf8),
            name => Charset::named(name).map_err(|_| name),
        }
    }

    fn encoded(&self, text: String) -> Encoded {
        let separator = Delimiters::STANDARD.field;
        match self.charset() {
            Ok(charset) => in_charset(text, charset, separator),
            Err(name) => {
                let place = places(&text, separator, &|field| field.starts_with(name)).into_iter().next();
                let place = place.map(|place| crate::Place { field: 18, ..place });
                Encoded { unknown_charset: place, ..in_charset(text, Charset::Utf8, separator) }
            }
        }
    }
}
