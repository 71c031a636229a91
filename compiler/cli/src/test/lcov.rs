//! Coverage in the format of LCOV, which editors and services read (`man geninfo`, "tracefile format").

use std::collections::BTreeMap;
use std::fmt::Write;

use emr_compiler::coverage::{Count, File};

/// A record for each file. Maps are its functions, rules and arms of code tables its lines, ways of decisions its branches.
pub fn text(files: &[File]) -> String {
    let mut out = String::new();
    for file in files {
        record(file, &mut out);
    }
    out
}

fn record(file: &File, out: &mut String) {
    let _ = write!(out, "TN:\nSF:{}\n", file.path);
    for map in &file.maps {
        let _ = writeln!(out, "FN:{},{}", map.line, map.name);
    }
    for map in &file.maps {
        let _ = writeln!(out, "FNDA:{},{}", map.times, map.name);
    }
    let used = file.maps.iter().filter(|map| map.times > 0).count();
    let _ = write!(out, "FNF:{}\nFNH:{used}\n", file.maps.len());
    let mut ways: BTreeMap<usize, usize> = BTreeMap::new();
    for point in &file.points {
        let Some(decision) = point.decision else { continue };
        let way = ways.entry(decision).or_default();
        let _ = writeln!(out, "BRDA:{},{decision},{way},{}", point.line, point.times);
        *way += 1;
    }
    let branches = Count::of(&file.points, |kind| kind.is_branch());
    let _ = write!(out, "BRF:{}\nBRH:{}\n", branches.all, branches.exercised);
    let mut lines: BTreeMap<usize, u64> = BTreeMap::new();
    for point in file.points.iter().filter(|point| point.decision.is_none()) {
        let times = lines.entry(point.line).or_default();
        *times = point.times.max(*times);
    }
    for (line, times) in &lines {
        let _ = writeln!(out, "DA:{line},{times}");
    }
    let hit = lines.values().filter(|times| **times > 0).count();
    let _ = write!(out, "LF:{}\nLH:{hit}\nend_of_record\n", lines.len());
}
