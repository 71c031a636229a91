//! Tables that are asked before a map runs, by the real binary: of a PostgreSQL that the tests start, where there is one, and
//! of a FHIR server of their own.

// What runs the engine is no test itself, and may stop as one.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic)]

mod database;
mod site;

use std::fs;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};

use database::{Database, PASSWORD};
use site::{Site, answer, send};

const MAPPING: &str = r#"
table Staff(id: string, house: string) -> { npi: string?, since: date?, beds: integer } = sql(secret("STAFF_DB")) {
    query: 'select npi, since, beds from staff where id = :id and house = :house'
SETTINGS
}
map practitioner(ADT_A01) -> Practitioner {
    let known = Staff(first PV1-7.1, MSH-4.1)
    identifier:    { value: known.npi else PV1-2 }
    telecom:       { rank: known.beds }
    qualification: { code: { text: "since" }, period: { start: known.since } }
}
feed adt from mllp "ADDRESS" {
    tls: none because "this machine alone"
    accept ADT_A01 for ADT^A01
}
target files to file { path: "out/{MSH-10}.json" }
route all from adt through practitioner to files { ROUTE }
alarm away { when: Staff.failures > 0, within: 1h, to: log }
alarm lacking { when: Staff.misses >= 2, to: log }
"#;

/// The mapping with settings of the table and of the route.
fn mapping(table: &str, route: &str) -> String {
    MAPPING.replace("SETTINGS", table).replace("ROUTE", route)
}

/// What stands where nothing was found.
const MISSING: &str = r#""I""#;

const PLAIN: &str = r#"tls: none because "this machine alone""#;

/// An admission that a doctor answers for.
fn admission(control: &str, doctor: &str) -> String {
    format!(
        "MSH|^~\\&|A|NORTH|B|C|20260101||ADT^A01^ADT_A01|{control}|P|2.5.1||||||UNICODE UTF-8\rEVN||20260101\r\
         PID|1||4711^^^NORTH^MR||EVERYWOMAN^EVE\rPV1|1|I|||||{doctor}\r"
    )
}

fn staffed() -> Option<Database> {
    let database = Database::start()?;
    database.run(
        "create table staff (id text, house text, npi text, since date, beds bigint);
         insert into staff values ('771', 'NORTH', 'N\"771', '2019-04-01', 7), ('772', 'NORTH', null, null, 2),
                                  ('9', 'NORTH', 'a', null, 1), ('9', 'NORTH', 'b', null, 1)",
    );
    Some(database)
}

/// Starts an engine that knows the database.
fn start(site: &mut Site, database: &Database) {
    site.start_in(&[], &[("STAFF_DB", &database.url())]);
}

fn output(site: &Site, number: u32) -> String {
    let name = format!("out/{number}.json");
    site.until(|site| site.path(&name).exists());
    site.text(&name)
}

fn sent(site: &Site, message: &str) -> String {
    send(&mut site.connect(), message)
}

/// Sends without waiting for the answer.
fn post(site: &Site, message: &str) -> std::net::TcpStream {
    let mut stream = site.connect();
    stream.set_read_timeout(Some(std::time::Duration::from_secs(60))).unwrap();
    stream.write_all(format!("\x0B{message}\x1C\r").as_bytes()).unwrap();
    stream
}

fn in_flight(site: &Site) -> u64 {
    site.json(&["status"])[0]["in_flight"].as_u64().unwrap()
}

