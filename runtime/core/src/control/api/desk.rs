//! Takes calls: looks whether their callers may make them, has them answered, and notes each in the audit, with the name of
//! whoever called. An answer of which the audit does not say who asked for it is not given.

use std::time::Duration;

use hyper::header::{ALLOW, CONTENT_TYPE, HeaderMap, HeaderValue};
use hyper::http::request::Parts;
use hyper::{Method, StatusCode};
use tokio::time::timeout;

use super::problem::{Code, Problem, of_status};
use super::routes::{Missed, Route, Wish, called};
use super::{Api, answers};
use crate::connector::web::clients::Who;
use crate::connector::web::media::Media;
use crate::connector::web::outcome::{Issue, Reply, reply};
use crate::connector::web::server::{Call, Desk};
use crate::control::who::SOMEBODY;
use crate::flow::witness::Happening;
use crate::journal::id::Id;
use crate::observe::audit::{Said, What};
use crate::observe::log;

const JSON: HeaderValue = HeaderValue::from_static("application/json");

/// How long it may take until the audit has noted a call.
const NOTED: Duration = Duration::from_secs(10);

impl Desk for Api {
    fn refuse(&self, head: &Parts, who: &Who) -> Option<Reply> {
        let (route, refusal) = match called(&head.method, head.uri.path()) {
            Ok((route, _)) => (Some(route), self.wrong(route, head, who)?),
            Err(missed) => (None, missed.reply()),
        };
        let what = route.map_or_else(|| "a place that there is not".to_owned(), Route::text);
        self.audit.note(of_call(&what, who, refusal.status()));
        log::called(name(who), &what, refusal.status().as_u16());
        Some(refusal)
    }

    async fn answer(&self, call: Call) -> Reply {
        let Ok((route, part)) = called(&call.head.method, call.head.uri.path()) else {
            return Missed::NoPlace.reply();
        };
        let answer = answers::answer(self, route, part, &call).await;
        let answer = match answer {
            Ok(answer) => reply(StatusCode::OK, JSON, answer),
            Err(problem) => problem.reply(),
        };
        let said = of_answer(route, part, &call.who, answer.status());
        if !matches!(timeout(NOTED, self.audit.noted(said)).await, Ok(true)) {
            return Problem::new(Code::Unaudited, "its disk refuses, or the engine is stopping").reply();
        }
        log::called(name(&call.who), &route.text(), answer.status().as_u16());
        answer
    }

    fn word(&self, status: StatusCode, issue: &Issue) -> Reply {
        Problem::new(of_status(status), issue.text()).reply()
    }

    fn see(&self, what: &Happening<'_>) {
        let Some(said) = Said::turned(what) else { return };
        if let Happening::TurnedAway { status, .. } = *what {
            log::called(said.who.as_deref().unwrap_or_default(), "a call that is not answered", status);
        }
        let why = format!("the admin API: {}", said.why.as_deref().unwrap_or_default());
        self.audit.note(said.because(why));
    }
}

impl Api {
    /// Why a call of that route is not taken, if it is not.
    fn wrong(&self, route: &Route, head: &Parts, who: &Who) -> Option<Reply> {
        if let Err(denied) = self.rights.may(who, route.needs) {
            return Some(denied.reply(|status, issue| self.word(status, issue)));
        }
        // A page of others that a browser shows can post no JSON without asking first.
        let is_posted = route.method == Method::POST;
        (is_posted && !is_json(&head.headers))
            .then(|| Problem::new(Code::Media, "its `Content-Type` must be `application/json`, in UTF-8").reply())
    }
}

fn is_json(headers: &HeaderMap) -> bool {
    let said = headers.contains_key(CONTENT_TYPE);
    said && Media::of_body(headers).is_some_and(|media| {
        media.name == "application/json" && media.parameter("charset").is_none_or(|it| matches!(it, "utf-8" | "utf8"))
    })
}

impl Missed {
    fn reply(&self) -> Reply {
        match self {
            Missed::NoPlace => Problem::new(Code::NoPlace, "`GET /v1/openapi.json` says what there is").reply(),
            Missed::Method(method) => {
                let mut reply = Problem::new(Code::Method, format!("it is called by {method}")).reply();
                if let Ok(method) = HeaderValue::from_str(method.as_str()) {
                    reply.headers_mut().insert(ALLOW, method);
                }
                reply
            }
        }
    }
}

/// What the audit calls a caller.
pub(super) fn name(who: &Who) -> &str {
    match who.name() {
        "" => SOMEBODY,
        name => name,
    }
}

/// A call, by its name: an address may hold anything.
fn of_call(what: &str, who: &Who, status: StatusCode) -> Said {
    let why = format!("{what}: HTTP {}", status.as_u16());
    Said { is_refused: !status.is_success(), ..Said::now(What::Called).by(name(who)).because(why) }
}

/// The same, with the message or the route that it is about. Whoever was shown a message has looked at it.
fn of_answer(route: &Route, part: &str, who: &Who, status: StatusCode) -> Said {
    let mut said = of_call(&route.text(), who, status);
    // Where there was no such thing, what stands in its place may be any text.
    if status.is_success() {
        match route.wish {
            Wish::Show => {
                said.what = What::Viewed;
                if let Ok(id) = part.parse::<Id>() {
                    (said.feed, said.id) = (Some(id.feed.clone()), Some(id.to_string()));
                }
            }
            Wish::Start => said.way = Some(part.to_owned()),
            _ => {}
        }
    }
    said
}
