//! What is said over HTTP of what is wrong: an OperationOutcome of FHIR, with codes and places, and never a value.

use bytes::Bytes;
use emr_message::answer::{At, Problem};
use http_body_util::Full;
use hyper::header::{CONTENT_TYPE, HeaderName, HeaderValue, RETRY_AFTER};
use hyper::{Response, StatusCode};
use serde_json::{Value, json};

pub type Reply = Response<Full<Bytes>>;

/// What FHIR in JSON is called.
pub const FHIR_JSON: HeaderValue = HeaderValue::from_static("application/fhir+json");

/// The header that names the receipt of a message that was taken.
pub const RECEIPT: HeaderName = HeaderName::from_static("emr-receipt");

/// How long whoever cannot be served now may wait before the next try, in seconds.
const AGAIN: HeaderValue = HeaderValue::from_static("5");

/// One thing that is said.
pub struct Issue {
    severity: &'static str,
    /// Of FHIR's code system `issue-type`.
    code: &'static str,
    text: String,
    /// Of HL7 table 0357.
    wrong: Option<Value>,
}

impl Issue {
    /// What is wrong.
    pub fn new(code: &'static str, text: impl Into<String>) -> Issue {
        Issue { severity: "error", code, text: text.into(), wrong: None }
    }

    /// What is good to know.
    pub fn information(text: impl Into<String>) -> Issue {
        Issue { severity: "information", ..Issue::new("informational", text) }
    }

    /// What is wrong with a message and where, and what its map says of it.
    pub fn of(code: &'static str, problem: &Problem) -> Issue {
        let (wrong, text) = (problem.wrong, problem.text());
        let text = match &problem.at {
            Some(at) => format!("{}: {text}", place(at)),
            None => text.to_owned(),
        };
        let system = "http://terminology.hl7.org/CodeSystem/v2-0357";
        let coded = json!({ "system": system, "code": wrong.code().to_string(), "display": wrong.text() });
        Issue { wrong: Some(json!({ "coding": [coded] })), ..Issue::new(code, text) }
    }

    /// In the words of a person.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// The same, said of that message of several.
    #[must_use]
    pub fn of_message(self, number: usize) -> Issue {
        Issue { text: format!("message {number}: {}", self.text), ..self }
    }

    fn json(&self) -> Value {
        let mut issue = json!({ "severity": self.severity, "code": self.code, "diagnostics": self.text });
        if let (Some(wrong), Some(issue)) = (&self.wrong, issue.as_object_mut()) {
            issue.insert("details".to_owned(), wrong.clone());
        }
        issue
    }
}

/// `PID-7.1`
fn place(at: &At) -> String {
    let mut place = String::from_utf8_lossy(&at.segment).into_owned();
    if at.sequence > 1 {
        place += &format!("[{}]", at.sequence);
    }
    if at.field > 0 {
        place += &format!("-{}", at.field);
    }
    if at.component > 0 {
        place += &format!(".{}", at.component);
    }
    place
}

/// An answer of that status which says this.
pub fn outcome(status: StatusCode, issue: &Issue) -> Reply {
    outcomes(status, std::slice::from_ref(issue))
}

/// The same for several things that are said.
pub fn outcomes(status: StatusCode, issues: &[Issue]) -> Reply {
    let issues: Vec<_> = issues.iter().map(Issue::json).collect();
    reply(status, FHIR_JSON, json!({ "resourceType": "OperationOutcome", "issue": issues }).to_string())
}

pub fn reply(status: StatusCode, kind: HeaderValue, body: impl Into<Bytes>) -> Reply {
    let mut reply = Response::new(Full::new(body.into()));
    *reply.status_mut() = status;
    reply.headers_mut().insert(CONTENT_TYPE, kind);
    reply
}

/// Whoever calls may try again in a while: in the words that the place has for it.
pub fn later(word: impl Fn(StatusCode, &Issue) -> Reply, text: &str) -> Reply {
    let mut reply = word(StatusCode::SERVICE_UNAVAILABLE, &Issue::new("transient", text));
    reply.headers_mut().insert(RETRY_AFTER, AGAIN);
    reply
}
