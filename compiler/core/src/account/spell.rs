//! The places of a structure, as a map would write them.

use super::Reads;
use emr_message::group::NodeId;

/// `PID`
pub(super) fn name(reads: &Reads, node: NodeId) -> String {
    reads.grammar.nodes.get(node as usize).map(|node| node.name.clone()).unwrap_or_default()
}

/// `PID`; `PATIENT.NTE` where there are several places of that name, `ROL[place 2]` where a group has several.
pub(super) fn place(reads: &Reads, node: NodeId) -> String {
    let own = name(reads, node);
    let named: Vec<NodeId> =
        (0..).zip(&reads.grammar.nodes).filter(|(_, it)| it.name == own).map(|(id, _)| id).collect();
    let beside: Vec<NodeId> =
        named.iter().copied().filter(|other| reads.parents.get(other) == reads.parents.get(&node)).collect();
    let number = beside.iter().position(|other| *other == node).unwrap_or_default() + 1;
    let last = if beside.len() > 1 { format!("{own}[place {number}]") } else { own };
    if named.len() == beside.len() {
        return last;
    }
    // As many groups as tell it from the others.
    let around = groups(reads, node);
    let others: Vec<Vec<String>> =
        named.iter().filter(|other| !beside.contains(other)).map(|other| groups(reads, *other)).collect();
    let told_apart = |count: &usize| {
        let own = around.get(..*count);
        !others.iter().any(|other| other.get(..*count) == own)
    };
    let count = (1..=around.len()).find(told_apart).unwrap_or(around.len());
    let mut path: Vec<String> = around.into_iter().take(count).collect();
    path.reverse();
    path.push(last);
    path.join(".")
}

/// The names of the groups around, the innermost first, without the message.
fn groups(reads: &Reads, node: NodeId) -> Vec<String> {
    let around = std::iter::successors(reads.parents.get(&node), |node| reads.parents.get(node));
    around.filter(|node| **node != 0).map(|node| name(reads, *node)).collect()
}
