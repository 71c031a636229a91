//! What `/metrics` and `/health` say while messages flow.

use std::collections::BTreeSet;
use std::fs;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::path::Path;

use serde_json::Value;

use super::site::Site;
use crate::running::free;

/// Status, head and body of what is at a place; nothing where nobody listens.
fn get(address: SocketAddr, path: &str) -> Option<(u16, String, String)> {
    let mut stream = TcpStream::connect(address).ok()?;
    write!(stream, "GET {path} HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n\r\n").ok()?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer).ok()?;
    let (head, body) = answer.split_once("\r\n\r\n")?;
    Some((head.split(' ').nth(1)?.parse().ok()?, head.to_lowercase(), body.to_owned()))
}

fn status(address: SocketAddr, path: &str) -> Option<u16> {
    get(address, path).map(|(status, ..)| status)
}

/// A project that can be looked at, with more settings.
fn looked_at(more: &str) -> (Site, SocketAddr) {
    let (site, address) = (Site::new(""), free());
    let settings = format!(
        "[operations]\nlisten = \"{address}\"\ntls_none_because = \"this machine alone\"\n\
         clients_none_because = \"likewise\"\n{more}"
    );
    fs::write(site.path("emr.toml"), site.text("emr.toml") + &settings).unwrap();
    (site, address)
}

fn value(text: &str, of: &str) -> Option<f64> {
    text.lines().find_map(|line| line.strip_prefix(of)?.strip_prefix(' '))?.parse().ok()
}

/// The names of all metrics that a text has, as they are asked for.
fn names(text: &str) -> BTreeSet<String> {
    let types = text.lines().filter_map(|line| line.strip_prefix("# TYPE ")?.split_once(' '));
    let asked = |(name, kind): (&str, &str)| match kind {
        "counter" => format!("{name}_total"),
        "histogram" => format!("{name}_bucket"),
        "info" => format!("{name}_info"),
        _ => name.to_owned(),
    };
    types.map(asked).collect()
}

/// The names of all metrics that the dashboard asks for.
fn shown() -> BTreeSet<String> {
    let dashboard = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/grafana/emr.json");
    let dashboard: Value = serde_json::from_str(&fs::read_to_string(dashboard).unwrap()).unwrap();
    let targets = dashboard["panels"].as_array().unwrap().iter().flat_map(|it| it["targets"].as_array().unwrap());
    let asked: Vec<&str> = targets.map(|it| it["expr"].as_str().unwrap()).collect();
    let asked = asked.join(" ");
    let words = asked.split(|letter: char| !letter.is_ascii_alphanumeric() && letter != '_');
    words.filter(|word| word.starts_with("emr_")).map(str::to_owned).collect()
}

#[test]
fn metrics_can_be_read_while_messages_flow_and_the_dashboard_shows_all_of_them() {
    let (mut site, address) = looked_at("");
    let check = |site: &Site| String::from_utf8(site.emr(&["run", "--check"]).stdout).unwrap();
    assert!(check(&site).contains("operations: ready\n"));
    site.start(&[]);
    // The address is that of the engine that runs.
    assert!(!check(&site).contains("operations: "));
    site.send_each();
    let delivered = r#"emr_deliveries_total{feed="adt",route="admissions",target="files",outcome="delivered"}"#;
    let parked = r#"emr_parked_deliveries{feed="adt",route="others",target="doubtful"}"#;
    let read = || get(address, "/metrics").unwrap();
    site.until(|_| {
        let (_, _, text) = read();
        value(&text, delivered) == Some(2.0) && value(&text, parked) == Some(1.0)
    });
    let (code, head, text) = read();
    assert_eq!(code, 200);
    assert!(head.contains("content-type: application/openmetrics-text; version=1.0.0; charset=utf-8"), "{head}");
    assert!(text.ends_with("# EOF\n"), "{text}");
    assert_eq!(value(&text, r#"emr_accepted_total{feed="adt"}"#), Some(5.0));
    assert_eq!(value(&text, r#"emr_outcomes_total{feed="adt",outcome="refused"}"#), Some(2.0));
    assert_eq!(value(&text, r#"emr_parked_messages{feed="adt"}"#), Some(1.0));
    let failed = r#"emr_tries_total{feed="adt",route="others",target="doubtful",outcome="failed"}"#;
    assert_eq!(value(&text, failed), Some(3.0));
    Site::holds_no_marker(&text);
    assert_eq!(shown(), names(&text));

    assert_eq!(
        ["/health/live", "/health/ready", "/"].map(|path| status(address, path)),
        [Some(200), Some(200), Some(404)]
    );
    assert_eq!(site.stop(), Some(0));
    assert_eq!(status(address, "/health/live"), None);
}

#[test]
fn an_engine_without_room_for_messages_lives_and_is_not_ready() {
    let (mut site, address) = looked_at("[journal]\nfree_percent = 100\nfree_bytes = \"1000000 GiB\"\n");
    site.start(&[]);
    let said = "there is no room for messages\n";
    site.until(|_| get(address, "/health/ready").is_some_and(|(code, _, text)| (code, text.as_str()) == (503, said)));
    assert_eq!(status(address, "/health/live"), Some(200));
    assert_eq!(site.stop(), Some(0));
}

#[test]
fn nothing_begins_where_it_is_open_and_nobody_says_why_or_it_is_not_to_be_had() {
    let run = |settings: &str| {
        let site = Site::new("");
        fs::write(site.path("emr.toml"), site.text("emr.toml") + settings).unwrap();
        let refused = site.emr(&["run"]);
        (refused.status.code(), String::from_utf8(refused.stderr).unwrap())
    };
    let (code, said) = run("[operations]\nlisten = \"127.0.0.1:0\"\n");
    assert_eq!(code, Some(1), "{said}");
    assert!(said.contains("`listen` has no TLS, and nothing says why") && said.contains("emr.toml:5:10"), "{said}");
    let (code, said) =
        run("[operations]\nlisten = \"127.0.0.1:0\"\ntls_certificate = \"none.pem\"\ntls_key = \"KEY\"\n\
         clients_none_because = \"none\"\n");
    assert_eq!(code, Some(3), "{said}");
    assert!(said.contains("operations: ") && said.contains("none.pem"), "{said}");
}
