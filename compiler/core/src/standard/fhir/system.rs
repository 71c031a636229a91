//! A code system with all its codes, as bytes that are looked into where they lie: a table of concepts, the order of their
//! codes, and their texts. The same bytes are kept on disk for systems of a hundred thousand codes, which are then read at
//! once and never parsed.
//!
//! All numbers are 32 bits, little-endian. Behind a head come a record for each concept in the order of the system, the
//! numbers of the concepts in the order of their codes, a record for each property, and the texts. What bytes from a disk
//! say wrongly is not there.

use std::cmp::Ordering;

use smol_str::SmolStr;

use super::terminology::Coded;

/// A code system with all its codes.
#[derive(Debug, PartialEq, Eq)]
pub struct CodeSystem {
    pub url: SmolStr,
    pub name: SmolStr,
    bytes: Vec<u8>,
}

/// A code inside its system.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Concept {
    pub code: SmolStr,
    pub display: SmolStr,
    /// 0 at the top; a concept stands below the nearest one before it that is less deep.
    pub depth: u32,
    /// It groups others and is no value of its own.
    pub grouping: bool,
    /// What the system says of it, by name; R4's own say nothing here.
    pub properties: Vec<(SmolStr, SmolStr)>,
    /// Other names of it, in other languages too.
    pub designations: Vec<SmolStr>,
}

/// The form of the bytes; another one is not read.
const FORM: u32 = 0x454d_5203;

/// Form, concepts, properties, whether a concept names those above or below it.
const HEAD: usize = 4 * 4;
/// Code, its length, that of the display behind it, depth, first property, properties.
const CONCEPT: usize = 6 * 4;
/// Name, its length, that of the text behind it.
const PROPERTY: usize = 3 * 4;

const GROUPING: u32 = 1 << 31;

impl CodeSystem {
    pub fn new(url: &str, name: &str, concepts: &[Concept]) -> CodeSystem {
        CodeSystem { url: url.into(), name: name.into(), bytes: packed(concepts) }
    }

    /// A system that was packed before; nothing if these are no such bytes.
    pub fn of_bytes(url: &str, name: &str, bytes: Vec<u8>) -> Option<CodeSystem> {
        let system = CodeSystem { url: url.into(), name: name.into(), bytes };
        (system.number(0) == Some(FORM) && system.texts() <= system.bytes.len()).then_some(system)
    }

    /// What [`CodeSystem::of_bytes`] takes.
    pub fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    pub fn len(&self) -> usize {
        self.count(1)
    }

    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    pub fn find(&self, code: &str) -> Option<Concept> {
        self.concept(self.place(code)?)
    }

    /// Whether the system has it, also to group others.
    pub fn has(&self, code: &str) -> bool {
        self.place(code).is_some()
    }

    /// All of them, in the order of the system.
    pub fn concepts(&self) -> impl Iterator<Item = Concept> {
        (0..self.len()).filter_map(|place| self.concept(place))
    }

    /// Their codes alone.
    pub fn codes(&self) -> impl Iterator<Item = &str> {
        (0..self.len()).filter_map(|place| self.code(place))
    }

    /// The codes that an instance may hold.
    pub fn coded(&self) -> impl Iterator<Item = Coded> {
        self.concepts().filter(|concept| !concept.grouping).map(|concept| Coded {
            system: self.url.clone(),
            code: concept.code,
            display: concept.display,
        })
    }

    /// The codes below that one, without itself.
    pub fn under(&self, code: &str) -> impl Iterator<Item = &str> {
        let start = self.place(code);
        let depth = start.and_then(|start| self.depth(start)).unwrap_or_default();
        let after = start.map_or(self.len(), |start| start + 1);
        let below = (after..self.len()).take_while(move |place| self.depth(*place).is_some_and(|it| it > depth));
        below.filter_map(|place| self.code(place))
    }

    /// Whether a code names those above or below it as its properties, as R4's CodeSystem.property says.
    pub fn is_hung_by_property(&self) -> bool {
        self.number(12).is_some_and(|it| it != 0)
    }

    /// The number of the first concept of a code.
    fn place(&self, code: &str) -> Option<usize> {
        let (mut from, mut to) = (0, self.len());
        while from < to {
            let middle = usize::midpoint(from, to);
            match self.code(self.ordered(middle)?)?.cmp(code) {
                Ordering::Less => from = middle + 1,
                _ => to = middle,
            }
        }
        let place = self.ordered(from)?;
        (self.code(place)? == code).then_some(place)
    }

    fn concept(&self, place: usize) -> Option<Concept> {
        let at = HEAD + place * CONCEPT;
        let (code, display) = self.two_texts(at)?;
        let (depth, first, count) = (self.number(at + 12)?, self.number(at + 16)?, self.number(at + 20)?);
        let last = first.checked_add(count)?;
        // Of damaged bytes a concept could have four billion properties.
        if usize::try_from(last).ok()? > self.count(2) {
            return None;
        }
        let said = (first..last).filter_map(|number| self.property(number));
        let (designations, properties): (Vec<_>, Vec<_>) = said.partition(|(name, _)| name.is_empty());
        Some(Concept {
            code: code.into(),
            display: display.into(),
            depth: depth & !GROUPING,
            grouping: depth & GROUPING != 0,
            properties: properties.into_iter().map(|(name, text)| (name.into(), text.into())).collect(),
            designations: designations.into_iter().map(|(_, text)| text.into()).collect(),
        })
    }

    fn code(&self, place: usize) -> Option<&str> {
        self.two_texts(HEAD + place * CONCEPT).map(|(code, _)| code)
    }

