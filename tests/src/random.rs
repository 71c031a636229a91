//! Numbers that look random and are the same in every run: a failure can be repeated by its seed.

/// xorshift64*; good enough to choose bytes and places.
pub struct Random(u64);

impl Random {
    pub fn seeded(seed: u64) -> Random {
        // Zero would stay zero; multiplying spreads neighbouring seeds.
        Random(seed.wrapping_add(1).wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1)
    }

    pub fn draw(&mut self) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        self.0.wrapping_mul(0x2545_F491_4F6C_DD1D)
    }

    /// Below `end`; 0 if that is 0.
    pub fn below(&mut self, end: usize) -> usize {
        usize::try_from(self.draw() >> 1).unwrap() % end.max(1)
    }

    pub fn text<'a>(&mut self, all: &[&'a str]) -> &'a str {
        all[self.below(all.len())]
    }

    pub fn of<'a, T>(&mut self, all: &'a [T]) -> &'a T {
        &all[self.below(all.len())]
    }
}
