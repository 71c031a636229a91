//! Writes a project of 300 maps and checks and builds it with the built command line, in turn.
//!
//! `project PATH_OF_EMR [ROUNDS]` prints how long both take and what of one the other is: CPU time, and the time on the
//! wall, which is shorter where there are cores for the maps. `project --edit [ROUNDS]` checks it as an editor does, and again
//! after a line of one map was changed. `project --write DIR` only writes it.

#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic)]

use emr_tests::edits::{self, EDIT, Editor};
use emr_tests::process::watch;
use emr_tests::project::{self, MAPS, Module};
use std::fs;
use std::path::Path;
use std::process::{Command, ExitCode, Stdio};
use std::time::{Duration, Instant};

const MODULES: usize = 60;
const SEED: u64 = 1;
const ROUNDS: usize = 5;

fn main() -> ExitCode {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let modules = project::write(MODULES, SEED);
    match args.iter().map(String::as_str).collect::<Vec<_>>().as_slice() {
        ["--write", folder] => save(&modules, Path::new(folder)),
        ["--edit"] => edit(&modules, ROUNDS),
        ["--edit", rounds] if is_count(rounds) => edit(&modules, rounds.parse().unwrap()),
        [emr] => race(emr, &modules, ROUNDS),
        [emr, rounds] if is_count(rounds) => race(emr, &modules, rounds.parse().unwrap()),
        _ => {
            eprintln!("usage: project PATH_OF_EMR [ROUNDS] | --edit [ROUNDS] | --write DIR");
            return ExitCode::from(2);
        }
    }
    ExitCode::SUCCESS
}

fn save(modules: &[Module], folder: &Path) {
    fs::create_dir_all(folder).unwrap();
    fs::write(folder.join("emr.toml"), project::SETTINGS).unwrap();
    for module in modules {
        fs::write(folder.join(format!("{}.emr", module.name)), &module.text).unwrap();
    }
    let lines: usize = modules.iter().map(|module| module.text.lines().count()).sum();
    println!("{} maps in {} modules, {lines} lines", modules.len() * MAPS, modules.len());
}

fn race(emr: &str, modules: &[Module], rounds: usize) {
    let folder = tempfile::tempdir().unwrap();
    save(modules, folder.path());
    let output = folder.path().join("group.emrx");
    let (mut checks, mut builds) = (Vec::new(), Vec::new());
    for _ in 0..rounds {
        checks.push(timed(Command::new(emr).arg("check").arg(folder.path())));
        builds.push(timed(Command::new(emr).arg("build").arg(folder.path()).arg("-o").arg(&output)));
    }
    println!("{} bytes of artifact", fs::metadata(&output).unwrap().len());
    println!("| | CPU, s | wall, s |");
    println!("| --- | ---: | ---: |");
    let [check, build] = [middle(checks), middle(builds)];
    for (name, [cpu, wall]) in [("`emr check`", check), ("`emr build`", build)] {
        println!("| {name} | {:.2} | {:.2} |", cpu.as_secs_f64(), wall.as_secs_f64());
    }
    let ratio = |at: usize| build[at].as_secs_f64() / check[at].as_secs_f64();
    println!("| as a multiple | {:.1} | {:.1} |", ratio(0), ratio(1));
}

/// The first check, that after an edit, and what of the one the other is, by time on the wall: one thread does both.
fn edit(modules: &[Module], rounds: usize) {
    let mut shares = Vec::new();
    println!("| cold, ms | after an edit, ms | share |");
    println!("| ---: | ---: | ---: |");
    for _ in 0..rounds {
        let mut editor = Editor::open(modules);
        let cold = lasting(|| editor.check().len());
        editor.replace(edits::edited(modules), EDIT.0, EDIT.1);
        let warm = lasting(|| editor.check().len());
        shares.push(100.0 * warm.as_secs_f64() / cold.as_secs_f64());
        println!(
            "| {:.1} | {:.2} | {:.2} % |",
            1e3 * cold.as_secs_f64(),
            1e3 * warm.as_secs_f64(),
            shares.last().unwrap()
        );
    }
    shares.sort_by(f64::total_cmp);
    println!("median: {:.2} % of the cold check", shares[shares.len() / 2]);
}

fn lasting(work: impl FnOnce() -> usize) -> Duration {
    let start = Instant::now();
    std::hint::black_box(work());
    start.elapsed()
}

fn is_count(text: &str) -> bool {
    text.parse::<usize>().is_ok_and(|it| it > 0)
}

/// CPU time and time on the wall.
fn timed(command: &mut Command) -> [Duration; 2] {
    let start = Instant::now();
    let ended =
        watch(command.stdout(Stdio::null()).spawn().unwrap()).expect("a system that tells what a process takes");
    assert!(ended.succeeded, "{command:?}");
    [ended.user, start.elapsed()]
}

fn middle(of: Vec<[Duration; 2]>) -> [Duration; 2] {
    [0, 1].map(|at| {
        let mut times: Vec<_> = of.iter().map(|it| it[at]).collect();
        times.sort();
        times[times.len() / 2]
    })
}
