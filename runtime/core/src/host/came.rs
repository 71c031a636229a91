//! A resource of FHIR that came, taken apart once: what is in it has numbers, by which compiled code names it.
//!
//! Number 0 is what is missing, 1 the resource itself; what is below something has higher numbers than that and lower ones
//! than what is behind it. Lists that are made of others on the way get the numbers behind all these. Its texts stand as
//! JSON holds them ([`emr_message::json`]), so that code copies them as it copies those of a message.

mod read;
mod refer;

use std::borrow::Cow;

use refer::Addresses;

/// The number of the resource itself.
pub const ROOT: u32 = 1;

/// The most items that lists which are made on the way may have in all; what makes more is the interpreter's.
const MADE_MAX: usize = 1 << 20;

/// The resource of one message; its memory is used again for the next.
#[derive(Default)]
pub struct Came {
    /// The resource as JSON without blanks, the texts that had to be written in another way, [`emr_abi::SLACK`].
    text: Vec<u8>,
    nodes: Vec<Node>,
    items: Vec<u32>,
    members: Vec<(Span, u32)>,
    /// Of lists and objects that are read.
    open_items: Vec<u32>,
    open_members: Vec<(Span, u32)>,
    /// How many nodes and items are of what came.
    read: (usize, usize),
    flags: u64,
    /// What references are followed by, once somebody follows one.
    addresses: Option<Addresses>,
}

/// From where to where something stands.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Span {
    from: u32,
    to: u32,
}

impl Span {
    fn of<T>(self, all: &[T]) -> &[T] {
        all.get(self.from as usize..self.to as usize).unwrap_or_default()
    }
}

#[derive(Clone, Copy)]
struct Node {
    what: What,
    /// In the text.
    whole: Span,
    /// The first number behind all that is below it.
    next: u32,
}

#[derive(Clone, Copy)]
enum What {
    Null,
    /// A number or a boolean.
    Bare,
    /// Between its quotes.
    Text(Span),
    List(Span),
    Object(Span),
    /// A list of JSON that was found below the items of another.
    Found(Span),
    /// A list of values, all of which are there.
    Several(Span),
}

/// More is asked for than there is room for.
#[derive(Debug)]
pub struct TooMuch;

impl Came {
    /// No resource came.
    pub fn clear(&mut self) {
        self.nodes.clear();
        self.flags = 0;
    }

    /// Forgets the lists that were made on the way.
    pub fn begin_anew(&mut self) {
        let (nodes, items) = self.read;
        self.nodes.truncate(nodes);
        self.items.truncate(items);
    }

    /// The resource, if one came.
    pub fn root(&self) -> u32 {
        if self.nodes.is_empty() { 0 } else { ROOT }
    }

    /// The type of the resource, as it says itself.
    pub fn type_of(&self, node: u32) -> Option<&str> {
        self.text_of(self.member(node, "resourceType")?)
    }

    /// Bits of [`emr_abi::Context::flags`] that its texts ask for.
    pub fn flags(&self) -> u64 {
        self.flags
    }

    fn node(&self, number: u32) -> Option<&Node> {
        self.nodes.get(number as usize).filter(|_| number > 0)
    }

    fn what(&self, number: u32) -> What {
        self.node(number).map_or(What::Null, |node| node.what)
    }

    fn shown(&self, span: Span) -> &str {
        // The text was a `str`, and is cut at its quotes and brackets.
        std::str::from_utf8(span.of(&self.text)).unwrap_or_default()
    }

    /// The text of a JSON string, as it stands in JSON.
    fn text_of(&self, number: u32) -> Option<&str> {
        match self.what(number) {
            What::Text(span) => Some(self.shown(span)),
            _ => None,
        }
    }

    /// The text of a primitive, ready for JSON.
    pub fn leaf(&self, number: u32) -> Option<&[u8]> {
        let node = self.node(number)?;
        match node.what {
            What::Text(span) => Some(span.of(&self.text)),
            What::Bare => Some(node.whole.of(&self.text)),
            _ => None,
        }
    }

    /// The member of that name, the first if there are several.
    fn member(&self, number: u32, name: &str) -> Option<u32> {
        let What::Object(members) = self.what(number) else { return None };
        let named = |(its, _): &&(Span, u32)| its.of(&self.text) == name.as_bytes();
        members.of(&self.members).iter().find(named).map(|(_, value)| *value)
    }

