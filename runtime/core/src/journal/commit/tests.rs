//! Who waits for what, over a file system of the tests.

use std::path::PathBuf;
use std::sync::mpsc::{Receiver, channel};

use bytes::Bytes;
use tokio::runtime::Builder;

use super::super::simulated::{Fails, Simulated};
use super::*;

const LENGTH: u64 = 4096;

/// A writer, how many records each sync brought to the disk, and whether it failed.
fn start(fs: &Simulated) -> (Writer, JoinHandle<()>, Receiver<usize>, Receiver<()>) {
    let log = Log::open(fs.clone(), PathBuf::from("journal"), LENGTH, |_| ()).unwrap();
    let ((synced, syncs), (failed, fails)) = (channel(), channel());
    let synced = move |records, _, _| _ = synced.send(records);
    let (writer, thread) = Writer::start(log, synced, move |_| _ = failed.send(())).unwrap();
    (writer, thread, syncs, fails)
}

/// The bodies that a loss of power leaves for sure.
fn kept(fs: &Simulated) -> Vec<Vec<u8>> {
    let mut bodies = Vec::new();
    let left = fs.cut(|| false);
    Log::open(left, PathBuf::from("journal"), LENGTH, |record| bodies.push(record.body.to_vec())).unwrap();
    bodies
}

fn block_on<T>(task: impl Future<Output = T>) -> T {
    Builder::new_current_thread().build().unwrap().block_on(task)
}

#[test]
fn what_nobody_waits_for_is_on_disk_with_what_somebody_does() {
    let fs = Simulated::default();
    let (writer, thread, _, _) = start(&fs);
    block_on(async {
        writer.reserve().await.unwrap().note(1, vec![1]);
        writer.note_blocking(1, vec![2]);
        let stored = writer.reserve().await.unwrap().submit(1, vec![3], Bytes::from_static(&[4]));
        assert_eq!(stored.await.unwrap().unwrap().number, 2);
    });
    assert_eq!(kept(&fs), [vec![1], vec![2], vec![3, 4]]);
    drop(writer);
    thread.join().unwrap();
}

#[test]
fn what_nobody_waits_for_is_on_disk_in_the_end() {
    let fs = Simulated::default();
    let (writer, thread, syncs, _) = start(&fs);
    writer.note_blocking(1, vec![1]);
    assert_eq!(syncs.recv().unwrap(), 1);
    assert_eq!(kept(&fs), [vec![1]]);
    writer.note_blocking(1, vec![2]);
    drop(writer);
    thread.join().unwrap();
    assert_eq!(kept(&fs), [vec![1], vec![2]]);
}

#[test]
fn more_than_may_wait_wait_outside() {
    let fs = Simulated::default();
    let (writer, thread, _, _) = start(&fs);
    let count = 3 * 4096;
    for number in 0..count {
        writer.note_blocking(1, u32::to_le_bytes(number).to_vec());
    }
    drop(writer);
    thread.join().unwrap();
    let numbers: Vec<_> = kept(&fs).iter().map(|body| u32::from_le_bytes(body[..].try_into().unwrap())).collect();
    assert!(numbers.into_iter().eq(0..count));
}

#[test]
fn whoever_waits_for_a_disk_that_fails_is_told() {
    let fs = Simulated::default();
    drop(start(&fs).0);
    let calls = fs.calls();
    let fs = Simulated::failing(Fails::From(calls + 1));
    let (writer, _, _, fails) = start(&fs);
    let stored = block_on(writer.reserve()).unwrap().submit(1, vec![1], Bytes::new());
    assert!(stored.blocking_recv().is_err());
    fails.recv().unwrap();
    assert!(matches!(block_on(writer.reserve()), Err(Refused::Broken)));
    // It does not wait for ever.
    (0..3 * 4096).for_each(|_| writer.note_blocking(1, Vec::new()));
    assert!(kept(&fs).is_empty());
}
