//! Bytes to bits, 64 bytes a step: line ends everywhere, all else only in blocks that are read.

use super::HEAD;
use super::lanes::{Lanes, Work};
use super::maps::{Bitmaps, Found, Marks, Separators, lowest};

/// The one pass over all bytes: notes the line ends, and the bars of the first line, which tell the charset.
pub struct Ends<'a> {
    pub blocks: &'a [[u8; 64]],
    pub field: u8,
    pub maps: &'a mut Bitmaps,
}

impl Work for Ends<'_> {
    /// Whether all bytes are ASCII.
    type Done = bool;

    #[inline(always)]
    fn run<L: Lanes>(self, lanes: L) -> bool {
        let (cr, lf) = (lanes.splat(b'\r'), lanes.splat(b'\n'));
        let mut high = lanes.high(lanes.load(&[0; 64]));
        for (block, to) in self.blocks.iter().zip(&mut self.maps.ends) {
            let bytes = lanes.load(block);
            high = lanes.or(high, lanes.high(bytes));
            *to = lanes.mask(lanes.or(lanes.equal(bytes, cr), lanes.equal(bytes, lf)));
        }
        let field = lanes.splat(self.field);
        for (block, (to, &ends)) in self.blocks.iter().zip(self.maps.marks.iter_mut().zip(&self.maps.ends)) {
            to.bars = lanes.mask(lanes.equal(lanes.load(block), field));
            if ends != 0 {
                break;
            }
        }
        lanes.none(high)
    }
}

/// The separators of what was rewritten.
pub struct Again<'a> {
    /// The whole text, and the block from which on it is looked at.
    pub blocks: &'a [[u8; 64]],
    pub from: usize,
    pub by: Separators,
    pub maps: &'a mut Bitmaps,
}

impl Work for Again<'_> {
    type Done = ();

    #[inline(always)]
    fn run<L: Lanes>(self, lanes: L) {
        let component = lanes.splat(self.by.component);
        let repetition = lanes.splat(self.by.repetition);
        let subcomponent = lanes.splat(self.by.subcomponent);
        for (block, bytes) in self.blocks.iter().enumerate().skip(self.from) {
            let bytes = lanes.load(bytes);
            let components = lanes.mask(lanes.equal(bytes, component));
            let repetitions = lanes.mask(lanes.equal(bytes, repetition));
            let subcomponents = lanes.mask(lanes.equal(bytes, subcomponent));
            self.maps.put_separators(block, [components, repetitions, subcomponents]);
        }
    }
}

/// A look over all bytes of a message that came as it should, whatever is read of it.
pub struct Glance<'a> {
    pub blocks: &'a [[u8; 64]],
    /// Where the message ends in them.
    pub end: usize,
    pub escape: u8,
    pub ends: &'a [u64],
}

/// What there is in it.
pub struct Glanced {
    /// Characters that no text has, but for line ends and tabs.
    pub controls: bool,
    /// The escape character, behind MSH-2.
    pub escapes: bool,
}

impl Work for Glance<'_> {
    type Done = Glanced;

    #[inline(always)]
    fn run<L: Lanes>(self, lanes: L) -> Glanced {
        let (tab, escape) = (lanes.splat(b'\t'), lanes.splat(self.escape));
        let (mut controls, mut escapes) = (0, 0);
        let mut behind_head = !lowest(HEAD);
        for (block, (bytes, ends)) in self.blocks.iter().zip(self.ends).enumerate() {
            let Some(left) = self.end.checked_sub(block * 64) else { break };
            let bytes = lanes.load(bytes);
            let inside = lowest(left);
            controls |= lanes.mask(lanes.controls(bytes)) & !ends & !lanes.mask(lanes.equal(bytes, tab)) & inside;
            escapes |= lanes.mask(lanes.equal(bytes, escape)) & inside & behind_head;
            behind_head = u64::MAX;
        }
        Glanced { controls: controls != 0, escapes: escapes != 0 }
    }
}

/// The bars of blocks, whatever was noted of them.
pub struct Bars<'a> {
    pub blocks: &'a [[u8; 64]],
    pub field: u8,
    /// A word for each block takes the place of what it holds.
    pub to: &'a mut Vec<u64>,
}

