//! A durable server as one writes it by hand for this one job: accept, append, sync in groups, convert, acknowledge, and
//! deliver over one connection, a message after another, each acknowledged before the next.
//!
//! It has no settings, knows no message again, tries no delivery twice, and cannot be started anew. What it does it does
//! with the same runtime of sockets and the same promise to its senders: no answer before the sync.

use std::fs::File;
use std::io::{self, Read, Write};
use std::net::{SocketAddr, TcpStream as Blocking};
use std::os::unix::fs::FileExt;
use std::path::Path;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread;

use bench::corpus::{Message, SLACK};
use bench::workload;
use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;
use tokio::sync::oneshot;

use super::accept;
use crate::exchange::{Frames, acknowledgment};
use crate::messages::{END, START, control};

/// A message that waits for the disk, and who waits for it.
struct Job {
    message: Vec<u8>,
    stored: oneshot::Sender<()>,
}

/// At most so many are synced at once.
const GROUP: usize = 1024;

/// The journal is begun anew where it is full: it is never read.
pub const LENGTH: u64 = 64 << 20;

pub fn run(sink: SocketAddr, file: &Path) -> io::Result<()> {
    let (jobs, waiting) = channel();
    let (made, deliveries) = channel();
    let journal = preallocated(file)?;
    let delivered = File::create(file.with_extension("delivered"))?;
    thread::spawn(move || fail(&store(&journal, &waiting, &made)));
    thread::spawn(move || fail(&deliver(sink, &deliveries, &delivered)));
    accept(|stream| serve(stream, jobs.clone()))
}

/// What it promised it can keep no more.
fn fail(why: &io::Result<()>) {
    if let Err(why) = why {
        eprintln!("{why}");
    }
    std::process::exit(1);
}

/// A file of zeros, so that what is written changes no length.
pub fn preallocated(path: &Path) -> io::Result<File> {
    let file = File::create(path)?;
    let zeros = vec![0; 1 << 20];
    for at in (0..LENGTH).step_by(zeros.len()) {
        file.write_all_at(&zeros, at)?;
    }
    file.sync_all()?;
    Ok(file)
}

async fn serve(mut stream: TcpStream, jobs: Sender<Job>) -> io::Result<()> {
    stream.set_nodelay(true)?;
    let (mut frames, mut answer) = (Frames::default(), Vec::new());
    while let Some(message) = frames.next(&mut stream).await? {
        let control = control(message).and_then(|place| message.get(place)).unwrap_or_default();
        acknowledgment(control, &mut answer);
        let (stored, on_disk) = oneshot::channel();
        let message = message.to_vec();
        jobs.send(Job { message, stored }).map_err(io::Error::other)?;
        on_disk.await.map_err(io::Error::other)?;
        stream.write_all(&answer).await?;
    }
    Ok(())
}

fn store(journal: &File, waiting: &Receiver<Job>, made: &Sender<Vec<u8>>) -> io::Result<()> {
    let workloads = workload::all(&["W6".to_owned()]).map_err(io::Error::other)?;
    let workload = workloads.first().ok_or(io::ErrorKind::NotFound)?;
    let hand = bench::engine::row("hand").and_then(|row| (row.prepare)(workload));
    let mut hand = hand.ok_or_else(|| io::Error::other("there is no row by hand on this machine"))?;
    let (mut end, mut group, mut bytes) = (0, Vec::new(), Vec::new());
    while let Ok(first) = waiting.recv() {
        group.push(first);
        group.extend(waiting.try_iter().take(GROUP - 1));
        bytes.clear();
        for job in &group {
            bytes.extend_from_slice(&(job.message.len() as u32).to_le_bytes());
            bytes.extend_from_slice(&crc32c::crc32c(&job.message).to_le_bytes());
            bytes.extend_from_slice(&job.message);
        }
        if end + bytes.len() as u64 > LENGTH {
            end = 0;
        }
        journal.write_all_at(&bytes, end)?;
        journal.sync_data()?;
        end += bytes.len() as u64;
        for mut job in group.drain(..) {
            let length = job.message.len();
            job.message.resize(length + SLACK, 0);
            let message = Message::new(&job.message, length).ok_or(io::ErrorKind::InvalidData)?;
            made.send(hand.run(message).to_vec()).map_err(io::Error::other)?;
            // Whoever has gone meanwhile sends again.
            let _ = job.stored.send(());
        }
    }
    Ok(())
}

/// Notes behind each delivery how many there were, so that another process would go on there.
fn deliver(sink: SocketAddr, deliveries: &Receiver<Vec<u8>>, delivered: &File) -> io::Result<()> {
    let mut stream = Blocking::connect(sink)?;
    stream.set_nodelay(true)?;
    let (mut frame, mut answer) = (Vec::new(), vec![0; 4096]);
    for (count, message) in deliveries.iter().enumerate() {
        frame.clear();
        frame.push(START);
        frame.extend_from_slice(&message);
        frame.extend_from_slice(END);
        stream.write_all(&frame)?;
        let mut length = 0;
        while !answer.get(..length).unwrap_or_default().ends_with(END) {
            let read = stream.read(answer.get_mut(length..).unwrap_or_default())?;
            if read == 0 {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
            length += read;
        }
        let control = control(&message).and_then(|place| message.get(place)).unwrap_or_default();
        let wanted = [b"\rMSA|AA|", control].concat();
        let answer = answer.get(..length).unwrap_or_default();
        if !answer.windows(wanted.len()).any(|window| window == wanted) {
            return Err(io::Error::other("the sink does not accept it"));
        }
        delivered.write_all_at(&(count as u64 + 1).to_le_bytes(), 0)?;
    }
    Ok(())
}
