//! Where what is written comes from, while it is written: only traced programs tell.
//!
//! Marks hold addresses of the output until it is known where each resource stands, then offsets in the result.

use emr_message::lineage::Mark;

/// The marks of one message. Their memory is used again for the next.
#[derive(Default)]
pub struct Traces {
    /// Of what stands in the output, in the order in which it was written.
    written: Vec<Mark>,
    /// Of resources that are done: the entry, and a mark in its body.
    kept: Vec<(usize, Mark)>,
}

impl Traces {
    pub fn clear(&mut self) {
        self.written.clear();
        self.kept.clear();
    }

    pub fn add(&mut self, mark: Mark) {
        self.written.push(mark);
    }

    /// Forgets what was written from that place on. A resource that is written elsewhere stands behind all that was begun
    /// before it.
    pub fn take_back(&mut self, from: usize) {
        while self.written.last().is_some_and(|mark| mark.at >= from) {
            self.written.pop();
        }
    }

    /// Forgets what was written between two places; what stands behind was moved to the first of them.
    pub fn take_out(&mut self, from: usize, to: usize) {
        self.written.retain(|mark| mark.at < from || mark.at >= to);
        let moved = self.written.iter_mut().filter(|mark| mark.at >= to);
        moved.for_each(|mark| mark.at -= to - from);
    }

    /// Puts aside what was written from that place on as the body of an entry.
    pub fn keep(&mut self, entry: usize, from: usize) {
        let first = self.written.iter().rposition(|mark| mark.at < from).map_or(0, |last| last + 1);
        let marks = self.written.drain(first..).map(|mark| Mark { at: mark.at - from, ..mark });
        self.kept.extend(marks.map(|mark| (entry, mark)));
    }

    /// The body of an entry stands at that place of the output now.
    pub fn place(&mut self, entry: usize, at: usize) {
        let marks = self.kept.iter().filter(|(of, _)| *of == entry);
        self.written.extend(marks.map(|(_, mark)| Mark { at: at + mark.at, ..*mark }));
    }

    /// All that was written so far stands so much farther on now.
    pub fn shift(&mut self, by: usize) {
        self.written.iter_mut().for_each(|mark| mark.at += by);
    }

    /// All stands where `place` says now.
    pub fn settle(&mut self, place: impl Fn(usize) -> usize) {
        self.written.iter_mut().for_each(|mark| mark.at = place(mark.at));
    }

    /// Makes places of the output offsets from its start.
    pub fn finish(&mut self, start: usize) {
        self.written.iter_mut().for_each(|mark| mark.at = mark.at.saturating_sub(start));
    }

    /// Forgets what was written, but not the bodies of entries.
    pub fn begin_anew(&mut self) {
        self.written.clear();
    }

    pub fn written(&self) -> &[Mark] {
        &self.written
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn marked(places: &[usize]) -> Traces {
        let mut traces = Traces::default();
        places.iter().for_each(|at| traces.add(Mark { at: *at, rule: 0, place: None }));
        traces
    }

    fn places(traces: &Traces) -> Vec<usize> {
        traces.written().iter().map(|mark| mark.at).collect()
    }

    #[test]
    fn what_is_taken_back_leaves_no_mark() {
        let mut traces = marked(&[10, 20, 30]);
        traces.take_back(20);
        assert_eq!(places(&traces), [10]);
    }

    #[test]
    fn what_is_moved_over_something_takes_its_marks_along() {
        let mut traces = marked(&[10, 20, 30, 35]);
        traces.take_out(20, 30);
        assert_eq!(places(&traces), [10, 20, 25]);
    }

    #[test]
    fn a_resource_takes_its_marks_to_where_it_is_written() {
        let mut traces = marked(&[10, 20, 30]);
        traces.keep(0, 20);
        assert_eq!(places(&traces), [10]);
        traces.place(0, 100);
        traces.finish(10);
        assert_eq!(places(&traces), [0, 90, 100]);
    }
}
