//! Whether memory grows under load.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use crate::Call;
use crate::engine::{Engine, MAPPED, Settings};
use crate::messages::Messages;
use crate::senders::{Pace, send};
use crate::sink::{self, Book};
use crate::times::slope;

const CONNECTIONS: usize = 64;

/// Messages a second: what each machine can.
const RATE: f64 = 2_000.0;

/// Megabytes that it may seem to grow in a minute: some 50 bytes for each message.
const GROWTH: f64 = 6.0;

/// Until then all that is made once was made.
const WARM: Duration = Duration::from_secs(15);

pub fn run(call: &Call) -> io::Result<bool> {
    let book = Arc::new(Book::default());
    // Messages that are remembered take memory, for as long as they are: here for a second.
    let settings = Settings { feed: "remember: 1s", ..MAPPED };
    let engine = Engine::start(&call.emr, sink::listen(Arc::clone(&book))?, settings)?;
    let lasts = WARM + Duration::from_secs_f64(call.minutes * 60.0);
    let (address, over) = (engine.address, Arc::new(AtomicBool::new(false)));
    let ended = Arc::clone(&over);
    let sender = thread::spawn(move || {
        let pace = Pace { connections: CONNECTIONS, lasts, rate: Some(RATE) };
        let sent = send(address, &Arc::new(Messages::new()), pace);
        ended.store(true, Ordering::Relaxed);
        sent
    });
    let (began, mut points) = (Instant::now(), Vec::new());
    while !over.load(Ordering::Relaxed) {
        thread::sleep(Duration::from_millis(500));
        if began.elapsed() > WARM {
            points.push((began.elapsed().as_secs_f64() / 60.0, engine.process.memory()?));
        }
    }
    let sent = sender.join().map_err(|_| io::Error::other("the sender stopped"))??;
    let all = book.until(sent.count()).is_some();
    let (first, last) = (points.first().map_or(0.0, |it| it.1), points.last().map_or(0.0, |it| it.1));
    let growth = slope(&points);
    println!(
        "Memory: {} messages, {first:.1} MB at first and {last:.1} MB at last, {growth:.2} MB more a minute; \
         {GROWTH:.0} may be\n",
        sent.count()
    );
    if !all {
        println!("not all that was acknowledged was delivered, once and in order\n");
    }
    Ok(all && growth <= GROWTH)
}