    fn depth(&self, place: usize) -> Option<u32> {
        self.number(HEAD + place * CONCEPT + 12).map(|depth| depth & !GROUPING)
    }

    fn ordered(&self, rank: usize) -> Option<usize> {
        let at = HEAD + self.len() * CONCEPT + rank * 4;
        self.number(at).and_then(|place| usize::try_from(place).ok()).filter(|place| *place < self.len())
    }

    fn property(&self, number: u32) -> Option<(&str, &str)> {
        let at = HEAD + self.len() * (CONCEPT + 4) + usize::try_from(number).ok()?.checked_mul(PROPERTY)?;
        self.two_texts(at)
    }

    /// Where the texts begin.
    fn texts(&self) -> usize {
        HEAD + self.len() * (CONCEPT + 4) + self.count(2) * PROPERTY
    }

    /// The text that a record begins with, and the one behind it.
    fn two_texts(&self, at: usize) -> Option<(&str, &str)> {
        let [start, first, second] =
            [at, at + 4, at + 8].map(|at| self.number(at).and_then(|it| usize::try_from(it).ok()));
        let start = self.texts().checked_add(start?)?;
        let middle = start.checked_add(first?)?;
        let bytes = self.bytes.get(start..middle.checked_add(second?)?)?;
        std::str::from_utf8(bytes).ok()?.split_at_checked(middle - start)
    }

    fn count(&self, number: usize) -> usize {
        // More than there are bytes for are not there.
        let count = self.number(number * 4).and_then(|it| usize::try_from(it).ok()).unwrap_or_default();
        count.min(self.bytes.len() / PROPERTY)
    }

    fn number(&self, at: usize) -> Option<u32> {
        self.bytes.get(at..)?.first_chunk().map(|bytes| u32::from_le_bytes(*bytes))
    }
}

/// More than 4 GiB of texts are of no system; what is behind that is left out.
fn packed(concepts: &[Concept]) -> Vec<u8> {
    let mut texts = String::new();
    let mut two = |first: &str, second: &str| {
        let at = texts.len();
        texts.push_str(first);
        texts.push_str(second);
        [at, first.len(), second.len()].map(|number| u32::try_from(number).unwrap_or(u32::MAX))
    };
    let (mut records, mut properties) = (Vec::new(), Vec::new());
    for concept in concepts {
        let names = concept.designations.iter().map(|name| ("", name.as_str()));
        let said = concept.properties.iter().map(|(name, text)| (name.as_str(), text.as_str())).chain(names);
        let first = properties.len();
        properties.extend(said.map(|(name, text)| two(name, text)));
        let numbers = [first, properties.len() - first].map(|number| u32::try_from(number).unwrap_or(u32::MAX));
        let depth = concept.depth | if concept.grouping { GROUPING } else { 0 };
        records.push((two(&concept.code, &concept.display), depth, numbers));
    }
    let mut order: Vec<u32> = (0..).zip(concepts).map(|(place, _)| place).collect();
    let code = |place: &u32| concepts.get(*place as usize).map(|concept| &concept.code);
    order.sort_by_key(|place| (code(place), *place));
    let hung =
        |concept: &Concept| concept.properties.iter().any(|(name, _)| matches!(name.as_str(), "parent" | "child"));
    let counts = [concepts.len(), properties.len()].map(|count| u32::try_from(count).unwrap_or(u32::MAX));
    let head = [FORM, counts[0], counts[1], u32::from(concepts.iter().any(hung))];
    let records =
        records.into_iter().flat_map(|(texts, depth, numbers)| texts.into_iter().chain([depth]).chain(numbers));
    let numbers = head.into_iter().chain(records).chain(order).chain(properties.into_iter().flatten());
    let mut bytes: Vec<u8> = numbers.flat_map(u32::to_le_bytes).collect();
    bytes.extend_from_slice(texts.as_bytes());
    bytes
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn concept(code: &str, depth: u32) -> Concept {
        let properties = vec![("kind".into(), format!("of {code}").into())];
        let (display, designations) = (format!("called {code}").into(), vec!["ander\u{e9}".into()]);
        Concept { code: code.into(), display, depth, grouping: code == "B", properties, designations }
    }

    #[test]
    fn what_is_packed_is_found() {
        let concepts = [concept("Z", 0), concept("B", 1), concept("A", 2), concept("C", 0), concept("A", 0)];
        let system = CodeSystem::new("http://x.org", "X", &concepts);
        assert_eq!(system.concepts().collect::<Vec<_>>(), concepts);
        assert_eq!(system.find("A").as_ref(), concepts.get(2), "the first of two");
        assert_eq!((system.find("D"), system.find(""), system.has("C")), (None, None, true));
        assert_eq!(system.under("Z").collect::<Vec<_>>(), ["B", "A"]);
        assert_eq!(system.under("nothing").count(), 0);
        assert_eq!(system.coded().count(), 4, "a group is no value");
        assert!(!system.is_hung_by_property());
        let again = CodeSystem::of_bytes("http://x.org", "X", system.bytes().to_vec());
        assert_eq!(again, Some(system));
    }

    proptest! {
        #[test]
        fn damaged_bytes_are_read_without_harm(at in 0usize..400, byte: u8, length in 0usize..400) {
            let concepts = [concept("Z", 0), concept("B", 1), concept("A", 2)];
            let mut bytes = CodeSystem::new("", "", &concepts).bytes().to_vec();
            bytes.truncate(length);
            if let Some(hit) = bytes.get_mut(at) {
                *hit = byte;
            }
            if let Some(system) = CodeSystem::of_bytes("", "", bytes) {
                let _ = (system.concepts().count(), system.find("B"), system.under("Z").count());
            }
        }
    }
}
