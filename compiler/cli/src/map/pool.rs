//! Many threads, one order: what comes first in comes first out, on any number of threads.

use std::collections::BTreeMap;
use std::num::NonZero;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::sync::{Arc, Mutex, PoisonError};

/// How many pieces of work may wait or be under way for each thread: enough that none is idle, few enough that memory
/// holds a few pieces and not all that there are.
const AHEAD: usize = 2;

/// Gives `work` what `source` yields, on `jobs` threads, and `sink` what comes of it, in the order of the source.
/// Each thread keeps a `state` of its own for its work. `sink` runs on this thread; if it fails, the rest of the source
/// is left alone.
pub fn ordered<T: Send, R: Send, S, E>(
    jobs: NonZero<usize>,
    source: impl Iterator<Item = T> + Send,
    state: impl Fn() -> S + Sync,
    work: impl Fn(&mut S, T) -> R + Sync,
    mut sink: impl FnMut(R) -> Result<(), E>,
) -> Result<(), E> {
    if jobs.get() == 1 {
        let mut state = state();
        return source.into_iter().try_for_each(|it| sink(work(&mut state, it)));
    }
    let window = jobs.get() * AHEAD;
    let (tickets, taken) = sync_channel(window);
    let (todo, doing) = sync_channel(window);
    let (done, results) = sync_channel(window);
    let doing = Arc::new(Mutex::new(doing));
    let (state, work) = (&state, &work);
    // `move`: where the sink fails, its ends of the channels go with it, and every thread sees that nobody waits.
    std::thread::scope(move |scope| {
        scope.spawn(move || feed(source, &tickets, &todo));
        for _ in 0..jobs.get() {
            let (doing, done) = (doing.clone(), done.clone());
            scope.spawn(move || toil(&doing, &done, state(), work));
        }
        // Ours would keep the others waiting for what never comes.
        drop((doing, done));
        let mut early = BTreeMap::new();
        let mut next = 0_usize;
        for (number, result) in results {
            early.insert(number, result);
            while let Some(result) = early.remove(&next) {
                next += 1;
                // A ticket comes back, and one more piece may be begun.
                let _ = taken.recv();
                sink(result)?;
            }
        }
        Ok(())
    })
}

/// A ticket for each piece that is not yet written bounds how far a fast thread runs ahead of a slow one.
fn feed<T>(source: impl Iterator<Item = T>, tickets: &SyncSender<()>, todo: &SyncSender<(usize, T)>) {
    for piece in source.enumerate() {
        if tickets.send(()).is_err() || todo.send(piece).is_err() {
            return;
        }
    }
}

fn toil<T, R, S>(
    doing: &Mutex<Receiver<(usize, T)>>,
    done: &SyncSender<(usize, R)>,
    mut state: S,
    work: &impl Fn(&mut S, T) -> R,
) {
    loop {
        let piece = doing.lock().unwrap_or_else(PoisonError::into_inner).recv();
        let Ok((number, piece)) = piece else { return };
        if done.send((number, work(&mut state, piece))).is_err() {
            return;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::atomic::{AtomicUsize, Ordering};

    fn jobs(n: usize) -> NonZero<usize> {
        NonZero::new(n).unwrap()
    }

    #[test]
    fn results_keep_the_order_of_their_sources() {
        for n in [1, 2, 7] {
            let mut out = Vec::new();
            let slow_now_and_then = |(): &mut (), it: usize| {
                if it.is_multiple_of(7) {
                    std::thread::yield_now();
                }
                it * 2
            };
            let keep = |it| -> Result<(), ()> {
                out.push(it);
                Ok(())
            };
            ordered(jobs(n), 0..500, || (), slow_now_and_then, keep).unwrap();
            assert_eq!(out, (0..500).map(|it| it * 2).collect::<Vec<_>>());
        }
    }

    #[test]
    fn a_sink_that_fails_ends_the_work() {
        let begun = AtomicUsize::new(0);
        let source = (0..1_000_000).inspect(|_| {
            begun.fetch_add(1, Ordering::Relaxed);
        });
        let end = ordered(jobs(3), source, || (), |(), it| it, |it| if it == 10 { Err("enough") } else { Ok(()) });
        assert_eq!(end, Err("enough"));
        assert!(begun.load(Ordering::Relaxed) < 1000);
    }
}
