//! Bits for the bytes of a text: where its separators, bars, line ends and whatever needs a closer look stand.
#![expect(unsafe_code, reason = "one check for four maps, in the loop over all blocks")]

use emr_message::Delimiters;

/// How many words after the last byte's can be read.
const SPARE: usize = 2;

/// The words that belong to this message come first; what is behind them is of an earlier one, and so are the words of
/// blocks that are not read.
#[derive(Default)]
pub struct Bitmaps {
    pub components: Vec<u64>,
    pub repetitions: Vec<u64>,
    pub subcomponents: Vec<u64>,
    /// All three.
    pub separators: Vec<u64>,
    pub ends: Vec<u64>,
    pub marks: Vec<Marks>,
    words: usize,
}

/// What only the splitter asks for.
#[derive(Clone, Copy, Default, Debug, PartialEq, Eq)]
pub struct Marks {
    pub bars: u64,
    pub repetitions: u64,
    /// A byte on whose account a leaf may have to be rewritten, or a blank after a blank. What makes blanks at the end
    /// of a leaf strange is the separator, bar or line end behind it.
    pub strange: u64,
}

/// The bits of a block.
pub struct Found {
    pub components: u64,
    pub repetitions: u64,
    pub subcomponents: u64,
    pub separators: u64,
    pub marks: Marks,
}

/// The separators below the field.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Separators {
    pub component: u8,
    pub repetition: u8,
    pub subcomponent: u8,
    pub escape: u8,
}

impl Separators {
    /// `None` where a role has no character.
    pub fn of(delimiters: &Delimiters) -> Option<Separators> {
        Some(Separators {
            component: delimiters.component?,
            repetition: delimiters.repetition?,
            subcomponent: delimiters.subcomponent?,
            escape: delimiters.escape?,
        })
    }

    pub fn has(self, byte: u8) -> bool {
        byte == self.component || byte == self.repetition || byte == self.subcomponent
    }
}

impl Bitmaps {
    /// Makes room for that many words. Those of `ends` are written for the whole message, the others where it is read.
    pub fn begin(&mut self, words: usize) {
        self.words = words;
        self.grow(words);
        if self.marks.len() < words {
            self.marks.resize(words, Marks::default());
            self.ends.resize(words, 0);
        }
    }

    fn grow(&mut self, words: usize) {
        for map in [&mut self.components, &mut self.repetitions, &mut self.subcomponents, &mut self.separators] {
            if map.len() < words + SPARE {
                map.resize((words + SPARE).next_power_of_two(), 0);
            }
        }
    }

    /// What was found in a block.
    #[inline(always)]
    pub fn put(&mut self, block: usize, found: Found) {
        assert!(block < self.words, "a map holds the whole message");
        // SAFETY: `begin` and `reach` keep each of the maps at `words` words at least.
        unsafe {
            *self.components.get_unchecked_mut(block) = found.components;
            *self.repetitions.get_unchecked_mut(block) = found.repetitions;
            *self.subcomponents.get_unchecked_mut(block) = found.subcomponents;
            *self.separators.get_unchecked_mut(block) = found.separators;
        }
        if let Some(marks) = self.marks.get_mut(block) {
            *marks = found.marks;
        }
    }

    /// The same with the line ends.
    #[inline(always)]
    pub fn put_all(&mut self, block: usize, ends: u64, found: Found) {
        self.put(block, found);
        if let Some(to) = self.ends.get_mut(block) {
            *to = ends;
        }
    }

    /// Makes the maps reach over that many words.
    pub fn reach(&mut self, words: usize) {
        self.grow(words);
        self.words = self.words.max(words);
    }

    /// Notes the separators of a block in which nothing else is asked for.
    #[inline(always)]
    pub fn put_separators(&mut self, block: usize, [components, repetitions, subcomponents]: [u64; 3]) {
        let separators = components | repetitions | subcomponents;
        assert!(block < self.words, "the maps reach over what was rewritten");
        // SAFETY: `begin` and `reach` keep each of the maps at `words` words at least.
        unsafe {
            *self.components.get_unchecked_mut(block) = components;
            *self.repetitions.get_unchecked_mut(block) = repetitions;
            *self.subcomponents.get_unchecked_mut(block) = subcomponents;
            *self.separators.get_unchecked_mut(block) = separators;
        }
    }

