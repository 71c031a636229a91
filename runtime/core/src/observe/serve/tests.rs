//! Read over real sockets, of an engine that is not there.

use std::net::SocketAddr;
use std::path::Path;

use emr_abi::wiring::Wiring;
use reqwest::{Certificate, Client, Identity};
use tokio::task::JoinHandle;

use super::*;
use crate::connector::Callers;
use crate::connector::tls;
use crate::journal::space::Reserve;

struct Site {
    at: SocketAddr,
    stage: watch::Sender<Stage>,
    stop: watch::Sender<bool>,
    serving: JoinHandle<()>,
}

fn places(folder: &Path) -> Places {
    Places {
        project: folder.to_owned(),
        journal: folder.to_owned(),
        secrets: Arc::new(|name: &str| std::fs::read(name).map_err(|_| tls::no_secret(name))),
        reserve: Reserve::default(),
        fhir: Arc::new(|_| None),
    }
}

async fn start(at: &At, folder: &Path) -> Site {
    let _ = tls::provider().install_default();
    let listening = super::listening(at, &places(folder)).await.unwrap();
    let metrics = Arc::new(Metrics::new(&Wiring::default(), "1.2.3", 0));
    let (stage, stop) = (watch::Sender::default(), watch::Sender::new(false));
    let serving = tokio::spawn(serve(listening, metrics, stage.subscribe(), stop.subscribe()).unwrap());
    Site { at: at.listen.parse().unwrap(), stage, stop, serving }
}

async fn open() -> At {
    At { listen: crate::address::free().unwrap().to_string(), tls: None, clients: Callers::None }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_engine_is_ready_while_it_runs_and_lives_all_the_time() {
    let folder = tempfile::tempdir().unwrap();
    let site = start(&open().await, folder.path()).await;
    let ready = async || {
        let live = reqwest::get(format!("http://{}/health/live", site.at)).await.unwrap();
        assert_eq!(live.status(), 200);
        let ready = reqwest::get(format!("http://{}/health/ready", site.at)).await.unwrap();
        (ready.status().as_u16(), ready.text().await.unwrap())
    };
    assert_eq!(ready().await, (503, "starting\n".into()));
    site.stage.send_replace(Stage::Running(Backlogs::default()));
    assert_eq!(ready().await, (200, "ready\n".into()));
    site.stage.send_replace(Stage::Stopping(Backlogs::default()));
    assert_eq!(ready().await, (503, "stopping\n".into()));
    site.stop.send_replace(true);
    site.serving.await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn it_is_read_and_nothing_else() {
    let folder = tempfile::tempdir().unwrap();
    let site = start(&open().await, folder.path()).await;
    let client = Client::new();
    let url = |path: &str| format!("http://{}{path}", site.at);
    let metrics = client.get(url("/metrics")).send().await.unwrap();
    assert_eq!((metrics.status().as_u16(), metrics.headers()["content-type"].to_str().unwrap()), (200, TEXT));
    assert!(metrics.text().await.unwrap().contains("emr_build_info{version=\"1.2.3\"} 1\n"));
    let posted = client.post(url("/metrics")).body("x").send().await.unwrap();
    assert_eq!((posted.status().as_u16(), posted.headers()["allow"].to_str().unwrap()), (405, "GET"));
    assert_eq!(client.get(url("/metrics/more")).send().await.unwrap().status(), 404);
    assert_eq!(client.get(url("/metrics")).body("more than nothing").send().await.unwrap().status(), 413);
}

/// What shows a certificate that it is its own authority for.
fn identity(folder: &Path, name: &str) -> (Certificate, Identity) {
    let made = rcgen::generate_simple_self_signed(vec!["127.0.0.1".into()]).unwrap();
    let (certificate, key) = (made.cert.pem(), made.signing_key.serialize_pem());
    std::fs::write(folder.join(format!("{name}.pem")), &certificate).unwrap();
    std::fs::write(folder.join(format!("{name}.key")), &key).unwrap();
    let both = certificate.clone() + &key;
    (Certificate::from_pem(certificate.as_bytes()).unwrap(), Identity::from_pem(both.as_bytes()).unwrap())
}

#[tokio::test(flavor = "multi_thread")]
async fn who_shows_no_certificate_reads_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let (server, _) = identity(folder.path(), "server");
    let ((_, known), (_, stranger)) = (identity(folder.path(), "client"), identity(folder.path(), "stranger"));
    let key = folder.path().join("server.key").to_str().unwrap().to_owned();
    let at = At {
        tls: Some(("server.pem".into(), key)),
        clients: Callers::MutualTls { ca: "client.pem".into() },
        ..open().await
    };
    let site = start(&at, folder.path()).await;
    let read = async |identity: Option<Identity>| {
        let client = Client::builder().tls_certs_only([server.clone()]);
        let client = identity.into_iter().fold(client, reqwest::ClientBuilder::identity).build().unwrap();
        client.get(format!("https://{}/metrics", site.at)).send().await.map(|answer| answer.status().as_u16())
    };
    assert_eq!(read(Some(known)).await.unwrap(), 200);
    assert!(read(Some(stranger)).await.is_err());
    assert!(read(None).await.is_err());
    assert!(reqwest::get(format!("http://{}/metrics", site.at)).await.is_err());
}

#[tokio::test]
async fn what_is_not_to_be_had_is_said() {
    let folder = tempfile::tempdir().unwrap();
    identity(folder.path(), "server");
    let why = async |at: At| super::listening(&at, &places(folder.path())).await.err().unwrap();
    let no_secret = At { tls: Some(("server.pem".into(), "NONE".into())), ..open().await };
    assert_eq!(why(no_secret).await, "there is no secret `NONE`");
    let no_address = At { listen: "256.0.0.1:1".into(), ..open().await };
    assert!(why(no_address).await.starts_with("it cannot listen on `256.0.0.1:1`: "));
}
