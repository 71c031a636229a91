use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use std::time::Duration;

use emr_abi::fhir::{Definition, Element, Kind};
use serde_json::json;
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use super::super::super::web::tests::server;
use super::*;
use crate::connector::tls::no_secret;

fn sends(root: &str, auth: serde_json::Value) -> Server {
    sends_in("json", root, auth)
}

fn sends_in(format: &str, root: &str, auth: serde_json::Value) -> Server {
    let settings = json!({ "url": root, "auth": auth, "tls": null, "format": format, "timeout": 2000, "connections": 2,
                           "retry_on": [] });
    let secrets: Secrets =
        Arc::new(|name| if name == "TOKEN" { Ok(b"t0ken\n".to_vec()) } else { Err(no_secret(name)) });
    let types: Definitions = Arc::new(definition);
    Server::new(serde_json::from_value(settings).unwrap(), Path::new("."), &secrets, &types).unwrap()
}

/// A few types of R4, cut short, of which each element is a text or has elements.
fn definition(key: &str) -> Option<Arc<Definition>> {
    let elements: &[(&str, &str)] = match key {
        "Patient" => &[("id", ""), ("birthDate", "")],
        "Bundle" => &[("type", ""), ("entry*", "Bundle.entry")],
        "Bundle.entry" => &[("request", "Bundle.entry.request"), ("response", "Bundle.entry.response")],
        "Bundle.entry.request" => &[("method", ""), ("url", "")],
        "Bundle.entry.response" => &[("status", "")],
        "OperationOutcome" => &[("issue*", "OperationOutcome.issue")],
        "OperationOutcome.issue" => &[("severity", ""), ("code", ""), ("diagnostics", ""), ("expression*", "")],
        "Element" => &[],
        _ => return None,
    };
    let elements = elements.iter().map(|(name, of)| Element {
        name: name.trim_end_matches('*').to_owned(),
        kind: if of.is_empty() { Kind::Text } else { Kind::Elements((*of).to_owned()) },
        repeats: name.ends_with('*'),
    });
    let is_resource = matches!(key, "Patient" | "Bundle" | "OperationOutcome");
    Some(Arc::new(Definition { is_resource, elements: elements.collect() }))
}

async fn sent(server: &Server, json: &str) -> Result<(), Failure> {
    let made = Made { form: Form::Json, bytes: json.as_bytes().to_vec().into() };
    server.deliver(&Parcel { id: "a-1".into(), made: [made].into(), read: [].into(), asks: false }).await.end
}

#[tokio::test]
async fn each_resource_goes_to_its_place() {
    let (root, got) = server(&[(200, "{}")]).await;
    let server = sends(&root, json!("none"));
    for json in [
        r#"{"resourceType":"Bundle","type":"transaction"}"#,
        r#"{"resourceType":"Bundle","type":"message"}"#,
        r#"{"resourceType":"Patient","id":"1"}"#,
        r#"{"resourceType":"Patient"}"#,
    ] {
        sent(&server, json).await.unwrap();
    }
    let got: Vec<_> = got.lock().unwrap().iter().map(|it| it.line.split(" HTTP").next().unwrap().to_owned()).collect();
    assert_eq!(got, ["POST /r4", "POST /r4/$process-message", "PUT /r4/Patient/1", "POST /r4/Patient"]);
}

