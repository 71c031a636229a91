//! The document against what there is, and callers with tokens, over real sockets.

use std::collections::BTreeSet;
use std::net::SocketAddr;

use reqwest::{Client, Response};
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::task::JoinHandle;

use super::problem::Code;
use super::rights::Right;
use super::routes::{Missed, ROUTES, called};
use super::*;
use crate::connector::Callers;
use crate::connector::web::clients::tests::{Site as Issuer, site as issuer};
use crate::journal::space::Reserve;
use crate::observe::audit::{FOLDER, Line, Said, What, verify};

fn document() -> Value {
    serde_json::from_str(answers::DOCUMENT).unwrap()
}

#[test]
fn the_document_names_each_place_that_there_is_and_no_other() {
    let document = document();
    let named = document["paths"].as_object().unwrap().iter().flat_map(|(path, item)| {
        item.as_object().unwrap().keys().map(move |method| format!("{} {path}", method.to_uppercase()))
    });
    let there = ROUTES.iter().map(super::routes::Route::text);
    assert_eq!(named.collect::<BTreeSet<_>>(), there.collect::<BTreeSet<_>>());
}

#[test]
fn the_document_says_which_scope_a_call_needs() {
    let document = document();
    for route in ROUTES {
        let called = &document["paths"][route.path][route.method.as_str().to_lowercase()];
        let scope = if route.needs == Right::Act { "emr.act" } else { "emr.read" };
        assert_eq!(called["security"][0]["token"], json!([scope]), "{}", route.text());
    }
}

#[test]
fn the_document_names_each_code_and_each_status_that_it_comes_with() {
    let document = document();
    let codes: Vec<_> = Code::ALL.iter().map(|code| json!(code.text())).collect();
    assert_eq!(document["components"]["schemas"]["Problem"]["properties"]["code"]["enum"], json!(codes));
}

#[test]
fn a_place_with_a_name_of_its_own_is_no_message() {
    let wish =
        |method: &hyper::Method, path: &str| called(method, path).map(|(route, part)| (route.path, part.to_owned()));
    let (get, post) = (&hyper::Method::GET, &hyper::Method::POST);
    assert_eq!(wish(get, "/v1/messages/adt-1"), Ok(("/v1/messages/{id}", "adt-1".into())));
    assert_eq!(wish(post, "/v1/messages/search"), Ok(("/v1/messages/search", String::new())));
    assert_eq!(wish(get, "/v1/messages/search"), Err(Missed::Method(post)));
    assert_eq!(wish(post, "/v1/routes/all/start"), Ok(("/v1/routes/{route}/start", "all".into())));
    assert_eq!(wish(post, "/v1/messages/adt-1"), Err(Missed::Method(get)));
    for none in ["/", "/v1", "/v1/messages/", "/v1/messages/a/b", "/v1/routes//start", "/v1/status/"] {
        assert_eq!(wish(get, none), Err(Missed::NoPlace), "{none}");
    }
}

/// An engine without a feed, for callers with tokens.
struct Site {
    at: SocketAddr,
    folder: TempDir,
    issuer: Issuer,
    audit: Arc<Audit>,
    stop: watch::Sender<bool>,
    serving: JoinHandle<()>,
}

async fn start() -> Site {
    let _ = crate::connector::tls::provider().install_default();
    let (folder, issuer) = (tempfile::tempdir().unwrap(), issuer().await);
    let free = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap();
    let (url, audience) = (issuer.url.clone(), Some("https://emr.example".into()));
    let clients = Callers::Oauth { issuer: url, audience, scopes: Vec::new() };
    let at = At { listen: free.to_string(), tls: None, clients };
    let places = Places {
        project: folder.path().to_owned(),
        journal: folder.path().to_owned(),
        secrets: Arc::new(|name: &str| Err(crate::connector::tls::no_secret(name))),
        reserve: Reserve::default(),
        fhir: Arc::new(|_| None),
    };
    let rights = Rights { acting: Vec::new(), read: "look".into(), act: "do".into() };
    let audit = Arc::new(Audit::start(folder.path(), "1").unwrap());
    let (operations, journals) = (Arc::default(), folder.path().to_owned());
    let api = Api { operations, journals, audit: Arc::clone(&audit), rights };
    let stop = watch::Sender::new(false);
    let serving = serve(listening(&at, &places).await.unwrap(), api, stop.subscribe()).unwrap();
    Site { at: free, folder, issuer, audit, stop, serving: tokio::spawn(serving) }
}

