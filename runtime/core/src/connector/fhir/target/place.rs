//! Where on a server a resource goes, and how (FHIR R4 §3.1.0).

use reqwest::Method;
use serde::Deserialize;
use serde_json::value::RawValue;
use xxhash_rust::xxh3::xxh3_64;

use super::first::Condition;
use crate::flow::retry::Failure;

/// What is to be done with a resource, and where.
#[derive(Debug)]
pub(super) struct Place {
    pub method: Method,
    pub url: String,
    pub is_transaction: bool,
    /// How many entries a batch or a transaction has, each of which is answered.
    pub entries: usize,
    /// What the server looks for, to write where nothing is there.
    pub conditions: Vec<Condition>,
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
#[serde(rename_all = "camelCase")]
struct Asked {
    method: String,
    url: String,
    if_none_exist: Option<String>,
}

impl Asked {
    /// What a conditional update and a conditional create look for (FHIR R4 §3.1.0.4.3, §3.1.0.5.1), told alike by both.
    fn condition(&self) -> Option<Condition> {
        let (ty, query) = match self.if_none_exist.as_deref() {
            Some(query) if self.method == "POST" => (self.url.as_str(), query.trim_start_matches('?')),
            _ if self.method == "PUT" => self.url.split_once('?')?,
            _ => return None,
        };
        Some(xxh3_64(format!("{ty}?{query}").as_bytes()))
    }
}

impl Place {
    /// # Errors
    /// It is no resource, or a question whose address is none of the server's.
    pub fn of(root: &str, bytes: &[u8]) -> Result<Place, Failure> {
        let facts: Facts<'_> =
            serde_json::from_slice(bytes).map_err(|_| Failure::Final("it is no resource".to_owned()))?;
        let is = |ty: &str| facts.resource_type == "Bundle" && facts.ty.as_ref().is_some_and(|it| it == ty);
        let entries: Vec<Entry> = match facts.entry.filter(|_| is("batch") || is("transaction")) {
            Some(entries) => serde_json::from_str(entries.get()).unwrap_or_default(),
            None => Vec::new(),
        };
        if let Some(address) = question(&entries).filter(|_| is("batch")) {
            if !is_below(address) {
                return Err(Failure::Final("what it asks for is no address below the server's".to_owned()));
            }
            let url = format!("{root}/{address}");
            return Ok(Place { method: Method::GET, url, is_transaction: false, entries: 0, conditions: Vec::new() });
        }
        let (method, url) = match (facts.resource_type, facts.id) {
            _ if is("transaction") || is("batch") => (Method::POST, root.to_owned()),
            _ if is("message") => (Method::POST, format!("{root}/$process-message")),
            (ty, Some(id)) => (Method::PUT, format!("{root}/{ty}/{id}")),
            (ty, None) => (Method::POST, format!("{root}/{ty}")),
        };
        let asked = entries.iter().filter_map(|entry| entry.request.as_ref());
        let conditions = asked.filter_map(Asked::condition).collect();
        Ok(Place { method, url, is_transaction: is("transaction"), entries: entries.len(), conditions })
    }
}

/// The address that a batch asks for which asks for nothing else: it need not be a batch, which fewer servers know, and its
/// answer is what stands there.
fn question(entries: &[Entry]) -> Option<&str> {
    match entries {
        [Entry { request: Some(Asked { method, url, .. }) }] if method == "GET" => Some(url),
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
    fn a_create_and_an_update_that_look_for_the_same_are_known_by_it() {
        let conditions = |requests: &[&str]| {
            let entries: Vec<_> = requests.iter().map(|it| format!(r#"{{"request":{{{it}}}}}"#)).collect();
            let json = format!(r#"{{"resourceType":"Bundle","type":"transaction","entry":[{}]}}"#, entries.join(","));
            Place::of("", json.as_bytes()).unwrap().conditions
        };
        let update = conditions(&[r#""method":"PUT","url":"Patient?identifier=a%7C1""#]);
        assert_eq!(update.len(), 1);
        for query in ["identifier=a%7C1", "?identifier=a%7C1"] {
            let create = format!(r#""method":"POST","url":"Patient","ifNoneExist":"{query}""#);
            assert_eq!(conditions(&[&create, &create]), [update.clone(), update.clone()].concat());
        }
        assert_ne!(update, conditions(&[r#""method":"PUT","url":"Organization?identifier=a%7C1""#]));
        let none = [r#""method":"PUT","url":"Patient/1""#, r#""method":"POST","url":"Patient""#];
        assert!(conditions(&none).is_empty());
        assert!(conditions(&[r#""method":"DELETE","url":"Patient?identifier=a%7C1""#]).is_empty());
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
