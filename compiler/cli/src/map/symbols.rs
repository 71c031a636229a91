//! The names of code in memory, where `perf` looks for them: `docs/profiling.md`.

use std::fmt::Write;
use std::path::PathBuf;

use crate::end::End;
use crate::engine::Engine;
use crate::write;

/// Writes the names of all code of the maps, a line for each stretch: where it begins, how long it is, and the rule.
pub fn write(engine: &Engine) -> Result<(), End> {
    let mut lines = String::new();
    for symbol in engine.symbols() {
        let _ = writeln!(lines, "{:x} {:x} {}", symbol.address, symbol.length, symbol.name);
    }
    let path = PathBuf::from(format!("/tmp/perf-{}.map", std::process::id()));
    write::whole(&path, lines.as_bytes())
}
