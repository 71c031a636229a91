//! Where the objects, lists and texts of a JSON begin and end, so that each byte of it is looked at a few times, however deep it
//! stands. Numbers keep their digits, since nothing is made of them.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::value::RawValue;

/// A JSON, and where each object and list of it stands, in the order in which they begin.
pub struct Outline<'t> {
    text: &'t str,
    nested: Vec<(usize, usize)>,
}

/// A value of it.
#[derive(Clone, Copy)]
pub struct Json<'t> {
    of: &'t Outline<'t>,
    from: usize,
    to: usize,
}

impl<'t> Outline<'t> {
    /// Nothing for what is no JSON.
    pub fn of(json: &'t [u8]) -> Option<Outline<'t>> {
        let json: &RawValue = serde_json::from_slice(json).ok()?;
        let mut outline = Outline { text: json.get(), nested: Vec::new() };
        let (mut open, mut at) = (Vec::new(), 0);
        while let Some(byte) = outline.byte(at) {
            match byte {
                b'"' => {
                    at = outline.text_end(at);
                    continue;
                }
                b'{' | b'[' => {
                    open.push(outline.nested.len());
                    outline.nested.push((at, at));
                }
                b'}' | b']' => {
                    let begun = open.pop().and_then(|number| outline.nested.get_mut(number));
                    begun.into_iter().for_each(|(_, end)| *end = at + 1);
                }
                _ => {}
            }
            at += 1;
        }
        Some(outline)
    }

    pub fn root(&'t self) -> Json<'t> {
        Json { of: self, from: 0, to: self.text.len() }
    }

    fn byte(&self, at: usize) -> Option<u8> {
        self.text.as_bytes().get(at).copied()
    }

    /// The end of the text that begins with the quote there.
    fn text_end(&self, from: usize) -> usize {
        let mut at = from + 1;
        while let Some(found) = memchr::memchr2(b'"', b'\\', self.text.as_bytes().get(at..).unwrap_or_default()) {
            at += found;
            if self.byte(at) == Some(b'"') {
                return at + 1;
            }
            at += 2;
        }
        self.text.len()
    }

    fn value_at(&'t self, from: usize) -> Json<'t> {
        let to = match self.byte(from) {
            Some(b'"') => self.text_end(from),
            Some(b'{' | b'[') => {
                let found = self.nested.binary_search_by_key(&from, |(begin, _)| *begin);
                found.ok().and_then(|number| self.nested.get(number)).map_or(self.text.len(), |(_, end)| *end)
            }
            _ => self.run(from, |byte| !is_between(byte) && !matches!(byte, b'}' | b']')),
        };
        Json { of: self, from, to }
    }

    /// Behind what holds this.
    fn run(&self, from: usize, holds: impl Fn(u8) -> bool) -> usize {
        let rest = self.text.as_bytes().get(from..).unwrap_or_default();
        rest.iter().position(|byte| !holds(*byte)).map_or(self.text.len(), |length| from + length)
    }
}

impl<'t> Json<'t> {
    pub fn text(self) -> &'t str {
        self.of.text.get(self.from..self.to).unwrap_or_default()
    }

    /// What it begins with, by which it is known what it is.
    pub fn first(self) -> u8 {
        self.of.byte(self.from).unwrap_or_default()
    }

    pub fn is_null(self) -> bool {
        self.first() == b'n'
    }

    /// A leaf of it as what it stands for.
    pub fn read<T: Deserialize<'t>>(self) -> Option<T> {
        serde_json::from_str(self.text()).ok()
    }

    /// Those of an object, the last of each name; nothing of what is none.
    pub fn members(self) -> Option<BTreeMap<String, Json<'t>>> {
        let mut members = BTreeMap::new();
        let mut values = Values::of(self, b'{')?;
        while let Some((name, value)) = values.next().and_then(|name| Some((name, values.next()?))) {
            members.insert(name.read()?, value);
        }
        Some(members)
    }

    /// Those of a list.
    pub fn items(self) -> Option<Vec<Json<'t>>> {
        Values::of(self, b'[').map(Iterator::collect)
    }
}

/// The names and values of an object, or the items of a list, in their order.
struct Values<'t> {
    of: &'t Outline<'t>,
    at: usize,
}

impl<'t> Values<'t> {
    fn of(json: Json<'t>, begin: u8) -> Option<Values<'t>> {
        (json.first() == begin).then_some(Values { of: json.of, at: json.from + 1 })
    }
}

impl<'t> Iterator for Values<'t> {
    type Item = Json<'t>;

    fn next(&mut self) -> Option<Json<'t>> {
        let at = self.of.run(self.at, is_between);
        if matches!(self.of.byte(at)?, b'}' | b']') {
            return None;
        }
        let value = self.of.value_at(at);
        self.at = value.to;
        Some(value)
    }
}

/// Whether it stands between values: the text is known to be JSON.
fn is_between(byte: u8) -> bool {
    matches!(byte, b' ' | b'\t' | b'\n' | b'\r' | b',' | b':')
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::{Value, json};

    use super::*;

    /// The same as serde_json has it.
    fn whole(json: Json<'_>) -> Value {
        if let Some(members) = json.members() {
            return members.into_iter().map(|(name, value)| (name, whole(value))).collect();
        }
        match json.items() {
            Some(items) => items.into_iter().map(whole).collect(),
            None => json.read().unwrap(),
        }
    }

    fn any_json() -> impl Strategy<Value = Value> {
        let leaf = prop_oneof![
            Just(Value::Null),
            any::<bool>().prop_map(Value::from),
            any::<i64>().prop_map(Value::from),
            "[\\PC\"\\\\\\[\\]{},:\n]{0,6}".prop_map(Value::from),
        ];
        leaf.prop_recursive(5, 40, 5, |inner| {
            let list = prop::collection::vec(inner.clone(), 0..5).prop_map(Value::from);
            prop_oneof![list, prop::collection::btree_map("[a\"\\\\{}]{0,3}", inner, 0..5).prop_map(|it| json!(it))]
        })
    }

    proptest! {
        #[test]
        fn each_value_is_found(value in any_json(), is_pretty in any::<bool>()) {
            let text = if is_pretty { serde_json::to_string_pretty(&value) } else { serde_json::to_string(&value) };
            let text = text.unwrap();
            let outline = Outline::of(text.as_bytes()).unwrap();
            prop_assert_eq!(whole(outline.root()), value);
        }
    }

    #[test]
    fn numbers_are_as_they_are_written() {
        let outline = Outline::of(b" [ 1.50,-0.0e1 ,null] ").unwrap();
        let items: Vec<_> = outline.root().items().unwrap().into_iter().map(Json::text).collect();
        assert_eq!(items, ["1.50", "-0.0e1", "null"]);
        assert!(Outline::of(b"[1,]").is_none());
    }
}