#[test]
fn a_message_is_mapped_with_what_the_database_has() {
    let Some(database) = staffed() else { return };
    // A server whose certificate is of no authority that is trusted is not asked.
    let mut site = Site::new(&mapping(r#"tls: { ca: file("ca.pem") }"#, ""), "");
    fs::write(site.path("ca.pem"), &database.authority).unwrap();
    start(&mut site, &database);
    assert!(sent(&site, &admission("1", "771")).starts_with("MSA|AA|1"));
    let known = r#"{"resourceType":"Practitioner","identifier":[{"value":"N\"771"}],"telecom":[{"rank":7}],"qualification":[{"code":{"text":"since"},"period":{"start":"2019-04-01"}}]}"#;
    assert_eq!(output(&site, 1), known);
    // A column without a value, a key without a row, a message without a key, and one that is no part of the statement.
    for (control, doctor) in [("2", "772"), ("3", "4711"), ("4", ""), ("5", "' or true --")] {
        assert!(sent(&site, &admission(control, doctor)).starts_with("MSA|AA"));
        assert!(output(&site, control.parse().unwrap()).contains(MISSING), "{doctor}");
    }
    // Of these two have no row; a row without the column that is read is one.
    site.until(|site| site.text("log").contains("Staff.misses is 2"));
    // What was answered is kept with the message, and shown to who asks for it.
    let (shown, said, _) = site.said(&["show", "adt-1"]);
    assert!(said.is_empty(), "{said}");
    assert!(shown.contains("Staff(771, NORTH)  N\"771, 2019-04-01, 7"), "{shown}");
    let (shown, _, _) = site.said(&["show", "adt-1", "--lineage"]);
    assert!(shown.contains("N\\\"771") || shown.contains("Practitioner.identifier[0].value"), "{shown}");
    let third = site.json(&["messages"])[2]["id"].as_str().unwrap().to_owned();
    let (shown, _, _) = site.said(&["show", &third]);
    assert!(shown.contains("Staff(4711, NORTH)  no row"), "{shown}");
    let said = site.text("log");
    for marker in [PASSWORD, "EVERYWOMAN", "or true"] {
        assert!(!said.contains(marker), "{said}");
    }
    // Times and hashes may hold these digits among others.
    assert!(!said.split(|letter: char| !letter.is_ascii_alphanumeric()).any(|word| word == "771"), "{said}");
    assert_eq!(site.stop(), Some(0));
}

#[test]
fn while_the_database_is_away_messages_wait_in_their_order() {
    let Some(mut database) = staffed() else { return };
    database.down();
    let mut site = Site::new(&mapping(PLAIN, ""), "");
    let check = |site: &Site, database: &Database| {
        let mut command = std::process::Command::new(env!("CARGO_BIN_EXE_emr"));
        let output =
            command.args(["run", "--check"]).arg(site.path("")).env("STAFF_DB", database.url()).output().unwrap();
        (String::from_utf8(output.stdout).unwrap() + &String::from_utf8(output.stderr).unwrap(), output.status.code())
    };
    let (said, code) = check(&site, &database);
    assert!(said.contains("table Staff") && said.contains("it cannot be reached") && code == Some(3), "{said}");
    start(&mut site, &database);
    let first = post(&site, &admission("1", "771"));
    site.until(|site| in_flight(site) == 1);
    // The second looks nothing up.
    let second = post(&site, &admission("2", ""));
    site.until(|site| in_flight(site) == 2 && site.text("log").contains("a table does not answer"));
    assert!(!site.path("out/2.json").exists());
    // A process that ends meanwhile leaves them to the next one.
    assert_eq!(site.stop(), Some(0));
    start(&mut site, &database);
    site.until(|site| in_flight(site) == 2);
    database.up();
    assert!(output(&site, 1).contains("N\\\"771") && output(&site, 2).contains(MISSING));
    site.until(|site| in_flight(site) == 0);
    drop((first, second));
    site.until(|site| site.text("log").contains("Staff.failures"));
    assert_eq!(site.stop(), Some(0));
    let (said, code) = check(&site, &database);
    assert!(said.contains("table Staff: ready") && code == Some(0), "{said}");
}

#[test]
fn who_is_answered_when_a_message_is_stored_does_not_wait_for_a_table() {
    let Some(mut database) = staffed() else { return };
    database.down();
    let text = mapping(PLAIN, "").replace("accept ADT", "answer: \"stored\"\n    accept ADT");
    let mut site = Site::new(&text, "");
    start(&mut site, &database);
    for control in ["1", "2", "3"] {
        assert!(sent(&site, &admission(control, "771")).starts_with(&format!("MSA|AA|{control}")));
    }
    assert_eq!(in_flight(&site), 3);
    database.up();
    let all = ["1", "2", "3"].map(|control| output(&site, control.parse().unwrap()));
    assert!(all.iter().all(|output| *output == all[0]) && all[0].contains("N\\\"771"));
}

#[test]
fn a_look_up_is_a_miss_where_the_table_says_so_and_a_change_lets_messages_go_on() {
    let Some(mut database) = staffed() else { return };
    database.down();
    let mut site = Site::new(&mapping(PLAIN, ""), "");
    start(&mut site, &database);
    let waiting = post(&site, &admission("1", "771"));
    site.until(|site| site.text("log").contains("a table does not answer"));
    site.write(&mapping(&format!("{PLAIN}\n on_fail: miss"), ""));
    let (said, why, code) = site.said(&["reload"]);
    assert_eq!(code, Some(0), "{said}{why}");
    assert!(output(&site, 1).contains(MISSING));
    assert!(sent(&site, &admission("2", "771")).starts_with("MSA|AA|2"));
    assert!(output(&site, 2).contains(MISSING));
    database.up();
    assert!(sent(&site, &admission("3", "771")).starts_with("MSA|AA|3"));
    assert!(output(&site, 3).contains("N\\\"771"));
    drop(waiting);
}

#[test]
fn a_message_has_the_same_answers_after_a_kill_and_when_it_is_replayed() {
    let Some(database) = staffed() else { return };
    let mut site = Site::new(&mapping(PLAIN, "start: held"), "");
    start(&mut site, &database);
    assert!(sent(&site, &admission("1", "771")).starts_with("MSA|AA|1"));
    database.run("update staff set npi = 'changed' where id = '771'");
    site.kill();
    start(&mut site, &database);
    assert_eq!(site.said(&["start", "all"]).2, Some(0));
    assert!(output(&site, 1).contains("N\\\"771"));
    site.until(|site| in_flight(site) == 0);
    fs::remove_file(site.path("out/1.json")).unwrap();
    assert_eq!(site.said(&["replay", "adt-1"]).2, Some(0));
    assert!(output(&site, 1).contains("N\\\"771"));
    // Another message is mapped with what is there now.
    assert!(sent(&site, &admission("2", "771")).starts_with("MSA|AA|2"));
    assert!(output(&site, 2).contains("changed"));
}

#[test]
fn an_answer_serves_other_messages_for_the_time_that_the_table_says() {
    let Some(database) = staffed() else { return };
    let mut site = Site::new(&mapping(&format!("{PLAIN}\n cache: 1h"), ""), "");
    start(&mut site, &database);
    assert!(sent(&site, &admission("1", "771")).starts_with("MSA|AA|1"));
    database.run("update staff set npi = 'changed' where id = '771'");
    assert!(sent(&site, &admission("2", "771")).starts_with("MSA|AA|2"));
    assert_eq!(output(&site, 1), output(&site, 2));
}

#[test]
fn a_message_that_was_parked_for_an_answer_is_asked_anew_when_it_is_released() {
    let Some(database) = staffed() else { return };
    let text =
        mapping(&format!("{PLAIN}\n cache: 1h"), "on_reject: hold").replace("else PV1-2", r#"else reject "no NPI""#);
    let mut site = Site::new(&text, "");
    start(&mut site, &database);
    assert!(sent(&site, &admission("1", "772")).starts_with("MSA|AA|1"));
    site.until(|site| site.json(&["status"])[0]["parked_count"] == 1);
    database.run("update staff set npi = '12' where id = '772'");
    assert_eq!(site.said(&["park", "release", "adt-1"]).2, Some(0));
    assert!(output(&site, 1).contains("\"12\""));
}

#[test]
fn what_is_wrong_with_a_table_is_said() {
    let Some(database) = staffed() else { return };
    let said = |text: &str, url: Option<&str>| {
        let site = Site::new(text, "");
        let mut command = std::process::Command::new(env!("CARGO_BIN_EXE_emr"));
        command.args(["run", "--check"]).arg(site.path(""));
        if let Some(url) = url {
            command.env("STAFF_DB", url);
        }
        let output = command.output().unwrap();
        (String::from_utf8(output.stdout).unwrap() + &String::from_utf8(output.stderr).unwrap(), output.status.code())
    };
    let url = database.url();
    let plain = mapping(PLAIN, "");
    for (text, url, why) in [
        (plain.clone(), None, "there is no secret `STAFF_DB`"),
        (plain.clone(), Some("mysql://nowhere"), "the secret `STAFF_DB` names no database"),
        (plain.replace("select npi,", "select npi as number,"), Some(url.as_str()), "its query gives no column `npi`"),
        (plain.replace("from staff", "from nobody"), Some(url.as_str()), "the database refuses the query (42P01)"),
        (plain.clone(), Some(&url.replace(PASSWORD, "wrong")), "the database does not let us in (28P01)"),
        // Without a word of `tls` the certificate must be of an authority of the system.
        (mapping("", ""), Some(url.as_str()), "it cannot be reached"),
    ] {
        let (said, code) = said(&text, url);
        assert!(said.contains(why) && code == Some(3), "{why}: {said}");
        assert!(!said.contains(PASSWORD), "{said}");
    }
    // Two rows for one key are no answer: whoever declared the table says which is meant.
    let mut site = Site::new(&mapping(&format!("{PLAIN}\n on_fail: miss"), ""), "");
    start(&mut site, &database);
    assert!(sent(&site, &admission("1", "9")).starts_with("MSA|AA|1"));
    assert!(output(&site, 1).contains(MISSING));
    assert!(site.text("log").contains("it gives several rows for one key"), "{}", site.text("log"));
}

#[test]
fn a_key_of_another_type_has_no_row_and_a_query_that_fails_by_its_rows_has_failed() {
    let Some(database) = staffed() else { return };
    database.run(
        "create table numbered (id bigint, npi text, since date, beds text);
         insert into numbered values (771, 'N771', null, 'seven'), (772, 'N772', null, '2')",
    );
    let query = "from numbered where id = :id and house = :house";
    let text = mapping(PLAIN, "").replace("from staff where id = :id and house = :house", query);
    let text = text.replace("npi, since, beds from", "npi, since, beds::bigint from");
    database.run("alter table numbered add house text default 'NORTH'");
    let mut site = Site::new(&text, "");
    start(&mut site, &database);
    assert!(sent(&site, &admission("1", "nobody")).starts_with("MSA|AA|1"));
    assert!(output(&site, 1).contains(MISSING));
    assert!(sent(&site, &admission("2", "772")).starts_with("MSA|AA|2"));
    assert!(output(&site, 2).contains("N772"));
    // The fault of a row is none of its key: its message waits until somebody has mended it.
    let _third = post(&site, &admission("3", "771"));
    site.until(|site| site.text("log").contains("the database refuses the query (22P02)"));
    database.run("update numbered set beds = '7' where id = 771");
    assert!(output(&site, 3).contains("N771"));
    assert!(!site.text("log").contains("seven"), "{}", site.text("log"));
}

// ---- FHIR

/// A server that answers a search by what it has for it, and keeps what it was asked.
fn server(found: impl Fn(&str) -> Option<(u16, String)> + Send + 'static) -> (SocketAddr, Arc<Mutex<Vec<String>>>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let asked = Arc::new(Mutex::new(Vec::new()));
    let kept = Arc::clone(&asked);
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = stream.unwrap();
            let mut request = Vec::new();
            let mut bytes = [0; 1024];
            while !request.windows(4).any(|end| end == b"\r\n\r\n") {
                match stream.read(&mut bytes) {
                    Ok(count) if count > 0 => request.extend_from_slice(&bytes[..count]),
                    _ => break,
                }
            }
            let request = String::from_utf8(request).unwrap();
            let Some(place) = request.split(' ').nth(1) else { continue };
            kept.lock().unwrap().push(place.to_owned());
            let (status, body) =
                found(place).unwrap_or((200, r#"{"resourceType":"Bundle","type":"searchset"}"#.to_owned()));
            let head = format!(
                "HTTP/1.1 {status} x\r\ncontent-type: application/fhir+json\r\ncontent-length: {}\r\nconnection: close\r\n\r\n",
                body.len()
            );
            let _ = stream.write_all(format!("{head}{body}").as_bytes());
        }
    });
    (address, asked)
}

const DOCTORS: &str = r#"
table Doctor(id: string) -> { family: string?, active: boolean? } = fhir("http://SERVER/r4") {
    search:  'Practitioner?identifier=urn:doctors|:id'
    columns: { family: first .name.family, active: .active }
}
map practitioner(ADT_A01) -> Practitioner {
    name:   { family: Doctor(first PV1-7.1).family else PV1-2 }
    active: Doctor(first PV1-7.1).active
}
feed adt from mllp "ADDRESS" {
    tls: none because "this machine alone"
    accept ADT_A01 for ADT^A01
}
target files to file { path: "out/{MSH-10}.json" }
route all from adt through practitioner to files
"#;

#[test]
fn a_message_is_mapped_with_what_a_fhir_server_finds() {
    let fails = Arc::new(Mutex::new(2));
    let down = Arc::clone(&fails);
    let (address, asked) = server(move |place| {
        let mut fails = down.lock().unwrap();
        if *fails > 0 {
            *fails -= 1;
            return Some((503, String::new()));
        }
        let doctor = r#"{"resource":{"resourceType":"Practitioner","id":"1","active":true,"name":[{"family":"MENDEL"}]},"search":{"mode":"match"}}"#;
        let other = r#"{"resource":{"resourceType":"OperationOutcome"},"search":{"mode":"outcome"}}"#;
        place
            .contains("771")
            .then(|| (200, format!(r#"{{"resourceType":"Bundle","type":"searchset","entry":[{other},{doctor}]}}"#)))
    });
    let mut site = Site::new(&DOCTORS.replace("SERVER", &address.to_string()), "");
    site.start(&[]);
    // It does not answer twice, and the message waits.
    assert!(sent(&site, &admission("1", "771")).starts_with("MSA|AA|1"));
    assert_eq!(output(&site, 1), r#"{"resourceType":"Practitioner","name":[{"family":"MENDEL"}],"active":true}"#);
    assert!(sent(&site, &admission("2", "77&x=,2")).starts_with("MSA|AA|2"));
    assert!(output(&site, 2).contains(MISSING));
    let asked = asked.lock().unwrap().clone();
    assert_eq!(asked.len(), 4, "{asked:?}");
    // An ampersand parts the components of a field: the message has 77 there.
    assert_eq!(asked[3], "/r4/Practitioner?identifier=urn:doctors|77&_count=2");
    assert!(site.text("log").contains("it answers 503"));
    assert_eq!(site.stop(), Some(0));
}

/// Doctors of a server that does not answer until it is told to, and then knows nobody.
fn strangers() -> (String, Arc<AtomicBool>) {
    let is_up = Arc::new(AtomicBool::new(false));
    let up = Arc::clone(&is_up);
    let (address, _) = server(move |_| (!up.load(Ordering::Relaxed)).then(|| (503, String::new())));
    let text = DOCTORS.replace("SERVER", &address.to_string());
    let text = text.replace(".family else PV1-2", ".family else reject \"nobody knows the doctor\"");
    (text.replace("    accept ADT", "    answer: \"ANSWER\"\n    accept ADT"), is_up)
}

/// Has the engine go on with the project in which senders are answered at that moment.
fn reload(site: &Site, text: &str, answer: &str) {
    site.write(&text.replace("ANSWER", answer));
    let (said, why, code) = site.said(&["reload"]);
    assert_eq!(code, Some(0), "{said}{why}");
}

#[test]
fn what_was_answered_when_it_was_stored_is_not_refused_by_a_later_version_or_process() {
    let (text, is_up) = strangers();
    let mut site = Site::new(&text.replace("ANSWER", "stored"), "");
    site.start(&[]);
    assert!(sent(&site, &admission("1", "771")).starts_with("MSA|AA|1"));
    site.until(|site| site.text("log").contains("a table does not answer"));
    assert!(sent(&site, &admission("2", "771")).starts_with("MSA|AA|2"));
    // In the first process the first meets the next version, in the second both do.
    reload(&site, &text, "checked");
    site.kill();
    site.start(&[]);
    assert_eq!(in_flight(&site), 2);
    is_up.store(true, Ordering::Relaxed);
    site.until(|site| in_flight(site) == 0);
    let status = site.json(&["status"]);
    assert_eq!((&status[0]["parked_count"], &status[0]["refused"]), (&2.into(), &0.into()), "{status}");
    // Whoever sends now is told.
    assert!(sent(&site, &admission("3", "771")).starts_with("MSA|AE|3"));
    assert_eq!(site.stop(), Some(0));
}

#[test]
fn who_was_not_answered_yet_is_answered_although_the_next_version_answers_sooner() {
    let (text, is_up) = strangers();
    let mut site = Site::new(&text.replace("ANSWER", "checked"), "");
    site.start(&[]);
    let waiting = ["1", "2"].map(|control| {
        let stream = post(&site, &admission(control, "771"));
        site.until(|site| in_flight(site) == control.parse::<u64>().unwrap());
        stream
    });
    // The feed listens anew, and does not wait for a table until the senders of before are answered.
    reload(&site, &text, "stored");
    drop(waiting);
    let again = post(&site, &admission("2", "771"));
    is_up.store(true, Ordering::Relaxed);
    for (control, mut stream) in [("2", again), ("1", post(&site, &admission("1", "771")))] {
        let answer = answer(&mut stream);
        assert!(answer.contains(&format!("\rMSA|AE|{control}\r")), "{answer}");
    }
    assert_eq!(site.json(&["status"])[0]["refused"], 2);
    assert_eq!(site.stop(), Some(0));
}
