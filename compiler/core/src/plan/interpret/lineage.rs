//! Where in the output each traced value stands: offsets while it is written, JSON paths at its end.

use super::Lineage;
use crate::plan::{Rule, RuleId};
use emr_message::Place;

/// A value begins here, with its name if it has one.
#[derive(Clone, Copy)]
pub(super) struct Mark {
    pub at: usize,
    pub rule: RuleId,
    pub place: Option<Place>,
}

/// The path of each mark, in one walk over JSON that is known to be sound.
pub(super) fn paths(out: &[u8], marks: &[Mark], rules: &[Rule]) -> Vec<Lineage> {
    let mut marks: Vec<&Mark> = marks.iter().collect();
    marks.sort_by_key(|mark| mark.at);
    let mut marks = marks.into_iter().peekable();
    let mut found = Vec::new();
    let mut walk = Walk { levels: Vec::new() };
    let mut at = 0;
    while at < out.len() && marks.peek().is_some() {
        let byte = out.get(at).copied().unwrap_or_default();
        let (name, end) = match byte {
            b'"' => string(out, at),
            _ => (String::new(), at + 1),
        };
        let is_name = byte == b'"' && out.get(end) == Some(&b':') && walk.in_object();
        if is_name {
            walk.name(name);
        }
        if !matches!(byte, b'}' | b']' | b',' | b':') {
            while let Some(mark) = marks.next_if(|mark| mark.at <= at) {
                if let Some(rule) = rules.get(mark.rule as usize) {
                    found.push(Lineage { path: walk.path(), rule: rule.clone(), place: mark.place });
                }
            }
        }
        match byte {
            b'{' => walk.levels.push(Level::Object(String::new())),
            b'[' => walk.levels.push(Level::Array(0)),
            b'}' | b']' => {
                walk.levels.pop();
            }
            b',' => walk.next(),
            _ => {}
        }
        at = end;
    }
    found
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
