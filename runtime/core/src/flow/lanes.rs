//! In which order deliveries may begin: those that have a value in common go one after another, others side by side.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use rustc_hash::FxHashMap;

/// The deliveries of one feed to one target, by the numbers of their messages.
#[derive(Debug, Default)]
pub struct Lanes {
    /// Who waits for each value, in order; the first may go.
    queues: FxHashMap<u64, VecDeque<u64>>,
    waiting: BTreeMap<u64, Waiting>,
    ready: BTreeSet<u64>,
    begun: BTreeSet<u64>,
}

#[derive(Debug)]
struct Waiting {
    keys: Vec<u64>,
    /// In how many of its lanes another is before it.
    behind: usize,
}

/// The only lane of a feed that names none.
pub const ONLY: u64 = 0;

impl Lanes {
    /// Adds a delivery behind all that were added; whether it may begin. `keys` are hashes of what it must keep its order by.
    pub fn add(&mut self, number: u64, mut keys: Vec<u64>) -> bool {
        if keys.is_empty() {
            keys.push(ONLY);
        }
        keys.sort_unstable();
        keys.dedup();
        let mut behind = 0;
        for key in &keys {
            let queue = self.queues.entry(*key).or_default();
            behind += usize::from(!queue.is_empty());
            queue.push_back(number);
        }
        let is_ready = behind == 0 && !self.begun.contains(&number);
        if is_ready {
            self.ready.insert(number);
        }
        self.waiting.insert(number, Waiting { keys, behind });
        is_ready
    }

    /// The oldest delivery that may begin, which nobody else is then given.
    pub fn begin(&mut self) -> Option<u64> {
        let number = self.ready.pop_first()?;
        self.begun.insert(number);
        Some(number)
    }

    /// Whether a delivery may begin.
    pub fn is_ready(&self) -> bool {
        !self.ready.is_empty()
    }

    /// Deliveries that may go together, so many at the most, in their order: those that may begin, and then those that have
    /// none but these before them. Nobody else is then given one of them.
    pub fn train(&mut self, most: usize) -> Vec<u64> {
        let mut train = Vec::new();
        // How many of each lane are of the train: the first ones. And in how many of its lanes another has none but these
        // before it.
        let (mut firsts, mut freed) = (FxHashMap::default(), FxHashMap::default());
        let mut next = BTreeSet::new();
        while train.len() < most {
            let Some(number) = self.begin().or_else(|| next.pop_first()) else { break };
            self.begun.insert(number);
            train.push(number);
            for key in self.waiting.get(&number).into_iter().flat_map(|waiting| &waiting.keys) {
                let first: &mut usize = firsts.entry(*key).or_default();
                *first += 1;
                let Some(follower) = self.queues.get(key).and_then(|queue| queue.get(*first)) else { continue };
                let lanes: &mut usize = freed.entry(*follower).or_default();
                *lanes += 1;
                let is_free = self.waiting.get(follower).is_some_and(|waiting| waiting.behind == *lanes);
                if is_free && !self.begun.contains(follower) {
                    next.insert(*follower);
                }
            }
        }
        train
    }

    /// A delivery that had begun is to begin once more.
    pub fn again(&mut self, number: u64) {
        if self.begun.remove(&number) && self.waiting.get(&number).is_some_and(|waiting| waiting.behind == 0) {
            self.ready.insert(number);
        }
    }

    /// Takes other values for all that wait. What has begun goes on.
    pub fn order_by(&mut self, mut keys: impl FnMut(u64) -> Vec<u64>) {
        let mut numbers: Vec<u64> = self.waiting.keys().copied().collect();
        numbers.sort_unstable();
        let begun = std::mem::take(self).begun;
        self.begun = begun;
        for number in numbers {
            self.add(number, keys(number));
        }
    }

    /// A delivery has come to its end: those behind it may begin.
    pub fn end(&mut self, number: u64) {
        let Some(gone) = self.waiting.remove(&number) else { return };
        self.ready.remove(&number);
        self.begun.remove(&number);
        for key in gone.keys {
            let Some(queue) = self.queues.get_mut(&key) else { continue };
            let was_first = queue.front() == Some(&number);
            if was_first {
                queue.pop_front();
            } else {
                queue.retain(|waits| *waits != number);
            }
            match queue.front() {
                None => _ = self.queues.remove(&key),
                Some(next) if was_first => {
                    if let Some(waiting) = self.waiting.get_mut(next) {
                        waiting.behind -= 1;
                        if waiting.behind == 0 && !self.begun.contains(next) {
                            self.ready.insert(*next);
                        }
                    }
                }
                Some(_) => {}
            }
        }
    }

    /// Whether a delivery is not at its end.
    pub fn has(&self, number: u64) -> bool {
        self.waiting.contains_key(&number)
    }

    /// The first of those that are not at their end.
    pub fn oldest(&self) -> Option<u64> {
        self.waiting.first_key_value().map(|(number, _)| *number)
    }

    /// How many are not at their end.
    pub fn len(&self) -> usize {
        self.waiting.len()
    }

