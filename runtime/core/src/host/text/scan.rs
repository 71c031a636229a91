//! The one pass over all bytes: fills the maps, 64 bytes a step.

use super::lanes::{Lanes, Work};
use super::maps::{Bitmaps, Marks, Separators};

pub struct Scan<'a> {
    pub blocks: &'a [[u8; 64]],
    pub field: u8,
    pub by: Separators,
    /// With room for as many words as there are blocks.
    pub maps: &'a mut Bitmaps,
}

impl Work for Scan<'_> {
    /// Whether all bytes are ASCII.
    type Done = bool;

    #[inline(always)]
    fn run<L: Lanes>(self, lanes: L) -> bool {
        let equal = |bytes: L::Bytes, byte: u8| lanes.equal(bytes, lanes.splat(byte));
        let mut high = lanes.splat(0);
        let mut before = Before::default();
        let Bitmaps { components, repetitions, subcomponents, separators, marks, .. } = self.maps;
        let to = components.iter_mut().zip(repetitions).zip(subcomponents).zip(separators).zip(marks);
        for (block, ((((to_components, to_repetitions), to_subcomponents), to_separators), to_marks)) in
            self.blocks.iter().zip(to)
        {
            let bytes = lanes.load(block);
            high = lanes.or(high, bytes);
            let components = lanes.mask(equal(bytes, self.by.component));
            let repetitions = lanes.mask(equal(bytes, self.by.repetition));
            let subcomponents = lanes.mask(equal(bytes, self.by.subcomponent));
            let bars = lanes.mask(equal(bytes, self.field));
            let ends = lanes.mask(lanes.or(equal(bytes, b'\r'), equal(bytes, b'\n')));
            let special = lanes.or(equal(bytes, b'"'), lanes.controls(bytes));
            let escape = lanes.or(equal(bytes, b'\\'), equal(bytes, self.by.escape));
            let special = lanes.mask(lanes.or(special, escape));
            let blank = equal(bytes, b' ');
            // Of the bytes that are no ASCII some are blanks too: they are told apart where they matter.
            let soft = lanes.mask(lanes.or(blank, bytes));
            let blanks = if lanes.none(bytes) { soft } else { lanes.mask(blank) };

            let separators = components | repetitions | subcomponents;
            let edges = separators | bars | ends;
            let strange = (special & !edges)
                | (soft & (edges << 1 | before.edge))
                | (edges & (soft << 1 | before.soft))
                | (blanks & (blanks << 1 | before.blank));
            before = Before { edge: edges >> 63, soft: soft >> 63, blank: blanks >> 63 };

            *to_components = components;
            *to_repetitions = repetitions;
            *to_subcomponents = subcomponents;
            *to_separators = separators;
            *to_marks = Marks { bars, ends, strange };
        }
        lanes.none(high)
    }
}

/// What the last byte of the block before was.
#[derive(Default)]
struct Before {
    edge: u64,
    soft: u64,
    blank: u64,
}
