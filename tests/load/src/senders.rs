//! Senders: each waits for the answer to its message before it sends the next.

use std::io::{self, Error};
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;
use tokio::task::JoinSet;
use tokio::time::{Instant as Moment, sleep_until};

use crate::exchange::Frames;
use crate::messages::{Id, Messages, control};

/// How they send.
#[derive(Clone, Copy, Debug)]
pub struct Pace {
    pub connections: usize,
    /// How long they go on.
    pub lasts: Duration,
    /// Messages a second of all of them; without it as many as there can be.
    pub rate: Option<f64>,
}

/// What they saw.
pub struct Sent {
    pub began: Instant,
    /// How long each acknowledgment took.
    pub took: Vec<Duration>,
}

impl Sent {
    pub fn count(&self) -> u64 {
        self.took.len() as u64
    }
}

/// Sends until the time is over and the last message is acknowledged.
///
/// # Errors
/// A connection breaks, or an answer is not AA.
pub fn send(at: SocketAddr, messages: &Arc<Messages>, pace: Pace) -> io::Result<Sent> {
    messages.begin();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(async {
        let mut streams = Vec::new();
        for _ in 0..pace.connections {
            let stream = TcpStream::connect(at).await?;
            stream.set_nodelay(true)?;
            streams.push(stream);
        }
        let began = Instant::now();
        let mut senders = JoinSet::new();
        for (lane, stream) in streams.into_iter().enumerate() {
            senders.spawn(sender(stream, lane, Arc::clone(messages), pace, began));
        }
        let mut took = Vec::new();
        while let Some(one) = senders.join_next().await {
            took.extend(one.map_err(Error::other)??);
        }
        Ok(Sent { began, took })
    })
}

async fn sender(
    mut stream: TcpStream,
    lane: usize,
    messages: Arc<Messages>,
    pace: Pace,
    began: Instant,
) -> io::Result<Vec<Duration>> {
    let (mut frames, mut frame, mut took) = (Frames::default(), Vec::new(), Vec::new());
    let end = began + pace.lasts;
    let between = pace.rate.map(|rate| Duration::from_secs_f64(pace.connections as f64 / rate));
    // Not all at once.
    let mut next = began + between.unwrap_or_default().mul_f64(lane as f64 / pace.connections as f64);
    for number in 1.. {
        if let Some(between) = between {
            sleep_until(Moment::from_std(next)).await;
            next += between;
        }
        if Instant::now() >= end {
            break;
        }
        let id = Id { lane, number };
        messages.frame(id, &mut frame);
        let from = Instant::now();
        stream.write_all(&frame).await?;
        let answer = frames.next(&mut stream).await?.ok_or(io::ErrorKind::UnexpectedEof)?;
        took.push(from.elapsed());
        let own = messages.control(id);
        if !is_good(answer, &own) {
            return Err(Error::other(format!("{own} is not acknowledged with AA")));
        }
    }
    Ok(took)
}

fn is_good(answer: &[u8], own: &str) -> bool {
    let wanted = format!("\rMSA|AA|{own}");
    let rest = control(answer).and_then(|place| answer.get(place.end..)).unwrap_or_default();
    rest.windows(wanted.len()).any(|window| window == wanted.as_bytes())
}
