//! What HL7 v2 says of a name, in one version or in all of them: shapes made from the embedded facts.
//!
//! Nothing is read before it is asked for, and nothing is read twice.

mod parse;
#[cfg(test)]
mod tests;

use std::fmt;
use std::sync::Arc;

use emr_stdlib::hl7v2::{self as text, Facts};
use smol_str::{SmolStr, format_smolstr};

use crate::standard::memo::Memo;
use crate::standard::shape::Shape;

macro_rules! versions {
    ($($version:ident $text:literal)*) => {
        /// A version of HL7 v2, from the oldest to the newest; the union, which maps read that name no version, is last.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum Version { $($version),* }

        impl Version {
            pub const ALL: &[Version] = &[$(Version::$version),*];

            /// As MSH-12 writes it: `2.5.1`; `union` for the union.
            pub fn text(self) -> &'static str {
                match self { $(Version::$version => $text),* }
            }
        }
    };
}

versions! {
    V2_1 "2.1" V2_2 "2.2" V2_3 "2.3" V2_3_1 "2.3.1" V2_4 "2.4" V2_5 "2.5" V2_5_1 "2.5.1" V2_6 "2.6" V2_7 "2.7"
    V2_7_1 "2.7.1" V2_8 "2.8" V2_8_1 "2.8.1" V2_8_2 "2.8.2" Union "union"
}

impl Version {
    /// The version of that name, nothing where there is none.
    pub fn parse(name: &str) -> Option<Version> {
        Version::ALL.iter().copied().find(|version| version.text() == name)
    }

    fn facts(self) -> &'static Facts {
        let found = text::VERSIONS.iter().find(|(name, _)| *name == self.text());
        &found.expect("a test looks up each version").1
    }
}

impl fmt::Display for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.text())
    }
}

/// The dictionary of all versions. A new one holds nothing; it keeps each shape that it was asked for.
#[derive(Default)]
pub struct Hl7 {
    /// A structure first, then its groups, outer before inner.
    structures: Memo<Option<Arc<[Arc<Shape>]>>>,
    shapes: Memo<Option<Arc<Shape>>>,
    tables: Memo<Option<Arc<Table>>>,
}

/// A table of HL7, or one that each site fills; then it may have no code.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Table {
    /// `0001`.
    pub number: SmolStr,
    pub name: SmolStr,
    /// Each code with its text, which is empty where the sources have none.
    pub codes: Vec<(SmolStr, SmolStr)>,
}

impl Table {
    /// The text of a code; nothing where the table does not have it.
    pub fn text(&self, code: &str) -> Option<&str> {
        self.codes.iter().find(|(known, _)| known == code).map(|(_, text)| text.as_str())
    }

    /// Whether the table has a code, or one that stands for it: `99zzz` for `99LAB`, `HL7nnnn` for `HL70001`.
    pub fn takes(&self, code: &str) -> bool {
        self.codes.iter().any(|(known, _)| known == code || is_written_as(code, known))
    }
}

/// Whether letters and digits stand where a code of a table has a letter three times or more, up to its end: the standard
/// names codes so that sites number or name themselves.
fn is_written_as(code: &str, known: &str) -> bool {
    let is_run = |(_, three): &(usize, &[u8])| matches!(three, [a, b, c] if a.is_ascii_lowercase() && a == b && b == c);
    let Some((stem, rest)) =
        known.as_bytes().windows(3).enumerate().find(is_run).and_then(|(at, _)| known.split_at_checked(at))
    else {
        return false;
    };
    let own = code.strip_prefix(stem).unwrap_or_default();
    rest.bytes().all(|byte| byte.is_ascii_lowercase())
        && !own.is_empty()
        && own.bytes().all(|byte| byte.is_ascii_alphanumeric())
}

impl Hl7 {
    pub fn new() -> Hl7 {
        Hl7::default()
    }

    /// The structure `ADT_A01`: its segments and groups in order; a name may be there more than once. The type of a
    /// member has the segment's name as its shape, or the group's key.
    pub fn structure(&self, version: Version, name: &str) -> Option<Arc<Shape>> {
        self.tree(version, name)?.first().cloned()
    }

