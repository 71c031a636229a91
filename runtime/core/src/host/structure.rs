//! The groups of a message, as compiled code walks them.

use std::hash::BuildHasher;

use emr_abi::{Group, Member, Node, NodeKind};
use emr_message::Name;
use emr_message::group::{self, Bent, Grammar, Groups, Item, Kind};
use rustc_hash::{FxBuildHasher, FxHashMap};

/// How many orders of segments are remembered.
const KNOWN_MAX: usize = 4096;

/// Builds groups, and remembers those of the orders of segments that came before: the messages of a feed are much alike.
pub struct Structure {
    grammar: Grammar,
    known: Vec<Known>,
    /// Their places in `known`, by the hash of the names.
    places: FxHashMap<u64, usize>,
    last: usize,
}

/// The groups of one order of segments.
pub struct Known {
    names: Vec<Name>,
    /// The first stands for one that is not there.
    pub groups: Vec<Group>,
    pub members: Vec<Member>,
    /// The segments without a place.
    pub unplaced: Vec<u32>,
    pub joined: bool,
}

static NOTHING: Known =
    Known { names: Vec::new(), groups: Vec::new(), members: Vec::new(), unplaced: Vec::new(), joined: false };

impl Structure {
    pub fn new(nodes: &[Node]) -> Structure {
        Structure {
            grammar: Grammar { nodes: nodes.iter().map(node).collect() },
            known: Vec::new(),
            places: FxHashMap::default(),
            last: 0,
        }
    }

    /// The groups that were asked for last.
    pub fn now(&self) -> &Known {
        self.known.get(self.last).unwrap_or(&NOTHING)
    }

    /// The groups of a message with these segments.
    pub fn of(&mut self, names: &[Name]) -> &Known {
        let is_same = |known: Option<&Known>| known.is_some_and(|known| known.names == names);
        if !is_same(self.known.get(self.last)) {
            let hash = FxBuildHasher.hash_one(names);
            let found = self.places.get(&hash).copied().filter(|place| is_same(self.known.get(*place)));
            self.last = found.unwrap_or_else(|| self.add(hash, names));
        }
        self.now()
    }

    fn add(&mut self, hash: u64, names: &[Name]) -> usize {
        if self.known.len() == KNOWN_MAX {
            self.known.clear();
            self.places.clear();
        }
        self.known.push(built(&self.grammar, names));
        self.places.insert(hash, self.known.len() - 1);
        self.known.len() - 1
    }
}

fn node(node: &Node) -> group::Node {
    let kind = match &node.kind {
        NodeKind::Segment(name) => {
            Kind::Segment(std::str::from_utf8(name).ok().and_then(Name::read).unwrap_or(Name::NONE))
        }
        NodeKind::Group(members) => Kind::Group(members.clone()),
        NodeKind::Choice(members) => Kind::Choice(members.clone()),
    };
    group::Node { name: node.name.clone(), required: node.required, repeats: node.repeats, kind }
}

fn built(grammar: &Grammar, names: &[Name]) -> Known {
    let found = if grammar.nodes.is_empty() { Groups::default() } else { group::build(grammar, names.iter().copied()) };
    let none = Group { node: u32::MAX, parent: 0, first: Member::NONE, joined: 0 };
    let mut known =
        Known { names: names.to_vec(), groups: vec![none], members: Vec::new(), unplaced: Vec::new(), joined: false };
    for group in 0..found.count() {
        let first = u32::try_from(known.members.len()).unwrap_or(Member::NONE);
        let members: Vec<_> = found.members(group).collect();
        let count = members.len();
        for (index, (node, item)) in members.into_iter().enumerate() {
            // Segment 0 of the table is one that is not there.
            let item = match item {
                Item::Segment(segment) => segment + 1,
                Item::Group(group) => group,
            };
            let next = if index + 1 == count { Member::NONE } else { first + u32::try_from(index).unwrap_or(0) + 1 };
            known.members.push(Member { node, item, next, spare: 0 });
        }
        let first = if count == 0 { Member::NONE } else { first };
        known.groups.push(Group { node: found.node(group), parent: found.parent(group), first, joined: 0 });
    }
    for bent in &found.bent {
        match bent {
            Bent::Unplaced { segment } => known.unplaced.push(*segment),
            Bent::Joined { group, .. } => {
                known.joined = true;
                if let Some(group) = known.groups.get_mut(*group as usize + 1) {
                    group.joined = 1;
                }
            }
            _ => {}
        }
    }
    known
}
