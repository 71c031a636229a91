//! A value as the text of a field, a repetition, a component or a subcomponent.

use super::edit;
use super::json::Node;
use crate::piece::Level;
use crate::{Delimiters, Message, Piece, escape};

/// What values are written with.
pub struct Writer<'m> {
    pub source: &'m Message,
    pub delimiters: Delimiters,
    /// The source has the same delimiters, so that its text stays as it is.
    same: bool,
}

impl<'m> Writer<'m> {
    pub fn new(source: &'m Message, delimiters: Delimiters) -> Self {
        let own = source.encoding().delimiters;
        let same = Delimiters { oddity: None, truncation: None, ..own }
            == Delimiters { oddity: None, truncation: None, ..delimiters };
        Self { source, delimiters, same }
    }

    /// Adds the value at that level; `kept` is what stood there before.
    pub fn value(&self, node: &Node<'_>, level: Level, kept: &str, out: &mut String) {
        match node {
            Node::Null => out.push_str("\"\""),
            Node::Bool(value) => out.push(if *value { 'Y' } else { 'N' }),
            Node::Number(digits) => out.push_str(digits),
            Node::Text(text) => escape::encode_into(text, &self.delimiters, out),
            Node::List(items) => self.list(items, level, kept, out),
            Node::Object(members) => match members.as_slice() {
                [("=", place)] => self.copied(place, kept, out),
                [("of", Node::Object(of)), rest @ ..] => self.changed(of, rest, out),
                [("else", other)] => match is_there(kept, &self.delimiters) {
                    true => out.push_str(kept),
                    false => self.value(other, level, kept, out),
                },
                [(name, _), ..] if !name.starts_with(|first: char| first.is_ascii_digit()) => {
                    self.coded(members, level, out);
                }
                _ => self.parts(members, level, out),
            },
        }
    }