    /// Whether anything is in it.
    pub fn is_there(&self, number: u32) -> bool {
        match self.what(number) {
            What::Null => false,
            What::Bare => true,
            What::Text(span) | What::Object(span) | What::Several(span) => span.from < span.to,
            What::List(span) | What::Found(span) => span.of(&self.items).iter().any(|item| self.is_there(*item)),
        }
    }

    /// Whether it counts as a value of the message, though nothing need be in it.
    pub fn is_live(&self, number: u32) -> bool {
        match self.what(number) {
            What::Several(span) => span.from < span.to,
            _ => self.node(number).is_some(),
        }
    }

    /// All items of a list; nothing for what is none.
    fn listed(&self, number: u32) -> Option<&[u32]> {
        match self.what(number) {
            What::List(span) | What::Found(span) | What::Several(span) => Some(span.of(&self.items)),
            _ => None,
        }
    }

    /// The items that are there; one value is a list of one.
    pub fn items(&self, number: u32) -> impl Iterator<Item = u32> {
        let all = self.listed(number).map(<[u32]>::iter);
        let one = all.is_none().then_some(number);
        all.into_iter().flatten().copied().chain(one).filter(|item| self.is_there(*item))
    }

    /// The first item of a list that is there, 0 without one; all else is itself.
    pub fn first(&self, number: u32) -> u32 {
        match self.listed(number) {
            Some(_) => self.items(number).next().unwrap_or(0),
            None => number,
        }
    }

    /// The element of the first of these names that is there.
    pub fn element(&mut self, number: u32, names: &str) -> Result<u32, TooMuch> {
        self.below(number, &|came, item| names.split('|').find_map(|name| came.member(item, name)))
    }

    /// It, if it is a resource of that type.
    pub fn of_type(&mut self, number: u32, name: &str) -> Result<u32, TooMuch> {
        self.below(number, &|came, item| (came.type_of(item) == Some(name)).then_some(item))
    }

    /// What a step finds in something, or in each item of a list.
    fn below(&mut self, number: u32, step: &dyn Fn(&Came, u32) -> Option<u32>) -> Result<u32, TooMuch> {
        let made = self.items.len();
        match self.what(number) {
            What::List(span) | What::Found(span) => {
                for index in span.from..span.to {
                    let item = self.item(index);
                    if let Some(found) = step(self, item) {
                        self.open(found);
                    }
                }
                self.keep(made, What::Found)
            }
            What::Several(span) => {
                for index in span.from..span.to {
                    let found = self.below(self.item(index), step)?;
                    let there: Vec<u32> = self.items(found).collect();
                    self.items.extend(there);
                }
                self.keep(made, What::Several)
            }
            _ => Ok(step(self, number).unwrap_or(0)),
        }
    }

    fn item(&self, index: u32) -> u32 {
        self.items.get(index as usize).copied().unwrap_or(0)
    }

    /// Adds a value to the list that is made: a list with all of its items.
    fn open(&mut self, number: u32) {
        match self.what(number) {
            What::Null => {}
            What::List(Span { from, to }) | What::Found(Span { from, to }) => {
                self.items.extend_from_within(from as usize..to as usize);
            }
            _ => self.items.push(number),
        }
    }

    /// The items behind that place as a list of its own.
    fn keep(&mut self, from: usize, what: fn(Span) -> What) -> Result<u32, TooMuch> {
        let (nodes, items) = self.read;
        if self.items.len() > items + MADE_MAX || self.nodes.len() > nodes + MADE_MAX {
            return Err(TooMuch);
        }
        let span = Span { from: short(from), to: short(self.items.len()) };
        let number = short(self.nodes.len());
        self.nodes.push(Node { what: what(span), whole: Span::default(), next: number });
        Ok(number)
    }

    /// A list of values that are there.
    pub fn several(&mut self, values: &[u64]) -> Result<u32, TooMuch> {
        let made = self.items.len();
        let numbers = values.iter().filter_map(|value| u32::try_from(*value).ok());
        self.items.extend(numbers);
        self.keep(made, What::Several)
    }

