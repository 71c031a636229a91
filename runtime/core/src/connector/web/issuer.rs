//! The keys of an issuer of tokens, as it tells them (OpenID Connect Discovery 1.0 §4): asked for when they are needed,
//! kept for a while, and asked for again where a token names one that is not known.

use std::path::Path;
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use reqwest::{Client, Url};
use serde::Deserialize;
use tokio::sync::Mutex;
use tokio::time::Instant;

use super::super::tls::{Secrets, Why, no_secret};
use super::client;
use super::token::Key;

/// Whoever signs the tokens of those who may call.
pub struct Issuer {
    /// As tokens name it.
    name: String,
    client: Client,
    known: RwLock<Known>,
    /// One asks at a time: when it last did.
    asked: Mutex<Option<Instant>>,
}

#[derive(Clone)]
struct Known {
    keys: Arc<[Key]>,
    since: Option<Instant>,
}

/// The issuer does not answer, and no keys of it are known: nobody can say who a caller is.
#[derive(Debug, PartialEq, Eq)]
pub struct Unreachable;

/// How long keys are good without asking again: as long one that was withdrawn may still be believed.
const FRESH: Duration = Duration::from_secs(3600);

/// How long they are good where the issuer does not answer.
const KEPT: Duration = Duration::from_secs(24 * 3600);

/// How often the issuer is asked at most, whatever tokens name.
const PAUSE: Duration = Duration::from_secs(10);

/// How long its answer may take, in milliseconds.
const PATIENCE: u64 = 10_000;

/// The longest answer that is read.
const ANSWER_MAX: usize = 1 << 20;

/// What of its own description is asked for.
#[derive(Deserialize)]
struct Described {
    issuer: String,
    jwks_uri: String,
}

impl Issuer {
    /// # Errors
    /// Its keys would come over a connection that anybody on the way can change.
    pub fn new(name: &str) -> Result<Issuer, Why> {
        let url = Url::parse(name).map_err(|_| "`issuer` is no URL".to_owned())?;
        if !is_safe(&url) {
            return Err("the keys of `issuer` would come in clear text: it must begin with `https:`".to_owned());
        }
        let none: Secrets = Arc::new(|name| Err(no_secret(name)));
        let settings = client::Settings { tls: None, timeout: PATIENCE, connections: 1 };
        let client = client::client(&settings, Path::new(""), &none)?;
        let known = RwLock::new(Known { keys: Arc::from([]), since: None });
        Ok(Issuer { name: name.to_owned(), client, known, asked: Mutex::new(None) })
    }

    pub fn name(&self) -> &str {
        &self.name
    }

    /// Its keys, with the one of that name if it has one.
    ///
    /// # Errors
    /// None are known, and it does not tell any.
    pub async fn keys(&self, name: Option<&str>) -> Result<Arc<[Key]>, Unreachable> {
        let known = self.known();
        if known.is_good_for(FRESH) && known.has(name) {
            return Ok(known.keys);
        }
        let mut asked = self.asked.lock().await;
        let known = self.known();
        if known.is_good_for(FRESH) && known.has(name) {
            return Ok(known.keys);
        }
        if asked.is_none_or(|asked| asked.elapsed() >= PAUSE) {
            *asked = Some(Instant::now());
            if let Some(keys) = self.ask().await {
                let known = Known { keys: keys.into(), since: Some(Instant::now()) };
                self.known.write().unwrap_or_else(PoisonError::into_inner).clone_from(&known);
                return Ok(known.keys);
            }
        }
        known.is_good_for(KEPT).then_some(known.keys).ok_or(Unreachable)
    }

    fn known(&self) -> Known {
        self.known.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    async fn ask(&self) -> Option<Vec<Key>> {
        let about = format!("{}/.well-known/openid-configuration", self.name.trim_end_matches('/'));
        let described: Described = serde_json::from_slice(&self.read(Url::parse(&about).ok()?).await?).ok()?;
        // Another's description, or keys that anybody could have sent, are worth nothing.
        let keys =
            Url::parse(&described.jwks_uri).ok().filter(|keys| is_safe(keys) && described.issuer == self.name)?;
        Key::set(&self.read(keys).await?)
    }

    /// The whole of an answer that is not too long.
    async fn read(&self, url: Url) -> Option<Vec<u8>> {
        let mut answer = self.client.get(url).send().await.ok().filter(|answer| answer.status().is_success())?;
        let mut all = Vec::new();
        while let Some(part) = answer.chunk().await.ok()? {
            if all.len() + part.len() > ANSWER_MAX {
                return None;
            }
            all.extend_from_slice(&part);
        }
        Some(all)
    }
}

impl Known {
    fn is_good_for(&self, time: Duration) -> bool {
        self.since.is_some_and(|since| since.elapsed() < time)
    }

    fn has(&self, name: Option<&str>) -> bool {
        name.is_none() || self.keys.iter().any(|key| key.name() == name)
    }
}

/// Whether nobody on the way can change what comes: it is encrypted, or does not leave this machine.
fn is_safe(url: &Url) -> bool {
    let is_here = |host: &str| {
        let host = host.trim_matches(['[', ']']);
        host == "localhost" || host.parse::<std::net::IpAddr>().is_ok_and(|address| address.is_loopback())
    };
    url.scheme() == "https" || url.scheme() == "http" && url.host_str().is_some_and(is_here)
}
