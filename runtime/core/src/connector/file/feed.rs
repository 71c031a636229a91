//! Watches a folder and takes the files that appear in it.
//!
//! A file is taken when its size has not changed for a while. It is claimed by a rename into a folder of ours, its messages
//! are taken in one after another, and then it goes to those that are done or to those that were refused. A process that
//! ends in between finds its claims again: messages that were stored already are known.

use std::collections::{HashMap, HashSet};
use std::fs::{self, File};
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

use bytes::Bytes;
use emr_message::batch::{Kind, Splitter};
use rustix::fs::{Access, access};
use serde::Deserialize;
use tokio::sync::{mpsc, watch};
use tokio::task::spawn_blocking;
use tokio::time::sleep;
use xxhash_rust::xxh3::xxh3_64;

use super::super::{Feed, Places, Reaching, Serving, Why};
use crate::clock;
use crate::flow::intake::{Intake, Sent};
use crate::flow::seen::Verdict;
use crate::flow::witness::Happening;
use crate::journal::fs::{Disk, Fs};

/// What a feed from `file` is told. Times in milliseconds.
#[derive(Clone, Debug, Deserialize)]
pub struct Settings {
    pub folder: PathBuf,
    pub pattern: String,
    pub stable: u64,
    pub every: u64,
    pub frame_max: usize,
    pub done: PathBuf,
    pub rejected: PathBuf,
}

/// Where files are while they are taken, inside the folder.
const CLAIMED: &str = ".taken";

/// How many messages of a file may be under way at once.
const AHEAD: usize = 256;

/// A folder that is to be watched.
pub struct Folder(Settings);

impl Folder {
    pub fn new(settings: Settings, places: &Places) -> Folder {
        Folder(Settings { folder: places.project.join(&settings.folder), ..settings })
    }
}

impl Feed for Folder {
    fn listen(self: Box<Self>, intake: Arc<Intake<Disk>>, stop: watch::Receiver<bool>) -> io::Result<Serving> {
        Ok(Box::pin(serve(self.0, intake, stop)))
    }

    fn reach(&self) -> Reaching<'_> {
        let settings = self.0.clone();
        Box::pin(async move { aside(move || movable(&settings)).await.map_err(|why| why.to_string()).flatten() })
    }
}

/// Whether files can be taken from the folder, and moved to where they go from there. Nothing is made.
fn movable(settings: &Settings) -> Result<(), Why> {
    let mut disk = None;
    for inside in [Path::new(""), Path::new(CLAIMED), &settings.done, &settings.rejected] {
        let folder = settings.folder.join(inside);
        // One that is not there yet is made in the next above it that is.
        let Some(there) = folder.ancestors().find(|folder| folder.exists()) else { continue };
        let refused = |why: io::Error| format!("files cannot be moved in `{}`: {why}", there.display());
        access(there, Access::READ_OK | Access::WRITE_OK | Access::EXEC_OK).map_err(|why| refused(why.into()))?;
        let facts = fs::metadata(there).map_err(refused)?;
        if !facts.is_dir() {
            return Err(refused(io::ErrorKind::NotADirectory.into()));
        }
        if *disk.get_or_insert(facts.dev()) != facts.dev() {
            let folder = folder.display();
            return Err(format!(
                "files cannot be moved to `{folder}`: it is on another disk than `{}`",
                settings.folder.display()
            ));
        }
    }
    Ok(())
}

/// A folder that is watched.
struct Watch<F: Fs> {
    settings: Arc<Settings>,
    intake: Arc<Intake<F>>,
    seen: Seen,
    /// Those with a message longer than is taken, and how they were.
    left: HashMap<PathBuf, (u64, Option<SystemTime>)>,
    /// Those that cannot be read or moved, which was told.
    stay: HashSet<PathBuf>,
}

/// The files that were seen, how they were, and since when they are so.
type Seen = HashMap<PathBuf, (u64, Option<SystemTime>, Instant)>;

