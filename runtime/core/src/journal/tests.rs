//! What was committed is there, whatever happens; what is damaged is said.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use proptest::prelude::*;
use proptest::test_runner::{Config, RngAlgorithm, TestRng, TestRunner};

use super::fs::Fs;
use super::log::{Damage, Fault, Log};
use super::simulated::{Fails, Simulated};

/// Small, so that many segments are begun.
const LENGTH: u64 = 4096;

/// Power cuts that are tried here; a program of its own tries more.
const CUTS: u32 = 2_000;

fn folder() -> PathBuf {
    PathBuf::from("journal")
}

fn open(fs: &Simulated) -> Result<(Log<Simulated>, Vec<Vec<u8>>), Fault> {
    let mut bodies = Vec::new();
    let log = Log::open(fs.clone(), folder(), LENGTH, |record| {
        assert_eq!(record.place.number, bodies.len() as u64);
        bodies.push(record.body.to_vec());
    })?;
    Ok((log, bodies))
}

/// What is added, in groups.
type Groups = Vec<Vec<Vec<u8>>>;

fn groups() -> impl Strategy<Value = Groups> {
    let body = prop_oneof![
        8 => prop::collection::vec(any::<u8>(), 0..700),
        1 => prop::collection::vec(any::<u8>(), 3_000..9_000),
    ];
    prop::collection::vec(prop::collection::vec(body, 1..6), 1..12)
}

/// Adds groups until the file system fails; gives how many records were committed.
fn add(fs: &Simulated, groups: &Groups) -> usize {
    let mut committed = 0;
    let Ok((mut log, _)) = open(fs) else { return 0 };
    for group in groups {
        for body in group {
            let (head, rest) = body.split_at(body.len().min(10));
            if log.append(1, head, rest).is_err() {
                return committed;
            }
        }
        match log.commit() {
            Ok(number) => committed = number as usize,
            Err(_) => return committed,
        }
    }
    committed
}

#[test]
fn what_was_committed_outlasts_every_loss_of_power() {
    let runs = (groups(), any::<prop::sample::Index>(), prop::collection::vec(any::<bool>(), 512));
    let config = Config { cases: CUTS, failure_persistence: None, ..Config::default() };
    let mut runner = TestRunner::new_with_rng(config, TestRng::deterministic_rng(RngAlgorithm::ChaCha));
    let outcome = runner.run(&runs, |(groups, at, coins)| {
        let whole = Simulated::default();
        add(&whole, &groups);
        let fs = Simulated::failing(Fails::From(at.index(whole.calls() as usize) as u64));
        let committed = add(&fs, &groups);
        let mut coins = coins.iter().cycle();
        let left = fs.cut(|| *coins.next().unwrap());
        is_kept(&left, &groups, committed)
    });
    outcome.unwrap();
}

#[test]
fn what_was_committed_outlasts_each_call_that_fails() {
    let groups: Groups = (0..9).map(|group| (0..4).map(|one| vec![group * 4 + one; 500]).collect()).collect();
    let whole = Simulated::default();
    add(&whole, &groups);
    for call in 0..whole.calls() {
        let fs = Simulated::failing(Fails::At(call));
        let committed = add(&fs, &groups);
        is_kept(&fs, &groups, committed).unwrap();
    }
}

/// All that was committed is there in its order; what is there beyond is what was added next; and the journal goes on
/// into other segments.
fn is_kept(fs: &Simulated, groups: &Groups, committed: usize) -> Result<(), TestCaseError> {
    let all = groups.concat();
    let (mut log, bodies) = open(fs).unwrap();
    prop_assert!(bodies.len() >= committed, "{} of {committed} are there", bodies.len());
    prop_assert!(bodies == all[..bodies.len()]);
    let more = vec![0xA5; 400];
    let goes_on = 2 * LENGTH as usize / more.len();
    for _ in 0..goes_on {
        log.append(2, &[], &more).unwrap();
        log.commit().unwrap();
    }
    drop(log);
    let (_, after) = open(fs).unwrap();
    prop_assert!(after[..bodies.len()] == bodies && after[bodies.len()..] == vec![more; goes_on]);
    Ok(())
}

