//! The engine that is killed: the real binary, in a project of its own.

use std::io::{self, Error};
use std::net::{SocketAddr, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};
use std::{fs, thread};

use tempfile::TempDir;

use super::address::free;
use super::sender::{Asks, Way};
use super::sink::Sink;
use super::source::Source;

pub struct Engine {
    project: TempDir,
    /// Where messages come in frames.
    socket: SocketAddr,
    /// The same, for those that go to a target together.
    crowd: SocketAddr,
    /// Where messages are posted.
    posted: SocketAddr,
    /// Where resources are written.
    written: SocketAddr,
    source: Arc<Source>,
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
    pub fn new(emr: &Path, sink: &Sink, journal: Journal) -> io::Result<Engine> {
        if !emr.exists() {
            return Err(Error::other(format!("there is no `{}`: build it, or name it with --emr", emr.display())));
        }
        let project = TempDir::new()?;
        let [socket, crowd, posted, written] = [free()?, free()?, free()?, free()?];
        let source = Source::listen()?;
        let settings = format!("[project]\nname = \"ledger\"\ntimezone = \"Europe/Zurich\"\n{}", journal.settings);
        fs::write(project.path().join("emr.toml"), settings)?;
        // Senders that hear nothing send again within ten seconds and the time of a start.
        let text = format!(
            r#"map forwarded(old: ADT_A01) -> ADT_A01 = old with {{
    MSH-6: "SINK"
}}
map replayed(old: ADT_A01) -> ADT_A01 = old with {{
    MSH-6: "AGAIN"
}}
feed socket from mllp "{socket}" {{
    tls: none because "the ledger is alone on this machine"
    order_by: PID-3[1].1
    remember: 30s
    accept ADT_A01 for ADT^A01
}}
feed crowd from mllp "{crowd}" {{
    tls: none because "the ledger is alone on this machine"
    accept ADT_A01 for ADT^A01
}}
feed folder from file "in" {{
    pattern: '*.hl7'
    stable: 0s
    every: 100ms
    accept ADT_A01 for ADT^A01
}}
feed posted from http "{posted}" {{
    tls: none because "the ledger is alone on this machine"
    clients: none because "the ledger is alone on this machine"
    at: "/hl7"
    accept ADT_A01 for ADT^A01
}}
feed written from fhir "{written}" {{
    tls: none because "the ledger is alone on this machine"
    clients: none because "the ledger is alone on this machine"
    at: "/fhir"
    accept Patient
}}
feed asked from timer {{
    every: 1s
    search: {{ url: "http://{}", query: "Patient" }}
    accept Patient
}}
feed again from replay {{
    of: folder
    accept ADT_A01 for ADT^A01
}}
target sink to mllp "{}" {{ retry: {{ from: 10ms, to: 100ms }} }}
target far to mllp "{}" {{ pipeline: 8, retry: {{ from: 10ms, to: 100ms }} }}
target service to http "http://{web}/hl7" {{ retry: {{ from: 10ms, to: 100ms }} }}
target server to fhir "http://{web}/fhir" {{ retry: {{ from: 10ms, to: 100ms }} }}
route mapped from socket, folder through forwarded to sink
route together from crowd through forwarded to far
route passed from posted through forwarded to service
route copied from written, asked to server
route repeated from again through replayed to sink
"#,
            source.address,
            sink.socket,
            sink.far,
            web = sink.web,
        );
        fs::write(project.path().join("ledger.emr"), text)?;
        fs::create_dir(project.path().join("in"))?;
        Ok(Engine { project, socket, crowd, posted, written, source: Arc::new(source), journal, process: None })
    }

    /// The ways by which it takes messages, a sender for each; what comes by the first, the folder, is replayed too.
    pub fn ways(&self) -> Vec<Way> {
        vec![
            Way::Folder(self.project.path().join("in")),
            Way::Socket(self.socket, Asks::Original),
            Way::Socket(self.socket, Asks::Original),
            Way::Socket(self.socket, Asks::Stored),
            Way::Socket(self.socket, Asks::Both),
            Way::Posted(self.posted),
            Way::Written(self.written),
            Way::Asked(Arc::clone(&self.source)),
            Way::Socket(self.crowd, Asks::Original),
            Way::Socket(self.crowd, Asks::Stored),
            Way::Socket(self.crowd, Asks::Both),
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
        while TcpStream::connect(self.socket).is_err() && Instant::now() < end {
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

    /// Lets all go on that is parked, as a person would, and gives how many those were.
    ///
    /// # Errors
    /// The engine does not let them go.
    pub fn release(&self, emr: &Path) -> io::Result<usize> {
        let park = |asked: &[&str]| {
            let mut command = Command::new(emr);
            command.arg("park").args(asked).arg("--project").arg(self.project.path());
            if let Some(folder) = &self.journal.folder {
                command.arg("--journal").arg(folder);
            }
            let done = command.output()?;
            let said = || Error::other(format!("emr park: {}", String::from_utf8_lossy(&done.stderr)));
            if done.status.success() { Ok(String::from_utf8_lossy(&done.stdout).into_owned()) } else { Err(said()) }
        };
        let parked = park(&["list", "--format", "json"])?.matches("\"id\":").count();
        if parked > 0 {
            park(&["release", "--all"])?;
        }
        Ok(parked)
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
