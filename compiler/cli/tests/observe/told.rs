//! Others who are told of what happens: a webhook, a mail server, a collector of traces.

use std::io::{BufRead, BufReader, Write};
use std::net::TcpStream;
use std::thread;

use serde_json::Value;

use super::site::Site;
use crate::running::heard::{listen, posted};

/// One mail, with what was said before it.
fn mailed(stream: TcpStream) -> Option<String> {
    let mut reading = BufReader::new(stream);
    let mut all = String::new();
    reading.get_mut().write_all(b"220 mail.example.org\r\n").ok()?;
    let mut is_data = false;
    loop {
        let mut line = String::new();
        if reading.read_line(&mut line).ok()? == 0 {
            return Some(all);
        }
        all.push_str(&line);
        let answer = match line.trim_end() {
            "." if is_data => {
                is_data = false;
                "250 ok\r\n"
            }
            _ if is_data => continue,
            "DATA" => {
                is_data = true;
                "354 go on\r\n"
            }
            "QUIT" => return Some(all),
            line if line.starts_with("EHLO") => "250 mail.example.org\r\n",
            _ => "250 ok\r\n",
        };
        reading.get_mut().write_all(answer.as_bytes()).ok()?;
    }
}

#[test]
fn a_webhook_is_told_once_when_an_alarm_begins_also_over_a_start() {
    let (address, heard) = listen(posted);
    let mut site = Site::new(
        "alarm stuck { when: any(target.parked > 0) and adt.accepted > 0, to: webhook(secret(\"PAGER\")) }\n",
    );
    let secrets = site.path("secrets");
    std::fs::create_dir(&secrets).unwrap();
    std::fs::write(secrets.join("PAGER"), format!("http://{address}/hook\n")).unwrap();
    let secrets = secrets.to_str().unwrap().to_owned();
    site.start(&["--secrets", &secrets]);
    site.send_each();
    site.until(|_| !heard.all().is_empty());
    let told: Value = serde_json::from_str(&heard.all()[0]).unwrap();
    assert_eq!((&told["alarm"], &told["state"]), (&"stuck".into(), &"begun".into()));
    assert_eq!(told["measures"], serde_json::json!(["doubtful.parked is 1", "adt.accepted is 5"]));
    site.kill();
    site.start(&["--secrets", &secrets]);
    // Nothing that could be told twice: it is looked at each second.
    thread::sleep(std::time::Duration::from_secs(3));
    assert_eq!(site.stop(), Some(0));
    assert_eq!(heard.all().len(), 1, "{:?}", heard.all());
    Site::holds_no_marker(&heard.all()[0]);
    assert!(!site.text("log").contains(&address.to_string()), "{}", site.text("log"));
}

#[test]
fn what_a_route_leaves_out_is_measured() {
    let (address, heard) = listen(posted);
    let mut site = Site::new("alarm left { when: others.filtered >= 2, to: webhook(secret(\"PAGER\")) }\n");
    site.start_in(&[], &[("PAGER", &format!("http://{address}/hook"))]);
    site.send_each();
    site.until(|_| !heard.all().is_empty());
    let told: Value = serde_json::from_str(&heard.all()[0]).unwrap();
    assert_eq!(told["measures"], serde_json::json!(["others.filtered is 2"]));
    assert_eq!(site.stop(), Some(0));
}

#[test]
fn what_the_map_of_a_route_refuses_is_parked_there() {
    let (address, heard) = listen(posted);
    let mut site = Site::new(
        r#"
map named(ADT_A01) -> Basic { code: { text: PV1-44 as string else reject "an admission has a time" } }
target seen to file { path: "visits/{MSH-10}.json" }
route visits from adt through named to seen { on_reject: hold }
alarm waits { when: any(route.parked > 0), to: webhook(secret("PAGER")) }
"#,
    );
    let pager = ("PAGER", &*format!("http://{address}/hook"));
    site.start_in(&[], &[pager]);
    assert_eq!(site.send("H", "A01", "1", "77^^^H"), "AA");
    site.until(|_| !heard.all().is_empty());
    let told: Value = serde_json::from_str(&heard.all()[0]).unwrap();
    assert_eq!(told["measures"], serde_json::json!(["visits.parked is 1"]));
    // The next process knows it of the journal, and people read it where they look.
    site.until(|site| site.path("journal/alarms.json").exists());
    site.kill();
    std::fs::remove_file(site.path("journal/alarms.json")).unwrap();
    site.start_in(&[], &[pager]);
    site.until(|_| heard.all().len() == 2);
    let (listed, _, _) = site.said(&["park", "list"]);
    assert!(listed.contains("visits: R0001 an admission has a time"), "{listed}");
    site.said(&["park", "drop", site.json(&["park", "list"])[0]["id"].as_str().unwrap(), "--because", "known"]);
    site.until(|_| heard.all().len() == 3);
    assert!(heard.all()[2].contains("over"), "{:?}", heard.all());
    assert_eq!(site.stop(), Some(0));
}

