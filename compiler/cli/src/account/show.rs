//! The ledger as a table for people and for spreadsheets.

use std::fmt::Write;

use emr_compiler::account::{Row, Verdict};

use crate::style::{BOLD, DIM, PLAIN, RED, YELLOW};

/// A table for each map, in the order of the structure.
pub fn table(rows: &[Row]) -> String {
    let mut out = String::new();
    let width = |of: &dyn Fn(&Row) -> usize| rows.iter().map(of).max().unwrap_or_default();
    let (path, name) = (width(&|row| row.path.chars().count()), width(&|row| row.name.chars().count()).min(40));
    let mut map = "";
    for row in rows {
        if row.map != map {
            map = &row.map;
            let _ = writeln!(out, "{BOLD}{map}{PLAIN}");
        }
        let (before, after) = match row.verdict {
            Verdict::Unmapped | Verdict::Unwritten => (RED, PLAIN),
            Verdict::Unplaced => (YELLOW, PLAIN),
            _ => ("", ""),
        };
        let called: String = row.name.chars().take(name).collect();
        let line = format!(
            "  {:path$}  {called:name$}  {before}{:9}{after}  {:>5}  {}",
            row.path,
            row.verdict.text(),
            row.count,
            why(row)
        );
        let _ = writeln!(out, "{}", line.trim_end());
    }
    out
}

fn why(row: &Row) -> String {
    const SHOWN: usize = 4;
    let mut rules: Vec<String> = row.rules.iter().take(SHOWN).cloned().collect();
    if let Some(more) = row.rules.len().checked_sub(SHOWN).filter(|more| *more > 0) {
        rules.push(format!("{more} more"));
    }
    let rules = format!("{DIM}{}{PLAIN}", rules.join(", "));
    match (row.verdict, row.swept) {
        (Verdict::Ignored, true) => format!("{} (swept) {rules}", row.because),
        (Verdict::Ignored, false) => format!("{} {rules}", row.because),
        (Verdict::Mapped | Verdict::Replaced | Verdict::Unwritten, _) => rules,
        _ => String::new(),
    }
}

/// Comma-separated, as RFC 4180 has it.
pub fn csv(rows: &[Row]) -> String {
    let mut out = String::from("map,path,name,verdict,segments,messages,rules,because,swept\r\n");
    for row in rows {
        let rules = row.rules.join(" ");
        let (count, messages) = (row.count.to_string(), row.messages.to_string());
        let swept = if row.swept { "swept" } else { "" };
        let cells = [
            row.map.as_str(),
            &row.path,
            &row.name,
            row.verdict.text(),
            &count,
            &messages,
            &rules,
            &row.because,
            swept,
        ];
        let _ = write!(out, "{}\r\n", cells.map(cell).join(","));
    }
    out
}

fn cell(text: &str) -> String {
    if text.contains([',', '"', '\n', '\r']) { format!("\"{}\"", text.replace('"', "\"\"")) } else { text.to_owned() }
}

#[cfg(test)]
mod tests {
    use super::cell;

    #[test]
    fn a_cell_keeps_its_commas_and_quotes() {
        assert_eq!(cell("a, \"b\""), "\"a, \"\"b\"\"\"");
        assert_eq!(cell("plain"), "plain");
    }
}
