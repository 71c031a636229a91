//! The log on standard error.

use serde_json::Value;

use crate::running;

use super::site::{MARKERS, Site};

#[test]
fn a_log_in_json_tells_what_went_wrong_and_no_value() {
    let mut site = Site::new("");
    site.start(&["--log", "json", "--log-level", "debug"]);
    site.send_each();
    site.send_half();
    site.until(|site| site.text("log").contains("\"parked\"") && site.text("log").contains("ended badly"));
    assert_eq!(site.stop(), Some(0));
    let text = site.text("log");
    Site::holds_no_marker(&text);
    let lines: Vec<Value> = text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let of = |message: &str| lines.iter().filter(|line| line["message"] == message).collect::<Vec<_>>();
    assert_eq!(of("takes messages")[0]["connector"], "mllp");
    let refused = of("refused");
    let codes: Vec<_> = refused.iter().map(|line| &line["code"]).collect();
    assert_eq!(codes, [101, 201], "{text}");
    assert_eq!(refused[0]["why"], "a patient needs an identifier");
    let failed = of("a delivery failed; its lane waits");
    // Of three, the first and the second.
    let counts: Vec<_> = failed.iter().map(|line| &line["failed"]).collect();
    assert_eq!((&failed[0]["way"], counts), (&"others>doubtful".into(), vec![&Value::from(1), &Value::from(2)]));
    assert_eq!(of("parked")[0]["way"], "others>doubtful");
    assert_eq!(of("connection ended badly")[0]["why"], "in the middle of a message");
    assert_eq!(of("accepted").len(), 5);
    assert_eq!(of("stopping")[0]["level"], "INFO");
    // Nothing of it is lost at the end.
    assert_eq!(lines.last().unwrap()["message"], "the audit stands at");
}

#[test]
fn a_log_is_text_and_as_long_as_it_is_asked_to_be() {
    let mut site = Site::new("");
    site.start(&["--log-level", "warn"]);
    site.send_each();
    site.until(|site| site.text("log").contains(" WARN parked feed=\"adt\" id=\""));
    assert_eq!(site.stop(), Some(0));
    let text = site.text("log");
    assert!(text.lines().all(|line| line.contains(" WARN ")), "{text}");
    Site::holds_no_marker(&text);
}

#[test]
fn what_maps_say_of_messages_is_counted_by_code_and_never_told() {
    let mut site = Site::new("");
    site.start(&["--log", "json"]);
    // What stands in PID-7 is no date.
    let message = running::admission("1", "77^^^H", &format!("DOE||{}", MARKERS[0]));
    running::send(&mut site.connect(), &message);
    site.until(|site| site.text("log").contains("\"issues were raised\""));
    let text = site.text("log");
    Site::holds_no_marker(&text);
    let lines: Vec<Value> = text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let raised = lines.iter().find(|line| line["message"] == "issues were raised").unwrap();
    assert_eq!((&raised["id"], &raised["level"]), (&"adt-1".into(), &"INFO".into()), "{raised}");
    assert_eq!((&raised["route"], &raised["codes"]), (&"admissions".into(), &"R0501".into()), "{raised}");
    let (status, _, _) = site.said(&["status"]);
    let count = site.json(&["status"])[0]["issues"].as_u64().unwrap();
    assert!(count > 0 && status.contains("since the engine began"), "{status}");
    assert_eq!(site.stop(), Some(0));
    assert!(site.json(&["status"])[0]["issues"].is_null());
}
