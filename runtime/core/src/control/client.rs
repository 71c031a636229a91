//! Asks a running engine.

use std::io::{self, BufRead, BufReader, Write};
use std::net::Shutdown;
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::time::Duration;

use super::place::Address;
use super::words::{Answer, Request};

/// Why there is no answer.
#[derive(Debug)]
pub enum Silence {
    /// No engine runs on this journal.
    Nobody,
    /// It was asked, and what came of it is not known.
    World(io::Error),
}

/// How long an engine may take for its answer.
const PATIENCE: Duration = Duration::from_secs(600);

/// Asks the engine that runs on a journal, and waits for its answer.
///
/// # Errors
/// There is none, or the connection broke.
pub fn ask(journal: &Path, request: &Request) -> Result<Answer, Silence> {
    let mut stream = connect(journal)?;
    exchange(&mut stream, request).map_err(Silence::World)
}

/// Whether an engine runs on a journal.
pub fn is_there(journal: &Path) -> bool {
    connect(journal).is_ok()
}

fn connect(journal: &Path) -> Result<UnixStream, Silence> {
    let nobody = |why: io::Error| match why.kind() {
        io::ErrorKind::NotFound | io::ErrorKind::ConnectionRefused => Silence::Nobody,
        _ => Silence::World(why),
    };
    let address = Address::of(journal).map_err(nobody)?;
    UnixStream::connect(&address.path).map_err(nobody)
}

fn exchange(stream: &mut UnixStream, request: &Request) -> io::Result<Answer> {
    stream.set_read_timeout(Some(PATIENCE))?;
    let mut line = serde_json::to_vec(request)?;
    line.push(b'\n');
    stream.write_all(&line)?;
    stream.shutdown(Shutdown::Write)?;
    let mut answer = String::new();
    BufReader::new(stream).read_line(&mut answer)?;
    if answer.is_empty() {
        return Err(io::Error::new(io::ErrorKind::UnexpectedEof, "the engine ended before it answered"));
    }
    Ok(serde_json::from_str(&answer)?)
}
