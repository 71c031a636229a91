//! TLS for those who listen and those who connect: rustls with ring, TLS 1.2 and 1.3.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use rustls::server::WebPkiClientVerifier;
use rustls::{ClientConfig, RootCertStore, ServerConfig};
use serde::Deserialize;
use tokio_rustls::{TlsAcceptor, TlsConnector};

/// Gives secrets by their names, or says that there is none of that name ([`no_secret`]), or why it cannot be read.
pub type Secrets = Arc<dyn Fn(&str) -> Result<Vec<u8>, Why> + Send + Sync>;

/// Why nothing is given for a name that nobody knows.
pub fn no_secret(name: &str) -> Why {
    format!("there is no secret `{name}`")
}

/// What a listener shows and asks for.
#[derive(Clone, Debug, Deserialize)]
#[serde(untagged)]
pub enum Listen {
    /// `"none"`: the project says why.
    None(None),
    Tls(Server),
}

/// The only word that stands for no TLS.
#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum None {
    None,
}

#[derive(Clone, Debug, Deserialize)]
pub struct Server {
    certificate: PathBuf,
    key: Secret,
    /// The authorities whose certificates senders must show.
    clients: Option<PathBuf>,
}

/// What one that connects checks and shows.
#[derive(Clone, Debug, Default, Deserialize)]
pub struct Client {
    ca: Option<PathBuf>,
    certificate: Option<PathBuf>,
    key: Option<Secret>,
    /// The name that the other side's certificate must have, where it is not that of its address.
    name: Option<String>,
}

/// A secret by its name.
#[derive(Clone, Debug, Deserialize)]
pub struct Secret {
    secret: String,
}

impl Secret {
    pub fn name(&self) -> &str {
        &self.secret
    }

    /// # Errors
    /// There is none of that name, or it cannot be read.
    pub fn bytes(&self, secrets: &Secrets) -> Result<Vec<u8>, Why> {
        secrets(&self.secret)
    }

    /// Without the line end that files have behind their last line.
    ///
    /// # Errors
    /// There is none of that name, it cannot be read, or it is no text.
    pub fn text(&self, secrets: &Secrets) -> Result<String, Why> {
        let text = String::from_utf8(without_line_end(self.bytes(secrets)?));
        text.map_err(|_| format!("the secret `{}` is no text in UTF-8", self.secret))
    }
}

/// A secret without the line end that files have behind their last line.
pub fn without_line_end(mut secret: Vec<u8>) -> Vec<u8> {
    while matches!(secret.last(), Some(b'\r' | b'\n')) {
        secret.pop();
    }
    secret
}

/// Why there is no TLS: never what a secret holds.
pub type Why = String;

impl Server {
    /// `key` is the name of a secret.
    pub fn new(certificate: impl Into<PathBuf>, key: impl Into<String>) -> Server {
        Server { certificate: certificate.into(), key: Secret { secret: key.into() }, clients: Option::None }
    }

    /// # Errors
    /// A file or secret is not to be had, or not what it must be.
    pub fn acceptor(&self, folder: &Path, secrets: &Secrets) -> Result<TlsAcceptor, Why> {
        Ok(TlsAcceptor::from(Arc::new(self.config(self.clients.as_deref(), folder, secrets)?)))
    }

    /// The same for HTTP/1.1 and HTTP/2, where those who must show a certificate are told elsewhere.
    ///
    /// # Errors
    /// As for [`acceptor`](Server::acceptor).
    pub fn of_http(&self, clients: Option<&Path>, folder: &Path, secrets: &Secrets) -> Result<TlsAcceptor, Why> {
        let mut config = self.config(clients, folder, secrets)?;
        config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
        Ok(TlsAcceptor::from(Arc::new(config)))
    }

