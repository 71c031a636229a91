use std::collections::VecDeque;
use std::sync::{Arc, Mutex};

use serde_json::json;
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::TcpListener;

use super::*;
use crate::flow::program::Form;

/// A server that keeps the first line of each request and its body, and gives the answers that it was told, the last of
/// them for ever.
async fn server(answers: &[(u16, &str)]) -> (String, Arc<Mutex<Vec<String>>>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let root = format!("http://{}/r4/", listener.local_addr().unwrap());
    let got = Arc::new(Mutex::new(Vec::new()));
    let gets = Arc::clone(&got);
    let mut answers: VecDeque<_> = answers.iter().map(|(code, body)| (*code, (*body).to_owned())).collect();
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let mut stream = BufReader::new(stream);
            let (mut length, mut auth, mut line, mut first) = (0, String::new(), String::new(), String::new());
            while stream.read_line(&mut line).await.unwrap() > 2 {
                if first.is_empty() {
                    first = line.trim_end().to_owned();
                }
                let (name, value) = line.split_once(':').unwrap_or_default();
                match name.to_ascii_lowercase().as_str() {
                    "content-length" => length = value.trim().parse().unwrap(),
                    "authorization" => auth = value.trim().to_owned(),
                    _ => {}
                }
                line.clear();
            }
            let mut body = vec![0; length];
            stream.read_exact(&mut body).await.unwrap();
            gets.lock().unwrap().push(format!("{first} {auth} {}", String::from_utf8(body).unwrap()));
            let (code, body) = if answers.len() > 1 { answers.pop_front().unwrap() } else { answers[0].clone() };
            let head = format!("HTTP/1.1 {code} X\r\nContent-Length: {}\r\nConnection: close\r\n\r\n", body.len());
            stream.write_all((head + &body).as_bytes()).await.unwrap();
        }
    });
    (root, got)
}

fn sends(root: &str, auth: serde_json::Value) -> Server {
    let settings = json!({ "url": root, "auth": auth, "tls": null, "timeout": 2000, "connections": 2 });
    let secrets: Secrets = Arc::new(|name| (name == "TOKEN").then(|| b"t0ken\n".to_vec()));
    Server::new(serde_json::from_value(settings).unwrap(), Path::new("."), &secrets).unwrap()
}

async fn sent(server: &Server, json: &str) -> Result<(), Failure> {
    let made = Made { form: Form::Json, bytes: json.as_bytes().into() };
    server.deliver(&Parcel { id: "a-1".into(), made: [made].into(), read: [].into() }).await
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
    let got: Vec<_> = got.lock().unwrap().iter().map(|line| line.split(" HTTP").next().unwrap().to_owned()).collect();
    assert_eq!(got, ["POST /r4", "POST /r4/$process-message", "PUT /r4/Patient/1", "POST /r4/Patient"]);
}

#[tokio::test]
async fn answers_are_judged() {
    let passing = |failure: &Result<(), Failure>| matches!(failure, Err(Failure::Passing(_)));
    for (code, passes) in [(503, true), (429, true), (401, true), (400, false), (412, false), (422, false)] {
        let (root, _) = server(&[(code, "")]).await;
        let failure = sent(&sends(&root, json!("none")), r#"{"resourceType":"Patient"}"#).await;
        assert_eq!(passing(&failure), passes, "{code}: {failure:?}");
    }
    // Two that meet: the second comes through.
    let (root, got) = server(&[(409, ""), (409, ""), (200, "{}")]).await;
    sent(&sends(&root, json!("none")), r#"{"resourceType":"Bundle","type":"transaction"}"#).await.unwrap();
    assert_eq!(got.lock().unwrap().len(), 3);
    // One entry of a batch.
    let body =
        r#"{"resourceType":"Bundle","entry":[{"response":{"status":"201 Created"}},{"response":{"status":"422"}}]}"#;
    let (root, _) = server(&[(200, body)]).await;
    let failure = sent(&sends(&root, json!("none")), r#"{"resourceType":"Bundle","type":"batch"}"#).await;
    assert_eq!(failure, Err(Failure::Final("an entry is answered with 422".into())));
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
    assert!(asked.lock().unwrap()[0].contains("grant_type=client_credentials&scope=system%2F*.write"));
    assert!(got.lock().unwrap().iter().all(|line| line.contains("Bearer abc")));
    assert!(matches!(sent(&server, r#"{"resourceType":"Patient"}"#).await, Err(Failure::Passing(_))));
    // A secret's line end is no part of it.
    let (root, got) = self::server(&[(200, "{}")]).await;
    sent(&sends(&root, json!({ "bearer": { "token": { "secret": "TOKEN" } } })), r#"{"resourceType":"X"}"#)
        .await
        .unwrap();
    assert!(got.lock().unwrap()[0].contains("Bearer t0ken "));
}
