//! The socket of an engine: takes requests, one after another on each connection, and answers them.

use std::fs::{self, Permissions};
use std::io;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::{UnixListener, UnixSocket, UnixStream};
use tokio::sync::watch;
use tokio::task::JoinSet;

use super::operations::Operations;
use super::place::Address;
use super::who::{self, SOMEBODY};
use super::words::Answer;

/// The longest request, in bytes.
const REQUEST_MAX: u64 = 4 << 20;

/// How long a request may take to come in full.
const PATIENCE: Duration = Duration::from_secs(10);

/// How many may ask at a time; others wait.
const ABREAST: usize = 32;

/// A socket that nobody but the engine's own user may open.
pub struct Server {
    listener: UnixListener,
    address: Address,
}

impl Server {
    /// Listens in a folder of journals that this process holds: a socket that is there is a dead process's.
    ///
    /// # Errors
    /// The file system refuses.
    pub fn listen(journal: &Path) -> io::Result<Server> {
        let address = Address::of(journal)?;
        if let Err(why) = fs::remove_file(&address.path)
            && why.kind() != io::ErrorKind::NotFound
        {
            return Err(why);
        }
        let socket = UnixSocket::new_stream()?;
        socket.bind(&address.path)?;
        // Nobody is heard before it listens, and then it is closed to others.
        fs::set_permissions(&address.path, Permissions::from_mode(0o600))?;
        let listener = socket.listen(ABREAST as u32)?;
        Ok(Server { listener, address })
    }

    /// Answers until it is told to stop; what is being done then is done.
    pub async fn serve(self, operations: Arc<Operations>, mut stop: watch::Receiver<bool>) {
        let mut talks = JoinSet::new();
        let told = stop.clone();
        loop {
            tokio::select! {
                () = stopped(&mut stop) => break,
                Some(_) = talks.join_next() => {}
                taken = self.listener.accept(), if talks.len() < ABREAST => match taken {
                    Ok((stream, _)) => _ = talks.spawn(talk(stream, Arc::clone(&operations), told.clone())),
                    // Out of files: those that are open give some back.
                    Err(_) => tokio::time::sleep(Duration::from_millis(100)).await,
                },
            }
        }
        while talks.join_next().await.is_some() {}
        let _ = fs::remove_file(&self.address.path);
    }
}

/// Answers one client until it hangs up, says nothing, or the engine stops.
async fn talk(stream: UnixStream, operations: Arc<Operations>, mut stop: watch::Receiver<bool>) {
    let who = stream.peer_cred().map_or_else(|_| SOMEBODY.to_owned(), |peer| who::of_process(peer.uid(), peer.pid()));
    let (read, mut write) = stream.into_split();
    let mut read = BufReader::new(read);
    loop {
        let mut line = Vec::new();
        let mut limited = (&mut read).take(REQUEST_MAX);
        let come = tokio::select! {
            come = tokio::time::timeout(PATIENCE, limited.read_until(b'\n', &mut line)) => come,
            () = stopped(&mut stop) => return,
        };
        if !matches!(come, Ok(Ok(1..))) || line.last() != Some(&b'\n') {
            return;
        }
        let answer = match serde_json::from_slice(&line) {
            Ok(request) => operations.carry_out(request, &who).await,
            Err(why) => Answer::Refused { why: format!("the request cannot be read: {why}") },
        };
        let Ok(mut line) = serde_json::to_vec(&answer) else { return };
        line.push(b'\n');
        if write.write_all(&line).await.is_err() {
            return;
        }
    }
}

async fn stopped(stop: &mut watch::Receiver<bool>) {
    let _ = stop.wait_for(|stop| *stop).await;
}
