//! The engine: the real binary, in a project of its own.

use std::fs::{self, File};
use std::io::{self, Error};
use std::net::{SocketAddr, TcpStream};
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use tempfile::TempDir;

use crate::address;
use crate::child::Process;

pub struct Engine {
    pub process: Process,
    pub address: SocketAddr,
    pub folder: TempDir,
}

/// What its project says beside addresses.
#[derive(Clone, Copy)]
pub struct Settings {
    /// More settings of the feed.
    pub feed: &'static str,
    /// The map, or nothing where messages are passed on as they are.
    pub map: Option<&'static str>,
}

pub const MAPPED: Settings = Settings { feed: "", map: Some("deidentified") };

impl Engine {
    pub fn start(emr: &Path, sink: SocketAddr, settings: Settings) -> io::Result<Engine> {
        let folder = TempDir::new()?;
        let address = address::free()?;
        let maps = Path::new(env!("CARGO_MANIFEST_DIR")).join("../bench/maps");
        for name in ["emr.toml", "deidentified.emr"] {
            fs::copy(maps.join(name), folder.path().join(name))?;
        }
        let (uses, through) = match settings.map {
            Some(map) => (format!("use deidentified.{{{map}}}\n"), format!(" through {map}")),
            None => Default::default(),
        };
        let more = settings.feed;
        let text = format!(
            r#"{uses}
feed wire from mllp "{address}" {{
    tls: none because "nobody else is on this machine"
    connections: 20000
    connections_per_peer: 20000
    {more}
    accept ADT_A01 for ADT^A01
}}
target sink to mllp "{sink}"
route all from wire{through} to sink
"#
        );
        fs::write(folder.path().join("load.emr"), text)?;
        let log = File::create(folder.path().join("log"))?;
        let mut command = Command::new(emr);
        command.arg("run").arg(folder.path()).stderr(log).stdout(Stdio::null());
        let mut engine = Engine { process: Process::start(&mut command)?, address, folder };
        engine.until_it_listens()?;
        Ok(engine)
    }

    /// Who connects to a free port of his own machine may reach himself.
    fn listens(&self) -> bool {
        let ends = TcpStream::connect(self.address).and_then(|stream| Ok((stream.local_addr()?, stream.peer_addr()?)));
        ends.is_ok_and(|(own, other)| own != other)
    }

    fn until_it_listens(&mut self) -> io::Result<()> {
        const START: Duration = Duration::from_secs(60);
        let end = Instant::now() + START;
        while !self.listens() {
            let log = || fs::read_to_string(self.folder.path().join("log")).unwrap_or_default();
            self.process.check().map_err(|why| Error::other(format!("{why}\n{}", log())))?;
            if Instant::now() > end {
                return Err(Error::other("the engine does not listen"));
            }
            std::thread::sleep(Duration::from_millis(10));
        }
        Ok(())
    }
}
