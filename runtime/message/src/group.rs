//! Puts the segments of a message into the groups of its structure.
//!
//! Real messages bend their structure, so nothing here fails. Each segment goes to the first of these that there is:
//!
//! 1. the next place of the grammar that can follow, nearest first: later in the open group, a new turn of a group that
//!    repeats, then outward. Members of open groups may be left out, even required ones; a group is opened only
//!    through a segment that can begin it. The nearest place gives way where taking it would leave out the first
//!    members of a new group, while a group around it repeats and began with such a segment: the second ORC of an OML
//!    is the next order, not a prior result of the first without its patient;
//! 2. a member of a group that is still open, though it comes too late or too often: it *joins* the innermost such
//!    group, which stays where it was;
//! 3. a place deeper down that can hold it: the last group of that kind, or a new one *opened inside*.
//!
//! What finds no place is *unplaced*. Each segment is placed once or listed once. The time is linear: a step looks at
//! no more than the grammar.

mod behind;

use std::collections::{BTreeMap, HashMap};

use serde::{Deserialize, Serialize};

use crate::Name;

/// The structure of a message as plain data. Node 0 is the message itself, a group.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Grammar {
    pub nodes: Vec<Node>,
}

/// Index into [`Grammar::nodes`].
pub type NodeId = u32;

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Node {
    /// `PID`, `PATIENT_RESULT`; for people and for finding places, two nodes may share it.
    pub name: String,
    /// Whether it must be there at least once wherever the group around it is.
    pub required: bool,
    pub repeats: bool,
    pub kind: Kind,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Kind {
    Segment(Name),
    /// Members in their order.
    Group(Vec<NodeId>),
    /// One of these in this place. It has no instance of its own: what it holds belongs to the group around it.
    Choice(Vec<NodeId>),
}

impl Grammar {
    /// The nth member of that name of a group, from 0, choices laid open.
    pub fn named(&self, group: NodeId, name: &str, nth: u32) -> Option<NodeId> {
        let node = |id: NodeId| self.nodes.get(usize::try_from(id).ok()?);
        let (Kind::Group(members) | Kind::Choice(members)) = &node(group)?.kind else { return None };
        let is_named = |id: &&NodeId| node(**id).is_some_and(|node| node.name == name);
        let direct = members.iter().filter(is_named).nth(usize::try_from(nth).ok()?).copied();
        direct.or_else(|| {
            let is_choice = |id: &&NodeId| matches!(node(**id).map(|node| &node.kind), Some(Kind::Choice(_)));
            members.iter().filter(is_choice).find_map(|id| self.named(*id, name, 0))
        })
    }

    /// The group around each node: what a choice holds belongs to the group around that.
    pub fn parents(&self) -> BTreeMap<NodeId, NodeId> {
        let mut parents = BTreeMap::new();
        for (node, number) in self.nodes.iter().zip(0..) {
            if let Kind::Group(members) = &node.kind {
                let mut open = members.clone();
                while let Some(member) = open.pop() {
                    parents.insert(member, number);
                    if let Some(Kind::Choice(inner)) = self.nodes.get(member as usize).map(|node| &node.kind) {
                        open.extend(inner);
                    }
                }
            }
        }
        parents
    }
}

/// Index of an instance of a group; 0 is the message.
pub type GroupId = u32;

/// The instances of groups that a message has. Members stand in the order of the file.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Groups {
    groups: Vec<Group>,
    members: Vec<Member>,
    /// For each segment of the message, its index in `members`, or `UNPLACED`.
    places: Vec<u32>,
    pub bent: Vec<Bent>,
}

/// A member of a group that has its place beside another.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Stated {
    pub node: NodeId,
    pub beside: NodeId,
    /// Behind the other, else before it.
    pub after: bool,
}

