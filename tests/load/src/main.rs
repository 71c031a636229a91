//! How many messages a running engine takes, maps and delivers, beside an echo, a loop of writes and syncs, and a minimal
//! durable server written by hand, all in one run; how long an acknowledgment takes; and how much memory it all needs.
//!
//! `cargo run --release -p load -- --emr target/release/emr`; docs/benchmarks.md says what is measured. It fails where
//! something acknowledged was not delivered, or came twice or out of order, and never because of a time.

#[path = "../../src/address.rs"]
mod address;
mod child;
mod connections;
mod engine;
mod exchange;
mod large;
mod memory;
mod messages;
mod senders;
mod server;
mod sink;
mod speed;
mod times;

use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Parser, Subcommand, ValueEnum};

/// Puts a running engine under load, on this machine alone
#[derive(Parser)]
pub struct Call {
    #[command(subcommand)]
    server: Option<Server>,
    /// What is measured; all of it if nothing is said
    #[arg(value_enum)]
    parts: Vec<Part>,
    #[arg(long, default_value = "target/release/emr")]
    emr: PathBuf,
    /// Connections at a time
    #[arg(long, value_delimiter = ',', default_values_t = [1, 16, 64, 256])]
    connections: Vec<usize>,
    /// How long each row is measured in each round
    #[arg(long, default_value_t = 3.0)]
    seconds: f64,
    #[arg(long, default_value_t = 3)]
    rounds: usize,
    /// How long memory is watched
    #[arg(long, default_value_t = 1.0)]
    minutes: f64,
}

#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Part {
    /// Messages in a second, and how long an acknowledgment takes at half of that
    Speed,
    /// Whether memory grows under load
    Memory,
    /// 10,000 connections that say nothing, 1,000 that do, and 2,000 that are slow beside 16 that are not
    Connections,
    /// Messages of 10 MB and of 100 MB that are passed on as they are
    Large,
}

/// What else competes, each in a process of its own.
#[derive(Clone, Debug, Subcommand)]
pub enum Server {
    /// Answers, and does nothing else
    Echo,
    /// Stores, syncs, converts by hand, answers and delivers
    Minimal { sink: std::net::SocketAddr, file: PathBuf },
    /// Opens connections, which say nothing until its standard input ends
    Crowd { at: std::net::SocketAddr, count: usize, kind: connections::Kind },
}

fn main() -> ExitCode {
    let call = Call::parse();
    let done = match &call.server {
        Some(server) => server::run(server).map(|()| true),
        None => run(&call),
    };
    match done {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(why) => {
            eprintln!("{why}");
            ExitCode::from(3)
        }
    }
}

fn run(call: &Call) -> std::io::Result<bool> {
    child::many_files()?;
    let wanted = |part| call.parts.is_empty() || call.parts.contains(&part);
    let mut good = true;
    if wanted(Part::Speed) {
        good &= speed::run(call)?;
    }
    if wanted(Part::Memory) {
        good &= memory::run(call)?;
    }
    if wanted(Part::Connections) {
        good &= connections::run(call)?;
    }
    if wanted(Part::Large) {
        good &= large::run(call)?;
    }
    Ok(good)
}
