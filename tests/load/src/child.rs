//! A process that is measured, and what the system says of it.

use std::io::{self, BufRead, BufReader, Error};
use std::net::SocketAddr;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

pub struct Process(Child);

impl Process {
    /// A server of this program itself, once it says where it listens.
    pub fn server(arguments: &[String]) -> io::Result<(Process, SocketAddr)> {
        let (process, said) = Process::own(arguments)?;
        let address = said.parse().map_err(|_| Error::other(format!("it does not listen: {said}")))?;
        Ok((process, address))
    }

    /// This program itself in another part, and the first line that it says.
    pub fn own(arguments: &[String]) -> io::Result<(Process, String)> {
        let mut command = Command::new(std::env::current_exe()?);
        command.args(arguments).stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut process = Process::start(&mut command)?;
        let mut said = String::new();
        if let Some(output) = process.0.stdout.take() {
            BufReader::new(output).read_line(&mut said)?;
        }
        Ok((process, said.trim().to_owned()))
    }

    pub fn start(command: &mut Command) -> io::Result<Process> {
        Ok(Process(command.spawn()?))
    }

    /// Fails if it has ended.
    pub fn check(&mut self) -> io::Result<()> {
        match self.0.try_wait()? {
            None => Ok(()),
            Some(status) => Err(Error::other(format!("it ended by itself: {status}"))),
        }
    }

    /// Time of processors that it took, in user code and in the system.
    pub fn cpu(&self) -> io::Result<Duration> {
        /// Ticks of a second, as Linux tells them whatever its clock.
        const TICKS: f64 = 100.0;
        let text = std::fs::read_to_string(format!("/proc/{}/stat", self.0.id()))?;
        // Behind the name, which may hold anything, the fields 3 and on; 14 and 15 are meant.
        let fields = text.rsplit(')').next().unwrap_or_default().split_whitespace().skip(11).take(2);
        let ticks: f64 = fields.filter_map(|field| field.parse::<f64>().ok()).sum();
        Ok(Duration::from_secs_f64(ticks / TICKS))
    }

    /// Megabytes of memory that it holds.
    pub fn memory(&self) -> io::Result<f64> {
        self.status("VmRSS:")
    }

    /// The most that it ever held.
    pub fn peak(&self) -> io::Result<f64> {
        self.status("VmHWM:")
    }

    fn status(&self, name: &str) -> io::Result<f64> {
        let text = std::fs::read_to_string(format!("/proc/{}/status", self.0.id()))?;
        let line = text.lines().find_map(|line| line.strip_prefix(name)).unwrap_or_default();
        let kilobytes = line.split_whitespace().next().and_then(|word| word.parse::<f64>().ok());
        Ok(kilobytes.unwrap_or_default() * 1024.0 / 1e6)
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// As many open files as the system lets this process have, and those that it starts.
pub fn many_files() -> io::Result<()> {
    let limit = getrlimit(Resource::Nofile);
    Ok(setrlimit(Resource::Nofile, Rlimit { current: limit.maximum, maximum: limit.maximum })?)
}
