//! Callers with tokens of an issuer of the tests' own, over real sockets.

use std::sync::Mutex;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ring::rand::SystemRandom;
use ring::rsa;
use ring::signature::{
    ECDSA_P256_SHA256_FIXED_SIGNING, ECDSA_P384_SHA384_FIXED_SIGNING, EcdsaKeyPair, EcdsaSigningAlgorithm,
    KeyPair as _, RSA_PKCS1_SHA256, RSA_PKCS1_SHA384, RsaEncoding,
};
use serde_json::{Value, json};
use std::sync::Arc;
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
use tokio::net::TcpListener;

use super::*;
use crate::connector::web::outcome::outcome;

/// A key of two thousand bits, of these tests alone.
const RSA: &[u8] = include_bytes!("../../../../testdata/rsa.p8");

/// What a good token lets its bearer do.
const SCOPES: [&str; 3] = ["emr", "openid", "system/Patient.write"];

/// What an issuer answers, by path, and how often it was asked.
#[derive(Default)]
struct Told {
    keys: Vec<Value>,
    description: Option<Value>,
    asked: usize,
}

/// An issuer, and its keys.
pub struct Site {
    pub url: String,
    told: Arc<Mutex<Told>>,
    edge: EcdsaKeyPair,
    wide: EcdsaKeyPair,
    rsa: rsa::KeyPair,
}

pub async fn site() -> Site {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/realm", listener.local_addr().unwrap());
    let (edge, wide) = (pair(&ECDSA_P256_SHA256_FIXED_SIGNING), pair(&ECDSA_P384_SHA384_FIXED_SIGNING));
    let rsa = rsa::KeyPair::from_pkcs8(RSA).unwrap();
    let keys = vec![point("edge", "P-256", &edge), point("wide", "P-384", &wide), number("rsa", &rsa)];
    let told = Arc::new(Mutex::new(Told { keys, ..Told::default() }));
    let (root, tells) = (url.clone(), Arc::clone(&told));
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let (mut stream, mut first, mut line) = (BufReader::new(stream), String::new(), String::new());
            stream.read_line(&mut first).await.unwrap();
            while stream.read_line(&mut line).await.unwrap() > 2 {
                line.clear();
            }
            let body = {
                let mut told = tells.lock().unwrap();
                if first.starts_with("GET /realm/.well-known/openid-configuration ") {
                    told.asked += 1;
                    let plain = json!({ "issuer": root, "jwks_uri": format!("{root}/keys") });
                    told.description.clone().unwrap_or(plain)
                } else {
                    json!({ "keys": told.keys })
                }
            };
            let body = body.to_string();
            let head = format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\nConnection: close\r\n\r\n", body.len());
            stream.write_all((head + &body).as_bytes()).await.unwrap();
        }
    });
    Site { url, told, edge, wide, rsa }
}

fn pair(how: &'static EcdsaSigningAlgorithm) -> EcdsaKeyPair {
    let random = SystemRandom::new();
    let made = EcdsaKeyPair::generate_pkcs8(how, &random).unwrap();
    EcdsaKeyPair::from_pkcs8(how, made.as_ref(), &random).unwrap()
}

fn encoded(bytes: &[u8]) -> String {
    URL_SAFE_NO_PAD.encode(bytes)
}

fn point(name: &str, curve: &str, pair: &EcdsaKeyPair) -> Value {
    let (x, y) = pair.public_key().as_ref()[1..].split_at(pair.public_key().as_ref().len() / 2);
    json!({ "kty": "EC", "kid": name, "use": "sig", "crv": curve, "x": encoded(x), "y": encoded(y) })
}

fn number(name: &str, pair: &rsa::KeyPair) -> Value {
    let public = ring::signature::RsaPublicKeyComponents::<Vec<u8>>::from(pair.public());
    json!({ "kty": "RSA", "kid": name, "n": encoded(&public.n), "e": encoded(&public.e) })
}

impl Site {
    fn clients(&self) -> Clients {
        let scopes = vec!["system/Patient.write".to_owned(), "emr".to_owned()];
        let settings =
            Settings::Oauth { issuer: self.url.clone(), audience: Some("https://emr.example".into()), scopes };
        settings.clients().unwrap()
    }

    /// What a good token says, but for a change.
    fn claims(&self, change: Value) -> Value {
        let now = clock::microseconds() / 1_000_000;
        let mut claims = json!({
            "iss": self.url, "aud": "https://emr.example", "exp": now + 300, "client_id": "lab",
            "scope": SCOPES.join(" "),
        });
        claims.as_object_mut().unwrap().extend(change.as_object().unwrap().clone());
        claims
    }

