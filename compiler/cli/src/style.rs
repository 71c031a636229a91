//! The few colours that commands use. `anstream` takes them out where the output is no terminal.

pub const RED: &str = "\u{1b}[31;1m";
pub const GREEN: &str = "\u{1b}[32m";
pub const YELLOW: &str = "\u{1b}[33;1m";
pub const BOLD: &str = "\u{1b}[1m";
pub const DIM: &str = "\u{1b}[2m";
pub const PLAIN: &str = "\u{1b}[0m";

/// `1 file`, `2 files`.
pub fn count(number: usize, noun: &str) -> String {
    let ending = if number == 1 { "" } else { "s" };
    format!("{number} {noun}{ending}")
}
