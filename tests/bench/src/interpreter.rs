//! The compiler's own interpreter of the plan: the oracle, written for clarity.

use crate::corpus::Message;
use crate::engine::{Engine, Row};
use crate::workload::Workload;
use emr_compiler::plan::{Plan, interpret};
use std::sync::Arc;

pub const ROW: Row = Row { name: "interpreter", prepare };

pub struct Interpreter {
    plan: Arc<Plan>,
    settings: interpret::Settings,
    out: Vec<u8>,
}

impl Interpreter {
    pub fn new(workload: &Workload) -> Interpreter {
        let (plan, settings) = (workload.plan.clone(), workload.settings.clone());
        Interpreter { plan, settings, out: Vec::new() }
    }
}

fn prepare(workload: &Workload) -> Option<Box<dyn Engine>> {
    Some(Box::new(Interpreter::new(workload)))
}

impl Engine for Interpreter {
    fn run(&mut self, message: Message<'_>) -> &[u8] {
        self.out.clear();
        if let Ok(message) = emr_message::Message::read(message.bytes(), &emr_message::Settings::default())
            && let Ok(out) = interpret::run(&self.plan, &message, &self.settings).result
        {
            self.out = out;
        }
        &self.out
    }
}
