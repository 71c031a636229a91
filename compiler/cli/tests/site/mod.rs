//! A project in a folder of its own, which the real binary runs: started, asked, stopped and killed by tests.

// Each test uses some of it; what runs the engine is no test itself, and may stop as one.
#![allow(dead_code, clippy::unwrap_used, clippy::indexing_slicing, clippy::panic)]

#[path = "../../../../tests/src/address.rs"]
mod address;
pub mod heard;

use std::fs;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::path::PathBuf;
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};

use serde_json::Value;
use tempfile::TempDir;

/// How long anything may take to come about.
const PATIENCE: Duration = Duration::from_secs(60);

pub struct Site {
    folder: TempDir,
    pub address: SocketAddr,
    process: Option<Child>,
}

impl Site {
    /// `ADDRESS` in the text is that of the feed that it listens on.
    pub fn new(text: &str, settings: &str) -> Site {
        let site = Site { folder: TempDir::new().unwrap(), address: free(), process: None };
        fs::write(
            site.path("emr.toml"),
            format!("[project]\nname = \"site\"\ntimezone = \"Europe/Zurich\"\n{settings}"),
        )
        .unwrap();
        site.write(text);
        site
    }

    /// Writes its mapping.
    pub fn write(&self, text: &str) {
        fs::write(self.path("site.emr"), text.replace("ADDRESS", &self.address.to_string())).unwrap();
    }

    pub fn start(&mut self, arguments: &[&str]) {
        self.start_in(arguments, &[]);
    }

    /// With more in the environment.
    pub fn start_in(&mut self, arguments: &[&str], environment: &[(&str, &str)]) {
        let log = fs::File::options().create(true).append(true).open(self.path("log")).unwrap();
        let mut command = Command::new(env!("CARGO_BIN_EXE_emr"));
        command.envs(environment.iter().copied());
        command.arg("run").args(arguments).current_dir(self.folder.path()).stderr(log).stdout(Stdio::null());
        self.process = Some(command.spawn().unwrap());
        self.until(|site| listens(site.address));
    }

    pub fn kill(&mut self) {
        let mut process = self.process.take().unwrap();
        process.kill().unwrap();
        process.wait().unwrap();
    }

    /// With SIGTERM; how it ended.
    pub fn stop(&mut self) -> Option<i32> {
        self.terminate();
        self.ended()
    }

    /// Sends SIGTERM, and does not wait.
    pub fn terminate(&self) {
        Command::new("kill").args(["-TERM", &self.id().to_string()]).status().unwrap();
    }

    /// Of the process.
    pub fn id(&self) -> u32 {
        self.process.as_ref().unwrap().id()
    }

    /// Waits until it has ended: how.
    pub fn ended(&mut self) -> Option<i32> {
        self.process.take().unwrap().wait().unwrap().code()
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// What stands in a file; nothing where there is none.
    pub fn text(&self, name: &str) -> String {
        fs::read_to_string(self.path(name)).unwrap_or_default()
    }

    pub fn until(&self, holds: impl Fn(&Site) -> bool) {
        let end = Instant::now() + PATIENCE;
        while !holds(self) {
            assert!(Instant::now() < end, "it does not come about\n{}\n{}", self.text("log"), self.said(&["status"]).0);
            std::thread::sleep(Duration::from_millis(10));
        }
    }

    pub fn emr(&self, arguments: &[&str]) -> Output {
        self.emr_in(arguments, &[])
    }

    fn emr_in(&self, arguments: &[&str], environment: &[(&str, &str)]) -> Output {
        let mut command = Command::new(env!("CARGO_BIN_EXE_emr"));
        command.envs(environment.iter().copied());
        command.args(arguments).current_dir(self.folder.path()).output().unwrap()
    }

    /// What a command prints, what it says, and how it ends.
    pub fn said(&self, arguments: &[&str]) -> (String, String, Option<i32>) {
        self.said_in(arguments, &[])
    }

    /// The same with more in the environment.
    pub fn said_in(&self, arguments: &[&str], environment: &[(&str, &str)]) -> (String, String, Option<i32>) {
        let output = self.emr_in(arguments, environment);
        (String::from_utf8(output.stdout).unwrap(), String::from_utf8(output.stderr).unwrap(), output.status.code())
    }

    pub fn json(&self, arguments: &[&str]) -> Value {
        let (printed, said, _) = self.said(&[arguments, &["--format", "json"]].concat());
        serde_json::from_str(&printed).unwrap_or_else(|_| panic!("{arguments:?}: {printed}{said}"))
    }

    pub fn connect(&self) -> TcpStream {
        TcpStream::connect(self.address).unwrap()
    }
}

impl Drop for Site {
    fn drop(&mut self) {
        if let Some(process) = &mut self.process {
            let _ = process.kill();
            let _ = process.wait();
        }
    }
}

/// An address that nobody listens on.
pub fn free() -> SocketAddr {
    address::free().unwrap()
}

/// Whether somebody listens on an address. Who connects to a free port of his own machine may reach himself.
pub fn listens(at: SocketAddr) -> bool {
    let ends = TcpStream::connect(at).and_then(|stream| Ok((stream.local_addr()?, stream.peer_addr()?)));
    ends.is_ok_and(|(own, other)| own != other)
}

/// An admission of a patient with that identifier and name, MSH-10 being `control`.
pub fn admission(control: &str, patient: &str, name: &str) -> String {
    format!(
        "MSH|^~\\&|A|H|B|C|20260101||ADT^A01^ADT_A01|{control}|P|2.5.1||||||UNICODE UTF-8\rEVN||20260101\r\
         PID|1||{patient}||{name}\rPV1|1|I\r"
    )
}

/// Sends a message and gives the segments of the answer behind its MSH.
pub fn send(stream: &mut TcpStream, message: &str) -> String {
    stream.write_all(format!("\x0B{message}\x1C\r").as_bytes()).unwrap();
    answer(stream).split('\r').skip(1).collect::<Vec<_>>().join(" ")
}

/// The next block that comes, as it stands.
pub fn answer(stream: &mut TcpStream) -> String {
    let mut block = Vec::new();
    while !block.ends_with(b"\x1C\r") {
        let mut byte = [0];
        stream.read_exact(&mut byte).unwrap();
        block.push(byte[0]);
    }
    String::from_utf8(block).unwrap()
}

/// What is answered over HTTP.
#[derive(Debug)]
pub struct Said {
    pub status: u16,
    /// In small letters.
    pub head: String,
    pub body: String,
}

/// Calls over HTTP, with the type of what is sent; nothing where nobody listens.
pub fn call(at: SocketAddr, method: &str, path: &str, kind: &str, body: &[u8]) -> Option<Said> {
    let mut stream = TcpStream::connect(at).ok()?;
    let length = body.len();
    let head = format!(
        "{method} {path} HTTP/1.1\r\nHost: {at}\r\nContent-Type: {kind}\r\nContent-Length: {length}\r\nConnection: close\r\n\r\n"
    );
    stream.write_all(&[head.as_bytes(), body].concat()).ok()?;
    said(&mut stream)
}

/// What comes until the other side hangs up.
pub fn said(stream: &mut TcpStream) -> Option<Said> {
    let mut answer = String::new();
    stream.read_to_string(&mut answer).ok()?;
    let (head, body) = answer.split_once("\r\n\r\n")?;
    let status = head.split(' ').nth(1)?.parse().ok()?;
    Some(Said { status, head: head.to_lowercase(), body: body.to_owned() })
}
