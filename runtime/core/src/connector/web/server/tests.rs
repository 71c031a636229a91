//! A server of a desk of the tests' own, over real sockets.

use std::net::SocketAddr;
use std::sync::Mutex;

use reqwest::{Certificate, Identity};
use serde_json::json;
use tempfile::TempDir;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::sync::Semaphore;
use tokio::task::JoinHandle;

use super::*;
use crate::connector::tls;
use crate::connector::web::outcome::{FHIR_JSON, reply};
use crate::connector::web::{client, clients};

/// Says who calls, and how much it sent; under `/slow` once it may.
struct Hall {
    may: Arc<Semaphore>,
    seen: Arc<Mutex<Vec<String>>>,
}

impl Desk for Hall {
    fn refuse(&self, head: &Parts, _: &Who) -> Option<Reply> {
        (head.uri.path() == "/none").then(|| outcome(StatusCode::NOT_FOUND, &Issue::new("not-found", "nothing")))
    }

    async fn answer(&self, call: Call) -> Reply {
        if call.head.uri.path() == "/slow" {
            self.seen.lock().unwrap().push("slow".into());
            self.may.acquire().await.unwrap().forget();
        }
        reply(StatusCode::OK, FHIR_JSON, format!("{} {}", call.who.key(), call.body.len()))
    }

    fn see(&self, what: &Happening<'_>) {
        self.seen.lock().unwrap().push(format!("{what:?}"));
    }
}

struct Site {
    at: SocketAddr,
    may: Arc<Semaphore>,
    seen: Arc<Mutex<Vec<String>>>,
    stop: watch::Sender<bool>,
    serving: JoinHandle<()>,
}

const PATIENT: Limits = Limits { connections: 10, request: Duration::from_secs(30), body: 1000 };
const HASTY: Limits = Limits { request: Duration::from_millis(300), ..PATIENT };

async fn start(limits: Limits, clients: Clients, acceptor: Option<TlsAcceptor>) -> Site {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let at = listener.local_addr().unwrap();
    let hall = Hall { may: Arc::new(Semaphore::new(0)), seen: Arc::default() };
    let (may, seen) = (Arc::clone(&hall.may), Arc::clone(&hall.seen));
    let (stop, stopped) = watch::channel(false);
    let server = Arc::new(Server::new(clients, limits, hall));
    let serving = tokio::spawn(server.serve((listener, acceptor), stopped));
    Site { at, may, seen, stop, serving }
}

impl Site {
    async fn open(&self) -> TcpStream {
        TcpStream::connect(self.at).await.unwrap()
    }

    /// The text of all that comes back to what is sent, until the other side hangs up.
    async fn said(&self, sent: &str) -> String {
        let mut stream = self.open().await;
        stream.write_all(sent.as_bytes()).await.unwrap();
        rest(&mut stream).await
    }
}

async fn rest(stream: &mut TcpStream) -> String {
    let mut all = Vec::new();
    // A connection may be reset behind its last answer.
    let _ = stream.read_to_end(&mut all).await;
    String::from_utf8(all).unwrap()
}

/// The body that a caller without a name and without a body gets, behind the head: the hour of its date may look alike.
const ANSWERED: &str = "\r\n\r\n 0";

/// What comes back until there is that.
async fn until(stream: &mut TcpStream, end: &str) -> String {
    let mut all = String::new();
    while !all.ends_with(end) {
        all.push(char::from(stream.read_u8().await.unwrap()));
    }
    all
}

