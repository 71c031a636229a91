//! Takes what is posted: messages of HL7 v2, and resources of FHIR as JSON where the feed accepts any.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use emr_abi::wiring;
use emr_message::Charset;
use emr_message::answer::Code;
use emr_message::header::Header;
use hyper::header::{ALLOW, CONTENT_TYPE, HeaderMap, HeaderValue};
use hyper::http::request::Parts;
use hyper::{Method, StatusCode};
use serde::Deserialize;
use serde_json::json;
use tokio::sync::watch;
use xxhash_rust::xxh3::xxh3_64_with_seed;

use super::super::batch::{Batch, Unwrap, of_all};
use super::super::fhir::envelope::{self, Envelope};
use super::super::web::clients::Who;
use super::super::web::listening::{self, Listening};
use super::super::web::media::Media;
use super::super::web::outcome::{FHIR_JSON, Issue, Reply, later, outcome, outcomes, reply};
use super::super::web::server::{Call, Desk};
use super::super::web::taken::{Taken, take, take_all};
use super::super::{Feed, Places, Serving, Why, answered};
use crate::flow::intake::{Intake, Sent};
use crate::flow::program::{Form, Made};
use crate::flow::witness::Happening;
use crate::journal::fs::Disk;

/// What a feed from `http` is told.
#[derive(Clone, Debug, Deserialize)]
pub struct Settings {
    #[serde(flatten)]
    listening: listening::Settings,
    /// The path under which messages are posted.
    at: String,
    /// That of messages whose MSH-18 is empty.
    charset: Option<String>,
    unwrap: Option<Unwrap>,
}

/// An address to which messages can be posted.
pub struct Posted {
    listening: Listening,
    takes: Takes,
}

/// What is taken.
#[derive(Clone)]
struct Takes {
    at: String,
    charset: Charset,
    messages: bool,
    resources: bool,
    unwrap: Option<Unwrap>,
    patience: Duration,
}

impl Posted {
    /// # Errors
    /// The address, a certificate or a key is not to be had.
    pub async fn new(settings: Settings, feed: &wiring::Feed, places: &Places) -> Result<Posted, Why> {
        let charset = settings.charset.as_deref().map_or(Ok(Charset::Utf8), Charset::named);
        let takes = Takes {
            at: settings.at.trim_end_matches('/').to_owned(),
            charset: charset.map_err(|_| "`charset` names none that is known".to_owned())?,
            messages: feed.messages,
            resources: !feed.resources.is_empty(),
            unwrap: settings.unwrap,
            patience: settings.listening.patience(),
        };
        Ok(Posted { listening: Listening::new(&settings.listening, places).await?, takes })
    }
}

impl Feed for Posted {
    fn listen(self: Box<Self>, intake: Arc<Intake<Disk>>, stop: watch::Receiver<bool>) -> io::Result<Serving> {
        self.listening.serve(Posts { intake, takes: self.takes }, stop)
    }
}

struct Posts {
    intake: Arc<Intake<Disk>>,
    takes: Takes,
}

/// What a body is.
enum Kind {
    /// With what its sender says of its charset.
    Message(Option<Charset>),
    Resource,
}

impl Takes {
    /// What a body is; nothing if such are not taken.
    fn kind(&self, headers: &HeaderMap) -> Option<Kind> {
        let media = Media::of_body(headers)?;
        if is_message(&media) && self.messages {
            let charset = media.parameter("charset").map(Charset::named);
            return charset.transpose().ok().map(Kind::Message);
        }
        (media.is_fhir_json() && self.resources).then_some(Kind::Resource)
    }

    /// Which types of content are taken, for whoever sent another.
    fn said(&self) -> String {
        let messages = "`application/hl7-v2`, `x-application/hl7-v2+er7` or `text/plain`, in a charset that is known";
        match (self.messages, self.resources) {
            (true, true) => format!("taken here: {messages}, and `application/fhir+json`"),
            (true, false) => format!("taken here: {messages}"),
            _ => "taken here: `application/fhir+json`".to_owned(),
        }
    }

    /// Whether a message is in the charset that its sender's HTTP says: it is read by what its own header says.
    fn is_in(&self, message: &[u8], charset: Charset) -> bool {
        let header = Header::read(message);
        let said = header.as_ref().map(|header| header.component(18, 1)).unwrap_or_default();
        let own = match said {
            b"" => Ok(self.charset),
            said => Charset::named(&String::from_utf8_lossy(said)),
        };
        own == Ok(charset) || message.is_ascii() && charset.decode(message).is_ok_and(|text| text.as_bytes() == message)
    }
}

/// As HAPI's HL7 over HTTP calls them, and as anybody may.
fn is_message(media: &Media) -> bool {
    matches!(media.name.as_str(), "application/hl7-v2" | "x-application/hl7-v2+er7" | "text/plain")
}

impl Desk for Posts {
    fn refuse(&self, head: &Parts, _: &Who) -> Option<Reply> {
        if head.uri.path().trim_end_matches('/') != self.takes.at {
            return Some(outcome(StatusCode::NOT_FOUND, &Issue::new("not-found", "there is nothing at this place")));
        }
        if head.method != Method::POST {
            let issue = Issue::new("not-supported", "messages are posted here");
            let mut reply = outcome(StatusCode::METHOD_NOT_ALLOWED, &issue);
            reply.headers_mut().insert(ALLOW, HeaderValue::from_static("POST"));
            return Some(reply);
        }
        self.takes.kind(&head.headers).is_none().then(|| other_media(&self.takes.said()))
    }