#[test]
fn damage_of_what_was_on_disk_is_said_and_changes_nothing() {
    let groups: Groups = (0..12).map(|group| vec![vec![group; 700]; 2]).collect();
    let fs = Simulated::default();
    let committed = add(&fs, &groups);
    assert_eq!(committed, 24);
    let segments: BTreeMap<u64, PathBuf> = segments(&fs);
    assert!(segments.len() > 3, "{segments:?}");
    let mut said = 0;
    for path in segments.values() {
        for at in (0..LENGTH as usize).step_by(97) {
            fs.spoil(path, at, |byte| byte ^ 1);
            match open_only(&fs) {
                Err(Fault::Damaged(Damage { from, .. })) => {
                    assert!(from < 24);
                    said += 1;
                }
                // The last group has nothing behind it that knows of it.
                Ok(read) => assert!(read >= 22),
                Err(other) => panic!("{other:?}"),
            }
            fs.spoil(path, at, |byte| byte ^ 1);
        }
    }
    assert!(said > 150, "{said}");
    assert_eq!(open_only(&fs).unwrap(), 24);
}

/// How many records can be read, of a copy.
fn open_only(fs: &Simulated) -> Result<usize, Fault> {
    open(&fs.copy()).map(|(_, bodies)| bodies.len())
}

fn segments(fs: &Simulated) -> BTreeMap<u64, PathBuf> {
    let names = fs.names(Path::new("journal")).unwrap();
    let first = |name: &String| u64::from_str_radix(name.strip_suffix(".log")?, 16).ok();
    names.iter().filter_map(|name| Some((first(name)?, folder().join(name)))).collect()
}

#[test]
fn a_record_is_read_by_its_place_and_old_segments_go() {
    let fs = Simulated::default();
    let (mut log, _) = open(&fs).unwrap();
    let places: Vec<_> = (0..40u8).map(|one| log.append(1, &vec![one; 400], &[]).unwrap()).collect();
    log.commit().unwrap();
    let reader = log.reader();
    for (one, place) in places.iter().enumerate() {
        assert_eq!(reader.read(*place).unwrap(), vec![one as u8; 400]);
    }
    let before = segments(&fs).len();
    log.forget(20).unwrap();
    let left = segments(&fs);
    assert!(left.len() < before && *left.keys().next().unwrap() <= 20);
    assert!(reader.read(places[0]).is_err());
    assert_eq!(reader.read(places[39]).unwrap(), vec![39; 400]);
    drop(log);
    let mut numbers = Vec::new();
    Log::open(fs, folder(), LENGTH, |record| numbers.push(record.place.number)).unwrap();
    assert_eq!(*numbers.first().unwrap(), *left.keys().next().unwrap());
    assert_eq!(*numbers.last().unwrap(), 39);
}

#[test]
fn a_full_disk_refuses_records_and_loses_none() {
    let fs = Simulated::default();
    let (mut log, _) = open(&fs).unwrap();
    let mut taken = 0;
    for round in 1..=5 {
        // Room for a few segments more, and for a half.
        fs.make_room((3 * round * LENGTH + LENGTH / 2) as usize);
        loop {
            match log.append(1, &[7; 300], &[]) {
                Ok(_) => taken += 1,
                Err(Fault::World(why)) => {
                    assert_eq!(why.kind(), std::io::ErrorKind::StorageFull);
                    break;
                }
                Err(other) => panic!("{other:?}"),
            }
        }
        assert!(!log.is_broken() && log.commit().unwrap() == taken);
    }
    assert!(taken > 100, "{taken}");
    drop(log);
    assert_eq!(open(&fs).unwrap().1, vec![vec![7; 300]; taken as usize]);
}

#[test]
fn a_small_segment_does_where_there_is_no_room_for_a_whole_one() {
    let fs = Simulated::default();
    let (mut log, _) = open(&fs).unwrap();
    fs.make_room(LENGTH as usize + 1_000);
    let taken = (0..).take_while(|_| log.append(2, &[7; 100], &[]).is_ok()).count();
    assert!(taken > (LENGTH as usize / 200) && log.segment() > 0, "{taken}");
    log.commit().unwrap();
    assert_eq!(fs.space(&folder()).unwrap().free / 300, 0);
    drop(log);
    assert_eq!(open(&fs).unwrap().1.len(), taken);
}
