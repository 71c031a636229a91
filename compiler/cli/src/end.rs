//! How a command ends: the only place that knows exit codes.

use std::io;
use std::panic;
use std::process::ExitCode;

use anstream::eprintln;
use emr_project::Error;

#[derive(Debug)]
pub enum End {
    Fine,
    /// The user's text, a test or a message is wrong, and that has been said.
    Wrong,
    /// The command was called with something that does not exist or does not fit; says what.
    Call(String),
    /// The world outside failed: a file, a terminal, the machine; says how.
    World(String),
}

impl End {
    /// The mapping that the call names has no map that a message could go through.
    pub fn takes_nothing() -> Self {
        Self::Call("no map takes a message: one that does begins like `map admission(ADT_A01)`".to_owned())
    }
}

/// Why, as a person is told; nothing of what has been said.
impl std::fmt::Display for End {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            End::Fine | End::Wrong => Ok(()),
            End::Call(why) | End::World(why) => f.write_str(why),
        }
    }
}

pub fn code(end: Result<End, End>) -> ExitCode {
    match end.unwrap_or_else(|end| end) {
        End::Fine => ExitCode::SUCCESS,
        End::Wrong => ExitCode::from(1),
        End::Call(why) => fail(2, &why),
        End::World(why) => fail(3, &why),
    }
}

/// From here on a fault of the machinery is told by its place alone. What it says of itself may hold what it was working on.
pub fn without_values() {
    panic::set_hook(Box::new(|what| {
        let at = what.location().map(|at| format!(" at {at}")).unwrap_or_default();
        eprintln!("{}error{}: a fault of emr itself{at}", crate::style::RED, crate::style::PLAIN);
    }));
}

fn fail(code: u8, why: &str) -> ExitCode {
    eprintln!("{}error{}: {why}", crate::style::RED, crate::style::PLAIN);
    ExitCode::from(code)
}

/// So that `?` ends a command as a failure of the world does. Where a file is at fault, say which: `World`.
impl From<io::Error> for End {
    fn from(error: io::Error) -> End {
        // Who reads our output may have seen enough.
        if error.kind() == io::ErrorKind::BrokenPipe { End::Fine } else { End::World(error.to_string()) }
    }
}

impl From<Error> for End {
    fn from(error: Error) -> End {
        if error.is_of_the_call() { End::Call(error.to_string()) } else { End::World(error.to_string()) }
    }
}
