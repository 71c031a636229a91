//! What calls say: their bodies, and the parameters of their addresses.

use bytes::Bytes;
use reqwest::Url;
use serde::Deserialize;
use serde::de::DeserializeOwned;

use super::problem::{Code, Problem};
use crate::control::moment;
use crate::control::sought::Sought;
use crate::control::words::Which;
use crate::journal::id::Id;
use crate::journal::search::State;

/// How many messages of each feed are found where nothing is said, and at most.
const FOUND: usize = 100;
const FOUND_MAX: usize = 10_000;

/// Which messages are looked for.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Search {
    pub feed: Option<String>,
    since: Option<String>,
    until: Option<String>,
    state: Option<State>,
    /// MSH-10.
    control_id: Option<String>,
    /// One of the values by which a feed keeps its messages in order.
    pub key: Option<String>,
    limit: Option<usize>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Release {
    ids: Option<Vec<Id>>,
    feed: Option<String>,
    #[serde(default)]
    all: bool,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Drop {
    pub ids: Vec<Id>,
    pub because: String,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Replay {
    pub ids: Vec<Id>,
    pub to: Option<String>,
}

/// Nothing is to be said.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Nothing {}

impl Search {
    /// # Errors
    /// What is said is no time, or more are wanted than can be.
    pub fn sought(&self) -> Result<Sought, Problem> {
        let time = |name: &str, text: &Option<String>| {
            let text = text.as_deref().map(moment::read).transpose();
            text.map_err(|_| {
                Problem::new(Code::Body, format!("`{name}` is no time: `2026-11-29T08:00` is one, or `8h`"))
            })
        };
        Ok(Sought {
            since: time("since", &self.since)?,
            until: time("until", &self.until)?,
            control_id: self.control_id.clone(),
            state: self.state,
            limit: within(self.limit, "limit", Code::Body)?,
        })
    }
}

fn within(said: Option<usize>, name: &str, code: Code) -> Result<usize, Problem> {
    let limit = said.unwrap_or(FOUND);
    let wrong = || Problem::new(code, format!("`{name}` is a number from 1 to {FOUND_MAX}"));
    (1..=FOUND_MAX).contains(&limit).then_some(limit).ok_or_else(wrong)
}

impl Release {
    /// # Errors
    /// It says it in no way, or in more than one.
    pub fn which(self) -> Result<Which, Problem> {
        match self {
            Release { ids: Some(ids), feed: None, all: false } => Ok(Which::Ids(ids)),
            Release { ids: None, feed: Some(feed), all: false } => Ok(Which::Feed(feed)),
            Release { ids: None, feed: None, all: true } => Ok(Which::All),
            _ => {
                Err(Problem::new(Code::Body, "one of `ids`, `feed` and `\"all\": true` says which messages are meant"))
            }
        }
    }
}

/// A body as it must be here; none is the same as an empty object.
///
/// # Errors
/// It is something else. What it holds is not repeated.
pub fn body<T: DeserializeOwned>(bytes: &Bytes) -> Result<T, Problem> {
    let bytes: &[u8] = if bytes.is_empty() { b"{}" } else { bytes };
    serde_json::from_slice(bytes).map_err(|why| {
        let (line, column) = (why.line(), why.column());
        let what = match why.classify() {
            serde_json::error::Category::Data => "does not have the members that it must have here",
            _ => "is no JSON",
        };
        Problem::new(
            Code::Body,
            format!("the body {what}: line {line}, column {column}; `/v1/openapi.json` says which"),
        )
    })
}

/// The parameters of an address that are known here.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Parameters {
    pub feed: Option<String>,
    limit: Option<usize>,
}

impl Parameters {
    /// # Errors
    /// There are others, or one is not as it must be.
    pub fn read(query: Option<&str>, known: &[&str]) -> Result<Parameters, Problem> {
        let wrong = |why: String| Problem::new(Code::Parameter, why);
        let mut parameters = Parameters::default();
        let Some(query) = query else { return Ok(parameters) };
        let url = Url::parse(&format!("http://localhost/?{query}"));
        let url = url.map_err(|_| wrong("the parameters cannot be read".to_owned()))?;
        for (name, value) in url.query_pairs() {
            match known.iter().find(|known| **known == name) {
                Some(&"feed") => parameters.feed = Some(value.into_owned()),
                Some(name) => {
                    let limit = value.parse().map_err(|_| wrong(format!("`{name}` is a number")))?;
                    parameters.limit = Some(limit);
                }
                None => {
                    let known: Vec<_> = known.iter().map(|name| format!("`{name}`")).collect();
                    let known = if known.is_empty() { "none".to_owned() } else { known.join(" and ") };
                    return Err(wrong(format!("there is a parameter that is not known here: {known} may be given")));
                }
            }
        }
        Ok(parameters)
    }

    /// # Errors
    /// More are wanted than can be.
    pub fn limit(&self) -> Result<usize, Problem> {
        within(self.limit, "limit", Code::Parameter)
    }
}
