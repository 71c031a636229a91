//! Large code systems in a form that is read at once, so that their JSON is read when it is new and never again.
//!
//! In the user's cache an index lies under the SHA-256 of the JSON that it was made of, and beside it for each file when
//! that was last seen and which JSON it was. Files appear whole or not at all, so that several processes may make the same.

use std::fs;
use std::path::{Path, PathBuf};
use std::process;
use std::sync::atomic::{AtomicU32, Ordering};

use emr_compiler::standard::package::Head;
use sha2::{Digest, Sha256};

use crate::{Files, Stamp};

/// A smaller file is read as soon as its index would be.
const WORTH_BYTES: u64 = 1 << 20;

/// So long a file may have changed after it was last seen, and still have the time at which it was seen.
const TICK_NANOS: u128 = 2_000_000_000;

/// The place of what is kept for one file.
pub struct Place {
    folder: PathBuf,
    /// When the file was last seen, and which content it had.
    seen: PathBuf,
    stamp: Stamp,
}

/// Where something may be kept for a file; nothing for a small one.
pub fn place(files: &impl Files, path: &Path) -> Option<Place> {
    let stamp = files.stamp(path).filter(|stamp| stamp.size >= WORTH_BYTES)?;
    let folder = files.cache()?.join("terminology");
    let whole = fs::canonicalize(path).ok()?;
    let seen = folder.join(format!("{}.seen", hash(whole.to_string_lossy().as_bytes())));
    Some(Place { folder, seen, stamp })
}

impl Place {
    /// The code system of the file as it was made before, if the file is as it was then.
    pub fn known(&self) -> Option<Head> {
        let seen = fs::read_to_string(&self.seen).ok()?;
        let (stamp, content) = seen.trim_end().rsplit_once(' ')?;
        let is_same = stamp == written(&self.stamp);
        // What was written in the moment in which it was seen may have been written again.
        let is_sure = Stamp::of(&self.seen)?.modified >= self.stamp.modified + TICK_NANOS;
        (is_same && is_sure).then(|| self.made_of(content)).flatten()
    }

    /// The same for a text, whatever the file was when it was last seen.
    pub fn of_text(&self, text: &str) -> Option<Head> {
        let content = hash(text.as_bytes());
        let head = self.made_of(&content)?;
        self.see(&content);
        Some(head)
    }

    /// Keeps what was made of a text. That it cannot be kept is no harm.
    pub fn keep(&self, text: &str, head: &Head) {
        let Some(bytes) = head.stored() else { return };
        let content = hash(text.as_bytes());
        if write(&self.index(&content), &bytes).is_some() {
            self.see(&content);
        }
    }

    fn made_of(&self, content: &str) -> Option<Head> {
        Head::of_stored(fs::read(self.index(content)).ok()?)
    }

    fn index(&self, content: &str) -> PathBuf {
        self.folder.join(format!("{content}.index"))
    }

    fn see(&self, content: &str) {
        write(&self.seen, format!("{} {content}\n", written(&self.stamp)).as_bytes());
    }
}

fn written(stamp: &Stamp) -> String {
    format!("{} {}", stamp.size, stamp.modified)
}

/// Under a name of our own first, so that nobody sees half of it.
fn write(path: &Path, bytes: &[u8]) -> Option<()> {
    static NUMBER: AtomicU32 = AtomicU32::new(0);
    let number = NUMBER.fetch_add(1, Ordering::Relaxed);
    fs::create_dir_all(path.parent()?).ok()?;
    let half = path.with_extension(format!("{}-{number}.half", process::id()));
    let done = fs::write(&half, bytes).and_then(|()| fs::rename(&half, path));
    if done.is_err() {
        let _ = fs::remove_file(&half);
    }
    done.ok()
}

