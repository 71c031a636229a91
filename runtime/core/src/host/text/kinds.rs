//! The kinds of segments that a plan reads, found by name.

use emr_abi::Layout;
use emr_message::Name;

/// Slots for each kind, so that a name is mostly found, or found missing, at once.
const SPREAD: usize = 4;

pub struct Kinds {
    /// Hashed by name; a slot that is taken moves its kind to the next. A power of two of them, never all taken.
    slots: Vec<Option<Kind>>,
}

#[derive(Clone, Copy)]
pub struct Kind {
    /// From 1.
    pub number: u32,
    pub name: Name,
    pub bars: u64,
    /// Bit `i` if a field begins at the bar that is the `i`th of those in `bars`, and ends at the next of them.
    pub fields: u64,
    /// Its second field holds the delimiters, and its first is the bar.
    pub declares: bool,
    /// How many there were in this message.
    pub seen: u32,
    tag: u32,
}

impl Kind {
    fn new(number: u32, kind: &emr_abi::Kind) -> Option<Kind> {
        let name = Name::read(std::str::from_utf8(&kind.name).ok()?)?;
        let [a, b, c] = kind.name;
        let mut fields = 0;
        for (i, bar) in bars(kind.bars).enumerate() {
            fields |= (kind.bars >> bar >> 1 & 1) << i;
        }
        let declares = matches!(&kind.name, b"MSH" | b"FHS" | b"BHS");
        Some(Kind { number, name, bars: kind.bars, fields, declares, seen: 0, tag: u32::from_le_bytes([a, b, c, 0]) })
    }

    /// Whether the delimiters themselves are read.
    pub fn reads_delimiters(&self) -> bool {
        self.declares && self.bars & 0b11 == 0b11
    }

    /// The number of the field that begins at the `i`th of its bars.
    pub fn field(&self, i: usize) -> Option<u16> {
        let bar = u16::try_from(bars(self.bars).nth(i)?).ok()?;
        Some(bar + 1 + u16::from(self.declares))
    }
}

/// Numbers of the bits that are set.
fn bars(bars: u64) -> impl Iterator<Item = u32> {
    (0..u64::BITS).filter(move |bar| bars >> bar & 1 == 1)
}

impl Kinds {
    pub fn new(layout: &Layout) -> Kinds {
        let count = (layout.kinds.len() * SPREAD).next_power_of_two().max(64);
        let mut kinds = Kinds { slots: vec![None; count] };
        for (number, kind) in (1..).zip(&layout.kinds) {
            // What is no name of a segment is the name of none.
            if let Some(kind) = Kind::new(number, kind) {
                let slot = kinds.slot(kind.tag);
                if let Some(slot @ None) = kinds.slots.get_mut(slot) {
                    *slot = Some(kind);
                }
            }
        }
        kinds
    }

    /// A new message begins.
    pub fn begin(&mut self) {
        self.slots.iter_mut().flatten().for_each(|kind| kind.seen = 0);
    }

    /// The kind of that name, its three bytes as a number.
    #[inline]
    pub fn find(&mut self, tag: u32) -> Option<&mut Kind> {
        let slot = self.slot(tag);
        self.slots.get_mut(slot)?.as_mut()
    }

    pub fn numbered(&self, number: u32) -> Option<&Kind> {
        self.slots.iter().flatten().find(|kind| kind.number == number)
    }

    /// That of this name, or the free one that it would take.
    #[inline]
    fn slot(&self, tag: u32) -> usize {
        let last = self.slots.len() - 1;
        let mut slot = (tag.wrapping_mul(0x9e37_79b1) >> 16) as usize & last;
        while let Some(Some(kind)) = self.slots.get(slot)
            && kind.tag != tag
        {
            slot = (slot + 1) & last;
        }
        slot
    }
}
