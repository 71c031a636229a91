//! The groups of a message, as compiled code walks them.

use std::hash::BuildHasher;
use std::hint::black_box;

use emr_abi::{Group, Member, Node, NodeKind, Slots, Stated};
use emr_message::Name;
use emr_message::group::{self, Bent, Grammar, Groups, Item, Kind};
use rustc_hash::{FxBuildHasher, FxHashMap};

use super::text::name;

/// How many orders of segments are remembered.
const KNOWN_MAX: usize = 4096;

/// Builds groups, and remembers those of the orders of segments that came before: the messages of a feed are much alike.
pub struct Structure {
    grammar: Grammar,
    slots: Slots,
    stated: Vec<group::Stated>,
    known: Vec<Known>,
    /// Their places in `known`, by the hash of the names.
    places: FxHashMap<u64, usize>,
    last: usize,
}

/// The groups of one order of segments.
pub struct Known {
    /// The names of its segments ([`super::text::tag`]).
    tags: Vec<u32>,
    /// The first stands for one that is not there.
    pub groups: Vec<Group>,
    pub firsts: Vec<u32>,
    pub members: Vec<Member>,
    /// The segments without a place.
    pub unplaced: Vec<u32>,
    /// Those that stand elsewhere than is stated, each behind the number of what states it.
    pub misplaced: Vec<(usize, u32)>,
    pub joined: bool,
}

static NOTHING: Known = Known {
    tags: Vec::new(),
    groups: Vec::new(),
    firsts: Vec::new(),
    members: Vec::new(),
    unplaced: Vec::new(),
    misplaced: Vec::new(),
    joined: false,
};

impl Structure {
    pub fn new(nodes: &[Node], stated: &[(Stated, u32)]) -> Structure {
        let place = |it: &Stated| group::Stated { node: it.node, beside: it.beside, after: it.after };
        Structure {
            stated: stated.iter().map(|(stated, _)| place(stated)).collect(),
            grammar: Grammar { nodes: nodes.iter().map(node).collect() },
            slots: Slots::new(nodes),
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
    pub fn of(&mut self, tags: &[u32]) -> &Known {
        let is_same = |known: Option<&Known>| known.is_some_and(|known| known.tags == tags);
        if !is_same(self.known.get(self.last)) {
            let hash = FxBuildHasher.hash_one(tags);
            let found = self.places.get(&hash).copied().filter(|place| is_same(self.known.get(*place)));
            self.last = found.unwrap_or_else(|| self.add(hash, tags));
            self.now().touch();
        }
        self.now()
    }

    fn add(&mut self, hash: u64, tags: &[u32]) -> usize {
        if self.known.len() == KNOWN_MAX {
            self.known.clear();
            self.places.clear();
        }
        self.known.push(Known::new(&self.grammar, &self.slots, &self.stated, tags));
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

impl Known {
    fn new(grammar: &Grammar, slots: &Slots, stated: &[group::Stated], tags: &[u32]) -> Known {
        let nothing = grammar.nodes.is_empty();
        let names = tags.iter().map(|tag| name(*tag));
        let found = if nothing { Groups::default() } else { group::build(grammar, names) };
        let widest = slots.widths.iter().max().map_or(0, |width| *width as usize);
        let mut known = Known {
            tags: tags.to_vec(),
            groups: vec![Group { parent: 0, firsts: 0, joined: 0 }],
            // The first are those of the group that is not there.
            firsts: vec![Member::NONE; widest],
            members: Vec::new(),
            unplaced: Vec::new(),
            misplaced: found.misplaced(stated),
            joined: false,
        };
        for group in 0..found.count() {
            let firsts = known.firsts.len();
            let width = slots.widths.get(found.node(group) as usize).map_or(0, |width| *width as usize);
            known.firsts.resize(firsts + width, Member::NONE);
            let mut lasts = vec![None; width];
            for (node, item) in found.members(group) {
                known.add(firsts, slots.of.get(node as usize).map_or(0, |slot| *slot as usize), &mut lasts, item);
            }
            let firsts = u32::try_from(firsts).unwrap_or(0);
            known.groups.push(Group { parent: found.parent(group), firsts, joined: 0 });
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

    /// Reads the tables once, a little of each line of the cache: they may have waited long, and code goes from one to the
    /// next, so that it would wait for each by itself.
    fn touch(&self) {
        let groups = self.groups.iter().step_by(5).map(|group| group.parent);
        let firsts = self.firsts.iter().step_by(16).copied();
        let members = self.members.iter().step_by(8).map(|member| member.item);
        black_box(groups.chain(firsts).chain(members).fold(0, |all, word| all ^ word));
    }

    /// Notes a member behind the last in its slot.
    fn add(&mut self, firsts: usize, slot: usize, lasts: &mut [Option<usize>], item: Item) {
        // Segment 0 of the table is one that is not there.
        let item = match item {
            Item::Segment(segment) => segment + 1,
            Item::Group(group) => group,
        };
        let index = self.members.len();
        self.members.push(Member { item, next: Member::NONE });
        let Some(last) = lasts.get_mut(slot) else { return };
        let before = match last.replace(index) {
            Some(before) => self.members.get_mut(before).map(|member| &mut member.next),
            None => self.firsts.get_mut(firsts + slot),
        };
        if let Some(before) = before {
            *before = u32::try_from(index).unwrap_or(Member::NONE);
        }
    }

    /// The second segment in a slot of a group that one joined out of its turn, by its number in the table.
    pub fn joined(&self, group: u64, slot: u64) -> Option<u32> {
        let group = self.groups.get(usize::try_from(group.wrapping_add(1)).ok()?).filter(|group| group.joined != 0)?;
        let first = *self.firsts.get(group.firsts as usize + usize::try_from(slot).ok()?)?;
        let second = self.members.get(self.members.get(first as usize)?.next as usize)?;
        Some(second.item)
    }
}
