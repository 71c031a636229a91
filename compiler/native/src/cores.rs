//! The same work for many things, on all cores.

use std::num::NonZero;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread::{available_parallelism, scope};

/// What `make` gives for each thing, in the order of the things, however many cores there are.
pub fn each<T: Sync, R: Send>(things: &[T], make: impl Fn(&T) -> R + Sync) -> Vec<R> {
    let threads = available_parallelism().map_or(1, NonZero::get).min(things.len());
    let next = AtomicUsize::new(0);
    let work = || {
        let mut made = Vec::new();
        loop {
            let number = next.fetch_add(1, Ordering::Relaxed);
            match things.get(number) {
                Some(thing) => made.push((number, make(thing))),
                None => return made,
            }
        }
    };
    let mut made: Vec<(usize, R)> = scope(|scope| {
        let workers: Vec<_> = (0..threads).map(|_| scope.spawn(work)).collect();
        let made = workers.into_iter().flat_map(|worker| worker.join().expect("what is made does not fail"));
        made.collect()
    });
    made.sort_unstable_by_key(|(number, _)| *number);
    made.into_iter().map(|(_, it)| it).collect()
}

#[cfg(test)]
mod tests {
    use super::each;

    #[test]
    fn results_stand_in_the_order_of_the_things() {
        let things: Vec<u64> = (0..200).collect();
        let slow_now_and_then = |it: &u64| {
            if it.is_multiple_of(7) {
                std::thread::yield_now();
            }
            it * 2
        };
        assert_eq!(each(&things, slow_now_and_then), things.iter().map(|it| it * 2).collect::<Vec<_>>());
        assert!(each(&[], |it: &u64| *it).is_empty());
    }
}
