//! Holds the files of an audit against each other: whether a line was changed, taken out or put in.

use std::fs;
use std::io;
use std::path::Path;

use super::chain::{files, head, name};
use super::record::{Hash, Line, NOTHING, What, hash, hex};

/// What was found.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Report {
    pub lines: u64,
    /// Number and hash of the last line.
    pub last: Option<(u64, Hash)>,
    /// What is wrong, in the order of the lines.
    pub faults: Vec<String>,
    /// Bytes behind the last line that were never known to be on disk.
    pub unfinished: usize,
}

/// How many faults are told; more of them tell no more.
const FAULTS: usize = 20;

/// Reads all files of an audit, and shows each line that is one. Somebody else may be adding to it.
///
/// # Errors
/// The file system refuses.
pub fn verify(folder: &Path, mut seen: impl FnMut(&Line)) -> io::Result<Report> {
    // The head first: what is added meanwhile is behind it.
    let known = head(folder)?;
    let mut reading = Reading { report: Report::default(), before: NOTHING, is_head_met: false, known };
    let files = files(folder)?;
    for (place, first) in files.iter().enumerate() {
        let text = fs::read(folder.join(name(*first)))?;
        if *first != reading.report.lines {
            reading.fault(format!("`{}` begins where line {} should stand", name(*first), reading.report.lines));
            reading.report.lines = *first;
        }
        for line in text.split_inclusive(|byte| *byte == b'\n') {
            match line.strip_suffix(b"\n") {
                Some(line) => reading.line(line, &mut seen),
                None if place + 1 == files.len() => reading.report.unfinished = line.len(),
                None => reading.fault(format!("`{}` ends in the middle of a line", name(*first))),
            }
        }
    }
    Ok(reading.end())
}

struct Reading {
    report: Report,
    before: Hash,
    known: Option<(u64, Hash)>,
    is_head_met: bool,
}

impl Reading {
    fn line(&mut self, line: &[u8], seen: &mut impl FnMut(&Line)) {
        let number = self.report.lines;
        match serde_json::from_slice::<Line>(line) {
            Err(_) => self.fault(format!("line {number} is none")),
            Ok(read) => {
                if read.number != number {
                    self.fault(format!("where line {number} should stand, there is {}", read.number));
                }
                if read.before != hex(&self.before) {
                    self.fault(format!("line {number} does not follow the one before it"));
                }
                if read.said.what == What::Damaged {
                    self.fault(format!("line {number}: {}", read.said.why.as_deref().unwrap_or_default()));
                }
                seen(&read);
            }
        }
        self.before = hash(line);
        self.is_head_met |= self.known == Some((number, self.before));
        self.report.last = Some((number, self.before));
        self.report.lines += 1;
    }

    fn fault(&mut self, what: String) {
        if self.report.faults.len() < FAULTS {
            self.report.faults.push(what);
        }
    }

    fn end(mut self) -> Report {
        match self.known {
            None if self.report.lines > 0 => {
                self.fault(
                    "the file `head` cannot be read: whether lines were cut off at the end is not known".to_owned(),
                );
            }
            Some((number, _)) if !self.is_head_met => {
                self.fault(format!("line {number} is not the one that the audit ended with, by the file `head`"));
            }
            _ => {}
        }
        self.report
    }
}

#[cfg(test)]
mod tests {
    use std::path::PathBuf;

    use proptest::prelude::*;
    use proptest::sample::Index;

    use super::super::chain::Chain;
    use super::super::record::Said;
    use super::*;

    fn said(number: u64) -> Said {
        let mut said = Said::of(1_700_000_000_000_000 + number as i64, What::Delivered);
        (said.feed, said.record) = (Some("adt".into()), Some(number));
        (said.id, said.way) = (Some(format!("adt-{number}")), Some("all>ehr".into()));
        said
    }

    /// An audit of some files.
    fn audit() -> (tempfile::TempDir, Chain) {
        let folder = tempfile::tempdir().unwrap();
        let mut chain = Chain::short(folder.path());
        for number in 0..15 {
            chain.add(&[said(2 * number), said(2 * number + 1)]).unwrap();
        }
        (folder, chain)
    }

    fn report(folder: &Path) -> Report {
        verify(folder, |_| {}).unwrap()
    }

    fn paths(folder: &Path) -> Vec<PathBuf> {
        let mut paths: Vec<_> = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
        paths.sort();
        paths
    }

    #[test]
    fn a_sound_audit_has_all_its_lines_and_is_gone_on_with() {
        let (folder, chain) = audit();
        let found = report(folder.path());
        assert_eq!((&found.faults, found.unfinished, found.last), (&Vec::new(), 0, chain.head()));
        assert!(paths(folder.path()).len() > 5);
        // Each file begins with a line of its own.
        assert_eq!(found.lines as usize, 30 + paths(folder.path()).len() - 1);
        drop(chain);
        let mut chain = Chain::short(folder.path());
        assert_eq!((chain.reached("adt"), chain.head()), (30, found.last));
        chain.add(&[said(30)]).unwrap();
        assert!(report(folder.path()).faults.is_empty());
    }

