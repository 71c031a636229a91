//! Messages a second, and how long acknowledgments take at half of that.

use std::io;
use std::net::SocketAddr;
use std::os::unix::fs::FileExt;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use tempfile::TempDir;

use crate::Call;
use crate::child::Process;
use crate::engine::{Engine, MAPPED};
use crate::messages::Messages;
use crate::senders::{Pace, send};
use crate::server::minimal::{LENGTH, preallocated};
use crate::sink::{self, Book};
use crate::times::{median, ms, quantile};

/// What one row did with so many connections.
#[derive(Default)]
struct Row {
    rates: Vec<f64>,
    /// Microseconds of processors for each message.
    costs: Vec<f64>,
    times: Vec<Duration>,
}

const ROWS: [&str; 3] = ["echo", "minimal", "emr"];

pub fn run(call: &Call) -> io::Result<bool> {
    let messages = Arc::new(Messages::new());
    println!(
        "Messages a second from the first sent to the last delivered, of {} bytes on average; of `echo`, to the last answer.\n\
         The p99 is of acknowledgments at half the rate of the row.\n",
        messages.mean()
    );
    let mut good = true;
    for &connections in &call.connections {
        let mut rows: [Row; 3] = Default::default();
        let mut disk = Row::default();
        for _ in 0..call.rounds {
            for (row, name) in rows.iter_mut().zip(ROWS) {
                good &= measure(row, name, call, connections, &messages)?;
            }
            synced(&mut disk, connections, messages.mean(), call.seconds / 2.0)?;
        }
        table(connections, rows, disk);
    }
    Ok(good)
}

/// Whoever competes: a process, where it listens, and what it needs as long as it lives.
struct Runner {
    process: Process,
    address: SocketAddr,
    _folder: TempDir,
}

impl Runner {
    fn start(name: &str, emr: &Path, sink: SocketAddr) -> io::Result<Runner> {
        let folder = TempDir::new()?;
        let arguments = match name {
            "echo" => vec!["echo".to_owned()],
            "minimal" => vec![name.to_owned(), sink.to_string(), folder.path().join("journal").display().to_string()],
            _ => {
                let Engine { process, address, folder } = Engine::start(emr, sink, MAPPED)?;
                return Ok(Runner { process, address, _folder: folder });
            }
        };
        let (process, address) = Process::server(&arguments)?;
        Ok(Runner { process, address, _folder: folder })
    }
}

/// Whether all that was acknowledged was delivered, once and in order.
fn measure(row: &mut Row, name: &str, call: &Call, connections: usize, messages: &Arc<Messages>) -> io::Result<bool> {
    let book = Arc::new(Book::default());
    let runner = Runner::start(name, &call.emr, sink::listen(Arc::clone(&book))?)?;
    let delivers = name != "echo";
    let run = |lasts: f64, rate| {
        book.clear();
        let pace = Pace { connections, lasts: Duration::from_secs_f64(lasts), rate };
        let before = runner.process.cpu()?;
        let sent = send(runner.address, messages, pace)?;
        let end = if delivers { book.until(sent.count()) } else { Some(Instant::now()) };
        let Some(end) = end else { return Ok(None) };
        io::Result::Ok(Some((sent, end, runner.process.cpu()?.saturating_sub(before))))
    };
    // Whoever begins is not judged by its first messages.
    run(0.3, None)?;
    let Some((sent, end, cpu)) = run(call.seconds, None)? else { return lost(name, connections) };
    let rate = sent.count() as f64 / end.duration_since(sent.began).as_secs_f64();
    row.rates.push(rate);
    row.costs.push(cpu.as_secs_f64() * 1e6 / sent.count() as f64);
    let Some((sent, ..)) = run(call.seconds, Some(rate / 2.0))? else { return lost(name, connections) };
    row.times.extend(sent.took);
    Ok(true)
}

fn lost(name: &str, connections: usize) -> io::Result<bool> {
    println!("{name}, {connections} connections: not all that was acknowledged was delivered, once and in order");
    Ok(false)
}

/// Records that are written and synced in groups of as many as there are connections.
fn synced(row: &mut Row, group: usize, length: usize, seconds: f64) -> io::Result<()> {
    let folder = TempDir::new()?;
    let file = preallocated(&folder.path().join("journal"))?;
    let bytes = vec![b'x'; group * length];
    let (began, lasts) = (Instant::now(), Duration::from_secs_f64(seconds));
    let (mut at, mut count) = (0, 0);
    while began.elapsed() < lasts {
        let from = Instant::now();
        file.write_all_at(&bytes, at)?;
        file.sync_data()?;
        row.times.push(from.elapsed());
        count += group;
        at = if at + 2 * bytes.len() as u64 > LENGTH { 0 } else { at + bytes.len() as u64 };
    }
    row.rates.push(count as f64 / began.elapsed().as_secs_f64());
    Ok(())
}

fn table(connections: usize, rows: [Row; 3], mut disk: Row) {
    println!("| {connections} connections | messages/s | of `minimal` | us of CPU each | p50 | p99 |");
    println!("| --- | ---: | ---: | ---: | ---: | ---: |");
    let [_, minimal, _] = &rows;
    let by_hand = minimal.rates.clone();
    let line = |name: &str, mut row: Row| {
        let ratios = row.rates.iter().zip(&by_hand).map(|(own, hand)| own / hand);
        let ratio = median(&mut ratios.collect::<Vec<_>>());
        let (p50, p99) = (quantile(&mut row.times, 0.5), quantile(&mut row.times, 0.99));
        let (rate, cost) = (median(&mut row.rates), median(&mut row.costs));
        println!("| {name} | {rate:.0} | {ratio:.2} | {cost:.1} | {} | {} |", ms(p50), ms(p99));
    };
    for (name, row) in ROWS.into_iter().zip(rows) {
        line(name, row);
    }
    let (p50, p99) = (quantile(&mut disk.times, 0.5), quantile(&mut disk.times, 0.99));
    println!("| sync, {connections} at once | {:.0} | | | {} | {} |\n", median(&mut disk.rates), ms(p50), ms(p99));
}
