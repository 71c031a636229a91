//! Messages that are made anew for a way out, and processes that die of that.

use super::*;
use crate::flow::anew::tests::died;
use crate::flow::anew::{Anew, Task};
use crate::flow::look_up::{Known, Patience};

const WAY: &str = "all>kept";

/// A feed whose target takes nothing, with as many messages, and the numbers of these; the process ends.
async fn waiting(folder: &Path, count: usize) -> Vec<u64> {
    let feed = start(folder, When::Checked, &[], Kept { is_down: true, ..Kept::default() });
    for number in 1..=count {
        assert_eq!(feed.take("A", "H", &number.to_string()).await, Verdict::Good);
    }
    let numbers = feed.intake.ledger().open().map(|open| open.number()).collect();
    feed.queue.abort();
    numbers
}

#[tokio::test(flavor = "multi_thread")]
async fn what_processes_die_of_when_it_is_made_anew_is_parked_and_its_lane_goes_on() {
    let folder = tempfile::tempdir().unwrap();
    let numbers = waiting(folder.path(), 3).await;
    let task = Task::of_delivery(numbers[1], WAY);
    died(folder.path(), &[task, task]);
    let feed = start(folder.path(), When::Checked, &[], Kept::default());
    assert_eq!(feed.settled().await.delivered, 2);
    assert_eq!((feed.intake.law().parked, feed.got()), (1, vec!["1".to_owned(), "3".to_owned()]));
    // Who sends it on wants it tried anew.
    assert_eq!(feed.intake.anew.deaths(task), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_one_process_died_of_is_tried_once_more() {
    let folder = tempfile::tempdir().unwrap();
    let numbers = waiting(folder.path(), 3).await;
    let task = Task::of_delivery(numbers[1], WAY);
    died(folder.path(), &[task]);
    let feed = start(folder.path(), When::Checked, &[], Kept::default());
    assert_eq!(feed.settled().await.delivered, 3);
    assert_eq!(feed.intake.anew.deaths(task), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_next_process_knows_what_is_made_anew() {
    let (folder, next) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let number = waiting(folder.path(), 1).await[0];
    let feed = start(folder.path(), When::Checked, &[], Kept { is_down: true, ..Kept::default() });
    let open = feed.intake.ledger().message(number).cloned().unwrap();
    let message = feed.intake.message(&open).unwrap();
    let task = Task::of_reply(number, WAY);
    // What a process that is killed now leaves.
    let make = |_: &_, _: &_, _: &_| std::fs::copy(folder.path().join("anew"), next.path().join("anew")).unwrap();
    feed.intake.made_with((&open, &message, task), Known::new(), Patience::Once, make).await.unwrap();
    let (anew, died_of) = Anew::open(next.path()).unwrap();
    assert_eq!((anew.deaths(task), died_of), (1, Some(number)));
    assert_eq!(feed.intake.anew.deaths(task), 0);
}
