//! The facts of FHIR R4 as text, one on a line, in blocks that open with `# key`.
//!
//! `standards/extract/fhir.py` makes them and says how they are written.

use std::str::Lines;
use std::sync::OnceLock;

use memchr::memmem;
use rustc_hash::FxHashMap;

/// The resources, and each of their elements that has elements: `Patient`, `Patient.contact`.
pub static RESOURCES: Table = Table::new(include_str!("../standards/fhir/resources.txt"));
/// The data types with elements, and the primitives with their regexes.
pub static DATATYPES: Table = Table::new(include_str!("../standards/fhir/datatypes.txt"));
/// The invariants that ask which elements of an object are there, by the shape that has them.
pub static RULES: Table = Table::new(include_str!("../standards/fhir/rules.txt"));
/// The extensions that the core package defines, by URL.
pub static EXTENSIONS: Table = Table::new(include_str!("../standards/fhir/extensions.txt"));
/// The search parameters, by the resource that they search.
pub static SEARCH: Table = Table::new(include_str!("../standards/fhir/search.txt"));
/// The value sets with their codes, by URL.
pub static VALUE_SETS: Table = Table::new(include_str!("../standards/fhir/valuesets.txt"));
/// The code systems with their codes, by URL.
pub static CODE_SYSTEMS: Table = Table::new(include_str!("../standards/fhir/codesystems.txt"));
/// The URIs of systems, by the object identifiers that stand for them.
pub static SYSTEMS: Table = Table::new(include_str!("../standards/fhir/systems.txt"));

/// A text of blocks. Where each begins is found out when the first is asked for; no block is read before it is.
pub struct Table {
    text: &'static str,
    places: OnceLock<FxHashMap<&'static str, usize>>,
}

impl Table {
    const fn new(text: &'static str) -> Table {
        Table { text, places: OnceLock::new() }
    }

    /// The lines of the block of that key, its heading first.
    pub fn block(&self, key: &str) -> Option<Lines<'static>> {
        let places = self.places.get_or_init(|| self.headings().map(|(at, heading)| (key_of(heading), at)).collect());
        let block = self.text.get(*places.get(key)?..)?;
        let length = block.find("\n# ").unwrap_or(block.len());
        Some(block.get(..length)?.lines())
    }

    /// What stands behind `# ` in each heading, with the place of the block, in their order.
    pub fn headings(&self) -> impl Iterator<Item = (usize, &'static str)> {
        let text = self.text;
        let first = text.starts_with("# ").then_some(0);
        let others = memmem::find_iter(text.as_bytes(), "\n# ").map(|at| at + 1);
        first.into_iter().chain(others).filter_map(move |at| Some((at, text.get(at + 2..)?.lines().next()?)))
    }

    /// The keys of all blocks, in their order.
    pub fn keys(&self) -> impl Iterator<Item = &'static str> {
        self.headings().map(|(_, heading)| key_of(heading))
    }
}

fn key_of(heading: &str) -> &str {
    heading.split(' ').next().unwrap_or(heading)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_block_is_found_by_its_whole_key() {
        let heading = |key| RESOURCES.block(key).and_then(|mut lines| lines.next());
        assert_eq!(heading("Patient"), Some("# Patient resource DomainResource"));
        assert_eq!(heading("Patient.contact"), Some("# Patient.contact backbone BackboneElement"));
        assert_eq!(heading("Patien"), None);
        assert_eq!(heading(""), None);
    }

    #[test]
    fn no_key_stands_twice_and_the_last_block_ends_with_the_text() {
        for table in [&RESOURCES, &DATATYPES, &RULES, &EXTENSIONS, &SEARCH, &VALUE_SETS, &CODE_SYSTEMS, &SYSTEMS] {
            let keys: Vec<_> = table.keys().collect();
            let lines: usize = keys.iter().map(|key| table.block(key).unwrap().count()).sum();
            assert_eq!(lines, table.text.lines().count(), "each line belongs to one block");
        }
    }
}