fn hash(bytes: &[u8]) -> String {
    Sha256::digest(bytes).iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Disk, open};
    use emr_compiler::db::{self, Database};
    use std::cell::Cell;
    use std::fmt::Write;
    use std::io;
    use std::time::{Duration, SystemTime};

    const CONCEPTS: usize = 100_000;

    /// The disk with a cache of its own, which counts how often JSON is read.
    struct Counted {
        cache: PathBuf,
        reads: Cell<usize>,
    }

    impl Files for Counted {
        fn read(&self, path: &Path) -> io::Result<Vec<u8>> {
            Disk.read(path)
        }

        fn read_at_most(&self, path: &Path, size: u64) -> io::Result<Option<Vec<u8>>> {
            self.reads.set(self.reads.get() + 1);
            Disk.read_at_most(path, size)
        }

        fn stamp(&self, path: &Path) -> Option<Stamp> {
            Disk.stamp(path)
        }

        fn cache(&self) -> Option<PathBuf> {
            Some(self.cache.clone())
        }

        fn is_file(&self, path: &Path) -> bool {
            Disk.is_file(path)
        }

        fn is_folder(&self, path: &Path) -> bool {
            Disk.is_folder(path)
        }

        fn entries(&self, folder: &Path) -> io::Result<Vec<PathBuf>> {
            Disk.entries(folder)
        }
    }

    /// A system whose codes begin with this letter, written so long ago.
    fn put(path: &Path, letter: char, ago: Duration) {
        let mut text =
            String::from(r#"{"resourceType":"CodeSystem","url":"http://x.org/lab","content":"complete","concept":["#);
        for number in 0..CONCEPTS {
            let comma = if number == 0 { "" } else { "," };
            write!(text, r#"{comma}{{"code":"{letter}{number}","display":"analyte {number}"}}"#).unwrap();
        }
        fs::write(path, text + "]}").unwrap();
        fs::File::open(path).unwrap().set_modified(SystemTime::now() - ago).unwrap();
    }

    /// What is wrong with the project: the codes that it does not know.
    fn wrong(root: &Path, files: &Counted) -> Vec<String> {
        let project = open(files, root, None).unwrap();
        assert!(project.settings.as_ref().unwrap().problems.is_empty());
        let db = Database::default();
        let (inside, sources) = project.load(&db);
        db::diagnostics(&db, inside, sources[0]).iter().map(|it| it.message.clone()).collect()
    }

    #[test]
    fn a_large_system_is_read_once_until_it_changes() {
        let root = tempfile::tempdir().unwrap();
        let (root, path) = (root.path(), root.path().join("lab.json"));
        let text = "let lab = \"http://x.org/lab\"\nmap a(PID) -> Coding? = lab#A77777\nmap b(PID) -> Coding? = lab#B99999 \"analyte 99999\"\n";
        fs::write(root.join("main.emr"), text).unwrap();
        fs::write(root.join("emr.toml"), "[terminology]\nlab = \"lab.json\"\n").unwrap();
        let files = Counted { cache: root.join("cache"), reads: Cell::new(0) };
        let unknown = |code: &str| [format!("`{code}` is not a code of `http://x.org/lab`")];
        put(&path, 'A', Duration::from_secs(3600));
        assert_eq!((wrong(root, &files)[..] == unknown("B99999"), files.reads.get()), (true, 1));
        assert_eq!(
            (wrong(root, &files)[..] == unknown("B99999"), files.reads.get()),
            (true, 1),
            "nothing is read again"
        );
        put(&path, 'B', Duration::from_secs(1800));
        assert_eq!((wrong(root, &files)[..] == unknown("A77777"), files.reads.get()), (true, 2), "it is another now");
        assert_eq!((wrong(root, &files)[..] == unknown("A77777"), files.reads.get()), (true, 2));
        // What was written just now may be written again in the same moment.
        put(&path, 'A', Duration::ZERO);
        assert_eq!((wrong(root, &files)[..] == unknown("B99999"), files.reads.get()), (true, 3));
        assert_eq!((wrong(root, &files)[..] == unknown("B99999"), files.reads.get()), (true, 4));
        // A damaged index is made anew.
        put(&path, 'B', Duration::from_secs(900));
        wrong(root, &files);
        let indexes = fs::read_dir(root.join("cache/terminology")).unwrap().map(|entry| entry.unwrap().path());
        for index in indexes.filter(|path| path.extension().is_some_and(|it| it == "index")) {
            let half = fs::read(&index).unwrap();
            fs::write(&index, half.get(..half.len() / 2).unwrap()).unwrap();
        }
        let before = files.reads.get();
        assert_eq!((wrong(root, &files)[..] == unknown("A77777"), files.reads.get()), (true, before + 1));
        assert_eq!((wrong(root, &files)[..] == unknown("A77777"), files.reads.get()), (true, before + 1));
    }

    #[test]
    fn several_make_one_index_at_once() {
        let root = tempfile::tempdir().unwrap();
        let (folder, path) = (root.path().join("cache"), root.path().join("lab.json"));
        put(&path, 'A', Duration::from_secs(3600));
        let text = fs::read_to_string(&path).unwrap();
        let content = hash(text.as_bytes());
        let bytes = Head::read(text).unwrap().unwrap().stored().unwrap();
        let index = folder.join(format!("{content}.index"));
        std::thread::scope(|scope| {
            for _ in 0..4 {
                scope.spawn(|| {
                    for _ in 0..8 {
                        write(&index, &bytes).unwrap();
                        assert!(Head::of_stored(fs::read(&index).unwrap()).is_some());
                    }
                });
            }
        });
        assert_eq!(fs::read_dir(&folder).unwrap().count(), 1, "no half of one is left");
    }
}