    /// Takes the byte for one that separates nothing.
    pub fn clear(&mut self, at: usize) {
        for map in [&mut self.components, &mut self.repetitions, &mut self.subcomponents, &mut self.separators] {
            if let Some(word) = map.get_mut(at / 64) {
                *word &= !(1 << (at % 64));
            }
        }
    }

    /// Ends a leaf before a byte that separates nothing.
    pub fn end_leaf(&mut self, at: usize) {
        if let Some(word) = self.separators.get_mut(at / 64) {
            *word |= 1 << (at % 64);
        }
    }

    /// The nth bar of a range, counted from 0.
    pub fn bar(&self, n: usize, from: usize, to: usize) -> Option<usize> {
        nth(|word| self.marks.get(word).map_or(0, |marks| marks.bars), n, from, to)
    }
}

/// Set bits of a range, one after the other.
pub struct Bits {
    word: usize,
    bits: u64,
    /// Of the next word, those that stand for bytes from the beginning of the range on.
    inside: u64,
    to: usize,
}

impl Bits {
    pub fn within(from: usize, to: usize) -> Bits {
        Bits { word: from / 64, bits: 0, inside: !lowest(from % 64), to }
    }

    #[inline(always)]
    pub fn next(&mut self, of: impl Fn(usize) -> u64) -> Option<usize> {
        self.next_upto(usize::MAX, of)
    }

    /// The next, unless it is behind that place: then it stays the next.
    #[inline(always)]
    pub fn next_upto(&mut self, last: usize, of: impl Fn(usize) -> u64) -> Option<usize> {
        while self.bits == 0 {
            let left = self.to.saturating_sub(self.word * 64);
            if left == 0 {
                return None;
            }
            self.bits = of(self.word) & self.inside & lowest(left);
            (self.word, self.inside) = (self.word + 1, u64::MAX);
        }
        let at = (self.word - 1) * 64 + self.bits.trailing_zeros() as usize;
        if at > last {
            return None;
        }
        self.bits &= self.bits - 1;
        Some(at)
    }
}

/// The first set bit of a range.
pub fn next(map: &[u64], from: usize, to: usize) -> Option<usize> {
    first(|word| map.get(word).copied().unwrap_or_default(), from, to)
}

/// The nth set bit of a range, counted from 0.
pub fn nth(map: impl Fn(usize) -> u64, n: usize, from: usize, to: usize) -> Option<usize> {
    let mut left = n;
    (from / 64..to.div_ceil(64)).find_map(|word| {
        let mut bits = map(word) & within(word, from, to);
        let count = bits.count_ones() as usize;
        if left >= count {
            left -= count;
            return None;
        }
        (0..left).for_each(|_| bits &= bits - 1);
        Some(word * 64 + bits.trailing_zeros() as usize)
    })
}

/// The last set bit of a range.
pub fn last(map: &[u64], from: usize, to: usize) -> Option<usize> {
    (from / 64..to.div_ceil(64)).rev().find_map(|word| {
        let bits = map.get(word)? & within(word, from, to);
        bits.checked_ilog2().map(|bit| word * 64 + bit as usize)
    })
}

/// How many bits of a range are set.
pub fn count(map: &[u64], from: usize, to: usize) -> u32 {
    (from / 64..to.div_ceil(64))
        .map(|word| map.get(word).map_or(0, |bits| (bits & within(word, from, to)).count_ones()))
        .sum()
}

fn first(bits: impl Fn(usize) -> u64, from: usize, to: usize) -> Option<usize> {
    (from / 64..to.div_ceil(64)).find_map(|word| {
        let bits = bits(word) & within(word, from, to);
        (bits != 0).then(|| word * 64 + bits.trailing_zeros() as usize)
    })
}

/// The bits of a word that stand for bytes of the range.
fn within(word: usize, from: usize, to: usize) -> u64 {
    let base = word * 64;
    lowest(to.saturating_sub(base)) & !lowest(from.saturating_sub(base))
}

/// The lowest `count` bits.
#[inline(always)]
pub fn lowest(count: usize) -> u64 {
    if count >= 64 { u64::MAX } else { !(u64::MAX << count) }
}
