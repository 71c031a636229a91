//! `/metrics`, `/health/live` and `/health/ready`, over HTTP. They hold names of the project and numbers.

use std::io;
use std::sync::Arc;

use hyper::header::{ALLOW, HeaderValue};
use hyper::http::request::Parts;
use hyper::{Method, StatusCode};
use tokio::sync::watch;

use super::metrics::{Metrics, TEXT};
use crate::connector::web::clients::Who;
use crate::connector::web::listening::{At, Listening, Room};
use crate::connector::web::outcome::{Issue, Reply, outcome, reply};
use crate::connector::web::server::{Call, Desk};
use crate::connector::{Places, Serving, Why};
use crate::flow::backlog::Backlogs;
use crate::flow::witness::Happening;

/// What is taken at a time. Who reads has nothing to say.
const ROOM: Room = Room { connections: 32, request_timeout: 10_000, frame_max: 0 };

const PLAIN: HeaderValue = HeaderValue::from_static("text/plain; charset=utf-8");

/// How far the engine is.
#[derive(Clone, Default)]
pub enum Stage {
    /// Its journals are being opened.
    #[default]
    Starting,
    /// Its feeds listen.
    Running(Backlogs),
    /// What is under way comes to its end.
    Stopping(Backlogs),
}

/// What answers.
struct Looking {
    metrics: Arc<Metrics>,
    stage: watch::Receiver<Stage>,
}

/// An address that is ours, on which nobody is heard yet.
///
/// # Errors
/// The address, a certificate or a key is not to be had.
pub async fn listening(at: &At, places: &Places) -> Result<Listening, Why> {
    at.listening(&ROOM, places).await
}

/// From here on what is counted can be read, until `stop`.
///
/// # Errors
/// The system does not let it listen.
pub fn serve(
    at: Listening,
    metrics: Arc<Metrics>,
    stage: watch::Receiver<Stage>,
    stop: watch::Receiver<bool>,
) -> io::Result<Serving> {
    at.serve(Looking { metrics, stage }, stop)
}

impl Looking {
    async fn metrics(&self) -> Reply {
        let backlogs = match &*self.stage.borrow() {
            Stage::Starting => Backlogs::default(),
            Stage::Running(backlogs) | Stage::Stopping(backlogs) => backlogs.clone(),
        };
        let metrics = Arc::clone(&self.metrics);
        // It looks at all that is in flight, which may be much.
        let text = tokio::task::spawn_blocking(move || metrics.text(&backlogs.now())).await;
        match text {
            Ok(text) => reply(StatusCode::OK, HeaderValue::from_static(TEXT), text),
            Err(_) => reply(StatusCode::INTERNAL_SERVER_ERROR, PLAIN, "the metrics cannot be counted\n"),
        }
    }

    fn ready(&self) -> Reply {
        let why = match &*self.stage.borrow() {
            Stage::Starting => "starting\n",
            Stage::Stopping(_) => "stopping\n",
            Stage::Running(backlogs) if !backlogs.take_messages() => "there is no room for messages\n",
            Stage::Running(_) => return reply(StatusCode::OK, PLAIN, "ready\n"),
        };
        reply(StatusCode::SERVICE_UNAVAILABLE, PLAIN, why)
    }
}

impl Desk for Looking {
    fn refuse(&self, head: &Parts, _: &Who) -> Option<Reply> {
        if !matches!(head.uri.path(), "/metrics" | "/health/live" | "/health/ready") {
            return Some(outcome(StatusCode::NOT_FOUND, &Issue::new("not-found", "there is nothing at this place")));
        }
        if head.method != Method::GET {
            let mut reply =
                outcome(StatusCode::METHOD_NOT_ALLOWED, &Issue::new("not-supported", "this is read by GET"));
            reply.headers_mut().insert(ALLOW, HeaderValue::from_static("GET"));
            return Some(reply);
        }
        None
    }

    async fn answer(&self, call: Call) -> Reply {
        match call.head.uri.path() {
            "/metrics" => self.metrics().await,
            "/health/ready" => self.ready(),
            _ => reply(StatusCode::OK, PLAIN, "alive\n"),
        }
    }

    /// Who looks on is not looked at.
    fn see(&self, _: &Happening<'_>) {}
}

#[cfg(test)]
mod tests;
