//! `cargo run --release -p bench -- --rows hand,idiom,interpreter`: see docs/benchmarks.md.

use bench::allocations::Counting;
use bench::compiling::{self, Compiling};
use bench::engine::{ROWS, Row, row};
use bench::export::export;
use bench::measure::{Figures, measure, run_only};
use bench::workload;
use clap::{Parser, ValueEnum};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

#[global_allocator]
static ALLOCATOR: Counting = Counting;

/// Measures rows against each other over the same messages and maps
#[derive(Parser)]
struct Call {
    /// Who competes, in this order; ratios are to the first
    #[arg(long, value_delimiter = ',')]
    rows: Vec<String>,
    /// W1, W2, W3, W5, W6; all if nothing is said
    #[arg(long, value_delimiter = ',')]
    workloads: Vec<String>,
    #[arg(long, default_value_t = 21)]
    rounds: usize,
    #[arg(long, value_enum, default_value_t = Format::Table)]
    format: Format,
    /// Measures nothing, but writes the messages and what the first row makes of them into this folder
    #[arg(long, value_name = "DIR")]
    messages: Option<PathBuf>,
    /// Runs each row so many times over all messages and measures nothing, for those who count instructions
    #[arg(long, value_name = "COUNT", conflicts_with_all = ["rounds", "format"])]
    passes: Option<usize>,
}

#[derive(Clone, Copy, ValueEnum)]
enum Format {
    Table,
    Json,
}

fn main() -> ExitCode {
    match run(&Call::parse()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(why) => {
            eprintln!("{why}");
            ExitCode::FAILURE
        }
    }
}

fn run(call: &Call) -> Result<(), String> {
    let known = || ROWS.iter().map(|row| row.name).collect::<Vec<_>>().join(", ");
    let named = call.rows.iter().map(|name| row(name).ok_or(format!("there is no row `{name}`, only {}", known())));
    let named: Vec<&Row> = named.collect::<Result<_, _>>()?;
    let rows = if named.is_empty() { ROWS.iter().collect() } else { named };
    if let (Some(folder), Some(first)) = (&call.messages, rows.first()) {
        return workload::all(&call.workloads)?.iter().try_for_each(|workload| export(workload, first, folder));
    }
    if let Some(passes) = call.passes {
        for workload in workload::all(&call.workloads)? {
            for row in &rows {
                if let Some(messages) = run_only(&workload, row, passes) {
                    println!("{} {}: {messages} messages", workload.name, row.name);
                }
            }
        }
        return Ok(());
    }
    let (mut figures, mut rounds) = (Vec::new(), Vec::new());
    let mut compiled: Vec<Compiling> = Vec::new();
    for workload in workload::all(&call.workloads)? {
        let (mut own, raw) = measure(&workload, &rows, call.rounds)?;
        if let Some(native) = own.iter_mut().find(|it| it.engine == "native") {
            let key = workload.map.key();
            if compiled.iter().all(|it| it.map != key) {
                compiled.push(compiling::measure(workload.map, call.rounds)?);
            }
            native.compile = compiled.iter().find(|it| it.map == key).cloned();
        }
        figures.extend(own);
        rounds.extend(raw);
    }
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../target/bench");
    let write =
        || std::fs::create_dir_all(&folder).and_then(|()| std::fs::write(folder.join("rounds.json"), json(&rounds)));
    write().map_err(|why| format!("{}: {why}", folder.display()))?;
    match call.format {
        Format::Json => println!("{}", json(&figures)),
        Format::Table => {
            table(&figures);
            if !compiled.is_empty() {
                println!();
                compiling::table(&compiled);
            }
        }
    }
    Ok(())
}

fn json(of: &impl serde::Serialize) -> String {
    serde_json::to_string_pretty(of).unwrap_or_default()
}

fn table(figures: &[Figures]) {
    println!("| workload | row | messages/s | MB/s | allocations | peak, KB | ratio |");
    println!("| --- | --- | ---: | ---: | ---: | ---: | ---: |");
    for it in figures {
        println!(
            "| {} | {} | {:.0} | {:.1} | {:.1} | {} | {:.3} |",
            it.workload,
            it.engine,
            it.messages_per_s,
            it.mb_per_s,
            it.allocations_per_message,
            it.peak_bytes / 1000,
            it.ratio
        );
    }
}
