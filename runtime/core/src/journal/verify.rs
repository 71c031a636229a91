//! Walks through all of a journal, whatever is wrong with it, and says what.

use std::io;
use std::path::PathBuf;

use super::entry::Entry;
use super::frame::{Found, LOST};
use super::fs::Fs;
use super::ledger::Ledger;
use super::log::{Damage, Folder, Place};
use super::scan::{self, Chain, End, Hole};

/// What is known of a journal.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Verified {
    pub segments: usize,
    /// Those that can be read.
    pub records: u64,
    /// How many of them are messages.
    pub messages: u64,
    /// How many were damaged before, and were given up by a repair.
    pub lost: u64,
    /// Bytes behind the last record of which nobody was told: a loss of power tore them, or they are just being written.
    pub torn: u64,
    /// In the order of the journal. Where `to` is `from`, no record is missing, but the one with that number does not follow
    /// what stands before it.
    pub damage: Vec<Damage>,
    /// Messages before some damage that are not settled as far as can be read: what became of them may be lost.
    pub unsure: Vec<u64>,
}

/// Walks through a journal that somebody else may be adding to, and changes nothing.
///
/// # Errors
/// The file system refuses.
pub fn verify<F: Fs>(fs: F, path: PathBuf) -> io::Result<Verified> {
    let folder = Folder::of(fs, path);
    let firsts = folder.segments()?;
    let first = firsts.first().copied().unwrap_or_default();
    let mut walk =
        Walk { chain: Chain { number: first, before: None }, found: Verified::default(), ledger: Ledger::default() };
    for (at, segment) in firsts.iter().enumerate() {
        let next = firsts.get(at + 1).copied();
        walk.segment(*segment, next, || folder.bytes(*segment))?;
    }
    Ok(walk.end())
}

struct Walk {
    chain: Chain,
    found: Verified,
    ledger: Ledger,
}

impl Walk {
    fn segment(&mut self, segment: u64, next: Option<u64>, read: impl Fn() -> io::Result<Vec<u8>>) -> io::Result<()> {
        self.found.segments += 1;
        if self.chain.number != segment {
            self.damaged(segment, 0, segment);
        }
        let mut bytes = read()?;
        let (mut from, mut seen_twice) = (0, None);
        loop {
            match self.records(segment, &bytes, from) {
                Ok(End::Clean(_)) => return Ok(()),
                Ok(End::Torn(at)) => {
                    match next {
                        None => self.found.torn = torn(&bytes, at),
                        // The next segment was begun when all of this was on disk.
                        Some(next) => self.damaged(segment, at, next),
                    }
                    return Ok(());
                }
                // Of what grows while it is read, a part that was read early may be missing: it is there the next time.
                Err(Hole { at, .. }) if next.is_none() && seen_twice.replace(at) != Some(at) => {
                    (bytes, from) = (read()?, at);
                }
                Err(Hole { at, .. }) => {
                    let Some((place, number)) = scan::resumed(&bytes, at, self.chain.number) else { return Ok(()) };
                    self.damaged(segment, at, number);
                    from = place;
                }
            }
        }
    }

    fn records(&mut self, segment: u64, bytes: &[u8], from: u64) -> Result<End, Hole> {
        let Walk { chain, found, ledger } = self;
        scan::records(bytes, from, chain, |at, record: &Found<'_>| {
            if record.frame.kind == LOST {
                found.lost += record.next().0.saturating_sub(record.frame.number);
                return;
            }
            found.records += 1;
            let place = Place::new(record.frame.number, segment, at, record.length);
            if let Some(entry) = Entry::read(record.frame.kind, record.frame.body) {
                found.messages += u64::from(matches!(entry, Entry::Arrival(..)));
                ledger.take(place, entry);
            }
        })
    }

    /// Goes on behind what cannot be read.
    fn damaged(&mut self, segment: u64, at: u64, to: u64) {
        self.found.damage.push(Damage { segment, at, from: self.chain.number, to: Some(to) });
        self.chain = Chain { number: to, before: None };
    }

    fn end(self) -> Verified {
        let last = self.found.damage.iter().filter_map(|damage| damage.to).max().unwrap_or_default();
        let unsure = self.ledger.open().map(|open| open.number()).take_while(|number| *number < last);
        Verified { unsure: unsure.collect(), ..self.found }
    }
}

