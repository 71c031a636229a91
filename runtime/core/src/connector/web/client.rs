//! Who asks: a client with its certificates and time-outs. It follows no redirect, so that credentials stay where they
//! belong.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use reqwest::redirect::Policy;
use reqwest::{Certificate, Client, Identity};
use serde::Deserialize;

use super::super::tls::{Secret, Secrets, Why, provider};

/// What of the settings concerns the connection. Times in milliseconds.
#[derive(Clone, Debug, Deserialize)]
pub struct Settings {
    pub tls: Option<Tls>,
    pub timeout: u64,
    #[serde(default = "one")]
    pub connections: usize,
}

/// Who asks one thing after the other needs no more.
fn one() -> usize {
    1
}

#[derive(Clone, Debug, Deserialize)]
pub struct Tls {
    ca: Option<PathBuf>,
    certificate: Option<PathBuf>,
    key: Option<Secret>,
}

/// # Errors
/// A file or secret is not to be had, or not what it must be.
pub fn client(settings: &Settings, folder: &Path, secrets: &Secrets) -> Result<Client, Why> {
    // Every part of the process uses the one provider.
    let _ = provider().install_default();
    let client = Client::builder().redirect(Policy::none()).pool_max_idle_per_host(settings.connections);
    let client = client.timeout(Duration::from_millis(settings.timeout)).user_agent("emr");
    let client = match &settings.tls {
        None => client,
        Some(tls) => with(client, tls, folder, secrets)?,
    };
    client.build().map_err(|_| "the client cannot be made of these certificates".to_owned())
}

/// A client that trusts whom the system trusts.
///
/// # Errors
/// The system has no list of authorities.
pub fn plain(patience: Duration) -> Result<Client, Why> {
    let timeout = u64::try_from(patience.as_millis()).unwrap_or(u64::MAX);
    let nobody: Secrets = std::sync::Arc::new(|_| None);
    client(&Settings { tls: None, timeout, connections: 1 }, Path::new(""), &nobody)
}

fn with(
    client: reqwest::ClientBuilder,
    tls: &Tls,
    folder: &Path,
    secrets: &Secrets,
) -> Result<reqwest::ClientBuilder, Why> {
    let read = |path: &PathBuf| {
        let path = folder.join(path);
        fs::read(&path).map_err(|why| format!("`{}` cannot be read: {why}", path.display()))
    };
    let mut client = client;
    if let Some(ca) = &tls.ca {
        let found = Certificate::from_pem_bundle(&read(ca)?);
        let found = found.map_err(|_| format!("`{}` holds no certificates in PEM", ca.display()))?;
        client = client.tls_certs_only(found);
    }
    match (&tls.certificate, &tls.key) {
        (Some(certificate), Some(key)) => {
            let mut both = read(certificate)?;
            both.extend(key.bytes(secrets)?);
            let own = Identity::from_pem(&both).map_err(|_| "certificate and key do not belong together".to_owned())?;
            Ok(client.identity(own))
        }
        (None, None) => Ok(client),
        _ => Err("a certificate needs its key, and a key its certificate".to_owned()),
    }
}