    #[test]
    fn what_a_dying_process_left_half_written_is_no_damage() {
        let (folder, chain) = audit();
        let last = paths(folder.path()).into_iter().rfind(|path| path.extension().is_some()).unwrap();
        let mut text = fs::read(&last).unwrap();
        let length = text.len();
        text.extend_from_slice(b"{\"number\":99,\"bef");
        fs::write(&last, text).unwrap();
        let found = report(folder.path());
        assert_eq!((found.faults, found.unfinished), (Vec::new(), 17));
        drop(chain);
        let mut chain = Chain::short(folder.path());
        chain.add(&[said(30)]).unwrap();
        assert!(report(folder.path()).faults.is_empty());
        assert!(fs::read(&last).unwrap().len() >= length);
    }

    #[test]
    fn a_cut_is_told_of_for_good() {
        let (folder, chain) = audit();
        drop(chain);
        let last = paths(folder.path()).into_iter().rfind(|path| path.extension().is_some()).unwrap();
        fs::remove_file(last).unwrap();
        assert!(report(folder.path()).faults[0].contains("is not the one that the audit ended with"));
        // The next engine goes on, and says so.
        let mut chain = Chain::short(folder.path());
        chain.add(&[said(40)]).unwrap();
        let faults = report(folder.path()).faults;
        assert!(faults.len() == 1 && faults[0].contains("was not the one that it ended with"), "{faults:?}");
    }

    #[derive(Clone, Debug)]
    enum Harm {
        Flip(Index, Index, u8),
        Cut(Index, Index),
        Insert(Index, Index, Vec<u8>),
        Swap(Index, Index, Index),
        Twice(Index, Index),
        Without(Index, Index),
        Gone(Index),
    }

    fn harm() -> impl Strategy<Value = Harm> {
        let at = any::<Index>;
        prop_oneof![
            (at(), at(), 1..=u8::MAX).prop_map(|(file, at, by)| Harm::Flip(file, at, by)),
            (at(), at()).prop_map(|(file, at)| Harm::Cut(file, at)),
            (at(), at(), prop::collection::vec(any::<u8>(), 1..20)).prop_map(|(f, at, more)| Harm::Insert(f, at, more)),
            (at(), at(), at()).prop_map(|(file, one, other)| Harm::Swap(file, one, other)),
            (at(), at()).prop_map(|(file, line)| Harm::Twice(file, line)),
            (at(), at()).prop_map(|(file, line)| Harm::Without(file, line)),
            at().prop_map(Harm::Gone),
        ]
    }

    /// Does it to a file; whether that changed anything.
    fn done(harm: &Harm, paths: &[PathBuf]) -> bool {
        let (Harm::Flip(file, ..) | Harm::Cut(file, _) | Harm::Insert(file, ..)) = harm else {
            return done_to_lines(harm, paths);
        };
        let path = &paths[file.index(paths.len())];
        let before = fs::read(path).unwrap();
        let mut text = before.clone();
        match harm {
            Harm::Flip(_, at, by) => {
                let at = at.index(text.len());
                text[at] ^= by;
            }
            Harm::Cut(_, at) => text.truncate(at.index(text.len())),
            Harm::Insert(_, at, more) => {
                let at = at.index(text.len());
                _ = text.splice(at..at, more.iter().copied());
            }
            _ => {}
        }
        fs::write(path, &text).unwrap();
        text != before
    }

    fn done_to_lines(harm: &Harm, paths: &[PathBuf]) -> bool {
        let (Harm::Swap(file, ..) | Harm::Twice(file, _) | Harm::Without(file, _) | Harm::Gone(file)) = harm else {
            return false;
        };
        let path = &paths[file.index(paths.len())];
        let text = String::from_utf8(fs::read(path).unwrap()).unwrap();
        let mut lines: Vec<&str> = text.split_inclusive('\n').collect();
        match harm {
            Harm::Swap(_, one, other) => {
                let count = lines.len();
                lines.swap(one.index(count), other.index(count));
            }
            Harm::Twice(_, at) => {
                let at = at.index(lines.len());
                lines.insert(at, lines[at]);
            }
            Harm::Without(_, at) => {
                let at = at.index(lines.len());
                lines.remove(at);
            }
            _ => {
                fs::remove_file(path).unwrap();
                return true;
            }
        }
        fs::write(path, lines.concat()).unwrap();
        lines.concat() != text
    }

    proptest! {
        #![proptest_config(ProptestConfig { cases: 150, ..ProptestConfig::default() })]
        #[test]
        fn any_harm_is_found(harm in harm()) {
            let (folder, _chain) = audit();
            if done(&harm, &paths(folder.path())) {
                prop_assert!(!report(folder.path()).faults.is_empty(), "{:?}", report(folder.path()));
            }
        }
    }
}
