//! Files of a project that change while it runs.

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// How often the files are looked at. A change is taken up once they have stayed the same for as long: an editor, or a
/// copy of many files, is not at its end after the first.
const EVERY: Duration = Duration::from_secs(1);

/// How each file was: its length, and when it changed, in seconds and nanoseconds since 1970.
type Stamps = BTreeMap<PathBuf, (u64, i64, i64)>;

/// The mappings and settings of a project.
pub struct Watched {
    project: PathBuf,
    known: Stamps,
}

impl Watched {
    pub fn new(project: &Path) -> Watched {
        Watched { project: project.to_owned(), known: stamps(project) }
    }

    /// Waits until they are others than before.
    pub async fn changed(&mut self) {
        let mut before = self.known.clone();
        loop {
            tokio::time::sleep(EVERY).await;
            let now = stamps(&self.project);
            if now == before && now != self.known {
                self.known = now;
                return;
            }
            before = now;
        }
    }
}

/// Of `emr.toml`, `emr.lock` and each `.emr` in the folder and below. Folders whose names begin with a dot are others'.
fn stamps(project: &Path) -> Stamps {
    let mut stamps = Stamps::new();
    let mut folders = vec![project.to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).into_iter().flatten().filter_map(Result::ok) {
            let (path, name) = (entry.path(), entry.file_name());
            let name = name.to_string_lossy();
            let Ok(facts) = entry.metadata() else { continue };
            if facts.is_dir() && !name.starts_with('.') {
                folders.push(path);
            } else if name.ends_with(".emr") || matches!(&*name, "emr.toml" | "emr.lock") {
                stamps.insert(path, (facts.len(), facts.mtime(), facts.mtime_nsec()));
            }
        }
    }
    stamps
}
