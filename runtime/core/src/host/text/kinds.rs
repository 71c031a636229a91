//! The kinds of segments that a plan reads, found by name.

use emr_abi::Layout;
use emr_message::Name;

/// Slots for each kind, so that a name is mostly found, or found missing, at once.
const SPREAD: usize = 4;

pub struct Kinds {
    /// Hashed by name: the name, and the index of its kind from 1. A slot that is taken moves its kind to the next. A
    /// power of two of them, never all taken.
    slots: Vec<(u32, u32)>,
    kinds: Vec<Kind>,
    /// How many of each there were in this message.
    seen: Vec<u32>,
}

#[derive(Clone, Copy)]
pub struct Kind {
    /// From 1.
    pub number: u32,
    pub name: Name,
    /// Bit `i` if the field is read that begins at the bar numbered `i`, and the same from there on.
    fields: u64,
    later: u64,
    /// How many bars there are up to the end of the last field that is read, and the bar before the first. It is copied for each
    /// segment, so it is kept small.
    bars: u8,
    first: u8,
    /// Its second field holds the delimiters, and its first is the bar.
    pub declares: bool,
}

impl Kind {
    fn new(number: u32, kind: &emr_abi::Kind) -> Option<Kind> {
        let name = Name::read(std::str::from_utf8(&kind.name).ok()?)?;
        let bars = (u128::BITS - kind.bars.leading_zeros()) as u8;
        let fields = kind.bars & kind.bars >> 1;
        let first = (fields.trailing_zeros() as u8).min(bars);
        let (fields, later) = (fields as u64, (fields >> u64::BITS) as u64);
        let declares = matches!(&kind.name, b"MSH" | b"FHS" | b"BHS");
        Some(Kind { number, name, fields, later, bars, first, declares })
    }

    /// How many bars there are up to the end of the last field that is read.
    #[inline(always)]
    pub fn bars(&self) -> usize {
        self.bars.into()
    }

    /// The bar before the first field that is read.
    #[inline(always)]
    pub fn first(&self) -> usize {
        self.first.into()
    }

    /// Whether the delimiters themselves are read.
    pub fn reads_delimiters(&self) -> bool {
        self.declares && self.fields & 1 == 1
    }

    pub fn reads_any(&self) -> bool {
        self.fields | self.later != 0
    }

    /// Whether the field is read that begins at a bar.
    #[inline(always)]
    pub fn reads_field(&self, bar: usize) -> bool {
        match bar.checked_sub(u64::BITS as usize) {
            None => self.fields >> bar & 1 == 1,
            Some(later) => self.later.checked_shr(later as u32).unwrap_or(0) & 1 == 1,
        }
    }

    /// The number of the field that begins at a bar.
    pub fn field(&self, bar: usize) -> Option<u16> {
        Some(u16::try_from(bar).ok()? + 1 + u16::from(self.declares))
    }
}

impl Kinds {
    pub fn new(layout: &Layout) -> Kinds {
        let slots = (layout.kinds.len() * SPREAD).next_power_of_two().max(64);
        let mut kinds = Kinds { slots: vec![(0, 0); slots], kinds: Vec::new(), seen: Vec::new() };
        for (number, kind) in (1..).zip(&layout.kinds) {
            // What is no name of a segment is the name of none.
            let Some(made) = Kind::new(number, kind) else { continue };
            let [a, b, c] = kind.name;
            let tag = u32::from_le_bytes([a, b, c, 0]);
            let slot = kinds.slot(tag);
            if let (Some(slot @ (_, 0)), Ok(index)) = (kinds.slots.get_mut(slot), u32::try_from(kinds.kinds.len() + 1))
            {
                *slot = (tag, index);
                kinds.kinds.push(made);
            }
        }
        kinds.begin();
        kinds
    }

    /// A new message begins.
    pub fn begin(&mut self) {
        self.seen.clear();
        self.seen.resize(self.kinds.len(), 0);
    }

    /// The kind of that name, its three bytes as a number, and how many there were of it.
    #[inline(always)]
    pub fn find(&mut self, tag: u32) -> Option<(&Kind, &mut u32)> {
        let (_, index) = *self.slots.get(self.slot(tag))?;
        let index = (index as usize).checked_sub(1)?;
        self.kinds.get(index).zip(self.seen.get_mut(index))
    }

    pub fn numbered(&self, number: u32) -> Option<&Kind> {
        self.kinds.iter().find(|kind| kind.number == number)
    }

    /// That of this name, or the free one that it would take.
    #[inline(always)]
    fn slot(&self, tag: u32) -> usize {
        let last = self.slots.len() - 1;
        let mut slot = (tag.wrapping_mul(0x9e37_79b1) >> 16) as usize & last;
        while let Some(&(taken, index)) = self.slots.get(slot)
            && index != 0
            && taken != tag
        {
            slot = (slot + 1) & last;
        }
        slot
    }
}
