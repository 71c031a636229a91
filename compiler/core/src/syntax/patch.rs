//! A text with edits made, which still knows where each of its bytes came from.
//!
//! What is repaired is parsed from the patched text; what is said about it names places of the original.

use std::ops::Range;

/// `text` in the place of what stood at `at`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Edit {
    pub at: Range<usize>,
    pub text: String,
}

#[derive(Clone, Debug)]
pub struct Patched {
    pub text: String,
    /// Where the text starts in the original.
    base: usize,
    /// What was replaced, and by which bytes of `text`, in order.
    places: Vec<(Range<usize>, Range<usize>)>,
}

impl Patched {
    /// The piece `of` the original with the edits that lie in it, in order; one that overlaps an earlier one is left out.
    pub fn new(original: &str, of: Range<usize>, edits: &[Edit]) -> Patched {
        let mut patched = Patched { text: String::with_capacity(of.len()), base: of.start, places: Vec::new() };
        let mut done = of.start;
        let first = edits.partition_point(|edit| edit.at.start < of.start);
        for edit in edits.get(first..).unwrap_or_default().iter().take_while(|edit| edit.at.end <= of.end) {
            if edit.at.start < done {
                continue;
            }
            patched.text.push_str(original.get(done..edit.at.start).unwrap_or_default());
            let start = patched.text.len();
            patched.text.push_str(&edit.text);
            patched.places.push((edit.at.clone(), start..patched.text.len()));
            done = edit.at.end;
        }
        patched.text.push_str(original.get(done..of.end).unwrap_or_default());
        patched
    }

    /// The original's range for one of the patched text. What was put in has the range of what it replaced.
    pub fn origin(&self, at: Range<usize>) -> Range<usize> {
        let start = self.start(at.start);
        start..self.end(at.end).max(start)
    }

    /// Where something that starts here started in the original.
    pub fn start(&self, at: usize) -> usize {
        match self.before(|new| new.start <= at) {
            Some((old, new)) if at < new.end => old.start,
            Some((old, new)) => old.end + (at - new.end),
            None => self.base + at,
        }
    }

    fn end(&self, at: usize) -> usize {
        match self.before(|new| new.start < at) {
            Some((old, new)) if at < new.end => old.end,
            Some((old, new)) => old.end + (at - new.end),
            None => self.base + at,
        }
    }

    fn before(&self, is: impl Fn(&Range<usize>) -> bool) -> Option<&(Range<usize>, Range<usize>)> {
        let count = self.places.partition_point(|(_, new)| is(new));
        count.checked_sub(1).and_then(|last| self.places.get(last))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_byte_knows_where_it_came_from() {
        let edits = [Edit { at: 2..2, text: "xx".into() }, Edit { at: 4..6, text: String::new() }];
        let patched = Patched::new("abcdefgh", 0..8, &edits);
        assert_eq!(patched.text, "abxxcdgh");
        assert_eq!(patched.origin(0..2), 0..2);
        assert_eq!(patched.origin(2..4), 2..2);
        assert_eq!(patched.origin(4..6), 2..4);
        assert_eq!(patched.origin(6..8), 6..8);
        assert_eq!(patched.origin(4..7), 2..7);
    }

    #[test]
    fn a_piece_takes_only_its_own_edits() {
        let edits = [Edit { at: 0..1, text: "x".into() }, Edit { at: 3..4, text: "yy".into() }];
        let patched = Patched::new("abcdef", 2..6, &edits);
        assert_eq!(patched.text, "cyyef");
        assert_eq!(patched.origin(0..1), 2..3);
        assert_eq!(patched.origin(1..3), 3..4);
        assert_eq!(patched.origin(3..5), 4..6);
    }
}