/// What the messages of a file came to, a line for each of which there is something to say.
#[derive(Default)]
struct Told {
    refused: Vec<(u64, String)>,
    known: Vec<(u64, String)>,
}

/// Takes files until it is told to stop; the one that is under way is taken to its end. Where the folder and those inside it
/// cannot be made it tries again.
pub async fn serve<F: Fs>(settings: Settings, intake: Arc<Intake<F>>, mut stop: watch::Receiver<bool>) {
    let folders = [Path::new(CLAIMED), &settings.done, &settings.rejected].map(|inside| settings.folder.join(inside));
    let every = Duration::from_millis(settings.every);
    let pause = every.min(Duration::from_millis(settings.stable.max(50)));
    let (settings, left, stay) = (Arc::new(settings), HashMap::new(), HashSet::new());
    let mut watch = Watch { settings, intake, seen: HashMap::new(), left, stay };
    while !*stop.borrow() {
        let folders = folders.clone();
        let made = aside(move || folders.iter().try_for_each(fs::create_dir_all)).await.flatten();
        let Err(why) = made else { break };
        watch.stays(&watch.settings.folder.clone(), &why);
        rest(pause, &mut stop).await;
    }
    for claimed in watch.claimed().await {
        // What the last process took of it is no second time.
        watch.take(&claimed, false).await;
    }
    while !*stop.borrow() {
        for path in watch.stable().await {
            // Without room on the disk files stay where they are.
            if *stop.borrow() || watch.intake.is_short_of_space() {
                break;
            }
            if watch.is_closed(&path).await || watch.is_too_long(&path).await {
                continue;
            }
            if let Some(claimed) = watch.claim(path).await {
                watch.take(&claimed, true).await;
            }
        }
        rest(pause, &mut stop).await;
    }
}

/// Waits, unless it is told to stop.
async fn rest(pause: Duration, stop: &mut watch::Receiver<bool>) {
    tokio::select! {
        () = sleep(pause) => {}
        _ = stop.wait_for(|stop| *stop) => {}
    }
}

impl<F: Fs> Watch<F> {
    /// What the last process claimed and did not put away.
    async fn claimed(&self) -> Vec<PathBuf> {
        let folder = self.settings.folder.join(CLAIMED);
        aside(move || files(&folder)).await.unwrap_or_default()
    }

    /// The files whose size has not changed for long enough, by their names.
    async fn stable(&mut self) -> Vec<PathBuf> {
        let (settings, before) = (Arc::clone(&self.settings), std::mem::take(&mut self.seen));
        let (found, seen) = aside(move || stable(&settings, &before)).await.unwrap_or_default();
        self.seen = seen;
        found
    }

    /// Whether a file holds a message longer than is taken: then all of it stays where it is.
    async fn is_too_long(&mut self, path: &Path) -> bool {
        let file = path.to_owned();
        let Ok(Ok(facts)) = aside(move || fs::metadata(&file)).await else { return false };
        let (length, max) = (facts.len(), self.settings.frame_max);
        if usize::try_from(length).is_ok_and(|length| length <= max) {
            return false;
        }
        let how = (length, facts.modified().ok());
        if self.left.get(path) == Some(&how) {
            return true;
        }
        let file = path.to_owned();
        let is_long = matches!(aside(move || has_message_above(&file, max)).await, Ok(Ok(true)));
        if is_long {
            self.intake.see(&Happening::TooLong { bytes: length });
            self.left.insert(path.to_owned(), how);
        }
        is_long
    }

    /// Whether a file cannot be read: then it stays where it is.
    async fn is_closed(&mut self, path: &Path) -> bool {
        let file = path.to_owned();
        match aside(move || File::open(file).map(drop)).await.flatten() {
            Ok(()) => false,
            Err(why) => {
                self.stays(path, &why);
                true
            }
        }
    }