#[tokio::test(flavor = "multi_thread")]
async fn a_request_is_answered() {
    let site = start(PATIENT, Clients::Anyone, None).await;
    let mut stream = site.open().await;
    for size in [0, 5, 1000] {
        let body = "x".repeat(size);
        let head = format!("POST / HTTP/1.1\r\nHost: h\r\nContent-Length: {size}\r\n\r\n");
        stream.write_all((head + &body).as_bytes()).await.unwrap();
        assert!(until(&mut stream, &format!("\r\n\r\n {size}")).await.starts_with("HTTP/1.1 200 OK\r\n"));
    }
    let none = site.said("GET /none HTTP/1.1\r\nConnection: close\r\n\r\n").await;
    assert!(none.starts_with("HTTP/1.1 404 ") && none.contains("OperationOutcome"), "{none}");
    drop(stream);
    while site.seen.lock().unwrap().len() < 4 {
        tokio::task::yield_now().await;
    }
    let seen = site.seen.lock().unwrap().join(" ");
    assert_eq!((seen.matches("Came").count(), seen.matches("Left").count(), seen.matches("Done").count()), (2, 2, 2));
}

#[tokio::test(flavor = "multi_thread")]
async fn nobody_is_asked_for_a_body_before_it_is_known_who_calls() {
    let settings = clients::Settings::Oauth { issuer: "http://127.0.0.1:1".into(), audience: None, scopes: Vec::new() };
    let site = start(PATIENT, settings.clients().unwrap(), None).await;
    let head = "POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 500\r\nExpect: 100-continue\r\n";
    let told = site.said(&format!("{head}\r\n")).await;
    assert!(told.starts_with("HTTP/1.1 401 ") && told.contains("www-authenticate: Bearer\r\n"), "{told}");
    let told = site.said(&format!("{head}Authorization: Bearer SECRET\r\n\r\n")).await;
    assert!(told.starts_with("HTTP/1.1 401 ") && !told.contains("SECRET"), "{told}");
    let seen = site.seen.lock().unwrap().join(" ");
    assert!(
        seen.contains("TurnedAway { peer: 127.0.0.1, who: \"\", status: 401 }") && !seen.contains("SECRET"),
        "{seen}"
    );
    // Whoever is let in is asked.
    let open = start(PATIENT, Clients::Anyone, None).await;
    let mut stream = open.open().await;
    stream.write_all(format!("{head}\r\n").as_bytes()).await.unwrap();
    until(&mut stream, "HTTP/1.1 100 Continue\r\n\r\n").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_body_that_is_too_long_is_not_read_to_its_end() {
    let site = start(PATIENT, Clients::Anyone, None).await;
    let told = |mut stream: TcpStream| async move { until(&mut stream, "\r\n\r\n").await };
    let mut stream = site.open().await;
    stream.write_all(b"POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 1001\r\n\r\n").await.unwrap();
    assert!(told(stream).await.starts_with("HTTP/1.1 413 "));
    assert!(site.seen.lock().unwrap().join(" ").contains("status: 413 }"));
    let mut stream = site.open().await;
    let part = "x".repeat(600);
    let chunk = format!("258\r\n{part}\r\n");
    stream.write_all(b"POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n").await.unwrap();
    stream.write_all(chunk.as_bytes()).await.unwrap();
    stream.write_all(chunk.as_bytes()).await.unwrap();
    assert!(told(stream).await.starts_with("HTTP/1.1 413 "));
    // Who still writes when that is said reads it all the same.
    let mut stream = site.open().await;
    stream.write_all(b"POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 8000000\r\n\r\n").await.unwrap();
    for _ in 0..8 {
        stream.write_all(&vec![b'x'; 1_000_000]).await.unwrap();
    }
    assert!(told(stream).await.starts_with("HTTP/1.1 413 "));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_trickles_or_is_cut_comes_to_an_end() {
    let site = start(HASTY, Clients::Anyone, None).await;
    // A head, and nothing at all.
    assert_eq!(site.said("POST / HTTP/1.1\r\nHost:").await, "");
    assert_eq!(site.said("").await, "");
    let told = site.said("POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 10\r\n\r\nabc").await;
    assert!(told.starts_with("HTTP/1.1 408 ") && told.contains("OperationOutcome"), "{told}");
    assert!(site.seen.lock().unwrap().join(" ").contains("status: 408 }"));
    // One that comes byte by byte, with a pause that is shorter than it may be.
    let mut stream = site.open().await;
    stream.write_all(b"POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 1000\r\n\r\n").await.unwrap();
    let mut written = 0;
    while stream.write_all(b"x").await.is_ok() && written < 100 {
        tokio::time::sleep(Duration::from_millis(20)).await;
        written += 1;
    }
    assert!(rest(&mut stream).await.starts_with("HTTP/1.1 408 ") || written < 100);
    // A connection that was of use, and is not any more.
    let told = site.said("GET / HTTP/1.1\r\nHost: h\r\n\r\n").await;
    assert!(told.starts_with("HTTP/1.1 200 "), "{told}");
    // Half a body, and then its sender is gone; what is no HTTP.
    let mut stream = site.open().await;
    stream.write_all(b"POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 10\r\n\r\nabc").await.unwrap();
    stream.shutdown().await.unwrap();
    assert!(!rest(&mut stream).await.contains(" 200 "));
    assert!(site.said("\x0BMSH|^~\\&|A|B\r\x1C\r\n\r\n").await.starts_with("HTTP/1.1 400 "));
    let long = format!("GET / HTTP/1.1\r\nHost: h\r\nX: {}\r\n\r\n", "x".repeat(100_000));
    assert!(!site.said(&long).await.contains(" 200 "));
}

#[tokio::test(flavor = "multi_thread")]
async fn no_more_connections_are_served_than_may_be() {
    let site = start(Limits { connections: 2, ..PATIENT }, Clients::Anyone, None).await;
    let request = b"GET / HTTP/1.1\r\nHost: h\r\n\r\n";
    let mut streams = [site.open().await, site.open().await, site.open().await];
    for stream in &mut streams {
        stream.write_all(request).await.unwrap();
    }
    until(&mut streams[0], ANSWERED).await;
    until(&mut streams[1], ANSWERED).await;
    let [first, _second, mut third] = streams;
    let early = timeout(Duration::from_millis(200), third.read_u8()).await;
    assert!(early.is_err());
    drop(first);
    until(&mut third, ANSWERED).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn who_is_being_answered_when_it_stops_gets_the_answer() {
    let site = start(PATIENT, Clients::Anyone, None).await;
    let (mut busy, mut idle) = (site.open().await, site.open().await);
    busy.write_all(b"GET /slow HTTP/1.1\r\nHost: h\r\n\r\n").await.unwrap();
    idle.write_all(b"GET / HTTP/1.1\r\nHost: h\r\n\r\n").await.unwrap();
    until(&mut idle, ANSWERED).await;
    while !site.seen.lock().unwrap().contains(&"slow".into()) {
        tokio::task::yield_now().await;
    }
    site.stop.send_replace(true);
    assert_eq!(rest(&mut idle).await, "");
    site.may.add_permits(1);
    assert!(rest(&mut busy).await.starts_with("HTTP/1.1 200 "));
    site.serving.await.unwrap();
    assert!(TcpStream::connect(site.at).await.is_err());
}

/// A certificate of its own authority, and what shows it.
fn identity(folder: &TempDir, name: &str) -> (Certificate, Identity) {
    let made = rcgen::generate_simple_self_signed(vec!["127.0.0.1".into(), "localhost".into()]).unwrap();
    let (certificate, key) = (made.cert.pem(), made.signing_key.serialize_pem());
    std::fs::write(folder.path().join(format!("{name}.pem")), &certificate).unwrap();
    std::fs::write(folder.path().join(format!("{name}.key")), &key).unwrap();
    let both = certificate.clone() + &key;
    (Certificate::from_pem(certificate.as_bytes()).unwrap(), Identity::from_pem(both.as_bytes()).unwrap())
}

#[tokio::test(flavor = "multi_thread")]
async fn over_tls_a_certificate_tells_who_calls() {
    let _ = tls::provider().install_default();
    let folder = tempfile::tempdir().unwrap();
    let (authority, _) = identity(&folder, "server");
    let ((_, known), (_, stranger)) = (identity(&folder, "client"), identity(&folder, "stranger"));
    let key = folder.path().join("server.key").to_str().unwrap().to_owned();
    let settings = json!({ "certificate": "server.pem", "key": { "secret": key } });
    let settings: tls::Server = serde_json::from_value(settings).unwrap();
    let secrets: tls::Secrets = Arc::new(|name: &str| std::fs::read(name).map_err(|why| why.to_string()));
    let acceptor = settings.of_http(Some("client.pem".as_ref()), folder.path(), &secrets).unwrap();
    let site = start(PATIENT, Clients::Certified, Some(acceptor)).await;
    let url = format!("https://127.0.0.1:{}/", site.at.port());
    let client = || reqwest::Client::builder().tls_certs_only([authority.clone()]);
    for http2 in [true, false] {
        let client = client().identity(known.clone());
        // A connection that is kept would hold a seat that another waits for.
        let client = if http2 { client } else { client.http1_only().pool_max_idle_per_host(0) }.build().unwrap();
        let posts = (0..40).map(|_| client.post(&url).body("hello").send());
        let mut answers = Vec::new();
        for answer in posts.map(tokio::spawn).collect::<Vec<_>>() {
            answers.push(answer.await.unwrap().unwrap());
        }
        let version = if http2 { reqwest::Version::HTTP_2 } else { reqwest::Version::HTTP_11 };
        assert!(answers.iter().all(|answer| answer.version() == version));
        // Its SHA-256, and how much it sent. Over HTTP/2 there may be more requests than seats, who are told so.
        let served: Vec<_> = answers.into_iter().filter(|answer| answer.status() == 200).collect();
        assert!(served.len() >= 10);
        for answer in served {
            let text = answer.text().await.unwrap();
            assert!(text.len() == 66 && text.ends_with(" 5"), "{text}");
        }
    }
    for client in [client(), client().identity(stranger)] {
        assert!(client.build().unwrap().post(&url).send().await.is_err());
    }
    site.stop.send_replace(true);
    site.serving.await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn our_own_client_believes_whom_it_is_told_to_and_shows_what_it_has() {
    let folder = tempfile::tempdir().unwrap();
    for name in ["server", "client", "stranger"] {
        identity(&folder, name);
    }
    let secrets: tls::Secrets = Arc::new(|name: &str| std::fs::read(name).map_err(|why| why.to_string()));
    let key = |name: &str| json!({ "secret": folder.path().join(format!("{name}.key")) });
    let settings = json!({ "certificate": "server.pem", "key": key("server") });
    let settings: tls::Server = serde_json::from_value(settings).unwrap();
    let acceptor = settings.of_http(Some("client.pem".as_ref()), folder.path(), &secrets).unwrap();
    let site = start(PATIENT, Clients::Certified, Some(acceptor)).await;
    let answered = async |tls: serde_json::Value| {
        let settings = serde_json::from_value(json!({ "tls": tls, "timeout": 5_000 })).unwrap();
        let client = client::client(&settings, folder.path(), &secrets).unwrap();
        client.post(format!("https://127.0.0.1:{}/", site.at.port())).body("hello").send().await
    };
    let own = |name: &str| json!({ "ca": "server.pem", "certificate": format!("{name}.pem"), "key": key(name) });
    let answer = answered(own("client")).await.unwrap();
    assert_eq!((answer.status().as_u16(), answer.version()), (200, reqwest::Version::HTTP_2));
    // One that the server does not know, none at all, and a server whose authority is none of the system's.
    for tls in [own("stranger"), json!({ "ca": "server.pem" }), json!(null)] {
        assert!(answered(tls).await.is_err());
    }
    site.stop.send_replace(true);
    site.serving.await.unwrap();
}