const UNPLACED: u32 = u32::MAX;
const NONE: u32 = u32::MAX;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Group {
    node: NodeId,
    parent: GroupId,
    first: u32,
    last: u32,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Member {
    node: NodeId,
    parent: GroupId,
    item: Item,
    next: u32,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Item {
    /// Index into the names that were given, those of [`crate::Message::segments`].
    Segment(u32),
    Group(GroupId),
}

/// Where a message bends its structure.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Bent {
    /// The structure has no place for it: an undeclared Z-segment, a line without a name, a foreign segment.
    Unplaced { segment: u32 },
    /// Too late or too often; it joined this group.
    Joined { segment: u32, group: GroupId },
    /// The group was opened by a segment that cannot begin it.
    OpenedInside { segment: u32, group: GroupId },
    /// A required member that the group lacks.
    Missing { group: GroupId, node: NodeId },
}

/// Places each segment, given by name in the order of the message.
pub fn build(grammar: &Grammar, segments: impl IntoIterator<Item = Name>) -> Groups {
    let mut builder = Builder::new(grammar);
    for (index, name) in segments.into_iter().enumerate() {
        builder.place(u32::try_from(index).unwrap_or(u32::MAX), name);
    }
    builder.missing();
    builder.groups
}

impl Groups {
    /// The group that is the message.
    pub const MESSAGE: GroupId = 0;

    /// The node that the group is an instance of.
    pub fn node(&self, group: GroupId) -> NodeId {
        self.group(group).node
    }

    /// The group around it; the message's is itself.
    pub fn parent(&self, group: GroupId) -> GroupId {
        self.group(group).parent
    }

    /// How many instances there are, the message counted.
    pub fn count(&self) -> u32 {
        u32::try_from(self.groups.len()).unwrap_or(u32::MAX)
    }

    /// All members of a group with their nodes, in the order of the file.
    pub fn members(&self, group: GroupId) -> impl Iterator<Item = (NodeId, Item)> {
        let mut at = self.group(group).first;
        std::iter::from_fn(move || {
            let member = self.members.get(usize::try_from(at).ok()?)?;
            at = member.next;
            Some((member.node, member.item))
        })
    }

    /// The segments that stand at this node of the group.
    pub fn segments(&self, group: GroupId, node: NodeId) -> impl Iterator<Item = u32> {
        self.members(group).filter_map(move |(at, item)| match item {
            Item::Segment(segment) if at == node => Some(segment),
            _ => None,
        })
    }

    /// The instances of this node in the group.
    pub fn groups(&self, group: GroupId, node: NodeId) -> impl Iterator<Item = GroupId> {
        self.members(group).filter_map(move |(at, item)| match item {
            Item::Group(inner) if at == node => Some(inner),
            _ => None,
        })
    }

    /// The group and the node at which a segment stands, `None` where it is unplaced.
    pub fn place_of(&self, segment: u32) -> Option<(GroupId, NodeId)> {
        let member = *self.places.get(usize::try_from(segment).ok()?)?;
        let member = self.members.get(usize::try_from(member).ok()?)?;
        Some((member.parent, member.node))
    }

    /// The segments that found no place, in order.
    pub fn unplaced(&self) -> impl Iterator<Item = u32> {
        self.bent.iter().filter_map(|bent| match bent {
            Bent::Unplaced { segment } => Some(*segment),
            _ => None,
        })
    }

    /// The segments that stand, or begin a group that stands, elsewhere than is stated: each with the number of what
    /// states it.
    pub fn misplaced(&self, stated: &[Stated]) -> Vec<(usize, u32)> {
        let mut found = Vec::new();
        if stated.is_empty() {
            return found;
        }
        let late = self.late();
        for group in 0..self.count() {
            for (number, it) in stated.iter().enumerate() {
                let at = |wanted: NodeId| self.members(group).filter(move |(node, _)| *node == wanted);
                let begins = |wanted: NodeId| at(wanted).filter_map(|(_, item)| self.first_segment(item));
                let beside: Vec<u32> = begins(it.beside).collect();
                let bound = if it.after { beside.iter().max() } else { beside.iter().min() };
                let is_wrong = |segment: u32| {
                    bound.is_some_and(|bound| if it.after { segment < *bound } else { segment > *bound })
                };
                let wrong = begins(it.node).filter(|segment| is_wrong(*segment) || late.contains(segment));
                found.extend(wrong.map(|segment| (number, segment)));
            }
        }
        found
    }

    /// Segments that joined a group out of their turn; not those that only came once more behind one of their kind.
    fn late(&self) -> Vec<u32> {
        let once_more = |segment: u32| {
            let before = segment.checked_sub(1).and_then(|before| self.place_of(before));
            before.is_some() && before == self.place_of(segment)
        };
        let joined = self.bent.iter().filter_map(|bent| match bent {
            Bent::Joined { segment, .. } => Some(*segment),
            _ => None,
        });
        joined.filter(|segment| !once_more(*segment)).collect()
    }

    fn first_segment(&self, item: Item) -> Option<u32> {
        let mut item = item;
        // A group is opened through a segment, so that each level has a member.
        for _ in 0..self.groups.len().saturating_add(1) {
            match item {
                Item::Segment(segment) => return Some(segment),
                Item::Group(group) => item = self.members(group).next()?.1,
            }
        }
        None
    }

    fn group(&self, group: GroupId) -> Group {
        let none = Group { node: 0, parent: 0, first: NONE, last: NONE };
        usize::try_from(group).ok().and_then(|index| self.groups.get(index)).copied().unwrap_or(none)
    }
}

/// An open group: its instance, its node and the position of the member that was reached.
#[derive(Clone, Copy)]
struct Open {
    group: GroupId,
    node: NodeId,
    at: usize,
    /// Whether anything stands at that member yet.
    filled: bool,
    /// The segment that opened it.
    began: Name,
}

struct Builder<'g> {
    grammar: &'g Grammar,
    groups: Groups,
    /// From the message to the innermost open group.
    open: Vec<Open>,
    /// The last instance of a node in a group.
    latest: HashMap<(GroupId, NodeId), GroupId>,
}

