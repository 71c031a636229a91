//! The socket and the lock of an engine.

use std::io::{Read, Write};
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::Path;
use std::sync::Arc;

use tokio::sync::watch;
use tokio::task::JoinHandle;

use super::client::{self, Silence};
use super::place::{Hold, SOCKET};
use super::server::Server;
use super::words::{Answer, Request, Which};
use crate::journal::id::Id;

struct Listening {
    stop: watch::Sender<bool>,
    server: JoinHandle<()>,
}

/// An engine without a feed.
fn listen(journal: &Path) -> Listening {
    let (stop, stopped) = watch::channel(false);
    let server = Server::listen(journal).unwrap().serve(Arc::default(), stopped);
    Listening { stop, server: tokio::spawn(server) }
}

async fn ask(journal: &Path, request: Request) -> Result<Answer, Silence> {
    let journal = journal.to_owned();
    tokio::task::spawn_blocking(move || client::ask(&journal, &request)).await.unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn who_asks_is_answered_until_the_engine_stops() {
    let folder = tempfile::tempdir().unwrap();
    assert!(matches!(ask(folder.path(), Request::Status).await, Err(Silence::Nobody)));
    let engine = listen(folder.path());
    assert_eq!(ask(folder.path(), Request::Status).await.unwrap(), Answer::Status { feeds: Vec::new() });
    let release = Request::Release { which: Which::Ids(vec![Id::new("adt", 3)]) };
    let Answer::Done { done: 0, not } = ask(folder.path(), release).await.unwrap() else { panic!() };
    assert_eq!((not[0].id.as_str(), not[0].why.as_str()), ("adt-4", "the engine has no feed `adt`"));
    engine.stop.send_replace(true);
    engine.server.await.unwrap();
    assert!(!folder.path().join(SOCKET).exists());
    assert!(matches!(ask(folder.path(), Request::Status).await, Err(Silence::Nobody)));
}

#[tokio::test(flavor = "multi_thread")]
async fn nobody_else_may_open_the_socket_and_that_of_a_dead_process_gives_way() {
    let folder = tempfile::tempdir().unwrap();
    // A listener that is dropped leaves its file, as a process does that is killed.
    drop(UnixListener::bind(folder.path().join(SOCKET)).unwrap());
    assert!(matches!(ask(folder.path(), Request::Status).await, Err(Silence::Nobody)));
    let _engine = listen(folder.path());
    let mode = std::fs::metadata(folder.path().join(SOCKET)).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
    assert!(ask(folder.path(), Request::Status).await.is_ok());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_folder_may_have_a_name_that_is_too_long_for_a_socket() {
    let folder = tempfile::tempdir().unwrap();
    let journal = folder.path().join("a-long-name".repeat(15));
    std::fs::create_dir(&journal).unwrap();
    let engine = listen(&journal);
    assert!(ask(&journal, Request::Status).await.is_ok());
    assert!(journal.join(SOCKET).exists());
    engine.stop.send_replace(true);
    engine.server.await.unwrap();
    assert!(!journal.join(SOCKET).exists());
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_no_request_is_said_and_the_next_one_is_answered() {
    let folder = tempfile::tempdir().unwrap();
    let _engine = listen(folder.path());
    let path = folder.path().join(SOCKET);
    let said = tokio::task::spawn_blocking(move || {
        let mut stream = UnixStream::connect(path).unwrap();
        stream.write_all(b"{\"do\":\"explode\"}\nhello\n{\"do\":\"status\"}\n{\"do\":\"sta").unwrap();
        stream.shutdown(std::net::Shutdown::Write).unwrap();
        let mut said = String::new();
        stream.read_to_string(&mut said).unwrap();
        said
    });
    let said = said.await.unwrap();
    let lines: Vec<_> = said.lines().collect();
    assert_eq!(lines.len(), 3, "{said}");
    assert!(lines[0].contains("the request cannot be read: unknown variant `explode`"), "{said}");
    assert!(lines[1].contains("refused") && lines[2] == "{\"is\":\"status\",\"feeds\":[]}", "{said}");
}

#[test]
fn one_engine_alone_has_a_journal() {
    let folder = tempfile::tempdir().unwrap();
    let journal = folder.path().join("journal");
    let hold = Hold::take(&journal).unwrap();
    let why = Hold::take(&journal).unwrap_err();
    let process = std::process::id();
    assert!(why.starts_with(&format!("another engine (process {process}) runs on the journal `")), "{why}");
    drop(hold);
    Hold::take(&journal).unwrap();
}