#[tokio::test]
async fn answers_are_judged() {
    let passing = |failure: &Result<(), Failure>| matches!(failure, Err(Failure::Passing(_)));
    for (code, passes) in [(503, true), (429, true), (400, false), (409, false), (412, false), (422, false)] {
        let (root, got) = server(&[(code, "")]).await;
        let failure = sent(&sends(&root, json!("none")), r#"{"resourceType":"Patient"}"#).await;
        assert_eq!(passing(&failure), passes, "{code}: {failure:?}");
        assert_eq!(got.lock().unwrap().len(), 1);
    }
    // One entry of a batch.
    let body =
        r#"{"resourceType":"Bundle","entry":[{"response":{"status":"201 Created"}},{"response":{"status":"422"}}]}"#;
    let (root, _) = server(&[(200, body)]).await;
    let failure = sent(&sends(&root, json!("none")), r#"{"resourceType":"Bundle","type":"batch"}"#).await;
    assert_eq!(failure, Err(Failure::Final("an entry is answered with 422".into())));
}

#[tokio::test]
async fn what_says_that_it_was_done_has_to_say_so_of_all() {
    let entry = |code: &str| format!(r#"{{"response":{{"status":"{code}"}}}}"#);
    let bundle = |entries: &str| format!(r#"{{"resourceType":"Bundle","entry":[{entries}]}}"#);
    let last = |why: &str| Err(Failure::Final(why.to_owned()));
    let outcome = |severity: &str| {
        format!(r#"{{"resourceType":"OperationOutcome","issue":[{{"severity":"{severity}","code":"invalid"}}]}}"#)
    };
    let judged = [
        (bundle(&format!("{},{}", entry("201"), entry("200"))), Ok(())),
        (bundle(&entry("201")), last("it answers 1 of 2 entries")),
        (bundle(""), last("it answers 0 of 2 entries")),
        (r#"{"resourceType":"Bundle","ent"#.to_owned(), last("its answer cannot be read")),
        (outcome("error"), last("it answers that it did it, and error invalid")),
        (outcome("information"), Ok(())),
        (String::new(), Ok(())),
        ("Please log in".to_owned(), Err(Failure::Passing(NO_FHIR.to_owned()))),
    ];
    let sends_two = r#"{"resourceType":"Bundle","type":"transaction","entry":[
        {"resource":{"resourceType":"Patient"},"request":{"method":"POST","url":"Patient"}},
        {"resource":{"resourceType":"Patient"},"request":{"method":"POST","url":"Patient"}}]}"#;
    for (body, end) in judged {
        let (root, _) = server(&[(200, &body)]).await;
        assert_eq!(sent(&sends(&root, json!("none")), sends_two).await, end, "{body}");
    }
}

const OF_FHIR: &str = "xmlns=\"http://hl7.org/fhir\"";

#[tokio::test]
async fn what_is_sent_and_said_in_xml_is_xml() {
    let (root, got) = server(&[(201, ""), (200, "<CapabilityStatement/>")]).await;
    let server = sends_in("xml", &root, json!("none"));
    sent(&server, r#"{"birthDate":"1970","resourceType":"Patient"}"#).await.unwrap();
    server.reach().await.unwrap();
    let got = got.lock().unwrap();
    let xml =
        format!("<?xml version=\"1.0\" encoding=\"UTF-8\"?><Patient {OF_FHIR}><birthDate value=\"1970\"/></Patient>");
    assert_eq!((got[0].line.as_str(), got[0].body.as_str()), ("POST /r4/Patient HTTP/1.1", xml.as_str()));
    assert_eq!(got[0].header("content-type"), "application/fhir+xml");
    assert!(got.iter().all(|it| it.header("accept") == "application/fhir+xml"));
}

#[tokio::test]
async fn answers_in_xml_are_judged_as_those_in_json() {
    const BATCH: &str = r#"{"resourceType":"Bundle","type":"batch"}"#;
    let entry = |status: &str| format!("<entry><response><status value='{status}'/></response></entry>");
    let bundle = |entries: &str| format!("<Bundle {OF_FHIR}><type value='batch-response'/>{entries}</Bundle>");
    let issue = "<issue><severity value='error'/><code value='invalid'/><diagnostics value='EVERYWOMAN is no name'/>\
                 <expression value='Patient.name[0]'/></issue>";
    let outcome = format!("<OperationOutcome {OF_FHIR}>{issue}</OperationOutcome>");
    let last = |why: &str| Err(Failure::Final(why.to_owned()));
    let judged = [
        (200, bundle(&(entry("201 Created") + &entry("200"))), Ok(())),
        (200, bundle(&(entry("201 Created") + &entry("422"))), last("an entry is answered with 422")),
        (200, format!("\u{feff}{}", bundle(&entry("404"))), last("an entry is answered with 404")),
        // A server may not heed what it is asked for.
        (
            200,
            r#"{"resourceType":"Bundle","entry":[{"response":{"status":"409"}}]}"#.to_owned(),
            last("an entry is answered with 409"),
        ),
        (200, String::new(), Ok(())),
        (
            200,
            format!("<!DOCTYPE x>{}", bundle("")),
            last("its answer cannot be read: it has a DTD, which is not read"),
        ),
        (200, "<html/>".to_owned(), last("its answer cannot be read: it is no resource of FHIR R4")),
        (400, outcome, last("it answers 400: error invalid at Patient.name[0]")),
        (400, "<!DOCTYPE html><html>".to_owned(), last("it answers 400")),
    ];
    for (code, body, end) in judged {
        let (root, _) = server(&[(code, &body)]).await;
        assert_eq!(sent(&sends_in("xml", &root, json!("none")), BATCH).await, end, "{body}");
    }
}

#[tokio::test]
async fn an_answer_in_xml_is_read_by_who_asked_for_json() {
    let bundle = format!("<Bundle {OF_FHIR}><entry><response><status value='422'/></response></entry></Bundle>");
    let outcome = format!(
        "<?xml version='1.0'?><OperationOutcome {OF_FHIR}><issue><severity value='error'/><code value='invalid'/>\
         <diagnostics value='EVERYWOMAN is no name'/><expression value='Patient.name[0]'/></issue></OperationOutcome>"
    );
    let last = |why: &str| Err(Failure::Final(why.to_owned()));
    let judged = [
        (200, bundle.as_str(), last("an entry is answered with 422")),
        (400, outcome.as_str(), last("it answers 400: error invalid at Patient.name[0]")),
        // The page of a proxy is no word of the server.
        (200, "<!DOCTYPE html><html>", Err(Failure::Passing(NO_FHIR.to_owned()))),
        (201, "<!DOCTYPE html><html>", Ok(())),
        (400, "<html/>", last("it answers 400")),
    ];
    for (code, body, end) in judged {
        let (root, _) = server(&[(code, body)]).await;
        let batch = r#"{"resourceType":"Bundle","type":"batch"}"#;
        assert_eq!(sent(&sends(&root, json!("none")), batch).await, end, "{body}");
    }
}

#[tokio::test]
async fn an_answer_in_xml_is_told_as_json() {
    let body = format!("<Patient {OF_FHIR}><id value='7'/></Patient>");
    let (root, got) = server(&[(200, &body)]).await;
    let asks = r#"{"resourceType":"Bundle","type":"batch","entry":[{"request":{"method":"GET","url":"Patient/7"}}]}"#;
    let made = Made { form: Form::Json, bytes: asks.into() };
    let parcel = Parcel { id: "a-1".into(), made: [made].into(), read: [].into(), asks: true };
    let said = sends_in("xml", &root, json!("none")).deliver(&parcel).await;
    assert_eq!(said.answer.unwrap().bytes, r#"{"resourceType":"Patient","id":"7"}"#);
    assert!(got.lock().unwrap()[0].line.starts_with("GET /r4/Patient/7 "));
}

#[tokio::test]
async fn what_xml_cannot_say_is_not_sent() {
    let (root, got) = server(&[(200, "")]).await;
    let end =
        sent(&sends_in("xml", &root, json!("none")), r#"{"resourceType":"Patient","birthDate":"EVERYWOMAN\u0001"}"#)
            .await;
    let why = "it cannot be written in XML: a text has a character that XML cannot carry";
    assert_eq!((end, got.lock().unwrap().len()), (Err(Failure::Final(why.into())), 0));
}

#[tokio::test]
async fn transactions_that_meet_are_sent_again_at_once_and_not_for_ever() {
    const TRANSACTION: &str = r#"{"resourceType":"Bundle","type":"transaction"}"#;
    let (root, got) = server(&[(409, ""), (409, ""), (200, "{}")]).await;
    sent(&sends(&root, json!("none")), TRANSACTION).await.unwrap();
    assert_eq!(got.lock().unwrap().len(), 3);
    let (root, got) = server(&[(409, "")]).await;
    let failure = sent(&sends(&root, json!("none")), TRANSACTION).await;
    assert_eq!((failure, got.lock().unwrap().len()), (Err(Failure::Final("it answers 409".into())), 5));
}

/// Both look for a patient that neither has found: the server would write two.
#[tokio::test]
async fn of_transactions_that_look_for_the_same_one_is_under_way() {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let server = sends(&format!("http://{}/r4", listener.local_addr().unwrap()), json!("none"));
    let (open, most) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
    let seen = (Arc::clone(&open), Arc::clone(&most));
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            let (open, most) = (Arc::clone(&seen.0), Arc::clone(&seen.1));
            tokio::spawn(async move {
                stream.read_exact(&mut [0; 400]).await.unwrap();
                most.fetch_max(open.fetch_add(1, Relaxed) + 1, Relaxed);
                // Long enough for the others to come, if they did not wait.
                tokio::time::sleep(Duration::from_millis(20)).await;
                open.fetch_sub(1, Relaxed);
                let answer = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\n{}";
                stream.write_all(answer).await.unwrap();
            });
        }
    });
    let update = format!(
        r#"{{"resourceType":"Bundle","type":"transaction","entry":[{{"resource":{{"resourceType":"Patient",
            "name":[{{"text":"{}"}}]}},"request":{{"method":"PUT","url":"Patient?identifier=a%7C1"}}}}]}}"#,
        "x".repeat(400)
    );
    let (first, second) = tokio::join!(sent(&server, &update), sent(&server, &update));
    assert_eq!((first, second, most.load(Relaxed)), (Ok(()), Ok(()), 1));
}

