//! Who asks: a client with its certificates and time-outs. It follows no redirect, so that credentials stay where they
//! belong.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use reqwest::Client;
use reqwest::redirect::Policy;
use serde::Deserialize;

use super::super::tls::{self, Secrets, Why};

/// What of the settings concerns the connection. Times in milliseconds.
#[derive(Clone, Debug, Deserialize)]
pub struct Settings {
    /// Where nothing is said, whom the system trusts is trusted.
    pub tls: Option<tls::Client>,
    pub timeout: u64,
    #[serde(default = "one")]
    pub connections: usize,
}

/// The versions of HTTP that are spoken, the first before the other.
const HTTP: [&[u8]; 2] = [b"h2", b"http/1.1"];

/// Who asks one thing after the other needs no more.
fn one() -> usize {
    1
}

/// # Errors
/// A file or secret is not to be had, or not what it must be.
pub fn client(settings: &Settings, folder: &Path, secrets: &Secrets) -> Result<Client, Why> {
    let mut tls = settings.tls.clone().unwrap_or_default().config(folder, secrets)?;
    tls.alpn_protocols = HTTP.map(<[u8]>::to_vec).into();
    let client = Client::builder().redirect(Policy::none()).pool_max_idle_per_host(settings.connections);
    let client = client.timeout(Duration::from_millis(settings.timeout)).user_agent("emr");
    let client = client.tls_backend_preconfigured(tls);
    client.build().map_err(|_| "the client cannot be made of these certificates".to_owned())
}

/// A client that trusts whom the system trusts.
///
/// # Errors
/// The system has no list of authorities.
pub fn plain(patience: Duration) -> Result<Client, Why> {
    let timeout = u64::try_from(patience.as_millis()).unwrap_or(u64::MAX);
    let nobody: Secrets = Arc::new(|name| Err(tls::no_secret(name)));
    client(&Settings { tls: None, timeout, connections: 1 }, Path::new(""), &nobody)
}
