//! What a project lacks where it is to run: `emr run --check` finds it, `emr run` says it, and a full disk is no reason not
//! to bring out what was accepted.

// What runs the engine is no test itself, and may stop as one.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic)]

mod site;

use std::fs;
use std::net::TcpStream;
use std::process::Command;

use site::heard::{listen, posted};
use site::{Site, admission, free, send};

const PROJECT: &str = r#"
map patient(ADT_A01) -> Patient { identifier: PID-3 }
feed adt from mllp "ADDRESS" {
    tls: none because "this machine alone"
    accept ADT_A01 for ADT^A01
}
target out to file { path: "out/{MSH-10}.json" }
route all from adt through patient to out { unless_seen: { keys: MSH-10, within: 1d } }
"#;

fn site(more: &str, settings: &str) -> Site {
    Site::new(&format!("{PROJECT}{more}"), settings)
}

/// What `emr run --check` says of one part.
fn checked(site: &Site, part: &str, arguments: &[&str]) -> String {
    let (printed, said, _) = site.said(&[&["run", "--check"], arguments].concat());
    let of_part = printed.lines().find_map(|line| line.strip_prefix(&format!("{part}: ")));
    of_part.unwrap_or_else(|| panic!("{part}: {printed}{said}")).to_owned()
}

#[test]
fn whoever_an_alarm_tells_is_asked_and_told_nothing() {
    let (address, heard) = listen(posted);
    let mail = free();
    let alarms = "alarm one { when: adt.idle > 15m, to: webhook(secret(\"PAGER\")) }\n\
                  alarm two { when: adt.idle > 15m, to: email(\"oncall@example.org\") }\n";
    let site = site(alarms, &format!("[operations]\nsmtp = \"smtp://{mail}\"\nmail_from = \"emr@example.org\"\n"));
    let secrets = site.path("secrets");
    fs::create_dir(&secrets).unwrap();
    let of = |alarm: &str| checked(&site, alarm, &["--secrets", secrets.to_str().unwrap()]);
    assert!(of("alarm one").starts_with("there is no secret `PAGER`: "));
    fs::write(secrets.join("PAGER"), format!("http://{}/hook", free())).unwrap();
    assert_eq!(of("alarm one"), "the webhook cannot be reached");
    fs::write(secrets.join("PAGER"), format!("http://{address}/hook")).unwrap();
    assert_eq!(of("alarm one"), "ready");
    assert_eq!(of("alarm two"), "the mail server cannot be reached");
    assert!(heard.all().iter().all(|body| body.is_empty()), "{:?}", heard.all());
}

#[test]
fn a_secret_that_is_there_and_cannot_be_read_is_not_called_missing() {
    let site = site("alarm one { when: adt.idle > 15m, to: webhook(secret(\"PAGER\")) }\n", "");
    let pager = site.path("PAGER");
    let run = || site.said(&["run", "--secrets", "."]).1;
    // Nobody may read a folder as a file, whoever runs this.
    fs::create_dir(&pager).unwrap();
    let said = run();
    assert!(said.contains("the secret `PAGER` cannot be read: `./PAGER`: "), "{said}");
    fs::remove_dir(&pager).unwrap();
    fs::write(&pager, b"http://h\xffi/").unwrap();
    let said = run();
    assert!(said.contains("the secret `PAGER` is no text in UTF-8"), "{said}");
}

#[test]
fn the_secrets_of_maps_are_looked_up_as_all_others() {
    let more = "let house = secret(\"HOUSE\")\n\
                map renamed(ADT_A01) -> Patient { identifier: { value: pseudonym(first PID-3.1, house) } }\n\
                target kept to file { path: \"kept/{MSH-10}.json\" }\n\
                route named from adt through renamed to kept\n";
    let mut site = site(more, "");
    let lack = "route named: there is no secret `HOUSE`";
    assert!(format!("route named: {}", checked(&site, "route named", &[])).starts_with(lack));
    let (_, said, code) = site.said(&["run"]);
    assert!(code == Some(3) && said.contains(lack), "{said}");
    fs::write(site.path("HOUSE"), "4711\n").unwrap();
    site.start(&["--secrets", "."]);
    assert!(send(&mut site.connect(), &admission("1", "7", "DOE")).starts_with("MSA|AA"));
    site.until(|site| site.path("kept/1.json").exists());
    let value = fs::read_to_string(site.path("kept/1.json")).unwrap();
    let value = value.split('"').rev().nth(1).unwrap();
    for part in ["--output", "--lineage"] {
        let (shown, said, _) = site.said(&["show", "adt-1", part, "--secrets", "."]);
        assert!(shown.contains(value), "{part}: {shown}{said}");
    }
    // A change that needs another is no change.
    let project = fs::read_to_string(site.path("site.emr")).unwrap();
    fs::write(site.path("site.emr"), project.replace("secret(\"HOUSE\")", "secret(\"STREET\")")).unwrap();
    let (_, said, _) = site.said(&["reload"]);
    assert!(said.contains("route named: there is no secret `STREET`"), "{said}");
    assert_eq!(site.stop(), Some(0));
}