    async fn answer(&self, call: Call) -> Reply {
        match self.takes.kind(&call.head.headers) {
            Some(Kind::Message(charset)) => {
                let batch = self.takes.unwrap.and_then(|Unwrap::Batch| Batch::read(&call.body));
                let one = std::slice::from_ref(&call.body);
                let mut messages = batch.as_ref().map_or(one, |batch| &batch.messages).iter();
                if charset.is_some_and(|charset| !messages.all(|message| self.takes.is_in(message, charset))) {
                    return other_media("MSH-18 and the charset of the content's type do not agree");
                }
                match batch {
                    Some(batch) => self.batch(&call, batch).await,
                    None => self.message(&call).await,
                }
            }
            Some(Kind::Resource) => self.resource(&call).await,
            None => other_media(&self.takes.said()),
        }
    }

    fn see(&self, what: &Happening<'_>) {
        self.intake.see(what);
    }
}

impl Posts {
    async fn message(&self, call: &Call) -> Reply {
        let claim = envelope::key(&call.head.headers, &call.who);
        let Some(taken) = self.take(&call.body, claim).await else { return later(outcome, BUSY) };
        if let Some(made) = &taken.reply {
            return replied(&taken, made);
        }
        let header = Header::read(&call.body).filter(|_| wants_acknowledgment(&call.head.headers));
        let Some((header, code)) = header.zip(taken.verdict.code()) else { return told(&taken) };
        let acknowledgment = answered(&header, code, taken.problem().as_slice());
        taken.named(reply(taken.status(StatusCode::OK), as_sent(call), acknowledgment))
    }

    /// Takes the messages of a batch in, each for itself. Their sender hears of all at once: which of them are refused, or
    /// the receipts of all of them.
    async fn batch(&self, call: &Call, Batch { messages, header }: Batch) -> Reply {
        let key = envelope::key(&call.head.headers, &call.who);
        let sent = (0_u64..).zip(messages).map(|(number, message)| {
            let claim = key.map(|key| xxh3_64_with_seed(&number.to_le_bytes(), key));
            Sent { message, file: None, claim }
        });
        let all = take_all(&self.intake, sent.collect(), self.takes.patience).await;
        let Some(all) = all else { return later(outcome, BUSY) };
        let issues = (1..).zip(&all).filter_map(|(number, taken)| Some(taken.issue()?.of_message(number)));
        let issues: Vec<_> = issues.collect();
        let status = match &issues[..] {
            [] if all.iter().any(|taken| taken.is_under_way) => StatusCode::ACCEPTED,
            [] => StatusCode::OK,
            _ => StatusCode::UNPROCESSABLE_ENTITY,
        };
        if let Some(header) = Header::read(&header).filter(|_| wants_acknowledgment(&call.head.headers)) {
            let problems: Vec<_> = all.iter().filter_map(Taken::problem).map(of_all).collect();
            let code = if problems.is_empty() { Code::Accept } else { Code::Error };
            return reply(status, as_sent(call), answered(&header, code, &problems));
        }
        if issues.is_empty() {
            let receipts: Vec<_> = all.iter().map(|taken| &taken.receipt).collect();
            return reply(status, JSON, json!({ "receipts": receipts }).to_string());
        }
        outcomes(status, &issues)
    }

    async fn resource(&self, call: &Call) -> Reply {
        let Some(envelope) = Envelope::read(&call.body) else {
            return outcome(StatusCode::BAD_REQUEST, &Issue::new("structure", "it is no resource in JSON"));
        };
        let claim = envelope.claim(&call.head.headers, &call.who);
        self.take(&call.body, claim).await.map_or_else(|| later(outcome, BUSY), |taken| told(&taken))
    }

    async fn take(&self, message: &Bytes, claim: Option<u64>) -> Option<Taken> {
        take(&self.intake, Sent { message: message.clone(), file: None, claim }, self.takes.patience).await
    }
}

/// What of a message stands in its answer is in the charset of the message.
fn as_sent(call: &Call) -> HeaderValue {
    call.head.headers.get(CONTENT_TYPE).cloned().unwrap_or(HeaderValue::from_static("text/plain"))
}

const JSON: HeaderValue = HeaderValue::from_static("application/json");

const BUSY: &str = "no more messages can be taken now";

/// The receipt, or what is wrong.
fn told(taken: &Taken) -> Reply {
    if let Some(made) = &taken.reply {
        return replied(taken, made);
    }
    let status = taken.status(StatusCode::OK);
    let told = match taken.issue() {
        Some(issue) => outcome(status, &issue),
        None => reply(status, JSON, json!({ "receipt": taken.receipt }).to_string()),
    };
    taken.named(told)
}

/// What a target said, as it was made for the sender.
fn replied(taken: &Taken, made: &Made) -> Reply {
    let kind = match made.form {
        Form::Json => FHIR_JSON,
        Form::Message => HeaderValue::from_static("application/hl7-v2"),
    };
    taken.named(reply(taken.status(StatusCode::OK), kind, made.bytes.clone()))
}

/// Whether whoever posts a message wants to read one: so it says, or it sends messages by their own name and says nothing.
fn wants_acknowledgment(headers: &HeaderMap) -> bool {
    let accepted = Media::accepted(headers);
    if accepted.iter().any(|media| media.name != "text/plain" && is_message(media)) {
        return true;
    }
    let sends = Media::of_body(headers).is_some_and(|media| media.name != "text/plain");
    sends && !accepted.iter().any(Media::is_json)
}

fn other_media(text: &str) -> Reply {
    outcome(StatusCode::UNSUPPORTED_MEDIA_TYPE, &Issue::new("not-supported", text))
}