/// A server that takes what it is asked and says nothing costs each of them its time-out, and not that of all before.
#[tokio::test]
async fn who_waits_for_another_that_is_not_answered_is_tried_again_later() {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let server = sends(&format!("http://{}/r4", listener.local_addr().unwrap()), json!("none"));
    let asked = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&asked);
    tokio::spawn(async move {
        let mut open = Vec::new();
        while let Ok((stream, _)) = listener.accept().await {
            counted.fetch_add(1, Relaxed);
            open.push(stream);
        }
    });
    let create = r#"{"resourceType":"Bundle","type":"transaction","entry":[{"resource":{"resourceType":"Patient"},
        "request":{"method":"POST","url":"Patient","ifNoneExist":"identifier=a%7C1"}}]}"#;
    let one = || sent(&server, create);
    let ends = tokio::join!(one(), one(), one(), one(), one());
    let ends = [ends.0, ends.1, ends.2, ends.3, ends.4];
    assert!(ends.iter().all(|end| matches!(end, Err(Failure::Passing(_)))), "{ends:?}");
    let of_others = ends.iter().filter(|end| end.as_ref().is_err_and(|end| end.why() == NOT_ITS_TURN)).count();
    // Whoever is next when the first gives up may still ask.
    assert!(of_others >= 3 && asked.load(Relaxed) <= 2, "{ends:?} {asked:?}");
}

