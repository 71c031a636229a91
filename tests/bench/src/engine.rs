//! Who competes. A new row is a file with a [`Row`] in it and its name in [`ROWS`].

use crate::corpus::{Message, SLACK};
use crate::workload::Workload;
use crate::{best, hand, idiom, interpreter, native};
use emr_message::batch::{Kind, Splitter};

/// A competitor, ready for one workload.
pub trait Engine {
    /// What the map makes of the message; empty if it refuses it.
    fn run(&mut self, message: Message<'_>) -> &[u8];

    /// All messages of a file, in order; `done` is shown each output.
    fn batch(&mut self, file: Message<'_>, done: &mut dyn FnMut(&[u8])) {
        let mut splitter = Splitter::new(file.bytes());
        let mut part = Vec::new();
        // A file in memory has no faults.
        while let Ok(Some(kind)) = splitter.next(&mut part) {
            let end = part.len();
            part.resize(end + SLACK, 0);
            if let (Kind::Message, Some(message)) = (kind, Message::new(&part, end)) {
                done(self.run(message));
            }
        }
    }
}

pub struct Row {
    pub name: &'static str,
    /// Nothing where it does not do this workload, or not on this machine.
    pub prepare: fn(&Workload) -> Option<Box<dyn Engine>>,
}

pub const ROWS: &[Row] = &[hand::ROW, best::ROW, native::ROW, idiom::ROW, interpreter::ROW];

pub fn row(name: &str) -> Option<&'static Row> {
    ROWS.iter().find(|row| row.name == name)
}
