//! Names for the addresses of compiled code, for those who measure a process from outside.

use super::machine::Loaded;

/// A stretch of code in memory.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Symbol {
    pub address: usize,
    pub length: usize,
    pub name: String,
}

impl Loaded {
    /// All of the code, in order and without a gap: under the place of the rule that it comes of, and under the name of its
    /// function where it comes of none. `rules` has the place of each rule: `patient.emr:12`.
    pub fn symbols(&self, rules: &[String]) -> Vec<Symbol> {
        let (program, code) = (self.program(), self.addresses());
        let starts = program.functions.iter().map(|(at, _)| *at).chain(program.origins.iter().map(|(at, _)| *at));
        let mut starts: Vec<u32> = starts.filter(|at| (*at as usize) < code.len()).collect();
        starts.sort_unstable();
        starts.dedup();
        let ends = starts.iter().skip(1).map(|at| code.start + *at as usize).chain([code.end]);
        let mut symbols: Vec<Symbol> = Vec::new();
        for (at, end) in starts.iter().zip(ends) {
            let rule = last(&program.origins, *at).copied().flatten().and_then(|rule| rules.get(rule as usize));
            let Some(name) = rule.or_else(|| last(&program.functions, *at)) else { continue };
            let address = code.start + *at as usize;
            match symbols.last_mut() {
                Some(before) if before.name == *name => before.length += end - address,
                _ => symbols.push(Symbol { address, length: end - address, name: name.clone() }),
            }
        }
        symbols
    }
}

/// What holds at an offset, of what begins at several.
fn last<T>(from: &[(u32, T)], at: u32) -> Option<&T> {
    let behind = from.partition_point(|(start, _)| *start <= at);
    behind.checked_sub(1).and_then(|index| from.get(index)).map(|(_, what)| what)
}
