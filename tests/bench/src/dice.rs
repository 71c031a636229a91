//! Chance that is the same everywhere: xorshift64* (Marsaglia, Vigna).

pub struct Dice(u64);

impl Dice {
    pub fn new(seed: u64) -> Dice {
        Dice(seed | 1)
    }

    fn next(&mut self) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        self.0.wrapping_mul(0x2545_f491_4f6c_dd1d) >> 16
    }

    /// 0 to `n - 1`.
    pub fn below(&mut self, n: usize) -> usize {
        usize::try_from(self.next() % (n.max(1) as u64)).unwrap_or_default()
    }

    /// Both included.
    pub fn between(&mut self, least: usize, most: usize) -> usize {
        least + self.below(most - least + 1)
    }

    pub fn percent(&mut self, n: usize) -> bool {
        self.below(100) < n
    }

    pub fn one<'t>(&mut self, of: &[&'t str]) -> &'t str {
        of.get(self.below(of.len())).copied().unwrap_or_default()
    }

    /// The text in `n` of 100 cases, else nothing.
    pub fn maybe(&mut self, n: usize, text: impl FnOnce(&mut Dice) -> String) -> String {
        if self.percent(n) { text(self) } else { String::new() }
    }

    pub fn digits(&mut self, n: usize) -> String {
        (0..n)
            .map(|at| {
                char::from(
                    b'0' + u8::try_from(self.below(if at == 0 { 9 } else { 10 })).unwrap_or_default()
                        + u8::from(at == 0),
                )
            })
            .collect()
    }
}
