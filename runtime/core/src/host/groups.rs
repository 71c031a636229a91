//! Items of a list by what they have in common: which group each is of, and those of a group in the order of the list.

use rustc_hash::FxHashMap;

/// Of one list. Its memory is used again.
#[derive(Default)]
pub struct Grouped {
    known: FxHashMap<Box<str>, u32>,
    /// The numbers of items, group after group, and where each group begins among them.
    sorted: Vec<u32>,
    starts: Vec<u32>,
}

impl Grouped {
    pub fn clear(&mut self) {
        self.known.clear();
    }

    /// The group of a text: in the order in which they are met.
    pub fn of(&mut self, text: &str) -> u32 {
        if let Some(known) = self.known.get(text) {
            return *known;
        }
        let next = u32::try_from(self.known.len()).unwrap_or(u32::MAX);
        self.known.insert(text.into(), next);
        next
    }

    /// Puts the items of each group together, of which the group of each is known, if it has one; how many groups there are.
    pub fn sort(&mut self, groups: impl Iterator<Item = Option<u32>> + Clone) -> usize {
        let count = self.known.len();
        self.starts.clear();
        self.starts.resize(count + 1, 0);
        for group in groups.clone().flatten() {
            if let Some(next) = self.starts.get_mut(group as usize + 1) {
                *next += 1;
            }
        }
        let mut all = 0;
        for start in &mut self.starts {
            all += *start;
            *start = all;
        }
        self.sorted.clear();
        self.sorted.resize(all as usize, 0);
        let mut free = self.starts.clone();
        for (item, group) in (0..).zip(groups) {
            let Some(place) = group.and_then(|group| free.get_mut(group as usize)) else { continue };
            if let Some(sorted) = self.sorted.get_mut(*place as usize) {
                *sorted = item;
            }
            *place += 1;
        }
        count
    }

    /// The numbers of the items of a group.
    pub fn items(&self, group: usize) -> &[u32] {
        let bounds = self.starts.get(group).zip(self.starts.get(group + 1));
        bounds.and_then(|(from, to)| self.sorted.get(*from as usize..*to as usize)).unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn items_of_a_group_stand_in_their_order_and_groups_in_the_order_of_their_first() {
        let mut grouped = Grouped::default();
        let keys = [Some("b"), Some("a"), None, Some("b"), Some("a")];
        let groups: Vec<Option<u32>> = keys.iter().map(|key| key.map(|key| grouped.of(key))).collect();
        assert_eq!(grouped.sort(groups.iter().copied()), 2);
        assert_eq!([0, 1, 2].map(|group| grouped.items(group).to_vec()), [vec![0, 3], vec![1, 4], vec![]]);
        grouped.clear();
        assert_eq!(grouped.sort([].into_iter()), 0);
    }
}
