//! Runs a transform over broken messages: nothing may panic, hang, or give what is not JSON.

use crate::mutate::mutate;
use crate::random::Random;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::time::Duration;

/// What a transform makes of a message: JSON, or nothing where it refuses it or cannot read it.
pub type Transform = dyn Fn(&[u8]) -> Option<Vec<u8>> + Send;

/// A message is done in milliseconds; one that takes this long will not end.
const PATIENCE: Duration = Duration::from_secs(60);

/// What came of the messages.
#[derive(Clone, Copy, Debug, Default)]
pub struct Tally {
    pub given: usize,
    pub refused: usize,
}

/// Runs `transform` over `count` mutations of the messages, each with a seed of its own. Panics with the message's
/// name and the seed if one is not survived: with these the mutation can be made again.
pub fn mutations(messages: Vec<(String, Vec<u8>)>, count: usize, transform: Box<Transform>) -> Tally {
    let cases = (0..count).map(move |seed| {
        let (name, message) = &messages[seed % messages.len()];
        (format!("{name}, seed {seed}"), mutate(message, &mut Random::seeded(seed as u64)))
    });
    run(cases, transform)
}

/// Runs `transform` over every beginning of the messages, the empty one and the whole included.
pub fn truncations(messages: Vec<(String, Vec<u8>)>, transform: Box<Transform>) -> Tally {
    let cases = messages.into_iter().flat_map(|(name, message)| {
        (0..=message.len()).map(move |end| (format!("{name}, {end} bytes"), message[..end].to_vec()))
    });
    run(cases, transform)
}

/// The messages go through in a thread of their own, so that one that never ends is seen.
fn run(cases: impl Iterator<Item = (String, Vec<u8>)> + Send + 'static, transform: Box<Transform>) -> Tally {
    let (done, outcomes) = channel();
    std::thread::spawn(move || {
        for (name, bytes) in cases {
            done.send((name, None)).unwrap();
            let outcome = catch_unwind(AssertUnwindSafe(|| transform(&bytes)));
            done.send((String::new(), Some(outcome.map_err(|_| ())))).unwrap();
        }
    });
    tally(&outcomes)
}

type Told = (String, Option<Result<Option<Vec<u8>>, ()>>);

fn tally(outcomes: &Receiver<Told>) -> Tally {
    let mut tally = Tally::default();
    let mut running = String::new();
    loop {
        match outcomes.recv_timeout(PATIENCE) {
            Err(RecvTimeoutError::Disconnected) => return tally,
            Err(RecvTimeoutError::Timeout) => panic!("no end of {running}"),
            Ok((name, None)) => running = name,
            Ok((_, Some(Err(())))) => panic!("a panic in {running}"),
            Ok((_, Some(Ok(None)))) => tally.refused += 1,
            Ok((_, Some(Ok(Some(json))))) => {
                let read = serde_json::from_slice::<serde::de::IgnoredAny>(&json);
                assert!(read.is_ok(), "no JSON from {running}: {}", read.unwrap_err());
                tally.given += 1;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn one() -> Vec<(String, Vec<u8>)> {
        vec![("one".to_owned(), b"MSH|^~\\&|A\rPID|1\r".to_vec())]
    }

    #[test]
    fn what_a_transform_gives_and_refuses_is_counted() {
        let tally = truncations(one(), Box::new(|bytes| bytes.ends_with(b"\r").then(|| b"{}".to_vec())));
        assert_eq!((tally.given, tally.refused), (2, 16));
    }

    #[test]
    #[should_panic(expected = "a panic in one, seed ")]
    fn a_panic_is_told_with_its_seed() {
        mutations(one(), 200, Box::new(|bytes| if bytes.contains(&0) { panic!("zero") } else { None }));
    }

    #[test]
    #[should_panic(expected = "no JSON from one, 3 bytes")]
    fn what_is_not_json_is_told() {
        truncations(one(), Box::new(|bytes| Some(if bytes.len() == 3 { b"{\"a\":}".to_vec() } else { b"1".to_vec() })));
    }
}
