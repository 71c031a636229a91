//! Whoever looks on is told of each step of a message.

use std::sync::{Arc, Mutex};

use super::{Kept, Running, start_seen};
use crate::flow::intake::When;
use crate::flow::seen::Verdict;
use crate::flow::witness::{Happening, Witness};

/// What it was told, without numbers and times.
#[derive(Default)]
struct Noting(Mutex<Vec<String>>);

impl Witness for Noting {
    fn see(&self, feed: &str, what: &Happening<'_>) {
        let line = match what {
            Happening::Opened { .. } | Happening::Synced { .. } => return,
            Happening::Accepted { number, bytes, .. } => format!("{number} accepted, {bytes} bytes"),
            Happening::Mapped { number, route, is_refused, .. } => {
                format!("{number} mapped by {route}, refused: {is_refused}")
            }
            Happening::Noted { number, what } => format!("{number} noted: {what:?}"),
            Happening::Tried { number, way, tried, failure, .. } => {
                format!("{number} tried for {way}: {tried}, failed: {}", failure.is_some())
            }
            other => format!("{other:?}"),
        };
        self.0.lock().unwrap().push(format!("{feed}: {line}"));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn each_step_is_told() {
    let folder = tempfile::tempdir().unwrap();
    let noting = Arc::new(Noting::default());
    let kept = Kept { fails_each: 2, ..Kept::default() };
    kept.tries.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
    let feed: Running = start_seen("all>kept", folder.path(), When::Delivered, &[], kept, Arc::clone(&noting) as _);
    assert_eq!(feed.take("A", "H", "1").await, Verdict::Good);
    assert_eq!(feed.take("A", "H", "1").await, Verdict::Good);
    let said = noting.0.lock().unwrap().join("\n");
    let first: Vec<_> = said.lines().filter(|line| !line.starts_with("adt: 4")).collect();
    assert_eq!(
        first[..7],
        [
            "adt: 0 accepted, 40 bytes",
            "adt: 0 mapped by all, refused: false",
            "adt: 0 noted: Mapped { program: 7, targets: [\"all>kept\"] }",
            "adt: 0 tried for all>kept: 1, failed: true",
            "adt: 0 tried for all>kept: 2, failed: false",
            "adt: 0 noted: Delivered { target: \"all>kept\" }",
            "adt: Known",
        ]
    );
}
