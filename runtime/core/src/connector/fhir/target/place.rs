//! Where on a server a resource goes, and how (FHIR R4 §3.1.0).

use reqwest::Method;
use serde::Deserialize;
use serde_json::value::RawValue;

use crate::flow::retry::Failure;

/// What is to be done with a resource, and where.
#[derive(Debug)]
pub(super) struct Place {
    pub method: Method,
    pub url: String,
    pub is_transaction: bool,
}

/// What of a resource says where it goes.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Facts<'a> {
    resource_type: &'a str,
    id: Option<&'a str>,
    #[serde(rename = "type")]
    ty: Option<serde_json::Value>,
    #[serde(borrow)]
    entry: Option<&'a RawValue>,
}

#[derive(Deserialize)]
struct Entry {
    request: Option<Asked>,
}

#[derive(Deserialize)]
struct Asked {
    method: String,
    url: String,
}

impl Place {
    /// # Errors
    /// It is no resource, or a question whose address is none of the server's.
    pub fn of(root: &str, bytes: &[u8]) -> Result<Place, Failure> {
        let facts: Facts<'_> =
            serde_json::from_slice(bytes).map_err(|_| Failure::Final("it is no resource".to_owned()))?;
        let is = |ty: &str| facts.resource_type == "Bundle" && facts.ty.as_ref().is_some_and(|it| it == ty);
        if let Some(address) = facts.entry.filter(|_| is("batch")).and_then(question) {
            if !is_below(&address) {
                return Err(Failure::Final("what it asks for is no address below the server's".to_owned()));
            }
            return Ok(Place { method: Method::GET, url: format!("{root}/{address}"), is_transaction: false });
        }
        let (method, url) = match (facts.resource_type, facts.id) {
            _ if is("transaction") || is("batch") => (Method::POST, root.to_owned()),
            _ if is("message") => (Method::POST, format!("{root}/$process-message")),
            (ty, Some(id)) => (Method::PUT, format!("{root}/{ty}/{id}")),
            (ty, None) => (Method::POST, format!("{root}/{ty}")),
        };
        Ok(Place { method, url, is_transaction: is("transaction") })
    }
}

/// The address that a batch asks for which asks for nothing else: it need not be a batch, which fewer servers know, and its
/// answer is what stands there.
fn question(entries: &RawValue) -> Option<String> {
    let entries: Vec<Entry> = serde_json::from_str(entries.get()).ok()?;
    match <[Entry; 1]>::try_from(entries).ok()? {
        [Entry { request: Some(Asked { method, url }) }] if method == "GET" => Some(url),
        _ => None,
    }
}

/// Whether it is a relative reference (RFC 3986 §4.2) that leads to nothing above the server's root. Credentials go where
/// it leads.
fn is_below(address: &str) -> bool {
    let path = address.split('?').next().unwrap_or_default();
    let is_held = |byte: u8| byte.is_ascii_graphic() && !b"\"<>\\^`{|}#".contains(&byte);
    address.bytes().all(is_held)
        && !path.is_empty()
        && !path.contains([':', '%'])
        && path.split('/').all(|part| !matches!(part, "" | "." | ".."))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn placed(json: &str) -> Result<String, Failure> {
        Place::of("https://h/r4", json.as_bytes()).map(|place| format!("{} {}", place.method, place.url))
    }

    #[test]
    fn a_batch_that_asks_one_thing_is_that_question() {
        let batch =
            |entries: &str| placed(&format!(r#"{{"resourceType":"Bundle","type":"batch","entry":[{entries}]}}"#));
        let asks = |url: &str| format!(r#"{{"request":{{"method":"GET","url":"{url}"}}}}"#);
        let one = asks("Patient?identifier=a%7C1&_count=5");
        assert_eq!(batch(&one).unwrap(), "GET https://h/r4/Patient?identifier=a%7C1&_count=5");
        assert_eq!(batch(&asks("Patient/7")).unwrap(), "GET https://h/r4/Patient/7");
        assert_eq!(batch(&[one.as_str(), &one].join(",")).unwrap(), "POST https://h/r4");
        assert_eq!(batch(&one.replace("GET", "DELETE")).unwrap(), "POST https://h/r4");
        assert_eq!(batch(r#"{"resource":{"resourceType":"Patient"}}"#).unwrap(), "POST https://h/r4");
        for other in [
            "",
            "/x",
            "//h/x",
            "https://other/x",
            "../x",
            "a/../../x",
            "%2e%2e/x",
            "Patient?name=a b",
            "Patient#x",
            "a//b",
        ] {
            assert!(matches!(batch(&asks(other)), Err(Failure::Final(_))), "{other}");
        }
    }
}
