//! Writes to a FHIR server: Bundles to its root, other resources by their type.

mod first;
mod form;
mod place;

use std::path::Path;
use std::pin::Pin;

use bytes::Bytes;
use emr_abi::fhir::Definitions;
use reqwest::{Client, Method, RequestBuilder, StatusCode};
use serde::Deserialize;
use tokio::time::timeout;

use super::super::tls::{Secrets, Why};
use super::super::web::ask::{self, Answer};
use crate::flow::deliver::{Parcel, Said, Target};
use crate::flow::program::{Form, Made};
use crate::flow::retry::Failure;
use first::Firsts;
use form::Format;
use place::Place;

/// What a target to `fhir` is told.
#[derive(Clone, Debug, Deserialize)]
pub struct Settings {
    url: String,
    #[serde(default)]
    format: Format,
    #[serde(flatten)]
    server: ask::Settings,
}

/// A FHIR server.
pub struct Server {
    root: String,
    format: Format,
    types: Definitions,
    server: ask::Server,
    firsts: Firsts,
}

/// How often a transaction is sent again at once that met another one: servers answer 409 to most of several equal ones
/// that come together.
const AT_ONCE: u32 = 4;

/// Why what was answered means nothing.
const NO_FHIR: &str = "it answers 200 with something that is no FHIR, as the page of a proxy";

/// Why a request was not sent that looks for the same as another.
const NOT_ITS_TURN: &str = "it does not answer another in time that looks for the same";

impl Server {
    /// # Errors
    /// What its TLS or its credentials need is not to be had.
    pub fn new(settings: Settings, folder: &Path, secrets: &Secrets, types: &Definitions) -> Result<Server, Why> {
        let root = settings.url.trim_end_matches('/').to_owned();
        let server = ask::Server::new(&settings.server, folder, secrets)?;
        let types = Definitions::clone(types);
        Ok(Server { root, format: settings.format, types, server, firsts: Firsts::default() })
    }

    async fn send(&self, made: &Made) -> Said {
        let place = match Place::of(&self.root, &made.bytes) {
            Ok(place) => place,
            Err(failure) => return Err(failure).into(),
        };
        // A server that hangs is waited for once, and not once for each that came before.
        let turn = match timeout(self.server.patience, self.firsts.turn(&place.conditions)).await {
            Ok(turn) => turn,
            Err(_) => return Err(Failure::Passing(NOT_ITS_TURN.to_owned())).into(),
        };
        let answer = match self.answer(&place, made).await {
            Ok(answer) => answer,
            Err(failure) => return Err(failure).into(),
        };
        let is_silent = answer.body.trim_ascii().is_empty();
        let said = self.format.read(answer.body, &self.types);
        let end = match &said {
            // Whoever has a proxy between hears of it when it asks somebody to log in.
            Ok(None) if answer.status == StatusCode::OK && !is_silent => Err(Failure::Passing(NO_FHIR.to_owned())),
            _ => self.judge(answer.status, &said, place.entries),
        };
        if end.is_ok() {
            turn.taken();
        }
        Said { end, answer: said.ok().flatten().map(|bytes| Made { form: Form::Json, bytes }) }
    }

    async fn answer(&self, place: &Place, made: &Made) -> Result<Answer, Failure> {
        let body = if place.method == Method::GET { None } else { Some(self.format.write(&made.bytes, &self.types)?) };
        let mut conflicts = 0;
        loop {
            let answer = self.server.ask(|client| self.request(client, place, body.as_ref())).await?;
            if place.is_transaction && answer.status == StatusCode::CONFLICT && conflicts < AT_ONCE {
                conflicts += 1;
                continue;
            }
            return Ok(answer);
        }
    }

    fn request(&self, client: &Client, place: &Place, body: Option<&Bytes>) -> RequestBuilder {
        let media = self.format.media();
        let request = client.request(place.method.clone(), &place.url).header("Accept", media);
        match body {
            None => request,
            Some(body) => request.header("Content-Type", media).body(body.clone()),
        }
    }