    fn list(&self, items: &[Node<'_>], level: Level, kept: &str, out: &mut String) {
        let start = out.len();
        for item in items.iter().filter(|item| !item.is_empty()) {
            let mut text = String::new();
            self.value(item, level.max(Level::Repetition), kept, &mut text);
            // What was kept may have been nothing.
            if text.is_empty() {
                continue;
            }
            if out.len() > start {
                let Some(between) = self.delimiters.repetition.filter(|_| level == Level::Field) else { return };
                out.push(char::from(between));
            }
            out.push_str(&text);
        }
    }

    /// Components of a field or repetition, subcomponents of a component.
    fn parts(&self, members: &[(&str, Node<'_>)], level: Level, out: &mut String) {
        let (below, between) = match level {
            Level::Field | Level::Repetition => (Level::Component, self.delimiters.component),
            _ => (Level::Subcomponent, self.delimiters.subcomponent),
        };
        let numbered = members.iter().filter_map(|(name, node)| Some((name.parse::<u16>().ok()?, node)));
        let mut numbered: Vec<(u16, &Node<'_>)> = numbered.collect();
        numbered.sort_by_key(|(number, _)| *number);
        let mut at = 1;
        for (number, node) in numbered {
            let mut text = String::new();
            self.value(node, below, "", &mut text);
            if text.is_empty() || level == Level::Subcomponent && number > 1 {
                continue;
            }
            for _ in at..number {
                out.extend(between.map(char::from));
            }
            at = at.max(number);
            out.push_str(&text);
        }
    }

    /// A Coding as three components of CWE and its like, a CodeableConcept as two such triples and the text behind them;
    /// where one value stands, the first code.
    fn coded(&self, members: &[(&str, Node<'_>)], level: Level, out: &mut String) {
        let found = |name: &str| members.iter().find(|(known, _)| *known == name).map(|(_, node)| node);
        if found("coding").is_none() && found("text").is_none() {
            return self.coding(members, level, out);
        }
        let codings = match found("coding") {
            Some(Node::List(items)) => items.as_slice(),
            _ => &[],
        };
        let between = match level {
            Level::Field | Level::Repetition => self.delimiters.component.map(char::from),
            Level::Component => self.delimiters.subcomponent.map(char::from),
            Level::Subcomponent | Level::Verbatim => None,
        };
        let mut parts = vec![String::new(); 9];
        for (index, coding) in codings.iter().take(2).enumerate() {
            let Node::Object(members) = coding else { continue };
            let mut text = String::new();
            self.coding(members, level, &mut text);
            let Some(between) = between else { return out.push_str(&text) };
            for (place, text) in parts.iter_mut().skip(3 * index).zip(text.split(between)) {
                text.clone_into(place);
            }
        }
        let Some(between) = between else { return };
        if let (Some(Node::Text(text)), Some(place)) = (found("text"), parts.last_mut()) {
            escape::encode_into(text, &self.delimiters, place);
        }
        let used = parts.iter().rposition(|part| !part.is_empty()).map_or(0, |last| last + 1);
        out.push_str(&parts.get(..used).unwrap_or_default().join(&String::from(between)));
    }

    fn coding(&self, members: &[(&str, Node<'_>)], level: Level, out: &mut String) {
        let part = |name: &str| match members.iter().find(|(known, _)| *known == name) {
            Some((_, Node::Text(text))) => text.as_ref(),
            _ => "",
        };
        let between = match level {
            Level::Field | Level::Repetition => self.delimiters.component,
            Level::Component => self.delimiters.subcomponent,
            Level::Subcomponent | Level::Verbatim => None,
        };
        escape::encode_into(part("code"), &self.delimiters, out);
        let Some(between) = between.map(char::from) else { return };
        let (display, system) = (part("display"), system_name(part("system")));
        if !display.is_empty() || !system.is_empty() {
            out.push(between);
            escape::encode_into(display, &self.delimiters, out);
        }
        if !system.is_empty() {
            out.push(between);
            escape::encode_into(&system, &self.delimiters, out);
        }
    }

    /// What stands at a place of the source: `[segment, field, repetition, component, subcomponent]`; 0 for what was here
    /// before.
    fn copied(&self, place: &Node<'_>, kept: &str, out: &mut String) {
        let Some(piece) = self.piece(place) else { return out.push_str(kept) };
        self.piece_text(piece, out);
    }

    /// A field, repetition or component of the source, with changes of what is in it.
    fn changed(&self, of: &[(&str, Node<'_>)], members: &[(&str, Node<'_>)], out: &mut String) {
        let [("=", place)] = of else { return };
        let Some(piece) = self.piece(place) else { return };
        let mut text = String::new();
        self.piece_text(piece, &mut text);
        for change in edit::inside(members) {
            text = edit::part_with(self, piece.level, &text, &change);
        }
        out.push_str(&text);
    }

    pub fn piece(&self, place: &Node<'_>) -> Option<Piece<'m>> {
        let Node::List(numbers) = place else { return None };
        let [segment, field, repetition, component, subcomponent] = numbers.as_slice() else { return None };
        let mut piece = self.source.field(segment.number()?, field.number()?);
        if let Some(number) = repetition.number().filter(|number| *number > 0) {
            piece = piece.repetition(number);
        }
        if let Some(number) = component.number().filter(|number| *number > 0) {
            piece = piece.component(number);
        }
        if let Some(number) = subcomponent.number().filter(|number| *number > 0) {
            piece = piece.subcomponent(number);
        }
        Some(piece)
    }

    /// The text of a part of the source, with the delimiters of what is written.
    pub fn piece_text(&self, piece: Piece<'_>, out: &mut String) {
        if self.same || piece.level == Level::Verbatim {
            return out.push_str(piece.text);
        }
        let from = &piece.encoding.delimiters;
        let (below, split, join) = match piece.level {
            Level::Field => (Level::Repetition, from.repetition, self.delimiters.repetition),
            Level::Repetition => (Level::Component, from.component, self.delimiters.component),
            Level::Component => (Level::Subcomponent, from.subcomponent, self.delimiters.subcomponent),
            Level::Subcomponent | Level::Verbatim => {
                return escape::encode_into(&piece.decoded(), &self.delimiters, out);
            }
        };
        let parts: Vec<&str> = match split {
            Some(split) => piece.text.split(char::from(split)).collect(),
            None => vec![piece.text],
        };
        for (index, text) in parts.into_iter().enumerate() {
            if index > 0 {
                out.extend(join.map(char::from));
            }
            self.piece_text(Piece { text, level: below, ..piece }, out);
        }
    }
}

/// Whether there is a value in the text of a place.
fn is_there(text: &str, delimiters: &Delimiters) -> bool {
    let between = [delimiters.component, delimiters.subcomponent].map(|sign| sign.map(char::from));
    let is_empty = text.chars().all(|sign| between.contains(&Some(sign)));
    !is_empty && text != "\"\""
}

/// The name that HL7 has for a code system (table 0396), by its URI; a URI without one stays as it is.
fn system_name(uri: &str) -> std::borrow::Cow<'_, str> {
    const KNOWN: [(&str, &str); 8] = [
        ("http://loinc.org", "LN"),
        ("http://snomed.info/sct", "SCT"),
        ("http://unitsofmeasure.org", "UCUM"),
        ("http://hl7.org/fhir/sid/icd-10", "I10"),
        ("http://hl7.org/fhir/sid/icd-10-cm", "I10C"),
        ("http://www.nlm.nih.gov/research/umls/rxnorm", "RXNORM"),
        ("http://hl7.org/fhir/sid/cvx", "CVX"),
        ("http://hl7.org/fhir/sid/ndc", "NDC"),
    ];
    if let Some((_, name)) = KNOWN.iter().find(|(known, _)| *known == uri) {
        return (*name).into();
    }
    match uri.strip_prefix("http://terminology.hl7.org/CodeSystem/v2-") {
        Some(table) => format!("HL7{table}").into(),
        None => uri.into(),
    }
}
