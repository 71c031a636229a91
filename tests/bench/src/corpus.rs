//! The messages: made by a seed, the same bytes on every machine and in every run. Two hospitals and a laboratory that
//! do not exist send what real ones do, and a few in a hundred send something odd: an explicit null, blanks behind a
//! value, a code that nobody knows, a day that is none.

mod admission;
mod parts;
mod results;

use crate::dice::Dice;
use std::ops::Range;

/// How many bytes may be read behind a message: engines load whole vectors.
pub const SLACK: usize = 128;

const ADMISSIONS: usize = 600;
const RESULTS: usize = 520;
const BATCH_MIN: usize = 10_000_000;

/// Messages one behind the other.
pub struct Corpus {
    text: Vec<u8>,
    places: Vec<Range<usize>>,
}

/// A message with [`SLACK`] readable bytes behind it.
#[derive(Clone, Copy)]
pub struct Message<'c> {
    text: &'c [u8],
    end: usize,
}

impl<'c> Message<'c> {
    /// The first `end` bytes; nothing if not enough lie behind them.
    pub fn new(text: &'c [u8], end: usize) -> Option<Message<'c>> {
        (text.len() >= end.checked_add(SLACK)?).then_some(Message { text, end })
    }

    /// A message inside it.
    pub fn part(self, place: Range<usize>) -> Option<Message<'c>> {
        Message::new(self.text.get(place.start..)?, place.len())
    }

    pub fn bytes(self) -> &'c [u8] {
        self.text.get(..self.end).unwrap_or_default()
    }
}

impl Corpus {
    pub fn of(messages: impl IntoIterator<Item = String>) -> Corpus {
        let (mut text, mut places) = (Vec::new(), Vec::new());
        for message in messages {
            let from = text.len();
            text.extend_from_slice(message.as_bytes());
            places.push(from..text.len());
        }
        text.resize(text.len() + SLACK, 0);
        Corpus { text, places }
    }

    /// W1: admissions, half of them short, half of them rich.
    pub fn admissions() -> Corpus {
        let mut dice = Dice::new(0x5eed_0001);
        Corpus::of((0..ADMISSIONS).map(|number| admission::message(&mut dice, number, number % 2 == 1)))
    }

    /// W2: results with 28 OBX.
    pub fn results() -> Corpus {
        let mut dice = Dice::new(0x5eed_0002);
        Corpus::of((0..RESULTS).map(|number| results::message(&mut dice, number)))
    }

    /// W5: admissions in one file of at least 10 MB, as one batch.
    pub fn batch() -> Corpus {
        let mut dice = Dice::new(0x5eed_0005);
        let mut text = String::from("BHS|^~\\&|REG|NORTH|EMR|HUB|20260301000000\r");
        let mut count = 0;
        while text.len() < BATCH_MIN {
            text.push_str(&admission::message(&mut dice, count, count % 2 == 1));
            count += 1;
        }
        text.push_str(&format!("BTS|{count}\r"));
        Corpus::of([text])
    }

    /// Only the first of them.
    pub fn shortened(mut self, count: usize) -> Corpus {
        self.places.truncate(count);
        self
    }

    pub fn len(&self) -> usize {
        self.places.len()
    }

    pub fn is_empty(&self) -> bool {
        self.places.is_empty()
    }

    pub fn bytes(&self) -> usize {
        self.places.iter().map(Range::len).sum()
    }

    /// Each has room behind it: the next ones, and at last what was added for that.
    pub fn messages(&self) -> impl Iterator<Item = Message<'_>> {
        self.places.iter().filter_map(|place| Message::new(self.text.get(place.start..)?, place.len()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What was measured once is measured again: a change here makes all earlier figures incomparable.
    #[test]
    fn the_same_bytes_in_each_run() {
        let hash = |corpus: Corpus| xxhash_rust::xxh3::xxh3_64(&corpus.text);
        let hashes = [Corpus::admissions(), Corpus::results(), Corpus::batch()].map(hash);
        assert_eq!(hashes, [9910707592886844104, 6536331362498591714, 4341032885617632379]);
    }

    #[test]
    fn sizes_are_those_of_real_messages() {
        let mean = |corpus: &Corpus, skip: usize, step: usize| {
            let sizes: Vec<usize> = corpus.messages().skip(skip).step_by(step).map(|it| it.bytes().len()).collect();
            sizes.iter().sum::<usize>() / sizes.len()
        };
        let (admissions, results) = (Corpus::admissions(), Corpus::results());
        assert!((1_400..1_600).contains(&mean(&admissions, 0, 2)), "{}", mean(&admissions, 0, 2));
        assert!((7_500..8_500).contains(&mean(&admissions, 1, 2)), "{}", mean(&admissions, 1, 2));
        assert!((9_500..10_500).contains(&mean(&results, 0, 1)), "{}", mean(&results, 0, 1));
        for message in results.messages() {
            assert_eq!(message.bytes().split(|&b| b == b'\r').filter(|it| it.starts_with(b"OBX|")).count(), 28);
        }
    }
}
