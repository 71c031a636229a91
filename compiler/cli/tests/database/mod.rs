//! A database of PostgreSQL that tests start and stop, where Debian's package is installed.

// What runs the database is no test itself, and may stop as one.
#![allow(dead_code, clippy::unwrap_used, clippy::indexing_slicing, clippy::panic)]

use std::fs;
use std::net::SocketAddr;
use std::os::unix::fs::{PermissionsExt, chown};
use std::os::unix::process::CommandExt;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};
use tempfile::TempDir;

use crate::site::free;

/// Of the one who may ask.
pub const PASSWORD: &str = "Sesame-4711";

pub struct Database {
    folder: TempDir,
    programs: PathBuf,
    /// Its server runs as this user where tests run as root.
    user: Option<(u32, u32)>,
    pub address: SocketAddr,
    /// The authority of its certificate, in PEM.
    pub authority: String,
    process: Option<Child>,
}

impl Database {
    /// Runs, and has nothing in it; nothing where there is no PostgreSQL on this machine.
    pub fn start() -> Option<Database> {
        let Some(programs) = programs() else {
            println!("skipped: there is no PostgreSQL here; apt installs `postgresql`");
            return None;
        };
        let folder = TempDir::new().unwrap();
        let user = of_root();
        let owned = |path: &std::path::Path, mode: u32| {
            if let Some((uid, gid)) = user {
                chown(path, Some(uid), Some(gid)).unwrap();
            }
            fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
        };
        owned(folder.path(), 0o700);
        let (authority, certificate, key) = certified();
        for (name, text) in [("password", PASSWORD), ("server.pem", &certificate), ("server.key", &key)] {
            let path = folder.path().join(name);
            fs::write(&path, text).unwrap();
            owned(&path, 0o600);
        }
        let mut database = Database { folder, programs, user, address: free(), authority, process: None };
        let made = database
            .program("initdb")
            .args(["-A", "scram-sha-256", "-U", "emr", "--no-sync", "--locale=C.UTF-8", "--encoding=UTF8"])
            .arg(format!("--pwfile={}", database.folder.path().join("password").display()))
            .arg("-D")
            .arg(database.folder.path().join("data"))
            .output()
            .unwrap();
        assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
        database.up();
        Some(database)
    }

    /// As it is named to who asks.
    pub fn url(&self) -> String {
        format!("postgresql://emr:{PASSWORD}@{}/postgres", self.address)
    }

    pub fn up(&mut self) {
        let inside = |name: &str| self.folder.path().join(name).display().to_string();
        let log = fs::File::options().create(true).append(true).open(self.folder.path().join("log")).unwrap();
        let settings = [
            "listen_addresses=127.0.0.1".to_owned(),
            format!("port={}", self.address.port()),
            format!("unix_socket_directories={}", self.folder.path().display()),
            "fsync=off".to_owned(),
            "ssl=on".to_owned(),
            format!("ssl_cert_file={}", inside("server.pem")),
            format!("ssl_key_file={}", inside("server.key")),
        ];
        let settings = settings.iter().flat_map(|setting| ["-c", setting]);
        let mut command = self.program("postgres");
        command.arg("-D").arg(self.folder.path().join("data")).args(settings).stdout(Stdio::null()).stderr(log);
        self.process = Some(command.spawn().unwrap());
        let end = Instant::now() + Duration::from_secs(60);
        while !self.psql("select 1").status.success() {
            let log = || fs::read_to_string(self.folder.path().join("log")).unwrap();
            assert!(Instant::now() < end, "the database does not start\n{}", log());
            std::thread::sleep(Duration::from_millis(50));
        }
    }

    /// With SIGQUIT: at once, as a server that dies.
    pub fn down(&mut self) {
        let Some(mut process) = self.process.take() else { return };
        Command::new("kill").args(["-QUIT", &process.id().to_string()]).status().unwrap();
        process.wait().unwrap();
    }

    /// Carries out a statement.
    pub fn run(&self, statement: &str) {
        let done = self.psql(statement);
        assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
    }

    fn psql(&self, statement: &str) -> std::process::Output {
        let mut command = self.program("psql");
        command.args(["-h", "127.0.0.1", "-U", "emr", "-d", "postgres", "-v", "ON_ERROR_STOP=1", "-c", statement]);
        command.args(["-p", &self.address.port().to_string()]).env("PGPASSWORD", PASSWORD).output().unwrap()
    }

    fn program(&self, name: &str) -> Command {
        let mut command = Command::new(self.programs.join(name));
        // The folder in which tests run may not be the user's.
        command.current_dir(self.folder.path());
        if let Some((uid, gid)) = self.user {
            command.uid(uid).gid(gid);
        }
        command
    }
}

impl Drop for Database {
    fn drop(&mut self) {
        self.down();
    }
}

/// Where Debian has the programs of the newest version.
fn programs() -> Option<PathBuf> {
    let versions = fs::read_dir("/usr/lib/postgresql").ok()?;
    let mut found: Vec<PathBuf> = versions.filter_map(|entry| Some(entry.ok()?.path().join("bin"))).collect();
    found.retain(|path| ["initdb", "postgres", "psql"].iter().all(|program| path.join(program).exists()));
    found.sort();
    found.pop()
}

/// PostgreSQL does not run as root: then it runs as the user that its package has made.
fn of_root() -> Option<(u32, u32)> {
    let own = fs::metadata("/proc/self").ok().map(|own| std::os::unix::fs::MetadataExt::uid(&own))?;
    let users = fs::read_to_string("/etc/passwd").ok()?;
    let line = users.lines().find(|line| line.starts_with("postgres:")).filter(|_| own == 0)?;
    let mut numbers = line.split(':').skip(2).map(|number| number.parse().ok());
    Some((numbers.next()??, numbers.next()??))
}

/// An authority, and a certificate of it for this machine with its key, in PEM.
fn certified() -> (String, String, String) {
    let mut params = CertificateParams::new(Vec::new()).unwrap();
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let authority = CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap();
    let key = KeyPair::generate().unwrap();
    let own = CertificateParams::new(vec!["127.0.0.1".to_owned()]).unwrap().signed_by(&key, &authority).unwrap();
    (authority.pem(), own.pem(), key.serialize_pem())
}
