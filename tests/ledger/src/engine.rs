//! The engine that is killed: the real binary, in a project of its own.

use std::io::{self, Error};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};
use std::{fs, thread};

use tempfile::TempDir;

use super::sender::{Asks, Way};

pub struct Engine {
    project: TempDir,
    address: SocketAddr,
    journal: Journal,
    process: Option<Child>,
}

/// Where a journal is, if not in its project, and what `emr.toml` says of it.
#[derive(Clone, Default)]
pub struct Journal {
    pub folder: Option<PathBuf>,
    pub settings: &'static str,
}

/// How a process ended by itself.
pub enum How {
    /// At the place of this name, as it was told.
    AtPoint(String),
    InPeace,
    /// With its status and what its log says.
    Otherwise(String),
}

/// How long a start may take.
const START: Duration = Duration::from_secs(60);

/// How often somebody looks.
const LOOK: Duration = Duration::from_millis(5);

/// What a build for tests writes as it ends itself.
const ENDED_AT: &str = "ended at ";

impl Engine {
    pub fn new(emr: &Path, sink: SocketAddr, journal: Journal) -> io::Result<Engine> {
        if !emr.exists() {
            return Err(Error::other(format!("there is no `{}`: build it, or name it with --emr", emr.display())));
        }
        let project = TempDir::new()?;
        let address = TcpListener::bind("127.0.0.1:0")?.local_addr()?;
        let settings = format!("[project]\nname = \"ledger\"\ntimezone = \"Europe/Zurich\"\n{}", journal.settings);
        fs::write(project.path().join("emr.toml"), settings)?;
        // Senders that hear nothing send again within ten seconds and the time of a start.
        let text = format!(
            r#"map forwarded(old: ADT_A01) -> ADT_A01 = old with {{
    MSH-6: "SINK"
}}
feed socket from mllp "{address}" {{
    tls: none because "the ledger is alone on this machine"
    order_by: PID-3[1].1
    remember: 30s
    accept ADT_A01 for ADT^A01
}}
feed folder from file "in" {{
    pattern: '*.hl7'
    stable: 0s
    every: 100ms
    accept ADT_A01 for ADT^A01
}}
target sink to mllp "{sink}" {{ retry: {{ from: 10ms, to: 100ms }} }}
route mapped from socket, folder through forwarded to sink
"#
        );
        fs::write(project.path().join("ledger.emr"), text)?;
        fs::create_dir(project.path().join("in"))?;
        Ok(Engine { project, address, journal, process: None })
    }

    /// The ways by which it takes messages, a sender for each.
    pub fn ways(&self) -> Vec<Way> {
        vec![
            Way::Socket(self.address, Asks::Original),
            Way::Socket(self.address, Asks::Original),
            Way::Socket(self.address, Asks::Stored),
            Way::Socket(self.address, Asks::Both),
            Way::Folder(self.project.path().join("in")),
        ]
    }

    /// Starts it, and has it end itself at a hit of a place, `journal.synced:3`.
    pub fn start(&mut self, emr: &Path, point: Option<&str>) -> io::Result<()> {
        let log = fs::File::create(self.log())?;
        let mut command = Command::new(emr);
        command.arg("run").arg(self.project.path()).stderr(log).stdout(Stdio::null());
        if let Some(folder) = &self.journal.folder {
            command.arg("--journal").arg(folder);
        }
        if let Some(point) = point {
            command.env("EMR_FAIL_POINT", point);
        }
        self.process = Some(command.spawn()?);
        Ok(())
    }

    fn log(&self) -> PathBuf {
        self.project.path().join("log")
    }

    pub fn wait_until_listening(&mut self) {
        let end = Instant::now() + START;
        while TcpStream::connect(self.address).is_err() && Instant::now() < end {
            thread::sleep(LOOK);
        }
    }

    /// With the signal that nobody can catch.
    ///
    /// # Errors
    /// It was not running any more: then it ended by itself, and says why in its log.
    pub fn kill(&mut self) -> io::Result<()> {
        if let Some(ended) = self.ended(Duration::ZERO)? {
            let (How::AtPoint(why) | How::Otherwise(why)) = ended else {
                return Err(Error::other("the engine ended by itself, in peace"));
            };
            return Err(Error::other(format!("the engine ended by itself: {why}")));
        }
        let Some(mut process) = self.process.take() else { return Ok(()) };
        process.kill()?;
        process.wait().map(drop)
    }

    /// With the signal that asks for an end.
    pub fn tell_to_stop(&self) -> io::Result<()> {
        let Some(process) = &self.process else { return Ok(()) };
        Command::new("kill").args(["-TERM", &process.id().to_string()]).status().map(drop)
    }

    /// How it ended by itself, if it does within that time.
    pub fn ended(&mut self, within: Duration) -> io::Result<Option<How>> {
        let Some(process) = &mut self.process else { return Ok(None) };
        let end = Instant::now() + within;
        let status = loop {
            match process.try_wait()? {
                Some(status) => break status,
                None if Instant::now() >= end => return Ok(None),
                None => thread::sleep(LOOK),
            }
        };
        self.process = None;
        let log = fs::read_to_string(self.log()).unwrap_or_default();
        let point = log.lines().find_map(|line| line.strip_prefix(ENDED_AT));
        Ok(Some(match point {
            Some(point) => How::AtPoint(point.to_owned()),
            None if status.success() => How::InPeace,
            None => How::Otherwise(format!("{status}\n{log}")),
        }))
    }

    /// Keeps its project for whoever wants to see what came about.
    pub fn keep(&mut self) -> &Path {
        self.project.disable_cleanup(true);
        self.project.path()
    }
}

impl Drop for Engine {
    fn drop(&mut self) {
        if let Some(process) = &mut self.process {
            let _ = process.kill();
            let _ = process.wait();
        }
    }
}