fn torn(bytes: &[u8], at: u64) -> u64 {
    let rest = bytes.get(at as usize..).unwrap_or_default();
    rest.iter().rposition(|byte| *byte != 0).map_or(0, |last| last as u64 + 1)
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;
    use crate::journal::entry::{ARRIVAL, Arrival, EVENT, Event, What};
    use crate::journal::frame;
    use crate::journal::fs::File;
    use crate::journal::log::Log;
    use crate::journal::simulated::Simulated;

    const LENGTH: u64 = 4096;

    /// Twenty messages of which each is filtered at once, in groups of two records, over several segments.
    fn journal() -> Simulated {
        let fs = Simulated::default();
        let mut log = Log::open(fs.clone(), "journal".into(), LENGTH, |_| {}).unwrap();
        for number in 0..20 {
            let arrival = Arrival { received: number, identity: None, file: None, is_answered: false };
            let place = log.append(ARRIVAL, &arrival.head(), &[b'x'; 400]).unwrap();
            let filtered = What::Filtered { because: "nobody wants it".into() };
            log.append(EVENT, &Event::now(place.number, filtered).body(), &[]).unwrap();
            log.commit().unwrap();
        }
        fs
    }

    fn verified(fs: &Simulated) -> Verified {
        verify(fs.clone(), "journal".into()).unwrap()
    }

    fn segment(first: u64) -> std::path::PathBuf {
        Path::new("journal").join(format!("{first:016x}.log"))
    }

    #[test]
    fn a_whole_journal_is_counted() {
        let found = verified(&journal());
        assert_eq!((found.records, found.messages, found.torn), (40, 20, 0));
        assert!(found.segments > 2 && found.damage.is_empty() && found.unsure.is_empty());
        assert_eq!(verify(Simulated::default(), "journal".into()).unwrap_or_default(), Verified::default());
    }

    #[test]
    fn what_is_behind_damage_is_read_and_what_is_at_risk_is_said() {
        for at in (0..1_800).step_by(61) {
            let fs = journal();
            fs.spoil(&segment(0), at, |byte| byte ^ 1);
            let found = verified(&fs);
            let Some(damage) = found.damage.first() else {
                // Zeros behind a body say nothing.
                assert_eq!(found.records, 40, "at {at}");
                continue;
            };
            let lost = damage.to.unwrap() - damage.from;
            assert_eq!((found.damage.len(), found.records + lost, lost), (1, 40, 1), "at {at}: {found:?}");
            // Where the message itself is left, nobody knows how it ended.
            let is_event = damage.from % 2 == 1;
            assert_eq!(found.unsure, if is_event { vec![damage.from - 1] } else { vec![] }, "at {at}");
        }
    }

    #[test]
    fn a_segment_that_is_missing_is_damage() {
        let fs = journal();
        let names = fs.names(Path::new("journal")).unwrap();
        let mut firsts: Vec<u64> =
            names.iter().filter_map(|name| u64::from_str_radix(name.strip_suffix(".log")?, 16).ok()).collect();
        firsts.sort_unstable();
        fs.remove(&segment(firsts[1])).unwrap();
        let found = verified(&fs);
        let damage = Damage { segment: firsts[2], at: 0, from: firsts[1], to: Some(firsts[2]) };
        assert_eq!((found.damage, found.records), (vec![damage], 40 - (firsts[2] - firsts[1])));
    }

    #[test]
    fn a_record_in_the_place_of_another_is_seen() {
        // The same journal but for one message: its records fit, and its chain does not.
        let fs = journal();
        let other = Simulated::default();
        let mut log = Log::open(other.clone(), "journal".into(), LENGTH, |_| {}).unwrap();
        let arrival = Arrival { received: 0, identity: None, file: None, is_answered: false };
        log.append(ARRIVAL, &arrival.head(), &[b'y'; 400]).unwrap();
        log.commit().unwrap();
        let mut bytes = vec![0; frame::length(arrival.head().len() + 400)];
        other.open(&segment(0)).unwrap().read_at(0, &mut bytes).unwrap();
        for (at, new) in bytes.into_iter().enumerate() {
            fs.spoil(&segment(0), at, |_| new);
        }
        let found = verified(&fs);
        assert_eq!((found.records, found.damage.len()), (40, 1));
        assert_eq!((found.damage[0].from, found.damage[0].to), (1, Some(1)));
    }

    #[test]
    fn what_a_loss_of_power_tore_is_no_damage() {
        let fs = Simulated::default();
        let mut log = Log::open(fs.clone(), "journal".into(), LENGTH, |_| {}).unwrap();
        let place = log.append(EVENT, &Event::now(0, What::Started).body(), &[]).unwrap();
        log.commit().unwrap();
        let end = frame::length(log.reader().read(place).unwrap().len());
        fs.spoil(&segment(0), end + 4, |_| 7);
        let found = verified(&fs);
        assert_eq!((found.records, found.torn, found.damage.len()), (1, 5, 0));
    }
}