    /// Tells once of what cannot be read or moved. What is not there any more somebody else has taken.
    fn stays(&mut self, path: &Path, why: &io::Error) {
        if why.kind() != io::ErrorKind::NotFound && self.stay.insert(path.to_owned()) {
            self.intake.see(&Happening::FileStays { why: why.kind() });
        }
    }

    /// Takes a file away from whoever else watches. Nothing if somebody was there before, or it cannot be moved.
    async fn claim(&mut self, path: PathBuf) -> Option<PathBuf> {
        let name = path.file_name()?.to_string_lossy();
        let claimed =
            self.settings.folder.join(CLAIMED).join(format!("{}.{name}", clock::unique(clock::microseconds())));
        point!("file.claim");
        let (from, to) = (path.clone(), claimed.clone());
        if let Err(why) = aside(move || fs::rename(from, to)).await.flatten() {
            self.stays(&path, &why);
            return None;
        }
        point!("file.claimed");
        self.stay.remove(&path);
        Some(claimed)
    }

    /// Takes the messages of a claimed file in and puts it away, with a file beside it that says what became of those that
    /// were refused, or where this is its first time, that were taken before.
    async fn take(&mut self, claimed: &Path, is_first: bool) {
        let name = claimed.file_name().unwrap_or_default().to_string_lossy().into_owned();
        let own = name.split_once('.').map_or(name.as_str(), |(_, own)| own).to_owned();
        match self.messages(claimed, &name, &own).await {
            // Nothing of it is lost: it is claimed, and taken again by the next process.
            Err(why) => self.stays(claimed, &why),
            Ok(Told { refused, known }) => {
                let folder = if refused.is_empty() { &self.settings.done } else { &self.settings.rejected };
                let lines = if is_first { [refused, known].concat() } else { refused };
                let (claimed, folder) = (claimed.to_owned(), self.settings.folder.join(folder));
                let _ = aside(move || {
                    put(&claimed, &folder, &own);
                    say(&folder.join(format!("{own}.result")), lines);
                })
                .await;
            }
        }
    }

    /// Takes the messages of a file in.
    async fn messages(&self, claimed: &Path, claim: &str, own: &str) -> io::Result<Told> {
        let (send, mut parts) = mpsc::channel(AHEAD);
        let path = claimed.to_owned();
        let reading = spawn_blocking(move || split(&path, &send));
        let mut answers = tokio::task::JoinSet::new();
        let (mut number, mut told) = (0, Told::default());
        while let Some(message) = parts.recv().await {
            number += 1;
            let claim = xxh3_64(format!("{claim}\0{number}").as_bytes());
            let sent = Sent { message, file: Some(own.to_owned()), claim: Some(claim) };
            if self.intake.knows(&sent) {
                told.known.push((number, "taken before".to_owned()));
            }
            let mut answer = self.intake.take(sent).await.ok_or_else(|| io::Error::other("the feed has ended"))?;
            answers.spawn(async move { (number, answer.verdict().await) });
            point!("file.message");
        }
        reading.await.map_err(io::Error::other)??;
        for (number, verdict) in answers.join_all().await {
            if verdict == Verdict::Later {
                return Err(io::Error::other("it could not be stored"));
            }
            told.refused.extend(verdict.problem().map(|problem| (number, problem.text().to_owned())));
        }
        Ok(told)
    }
}

/// Does what a file system may take long for, as one over a network does, off the tasks.
async fn aside<T: Send + 'static>(what: impl FnOnce() -> T + Send + 'static) -> io::Result<T> {
    spawn_blocking(what).await.map_err(io::Error::other)
}

/// The files whose size has not changed for long enough, by their names, and how all others are.
fn stable(settings: &Settings, before: &Seen) -> (Vec<PathBuf>, Seen) {
    let now = Instant::now();
    let stable = Duration::from_millis(settings.stable);
    let (mut found, mut seen) = (Vec::new(), HashMap::new());
    for path in files(&settings.folder) {
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        if name.starts_with('.') || !matches(&settings.pattern, &name) {
            continue;
        }
        let Ok(facts) = fs::metadata(&path) else { continue };
        let (length, changed) = (facts.len(), facts.modified().ok());
        let since = match before.get(&path) {
            Some((was, before, since)) if (*was, *before) == (length, changed) => *since,
            _ => now,
        };
        if now.duration_since(since) >= stable {
            found.push(path);
        } else {
            seen.insert(path, (length, changed, since));
        }
    }
    (found, seen)
}