    /// As JSON, without blanks.
    pub fn json(&self, number: u32) -> Cow<'_, [u8]> {
        let Some(node) = self.node(number) else { return Cow::Borrowed(b"null") };
        match node.what {
            What::Found(_) => Cow::Owned([b"[", self.json_items(number).as_ref(), b"]"].concat()),
            // It is no JSON, and as a text it is none.
            What::Several(_) => Cow::Borrowed(b"\"\""),
            _ => Cow::Borrowed(node.whole.of(&self.text)),
        }
    }

    /// The items of a list as JSON, `null` too, without the brackets around them; of one value itself.
    pub fn json_items(&self, number: u32) -> Cow<'_, [u8]> {
        let Some(items) = self.listed(number) else { return self.json(number) };
        let items: Vec<Cow<[u8]>> = items.iter().map(|item| self.json(*item)).collect();
        Cow::Owned(items.join(&b","[..]))
    }

    /// What two values have in common that are equal as a whole.
    pub fn identity(&self, number: u32) -> Cow<'_, [u8]> {
        self.leaf(number).map_or_else(|| self.json(number), Cow::Borrowed)
    }
}

/// What is longer than that was refused before.
fn short(number: usize) -> u32 {
    u32::try_from(number).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn came(text: &str) -> Came {
        let mut came = Came::default();
        came.read(text).unwrap();
        came
    }

    fn shown(came: &Came, number: u32) -> String {
        String::from_utf8(came.json(number).into_owned()).unwrap()
    }

    fn element(came: &mut Came, path: &str) -> u32 {
        path.split('.').fold(ROOT, |at, names| came.element(at, names).unwrap())
    }

    #[test]
    fn an_element_of_a_list_is_that_of_all_its_items() {
        let mut came = came(r#"{"name":[{"given":["A","B"]},{},{"given":["C",null]}]}"#);
        let given = element(&mut came, "name.given");
        assert_eq!(shown(&came, given), r#"["A","B","C",null]"#);
        assert_eq!(came.json_items(given).as_ref(), br#""A","B","C",null"#);
        let items: Vec<String> = came.items(given).map(|item| shown(&came, item)).collect();
        assert_eq!(items, [r#""A""#, r#""B""#, r#""C""#]);
        let first = came.first(given);
        assert_eq!(came.leaf(first), Some(&b"A"[..]));
        assert_eq!((came.first(ROOT), came.items(ROOT).count()), (ROOT, 1));
    }

    #[test]
    fn the_first_name_that_is_there_is_taken_and_the_first_of_two_members() {
        let mut came = came(r#"{"b":1,"a":true,"b":2}"#);
        let found = ["a|b", "c|b", "c|d"].map(|names| element(&mut came, names));
        assert_eq!(found.map(|number| shown(&came, number)), ["true", "1", "null"]);
        assert_eq!(found.map(|number| came.is_live(number)), [true, true, false]);
    }

    #[test]
    fn nothing_is_in_what_is_empty() {
        let mut came = came(r#"{"a":[],"b":[null,{}],"c":{},"d":"","e":[{"f":0}],"g":false}"#);
        let there = ["a", "b", "c", "d", "e", "e.f", "g", "h"].map(|path| {
            let number = element(&mut came, path);
            came.is_there(number)
        });
        assert_eq!(there, [false, false, false, false, true, true, true, false]);
    }

    #[test]
    fn resources_of_a_type_are_found_among_others() {
        let bundle =
            r#"{"entry":[{"resource":{"resourceType":"Patient","id":"1"}},{"resource":{"resourceType":"Person"}}]}"#;
        let mut came = came(bundle);
        let all = element(&mut came, "entry.resource");
        let patients = came.of_type(all, "Patient").unwrap();
        assert_eq!(shown(&came, patients), r#"[{"resourceType":"Patient","id":"1"}]"#);
        assert_eq!(came.of_type(ROOT, "Bundle").unwrap(), 0);
    }

    #[test]
    fn a_list_of_values_holds_what_is_there_and_is_no_json() {
        let mut came = came(r#"{"a":[{"b":["x",""]},{"b":null}]}"#);
        let list = element(&mut came, "a");
        let items: Vec<u64> = came.items(list).map(u64::from).collect();
        let several = came.several(&items).unwrap();
        let below = came.element(several, "b").unwrap();
        assert_eq!(came.items(below).count(), 1);
        assert_eq!((shown(&came, below), came.is_live(below)), ("\"\"".to_owned(), true));
        let none = came.several(&[]).unwrap();
        assert!(!came.is_live(none) && !came.is_there(none));
    }

    #[test]
    fn lists_that_are_made_have_an_end() {
        let text = format!(r#"{{"a":[{}1]}}"#, "1,".repeat(10_000));
        let mut came = came(&text);
        let list = element(&mut came, "a");
        let items: Vec<u64> = came.items(list).map(u64::from).collect();
        assert!((0..200).any(|_| came.several(&items).is_err()));
    }
}