    /// The group `ORU_R01.PATIENT_RESULT.ORDER_OBSERVATION`, or `ORU_R01.ORDER_OBSERVATION` where the structure has no
    /// other group of that name.
    pub fn group(&self, version: Version, key: &str) -> Option<Arc<Shape>> {
        let (structure, path) = key.split_once('.')?;
        let tree = self.tree(version, structure)?;
        let groups = tree.get(1..)?;
        let short = format_smolstr!(".{path}");
        groups.iter().find(|group| group.key == key).cloned().or_else(|| {
            let mut ends = groups.iter().filter(|group| group.key.ends_with(short.as_str()));
            ends.next().filter(|_| ends.next().is_none()).cloned()
        })
    }

    /// The segment `PID`: its elements are named by number and titled by name.
    pub fn segment(&self, version: Version, name: &str) -> Option<Arc<Shape>> {
        self.shape(version, "segment", name)
    }

    /// The data type `CX`, whose elements are its components; `ST` has none.
    pub fn datatype(&self, version: Version, name: &str) -> Option<Arc<Shape>> {
        self.shape(version, "datatype", name)
    }

    /// The structure of the messages of a code and an event (MSH-9.1 and .2): `ADT_A01` for `ADT` and `A04`.
    /// A message code without events, or with an acknowledgment's, has the structure of its own name: `ACK`.
    pub fn structure_of(&self, version: Version, code: &str, event: &str) -> Option<&'static str> {
        let both = format_smolstr!("{code}_{event}");
        parse::event(version.facts(), &both).or_else(|| self.structures(version).into_iter().find(|name| *name == code))
    }

    /// The events of a version whose messages have one of these structures: `("ADT", "A04", "ADT_A01")`.
    pub fn events_of(&self, version: Version, structures: &[SmolStr]) -> Vec<(SmolStr, SmolStr, &'static str)> {
        let known = |structure: &str| structures.iter().any(|it| it == structure);
        parse::events(version.facts())
            .filter(|(_, _, structure)| known(structure))
            .map(|(code, event, structure)| (code.into(), event.into(), structure))
            .collect()
    }

    /// The table `0001` (or `v2-0001`) with the codes that it has in any version.
    pub fn table(&self, number: &str) -> Option<Arc<Table>> {
        self.table_in(Version::Union, number)
    }

    /// The table with the codes of one version. Of 2.1 to 2.3 no source has tables: they have the codes of all versions.
    pub fn table_in(&self, version: Version, number: &str) -> Option<Arc<Table>> {
        let number = number.strip_prefix("v2-").unwrap_or(number);
        self.tables.get(&format!("{version} {number}"), || {
            let lines = text::TABLES.block("table", number)?;
            Some(Arc::new(parse::table(version, number, lines)))
        })
    }

    /// The names of all segments of a version.
    pub fn segments(&self, version: Version) -> Vec<&'static str> {
        version.facts().names("segment").collect()
    }

    /// The names of all message structures of a version.
    pub fn structures(&self, version: Version) -> Vec<&'static str> {
        version.facts().names("structure").collect()
    }

    /// The names of all data types of a version.
    pub fn datatypes(&self, version: Version) -> Vec<&'static str> {
        version.facts().names("datatype").collect()
    }

    fn tree(&self, version: Version, name: &str) -> Option<Arc<[Arc<Shape>]>> {
        self.structures.get(&format!("{version} {name}"), || {
            let lines = version.facts().block("structure", name)?;
            Some(parse::structure(name, lines).into_iter().map(Arc::new).collect())
        })
    }

    fn shape(&self, version: Version, kind: &'static str, name: &str) -> Option<Arc<Shape>> {
        self.shapes.get(&format!("{version} {kind} {name}"), || {
            let lines = version.facts().block(kind, name)?;
            Some(Arc::new(parse::shape(kind, name, lines)))
        })
    }
}

impl fmt::Debug for Hl7 {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Hl7")
    }
}