impl Work for Bars<'_> {
    type Done = ();

    #[inline(always)]
    fn run<L: Lanes>(self, lanes: L) {
        let field = lanes.splat(self.field);
        self.to.clear();
        self.to.extend(self.blocks.iter().map(|block| lanes.mask(lanes.equal(lanes.load(block), field))));
    }
}

/// Looks at blocks, in the order of the message, each once.
pub struct Look<L: Lanes> {
    pub lanes: L,
    field: L::Splat,
    component: L::Splat,
    repetition: L::Splat,
    subcomponent: L::Splat,
    escape: L::Splat,
    /// Whether it is known that all bytes are.
    ascii: bool,
    /// If it is not: anything where a byte is not.
    pub high: u64,
    /// How far blocks were looked at, and how many.
    next: usize,
    pub count: usize,
    before: Before,
}

/// The block before, whose last byte matters.
#[derive(Clone, Copy, Default)]
struct Before {
    edges: u64,
    soft: u64,
    blanks: u64,
}

impl<L: Lanes> Look<L> {
    #[inline(always)]
    pub fn new(lanes: L, field: u8, by: Separators, ascii: bool) -> Look<L> {
        Look {
            lanes,
            field: lanes.splat(field),
            component: lanes.splat(by.component),
            repetition: lanes.splat(by.repetition),
            subcomponent: lanes.splat(by.subcomponent),
            escape: lanes.splat(by.escape),
            ascii,
            high: 0,
            next: 0,
            count: 0,
            before: Before::default(),
        }
    }

    /// Fills the maps for a block, if that was not done for a segment before.
    #[inline(always)]
    pub fn at(&mut self, block: usize, blocks: &[[u8; 64]], maps: &mut Bitmaps) -> Marks {
        if block < self.next {
            return maps.marks.get(block).copied().unwrap_or_default();
        }
        if block > self.next {
            // A segment begins in this block, so that nothing of what was passed over can stand beside its text.
            self.before = Before::default();
        }
        self.next = block + 1;
        self.count += 1;
        self.look(block, blocks, maps)
    }

    #[inline(always)]
    fn look(&mut self, block: usize, blocks: &[[u8; 64]], maps: &mut Bitmaps) -> Marks {
        let (Some(bytes), Some(&ends)) = (blocks.get(block), maps.ends.get(block)) else { return Marks::default() };
        let found = self.found(self.lanes.load(bytes), ends);
        let marks = found.marks;
        maps.put(block, found);
        marks
    }

    /// What there is in the next block, whose line ends are known.
    #[inline(always)]
    pub fn found(&mut self, bytes: L::Bytes, ends: u64) -> Found {
        let lanes = self.lanes;
        let components = lanes.mask(lanes.equal(bytes, self.component));
        let repetitions = lanes.mask(lanes.equal(bytes, self.repetition));
        let subcomponents = lanes.mask(lanes.equal(bytes, self.subcomponent));
        let bars = lanes.mask(lanes.equal(bytes, self.field));
        let quotes = lanes.equal(bytes, lanes.splat(b'"'));
        let escapes = lanes.or(lanes.equal(bytes, lanes.splat(b'\\')), lanes.equal(bytes, self.escape));
        let special = lanes.mask(lanes.or(lanes.or(quotes, escapes), lanes.controls(bytes)));
        let blank = lanes.equal(bytes, lanes.splat(b' '));
        let blanks = lanes.mask(blank);
        // Of the bytes that are no ASCII some are blanks too: they are told apart where they matter.
        let soft = if self.ascii { blanks } else { lanes.mask(lanes.or(blank, lanes.high(bytes))) };
        self.high |= soft ^ blanks;

        let separators = components | repetitions | subcomponents;
        let edges = separators | bars | ends;
        let before = self.before;
        let strange = (special & !edges)
            | (soft & (edges << 1 | before.edges >> 63))
            | (edges & (soft << 1 | before.soft >> 63))
            | (blanks & (blanks << 1 | before.blanks >> 63));
        self.before = Before { edges, soft, blanks };

        let marks = Marks { bars, repetitions, strange };
        Found { components, repetitions, subcomponents, separators, marks }
    }
}
