//! Writes to a FHIR server: Bundles to its root, other resources by their type.

use std::path::Path;
use std::pin::Pin;

use reqwest::{Client, Method, Response, StatusCode};
use serde::Deserialize;
use tokio::sync::Semaphore;

use super::super::tls::{Secrets, Why};
use super::super::web::auth::{self, Auth};
use super::super::web::client;
use crate::flow::deliver::{Parcel, Target};
use crate::flow::program::Made;
use crate::flow::retry::Failure;

/// What a target to `fhir` is told.
#[derive(Clone, Debug, Deserialize)]
pub struct Settings {
    pub url: String,
    #[serde(default)]
    pub auth: auth::Settings,
    #[serde(flatten)]
    pub client: client::Settings,
    /// Codes of HTTP that ask for another try.
    #[serde(default)]
    pub retry_on: Vec<String>,
}

/// A FHIR server.
pub struct Server {
    root: String,
    auth: Auth,
    client: Client,
    retry_on: Vec<String>,
    room: Semaphore,
}

/// How often a transaction is sent again at once that met another one: servers answer 409 to most of several equal ones
/// that come together.
const AT_ONCE: u32 = 4;

/// The longest answer that is read.
const ANSWER_MAX: usize = 16 << 20;

/// What of a resource says where it goes.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Facts<'a> {
    resource_type: &'a str,
    id: Option<&'a str>,
    #[serde(rename = "type")]
    ty: Option<serde_json::Value>,
}

impl Server {
    /// # Errors
    /// What its TLS or its credentials need is not to be had.
    pub fn new(settings: Settings, folder: &Path, secrets: &Secrets) -> Result<Server, Why> {
        Ok(Server {
            root: settings.url.trim_end_matches('/').to_owned(),
            auth: Auth::new(&settings.auth, secrets)?,
            client: client::client(&settings.client, folder, secrets)?,
            retry_on: settings.retry_on,
            room: Semaphore::new(settings.client.connections),
        })
    }

    async fn send(&self, made: &Made) -> Result<(), Failure> {
        let (method, url) = self.place(&made.bytes)?;
        let _room = self.room.acquire().await;
        let mut conflicts = 0;
        let mut was_refused = false;
        loop {
            let answer = self.request(method.clone(), &url, made).await?;
            match answer.status() {
                StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN if !was_refused && self.auth.refused().await => {
                    was_refused = true;
                }
                StatusCode::CONFLICT if conflicts < AT_ONCE => conflicts += 1,
                _ => return self.judge(answer).await,
            }
        }
    }

    async fn request(&self, method: Method, url: &str, made: &Made) -> Result<Response, Failure> {
        const JSON: &str = "application/fhir+json";
        let request = self.client.request(method, url).header("Content-Type", JSON).header("Accept", JSON);
        let request = request.body(made.bytes.to_vec());
        let request = self.auth.shown(&self.client, request).await.map_err(Failure::Passing)?;
        request.send().await.map_err(|why| Failure::Passing(unreached(&why).to_owned()))
    }

    /// What is to be done with a resource, and where (FHIR R4 §3.1.0).
    fn place(&self, bytes: &[u8]) -> Result<(Method, String), Failure> {
        let facts: Facts<'_> =
            serde_json::from_slice(bytes).map_err(|_| Failure::Final("it is no resource".to_owned()))?;
        let is_request = facts.ty.as_ref().is_some_and(|ty| ty == "transaction" || ty == "batch");
        Ok(match (facts.resource_type, facts.id) {
            ("Bundle", _) if is_request => (Method::POST, self.root.clone()),
            ("Bundle", _) if facts.ty.as_ref().is_some_and(|ty| ty == "message") => {
                (Method::POST, format!("{}/$process-message", self.root))
            }
            (ty, Some(id)) => (Method::PUT, format!("{}/{ty}/{id}", self.root)),
            (ty, None) => (Method::POST, format!("{}/{ty}", self.root)),
        })
    }

