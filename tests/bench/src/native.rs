//! Machine code of the plan, with the interpreter for what it leaves to it, as everything else runs maps.

use crate::corpus::Message;
use crate::engine::{Engine, Row};
use crate::interpreter::Interpreter;
use crate::workload::Workload;
use emr_message::Settings;
use emr_native::{Compiler, Target};
use emr_runtime::host::{Loaded, Machine, Ran};
use std::sync::Arc;

pub const ROW: Row = Row { name: "native", prepare };

struct Native {
    machine: Machine,
    slow: Interpreter,
}

fn prepare(workload: &Workload) -> Option<Box<dyn Engine>> {
    let program = Compiler::new(&Target::Host).ok()?.program(&workload.plan);
    let loaded = Arc::new(Loaded::new(program).ok()?);
    let machine = Machine::new(loaded, Settings::default(), workload.settings.zone.clone(), workload.settings.fuel);
    Some(Box::new(Native { machine, slow: Interpreter::new(workload) }))
}

impl Engine for Native {
    fn run(&mut self, message: Message<'_>) -> &[u8] {
        match self.machine.run(message.bytes()) {
            Ran::Done(done) => done.json,
            Ran::Refused(_) | Ran::Unreadable(_) | Ran::Fault => &[],
            Ran::Deferred => self.slow.run(message),
        }
    }
}