#[tokio::test]
async fn no_text_of_an_outcome_is_told() {
    let body = r#"{"resourceType":"OperationOutcome","issue":[{"severity":"error","code":"invalid",
        "diagnostics":"EVERYWOMAN is no name","expression":["Patient.name[0]"]}]}"#;
    let (root, _) = server(&[(400, body)]).await;
    let failure = sent(&sends(&root, json!("none")), r#"{"resourceType":"Patient"}"#).await;
    assert_eq!(failure, Err(Failure::Final("it answers 400: error invalid at Patient.name[0]".into())));
}

#[tokio::test]
async fn a_token_that_is_refused_is_asked_for_once_more() {
    let token = r#"{"access_token":"abc","expires_in":60}"#;
    let (tokens, asked) = server(&[(200, token)]).await;
    let (root, got) = server(&[(401, ""), (200, "{}"), (401, "")]).await;
    let auth = json!({ "oauth": { "token_url": tokens, "client_id": "emr", "client_secret": { "secret": "TOKEN" },
                                  "scopes": ["system/*.write"] } });
    let server = sends(&root, auth);
    sent(&server, r#"{"resourceType":"Patient"}"#).await.unwrap();
    assert_eq!(asked.lock().unwrap().len(), 2);
    assert!(asked.lock().unwrap()[0].body.contains("grant_type=client_credentials&scope=system%2F*.write"));
    assert!(got.lock().unwrap().iter().all(|it| it.header("authorization") == "Bearer abc"));
    // Who is not believed then either waits for a person: nothing else would be taken.
    let failure = sent(&server, r#"{"resourceType":"Patient"}"#).await;
    assert_eq!((failure, got.lock().unwrap().len()), (Err(Failure::Unknown("it answers 401".into())), 4));
    // A secret's line end is no part of it.
    let (root, got) = self::server(&[(200, "{}")]).await;
    sent(&sends(&root, json!({ "bearer": { "token": { "secret": "TOKEN" } } })), r#"{"resourceType":"X"}"#)
        .await
        .unwrap();
    assert_eq!(got.lock().unwrap()[0].header("authorization"), "Bearer t0ken");
}

/// Safe by default: credentials are bound to one scheme, host and port and never follow a redirect.
#[tokio::test]
async fn credentials_follow_no_redirect() {
    let (elsewhere, asked_there) = server(&[(200, "{}")]).await;
    for code in [301, 302, 303, 307, 308] {
        let (root, got) = redirecting(code, &elsewhere).await;
        let failure = sent(&sends(&root, json!({ "bearer": { "token": { "secret": "TOKEN" } } })), PATIENT).await;
        assert_eq!(failure, Err(Failure::Final(format!("it answers {code}"))));
        assert!(got.lock().unwrap().contains("authorization: Bearer t0ken"));
    }
    assert!(asked_there.lock().unwrap().is_empty());
}

const PATIENT: &str = r#"{"resourceType":"Patient"}"#;

/// A server that sends whoever asks to another, and keeps what it was asked, in small letters but for values.
async fn redirecting(code: u16, to: &str) -> (String, Arc<std::sync::Mutex<String>>) {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let root = format!("http://{}/r4", listener.local_addr().unwrap());
    let (got, to) = (Arc::new(std::sync::Mutex::new(String::new())), to.to_owned());
    let gets = Arc::clone(&got);
    tokio::spawn(async move {
        let (mut stream, _) = listener.accept().await.unwrap();
        let mut asked = vec![0; 4096];
        while !gets.lock().unwrap().contains("\r\n\r\n") {
            let count = stream.read(&mut asked).await.unwrap();
            gets.lock().unwrap().push_str(&String::from_utf8_lossy(&asked[..count]));
        }
        let answer = format!("HTTP/1.1 {code} X\r\nLocation: {to}\r\nContent-Length: 0\r\nConnection: close\r\n\r\n");
        stream.write_all(answer.as_bytes()).await.unwrap();
    });
    (root, got)
}
