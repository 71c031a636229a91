//! A compiled plan as data: what a host needs to run it, and nothing of the machine that made it.

use serde::{Deserialize, Serialize};

use crate::Layout;

/// Machine code without relocations, and all that it refers to by number.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Program {
    /// Entered at [`Program::entry`] with the context and the place of output; gives the place behind what it wrote, or
    /// 0 where [`crate::Context::stop`] says why.
    pub code: Vec<u8>,
    pub entry: u32,
    pub layout: Layout,
    pub constants: Vec<u8>,
    /// How many bytes may be written behind [`crate::Context::limit`].
    pub reserve: u32,
    /// How many lists the code uses; the first stays empty.
    pub lists: u32,
    /// The structure of the message; node 0 is the message itself. Empty for a map over segments.
    pub nodes: Vec<Node>,
    /// What is said of a segment that stands elsewhere than its profile has it, by number.
    pub stated: Vec<(Stated, u32)>,
    pub takes: Vec<Take>,
    pub gives: Gives,
    /// Whether resources are written where the Bundle has them, and then whether each asks a server for something.
    pub in_place: Option<bool>,
    /// Whether code notes the edits of a message that is changed, instead of writing them.
    pub edits: bool,
    /// Whether an id can be seen where there is but one resource.
    pub refers: bool,
    pub emits: Vec<Emit>,
    pub patterns: Vec<String>,
    /// Rows by their keys, as `emr_message::Table` lays them out, with all texts as JSON holds them.
    pub tables: Vec<Vec<u8>>,
    /// The numbers of those that come with each message, by the names that answers have.
    pub asked: Vec<(u32, String)>,
    /// What issues and refusals say, by number.
    pub issues: Vec<Said>,
    /// The numbers of what the engine itself says: a segment without a place, and several values where one is expected.
    pub unplaced: u32,
    pub several: u32,
    /// And of a message that is made: a charset that lacks a character, and one that is not known.
    pub lacking: u32,
    pub unknown_charset: u32,
    /// And what refuses a message that the map skips.
    pub skipped: u32,
    /// For people: where each function of the code begins, and the routine that it is.
    pub functions: Vec<(u32, String)>,
    /// For people: from where in the code on which rule of the mapping it comes of; nothing for what is of none.
    pub origins: Vec<(u32, Option<u32>)>,
}

/// What an issue or a refusal says; never a word of the message.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Said {
    /// `R0501`
    pub code: String,
    pub text: String,
    /// The rule of the mapping that says it; nothing for what the engine says.
    pub rule: Option<u32>,
    /// The first that says the same, so that it is said once of one place.
    pub same: u32,
}

/// A place of the structure, as `emr_message::group::Node` has it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Node {
    pub name: String,
    pub required: bool,
    pub repeats: bool,
    pub kind: NodeKind,
}

/// A member of a group that has its place beside another, as `emr_message::group::Stated` has it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Stated {
    pub node: u32,
    pub beside: u32,
    pub after: bool,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum NodeKind {
    Segment([u8; 3]),
    Group(Vec<u32>),
    Choice(Vec<u32>),
}

/// The members of each group, numbered.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Slots {
    /// Of each node its number in the group around it, choices left out.
    pub of: Vec<u32>,
    /// Of each group how many there are in it; 0 for other nodes.
    pub widths: Vec<u32>,
}

impl Slots {
    pub fn new(nodes: &[Node]) -> Slots {
        let mut slots = Slots { of: vec![0; nodes.len()], widths: vec![0; nodes.len()] };
        for group in 0..nodes.len() {
            if let Some(NodeKind::Group(members)) = nodes.get(group).map(|node| &node.kind) {
                let width = slots.number(nodes, members, 0);
                if let Some(known) = slots.widths.get_mut(group) {
                    *known = width;
                }
            }
        }
        slots
    }

    /// Numbers them from `next` on, and gives the next that is free.
    fn number(&mut self, nodes: &[Node], members: &[u32], next: u32) -> u32 {
        members.iter().fold(next, |next, member| {
            let member = usize::try_from(*member).unwrap_or(usize::MAX);
            match nodes.get(member).map(|node| &node.kind) {
                Some(NodeKind::Choice(members)) => self.number(nodes, members, next),
                _ => {
                    if let Some(slot) = self.of.get_mut(member) {
                        *slot = next;
                    }
                    next + 1
                }
            }
        })
    }
}

/// Where a parameter of the entry comes from. It is handed over as one word in [`crate::Context::results`]. What is required
/// is the number of what refuses a message without it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Take {
    /// The group that is the message, 0.
    Message,
    /// The first segment of the kind, by its number in [`crate::Context::segments`].
    Segment {
        name: String,
        kind: u32,
        required: Option<u32>,
    },
    /// All of them, in a list of that number.
    Segments {
        name: String,
        kind: u32,
        required: Option<u32>,
        list: u32,
    },
    /// A resource of FHIR of that type, which comes in place of a message or beside one: its node, 1, or 0 without one.
    Resource(String),
    Nothing,
}

/// What the entry writes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum Gives {
    Bundle,
    /// Its first entry; a Bundle of type `collection` if there are more.
    Resource,
    /// JSON of any kind.
    #[default]
    Value,
    /// A message, in the JSON of `emr_message::encode`.
    Message,
}

/// A resource that the plan emits.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Emit {
    pub resource: String,
    pub sent: Sent,
    /// The place in the mapping that makes its identity where the key is missing, and the rule's number, by which turns
    /// are counted.
    pub place: String,
    pub rule: u32,
    pub issue: u32,
    pub key: Vec<KeyPart>,
}

/// What becomes of a resource that has a key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Sent {
    Whole,
    IfNew,
    Patch,
    /// It is referred to, and never written.
    Never,
}

/// One part of what makes two resources the same.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct KeyPart {
    /// The search parameter, if a server finds the resource by it.
    pub parameter: Option<String>,
    pub value: KeyValue,
}

/// How a part of a key stands in [`crate::Context::results`]: four words for a token (system, code), two for a text, one
/// for the number of an entry.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum KeyValue {
    Text,
    Token,
    Reference,
}

impl KeyValue {
    pub fn words(self) -> usize {
        match self {
            KeyValue::Text => 2,
            KeyValue::Token => 4,
            KeyValue::Reference => 1,
        }
    }
}