    fn signed(&self, head: &Value, claims: &Value) -> String {
        let text = format!("{}.{}", encoded(head.to_string().as_bytes()), encoded(claims.to_string().as_bytes()));
        let random = SystemRandom::new();
        let rsa = |how: &'static dyn RsaEncoding| {
            let mut signature = vec![0; self.rsa.public().modulus_len()];
            self.rsa.sign(how, &random, text.as_bytes(), &mut signature).unwrap();
            signature
        };
        let signature = match head["alg"].as_str().unwrap() {
            "ES256" => self.edge.sign(&random, text.as_bytes()).unwrap().as_ref().to_vec(),
            "ES384" => self.wide.sign(&random, text.as_bytes()).unwrap().as_ref().to_vec(),
            "RS256" => rsa(&RSA_PKCS1_SHA256),
            "RS384" => rsa(&RSA_PKCS1_SHA384),
            "HS256" => {
                // With a key that everybody knows.
                let key = ring::hmac::Key::new(ring::hmac::HMAC_SHA256, self.edge.public_key().as_ref());
                ring::hmac::sign(&key, text.as_bytes()).as_ref().to_vec()
            }
            _ => Vec::new(),
        };
        format!("{text}.{}", encoded(&signature))
    }

    /// A good token, but for a change of what it says.
    pub fn good(&self, change: Value) -> String {
        self.signed(&json!({ "alg": "ES256", "kid": "edge" }), &self.claims(change))
    }
}

async fn shown(clients: &Clients, authorization: &str) -> Result<Who, Denied> {
    let mut headers = HeaderMap::new();
    headers.insert(AUTHORIZATION, HeaderValue::from_str(authorization).unwrap());
    clients.who(&headers, None).await
}

async fn bears(clients: &Clients, token: &str) -> Result<Who, Denied> {
    shown(clients, &format!("Bearer {token}")).await
}

#[tokio::test]
async fn a_token_that_its_issuer_signed_is_believed() {
    let site = site().await;
    let clients = site.clients();
    let lab = Ok("lab".to_owned());
    let named = |who: Result<Who, Denied>| who.map(|who| who.name().to_owned());
    for (algorithm, key) in [("ES256", "edge"), ("ES384", "wide"), ("RS256", "rsa"), ("RS384", "rsa")] {
        let token = site.signed(&json!({ "alg": algorithm, "kid": key }), &site.claims(json!({})));
        assert_eq!(named(bears(&clients, &token).await), lab, "{algorithm}");
    }
    let now = clock::microseconds() / 1_000_000;
    for change in [
        json!({ "aud": ["https://other.example", "https://emr.example"] }),
        json!({ "scope": "openid", "scp": ["emr", "system/Patient.write"] }),
        // Clocks may be apart.
        json!({ "exp": now - 30 }),
        json!({ "nbf": now + 30 }),
    ] {
        assert_eq!(named(bears(&clients, &site.good(change.clone())).await), lab, "{change}");
    }
    let unnamed = site.signed(&json!({ "alg": "ES256" }), &site.claims(json!({})));
    assert_eq!(named(shown(&clients, &format!("bearer {unnamed}")).await), lab);
    let Ok(Who::Bearer(claims)) = bears(&clients, &site.good(json!({}))).await else { panic!() };
    assert_eq!(claims.scopes().collect::<Vec<_>>(), SCOPES);
    assert_eq!(site.told.lock().unwrap().asked, 1);
}