/// Puts a file away; one of the same name stays as it is.
fn put(claimed: &Path, folder: &Path, name: &str) {
    let place = folder.join(name);
    let place = if place.exists() { folder.join(claimed.file_name().unwrap_or_default()) } else { place };
    point!("file.put");
    // Where it cannot be moved it stays claimed, and its messages are known to the next process.
    let _ = fs::rename(claimed, place);
    point!("file.done");
}

fn say(result: &Path, mut lines: Vec<(u64, String)>) {
    lines.sort_unstable();
    let text: String = lines.iter().map(|(number, line)| format!("message {number}: {line}\n")).collect();
    if !text.is_empty() {
        let _ = fs::write(result, text);
    }
}

/// Hands over the messages of a file. A file without one is one message: it is refused, and not lost.
fn split(path: &Path, to: &mpsc::Sender<Bytes>) -> io::Result<()> {
    let mut splitter = Splitter::new(File::open(path)?);
    let mut part = Vec::new();
    while let Some(kind) = splitter.next(&mut part)? {
        if kind == Kind::Message && to.blocking_send(Bytes::copy_from_slice(&part)).is_err() {
            return Ok(());
        }
    }
    if splitter.messages() == 0 {
        let _ = to.blocking_send(fs::read(path)?.into());
    }
    Ok(())
}

fn has_message_above(path: &Path, max: usize) -> io::Result<bool> {
    let mut splitter = Splitter::new(File::open(path)?);
    let mut part = Vec::new();
    while splitter.next(&mut part)?.is_some() {
        if part.len() > max {
            return Ok(true);
        }
    }
    Ok(false)
}

/// The files of a folder by their names.
fn files(folder: &Path) -> Vec<PathBuf> {
    let Ok(entries) = fs::read_dir(folder) else { return Vec::new() };
    let entries = entries.filter_map(Result::ok);
    let files = entries.filter(|entry| entry.file_type().is_ok_and(|kind| kind.is_file()));
    let mut paths: Vec<_> = files.map(|entry| entry.path()).collect();
    paths.sort_unstable();
    paths
}

/// Whether a name fits a pattern, in which `*` stands for any letters and `?` for one.
fn matches(pattern: &str, name: &str) -> bool {
    let (pattern, name): (Vec<char>, Vec<char>) = (pattern.chars().collect(), name.chars().collect());
    let (mut at, mut here) = (0, 0);
    // Where the last star stood, and where it was taken to end.
    let mut star: Option<(usize, usize)> = None;
    while here < name.len() {
        match pattern.get(at) {
            Some('*') => {
                star = Some((at, here));
                at += 1;
            }
            Some(letter) if *letter == '?' || Some(letter) == name.get(here) => (at, here) = (at + 1, here + 1),
            _ => match star {
                Some((before, end)) => {
                    star = Some((before, end + 1));
                    (at, here) = (before + 1, end + 1);
                }
                None => return false,
            },
        }
    }
    pattern.get(at..).unwrap_or_default().iter().all(|letter| *letter == '*')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns_are_those_of_shells() {
        for (pattern, name) in [("*", ""), ("*.hl7", "a.hl7"), ("a?c*", "abcdef"), ("*b*", "abab"), ("", "")] {
            assert!(matches(pattern, name), "{pattern} {name}");
        }
        for (pattern, name) in [("*.hl7", "a.hl7.part"), ("?", ""), ("a*b", "abc"), ("A", "a")] {
            assert!(!matches(pattern, name), "{pattern} {name}");
        }
    }
}
