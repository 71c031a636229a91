//! A search of a FHIR server, page by page.

use std::collections::HashSet;

use bytes::Bytes;
use jiff::Timestamp;
use reqwest::Url;
use serde::Deserialize;
use serde_json::value::RawValue;
use xxhash_rust::xxh3::{Xxh3, xxh3_64};

use super::super::Why;
use super::super::web::ask::Server;
use crate::flow::retry::Failure;

/// `search: { url: "https://ehr.example.org/r4", query: "Patient?active=true" }`
#[derive(Clone, Debug, Deserialize)]
pub struct Settings {
    url: String,
    query: String,
    page: u32,
}

/// What is asked, again and again.
pub(super) struct Search {
    /// Without `_lastUpdated`.
    url: Url,
    server: Server,
}

/// A page of what was found.
pub(super) struct Page {
    pub found: Vec<Found>,
    /// When the server searched, by its own clock.
    pub at: Option<Timestamp>,
    pub next: Option<Url>,
}

/// A resource as the server has it.
pub(super) struct Found {
    pub bytes: Bytes,
    /// What tells this version of it from others.
    pub claim: u64,
    pub updated: Option<Timestamp>,
}

impl Search {
    /// # Errors
    /// The root of the server and the search are no address.
    pub fn new(settings: &Settings, server: Server) -> Result<Search, Why> {
        let text = format!("{}/{}", settings.url.trim_end_matches('/'), settings.query.trim_start_matches('/'));
        let mut url =
            Url::parse(&text).map_err(|_| "the root of the server and the search are no address".to_owned())?;
        url.query_pairs_mut().append_pair("_count", &settings.page.to_string());
        Ok(Search { url, server })
    }

    /// Where the first page is of what has changed since then.
    pub fn first(&self, since: Option<Timestamp>) -> Url {
        let mut url = self.url.clone();
        if let Some(since) = since {
            url.query_pairs_mut().append_pair("_lastUpdated", &format!("ge{since}"));
        }
        url
    }

    /// # Errors
    /// There is no answer, or one that is no page of this server.
    pub async fn page(&self, url: &Url) -> Result<Page, Failure> {
        let answer =
            self.server.ask(|client| client.get(url.clone()).header("Accept", "application/fhir+json")).await?;
        if !answer.status.is_success() {
            return Err(self.server.failure(answer.status.as_u16(), "it answers"));
        }
        let bundle: Bundle<'_> =
            serde_json::from_slice(&answer.body).map_err(|_| Failure::Final("its answer is no Bundle".to_owned()))?;
        let next = bundle.link.iter().find(|link| link.relation == "next").map(|link| self.beside(url, &link.url));
        Ok(Page {
            found: bundle.entry.iter().filter_map(found).collect(),
            at: bundle.meta.and_then(|meta| meta.time()),
            next: next.transpose()?,
        })
    }

    /// An address that a page names. What the server knows us by goes to no other.
    fn beside(&self, page: &Url, next: &str) -> Result<Url, Failure> {
        let next = page.join(next).map_err(|_| Failure::Final("its next page has no address".to_owned()))?;
        if next.origin() == self.url.origin() {
            Ok(next)
        } else {
            Err(Failure::Final("its next page is at another server".to_owned()))
        }
    }
}

/// The pages of one search, none of them twice.
#[derive(Default)]
pub(super) struct Turned(HashSet<Url>);

impl Turned {
    /// # Errors
    /// The server leads in a circle.
    pub fn turn(&mut self, url: &Url) -> Result<(), Failure> {
        match self.0.insert(url.clone()) {
            true => Ok(()),
            false => Err(Failure::Final("its pages lead in a circle".to_owned())),
        }
    }
}

#[derive(Deserialize)]
struct Bundle<'a> {
    meta: Option<Meta>,
    #[serde(default)]
    link: Vec<Link>,
    #[serde(default, borrow)]
    entry: Vec<Entry<'a>>,
}

#[derive(Deserialize)]
struct Link {
    relation: String,
    url: String,
}

#[derive(Deserialize)]
struct Entry<'a> {
    #[serde(borrow)]
    resource: Option<&'a RawValue>,
    search: Option<Mode>,
}

#[derive(Deserialize)]
struct Mode {
    mode: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Meta {
    version_id: Option<String>,
    last_updated: Option<String>,
}

impl Meta {
    fn time(&self) -> Option<Timestamp> {
        self.last_updated.as_ref()?.parse().ok()
    }
}

/// What of a resource tells it from others.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Facts {
    resource_type: String,
    id: Option<String>,
    meta: Option<Meta>,
}