/// The nodes from a member of a group down to a segment: groups to be opened, then the segment's own.
type Way = Vec<NodeId>;

impl<'g> Builder<'g> {
    fn new(grammar: &'g Grammar) -> Builder<'g> {
        let mut groups = Groups::default();
        groups.groups.push(Group { node: 0, parent: 0, first: NONE, last: NONE });
        let open = vec![Open { group: 0, node: 0, at: 0, filled: false, began: Name::NONE }];
        Builder { grammar, groups, open, latest: HashMap::new() }
    }

    fn place(&mut self, segment: u32, name: Name) {
        self.groups.places.push(UNPLACED);
        let placed =
            !name.is_none() && (self.follow(segment, name) || self.join(segment, name) || self.inside(segment, name));
        if !placed {
            self.groups.bent.push(Bent::Unplaced { segment });
        }
    }

    /// 1. The next place that can follow, from the innermost open group outward.
    fn follow(&mut self, segment: u32, name: Name) -> bool {
        for depth in (0..self.open.len()).rev() {
            let Some(&open) = self.open.get(depth) else { continue };
            for (at, &member) in self.members(open.node).iter().enumerate().skip(open.at) {
                if at == open.at && open.filled && !self.repeats(member) {
                    continue;
                }
                if let Some(way) = self.beginning(member, name) {
                    let (depth, way) = self.next_turn(depth, &way, name).unwrap_or((depth, way));
                    self.open.truncate(depth + 1);
                    self.descend(&way, segment, name);
                    return true;
                }
            }
            // A new turn of this group itself is found one level further out, where it is the member reached last.
        }
        false
    }

    /// A new turn of a group around this place that began with such a segment, where the way leaves out the first
    /// members of what it opens.
    fn next_turn(&self, depth: usize, way: &[NodeId], name: Name) -> Option<(usize, Way)> {
        let leaves_out = way.windows(2).any(|pair| match *pair {
            [group, inner] => self.members(group).first().is_some_and(|&first| !self.stands_at(inner, first)),
            _ => false,
        });
        let mut open = self.open.iter().enumerate().skip(1).rev();
        let (at, turn) = open.find(|(_, open)| open.began == name && self.repeats(open.node))?;
        let way = self.beginning(turn.node, name)?;
        (leaves_out && at <= depth).then_some((at - 1, way))
    }

    /// 2. The innermost open group that has such a member at all. The group stays at the member it had reached.
    fn join(&mut self, segment: u32, name: Name) -> bool {
        for open in self.open.clone().iter().rev() {
            let direct = self.nearest(*open, |node| self.directly(node, name));
            if let Some((_, node)) = direct {
                self.add(open.group, node, Item::Segment(segment));
                self.groups.bent.push(Bent::Joined { segment, group: open.group });
                return true;
            }
        }
        false
    }

    /// 3. Any place below an open group, through the last instances that there are.
    fn inside(&mut self, segment: u32, name: Name) -> bool {
        for depth in (0..self.open.len()).rev() {
            let Some(&open) = self.open.get(depth) else { continue };
            let Some((at, way)) = self.nearest(open, |node| self.anywhere(node, name)) else { continue };
            let (mut group, mut rest) = (open.group, way.as_slice());
            while let [node, below @ ..] = rest
                && !below.is_empty()
                && let Some(last) = self.latest.get(&(group, *node)).copied()
            {
                (group, rest) = (last, below);
            }
            if let [node] = rest {
                self.add(group, *node, Item::Segment(segment));
                self.groups.bent.push(Bent::Joined { segment, group });
            } else if group == open.group && at >= open.at {
                self.open.truncate(depth + 1);
                self.descend(rest, segment, name);
                let group = self.open.last().map_or(0, |open| open.group);
                self.groups.bent.push(Bent::OpenedInside { segment, group });
            } else {
                // Back in a part that was left: opened there, while the place that was reached stays.
                for node in rest {
                    group = self.enter(group, *node, segment);
                }
                self.groups.bent.push(Bent::OpenedInside { segment, group });
            }
            return true;
        }
        false
    }

    /// Opens the groups of the way below the innermost open one and puts the segment at its end.
    fn descend(&mut self, way: &[NodeId], segment: u32, name: Name) {
        for &node in way {
            let Some(parent) = self.open.last().copied() else { return };
            let at = self.members(parent.node).iter().position(|&member| self.stands_at(node, member));
            if let Some(open) = self.open.last_mut() {
                (open.at, open.filled) = (at.unwrap_or(open.at), true);
            }
            let group = self.enter(parent.group, node, segment);
            if group != parent.group {
                self.open.push(Open { group, node, at: 0, filled: false, began: name });
            }
        }
    }

    /// Adds a member: a new instance of a group, which it gives, or the segment to the group itself.
    fn enter(&mut self, parent: GroupId, node: NodeId, segment: u32) -> GroupId {
        if matches!(self.kind(node), Some(Kind::Group(_))) {
            let group = self.groups.count();
            self.groups.groups.push(Group { node, parent, first: NONE, last: NONE });
            self.add(parent, node, Item::Group(group));
            self.latest.insert((parent, node), group);
            group
        } else {
            self.add(parent, node, Item::Segment(segment));
            parent
        }
    }

    fn add(&mut self, parent: GroupId, node: NodeId, item: Item) {
        let groups = &mut self.groups;
        let index = u32::try_from(groups.members.len()).unwrap_or(NONE);
        groups.members.push(Member { node, parent, item, next: NONE });
        let Some(group) = usize::try_from(parent).ok().and_then(|parent| groups.groups.get_mut(parent)) else { return };
        let last = std::mem::replace(&mut group.last, index);
        match usize::try_from(last).ok().and_then(|last| groups.members.get_mut(last)) {
            Some(member) => member.next = index,
            None => group.first = index,
        }
        if let Item::Segment(segment) = item
            && let Some(place) = usize::try_from(segment).ok().and_then(|segment| groups.places.get_mut(segment))
        {
            *place = index;
        }
    }

    /// What required members each group lacks, in the order in which groups were opened.
    fn missing(&mut self) {
        for group in 0..self.groups.count() {
            for &node in self.members(self.groups.node(group)) {
                let there = self.groups.members(group).any(|(at, _)| self.stands_at(at, node));
                if self.node(node).is_some_and(|node| node.required) && !there {
                    self.groups.bent.push(Bent::Missing { group, node });
                }
            }
        }
    }
}

/// Questions to the grammar.
impl<'g> Builder<'g> {
    fn node(&self, node: NodeId) -> Option<&'g Node> {
        self.grammar.nodes.get(usize::try_from(node).ok()?)
    }