impl Site {
    /// A call with a token of these scopes.
    async fn call(&self, method: &str, path: &str, scopes: &str) -> Response {
        let call = Client::new().request(method.parse().unwrap(), format!("http://{}{path}", self.at));
        let call = call.bearer_auth(self.issuer.good(json!({ "scope": scopes })));
        call.header("Content-Type", "application/json").send().await.unwrap()
    }

    /// What the audit says of calls.
    fn audited(&self) -> Vec<Said> {
        let mut all = Vec::new();
        verify(&self.folder.path().join(FOLDER), |Line { said, .. }| all.push(said.clone())).unwrap();
        all.retain(|said| matches!(said.what, What::Called | What::Turned | What::Viewed));
        all
    }
}

async fn told(answer: Response) -> (u16, String) {
    let (status, problem) = (answer.status().as_u16(), answer.json::<Value>().await.unwrap());
    (status, problem["code"].as_str().unwrap_or_default().to_owned())
}

#[tokio::test(flavor = "multi_thread")]
async fn reading_and_acting_need_different_scopes_and_each_call_is_in_the_audit() {
    let mut site = start().await;
    let status = site.call("GET", "/v1/status", "look").await;
    assert_eq!(status.text().await.unwrap(), "{\"feeds\":[]}");
    let forbidden = site.call("POST", "/v1/reload", "look").await;
    let challenge = forbidden.headers()["www-authenticate"].to_str().unwrap().to_owned();
    assert_eq!(challenge, "Bearer error=\"insufficient_scope\", scope=\"do\"");
    assert_eq!(told(forbidden).await, (403, "forbidden".into()));
    assert_eq!(told(site.call("GET", "/v1/status", "do").await).await, (403, "forbidden".into()));
    // Nobody is the owner of this engine.
    assert_eq!(told(site.call("POST", "/v1/reload", "do").await).await, (422, "refused".into()));
    assert_eq!(told(site.call("GET", "/v1/messages/EVERYWOMAN", "look").await).await, (404, "no-such-message".into()));
    let unknown = Client::new().get(format!("http://{}/v1/status", site.at)).send().await.unwrap();
    assert_eq!(unknown.headers()["content-type"], "application/problem+json");
    assert_eq!(told(unknown).await, (401, "unknown-caller".into()));
    site.stop.send_replace(true);
    (&mut site.serving).await.unwrap();
    site.audit.stop();
    let of = |said: &Said| (said.who.clone().unwrap(), said.is_refused, said.why.clone().unwrap());
    let lab = |is_refused, why: &str| ("lab".to_owned(), is_refused, why.to_owned());
    let mut audited: Vec<_> = site.audited().iter().map(of).collect();
    let mut expected = vec![
        lab(false, "GET /v1/status: HTTP 200"),
        lab(true, "POST /v1/reload: HTTP 403"),
        lab(true, "GET /v1/status: HTTP 403"),
        lab(true, "POST /v1/reload: HTTP 422"),
        lab(true, "GET /v1/messages/{id}: HTTP 404"),
        ("127.0.0.1".to_owned(), false, "the admin API: HTTP 401".to_owned()),
    ];
    audited.sort();
    expected.sort();
    assert_eq!(audited, expected);
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_is_told_that_the_audit_does_not_say() {
    let site = start().await;
    // The audit has ended: nobody writes any more.
    site.audit.stop();
    assert_eq!(told(site.call("GET", "/v1/status", "look").await).await, (503, "not-audited".into()));
}