#[test]
fn what_tables_lack_is_measured_once_for_a_place_and_is_no_issue() {
    let (address, heard) = listen(posted);
    let mut site = Site::new(
        r#"
codes Class from v2-0004 { "E" => "EMER" }
table House(code: string) -> { name: string, city: string? } = { "H" => { name: "house" } }
map visit(ADT_A01) -> Basic {
    code:     { text: House(MSH-4.1).name else House(MSH-4.1).city else "none" }
    language: PV1-2 via Class
}
target seen to file { path: "visits/{MSH-10}.json" }
route visits from adt through visit to seen
alarm unmapped { when: Class.misses >= 2 and House.misses >= 1, to: webhook(secret("PAGER")) }
"#,
    );
    site.start_in(&["--log-level", "debug"], &[("PAGER", &format!("http://{address}/hook"))]);
    site.send_each();
    site.until(|_| !heard.all().is_empty());
    let told: Value = serde_json::from_str(&heard.all()[0]).unwrap();
    assert_eq!(told["measures"], serde_json::json!(["Class.misses is 2", "House.misses is 1"]));
    assert!(site.text("log").contains(r#"route="visits" issues=0"#), "{}", site.text("log"));
    assert_eq!(site.stop(), Some(0));
}

#[test]
fn people_are_told_by_mail() {
    let (address, heard) = listen(mailed);
    let mut site = Site::new("alarm many { when: adt.rejected >= 2, to: email(\"oncall@example.org\") }\n");
    let settings = format!("[operations]\nsmtp = \"smtp://{address}\"\nmail_from = \"emr@example.org\"\n");
    std::fs::write(site.path("emr.toml"), site.text("emr.toml") + &settings).unwrap();
    site.start(&[]);
    site.send_each();
    site.until(|_| !heard.all().is_empty());
    assert_eq!(site.stop(), Some(0));
    let mail = &heard.all()[0];
    assert!(
        mail.contains("RCPT TO:<oncall@example.org>") && mail.contains("Subject: emr: alarm many has begun"),
        "{mail}"
    );
    assert!(mail.contains("adt.rejected is 2"), "{mail}");
    Site::holds_no_marker(mail);
}

#[test]
fn what_an_alarm_lacks_is_said_before_anything_listens() {
    let said = |alarm: &str| {
        let refused = Site::new(alarm).emr(&["run"]);
        assert_eq!(refused.status.code(), Some(3));
        String::from_utf8(refused.stderr).unwrap()
    };
    let text = said("alarm one { when: adt.idle > 15m, to: webhook(secret(\"NONE_OF_THAT_NAME\")) }\n");
    assert!(text.contains("alarm one: there is no secret `NONE_OF_THAT_NAME`"), "{text}");
    let text = said("alarm two { when: adt.idle > 15m, to: email(\"oncall@example.org\") }\n");
    assert!(text.contains("alarm two: nothing says where mail is handed over"), "{text}");
}

#[test]
fn a_collector_gets_the_way_of_each_message() {
    let (address, heard) = listen(posted);
    let mut site = Site::new("");
    site.start_in(
        &[],
        &[("OTEL_EXPORTER_OTLP_ENDPOINT", &format!("http://{address}")), ("OTEL_TRACES_SAMPLER_ARG", "1")],
    );
    site.send_each();
    assert_eq!(site.stop(), Some(0));
    let all = heard.all().join("\n");
    Site::holds_no_marker(&all);
    let bodies: Vec<Value> = heard.all().iter().map(|body| serde_json::from_str(body).unwrap()).collect();
    let spans: Vec<&Value> =
        bodies.iter().flat_map(|body| body["resourceSpans"][0]["scopeSpans"][0]["spans"].as_array().unwrap()).collect();
    let of = |name: &str| spans.iter().filter(|span| span["name"] == name).count();
    assert_eq!((of("accept"), of("map")), (5, 4), "{all}");
    assert!(of("deliver") >= 2, "{all}");
}