#[test]
fn a_target_is_tried_in_the_folder_that_its_files_are_in() {
    let site = site(
        "target far to file { path: \"/proc/none/{MSH-10}.json\" }\nroute more from adt through patient to far\n",
        "",
    );
    assert_eq!(checked(&site, "target out", &[]), "ready");
    assert!(checked(&site, "target far", &[]).starts_with("its folder cannot be written"));
}

#[test]
fn a_folder_whose_files_cannot_be_moved_is_told_of() {
    let site = site(
        "feed files from file { folder: \"in\", accept ADT_A01 for ADT^A01 }\nroute more from files through patient to out\n",
        "",
    );
    let of_feed = || checked(&site, "feed files", &[]);
    assert_eq!(of_feed(), "ready");
    assert!(!site.path("in").exists(), "it makes nothing");
    fs::create_dir(site.path("in")).unwrap();
    assert_eq!(of_feed(), "ready");
    fs::write(site.path("in/done"), "").unwrap();
    let said = of_feed();
    assert!(said.starts_with("files cannot be moved in `./in/done`: "), "{said}");
}

#[test]
fn what_a_look_cannot_tell_is_said() {
    // It answers whatever it is asked, and never with FHIR.
    let (address, heard) = listen(posted);
    let more = format!(
        "target ehr to fhir \"http://{address}/r4\"\nroute more from adt through patient to ehr\n\
         feed people from timer {{\n    every: 1h\n    search: {{ url: \"http://{address}/r4\", query: \"Patient\" }}\n    \
         accept Patient\n}}\ntarget kept to file {{ path: \"kept/{{receipt.id}}.json\" }}\nroute back from people to kept\n"
    );
    let site = site(&more, "");
    let said = checked(&site, "target ehr", &[]);
    assert_eq!(said, "ready; it was asked for `/metadata` alone, and not whether it takes what is sent");
    assert_eq!(checked(&site, "feed people", &[]), "its answer is no Bundle");
    assert!(heard.all().iter().all(String::is_empty), "nothing is sent: {:?}", heard.all());
}

/// A disk of so many bytes that nothing but the journals of a site is on; nothing where this process may not have one.
struct Small(std::path::PathBuf);

impl Small {
    fn of(site: &Site, bytes: u64) -> Option<Small> {
        let path = site.path("disk");
        fs::create_dir(&path).unwrap();
        let size = format!("size={bytes}");
        let mounted = Command::new("mount").args(["-t", "tmpfs", "-o", &size, "tmpfs"]).arg(&path).output();
        let is_mounted = mounted.is_ok_and(|mounted| mounted.status.success());
        if !is_mounted {
            println!("skipped: no disk can be mounted here");
        }
        is_mounted.then_some(Small(path))
    }

    fn fill(&self) {
        // Page by page, until there is none.
        let mut file = fs::File::create(self.0.join("filling")).unwrap();
        while std::io::Write::write(&mut file, &[1; 4096]).is_ok() {}
    }

    fn clear(&self) {
        fs::remove_file(self.0.join("filling")).unwrap();
    }
}

impl Drop for Small {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg("-l").arg(&self.0).status();
    }
}

#[test]
fn an_engine_starts_on_a_full_disk_and_takes_messages_again_when_there_is_room() {
    let mut site = site("", "");
    let Some(disk) = Small::of(&site, 8 << 20) else { return };
    site.start(&["--journal", "disk/journal"]);
    assert!(send(&mut site.connect(), &admission("1", "7", "DOE")).starts_with("MSA|AA"));
    site.until(|site| site.path("out/1.json").exists());
    site.kill();
    disk.fill();
    let journal = checked(&site, "journal", &["--journal", "disk/journal"]);
    assert!(
        journal.starts_with("no message would be taken: 0 KiB are free on the disk of `disk/journal`"),
        "{journal}"
    );
    site.start(&["--journal", "disk/journal"]);
    let mut sender = site.connect();
    std::io::Write::write_all(&mut sender, format!("\x0B{}\x1C\r", admission("2", "7", "DOE")).as_bytes()).unwrap();
    let mut answer = Vec::new();
    std::io::Read::read_to_end(&mut sender, &mut answer).unwrap();
    assert!(answer.is_empty(), "it is closed without an answer");
    disk.clear();
    assert!(send(&mut site.connect(), &admission("2", "7", "DOE")).starts_with("MSA|AA"));
    site.until(|site| site.path("out/2.json").exists());
    assert_eq!(site.stop(), Some(0));
    let (_, said, code) = site.said(&["audit", "verify", "--journal", "disk/journal"]);
    assert_eq!(code, Some(0), "{said}");
}

#[test]
fn a_first_start_on_a_full_disk_says_where_room_is_needed() {
    let site = site("", "");
    let Some(disk) = Small::of(&site, 1 << 20) else { return };
    disk.fill();
    let (_, said, code) = site.said(&["run", "--journal", "disk/journal"]);
    assert_eq!(code, Some(3));
    assert!(said.contains("`disk/journal") && said.contains(": make room on its disk"), "{said}");
    assert!(TcpStream::connect(site.address).is_err());
}
