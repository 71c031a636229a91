//! The facts of HL7 v2 as text, one on a line, in blocks that open with `# kind name title`.
//!
//! `standards/extract/hl7v2.py` makes them and says how they are written.

use std::str::Lines;
use std::sync::OnceLock;

use memchr::memmem;
use rustc_hash::FxHashMap;

macro_rules! versions {
    ($($version:literal)*) => {
        [$(($version, Facts::new(include_str!(concat!("../standards/hl7v2/", $version, ".txt"))))),*]
    };
}

/// Each version, from the oldest to the newest, with its structures, segments, data types and events; `union` is last,
/// for maps that name no version.
pub static VERSIONS: [(&str, Facts); 14] = versions! {
    "2.1" "2.2" "2.3" "2.3.1" "2.4" "2.5" "2.5.1" "2.6" "2.7" "2.7.1" "2.8" "2.8.1" "2.8.2" "union"
};
/// The tables with the codes of all versions.
pub static TABLES: Facts = Facts::new(include_str!("../standards/hl7v2/tables.txt"));

/// A text of blocks. Where each begins is found out when the first is asked for; no block is read before it is.
pub struct Facts {
    text: &'static str,
    places: OnceLock<FxHashMap<(&'static str, &'static str), usize>>,
}

impl Facts {
    const fn new(text: &'static str) -> Facts {
        Facts { text, places: OnceLock::new() }
    }

    /// The lines of the block of that kind and name, its heading first. The block `events` has no name.
    pub fn block(&self, kind: &str, name: &str) -> Option<Lines<'static>> {
        let places = self.places.get_or_init(|| self.headings().map(|(at, kind, name)| ((kind, name), at)).collect());
        let block = self.text.get(*places.get(&(kind, name))?..)?;
        let length = block.find("\n# ").unwrap_or(block.len());
        Some(block.get(..length)?.lines())
    }

    /// The names of all blocks of a kind, in their order.
    pub fn names(&self, kind: &str) -> impl Iterator<Item = &'static str> {
        self.headings().filter(move |(_, of, _)| *of == kind).map(|(_, _, name)| name)
    }

    fn headings(&self) -> impl Iterator<Item = (usize, &'static str, &'static str)> {
        let text = self.text;
        let first = text.starts_with("# ").then_some(0);
        let others = memmem::find_iter(text.as_bytes(), "\n# ").map(|at| at + 1);
        first.into_iter().chain(others).filter_map(move |at| {
            let mut words = text.get(at + 2..)?.lines().next()?.split(' ');
            Some((at, words.next()?, words.next().unwrap_or_default()))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_block_is_found_by_kind_and_name() {
        let (_, facts) = VERSIONS.last().unwrap();
        let heading = |kind, name| facts.block(kind, name).and_then(|mut lines| lines.next());
        assert_eq!(heading("segment", "PID"), Some("# segment PID Patient Identification"));
        assert_eq!(heading("events", ""), Some("# events"));
        assert_eq!(heading("segment", "PI"), None);
        assert_eq!(heading("datatype", "PID"), None);
    }

    #[test]
    fn no_name_is_there_twice() {
        for (version, facts) in VERSIONS.iter().chain([&("tables", Facts::new(TABLES.text))]) {
            let all = facts.headings().count();
            facts.block("", "");
            assert_eq!(facts.places.get().map(FxHashMap::len), Some(all), "{version}");
        }
    }
}