    /// By the status, and what is said beside it, where so many entries were sent.
    fn judge(&self, status: StatusCode, said: &Result<Option<Bytes>, Why>, sent: usize) -> Result<(), Failure> {
        let resource = said.as_ref().map(Option::as_deref);
        if status.is_success() {
            let entry = |code| self.server.failure(code, "an entry is answered with");
            return match resource {
                Ok(resource) => resource.map_or(Ok(()), |resource| entries(resource, sent, entry)),
                Err(why) => Err(Failure::Final(format!("its answer cannot be read: {why}"))),
            };
        }
        let failure = self.server.failure(status.as_u16(), "it answers");
        let said = resource.ok().flatten().and_then(Outcome::read).map(|outcome| outcome.said());
        Err(match said.filter(|said| !said.is_empty()) {
            None => failure,
            Some(said) => failure.because(&said),
        })
    }
}

impl Target for Server {
    fn deliver<'a>(&'a self, parcel: &'a Parcel) -> Pin<Box<dyn Future<Output = Said> + Send + 'a>> {
        Box::pin(parcel.each(move |made| self.send(made)))
    }

    /// Asks what it can do (FHIR R4 §3.1.0.9, capabilities), as whom it knows us.
    fn reach(&self) -> Pin<Box<dyn Future<Output = Result<(), Failure>> + Send + '_>> {
        Box::pin(async move {
            let capabilities = format!("{}/metadata", self.root);
            let answer =
                self.server.ask(|client| client.get(&capabilities).header("Accept", self.format.media())).await?;
            if answer.status.is_success() {
                return Ok(());
            }
            Err(self.server.failure(answer.status.as_u16(), "asked what it can do, it answers"))
        })
    }

    /// Whoever may write need not be allowed to read, and nothing is written for a look.
    fn untold(&self) -> Option<&'static str> {
        Some("it was asked for `/metadata` alone, and not whether it takes what is sent")
    }
}

/// What a server did with the entries of a batch (FHIR R4 Bundle.entry.response.status).
#[derive(Deserialize)]
struct Answered {
    #[serde(default, rename = "resourceType")]
    ty: String,
    #[serde(default)]
    entry: Vec<Entry>,
}

#[derive(Deserialize)]
struct Entry {
    response: Option<Status>,
}

#[derive(Deserialize)]
struct Status {
    status: String,
}

/// The first failure of what an answer says of the entries that were sent: a Bundle says something of each (FHIR R4
/// §3.1.0.11.2).
fn entries(body: &[u8], sent: usize, failure: impl Fn(u16) -> Failure) -> Result<(), Failure> {
    let Ok(answered) = serde_json::from_slice::<Answered>(body) else {
        return Err(Failure::Final("its answer cannot be read".to_owned()));
    };
    let said = answered.entry.iter().filter_map(|entry| entry.response.as_ref());
    let codes = said.filter_map(|said| said.status.get(..3).and_then(|code| code.parse::<u16>().ok()));
    if let Some(code) = codes.into_iter().find(|code| *code >= 400) {
        return Err(failure(code));
    }
    if answered.ty == "OperationOutcome" {
        return match Outcome::read(body).filter(Outcome::is_failure) {
            Some(outcome) => Err(Failure::Final(format!("it answers that it did it, and {}", outcome.said()))),
            None => Ok(()),
        };
    }
    if answered.ty == "Bundle" && answered.entry.len() < sent {
        let why = format!("it answers {} of {sent} entries", answered.entry.len());
        return Err(Failure::Final(why));
    }
    Ok(())
}

/// What a server says of what it did, or did not do (FHIR R4 OperationOutcome).
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

impl Outcome {
    fn read(body: &[u8]) -> Option<Outcome> {
        serde_json::from_slice(body).ok()
    }

    /// Whether something was not done.
    fn is_failure(&self) -> bool {
        self.issue.iter().any(|issue| matches!(issue.severity.as_str(), "error" | "fatal"))
    }

    /// Its codes and places, and none of its texts: these may hold what was sent.
    fn said(&self) -> String {
        const ISSUES_MAX: usize = 5;
        const TEXT_MAX: usize = 80;
        let is_word =
            |text: &str| text.len() <= TEXT_MAX && text.chars().all(|c| c.is_ascii_alphanumeric() || c == '-');
        let is_path = |text: &&String| {
            text.len() <= TEXT_MAX && text.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '.' | '[' | ']'))
        };
        let issues = self.issue.iter().filter(|issue| is_word(&issue.severity) && is_word(&issue.code));
        let said = issues.take(ISSUES_MAX).map(|issue| {
            let at = issue.expression.iter().find(is_path).map(|path| format!(" at {path}")).unwrap_or_default();
            format!("{} {}{at}", issue.severity, issue.code)
        });
        said.collect::<Vec<_>>().join(", ")
    }
}

#[cfg(test)]
mod tests;
