//! Callers who show a certificate: who they are is in the audit, and who may act is said by name.

use std::net::SocketAddr;

use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, DnType, IsCa, KeyPair};
use reqwest::{Certificate, Client, Identity, Method};
use serde_json::{Value, json};
use tokio::runtime::Runtime;

use crate::running::{Site, listens};
use crate::{administered, started};

/// An authority of the tests' own.
fn authority() -> CertifiedIssuer<'static, KeyPair> {
    let mut parameters = CertificateParams::new(Vec::new()).unwrap();
    parameters.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    CertifiedIssuer::self_signed(parameters, KeyPair::generate().unwrap()).unwrap()
}

/// The certificate of somebody of that name, and its key.
fn certified(authority: &CertifiedIssuer<'static, KeyPair>, name: &str) -> (String, String) {
    let mut parameters = CertificateParams::new(vec!["127.0.0.1".to_owned()]).unwrap();
    parameters.distinguished_name.push(DnType::CommonName, name);
    let key = KeyPair::generate().unwrap();
    (parameters.signed_by(&key, authority).unwrap().pem(), key.serialize_pem())
}

struct Caller {
    client: Client,
    at: SocketAddr,
}

impl Caller {
    fn new(at: SocketAddr, server: &str, shown: Option<(String, String)>) -> Caller {
        let trusted = Certificate::from_pem(server.as_bytes()).unwrap();
        let client = Client::builder().tls_certs_only([trusted]);
        let client = match shown {
            Some((certificate, key)) => client.identity(Identity::from_pem((certificate + &key).as_bytes()).unwrap()),
            None => client,
        };
        Caller { client: client.build().unwrap(), at }
    }

    /// The status and the body; nothing where the handshake fails.
    async fn call(&self, method: Method, path: &str, body: &Value) -> Option<(u16, Value)> {
        let call = self.client.request(method, format!("https://{}{path}", self.at));
        let call = call.header("Content-Type", "application/json").body(body.to_string());
        let answer = call.send().await.ok()?;
        Some((answer.status().as_u16(), serde_json::from_slice(&answer.bytes().await.ok()?).unwrap()))
    }
}

/// What the audit says of calls: what, who, whether it was refused, and why.
fn audited(site: &Site) -> Vec<(String, String, bool, String)> {
    let text = |line: &Value, name: &str| line[name].as_str().unwrap_or_default().to_owned();
    let lines = site.text("journal/audit.chain/00000000000000000000.ndjson");
    // What is being written may lack its end.
    let lines = lines.lines().filter_map(|line| serde_json::from_str::<Value>(line).ok());
    let calls = lines.filter(|line| ["called", "viewed", "turned"].contains(&line["what"].as_str().unwrap()));
    calls.map(|it| (text(&it, "what"), text(&it, "who"), it["is_refused"] == true, text(&it, "why"))).collect()
}

#[test]
fn who_calls_is_known_by_its_certificate_and_who_may_act_by_its_name() {
    let _ = rustls::crypto::ring::default_provider().install_default();
    let (ours, others) = (authority(), authority());
    let (mut site, at) = administered(
        "tls_certificate = \"server.pem\"\ntls_key = \"ENGINE_KEY\"\nclients_ca = \"operators.pem\"\n\
         clients_acting = \"night desk, alice\"\n",
    );
    let (certificate, key) = certified(&ours, "engine");
    std::fs::write(site.path("server.pem"), &certificate).unwrap();
    std::fs::write(site.path("operators.pem"), ours.pem()).unwrap();
    let with_key = [("ENGINE_KEY", key.as_str())];
    // Certificates and keys are proven without a start.
    let (printed, _, code) = site.said(&["run", "--check"]);
    assert!(printed.contains("admin: there is no secret `ENGINE_KEY`: ") && code == Some(3), "{printed}");
    let (printed, said, code) = site.said_in(&["run", "--check"], &with_key);
    assert!(printed.contains("admin: ready\n") && code == Some(0), "{printed}{said}");
    site.start_in(&[], &with_key);
    site.until(|_| listens(at));

    let caller = |shown| Caller::new(at, &ours.pem(), shown);
    let desk = caller(Some(certified(&ours, "night desk")));
    let monitor = caller(Some(certified(&ours, "monitor")));
    let strangers = [caller(None), caller(Some(certified(&others, "night desk")))];
    Runtime::new().unwrap().block_on(async {
        let all = json!({ "all": true });
        assert_eq!(monitor.call(Method::GET, "/v1/status", &json!({})).await.unwrap().0, 200);
        let (status, problem) = monitor.call(Method::POST, "/v1/parked/release", &all).await.unwrap();
        assert_eq!((status, &problem["code"]), (403, &json!("forbidden")));
        let released = desk.call(Method::POST, "/v1/parked/release", &all).await.unwrap();
        assert_eq!(released, (200, json!({ "done": 0, "not": [] })));
        for stranger in &strangers {
            assert!(stranger.call(Method::GET, "/v1/status", &json!({})).await.is_none());
        }
    });
    // A client may try it more than once.
    site.until(|site| audited(site).iter().filter(|(what, ..)| what == "turned").count() >= 2);
    assert_eq!(site.stop(), Some(0));
    let told = |who: &str, is_refused, why: &str| ("called".to_owned(), who.to_owned(), is_refused, why.to_owned());
    let audited = audited(&site);
    for line in [
        told("monitor", false, "GET /v1/status: HTTP 200"),
        told("monitor", true, "POST /v1/parked/release: HTTP 403"),
        told("night desk", false, "POST /v1/parked/release: HTTP 200"),
    ] {
        assert!(audited.contains(&line), "{line:?} {audited:?}");
    }
    assert_eq!(site.said(&["audit", "verify"]).2, Some(0));
}

#[test]
fn whoever_is_shown_a_message_has_looked_at_it() {
    let (mut site, at) = administered(crate::OPEN);
    started(&mut site, at);
    crate::sent(&site, "c-1", "77^^^H");
    let path = "/v1/messages/adt-1";
    site.until(|_| crate::call(at, "GET", path, "", b"").unwrap().status == 200);
    let viewed = |site: &Site| audited(site).into_iter().find(|(what, ..)| what == "viewed");
    assert_eq!(viewed(&site).unwrap().1, "somebody");
    assert_eq!(site.stop(), Some(0));
}
