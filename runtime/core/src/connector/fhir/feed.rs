//! Is written to like a FHIR server (FHIR R4 §3.1.0, §3.1.6): resources of the types that the feed accepts are created and
//! updated, Bundles sent to the root or as messages. Nothing can be read from it but what it takes.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use emr_abi::wiring;
use hyper::header::{ALLOW, HeaderMap, HeaderName, HeaderValue, IF_MATCH};
use hyper::http::request::Parts;
use hyper::{Method, StatusCode};
use serde::Deserialize;
use tokio::sync::watch;

use super::super::web::clients::Who;
use super::super::web::listening::{self, Listening};
use super::super::web::media::{Media, text};
use super::super::web::outcome::{FHIR_JSON, Issue, Reply, later, outcome, reply};
use super::super::web::server::{Call, Desk};
use super::super::web::taken::{Taken, take};
use super::super::{Feed, Places, Serving, Why};
use super::envelope::Envelope;
use super::told;
use crate::flow::intake::{Intake, Sent};
use crate::flow::witness::Happening;
use crate::journal::fs::Disk;

/// What a feed from `fhir` is told.
#[derive(Clone, Debug, Deserialize)]
pub struct Settings {
    #[serde(flatten)]
    listening: listening::Settings,
    /// The path of the root.
    at: String,
}

/// An address at which resources can be written.
pub struct Written {
    listening: Listening,
    takes: Takes,
}

/// What is taken, and where.
struct Takes {
    root: String,
    types: Vec<String>,
    patience: Duration,
}

impl Written {
    /// # Errors
    /// The address, a certificate or a key is not to be had.
    pub async fn new(settings: Settings, feed: &wiring::Feed, places: &Places) -> Result<Written, Why> {
        let root = settings.at.trim_end_matches('/').to_owned();
        let takes = Takes { root, types: feed.resources.clone(), patience: settings.listening.patience() };
        Ok(Written { listening: Listening::new(&settings.listening, places).await?, takes })
    }
}

impl Feed for Written {
    fn listen(self: Box<Self>, intake: Arc<Intake<Disk>>, stop: watch::Receiver<bool>) -> io::Result<Serving> {
        self.listening.serve(Rest { intake, takes: self.takes }, stop)
    }
}

struct Rest {
    intake: Arc<Intake<Disk>>,
    takes: Takes,
}

/// What is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Wish<'r> {
    Metadata,
    Create(&'r str),
    Update(&'r str, &'r str),
    /// Of `transaction` or `batch`, at the root.
    Bundle,
    /// `$process-message`
    Message,
}

/// Why nothing comes of a request, whatever its body is.
enum Wrong {
    NotFound,
    /// Something else can be done at that place.
    Method(&'static str),
    Media,
    /// It asks for what depends on versions.
    Version,
}

/// What a sender wants to read of what it sent (RFC 7240 §4.2, FHIR R4 §3.1.0.1.7).
const PREFER: HeaderName = HeaderName::from_static("prefer");

impl Takes {
    fn wish<'r>(&self, head: &'r Parts) -> Result<Wish<'r>, Wrong> {
        let path = head.uri.path().strip_prefix(self.root.as_str()).ok_or(Wrong::NotFound)?;
        let places: Vec<&str> = path.trim_matches('/').split('/').collect();
        let may =
            |method: Method, allowed, wish| if head.method == method { Ok(wish) } else { Err(Wrong::Method(allowed)) };
        let wish = match places.as_slice() {
            ["metadata"] => return may(Method::GET, "GET", Wish::Metadata),
            [""] if self.take("Bundle") => may(Method::POST, "POST", Wish::Bundle),
            ["$process-message"] if self.take("Bundle") => may(Method::POST, "POST", Wish::Message),
            [name] if self.take(name) => may(Method::POST, "POST", Wish::Create(name)),
            [name, id] if self.take(name) && is_id(id) => may(Method::PUT, "PUT", Wish::Update(name, id)),
            _ => Err(Wrong::NotFound),
        }?;
        if !Media::of_body(&head.headers).is_some_and(|media| media.is_fhir_json()) {
            return Err(Wrong::Media);
        }
        if head.headers.contains_key(IF_MATCH) { Err(Wrong::Version) } else { Ok(wish) }
    }

    fn take(&self, name: &str) -> bool {
        let is_name = name.starts_with(|letter: char| letter.is_ascii_uppercase());
        is_name && self.types.iter().any(|known| known == name || known == "Resource")
    }
}

/// FHIR R4 §2.24.0.1
fn is_id(text: &str) -> bool {
    let is_letter = |letter: char| letter.is_ascii_alphanumeric() || matches!(letter, '-' | '.');
    (1..=64).contains(&text.len()) && text.chars().all(is_letter)
}

