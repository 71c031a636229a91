//! Where an engine is found: a lock that one process alone holds, and a socket, both in the folder of its journals.

use std::fs::{File, TryLockError};
use std::io::{self, Read, Write};
use std::os::unix::net::SocketAddr;
use std::path::{Path, PathBuf};

use crate::kept;

/// What the socket is called. No feed is called so.
pub const SOCKET: &str = "control.socket";

/// What is locked.
const LOCK: &str = "control.lock";

/// A folder of journals that is this process's until it drops this or ends.
#[derive(Debug)]
pub struct Hold {
    _lock: File,
}

impl Hold {
    /// Takes the folder, which is made where there is none.
    ///
    /// # Errors
    /// Another engine has it, or the file system refuses: says which.
    pub fn take(journal: &Path) -> Result<Hold, String> {
        let refused = |why: io::Error| kept::refused("the folder of journals", journal, &why);
        kept::folder(journal).map_err(refused)?;
        let open = kept::options().read(true).write(true).create(true).truncate(false).open(journal.join(LOCK));
        let mut lock = open.map_err(refused)?;
        match lock.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => return Err(taken(journal, &mut lock)),
            Err(TryLockError::Error(why)) => return Err(refused(why)),
        }
        // Whoever comes later is told whom to look for, unless the disk is full.
        let _ = lock.set_len(0).and_then(|()| write!(lock, "{}", std::process::id()));
        Ok(Hold { _lock: lock })
    }
}

fn taken(journal: &Path, lock: &mut File) -> String {
    let mut process = String::new();
    let _ = lock.read_to_string(&mut process);
    let who = if process.is_empty() { String::new() } else { format!(" (process {process})") };
    format!(
        "another engine{who} runs on the journal `{}`: stop it, or give this one another `--journal`",
        journal.display()
    )
}

/// The address of the socket in a folder, and what must stay open while it is used.
pub struct Address {
    pub path: PathBuf,
    _folder: Option<File>,
}

impl Address {
    /// An address has room for 107 bytes. Where the path is longer, the system's name for the opened folder stands for it.
    ///
    /// # Errors
    /// The folder cannot be opened, or the path is too long for a system that has no such names.
    pub fn of(journal: &Path) -> io::Result<Address> {
        let path = journal.join(SOCKET);
        if SocketAddr::from_pathname(&path).is_ok() {
            return Ok(Address { path, _folder: None });
        }
        let folder = File::open(journal)?;
        let short = Path::new("/proc/self/fd").join(std::os::fd::AsRawFd::as_raw_fd(&folder).to_string());
        if !short.exists() {
            let why = format!("`{}` is too long for a socket: give a shorter `--journal`", path.display());
            return Err(io::Error::new(io::ErrorKind::InvalidFilename, why));
        }
        Ok(Address { path: short.join(SOCKET), _folder: Some(folder) })
    }
}
