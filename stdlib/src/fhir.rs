//! The facts of FHIR R4 as text, one on a line, in blocks that open with `# key`.
//!
//! `standards/extract/fhir.py` makes them and says how they are written.

/// The resources, and each of their elements that has elements: `Patient`, `Patient.contact`.
pub const RESOURCES: &str = include_str!("../standards/fhir/resources.txt");
/// The data types with elements, and the primitives with their regexes.
pub const DATATYPES: &str = include_str!("../standards/fhir/datatypes.txt");
/// The extensions that the core package defines, by URL.
pub const EXTENSIONS: &str = include_str!("../standards/fhir/extensions.txt");
/// The search parameters, by the resource that they search.
pub const SEARCH: &str = include_str!("../standards/fhir/search.txt");
/// The value sets with their codes, by URL.
pub const VALUE_SETS: &str = include_str!("../standards/fhir/valuesets.txt");
/// The code systems with their codes, by URL.
pub const CODE_SYSTEMS: &str = include_str!("../standards/fhir/codesystems.txt");

/// The lines of the block `# key …`, its heading first; nothing where the text has no such block.
///
/// It searches the text for the heading and reads no other block.
pub fn block(text: &'static str, key: &str) -> Option<std::str::Lines<'static>> {
    let heading = format!("# {key}");
    let mut from = 0;
    loop {
        let at = from + text.get(from..)?.find(&heading)?;
        let end = at + heading.len();
        let opens = at == 0 || text.as_bytes().get(at - 1) == Some(&b'\n');
        let whole = matches!(text.as_bytes().get(end), Some(b' ' | b'\n'));
        if opens && whole {
            let block = text.get(at..)?;
            let length = block.find("\n# ").unwrap_or(block.len());
            return Some(block.get(..length)?.lines());
        }
        from = end;
    }
}

/// The keys of all blocks, in their order.
pub fn keys(text: &'static str) -> impl Iterator<Item = &'static str> {
    text.lines().filter_map(|line| line.strip_prefix("# ")).filter_map(|heading| heading.split(' ').next())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_block_is_found_by_its_whole_key() {
        let heading = |key| block(RESOURCES, key).and_then(|mut lines| lines.next());
        assert_eq!(heading("Patient"), Some("# Patient resource DomainResource"));
        assert_eq!(heading("Patient.contact"), Some("# Patient.contact backbone BackboneElement"));
        assert_eq!(heading("Patien"), None);
        assert_eq!(heading(""), None);
    }

    #[test]
    fn the_last_block_ends_with_the_text() {
        let last = keys(RESOURCES).last().unwrap();
        assert!(block(RESOURCES, last).unwrap().count() > 1);
    }
}