/// Nothing for what the server says of its search.
fn found(entry: &Entry<'_>) -> Option<Found> {
    let resource = entry.resource?.get();
    if entry.search.as_ref().is_some_and(|search| search.mode.as_deref() == Some("outcome")) {
        return None;
    }
    let facts: Facts = serde_json::from_str(resource).ok()?;
    let version = facts.meta.as_ref().and_then(|meta| meta.version_id.as_ref().or(meta.last_updated.as_ref()));
    let mut claim = Xxh3::new();
    for part in [Some(&facts.resource_type), facts.id.as_ref(), version] {
        claim.update(part.map(String::as_bytes).unwrap_or_default());
        claim.update(b"/");
    }
    if version.is_none() {
        claim.update(&xxh3_64(resource.as_bytes()).to_le_bytes());
    }
    Some(Found {
        bytes: Bytes::copy_from_slice(resource.as_bytes()),
        claim: claim.digest(),
        updated: facts.meta.and_then(|meta| meta.time()),
    })
}

#[cfg(test)]
mod tests {
    use std::path::Path;
    use std::sync::Arc;

    use serde_json::json;

    use super::super::super::tls::{Secrets, no_secret};
    use super::super::super::web::tests::server;
    use super::*;

    fn search(root: &str) -> Search {
        let settings = json!({ "url": root, "query": "Patient?active=true", "page": 2 });
        let asks = json!({ "auth": "none", "tls": null, "timeout": 2000 });
        let secrets: Secrets = Arc::new(|name| Err(no_secret(name)));
        let server = Server::new(&serde_json::from_value(asks).unwrap(), Path::new("."), &secrets).unwrap();
        Search::new(&serde_json::from_value(settings).unwrap(), server).unwrap()
    }

    const PAGE: &str = r#"{ "resourceType": "Bundle", "type": "searchset",
        "meta": { "lastUpdated": "2026-03-01T10:00:00.5+01:00" },
        "link": [{ "relation": "self", "url": "x" }, { "relation": "next", "url": "/r4?page=2" }],
        "entry": [
            { "resource": {"resourceType": "Patient", "id": "1",  "meta": {"versionId": "1"}}, "search": { "mode": "match" } },
            { "resource": {"resourceType": "Patient", "id": "1", "meta": {"versionId": "2", "lastUpdated": "2026-03-01T09:00:00Z"}} },
            { "resource": {"resourceType": "Patient", "id": "1", "active": true} },
            { "resource": {"resourceType": "Patient", "id": "1", "active": false} },
            { "resource": {"resourceType": "OperationOutcome"}, "search": { "mode": "outcome" } },
            { "fullUrl": "urn:uuid:0" }
        ] }"#;

    #[tokio::test]
    async fn a_page_has_resources_as_they_stand_and_leads_to_the_next() {
        let (root, got) = server(&[(200, PAGE), (200, r#"{"resourceType":"Bundle"}"#)]).await;
        let search = search(&root);
        let page = search.page(&search.first("2026-02-01T00:00:00Z".parse().ok())).await.unwrap();
        assert_eq!(page.found.len(), 4);
        assert_eq!(&page.found[0].bytes[..], br#"{"resourceType": "Patient", "id": "1",  "meta": {"versionId": "1"}}"#);
        let claims: HashSet<_> = page.found.iter().map(|found| found.claim).collect();
        assert_eq!((claims.len(), page.at.unwrap().to_string().as_str()), (4, "2026-03-01T09:00:00.5Z"));
        assert!(page.found[1].updated.is_some() && page.found[2].updated.is_none());
        let last = search.page(&page.next.unwrap()).await.unwrap();
        assert!(last.found.is_empty() && last.next.is_none() && last.at.is_none());
        let got = got.lock().unwrap();
        assert!(got[0].line.contains("GET /r4/Patient?active=true&_count=2&_lastUpdated=ge2026-02-01T00"));
        assert!(got[1].line.contains("GET /r4?page=2 "), "{}", got[1].line);
    }

    #[tokio::test]
    async fn nobody_is_led_elsewhere_or_in_a_circle() {
        let elsewhere = PAGE.replace("/r4?page=2", "https://elsewhere.example.org/r4?page=2");
        let (root, _) = server(&[(200, &elsewhere), (200, "[]"), (401, "")]).await;
        let search = search(&root);
        let first = search.first(None);
        let why = |page: Result<Page, Failure>| page.err().unwrap();
        assert_eq!(why(search.page(&first).await), Failure::Final("its next page is at another server".into()));
        assert_eq!(why(search.page(&first).await), Failure::Final("its answer is no Bundle".into()));
        assert_eq!(why(search.page(&first).await), Failure::Unknown("it answers 401".into()));
        let mut turned = Turned::default();
        turned.turn(&first).unwrap();
        assert!(turned.turn(&first).is_err());
    }
}
