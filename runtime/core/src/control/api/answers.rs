//! Does what calls ask for: the same as the commands do.

use std::path::PathBuf;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};
use tokio::task::spawn_blocking;

use super::Api;
use super::asked::{Drop, Nothing, Parameters, Release, Replay, Search, body};
use super::desk::name;
use super::problem::{Code, Problem};
use super::routes::{Route, Wish};
use crate::connector::web::server::Call;
use crate::control::words::{Answer, Request, Which};
use crate::control::{journals, shapes};
use crate::journal::fs::Disk;
use crate::journal::id::Id;
use crate::journal::verify;

/// What the API is.
pub const DOCUMENT: &str = include_str!("../../../../../docs/openapi.json");

/// `part` is the part of the path that says which.
///
/// # Errors
/// Why there is no answer.
pub async fn answer(api: &Api, route: &Route, part: &str, call: &Call) -> Result<String, Problem> {
    let known: &[&str] = match route.wish {
        Wish::Parked => &["feed", "limit"],
        Wish::Verify => &["feed"],
        _ => &[],
    };
    let parameters = Parameters::read(call.head.uri.query(), known)?;
    let (bytes, who) = (&call.body, name(&call.who));
    let answer = match route.wish {
        Wish::Document => return Ok(DOCUMENT.to_owned()),
        Wish::Status => api.done(Request::Status, who).await?,
        Wish::Search => api.search(body(bytes)?).await?,
        Wish::Show => api.show(part).await?,
        Wish::Parked => api.parked(&parameters)?,
        Wish::Verify => api.verify(parameters.feed).await?,
        Wish::Replay => {
            let Replay { ids, to } = body(bytes)?;
            api.done(Request::Replay { ids, to }, who).await?
        }
        Wish::Release => {
            let which = body::<Release>(bytes)?.which()?;
            if matches!(&which, Which::Feed(name) if !api.operations.has_feed(name)) {
                return Err(no_feed());
            }
            api.done(Request::Release { which }, who).await?
        }
        Wish::Drop => {
            let Drop { ids, because } = body(bytes)?;
            api.done(Request::Drop { ids, because }, who).await?
        }
        Wish::Reload => {
            let Nothing {} = body(bytes)?;
            api.done(Request::Reload, who).await?
        }
        Wish::Start => {
            let Nothing {} = body(bytes)?;
            if !api.operations.has_route(part) {
                return Err(Problem::new(Code::NoRoute, "the ways of `GET /v1/status` begin with their names"));
            }
            api.done(Request::Start { route: part.to_owned() }, who).await?
        }
    };
    Ok(answer.to_string())
}

impl Api {
    /// What the engine does and says.
    async fn done(&self, request: Request, who: &str) -> Result<Value, Problem> {
        match self.operations.carry_out(request, who).await {
            Answer::Status { feeds } => {
                let feeds: Vec<_> = feeds.iter().map(|feed| shapes::feed(feed, true)).collect();
                Ok(json!({ "feeds": feeds }))
            }
            Answer::Done { done, not } => Ok(shapes::done(done, &not)),
            Answer::Started { was_held } => Ok(json!({ "was_held": was_held })),
            Answer::Changed { change, later } => Ok(shapes::joined(json!(change), json!({ "later": later }))),
            Answer::Refused { why } => Err(Problem::new(Code::Refused, why)),
        }
    }

    fn parked(&self, parameters: &Parameters) -> Result<Value, Problem> {
        let parked = self.operations.parked(parameters.feed.as_deref(), parameters.limit()?);
        let (count, parked) = parked.ok_or_else(no_feed)?;
        Ok(json!({ "count": count, "parked": parked.iter().map(shapes::parked).collect::<Vec<_>>() }))
    }

    async fn search(&self, search: Search) -> Result<Value, Problem> {
        let sought = search.sought()?;
        let key = |feed: &str| self.operations.key(feed, search.key.as_deref()?);
        let mut feeds = self.feeds(search.feed.as_deref()).await?;
        if search.key.is_some() {
            feeds.retain(|(name, _)| key(name).is_some());
            if feeds.is_empty() {
                return Err(Problem::new(Code::Refused, "no feed says `order_by`, which names the values of `key`"));
            }
        }
        let (mut found, mut others) = (Vec::new(), 0);
        for (name, folder) in feeds {
            let (sought, key) = (sought.clone(), key(&name));
            let of_feed = read(move || sought.found(folder, key.as_ref())).await?;
            let of_feed = of_feed.map_err(|fault| unreadable(&name, &fault))?;
            others += of_feed.count - of_feed.rows.len() as u64;
            found.extend(of_feed.rows.iter().map(|row| shapes::row(&name, row)));
        }
        Ok(json!({ "messages": found, "others": others }))
    }

    async fn show(&self, id: &str) -> Result<Value, Problem> {
        let gone = || Problem::new(Code::NoMessage, "its journal does not hold it, or not any more");
        let id: Id = id.parse().map_err(|_| gone())?;
        let feeds = self.feeds(Some(&id.feed)).await?;
        let (name, folder) = feeds.into_iter().next().ok_or_else(no_feed)?;
        let looked_for = id.clone();
        let found = read(move || journals::found(&folder, &looked_for)).await?;
        let (history, bytes) = found.map_err(|fault| unreadable(&name, &fault))?.ok_or_else(gone)?;
        let held = json!({ "raw": STANDARD.encode(&bytes), "text": std::str::from_utf8(&bytes).ok() });
        Ok(shapes::joined(shapes::message(&id, &history, &bytes), held))
    }

    async fn verify(&self, feed: Option<String>) -> Result<Value, Problem> {
        let mut all = Vec::new();
        for (name, folder) in self.feeds(feed.as_deref()).await? {
            let verified = read(move || verify::verify(Disk, folder)).await?;
            all.push(shapes::verified(&name, &verified.map_err(|why| unreadable(&name, &why.kind()))?));
        }
        Ok(json!({ "journals": all }))
    }

    /// The journals of one feed, or of all.
    async fn feeds(&self, feed: Option<&str>) -> Result<Vec<(String, PathBuf)>, Problem> {
        let (journals, feed) = (self.journals.clone(), feed.map(ToOwned::to_owned));
        let chosen = read(move || journals::chosen(&journals, feed.as_deref())).await?;
        chosen.map_err(|why| unreadable("journals", &why.kind()))?.ok_or_else(no_feed)
    }
}

fn no_feed() -> Problem {
    Problem::new(Code::NoFeed, "`GET /v1/status` says which feeds there are")
}

fn unreadable(feed: &str, why: &dyn std::fmt::Display) -> Problem {
    Problem::new(Code::Journal, format!("{feed}: {why}"))
}

/// Reads a journal, which may take a while, where nothing else waits for it.
async fn read<T: Send + 'static>(look: impl FnOnce() -> T + Send + 'static) -> Result<T, Problem> {
    spawn_blocking(look).await.map_err(|_| Problem::new(Code::Later, "the engine is stopping"))
}
