//! Where each value of an output comes from: offsets while it is written, JSON paths at its end.

use crate::Place;
use std::ops::Range;

/// Here in the output begins a value, with its name if it has one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Mark {
    pub at: usize,
    /// The rule that writes it, by its number.
    pub rule: u32,
    /// Nothing for a constant.
    pub place: Option<Place>,
}

/// Where a value of an output comes from: the rule, and what of the message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Lineage {
    /// `entry[0].resource.name[0].family`, counted from 0 as FHIR does.
    pub path: String,
    /// The rule that wrote it, by its number.
    pub rule: u32,
    /// Nothing for a constant.
    pub place: Option<Place>,
}

/// The path of each mark in the order of the output, in one walk over JSON that is known to be sound.
pub fn paths(out: &[u8], marks: &[Mark]) -> Vec<Lineage> {
    // Most runs are not traced, and what they write may be long.
    if marks.is_empty() {
        return Vec::new();
    }
    let places: Vec<usize> = marks.iter().map(|mark| mark.at).collect();
    let told = walk(out, &places).marks.into_iter().filter_map(|(index, path)| {
        let mark = marks.get(index)?;
        Some(Lineage { path, rule: mark.rule, place: mark.place })
    });
    told.collect()
}

/// What stands where in JSON.
pub struct Walked {
    /// The number of each place that was asked for, and the path of what begins there, in the order of the output.
    pub marks: Vec<(usize, String)>,
    /// Each value without parts: its path, and where its text stands, quotes included.
    pub leaves: Vec<(String, Range<usize>)>,
}

/// One walk over JSON that is known to be sound.
pub fn walk(out: &[u8], places: &[usize]) -> Walked {
    let mut marks: Vec<(usize, usize)> = places.iter().copied().enumerate().collect();
    marks.sort_by_key(|(_, at)| *at);
    let mut marks = marks.into_iter().peekable();
    let mut walked = Walked { marks: Vec::new(), leaves: Vec::new() };
    let mut walk = Walk { levels: Vec::new() };
    let mut at = 0;
    while at < out.len() {
        let byte = out.get(at).copied().unwrap_or_default();
        let (name, end) = match byte {
            b'"' => string(out, at),
            b'{' | b'}' | b'[' | b']' | b',' | b':' => (String::new(), at + 1),
            _ => (String::new(), at + bare(out, at)),
        };
        let is_name = byte == b'"' && out.get(end) == Some(&b':') && walk.in_object();
        if is_name {
            walk.name(name);
        }
        if !matches!(byte, b'}' | b']' | b',' | b':') {
            while let Some((index, _)) = marks.next_if(|(_, mark)| *mark <= at) {
                walked.marks.push((index, walk.path()));
            }
        }
        match byte {
            b'{' => walk.levels.push(Level::Object(String::new())),
            b'[' => walk.levels.push(Level::Array(0)),
            b'}' | b']' => {
                walk.levels.pop();
            }
            b',' => walk.next(),
            b':' => {}
            _ if is_name => {}
            _ => walked.leaves.push((walk.path(), at..end)),
        }
        at = end;
    }
    walked
}

/// How long a number or a word is.
fn bare(out: &[u8], from: usize) -> usize {
    let rest = out.get(from..).unwrap_or_default();
    rest.iter().position(|byte| matches!(byte, b',' | b'}' | b']')).unwrap_or(rest.len()).max(1)
}

struct Walk {
    levels: Vec<Level>,
}

enum Level {
    Object(String),
    Array(usize),
}

impl Walk {
    fn in_object(&self) -> bool {
        matches!(self.levels.last(), Some(Level::Object(_)))
    }

    fn name(&mut self, name: String) {
        if let Some(Level::Object(current)) = self.levels.last_mut() {
            *current = name;
        }
    }

    fn next(&mut self) {
        if let Some(Level::Array(index)) = self.levels.last_mut() {
            *index += 1;
        }
    }

    fn path(&self) -> String {
        let mut path = String::new();
        for level in &self.levels {
            match level {
                Level::Object(name) if path.is_empty() => path.push_str(name),
                Level::Object(name) => path.push_str(&format!(".{name}")),
                Level::Array(index) => path.push_str(&format!("[{index}]")),
            }
        }
        path
    }
}

/// The text of a JSON string and the offset behind it.
fn string(out: &[u8], from: usize) -> (String, usize) {
    let mut at = from + 1;
    while let Some(byte) = out.get(at) {
        match byte {
            b'\\' => at += 2,
            b'"' => break,
            _ => at += 1,
        }
    }
    let text = out.get(from + 1..at).unwrap_or_default();
    (String::from_utf8_lossy(text).into_owned(), at + 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mark_has_the_path_of_what_begins_there() {
        let out = br#"{"a":[{"b":"x,\"y"},{"b":1}],"c":null}"#;
        let mark = |at| Mark { at, rule: 0, place: None };
        // In no order, at a name, at a value, at the brackets of one.
        let marks = [30, 22, 6, 1].map(mark);
        let told: Vec<_> = paths(out, &marks).into_iter().map(|of| of.path).collect();
        assert_eq!(told, ["a", "a[0]", "a[1].b", "c"]);
    }

    #[test]
    fn a_value_without_parts_has_its_path_and_its_text() {
        let out = br#"{"a":[{"b":"x,\"y"},{"b":1.50}],"c":null}"#;
        let leaves = walk(out, &[]).leaves;
        let told: Vec<_> = leaves.iter().map(|(path, at)| (path.as_str(), out.get(at.clone()).unwrap())).collect();
        let expected: [(&str, &[u8]); 3] = [("a[0].b", br#""x,\"y""#), ("a[1].b", b"1.50"), ("c", b"null")];
        assert_eq!(told, expected);
    }

    #[test]
    fn a_mark_behind_the_end_has_no_path() {
        assert_eq!(paths(b"1", &[Mark { at: 1, rule: 0, place: None }]), []);
    }
}