    pub fn is_empty(&self) -> bool {
        self.waiting.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_message_of_two_lanes_waits_for_both() {
        let mut lanes = Lanes::default();
        lanes.add(1, vec![10]);
        lanes.add(2, vec![20]);
        lanes.add(3, vec![10, 20]);
        lanes.add(4, vec![10]);
        lanes.add(5, vec![30]);
        assert_eq!([lanes.begin(), lanes.begin(), lanes.begin(), lanes.begin()], [Some(1), Some(2), Some(5), None]);
        lanes.end(2);
        assert_eq!((lanes.begin(), lanes.oldest()), (None, Some(1)));
        lanes.end(1);
        assert_eq!(lanes.oldest(), Some(3));
        assert_eq!([lanes.begin(), lanes.begin()], [Some(3), None]);
        lanes.end(3);
        assert_eq!(lanes.begin(), Some(4));
    }

    #[test]
    fn one_goes_behind_those_before_it() {
        let mut lanes = Lanes::default();
        for (number, keys) in
            [(1, vec![10]), (2, vec![10]), (3, vec![20]), (4, vec![10, 20]), (5, vec![30]), (6, vec![10])]
        {
            lanes.add(number, keys);
        }
        // The fourth waits for the third as well, and the sixth for the fourth.
        assert_eq!(lanes.train(9), [1, 3, 5, 2, 4, 6]);
        // What goes again waits for those before it that do not.
        lanes.end(1);
        lanes.again(4);
        lanes.again(6);
        assert_eq!(lanes.train(9), [0; 0]);
        lanes.end(3);
        lanes.end(2);
        assert_eq!(lanes.train(1), [4]);
        lanes.again(4);
        assert_eq!(lanes.train(9), [4, 6]);
    }

    #[test]
    fn without_keys_all_keep_their_order() {
        let mut lanes = Lanes::default();
        lanes.add(1, vec![]);
        lanes.add(2, vec![]);
        assert_eq!([lanes.begin(), lanes.begin()], [Some(1), None]);
        lanes.end(1);
        assert_eq!(lanes.begin(), Some(2));
    }

    #[test]
    fn other_values_order_what_waits_anew() {
        let mut lanes = Lanes::default();
        for number in 1..=4 {
            lanes.add(number, vec![]);
        }
        assert_eq!([lanes.begin(), lanes.begin()], [Some(1), None]);
        lanes.order_by(|number| vec![number % 2 + 1]);
        // What had begun is not given once more, and holds those that now come behind it.
        assert_eq!([lanes.begin(), lanes.begin()], [Some(2), None]);
        lanes.again(2);
        assert_eq!([lanes.begin(), lanes.begin()], [Some(2), None]);
        lanes.end(1);
        assert_eq!([lanes.begin(), lanes.begin()], [Some(3), None]);
        lanes.end(2);
        lanes.end(3);
        assert_eq!(lanes.begin(), Some(4));
        lanes.end(4);
        assert!(lanes.is_empty());
    }

    /// What may follow these, found by looking at all that stand before each.
    fn follower(lanes: &Lanes, before: &[u64]) -> Option<u64> {
        let is_free = |number: &&u64| {
            let others = lanes.waiting[*number].keys.iter().flat_map(|key| &lanes.queues[key]);
            let first = |key: &u64| lanes.queues[key].iter().take_while(|other| other != number);
            let held = lanes.waiting[*number].keys.iter().flat_map(first).any(|other| !before.contains(other));
            !lanes.begun.contains(*number) && !held && others.into_iter().any(|other| before.contains(other))
        };
        lanes.waiting.keys().find(is_free).copied()
    }

    proptest! {
        /// A train holds what could begin one after the other if each ended before the next.
        #[test]
        fn a_train_is_what_may_go_one_behind_the_other(
            messages in prop::collection::vec(prop::collection::vec(1u64..6, 0..3), 0..30), begun in 0usize..4, most in 0usize..12
        ) {
            let (mut lanes, mut other) = (Lanes::default(), Lanes::default());
            for (number, keys) in messages.iter().enumerate() {
                lanes.add(number as u64, keys.clone());
                other.add(number as u64, keys.clone());
            }
            for _ in 0..begun {
                prop_assert_eq!(lanes.begin(), other.begin());
            }
            let mut train = Vec::new();
            while train.len() < most
                && let Some(next) = other.begin().or_else(|| follower(&other, &train))
            {
                other.begun.insert(next);
                train.push(next);
            }
            prop_assert_eq!(lanes.train(most), train);
        }

        /// Whoever is ready first ends first or last; with a key in common they end in order, and all end.
        #[test]
        fn order_is_kept_and_nothing_is_left(
            messages in prop::collection::vec(prop::collection::vec(1u64..5, 0..3), 0..40), choices: Vec<bool>
        ) {
            let mut lanes = Lanes::default();
            for (number, keys) in messages.iter().enumerate() {
                lanes.add(number as u64, keys.clone());
            }
            let mut choices = choices.into_iter().chain(std::iter::repeat(true));
            let (mut running, mut ended) = (VecDeque::new(), Vec::new());
            while !lanes.is_empty() {
                while let Some(next) = lanes.begin() {
                    running.push_back(next);
                }
                let next = if choices.next() == Some(true) { running.pop_front() } else { running.pop_back() };
                let next = next.unwrap();
                lanes.end(next);
                ended.push(next);
            }
            prop_assert_eq!(ended.len(), messages.len());
            for (at, later) in ended.iter().enumerate() {
                for earlier in &ended[at..] {
                    let keys = |number: &u64| {
                        let keys = messages[*number as usize].clone();
                        if keys.is_empty() { vec![ONLY] } else { keys }
                    };
                    let meet = keys(later).iter().any(|key| keys(earlier).contains(key));
                    prop_assert!(!meet || later <= earlier);
                }
            }
        }
    }
}
