//! The clock: all rows of a workload in turn, round after round, in CPU time of this thread. What the machine does
//! beside it hits all of them alike, and a ratio within a round says more than a figure.

use crate::allocations::{self, Taken};
use crate::compiling::Compiling;
use crate::engine::{Engine, Row};
use crate::workload::Workload;
use rustix::time::{ClockId, clock_gettime};
use serde::Serialize;
use std::hint::black_box;

/// About how long one row is timed at a time, in ns.
const SLICE: f64 = 60e6;

/// A line of the table.
#[derive(Serialize)]
pub struct Figures {
    pub workload: &'static str,
    pub engine: &'static str,
    /// For one core, of its CPU time.
    pub messages_per_s: f64,
    pub mb_per_s: f64,
    pub ns_per_message: f64,
    pub allocations_per_message: f64,
    /// The most bytes of the heap at one time, beyond messages and maps.
    pub peak_bytes: usize,
    pub output_bytes_per_message: f64,
    /// CPU time as part of that of the first row: the median of the rounds.
    pub ratio: f64,
    /// What its map cost to compile, for machine code.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub compile: Option<Compiling>,
}

/// What was measured in each round, in ns a message.
#[derive(Serialize)]
pub struct Rounds {
    pub workload: &'static str,
    pub engine: &'static str,
    pub messages: usize,
    pub passes: usize,
    pub ns: Vec<f64>,
}

struct Entrant {
    name: &'static str,
    engine: Box<dyn Engine>,
    taken: Taken,
    passes: usize,
    ns: Vec<f64>,
}

/// Measures those rows that do the workload. An error if two of them do not write the same.
pub fn measure(workload: &Workload, rows: &[&Row], rounds: usize) -> Result<(Vec<Figures>, Vec<Rounds>), String> {
    let expected =
        rows.first().and_then(|row| outputs(workload, row)).ok_or("the first row does not do this workload")?;
    let messages = expected.len();
    if let Some(refused) = expected.iter().position(Vec::is_empty) {
        return Err(format!("{}: message {refused} is refused", workload.name));
    }
    let mut entrants = Vec::new();
    for row in rows {
        if let Some(wrong) = outputs(workload, row).and_then(|own| differing(&expected, &own)) {
            return Err(format!("{}: `{}` writes something else for message {wrong}", workload.name, row.name));
        }
        entrants.extend(Entrant::new(workload, row));
    }
    for round in 0..rounds {
        let from = round % entrants.len().max(1);
        let (last, first) = entrants.split_at_mut(from);
        for entrant in first.iter_mut().chain(last) {
            let ns = timed(workload, &mut *entrant.engine, entrant.passes) / (entrant.passes * messages) as f64;
            entrant.ns.push(ns);
        }
    }
    let written = expected.iter().map(Vec::len).sum::<usize>() as f64 / messages as f64;
    let first = entrants.first().map(|it| it.ns.clone()).unwrap_or_default();
    let figures = entrants.iter().map(|it| it.figures(workload, messages, written, &first)).collect();
    let raw = entrants.into_iter().map(|it| it.raw(workload, messages)).collect();
    Ok((figures, raw))
}

/// So many passes, without a look at the clock. Gives how many messages one has, if the row does the workload.
pub fn run_only(workload: &Workload, row: &Row, passes: usize) -> Option<usize> {
    let mut engine = (row.prepare)(workload)?;
    run(workload, &mut *engine, passes);
    Some(workload.corpus.messages().count())
}

/// What a row writes for each message; nothing if it does not do the workload.
pub fn outputs(workload: &Workload, row: &Row) -> Option<Vec<Vec<u8>>> {
    let mut engine = (row.prepare)(workload)?;
    let mut all = Vec::new();
    pass(workload, &mut *engine, &mut |out| all.push(out.to_vec()));
    Some(all)
}

/// The number of the first message for which they are not the same.
pub fn differing(expected: &[Vec<u8>], own: &[Vec<u8>]) -> Option<usize> {
    let most = expected.len().max(own.len());
    (0..most).find(|&at| expected.get(at) != own.get(at))
}

fn pass(workload: &Workload, engine: &mut dyn Engine, done: &mut dyn FnMut(&[u8])) {
    for message in workload.corpus.messages() {
        let message = black_box(message);
        if workload.is_batch { engine.batch(message, done) } else { done(engine.run(message)) }
    }
}

/// The CPU time of this thread so far, in ns.
pub fn cpu() -> f64 {
    let now = clock_gettime(ClockId::ThreadCPUTime);
    now.tv_sec as f64 * 1e9 + now.tv_nsec as f64
}

fn timed(workload: &Workload, engine: &mut dyn Engine, passes: usize) -> f64 {
    let start = cpu();
    run(workload, engine, passes);
    cpu() - start
}

fn run(workload: &Workload, engine: &mut dyn Engine, passes: usize) {
    for _ in 0..passes {
        pass(workload, engine, &mut |out| {
            black_box(out);
        });
    }
}

impl Entrant {
    fn new(workload: &Workload, row: &Row) -> Option<Entrant> {
        let mut engine = None;
        let made = allocations::during(|| {
            engine = (row.prepare)(workload);
            if let Some(engine) = &mut engine {
                timed(workload, &mut **engine, 1);
            }
        });
        let mut engine = engine?;
        let warm = timed(workload, &mut *engine, 1);
        let again = allocations::during(|| {
            timed(workload, &mut *engine, 1);
        });
        let taken = Taken { calls: again.calls, peak: made.peak };
        // A pass is at least one message, however the clock counts.
        let passes = (SLICE / warm.max(1.0)).ceil().clamp(1.0, 10_000.0) as usize;
        Some(Entrant { name: row.name, engine, taken, passes, ns: Vec::new() })
    }

    fn figures(&self, workload: &Workload, messages: usize, written: f64, first: &[f64]) -> Figures {
        let ns = median(self.ns.clone());
        let bytes = workload.corpus.bytes() as f64 / messages as f64;
        Figures {
            workload: workload.name,
            engine: self.name,
            messages_per_s: 1e9 / ns,
            mb_per_s: bytes * 1e3 / ns,
            ns_per_message: ns,
            allocations_per_message: self.taken.calls as f64 / messages as f64,
            peak_bytes: self.taken.peak,
            output_bytes_per_message: written,
            ratio: median(self.ns.iter().zip(first).map(|(own, first)| own / first).collect()),
            compile: None,
        }
    }

    fn raw(self, workload: &Workload, messages: usize) -> Rounds {
        Rounds { workload: workload.name, engine: self.name, messages, passes: self.passes, ns: self.ns }
    }
}

pub fn median(mut of: Vec<f64>) -> f64 {
    of.sort_by(f64::total_cmp);
    of.get(of.len() / 2).copied().unwrap_or(f64::NAN)
}
