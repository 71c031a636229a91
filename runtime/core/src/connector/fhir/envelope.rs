//! What a resource that is sent says of itself, without being read as a whole: its type and its names.

use hyper::header::{HeaderMap, HeaderName};
use serde::Deserialize;
use serde_json::Value;
use xxhash_rust::xxh3::Xxh3;

use super::super::web::clients::Who;
use super::super::web::media::text;

/// Of any resource, what all of them have and what Bundles have.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Envelope {
    pub resource_type: String,
    pub id: Option<String>,
    /// A text in Bundles; in other resources it may be anything.
    #[serde(rename = "type")]
    kind: Option<Value>,
    /// One in Bundles; in other resources a list.
    identifier: Option<Value>,
    #[serde(default)]
    pub entry: Vec<Entry>,
}

/// An entry of a Bundle.
#[derive(Deserialize)]
pub struct Entry {
    resource: Option<Inner>,
    request: Option<Request>,
}

/// What is to be done with an entry of a transaction or batch.
#[derive(Deserialize)]
struct Request {
    method: String,
}

/// A resource of an entry.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Inner {
    pub resource_type: String,
    pub id: Option<String>,
}

/// What its sender calls a request, the same for each try of it.
const KEY: HeaderName = HeaderName::from_static("idempotency-key");

/// What a resource is not to be created beside (FHIR R4 §3.1.0.7.1).
pub const IF_NONE_EXIST: HeaderName = HeaderName::from_static("if-none-exist");

impl Entry {
    /// `POST`; empty where nothing is to be done with it.
    pub fn method(&self) -> &str {
        self.request.as_ref().map(|request| request.method.as_str()).unwrap_or_default()
    }

    /// Whether it changes what a server has.
    pub fn writes(&self) -> bool {
        matches!(self.method(), "POST" | "PUT" | "PATCH" | "DELETE")
    }
}

impl Envelope {
    /// Nothing for what is no resource in JSON.
    pub fn read(bytes: &[u8]) -> Option<Envelope> {
        serde_json::from_slice(bytes.strip_prefix(b"\xEF\xBB\xBF").unwrap_or(bytes)).ok()
    }

    /// The type of a Bundle: `transaction`.
    pub fn bundle(&self) -> Option<&str> {
        self.kind.as_ref().filter(|_| self.resource_type == "Bundle")?.as_str()
    }

    /// What the first entry of a message is called, its header (FHIR R4 §2.4.1).
    pub fn message(&self) -> Option<&Inner> {
        let first = self.entry.first().filter(|_| self.bundle() == Some("message"))?.resource.as_ref();
        first.filter(|header| header.resource_type == "MessageHeader")
    }

    /// What tells that the same was sent before: what its sender calls the request, or else the resource. Nothing where
    /// neither is said, for then two are two.
    pub fn claim(&self, headers: &HeaderMap, who: &Who) -> Option<u64> {
        key(headers, who).or_else(|| {
            let named = |name: &str| self.identifier.as_ref()?.get(name)?.as_str();
            if let Some(value) = named("value").filter(|_| self.resource_type == "Bundle") {
                return Some(hash(who, &["identifier", named("system").unwrap_or_default(), value]));
            }
            if let Some(id) = self.message().and_then(|header| header.id.as_deref()) {
                return Some(hash(who, &["message", id]));
            }
            text(headers, IF_NONE_EXIST).map(|search| hash(who, &["search", &self.resource_type, search]))
        })
    }
}

/// By what its sender calls the request.
pub fn key(headers: &HeaderMap, who: &Who) -> Option<u64> {
    text(headers, KEY).filter(|key| !key.is_empty()).map(|key| hash(who, &["key", key]))
}

fn hash(who: &Who, parts: &[&str]) -> u64 {
    let mut hash = Xxh3::new();
    for part in [who.key()].iter().chain(parts) {
        hash.update(&part.len().to_le_bytes());
        hash.update(part.as_bytes());
    }
    hash.digest()
}

#[cfg(test)]
mod tests {
    use hyper::header::HeaderValue;

    use super::*;

    fn claims(resource: &str, headers: &[(HeaderName, &'static str)]) -> Option<u64> {
        let headers = headers.iter().map(|(name, value)| (name.clone(), HeaderValue::from_static(value))).collect();
        Envelope::read(resource.as_bytes()).unwrap().claim(&headers, &Who::Anyone)
    }

    #[test]
    fn only_what_says_so_is_the_same_again() {
        let patient = r#"{"resourceType": "Patient", "id": "1", "identifier": [{"value": "7"}]}"#;
        assert_eq!(claims(patient, &[]), None);
        let bundle = |system: &str| {
            format!(r#"{{"resourceType":"Bundle","type":"batch","identifier":{{"system":"{system}","value":"7"}}}}"#)
        };
        assert!(claims(&bundle("a"), &[]).is_some());
        assert_ne!(claims(&bundle("a"), &[]), claims(&bundle("b"), &[]));
        let message = r#"{"resourceType":"Bundle","type":"message","entry":[
            {"resource":{"resourceType":"MessageHeader","id":"m1"}},{"resource":{"resourceType":"Patient"}}]}"#;
        assert!(claims(message, &[]).is_some());
        assert_eq!(claims(&message.replace("message", "collection"), &[]), None);
        // What the sender calls the request goes before what it sends.
        let key = [(KEY, "k1")];
        assert!(claims(patient, &key).is_some() && claims(patient, &key) == claims(message, &key));
        let search = [(IF_NONE_EXIST, "identifier=7")];
        assert!(claims(patient, &search).is_some());
        assert_ne!(claims(patient, &search), claims(&patient.replace("Patient", "Person"), &search));
    }

    #[test]
    fn what_is_no_resource_has_no_envelope() {
        for text in ["", "[]", "{}", "MSH|^~\\&", r#"{"resourceType": 1}"#, r#"{"resourceType": "Patient""#] {
            assert!(Envelope::read(text.as_bytes()).is_none(), "{text}");
        }
        let organization = r#"{"resourceType": "Organization", "type": [{"text": "x"}], "identifier": []}"#;
        assert_eq!(Envelope::read(organization.as_bytes()).unwrap().bundle(), None);
    }
}
