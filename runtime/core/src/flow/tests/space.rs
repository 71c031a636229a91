//! A disk that fills: nothing more is accepted, what was accepted comes to its end, and with room it goes on.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use tokio::time::timeout;

use super::{Kept, sent, settings, start_on};
use crate::flow::intake::{Settings, When};
use crate::flow::seen::Verdict;
use crate::flow::witness::Witness;
use crate::journal::ledger::Ledger;
use crate::journal::simulated::Simulated;
use crate::journal::space::Reserve;

/// What is kept free in these tests.
const KEPT: u64 = 1 << 20;

fn message(number: usize) -> Bytes {
    let much = "x".repeat(20_000);
    Bytes::from(format!("MSH|^~\\&|A|H|||1||ADT^A01|{number}|P|2.5\rNTE|1||{much}\r"))
}

#[tokio::test(flavor = "multi_thread")]
async fn a_full_disk_accepts_nothing_and_delivers_all() {
    let folder = tempfile::tempdir().unwrap();
    let fs = Simulated::default();
    let reserve = Reserve { percent: 100, bytes: KEPT };
    let settings = Settings { reserve, ..settings("all>kept", folder.path(), When::Checked, &[]) };
    let nobody: Arc<dyn Witness> = Arc::new(Vec::new());
    let feed = start_on(fs.clone(), settings, Kept::default(), nobody);
    let intake = Arc::clone(&feed.intake);
    let mut taken = 0;
    for cycle in 1..=10 {
        fs.make_room(cycle * (4 << 20));
        let mut here = 0;
        // Whoever gives up has sent nothing.
        while let Ok(answer) = timeout(Duration::from_millis(400), intake.take(sent(message(taken)))).await {
            match answer.unwrap().verdict().await {
                Verdict::Good => (here, taken) = (here + 1, taken + 1),
                Verdict::Later => break,
                other => panic!("{other:?}"),
            }
        }
        assert!(here > 0, "nothing is accepted in cycle {cycle}");
        while intake.law().in_flight > 0 || !intake.is_short_of_space() {
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
    }
    let numbers: Vec<_> = (0..taken).map(|number| number.to_string()).collect();
    assert_eq!(feed.got(), numbers);
    // What became of them is on the disk too.
    feed.end().await;
    let law = Ledger::of(fs, folder.path().to_owned()).unwrap().law();
    assert_eq!((law.accepted, law.settled.delivered), (taken as u64, taken as u64));
}
