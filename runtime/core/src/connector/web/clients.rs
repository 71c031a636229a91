//! Who may call: whoever shows a certificate of the right authorities, bears a token of an issuer, or anybody, where the
//! project says why. It is decided by the head of a request alone.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use hyper::StatusCode;
use hyper::header::{AUTHORIZATION, HeaderMap, HeaderValue, RETRY_AFTER, WWW_AUTHENTICATE};
use serde::Deserialize;

use super::super::tls::Why;
use super::certificate::Certificate;
use super::issuer::{Issuer, Unreachable};
use super::outcome::{Issue, Reply};
use super::token::{Claims, Token, Wanted};
use crate::clock;

/// `clients` of the settings.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Settings {
    /// The project says why.
    None,
    /// Those with a certificate of the authorities of this file.
    MutualTls { ca: PathBuf },
    /// Those with a token of an issuer, for this audience if it says one, and with all of these scopes.
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
#[derive(Clone, Debug, PartialEq)]
pub enum Who {
    Anyone,
    Certified(Arc<Certificate>),
    /// What the issuer says of the client, or the person.
    Bearer(Box<Claims>),
}

impl Who {
    /// What people call it; empty where nobody knows.
    pub fn name(&self) -> &str {
        match self {
            Who::Anyone => "",
            Who::Certified(certificate) => &certificate.name,
            Who::Bearer(claims) => claims.bearer(),
        }
    }

    /// What tells it from all others.
    pub fn key(&self) -> &str {
        match self {
            Who::Certified(certificate) => &certificate.fingerprint,
            _ => self.name(),
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
    /// It is known by its certificate, and is not among those who may.
    Name,
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
    pub async fn who(&self, headers: &HeaderMap, certificate: Option<&Arc<Certificate>>) -> Result<Who, Denied> {
        match self {
            Clients::Anyone => Ok(Who::Anyone),
            Clients::Certified => certificate.cloned().map(Who::Certified).ok_or(Denied::Unknown),
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
            Ok(Who::Bearer(Box::new(claims)))
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
    /// What the caller is told (RFC 6750 §3), in the words that the place has for it: nothing of what it showed.
    pub fn reply(&self, word: impl Fn(StatusCode, &Issue) -> Reply) -> Reply {
        let (status, code, text) = match self {
            Denied::Unknown => (StatusCode::UNAUTHORIZED, "login", "who calls must show a token"),
            Denied::Unbelieved => (StatusCode::UNAUTHORIZED, "login", "the token is not accepted"),
            Denied::Scope(_) => (StatusCode::FORBIDDEN, "forbidden", "the token lacks a scope"),
            Denied::Name => (StatusCode::FORBIDDEN, "forbidden", "the owner of the certificate may not do this"),
            Denied::Later => (StatusCode::SERVICE_UNAVAILABLE, "transient", "the issuer of tokens cannot be reached"),
        };
        let (header, value) = match self {
            Denied::Unknown => (WWW_AUTHENTICATE, Some(HeaderValue::from_static("Bearer"))),
            Denied::Unbelieved => (WWW_AUTHENTICATE, Some(HeaderValue::from_static("Bearer error=\"invalid_token\""))),
            Denied::Scope(scopes) => {
                let challenge = format!("Bearer error=\"insufficient_scope\", scope=\"{scopes}\"");
                (WWW_AUTHENTICATE, HeaderValue::from_str(&challenge).ok())
            }
            Denied::Name => (WWW_AUTHENTICATE, None),
            Denied::Later => (RETRY_AFTER, Some(AGAIN)),
        };
        let mut reply = word(status, &Issue::new(code, text));
        reply.headers_mut().extend(value.map(|value| (header, value)));
        reply
    }
}

#[cfg(test)]
pub mod tests;
