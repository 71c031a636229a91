//! Writes to a FHIR server: Bundles to its root, other resources by their type.

mod first;
mod place;

use std::path::Path;
use std::pin::Pin;

use reqwest::{Client, Method, RequestBuilder, StatusCode};
use serde::Deserialize;

use super::super::tls::{Secrets, Why};
use super::super::web::ask::{self, Answer};
use crate::flow::deliver::{Parcel, Said, Target};
use crate::flow::program::{Form, Made};
use crate::flow::retry::Failure;
use first::Firsts;
use place::Place;

/// What a target to `fhir` is told.
#[derive(Clone, Debug, Deserialize)]
pub struct Settings {
    url: String,
    #[serde(flatten)]
    server: ask::Settings,
}

/// A FHIR server.
pub struct Server {
    root: String,
    server: ask::Server,
    firsts: Firsts,
}

/// How often a transaction is sent again at once that met another one: servers answer 409 to most of several equal ones
/// that come together.
const AT_ONCE: u32 = 4;

impl Server {
    /// # Errors
    /// What its TLS or its credentials need is not to be had.
    pub fn new(settings: Settings, folder: &Path, secrets: &Secrets) -> Result<Server, Why> {
        let root = settings.url.trim_end_matches('/').to_owned();
        let server = ask::Server::new(&settings.server, folder, secrets)?;
        Ok(Server { root, server, firsts: Firsts::default() })
    }

    async fn send(&self, made: &Made) -> Said {
        let place = match Place::of(&self.root, &made.bytes) {
            Ok(place) => place,
            Err(failure) => return Err(failure).into(),
        };
        let turn = self.firsts.turn(&place.conditions).await;
        let answer = match self.answer(&place, made).await {
            Ok(answer) => answer,
            Err(failure) => return Err(failure).into(),
        };
        let end = self.judge(&answer);
        if end.is_ok() {
            turn.taken();
        }
        let is_json = answer.body.trim_ascii_start().starts_with(b"{");
        Said { end, answer: is_json.then(|| Made { form: Form::Json, bytes: answer.body.into() }) }
    }

    async fn answer(&self, place: &Place, made: &Made) -> Result<Answer, Failure> {
        let mut conflicts = 0;
        loop {
            let answer = self.server.ask(|client| request(client, place, made)).await?;
            if place.is_transaction && answer.status == StatusCode::CONFLICT && conflicts < AT_ONCE {
                conflicts += 1;
                continue;
            }
            return Ok(answer);
        }
    }

    fn judge(&self, answer: &Answer) -> Result<(), Failure> {
        if answer.status.is_success() {
            return entries(&answer.body, |code| self.server.failure(code, "an entry is answered with"));
        }
        let failure = self.server.failure(answer.status.as_u16(), "it answers");
        Err(match outcome(&answer.body) {
            None => failure,
            Some(said) => failure.because(&said),
        })
    }
}

const JSON: &str = "application/fhir+json";

fn request(client: &Client, place: &Place, made: &Made) -> RequestBuilder {
    let request = client.request(place.method.clone(), &place.url).header("Accept", JSON);
    if place.method == Method::GET { request } else { request.header("Content-Type", JSON).body(made.bytes.clone()) }
}

impl Target for Server {
    fn deliver<'a>(&'a self, parcel: &'a Parcel) -> Pin<Box<dyn Future<Output = Said> + Send + 'a>> {
        Box::pin(parcel.each(move |made| self.send(made)))
    }

    /// Asks what it can do (FHIR R4 §3.1.0.9, capabilities), as whom it knows us.
    fn reach(&self) -> Pin<Box<dyn Future<Output = Result<(), Failure>> + Send + '_>> {
        Box::pin(async move {
            let capabilities = format!("{}/metadata", self.root);
            let answer = self.server.ask(|client| client.get(&capabilities).header("Accept", JSON)).await?;
            if answer.status.is_success() {
                return Ok(());
            }
            Err(self.server.failure(answer.status.as_u16(), "asked what it can do, it answers"))
        })
    }
}

/// What a server did with the entries of a batch (FHIR R4 Bundle.entry.response.status).
#[derive(Deserialize)]
struct Answered {
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
