//! What may stand behind a place of a structure.

use super::{Builder, Grammar, Kind, NodeId};
use crate::Name;

impl Grammar {
    /// Whether such a segment has a place behind this node, in its turn: later in the group, in a new turn of a group
    /// around it that repeats, or further out.
    pub fn may_follow(&self, node: NodeId, name: Name) -> bool {
        let builder = Builder::new(self);
        let mut at = node;
        // A grammar is a tree; the bound keeps a damaged one from looping.
        for _ in 0..self.nodes.len() {
            let Some((group, place)) = self.around(at) else { return false };
            let again = at != node && builder.repeats(at);
            let from = if again { place } else { place + 1 };
            if builder.members(group).iter().skip(from).any(|&member| builder.beginning(member, name).is_some()) {
                return true;
            }
            at = group;
        }
        false
    }

    /// The group or choice that a node stands in, and its place there.
    fn around(&self, node: NodeId) -> Option<(NodeId, usize)> {
        (0..).zip(&self.nodes).find_map(|(id, around)| match &around.kind {
            Kind::Group(members) | Kind::Choice(members) => {
                Some((id, members.iter().position(|&member| member == node)?))
            }
            Kind::Segment(_) => None,
        })
    }
}