    fn kind(&self, node: NodeId) -> Option<&'g Kind> {
        self.node(node).map(|node| &node.kind)
    }

    fn repeats(&self, node: NodeId) -> bool {
        self.node(node).is_some_and(|node| node.repeats)
    }

    fn members(&self, node: NodeId) -> &'g [NodeId] {
        match self.kind(node) {
            Some(Kind::Group(members) | Kind::Choice(members)) => members,
            _ => &[],
        }
    }

    /// Whether a node that was placed stands for this member: it is it, or one of its choices.
    fn stands_at(&self, placed: NodeId, member: NodeId) -> bool {
        placed == member
            || matches!(self.kind(member), Some(Kind::Choice(of)) if of.iter().any(|&one| self.stands_at(placed, one)))
    }

    /// What is found at the member nearest to the one that was reached: it or a later one, else the last before it.
    fn nearest<T>(&self, open: Open, find: impl Fn(NodeId) -> Option<T>) -> Option<(usize, T)> {
        let found = |(at, &member): (usize, &NodeId)| Some((at, find(member)?));
        let mut members = self.members(open.node).iter().enumerate();
        let (before, after) = (members.by_ref().take(open.at).collect::<Vec<_>>(), members);
        after.into_iter().find_map(found).or_else(|| before.into_iter().rev().find_map(found))
    }

    /// The segment's node, if the member is it or a choice of it.
    fn directly(&self, member: NodeId, name: Name) -> Option<NodeId> {
        match self.kind(member)? {
            Kind::Segment(own) => (*own == name).then_some(member),
            Kind::Choice(of) => of.iter().find_map(|&one| self.directly(one, name)),
            Kind::Group(_) => None,
        }
    }

    /// The way from a member to a segment that can be its first.
    fn beginning(&self, member: NodeId, name: Name) -> Option<Way> {
        match self.kind(member)? {
            Kind::Segment(own) => (*own == name).then(|| vec![member]),
            Kind::Choice(of) => of.iter().find_map(|&one| self.beginning(one, name)),
            Kind::Group(members) => {
                for &inner in members {
                    if let Some(way) = self.beginning(inner, name) {
                        return Some([&[member], way.as_slice()].concat());
                    }
                    if self.must_stand(inner) {
                        return None;
                    }
                }
                None
            }
        }
    }

    /// The way from a member to the first such segment anywhere in it.
    fn anywhere(&self, member: NodeId, name: Name) -> Option<Way> {
        match self.kind(member)? {
            Kind::Segment(own) => (*own == name).then(|| vec![member]),
            Kind::Choice(of) => of.iter().find_map(|&one| self.anywhere(one, name)),
            Kind::Group(members) => {
                let way = members.iter().find_map(|&inner| self.anywhere(inner, name))?;
                Some([&[member], way.as_slice()].concat())
            }
        }
    }

    /// Whether the group cannot begin after this member: it is required, and so is something in it.
    fn must_stand(&self, node: NodeId) -> bool {
        self.node(node).is_some_and(|found| {
            found.required
                && match &found.kind {
                    Kind::Segment(_) => true,
                    Kind::Group(members) => members.iter().any(|&member| self.must_stand(member)),
                    Kind::Choice(of) => of.iter().all(|&one| self.must_stand(one)),
                }
        })
    }
}

#[cfg(test)]
mod tests;
