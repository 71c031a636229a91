//! Messages of 10 MB and of 100 MB, passed on as they are.

use std::io::{self, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::mpsc::{Receiver, channel};
use std::thread;
use std::time::{Duration, Instant};

use crate::Call;
use crate::engine::{Engine, Settings};
use crate::exchange::acknowledgment;
use crate::messages::{END, START};
use crate::times::median;

/// What one message took.
struct Taken {
    /// From its first byte out to its last byte in.
    time: Duration,
    /// Megabytes beyond what the engine held before.
    memory: f64,
    is_same: bool,
}

/// Megabytes that it may take beyond the message.
const BEYOND: f64 = 32.0 * 1.048_576;

pub fn run(call: &Call) -> io::Result<bool> {
    println!("| one message | s | memory at most, MB beyond the engine's | may be |\n| --- | ---: | ---: | ---: |");
    let mut times = Vec::new();
    let mut good = true;
    for megabytes in [10, 100] {
        let (mut took, mut memory) = (Vec::new(), 0.0f64);
        for _ in 0..call.rounds {
            let taken = pass(call, megabytes * 1_000_000)?;
            took.push(taken.time.as_secs_f64());
            memory = memory.max(taken.memory);
            good &= taken.is_same;
        }
        let (time, most) = (median(&mut took), megabytes as f64 + BEYOND);
        println!("| {megabytes} MB | {time:.2} | {memory:.0} | {most:.0} |");
        times.push(time);
        good &= memory <= most;
    }
    if let [ten, hundred] = times.as_slice() {
        println!("\n{:.1} times the time of the tenth\n", hundred / ten);
    }
    Ok(good)
}

fn pass(call: &Call, length: usize) -> io::Result<Taken> {
    let (sink, arrived) = listen()?;
    let settings = Settings { feed: "frame_max: \"1 GiB\"\n    frame_timeout: 10m", map: None };
    let engine = Engine::start(&call.emr, sink, settings)?;
    // What is made once is made.
    exchange(engine.address, &message(1_000, "0"))?;
    let _ = arrived.recv();
    let before = engine.process.memory()?;
    let message = message(length, "1");
    let began = Instant::now();
    exchange(engine.address, &message)?;
    let came = arrived.recv().map_err(io::Error::other)?;
    let is_same = (came.sum, came.length) == (sum(&message), message.len());
    if !is_same {
        println!("a message of {length} bytes arrived as another");
    }
    Ok(Taken { time: came.at.duration_since(began), memory: engine.process.peak()? - before, is_same })
}

/// An admission with many notes.
fn message(length: usize, control: &str) -> Vec<u8> {
    let mut text = format!(
        "MSH|^~\\&|LARGE|H|EMR|H|20260301||ADT^A01^ADT_A01|{control}|P|2.5.1\rEVN||20260301\rPID|1||7^^^H||DOE^JANE\rPV1|1|I\r"
    );
    let mut row = 0;
    while text.len() < length {
        row += 1;
        text.push_str(&format!("OBX|{row}|TX|NOTE^Note^L||{}||||||F\r", "all is as it was ".repeat(60)));
    }
    text.into_bytes()
}

fn exchange(at: SocketAddr, message: &[u8]) -> io::Result<()> {
    let mut stream = TcpStream::connect(at)?;
    stream.write_all(&[START])?;
    stream.write_all(message)?;
    stream.write_all(END)?;
    let mut answer = Vec::new();
    let mut part = [0; 4096];
    while !answer.ends_with(END) {
        let read = stream.read(&mut part)?;
        if read == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        answer.extend_from_slice(part.get(..read).unwrap_or_default());
    }
    if !answer.windows(8).any(|window| window == b"\rMSA|AA|") {
        return Err(io::Error::other("it is not acknowledged with AA"));
    }
    Ok(())
}

/// What is kept of a message that arrived.
struct Came {
    at: Instant,
    sum: u64,
    length: usize,
}

fn listen() -> io::Result<(SocketAddr, Receiver<Came>)> {
    let listener = TcpListener::bind("127.0.0.1:0")?;
    let address = listener.local_addr()?;
    let (came, arrived) = channel();
    thread::spawn(move || {
        for stream in listener.incoming().filter_map(Result::ok) {
            let came = came.clone();
            thread::spawn(move || serve(stream, &|what| _ = came.send(what)));
        }
    });
    Ok((address, arrived))
}

fn serve(mut stream: TcpStream, came: &dyn Fn(Came)) -> io::Result<()> {
    let mut part = vec![0; 1 << 20];
    let (mut head, mut seen, mut length) = (Vec::new(), 0, 0);
    loop {
        let read = stream.read(&mut part)?;
        let bytes = part.get(..read).unwrap_or_default();
        if bytes.is_empty() {
            return Ok(());
        }
        if head.len() < 4096 {
            head.extend_from_slice(bytes);
        }
        let is_last = bytes.ends_with(END) || bytes == [b'\r'];
        let inside = bytes.iter().filter(|byte| !matches!(byte, 0x0B | 0x1C));
        let (more, count) = inside.fold((seen, 0), |(seen, count), byte| (next(seen, *byte), count + 1));
        (seen, length) = (more, length + count);
        if is_last {
            let control = head.split(|byte| *byte == b'|').nth(9).unwrap_or_default();
            let mut answer = Vec::new();
            acknowledgment(control, &mut answer);
            // The last line end is the frame's.
            came(Came { at: Instant::now(), sum: seen, length: length - 1 });
            stream.write_all(&answer)?;
            (seen, length) = (0, 0);
            head.clear();
        }
    }
}

fn sum(message: &[u8]) -> u64 {
    next(message.iter().fold(0, |seen, byte| next(seen, *byte)), b'\r')
}

fn next(seen: u64, byte: u8) -> u64 {
    (seen ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
}
