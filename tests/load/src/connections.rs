//! Many connections: that say nothing, that are busy, and that are slow beside others that are not.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use clap::ValueEnum;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::Call;
use crate::child::Process;
use crate::engine::{Engine, MAPPED};
use crate::messages::{Id, Messages, START};
use crate::senders::{Pace, send};
use crate::sink::{self, Book};
use crate::times::{ms, quantile};

/// What a crowd of connections does.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Kind {
    /// Says nothing.
    Idle,
    /// Sends a byte of a message every second, or reads no answer.
    Slow,
}

const IDLE: usize = 10_000;
const BUSY: usize = 1_000;
const SLOW: usize = 2_000;

/// Megabytes that the engine may hold with either.
const MOST: f64 = 200.0;

/// Of those whose time counts.
const HEALTHY: usize = 16;

/// Messages a second of them.
const RATE: f64 = 500.0;

pub fn run(call: &Call) -> io::Result<bool> {
    let messages = Arc::new(Messages::new());
    let book = Arc::new(Book::default());
    let sink = sink::listen(Arc::clone(&book))?;
    let engine = Engine::start(&call.emr, sink, MAPPED)?;
    let before = engine.process.memory()?;
    let crowd = gathered(engine.address, IDLE, Kind::Idle)?;
    let idle = engine.process.memory()?;
    println!("{IDLE} connections that say nothing: {idle:.1} MB, {before:.1} MB without; {MOST:.0} may be");
    drop(crowd);
    drop(engine);

    let engine = Engine::start(&call.emr, sink, MAPPED)?;
    let lasts = Duration::from_secs_f64(call.seconds);
    let sent = send(engine.address, &messages, Pace { connections: BUSY, lasts, rate: None })?;
    let busy = engine.process.peak()?;
    let mut good = book.until(sent.count()).is_some() && idle <= MOST && busy <= MOST;
    println!("{BUSY} busy connections, {} messages: {busy:.1} MB at most; {MOST:.0} may be", sent.count());

    let mut healthy = |_| {
        book.clear();
        let sent = send(engine.address, &messages, Pace { connections: HEALTHY, lasts, rate: Some(RATE) })?;
        good &= book.until(sent.count()).is_some();
        io::Result::Ok(quantile(&mut sent.took.clone(), 0.99))
    };
    let alone = healthy(())?;
    let _crowd = gathered(engine.address, SLOW, Kind::Slow)?;
    let beside = healthy(())?;
    println!("p99 of {HEALTHY} healthy connections: {}, beside {SLOW} slow ones {}\n", ms(alone), ms(beside));
    Ok(good)
}

/// Connections of another process, once they are all there.
fn gathered(at: SocketAddr, count: usize, kind: Kind) -> io::Result<Process> {
    let name = kind.to_possible_value().map(|value| value.get_name().to_owned()).unwrap_or_default();
    let (process, said) = Process::own(&["crowd".to_owned(), at.to_string(), count.to_string(), name])?;
    if said != "there" {
        return Err(io::Error::other("not all connections are taken"));
    }
    Ok(process)
}

/// Opens them, and keeps them until standard input ends.
pub fn crowd(at: SocketAddr, count: usize, kind: Kind) -> io::Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(async {
        let mut streams = Vec::new();
        for _ in 0..count {
            streams.push(TcpStream::connect(at).await?);
        }
        if kind == Kind::Slow {
            let messages = Arc::new(Messages::new());
            for (lane, stream) in streams.drain(..).enumerate() {
                // Who is slow is not in step with all the others.
                let from = Duration::from_secs_f64(lane as f64 / count as f64);
                tokio::spawn(slow(stream, lane, from, Arc::clone(&messages)));
            }
        }
        // Until the last of them is taken, and not only waits to be.
        tokio::time::sleep(Duration::from_secs(2)).await;
        println!("there");
        let _ = tokio::io::stdin().read(&mut [0]).await;
        Ok(())
    })
}

/// Every other writes a frame a byte a second. The rest send what is no message, and read no answer.
async fn slow(mut stream: TcpStream, lane: usize, from: Duration, messages: Arc<Messages>) -> io::Result<()> {
    tokio::time::sleep(from).await;
    let mut frame = Vec::new();
    messages.frame(Id { lane, number: 1 }, &mut frame);
    if lane.is_multiple_of(2) {
        for byte in frame {
            stream.write_all(&[byte]).await?;
            tokio::time::sleep(Duration::from_secs(1)).await;
        }
    }
    loop {
        stream.write_all(&[START, b'x', 0x1C, b'\r']).await?;
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
}
