//! What it costs to compile a map: from what was checked to its plan, and from the plan to machine code.

use crate::measure::{cpu, median};
use crate::workload::{Map, Maps};
use emr_compiler::plan::{Block, Plan};
use emr_native::{Compiler, Target};
use serde::Serialize;
use std::hint::black_box;

/// Medians of the rounds, in CPU time.
#[derive(Clone, Serialize)]
pub struct Compiling {
    pub map: &'static str,
    /// The instructions of its plan.
    pub steps: usize,
    pub code_bytes: usize,
    pub lower_ms: f64,
    pub code_ms: f64,
}

/// Compiles the map so many times, each time from a check of its own.
pub fn measure(map: Map, rounds: usize) -> Result<Compiling, String> {
    let compiler = Compiler::new(&Target::Host).map_err(|_| "no code can be made for this machine")?;
    let (mut lower, mut code, mut last) = (Vec::new(), Vec::new(), None);
    for _ in 0..rounds.max(1) {
        let maps = Maps::open()?;
        let start = cpu();
        let plan = black_box(maps.plan(map)?);
        let lowered = cpu();
        let program = black_box(compiler.program(&plan));
        code.push((cpu() - lowered) / 1e6);
        lower.push((lowered - start) / 1e6);
        last = Some((steps(&plan), program.code.len()));
    }
    let (steps, code_bytes) = last.unwrap_or_default();
    Ok(Compiling { map: map.key(), steps, code_bytes, lower_ms: median(lower), code_ms: median(code) })
}

fn steps(plan: &Plan) -> usize {
    plan.routines.iter().map(|routine| inside(&routine.body)).sum()
}

fn inside(block: &Block) -> usize {
    block.iter().map(|step| 1 + step.blocks().into_iter().map(inside).sum::<usize>()).sum()
}

/// A line for each map.
pub fn table(all: &[Compiling]) {
    println!("| map | plan instructions | plan, ms | us each | code, ms | us each | code, bytes |");
    println!("| --- | ---: | ---: | ---: | ---: | ---: | ---: |");
    for it in all {
        let each = |ms: f64| ms * 1e3 / it.steps as f64;
        println!(
            "| {} | {} | {:.2} | {:.2} | {:.1} | {:.1} | {} |",
            it.map,
            it.steps,
            it.lower_ms,
            each(it.lower_ms),
            it.code_ms,
            each(it.code_ms),
            it.code_bytes
        );
    }
}
