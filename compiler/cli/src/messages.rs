//! The messages of the files that a call names, one after another.

use std::path::PathBuf;
use std::sync::Arc;

use crate::end::End;
use crate::input::{Input, inputs};
use crate::map::block::{self, Then};
use crate::style::{PLAIN, RED};

/// A message, and where it stands.
pub struct Found {
    pub input: Arc<Input>,
    /// Its number in the file; nothing if it is the only one.
    pub number: Option<usize>,
    pub bytes: Vec<u8>,
}

impl Found {
    /// `adt.hl7 (message 2)`
    pub fn place(&self) -> String {
        place(&self.input, self.number)
    }
}

/// What a message of a file is called, by its number if there are several: `adt.hl7 (message 2)`.
pub fn place(input: &Input, number: Option<usize>) -> String {
    let number = number.map(|number| format!(" (message {number})")).unwrap_or_default();
    format!("{}{number}", input.path.display())
}

/// Hands over each message; how many files have none, which is said.
pub fn each(paths: &[PathBuf], mut act: impl FnMut(Found) -> Result<(), End>) -> Result<usize, End> {
    let mut without = 0;
    for block in block::all(inputs(paths)?) {
        for (bytes, index) in block.messages.into_iter().zip(0..) {
            act(Found { input: block.input.clone(), number: block.first.map(|first| first + index), bytes })?;
        }
        match block.then {
            Then::Nothing(why) => {
                without += 1;
                say(&block.input.path.display().to_string(), &why);
            }
            Then::Fault(end) => return Err(end),
            Then::More | Then::End { .. } => {}
        }
    }
    Ok(without)
}

/// That something is wrong with a message.
pub fn say(place: &str, why: &str) {
    anstream::eprintln!("{place}: {RED}error{PLAIN}: {why}");
}
