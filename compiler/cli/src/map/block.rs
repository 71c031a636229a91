//! The messages of a file, a block at a time: what goes to a thread at once, and all that is held of a long file.

use std::io::Read;
use std::sync::Arc;

use emr_message::batch::{Kind, Splitter};

use crate::end::End;
use crate::engine;
use crate::input::Input;

/// How many bytes of messages make a block: enough that handing it over costs nothing beside the work, few enough that
/// memory holds a small part of a file. A longer message is a block of its own.
const BLOCK_BYTES: usize = 1 << 16;

/// Messages that stand one after another in a file.
pub struct Block {
    pub input: Arc<Input>,
    pub messages: Vec<Vec<u8>>,
    /// How many messages of other blocks came before.
    pub before: usize,
    /// The number of the first one, counted from 1; nothing if the file has only this one.
    pub first: Option<usize>,
    pub then: Then,
}

/// What comes in the file after a block.
pub enum Then {
    More,
    /// The end, after so many trailers that count otherwise than there are messages.
    End {
        miscounted: usize,
    },
    /// The end of a file that has no message, and why.
    Nothing(String),
    /// The rest cannot be read.
    Fault(End),
}

/// The blocks of all inputs, one after the other.
pub fn all(inputs: Vec<Input>) -> impl Iterator<Item = Block> + Send {
    let mut before = 0;
    inputs.into_iter().flat_map(Blocks::new).map(move |block| {
        let block = Block { before, ..block };
        before += block.messages.len();
        block
    })
}

pub struct Blocks {
    input: Arc<Input>,
    /// Nothing after the last block.
    splitter: Option<Result<Splitter<Box<dyn Read + Send>>, End>>,
    /// Those of a file of JSON.
    resources: Vec<Vec<u8>>,
}

/// How much of a file tells whether it is JSON.
const BEGINNING: u64 = 1 << 10;

impl Blocks {
    pub fn new(input: Input) -> Blocks {
        let (mut resources, mut splitter) = (Vec::new(), None);
        match beginning(&input) {
            Ok((first, rest)) if engine::is_json(&first) => match resources_of(&input, first, rest) {
                Ok(found) => resources = found,
                Err(end) => splitter = Some(Err(end)),
            },
            Ok((first, rest)) => {
                let whole: Box<dyn Read + Send> = Box::new(std::io::Cursor::new(first).chain(rest));
                splitter = Some(Ok(Splitter::new(whole)));
            }
            Err(end) => splitter = Some(Err(end)),
        }
        Blocks { input: Arc::new(input), splitter, resources }
    }

    /// All resources of a file, as one block.
    fn resources(&mut self) -> Option<Block> {
        let messages = std::mem::take(&mut self.resources);
        let first = (messages.len() > 1).then_some(1);
        (!messages.is_empty()).then(|| Block {
            input: self.input.clone(),
            messages,
            before: 0,
            first,
            then: Then::End { miscounted: 0 },
        })
    }
}

type Beginning = (Vec<u8>, Box<dyn Read + Send>);

/// The first bytes of a file, which tell what it holds.
fn beginning(input: &Input) -> Result<Beginning, End> {
    let mut file = input.open()?;
    let mut first = Vec::new();
    file.by_ref().take(BEGINNING).read_to_end(&mut first).map_err(|why| input.unreadable(&why))?;
    Ok((first, file))
}

/// The resources of a file of JSON: the one, or one on each line.
fn resources_of(input: &Input, first: Vec<u8>, mut rest: Box<dyn Read + Send>) -> Result<Vec<Vec<u8>>, End> {
    let mut whole = first;
    rest.read_to_end(&mut whole).map_err(|why| input.unreadable(&why))?;
    let lines = whole.split(|byte| *byte == b'\n').filter(|line| !line.trim_ascii().is_empty());
    let lines: Vec<Vec<u8>> = lines.map(<[u8]>::to_vec).collect();
    let each_is_whole = |line: &Vec<u8>| line.trim_ascii().starts_with(b"{") && line.trim_ascii().ends_with(b"}");
    Ok(if lines.len() > 1 && lines.iter().all(each_is_whole) { lines } else { vec![whole] })
}

impl Iterator for Blocks {
    type Item = Block;

    fn next(&mut self) -> Option<Block> {
        if let Some(block) = self.resources() {
            return Some(block);
        }
        let input = self.input.clone();
        let mut splitter = match self.splitter.take()? {
            Ok(splitter) => splitter,
            Err(why) => {
                return Some(Block { input, messages: Vec::new(), before: 0, first: None, then: Then::Fault(why) });
            }
        };
        let before = splitter.messages();
        let (messages, then) = fill(&mut splitter, &input);
        let first = (splitter.messages() > 1).then_some(before + 1);
        if matches!(then, Then::More) {
            self.splitter = Some(Ok(splitter));
        }
        Some(Block { input, messages, before: 0, first, then })
    }
}

fn fill(splitter: &mut Splitter<impl Read>, input: &Input) -> (Vec<Vec<u8>>, Then) {
    let (mut messages, mut part, mut bytes) = (Vec::new(), Vec::new(), 0);
    // The second message of a file tells that the first one has a number.
    while bytes < BLOCK_BYTES || splitter.messages() == 1 {
        match splitter.next(&mut part) {
            Ok(Some(Kind::Message)) => {
                bytes += part.len();
                // A long one is moved, a short one copied, so that none takes more than its length.
                messages.push(if part.len() < BLOCK_BYTES { part.clone() } else { std::mem::take(&mut part) });
            }
            Ok(Some(Kind::Envelope | Kind::Stray)) => {}
            Ok(None) if splitter.messages() == 0 => {
                return (messages, Then::Nothing(engine::no_message(splitter.beginning())));
            }
            Ok(None) => return (messages, Then::End { miscounted: splitter.miscounted() }),
            Err(why) => return (messages, Then::Fault(input.unreadable(&why))),
        }
    }
    (messages, Then::More)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn blocks(text: &str) -> Vec<Block> {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.hl7");
        std::fs::write(&path, text).unwrap();
        Blocks::new(Input { path, result: "a".into() }).collect()
    }

    #[test]
    fn a_message_has_a_number_only_beside_others() {
        let firsts = |text: &str| blocks(text).iter().map(|it| (it.first, it.messages.len())).collect::<Vec<_>>();
        assert_eq!(firsts("MSH|^~\\&|a\rPID|1\r"), [(None, 1)]);
        assert_eq!(firsts("MSH|^~\\&|a\rMSH|^~\\&|b\r"), [(Some(1), 2)]);
        assert_eq!(firsts("PID|1\r"), [(None, 0)]);
        let long = format!("MSH|^~\\&|{}\r", "x".repeat(BLOCK_BYTES));
        assert_eq!(firsts(&long), [(None, 1)]);
        assert_eq!(firsts(&long.repeat(4)), [(Some(1), 2), (Some(3), 1), (Some(4), 1), (Some(5), 0)]);
    }

    #[test]
    fn a_block_holds_a_small_part_of_a_long_file() {
        let line = format!("MSH|^~\\&|{}\r", "x".repeat(1000));
        let blocks = blocks(&line.repeat(1000));
        assert_eq!(blocks.iter().map(|it| it.messages.len()).sum::<usize>(), 1000);
        assert!(blocks.iter().all(|it| it.messages.len() <= BLOCK_BYTES / 1000));
        assert!(matches!(blocks.last().unwrap().then, Then::End { miscounted: 0 }));
    }
}
