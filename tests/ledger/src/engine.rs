//! The engine that is killed: the real binary, in a project of its own.

use std::io::{self, Error};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};
use std::{fs, thread};

use tempfile::TempDir;

pub struct Engine {
    emr: PathBuf,
    project: TempDir,
    address: SocketAddr,
    process: Option<Child>,
}

/// How long a start may take.
const START: Duration = Duration::from_secs(60);

impl Engine {
    pub fn new(emr: &Path, sink: SocketAddr) -> io::Result<Engine> {
        let project = TempDir::new()?;
        let address = TcpListener::bind("127.0.0.1:0")?.local_addr()?;
        fs::write(project.path().join("emr.toml"), "[project]\nname = \"ledger\"\ntimezone = \"Europe/Zurich\"\n")?;
        let text = format!(
            r#"map forwarded(old: ADT_A01) -> ADT_A01 = old with {{
    MSH-6: "SINK"
}}
feed socket from mllp "{address}" {{
    tls: none because "the ledger is alone on this machine"
    order_by: PID-3[1].1
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
        Ok(Engine { emr: emr.to_owned(), project, address, process: None })
    }

    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// The folder that it watches.
    pub fn folder(&self) -> PathBuf {
        self.project.path().join("in")
    }

    pub fn start(&mut self) -> io::Result<()> {
        let log = fs::File::options().create(true).append(true).open(self.project.path().join("log"))?;
        let mut command = Command::new(&self.emr);
        command.arg("run").arg(self.project.path()).stderr(log).stdout(Stdio::null());
        self.process = Some(command.spawn()?);
        Ok(())
    }

    pub fn wait_until_listening(&mut self) {
        let end = Instant::now() + START;
        while TcpStream::connect(self.address).is_err() && Instant::now() < end {
            thread::sleep(Duration::from_millis(5));
        }
    }

    /// With the signal that nobody can catch.
    ///
    /// # Errors
    /// It was not running any more: then it ended by itself, and says why in its log.
    pub fn kill(&mut self) -> io::Result<()> {
        let Some(mut process) = self.process.take() else { return Ok(()) };
        if let Some(status) = process.try_wait()? {
            let log = fs::read_to_string(self.project.path().join("log")).unwrap_or_default();
            return Err(Error::other(format!("the engine ended by itself: {status}\n{log}")));
        }
        process.kill()?;
        process.wait().map(drop)
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