impl Wish<'_> {
    /// What of a body does not fit.
    fn misses(self, envelope: &Envelope) -> Option<Issue> {
        let is_wrong = match self {
            Wish::Metadata => false,
            Wish::Create(name) => envelope.resource_type != name,
            Wish::Update(name, id) => envelope.resource_type != name || envelope.id.as_deref() != Some(id),
            Wish::Bundle if !matches!(envelope.bundle(), Some("transaction" | "batch")) => true,
            Wish::Bundle => {
                if !envelope.entry.iter().all(|entry| entry.writes()) {
                    return Some(Issue::new("not-supported", "each entry must have a request that writes"));
                }
                false
            }
            Wish::Message => envelope.message().is_none(),
        };
        let text = match self {
            Wish::Metadata | Wish::Create(_) => "the resource is of another type than its address",
            Wish::Update(..) => "type and id of the resource must be those of its address",
            Wish::Bundle => "the root takes a Bundle of type transaction or batch",
            Wish::Message => "a message is a Bundle of that type whose first entry is a MessageHeader",
        };
        is_wrong.then(|| Issue::new("invalid", text))
    }
}

impl Desk for Rest {
    fn refuse(&self, head: &Parts, _: &Who) -> Option<Reply> {
        self.takes.wish(head).err().map(Wrong::reply)
    }

    async fn answer(&self, call: Call) -> Reply {
        let wish = match self.takes.wish(&call.head) {
            Ok(Wish::Metadata) => {
                let able = told::capabilities(self.intake.name(), &self.takes.types, self.takes.take("Bundle"));
                return reply(StatusCode::OK, FHIR_JSON, able.to_string());
            }
            Ok(wish) => wish,
            Err(wrong) => return wrong.reply(),
        };
        let Some(envelope) = Envelope::read(&call.body) else {
            return outcome(StatusCode::BAD_REQUEST, &Issue::new("structure", "it is no resource in JSON"));
        };
        if let Some(issue) = wish.misses(&envelope) {
            return outcome(StatusCode::BAD_REQUEST, &issue);
        }
        let claim = envelope.claim(&call.head.headers, &call.who);
        let sent = Sent { message: call.body.clone(), file: None, claim };
        match take(&self.intake, sent, self.takes.patience).await {
            Some(taken) => taken.named(self.told(wish, &taken, &envelope, &call)),
            None => later(outcome, "no more resources can be taken now"),
        }
    }

    fn see(&self, what: &Happening<'_>) {
        self.intake.see(what);
    }
}

impl Rest {
    fn told(&self, wish: Wish<'_>, taken: &Taken, envelope: &Envelope, call: &Call) -> Reply {
        let done = if matches!(wish, Wish::Create(_)) { StatusCode::CREATED } else { StatusCode::OK };
        let status = taken.status(done);
        if let Some(issue) = taken.issue() {
            return outcome(status, &issue);
        }
        if let Some(made) = &taken.reply {
            return reply(status, FHIR_JSON, made.bytes.clone());
        }
        match wish {
            Wish::Bundle => reply(status, FHIR_JSON, told::each(envelope, taken.is_under_way).to_string()),
            Wish::Message => {
                let answer = told::response(&call.body, self.intake.name(), &taken.receipt);
                reply(status, FHIR_JSON, answer.to_string())
            }
            _ => preferred(status, &call.head.headers, &call.body, &taken.receipt),
        }
    }
}

/// Nothing, unless the sender asks for more.
fn preferred(status: StatusCode, headers: &HeaderMap, body: &Bytes, receipt: &str) -> Reply {
    let wanted = text(headers, PREFER).unwrap_or_default().split([',', ';']).map(str::trim);
    match wanted.filter_map(|part| part.strip_prefix("return=")).next() {
        Some("representation") => reply(status, FHIR_JSON, body.clone()),
        Some("OperationOutcome") => outcome(status, &Issue::information(format!("its receipt is {receipt}"))),
        _ => {
            let mut nothing = reply(status, FHIR_JSON, Bytes::new());
            nothing.headers_mut().remove(hyper::header::CONTENT_TYPE);
            nothing
        }
    }
}

impl Wrong {
    fn reply(self) -> Reply {
        let (status, code, text) = match self {
            Wrong::NotFound => (StatusCode::NOT_FOUND, "not-found", "there is nothing at this place"),
            Wrong::Method(_) => (StatusCode::METHOD_NOT_ALLOWED, "not-supported", "this is not done at this place"),
            Wrong::Media => (
                StatusCode::UNSUPPORTED_MEDIA_TYPE,
                "not-supported",
                "resources are taken as application/fhir+json, of R4",
            ),
            Wrong::Version => (StatusCode::PRECONDITION_FAILED, "conflict", "no versions are known here to be matched"),
        };
        let mut reply = outcome(status, &Issue::new(code, text));
        if let Wrong::Method(allowed) = self {
            reply.headers_mut().insert(ALLOW, HeaderValue::from_static(allowed));
        }
        reply
    }
}
