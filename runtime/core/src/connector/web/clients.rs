//! Who may call: whoever shows a certificate of the right authorities, bears a token of an issuer, or anybody, where the
//! project says why. It is decided by the head of a request alone.

use std::path::{Path, PathBuf};

use hyper::StatusCode;
use hyper::header::{AUTHORIZATION, HeaderMap, HeaderValue, WWW_AUTHENTICATE};
use serde::Deserialize;

use super::super::tls::Why;
use super::issuer::{Issuer, Unreachable};
use super::outcome::{Issue, Reply, outcome};
use super::token::{Token, Wanted};
use crate::clock;

/// `clients` of the settings.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Settings {
    /// The project says why.
    None,
    MutualTls {
        ca: PathBuf,
    },
    Oauth {
        issuer: String,
        audience: Option<String>,
        #[serde(default)]
        scopes: Vec<String>,
    },
}

pub enum Clients {
    Anyone,
    /// The handshake has asked for one.
    Certified,
    Bearers(Box<Bearers>),
}

pub struct Bearers {
    issuer: Issuer,
    audience: Option<String>,
    scopes: Vec<String>,
}

/// Who calls.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Who {
    Anyone,
    /// The SHA-256 of the certificate, in hexadecimal digits.
    Certified(String),
    /// As the issuer names the client, or the person.
    Bearer(String),
}

impl Who {
    pub fn name(&self) -> &str {
        match self {
            Who::Anyone => "",
            Who::Certified(name) | Who::Bearer(name) => name,
        }
    }
}

/// Why nobody is let in.
#[derive(Debug, PartialEq, Eq)]
pub enum Denied {
    /// Nothing says who it is.
    Unknown,
    /// What says so is not believed.
    Unbelieved,
    /// It is known, and may not.
    Scope(String),
    /// The issuer cannot be asked.
    Later,
}

/// How long one may wait until the issuer is asked again, in seconds.
const AGAIN: HeaderValue = HeaderValue::from_static("10");

impl Settings {
    /// The authorities whose certificates callers must show.
    pub fn authorities(&self) -> Option<&Path> {
        match self {
            Settings::MutualTls { ca } => Some(ca),
            Settings::None | Settings::Oauth { .. } => None,
        }
    }

    /// # Errors
    /// The issuer's keys cannot be had in a safe way.
    pub fn clients(&self) -> Result<Clients, Why> {
        Ok(match self {
            Settings::None => Clients::Anyone,
            Settings::MutualTls { .. } => Clients::Certified,
            Settings::Oauth { issuer, audience, scopes } => {
                let (audience, scopes) = (audience.clone(), scopes.clone());
                Clients::Bearers(Box::new(Bearers { issuer: Issuer::new(issuer)?, audience, scopes }))
            }
        })
    }
}

impl Clients {
    /// Who sends a request with these headers, over a connection on which that certificate was shown.
    ///
    /// # Errors
    /// Nobody who may.
    pub async fn who(&self, headers: &HeaderMap, certificate: Option<&str>) -> Result<Who, Denied> {
        match self {
            Clients::Anyone => Ok(Who::Anyone),
            Clients::Certified => certificate.map(|it| Who::Certified(it.to_owned())).ok_or(Denied::Unknown),
            Clients::Bearers(bearers) => bearers.who(headers).await,
        }
    }
}

impl Bearers {
    async fn who(&self, headers: &HeaderMap) -> Result<Who, Denied> {
        let token = Token::read(borne(headers)?).ok_or(Denied::Unbelieved)?;
        let keys = self.issuer.keys(token.key()).await.map_err(|Unreachable| Denied::Later)?;
        let claims = token.signed_by(&keys).ok_or(Denied::Unbelieved)?;
        let now = clock::microseconds() / 1_000_000;
        let wanted = Wanted { issuer: self.issuer.name(), audience: self.audience.as_deref(), now };
        if !claims.fit(&wanted) {
            return Err(Denied::Unbelieved);
        }
        if self.scopes.iter().all(|scope| claims.has_scope(scope)) {
            Ok(Who::Bearer(claims.bearer().to_owned()))
        } else {
            Err(Denied::Scope(self.scopes.join(" ")))
        }
    }
}

/// The one token that a request bears (RFC 6750 §2.1).
fn borne(headers: &HeaderMap) -> Result<&str, Denied> {
    let mut all = headers.get_all(AUTHORIZATION).iter();
    let (Some(only), None) = (all.next(), all.next()) else {
        return Err(if headers.contains_key(AUTHORIZATION) { Denied::Unbelieved } else { Denied::Unknown });
    };
    let text = only.to_str().map_err(|_| Denied::Unbelieved)?;
    let (scheme, token) = text.split_once(' ').ok_or(Denied::Unbelieved)?;
    if scheme.eq_ignore_ascii_case("bearer") { Ok(token.trim()) } else { Err(Denied::Unknown) }
}

impl Denied {
    /// What the caller is told (RFC 6750 §3): nothing of what it showed.
    pub fn reply(&self) -> Reply {
        let (status, text, challenge) = match self {
            Denied::Unknown => (StatusCode::UNAUTHORIZED, "who calls must show a token", "Bearer".to_owned()),
            Denied::Unbelieved => {
                let challenge = "Bearer error=\"invalid_token\"".to_owned();
                (StatusCode::UNAUTHORIZED, "the token is not accepted", challenge)
            }
            Denied::Scope(scopes) => {
                let challenge = format!("Bearer error=\"insufficient_scope\", scope=\"{scopes}\"");
                (StatusCode::FORBIDDEN, "the token lacks a scope", challenge)
            }
            Denied::Later => {
                let text = "the issuer of tokens cannot be reached";
                let mut reply = outcome(StatusCode::SERVICE_UNAVAILABLE, &Issue::new("transient", text));
                reply.headers_mut().insert(hyper::header::RETRY_AFTER, AGAIN);
                return reply;
            }
        };
        let code = if status == StatusCode::FORBIDDEN { "forbidden" } else { "login" };
        let mut reply = outcome(status, &Issue::new(code, text));
        if let Ok(challenge) = HeaderValue::from_str(&challenge) {
            reply.headers_mut().insert(WWW_AUTHENTICATE, challenge);
        }
        reply
    }
}

#[cfg(test)]
mod tests;
