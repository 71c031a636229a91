//! The direction of the arrows between crates, and who alone may use what.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

/// Which crates of ours each may use. What a crate uses only in its tests does not count.
const ARROWS: &[(&str, &[&str])] = &[
    ("emr-abi", &[]),
    ("emr-message", &[]),
    ("emr-stdlib", &[]),
    ("emr-compiler", &["emr-abi", "emr-message", "emr-stdlib"]),
    // The plan speaks of the groups of a structure as the message crate has them.
    ("emr-native", &["emr-abi", "emr-compiler", "emr-message"]),
    ("emr-project", &["emr-compiler"]),
    ("emr-runtime", &["emr-abi", "emr-message"]),
    ("emr-lsp", &["emr-compiler", "emr-project"]),
    ("emr-cli", &["emr-abi", "emr-compiler", "emr-lsp", "emr-message", "emr-native", "emr-project", "emr-runtime"]),
    ("emr-tests", &["emr-abi", "emr-compiler", "emr-message", "emr-native", "emr-project", "emr-runtime"]),
    ("ledger", &[]),
    ("load", &[]),
    ("bench", &["emr-compiler", "emr-message", "emr-native", "emr-project", "emr-runtime"]),
];

/// Where alone something may be written.
const KEPT_TO: &[(&str, &[&str])] = &[
    ("pest::", &["compiler/core/src/syntax"]),
    ("pest_derive::", &["compiler/core/src/syntax"]),
    ("rowan::", &["compiler/core/src/syntax"]),
    ("salsa::", &["compiler/core/src/db.rs", "compiler/core/src/db"]),
    ("codespan_reporting::", &["compiler/core/src/diagnostic"]),
    ("cranelift", &["compiler/native/src"]),
    ("tower_lsp::", &["lsp/src/server.rs", "lsp/src/convert.rs"]),
    ("tokio::", &["lsp/src", "runtime/core", "compiler/cli/src/run"]),
    ("clap::", &["compiler/cli/src"]),
    ("indicatif::", &["compiler/cli/src"]),
    ("std::fs", &["compiler/project/src", "compiler/cli/src", "runtime/core"]),
    ("std::env", &["compiler/project/src", "compiler/cli/src", "compiler/cli/build.rs", "runtime/core/examples"]),
    ("std::net", &["runtime/core/src"]),
    ("SystemTime", &["runtime/core/src"]),
    ("print!", &["compiler/cli/src"]),
    ("println!", &["compiler/cli/src", "compiler/cli/build.rs"]),
    ("eprintln!", &["compiler/cli/src"]),
    ("expect(unsafe_code", &["runtime/abi/src", "runtime/core/src/host", "compiler/native/src"]),
];

/// Where in tests and bench `unsafe` may stand: allocators that count or guard, and rows that race.
const UNSAFE_IN_TESTS: &[&str] =
    &["bench/src/allocations.rs", "bench/src/best/mod.rs", "bench/src/hand/mod.rs", "src/guards.rs"];

#[test]
fn crates_use_only_what_they_may() {
    let allowed = BTreeMap::from_iter(ARROWS.iter().copied());
    let metadata = Command::new(env!("CARGO")).args(["metadata", "--no-deps", "--format-version=1"]).output().unwrap();
    let metadata: serde_json::Value = serde_json::from_slice(&metadata.stdout).unwrap();
    let packages = metadata["packages"].as_array().unwrap();
    assert_eq!(packages.len(), ARROWS.len());
    for package in packages {
        let name = package["name"].as_str().unwrap();
        let dependencies = package["dependencies"].as_array().unwrap().iter().filter(|it| it["kind"].is_null());
        for used in dependencies.map(|it| it["name"].as_str().unwrap()).filter(|it| it.starts_with("emr-")) {
            assert!(allowed[name].contains(&used), "{name} may not use {used}");
        }
    }
}

#[test]
fn a_tool_is_used_in_its_place_only() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
    let sources: Vec<_> =
        ["compiler", "runtime", "lsp", "stdlib"].iter().flat_map(|it| sources(&root.join(it))).collect();
    assert!(sources.len() > 30, "the sources were not found");
    for path in sources {
        let text = fs::read_to_string(&path).unwrap();
        let here = path.strip_prefix(root).unwrap();
        for line in written(&text) {
            for (tool, places) in KEPT_TO.iter().filter(|(tool, _)| uses(line, tool)) {
                let kept = places.iter().any(|place| here.starts_with(place));
                assert!(kept, "{} may not use {tool}: {line}", here.display());
            }
        }
    }
}

#[test]
fn tests_keep_unsafe_to_allocators_and_to_those_who_race() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR"));
    let all = ["bench/src", "src"].iter().flat_map(|it| sources(&folder.join(it)));
    let is_allowed = |path: &PathBuf| {
        let text = fs::read_to_string(path).unwrap();
        let mut attributes = text.lines().map(|line| line.trim_start().trim_start_matches("#!["));
        attributes.any(|line| line.starts_with("expect(unsafe_code"))
    };
    let mut found: Vec<_> = all.filter(is_allowed).collect();
    found.sort();
    assert_eq!(found, UNSAFE_IN_TESTS.iter().map(|it| folder.join(it)).collect::<Vec<_>>());
}

#[test]
fn the_watch_sees_what_it_should() {
    assert!(uses("use pest::Parser;", "pest::"));
    assert!(uses("    println!(\"{x}\");", "println!"));
    assert!(!uses("    eprintln!(\"{x}\");", "println!"));
    assert!(!uses("use proppest::Parser;", "pest::"));
    let text = "use a::b;\n// use pest::Parser\n/// salsa::input\n#[cfg(test)]\nmod tests { use std::fs; }\n";
    assert_eq!(written(text).collect::<Vec<_>>(), ["use a::b;"]);
}

/// Lines of code, down to the tests at the end of the file.
fn written(text: &str) -> impl Iterator<Item = &str> {
    let code = text.split("#[cfg(test)]").next().unwrap_or_default();
    code.lines().filter(|line| !line.trim_start().starts_with("//"))
}

/// Whether a line names the tool as a word of its own.
fn uses(line: &str, tool: &str) -> bool {
    line.match_indices(tool).any(|(at, _)| {
        let before = line[..at].chars().next_back();
        before.is_none_or(|letter| !letter.is_alphanumeric() && letter != '_')
    })
}

/// The Rust files under a folder that go into a product: no tests, no build products.
fn sources(folder: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    let kept = entries.filter(|path| {
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        !["tests", "tests.rs", "target", "snapshots"].contains(&name.as_str())
    });
    kept.flat_map(|path| match path.is_dir() {
        true => sources(&path),
        false => Vec::from_iter(path.extension().is_some_and(|it| it == "rs").then_some(path)),
    })
    .collect()
}
