//! How a server knows us. Credentials are bound to the scheme, host and port that they were given for.

use std::time::{Duration, Instant};

use reqwest::{Client, RequestBuilder};
use serde::Deserialize;
use tokio::sync::Mutex;

use super::super::tls::{Secret, Secrets, Why};
use super::jws::{Claim, Key};
use crate::clock;

/// `auth` of the settings.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Settings {
    #[default]
    None,
    Basic {
        user: String,
        password: Secret,
    },
    Bearer {
        token: Secret,
    },
    Oauth {
        token_url: String,
        client_id: String,
        client_secret: Secret,
        #[serde(default)]
        scopes: Vec<String>,
    },
    SmartBackend {
        token_url: String,
        client_id: String,
        key: Secret,
        #[serde(default)]
        scopes: Vec<String>,
    },
}

/// What is shown with each request.
pub enum Auth {
    None,
    Basic(String, String),
    Bearer(String),
    /// A token of another server, asked for when it is needed.
    Asked(Box<Asks>),
}

pub struct Asks {
    token_url: String,
    client: String,
    proof: Proof,
    scopes: String,
    token: Mutex<Option<Token>>,
}

enum Proof {
    Secret(String),
    Key(Box<Key>),
}

struct Token {
    text: String,
    until: Instant,
}

/// What a token's server says (RFC 6749 §5.1).
#[derive(Deserialize)]
struct Given {
    access_token: String,
    expires_in: Option<u64>,
}

/// How long a token is good for that does not say.
const LIFE: u64 = 300;

/// A token is not used so near to its end.
const EARLY: Duration = Duration::from_secs(30);

/// How long a statement about ourselves may be believed, in seconds (SMART Backend Services: at most five minutes).
const BELIEVED: i64 = 240;

impl Auth {
    /// # Errors
    /// A secret is not to be had, or is not what it must be.
    pub fn new(settings: &Settings, secrets: &Secrets) -> Result<Auth, Why> {
        Ok(match settings {
            Settings::None => Auth::None,
            Settings::Basic { user, password } => Auth::Basic(user.clone(), password.text(secrets)?),
            Settings::Bearer { token } => Auth::Bearer(token.text(secrets)?),
            Settings::Oauth { token_url, client_id, client_secret, scopes } => {
                Auth::asked(token_url, client_id, Proof::Secret(client_secret.text(secrets)?), scopes)
            }
            Settings::SmartBackend { token_url, client_id, key, scopes } => {
                let read = Key::read(&key.bytes(secrets)?);
                let read =
                    read.ok_or_else(|| format!("the secret `{}` is no P-384 or RSA key in PKCS#8", key.name()))?;
                Auth::asked(token_url, client_id, Proof::Key(Box::new(read)), scopes)
            }
        })
    }

    fn asked(token_url: &str, client: &str, proof: Proof, scopes: &[String]) -> Auth {
        let (token_url, client) = (token_url.to_owned(), client.to_owned());
        Auth::Asked(Box::new(Asks { token_url, client, proof, scopes: scopes.join(" "), token: Mutex::new(None) }))
    }

    /// Shows who we are with a request.
    ///
    /// # Errors
    /// The server of tokens gives none.
    pub async fn shown(&self, client: &Client, request: RequestBuilder) -> Result<RequestBuilder, Why> {
        Ok(match self {
            Auth::None => request,
            Auth::Basic(user, password) => request.basic_auth(user, Some(password)),
            Auth::Bearer(token) => request.bearer_auth(token),
            Auth::Asked(asks) => request.bearer_auth(asks.token(client).await?),
        })
    }

    /// The server did not believe it: another token is asked for, if there is another; whether there may be.
    pub async fn refused(&self) -> bool {
        match self {
            Auth::Asked(asks) => asks.token.lock().await.take().is_some(),
            Auth::None | Auth::Basic(..) | Auth::Bearer(_) => false,
        }
    }
}

impl Asks {
    async fn token(&self, client: &Client) -> Result<String, Why> {
        let mut token = self.token.lock().await;
        if let Some(known) = token.as_ref().filter(|known| known.until > Instant::now()) {
            return Ok(known.text.clone());
        }
        let given = self.ask(client).await?;
        let life = Duration::from_secs(given.expires_in.unwrap_or(LIFE));
        let until = Instant::now() + life.saturating_sub(EARLY.min(life / 2));
        *token = Some(Token { text: given.access_token.clone(), until });
        Ok(given.access_token)
    }

    /// RFC 6749 §4.4, and RFC 7523 §2.2 where a key is the proof.
    async fn ask(&self, client: &Client) -> Result<Given, Why> {
        let mut form = vec![("grant_type", "client_credentials")];
        if !self.scopes.is_empty() {
            form.push(("scope", &self.scopes));
        }
        let signed;
        let mut request = client.post(&self.token_url);
        match &self.proof {
            Proof::Secret(secret) => request = request.basic_auth(&self.client, Some(secret)),
            Proof::Key(key) => {
                let until = clock::microseconds() / 1_000_000 + BELIEVED;
                let claim = Claim { client: &self.client, audience: &self.token_url, until };
                signed = key.signed(&claim).ok_or("the key cannot sign")?;
                form.push(("client_assertion_type", "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"));
                form.push(("client_assertion", &signed));
            }
        }
        let answer = request.form(&form).send().await.map_err(|_| "the server of tokens cannot be reached")?;
        if !answer.status().is_success() {
            return Err(format!("the server of tokens answers {}", answer.status().as_u16()));
        }
        answer.json().await.map_err(|_| "the server of tokens gives no token".to_owned())
    }
}
