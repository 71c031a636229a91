//! Sends every beginning of the examples' modules through the parser and the whole checker, as somebody who types them would.
//!
//! The same as the tests do, without leaving any out. Stops at the first that hides a mistake beside it.

#![allow(clippy::unwrap_used)]

use emr_tests::beginnings::{EXAMPLES, check, in_trees, texts};

fn main() {
    std::thread::scope(|scope| {
        let parsing = scope.spawn(|| texts().iter().map(|(path, text)| in_trees(path, text, 1)).sum::<usize>());
        let started = EXAMPLES.map(|example| (example, scope.spawn(move || check(example, 1))));
        for (example, counting) in started {
            println!("{example}: {} beginnings checked", counting.join().unwrap());
        }
        println!("{} beginnings are in their trees", parsing.join().unwrap());
    });
}