    async fn judge(&self, answer: Response) -> Result<(), Failure> {
        let status = answer.status();
        let body = limited(answer).await?;
        if status.is_success() {
            return entries(&body, |code| self.failure(code, "an entry is answered with"));
        }
        let failure = self.failure(status.as_u16(), "it answers");
        Err(match outcome(&body) {
            None => failure,
            Some(said) => failure.because(&said),
        })
    }

    fn failure(&self, code: u16, who: &str) -> Failure {
        let why = format!("{who} {code}");
        let asked = self.retry_on.iter().any(|asked| *asked == code.to_string());
        match code {
            _ if asked => Failure::Passing(why),
            // The lane is held: nothing else will be taken either.
            401 | 403 => Failure::Passing(why),
            408 | 425 | 429 | 500..=599 => Failure::Passing(why),
            _ => Failure::Final(why),
        }
    }
}

impl Target for Server {
    fn deliver<'a>(&'a self, parcel: &'a Parcel) -> Pin<Box<dyn Future<Output = Result<(), Failure>> + Send + 'a>> {
        Box::pin(async move {
            for made in parcel.made.iter() {
                self.send(made).await?;
            }
            Ok(())
        })
    }
}

/// Why there is no answer, without the address and what was sent to it.
fn unreached(why: &reqwest::Error) -> &'static str {
    if why.is_timeout() {
        "it does not answer in time"
    } else if why.is_connect() {
        "it cannot be reached"
    } else {
        "the connection is lost"
    }
}

async fn limited(mut answer: Response) -> Result<Vec<u8>, Failure> {
    let mut body = Vec::new();
    while let Some(part) = answer.chunk().await.map_err(|why| Failure::Passing(unreached(&why).to_owned()))? {
        if body.len() + part.len() > ANSWER_MAX {
            return Err(Failure::Passing("its answer is too long".to_owned()));
        }
        body.extend_from_slice(&part);
    }
    Ok(body)
}

/// What a server did with the entries of a batch (FHIR R4 Bundle.entry.response.status).
#[derive(Deserialize)]
struct Answered {
    #[serde(default)]
    entry: Vec<Entry>,
}

#[derive(Deserialize)]
struct Entry {
    response: Option<Said>,
}

#[derive(Deserialize)]
struct Said {
    status: String,
}

/// The first failure of what an answer says of its entries.
fn entries(body: &[u8], failure: impl Fn(u16) -> Failure) -> Result<(), Failure> {
    let Ok(answered) = serde_json::from_slice::<Answered>(body) else { return Ok(()) };
    let said = answered.entry.into_iter().filter_map(|entry| entry.response);
    let codes = said.filter_map(|said| said.status.get(..3).and_then(|code| code.parse::<u16>().ok()));
    match codes.into_iter().find(|code| *code >= 400) {
        Some(code) => Err(failure(code)),
        None => Ok(()),
    }
}

/// The codes and places of an OperationOutcome, and none of its texts: these may hold what was sent.
fn outcome(body: &[u8]) -> Option<String> {
    #[derive(Deserialize)]
    struct Outcome {
        issue: Vec<Issue>,
    }
    #[derive(Deserialize)]
    struct Issue {
        severity: String,
        code: String,
        #[serde(default)]
        expression: Vec<String>,
    }
    const ISSUES_MAX: usize = 5;
    const TEXT_MAX: usize = 80;
    let outcome: Outcome = serde_json::from_slice(body).ok()?;
    let is_word = |text: &str| text.len() <= TEXT_MAX && text.chars().all(|c| c.is_ascii_alphanumeric() || c == '-');
    let is_path = |text: &&String| {
        text.len() <= TEXT_MAX && text.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '.' | '[' | ']'))
    };
    let issues = outcome.issue.iter().filter(|issue| is_word(&issue.severity) && is_word(&issue.code));
    let said = issues.take(ISSUES_MAX).map(|issue| {
        let at = issue.expression.iter().find(is_path).map(|path| format!(" at {path}")).unwrap_or_default();
        format!("{} {}{at}", issue.severity, issue.code)
    });
    let said: Vec<_> = said.collect();
    (!said.is_empty()).then(|| said.join(", "))
}

#[cfg(test)]
mod tests;