#[tokio::test]
async fn each_other_token_is_refused() {
    let site = site().await;
    let clients = site.clients();
    let now = clock::microseconds() / 1_000_000;
    let head = |change: Value| {
        let mut head = json!({ "alg": "ES256", "kid": "edge" });
        head.as_object_mut().unwrap().extend(change.as_object().unwrap().clone());
        site.signed(&head, &site.claims(json!({})))
    };
    let good = site.good(json!({}));
    let (start, signature) = good.rsplit_once('.').unwrap();
    let other = site.good(json!({ "client_id": "other" }));
    let unsigned = head(json!({ "alg": "none" }));
    let cases = [
        ("no token at all", "e30".to_owned()),
        ("nothing", String::new()),
        ("no signature", format!("{start}.")),
        ("the signature of another", format!("{}.{signature}", other.rsplit_once('.').unwrap().0)),
        ("no algorithm", unsigned.clone()),
        ("no algorithm and a signature", format!("{unsigned}{signature}")),
        ("a key that everybody knows", head(json!({ "alg": "HS256" }))),
        ("an algorithm of another key", head(json!({ "alg": "RS256" }))),
        ("a key that is another's", head(json!({ "kid": "wide" }))),
        ("a key that nobody has", head(json!({ "kid": "unknown" }))),
        ("what must be understood and is not", head(json!({ "crit": ["b64"], "b64": false }))),
        ("another issuer", site.good(json!({ "iss": "https://other.example" }))),
        ("another audience", site.good(json!({ "aud": "https://other.example" }))),
        ("others in the audience", site.good(json!({ "aud": ["https://other.example"] }))),
        ("its time is over", site.good(json!({ "exp": now - 120 }))),
        ("its time is to come", site.good(json!({ "nbf": now + 120 }))),
        ("no end", site.good(json!({ "exp": "never" }))),
    ];
    for (why, token) in cases {
        assert_eq!(bears(&clients, &token).await, Err(Denied::Unbelieved), "{why}");
    }
    let lacks = Denied::Scope("system/Patient.write emr".into());
    assert_eq!(bears(&clients, &site.good(json!({ "scope": "emr system/Patient.writes" }))).await, Err(lacks));
    assert_eq!(shown(&clients, "Basic bGFiOmxhYg==").await, Err(Denied::Unknown));
    assert_eq!(clients.who(&HeaderMap::new(), None).await, Err(Denied::Unknown));
    let mut twice = HeaderMap::new();
    for token in [&good, &good] {
        twice.append(AUTHORIZATION, HeaderValue::from_str(&format!("Bearer {token}")).unwrap());
    }
    assert_eq!(clients.who(&twice, None).await, Err(Denied::Unbelieved));
}

#[tokio::test]
async fn an_issuer_is_asked_again_for_a_key_that_is_new_but_not_for_ever() {
    let site = site().await;
    let clients = site.clients();
    assert!(bears(&clients, &site.good(json!({}))).await.is_ok());
    for _ in 0..3 {
        let token = site.signed(&json!({ "alg": "ES384", "kid": "new" }), &site.claims(json!({})));
        assert_eq!(bears(&clients, &token).await, Err(Denied::Unbelieved));
    }
    // It was asked a moment ago.
    assert_eq!(site.told.lock().unwrap().asked, 1);
    // To another, who has not asked yet, the new key is told.
    site.told.lock().unwrap().keys = vec![point("new", "P-384", &site.wide)];
    let token = site.signed(&json!({ "alg": "ES384", "kid": "new" }), &site.claims(json!({})));
    assert!(bears(&site.clients(), &token).await.is_ok());
}

#[tokio::test]
async fn who_cannot_be_asked_about_is_told_to_come_back() {
    let site = site().await;
    let token = site.good(json!({}));
    let others = json!({ "issuer": "https://other.example", "jwks_uri": format!("{}/keys", site.url) });
    let in_clear = json!({ "issuer": site.url, "jwks_uri": "http://192.0.2.1/keys" });
    let too_long = json!({ "issuer": site.url, "jwks_uri": format!("{}/keys", site.url), "x": "x".repeat(2 << 20) });
    for description in [others, in_clear, too_long, json!("nothing")] {
        site.told.lock().unwrap().description = Some(description.clone());
        assert_eq!(bears(&site.clients(), &token).await, Err(Denied::Later));
    }
    let gone = TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap();
    let issuer = format!("http://{gone}");
    let settings = Settings::Oauth { issuer, audience: None, scopes: Vec::new() };
    assert_eq!(bears(&settings.clients().unwrap(), &token).await, Err(Denied::Later));
    let reply = Denied::Later.reply(outcome);
    assert_eq!((reply.status().as_u16(), reply.headers()["retry-after"].to_str().unwrap()), (503, "10"));
}

#[test]
fn an_issuer_is_not_asked_in_clear_text() {
    for issuer in ["http://id.example.org", "ftp://localhost", "id.example.org"] {
        let settings = Settings::Oauth { issuer: issuer.into(), audience: None, scopes: Vec::new() };
        assert!(settings.clients().is_err(), "{issuer}");
    }
}

#[test]
fn what_a_caller_is_told_names_no_token() {
    let told = |denied: Denied| {
        let reply = denied.reply(outcome);
        (reply.status().as_u16(), reply.headers()[WWW_AUTHENTICATE].to_str().unwrap().to_owned())
    };
    assert_eq!(told(Denied::Unknown), (401, "Bearer".into()));
    assert_eq!(told(Denied::Unbelieved), (401, "Bearer error=\"invalid_token\"".into()));
    let scope = (403, "Bearer error=\"insufficient_scope\", scope=\"emr\"".into());
    assert_eq!(told(Denied::Scope("emr".into())), scope);
}
