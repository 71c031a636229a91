//! A project in a folder of its own, the engine that runs it, and those who send to it.

use std::fs;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::PathBuf;
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};

use tempfile::TempDir;

/// Words of patients that are planted in messages, and must stand nowhere but in what is delivered.
pub const MARKERS: [&str; 3] = ["EVERYWOMAN", "ZÜRICHBERG", "756.1234.5678.97"];

/// A target that takes what comes, and one that can be made to take nothing.
pub const PROJECT: &str = r#"
map admission(ADT_A01) -> Bundle {
    emit Patient {
        identifier: PID-3 else reject "a patient needs an identifier"
        name:       PID-5
        birthDate:  PID-7
    }
}
feed adt from mllp "ADDRESS" {
    tls: none because "this machine alone"
    frame_max: "4 KiB"
    accept ADT_A01 for ADT^A01, ADT^A04
    ignore ADT^A04 because "registrations come from another system"
}
target files to file { path: "out/{PID-3[1].1}-{MSH-10}.json" }
target doubtful to file { path: "doubtful/{MSH-10}.json", retry: { times: 2, from: 10ms, to: 20ms } }
route admissions from adt through admission to files
route others from adt through admission to doubtful where MSH-4.1 == "DOUBT"
"#;

pub struct Site {
    pub folder: TempDir,
    pub address: SocketAddr,
    process: Option<Child>,
}

/// An address that nobody else has.
pub fn free() -> SocketAddr {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap()
}

impl Site {
    pub fn new(more: &str) -> Site {
        let (folder, address) = (TempDir::new().unwrap(), free());
        let text = PROJECT.replace("ADDRESS", &address.to_string()) + more;
        fs::write(folder.path().join("site.emr"), text).unwrap();
        let settings = "[project]\nname = \"site\"\ntimezone = \"Europe/Zurich\"\n";
        fs::write(folder.path().join("emr.toml"), settings).unwrap();
        // Where `doubtful` would make its folder.
        fs::write(folder.path().join("doubtful"), "in the way").unwrap();
        Site { folder, address, process: None }
    }

    pub fn start(&mut self, arguments: &[&str]) {
        self.start_in(arguments, &[]);
    }

    /// With more in the environment.
    pub fn start_in(&mut self, arguments: &[&str], environment: &[(&str, &str)]) {
        let log = fs::File::options().create(true).append(true).open(self.path("log")).unwrap();
        let mut command = Command::new(env!("CARGO_BIN_EXE_emr"));
        command.envs(environment.iter().copied());
        command.arg("run").arg(self.folder.path()).args(arguments).stderr(log).stdout(Stdio::null());
        self.process = Some(command.spawn().unwrap());
        self.until(|site| TcpStream::connect(site.address).is_ok());
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    pub fn text(&self, name: &str) -> String {
        fs::read_to_string(self.path(name)).unwrap_or_default()
    }

    pub fn until(&self, holds: impl Fn(&Site) -> bool) {
        let end = Instant::now() + Duration::from_secs(60);
        while !holds(self) {
            assert!(Instant::now() < end, "it does not come about\n{}", self.text("log"));
            std::thread::sleep(Duration::from_millis(10));
        }
    }

    /// The code that a message is answered with.
    pub fn send(&self, from: &str, event: &str, control: &str, patient: &str) -> String {
        let mut stream = TcpStream::connect(self.address).unwrap();
        let message = format!(
            "MSH|^~\\&|A|{from}|B|C|20260101||ADT^{event}^ADT_A01|{control}|P|2.5.1||||||UNICODE UTF-8\rEVN||20260101\r\
             PID|1||{patient}||{}^{}||19620301|||||||||||{}\rPV1|1|I\r",
            MARKERS[0], MARKERS[1], MARKERS[2]
        );
        stream.write_all(format!("\x0B{message}\x1C\r").as_bytes()).unwrap();
        let mut answer = Vec::new();
        while !answer.ends_with(b"\x1C\r") {
            let mut byte = [0];
            stream.read_exact(&mut byte).unwrap();
            answer.push(byte[0]);
        }
        String::from_utf8(answer).unwrap().split('\r').nth(1).unwrap()[4..6].to_owned()
    }

    /// Half of a message, and no more.
    pub fn send_half(&self) {
        let mut stream = TcpStream::connect(self.address).unwrap();
        stream.write_all(format!("\x0BMSH|^~\\&|A|{}", MARKERS[0]).as_bytes()).unwrap();
    }

    /// One of each kind of end: delivered, filtered, refused for its content, not served, parked on one way.
    pub fn send_each(&self) {
        assert_eq!(self.send("H", "A01", "1", "77^^^H"), "AA");
        assert_eq!(self.send("H", "A04", "2", "77^^^H"), "AA");
        assert_eq!(self.send("H", "A01", "3", ""), "AE");
        assert_eq!(self.send("H", "A08", "4", "77^^^H"), "AR");
        assert_eq!(self.send("DOUBT", "A01", "5", "77^^^H"), "AA");
    }

    pub fn stop(&mut self, signal: &str) -> Option<i32> {
        let mut process = self.process.take().unwrap();
        Command::new("kill").args([signal, &process.id().to_string()]).status().unwrap();
        process.wait().unwrap().code()
    }

    /// Another command of the same binary, in the folder of the project.
    pub fn emr(&self, arguments: &[&str]) -> Output {
        Command::new(env!("CARGO_BIN_EXE_emr")).args(arguments).current_dir(self.folder.path()).output().unwrap()
    }

    /// No word of a patient stands in a text.
    pub fn holds_no_marker(text: &str) {
        for marker in MARKERS {
            assert!(!text.contains(marker), "{text}");
        }
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
