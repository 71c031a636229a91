//! Vector's remap language in its own compiler and runtime: `MESSAGES OUTPUT SECONDS`, see ../README.md.

mod expand;

use rustix::time::{ClockId, clock_gettime};
use std::fs;
use std::hint::black_box;
use std::path::Path;
use vrl::compiler::state::RuntimeState;
use vrl::compiler::{Context, Program, TargetValue, TimeZone, compile};
use vrl::value::{ObjectMap, Secrets, Value};

fn main() {
    let [_, messages, output, seconds] = &std::env::args().collect::<Vec<_>>()[..] else {
        panic!("MESSAGES OUTPUT SECONDS")
    };
    let workload = Path::new(messages).file_stem().expect("a name").to_string_lossy().into_owned();
    let seconds: f64 = seconds.parse().expect("seconds");
    let lines = fs::read_to_string(messages).expect("messages");
    let messages: Vec<String> = lines.lines().map(|line| serde_json::from_str(line).expect("a text")).collect();

    let program = program(&workload);
    let made: Vec<String> = messages.iter().map(|message| run(&program, message)).collect();
    fs::write(output, made.join("\n") + "\n").expect("output");

    let (warm, _) = timed(&program, &messages, seconds);
    let (count, spent) = timed(&program, &messages, seconds);
    let row = serde_json::json!({
        "workload": workload,
        "engine": "vrl",
        "messages_per_s": count as f64 / spent,
        "note": format!("{warm} messages before"),
    });
    println!("{row}");
}

fn program(workload: &str) -> Program {
    let map = if workload == "W1" { include_str!("admission.vrl") } else { include_str!("results.vrl") };
    let source = expand::expand(&[include_str!("types.vrl"), map]);
    match compile(&source, &vrl::stdlib::all()) {
        Ok(compiled) => compiled.program,
        Err(why) => panic!("{}", vrl::diagnostic::Formatter::new(&source, why)),
    }
}

fn run(program: &Program, message: &str) -> String {
    let fields = ObjectMap::from([("message".into(), Value::from(message))]);
    let mut target = TargetValue {
        value: Value::Object(fields),
        metadata: Value::Object(ObjectMap::new()),
        secrets: Secrets::default(),
    };
    let mut state = RuntimeState::default();
    let zone = TimeZone::default();
    match program.resolve(&mut Context::new(&mut target, &mut state, &zone)) {
        Ok(out) => out.to_str_lossy().expect("JSON").into_owned(),
        Err(why) => serde_json::json!({ "failed": why.to_string() }).to_string(),
    }
}

/// Seconds of CPU time of this thread.
fn cpu() -> f64 {
    let now = clock_gettime(ClockId::ThreadCPUTime);
    now.tv_sec as f64 + now.tv_nsec as f64 / 1e9
}

fn timed(program: &Program, messages: &[String], seconds: f64) -> (usize, f64) {
    let start = cpu();
    let mut count = 0;
    for message in messages.iter().cycle() {
        black_box(run(program, message));
        count += 1;
        let spent = cpu() - start;
        if spent >= seconds {
            return (count, spent);
        }
    }
    unreachable!("there are messages")
}