    fn config(&self, clients: Option<&Path>, folder: &Path, secrets: &Secrets) -> Result<ServerConfig, Why> {
        let shown = certificates(&folder.join(&self.certificate))?;
        let key = key(&self.key, secrets)?;
        let config = ServerConfig::builder_with_provider(Arc::new(provider()));
        let config = config.with_safe_default_protocol_versions().map_err(|why| why.to_string())?;
        let config = match clients {
            Option::None => config.with_no_client_auth(),
            Some(authorities) => {
                let roots = roots(&folder.join(authorities))?;
                let verifier = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), Arc::new(provider()));
                config.with_client_cert_verifier(verifier.build().map_err(|why| why.to_string())?)
            }
        };
        config.with_single_cert(shown, key).map_err(|why| format!("certificate and key: {why}"))
    }
}

impl Client {
    /// What connects to an address, and the name that is checked there.
    ///
    /// # Errors
    /// A file or secret is not to be had, or not what it must be.
    pub fn connector(
        &self,
        address: &str,
        folder: &Path,
        secrets: &Secrets,
    ) -> Result<(TlsConnector, ServerName<'static>), Why> {
        let host = address.rsplit_once(':').map_or(address, |(host, _)| host).trim_matches(['[', ']']);
        let name = match self.named()? {
            Some(name) => name,
            Option::None => server_name(host)?,
        };
        Ok((TlsConnector::from(Arc::new(self.config(folder, secrets)?)), name))
    }

    /// The name that the other side's certificate must have, where the settings say one.
    ///
    /// # Errors
    /// It is none that a certificate can have.
    pub fn named(&self) -> Result<Option<ServerName<'static>>, Why> {
        self.name.as_deref().map(server_name).transpose()
    }

    /// # Errors
    /// As for [`connector`](Client::connector).
    pub fn config(&self, folder: &Path, secrets: &Secrets) -> Result<ClientConfig, Why> {
        let roots = match &self.ca {
            Some(ca) => roots(&folder.join(ca))?,
            Option::None => system_roots()?,
        };
        let config = ClientConfig::builder_with_provider(Arc::new(provider()));
        let config = config.with_safe_default_protocol_versions().map_err(|why| why.to_string())?;
        let config = config.with_root_certificates(roots);
        match (&self.certificate, &self.key) {
            (Some(certificate), Some(own)) => {
                let shown = certificates(&folder.join(certificate))?;
                config.with_client_auth_cert(shown, key(own, secrets)?).map_err(|why| why.to_string())
            }
            (Option::None, Option::None) => Ok(config.with_no_client_auth()),
            _ => Err("a certificate needs its key, and a key its certificate".to_owned()),
        }
    }
}

fn server_name(name: &str) -> Result<ServerName<'static>, Why> {
    ServerName::try_from(name.to_owned()).map_err(|_| "a certificate cannot have that name".to_owned())
}

/// The one provider of cryptography.
pub(crate) fn provider() -> rustls::crypto::CryptoProvider {
    rustls::crypto::ring::default_provider()
}

fn certificates(path: &Path) -> Result<Vec<CertificateDer<'static>>, Why> {
    let text = fs::read(path).map_err(|why| format!("`{}` cannot be read: {why}", path.display()))?;
    let found: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(&text).collect();
    match found {
        Ok(found) if !found.is_empty() => Ok(found),
        _ => Err(format!("`{}` holds no certificates in PEM", path.display())),
    }
}

fn roots(path: &Path) -> Result<RootCertStore, Why> {
    let mut roots = RootCertStore::empty();
    for certificate in certificates(path)? {
        roots.add(certificate).map_err(|why| format!("`{}`: {why}", path.display()))?;
    }
    Ok(roots)
}

/// The authorities that the system trusts, or that `SSL_CERT_FILE` and `SSL_CERT_DIR` of the environment name.
fn system_roots() -> Result<RootCertStore, Why> {
    let mut roots = RootCertStore::empty();
    // One that rustls does not understand is not trusted, and no reason to trust none.
    roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
    if roots.is_empty() {
        return Err("the system has no list of authorities: name them with `ca`".to_owned());
    }
    Ok(roots)
}

fn key(secret: &Secret, secrets: &Secrets) -> Result<PrivateKeyDer<'static>, Why> {
    let read = PrivateKeyDer::from_pem_slice(&secret.bytes(secrets)?);
    read.map_err(|_| format!("the secret `{}` is no private key in PEM", secret.name()))
}
