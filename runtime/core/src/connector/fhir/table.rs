//! Asks a FHIR server for the resource of some keys, by a search that finds one.

use std::path::Path;

use bytes::Bytes;
use emr_message::builtin::text::search_value;
use reqwest::Url;
use serde::Deserialize;
use serde_json::value::RawValue;

use super::super::tls::{Secrets, Why};
use super::super::web::ask::{self, Answer};
use crate::flow::retry::Failure;
use crate::flow::tables::{Asking, Row, Table};

/// What a table of `fhir` is told.
#[derive(Deserialize)]
pub struct Settings {
    url: String,
    search: Vec<Piece>,
    #[serde(flatten)]
    server: ask::Settings,
}

#[derive(Deserialize)]
#[serde(rename_all = "snake_case")]
enum Piece {
    Text(String),
    /// The number of a key.
    Key(usize),
}

/// A server, and the search that it is asked.
pub struct Found {
    root: String,
    search: Vec<Piece>,
    server: ask::Server,
}

#[derive(Deserialize)]
struct Bundle<'a> {
    #[serde(default, borrow)]
    entry: Vec<Entry<'a>>,
}

#[derive(Deserialize)]
struct Entry<'a> {
    #[serde(borrow)]
    resource: Option<&'a RawValue>,
    search: Option<Search>,
}

/// What an entry is in a search (FHIR R4, 3.1.1.4: search set result).
#[derive(Deserialize)]
struct Search {
    mode: Option<String>,
}

impl Found {
    /// # Errors
    /// What its TLS or its credentials need is not to be had.
    pub fn new(settings: Settings, folder: &Path, secrets: &Secrets) -> Result<Found, Why> {
        let root = settings.url.trim_end_matches('/').to_owned();
        Ok(Found { root, search: settings.search, server: ask::Server::new(&settings.server, folder, secrets)? })
    }

    /// The address of the search for these keys. Two resources are enough to see that there are several.
    fn url(&self, keys: &[String]) -> Result<Url, Failure> {
        let piece = |piece: &Piece| match piece {
            Piece::Text(text) => text.clone(),
            Piece::Key(number) => keys.get(*number).map(|key| search_value(key)).unwrap_or_default(),
        };
        let search: String = self.search.iter().map(piece).collect();
        let url = Url::parse(&format!("{}/{search}&_count=2", self.root));
        url.map_err(|_| Failure::Final("its search is no address".to_owned()))
    }

    async fn get(&self, url: Url) -> Result<Answer, Failure> {
        let asked = self.server.ask(|client| client.get(url.clone()).header("Accept", "application/fhir+json")).await?;
        match asked.status.is_success() {
            true => Ok(asked),
            false => Err(self.server.failure(asked.status.as_u16(), "it answers")),
        }
    }

    async fn resource(&self, keys: &[String]) -> Result<Option<Row>, Failure> {
        let answer = self.get(self.url(keys)?).await?;
        let bundle: Bundle<'_> =
            serde_json::from_slice(&answer.body).map_err(|_| Failure::Final("its answer is no Bundle".to_owned()))?;
        let is_match = |entry: &&Entry<'_>| {
            let mode = entry.search.as_ref().and_then(|search| search.mode.as_deref());
            mode.is_none_or(|mode| mode == "match")
        };
        let mut found = bundle.entry.iter().filter(is_match).filter_map(|entry| entry.resource);
        match (found.next(), found.next()) {
            (None, _) => Ok(None),
            (Some(only), None) => Ok(Some(Row::Resource(Bytes::copy_from_slice(only.get().as_bytes())))),
            _ => Err(Failure::Final("its search finds several resources for one key".to_owned())),
        }
    }
}

impl Table for Found {
    fn ask<'a>(&'a self, keys: &'a [String]) -> Asking<'a, Option<Row>> {
        Box::pin(self.resource(keys))
    }

    /// By what it can do, which every server says.
    fn reach(&self) -> Asking<'_, ()> {
        Box::pin(async move {
            let url = Url::parse(&format!("{}/metadata", self.root));
            let url = url.map_err(|_| Failure::Final("its root is no address".to_owned()))?;
            self.get(url).await.map(drop)
        })
    }

    /// Its search has keys, which come from messages.
    fn untold(&self) -> Option<&'static str> {
        Some("it was asked for `/metadata` alone, and not for a row")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::connector::tls::no_secret;

    #[test]
    fn a_key_is_one_value_of_the_search() {
        let settings = r#"{"url": "https://x.org/r4/", "timeout": 1000,
            "search": [{"text": "Practitioner?identifier=urn:x|"}, {"key": 0}, {"text": ""}]}"#;
        let nobody: Secrets = std::sync::Arc::new(|name| Err(no_secret(name)));
        let found = Found::new(serde_json::from_str(settings).unwrap(), Path::new(""), &nobody).unwrap();
        let url = found.url(&["4711,12&_id=x|é".to_owned()]).unwrap();
        assert_eq!(
            url.as_str(),
            "https://x.org/r4/Practitioner?identifier=urn:x|4711%5C%2C12%26_id%3Dx%5C%7C%C3%A9&_count=2"
        );
    }
}
