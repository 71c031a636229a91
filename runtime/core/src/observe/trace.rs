//! The way of some messages as spans of OpenTelemetry: taken in, through each map, to each target. They go to a collector as
//! OTLP over HTTP, in JSON (<https://opentelemetry.io/docs/specs/otlp/#otlphttp>).
//!
//! Spans hold names of the project, receipt ids, sizes and times. Nobody waits for the collector: where it is too slow or
//! not there, spans are left out and counted.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use serde_json::{Value, json};
use tokio::sync::{mpsc, watch};
use tokio::time::{Instant, timeout, timeout_at};
use tracing::warn;
use xxhash_rust::xxh3::{xxh3_64_with_seed, xxh3_128};

use super::id;
use crate::clock;
use crate::connector::tls::Why;
use crate::connector::web::client;
use crate::flow::witness::{Happening, Witness};

/// Where spans go, and of how many messages.
#[derive(Clone, Debug)]
pub struct Settings {
    /// `http://127.0.0.1:4318`: the path of traces is put behind it.
    pub endpoint: String,
    pub headers: Vec<(String, String)>,
    /// The part of all messages that is traced, from 0 to 1.
    pub ratio: f64,
    pub version: String,
}

/// Spans that wait to be sent.
const WAITING: usize = 8192;

/// How many are sent at once.
const TOGETHER: usize = 512;

/// How long spans are gathered.
const GATHERED: Duration = Duration::from_secs(2);

/// How long the collector may take.
const PATIENCE: Duration = Duration::from_secs(10);

/// How long the process waits at its end for the last to be sent.
const LAST: Duration = Duration::from_secs(2);

/// What of a message is told to the collector.
struct Span {
    name: &'static str,
    trace: u128,
    /// The span of its taking in, which the others hang on.
    root: u64,
    own: u64,
    /// Microseconds since 1970.
    end: i64,
    took: Duration,
    attributes: Vec<(&'static str, Value)>,
    is_failed: bool,
}

/// Tells of messages as they go.
pub struct Traces {
    queue: mpsc::Sender<Span>,
    left_out: Arc<AtomicU64>,
    spans: AtomicU64,
    /// A message is traced if its hash is below.
    below: u64,
}

/// Sends what [`Traces`] tells.
pub struct Sending {
    queue: mpsc::Receiver<Span>,
    left_out: Arc<AtomicU64>,
    client: reqwest::Client,
    url: reqwest::Url,
    settings: Settings,
}

/// # Errors
/// The endpoint is no address.
pub fn traces(settings: Settings) -> Result<(Traces, Sending), Why> {
    let url = format!("{}/v1/traces", settings.endpoint.trim_end_matches('/'));
    let url = reqwest::Url::parse(&url).map_err(|_| format!("`{}` is no address of a collector", settings.endpoint))?;
    let (sender, queue) = mpsc::channel(WAITING);
    let left_out = Arc::new(AtomicU64::new(0));
    let below = (settings.ratio.clamp(0.0, 1.0) * u64::MAX as f64) as u64;
    let traces = Traces { queue: sender, left_out: Arc::clone(&left_out), spans: AtomicU64::new(0), below };
    let client = client::plain(PATIENCE)?;
    Ok((traces, Sending { queue, left_out, client, url, settings }))
}

impl Traces {
    fn tell(
        &self,
        (feed, number): (&str, u64),
        name: &'static str,
        took: Duration,
        more: impl FnOnce(&mut Vec<(&'static str, Value)>) -> bool,
    ) {
        // The same for all spans of a message, also those of a later process.
        let root = xxh3_64_with_seed(feed.as_bytes(), number) | 1;
        if root > self.below {
            return;
        }
        let id = id(feed, number);
        let own = match name {
            ACCEPT => root,
            _ => xxh3_64_with_seed(id.as_bytes(), self.spans.fetch_add(1, Ordering::Relaxed)) | 1,
        };
        let trace = xxh3_128(id.as_bytes()) | 1;
        let mut attributes = vec![("emr.feed", json!(feed)), ("emr.receipt", json!(id))];
        let is_failed = more(&mut attributes);
        let span = Span { name, trace, root, own, end: clock::microseconds(), took, attributes, is_failed };
        if self.queue.try_send(span).is_err() {
            self.left_out.fetch_add(1, Ordering::Relaxed);
        }
    }
}

const ACCEPT: &str = "accept";

impl Witness for Traces {
    fn see(&self, feed: &str, what: &Happening<'_>) {
        match *what {
            Happening::Accepted { number, bytes, took } => self.tell((feed, number), ACCEPT, took, |attributes| {
                attributes.push(("emr.bytes", json!(bytes.to_string())));
                false
            }),
            Happening::Mapped { number, route, took, issues, is_refused }
            | Happening::ReplyMapped { number, route, took, issues, is_refused } => {
                let name = if matches!(what, Happening::Mapped { .. }) { "map" } else { "reply" };
                self.tell((feed, number), name, took, |attributes| {
                    attributes.extend([("emr.route", json!(route)), ("emr.issues", json!(issues.count().to_string()))]);
                    is_refused
                });
            }
            Happening::Tried { number, way, tried, took, failure } => {
                self.tell((feed, number), "deliver", took, |attributes| {
                    attributes.extend([("emr.way", json!(way)), ("emr.tried", json!(tried.to_string()))]);
                    if let Some(failure) = failure {
                        attributes.push(("emr.why", json!(failure.why())));
                    }
                    failure.is_some()
                });
            }
            _ => {}
        }
    }
}

impl Sending {
    /// Sends until it is told to stop, and then what is there.
    pub async fn run(mut self, mut stop: watch::Receiver<bool>) {
        let mut spans = Vec::new();
        let mut is_ending = false;
        while !is_ending {
            let until = Instant::now() + GATHERED;
            while spans.len() < TOGETHER && !is_ending {
                let room = TOGETHER - spans.len();
                is_ending = tokio::select! {
                    come = timeout_at(until, self.queue.recv_many(&mut spans, room)) => match come {
                        Err(_) => break,
                        Ok(0) => true,
                        Ok(_) => false,
                    },
                    _ = stop.wait_for(|stop| *stop) => true,
                };
            }
            if is_ending {
                while let Ok(span) = self.queue.try_recv() {
                    spans.push(span);
                }
                let _ = timeout(LAST, self.send(&mut spans)).await;
            } else {
                self.send(&mut spans).await;
            }
        }
    }

    async fn send(&self, spans: &mut Vec<Span>) {
        let count = spans.len() as u64;
        if count > 0 {
            let mut request = self.client.post(self.url.clone());
            for (name, value) in &self.settings.headers {
                request = request.header(name, value);
            }
            let sent = request.json(&self.body(spans)).send().await;
            if !sent.is_ok_and(|answer| answer.status().is_success()) {
                self.left_out.fetch_add(count, Ordering::Relaxed);
            }
            spans.clear();
        }
        let left_out = self.left_out.swap(0, Ordering::Relaxed);
        if left_out > 0 {
            warn!(spans = left_out, "spans are left out: the collector does not take them");
        }
    }

    fn body(&self, spans: &[Span]) -> Value {
        let spans: Vec<Value> = spans.iter().map(Span::json).collect();
        let resource = [("service.name", json!("emr")), ("service.version", json!(self.settings.version))];
        json!({ "resourceSpans": [{
            "resource": { "attributes": attributes(&resource) },
            "scopeSpans": [{ "scope": { "name": "emr" }, "spans": spans }],
        }] })
    }
}

impl Span {
    fn json(&self) -> Value {
        let end = i128::from(self.end) * 1_000;
        let begin = end - i128::try_from(self.took.as_nanos()).unwrap_or_default();
        let parent = if self.own == self.root { String::new() } else { format!("{:016x}", self.root) };
        json!({
            "traceId": format!("{:032x}", self.trace),
            "spanId": format!("{:016x}", self.own),
            "parentSpanId": parent,
            "name": self.name,
            // Internal.
            "kind": 1,
            "startTimeUnixNano": begin.to_string(),
            "endTimeUnixNano": end.to_string(),
            "attributes": attributes(&self.attributes),
            // Error, or nothing said.
            "status": { "code": if self.is_failed { 2 } else { 0 } },
        })
    }
}

fn attributes(all: &[(&str, Value)]) -> Vec<Value> {
    all.iter().map(|(key, value)| json!({ "key": key, "value": { "stringValue": value } })).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::flow::issues::Issues;

    fn settings(ratio: f64) -> Settings {
        Settings { endpoint: "http://127.0.0.1:1/".into(), headers: Vec::new(), ratio, version: "1".into() }
    }

    #[tokio::test]
    async fn all_spans_of_a_message_hang_together() {
        let (traces, mut sending) = traces(settings(1.0)).unwrap();
        let took = Duration::from_millis(2);
        traces.see("adt", &Happening::Accepted { number: 4, bytes: 40, took });
        traces.see(
            "adt",
            &Happening::Mapped {
                number: 4,
                route: "all",
                took,
                issues: &Issues::of(["R0501"].into_iter()),
                is_refused: true,
            },
        );
        traces.see("adt", &Happening::Tried { number: 4, way: "all>ehr", tried: 1, took, failure: None });
        traces.see("adt", &Happening::Known);
        let mut spans = Vec::new();
        sending.queue.recv_many(&mut spans, 10).await;
        let body = sending.body(&spans);
        let spans = body["resourceSpans"][0]["scopeSpans"][0]["spans"].as_array().unwrap();
        assert_eq!(spans.len(), 3);
        assert_eq!((&spans[0]["name"], &spans[0]["parentSpanId"]), (&"accept".into(), &"".into()));
        assert!(
            spans[1..].iter().all(|it| it["parentSpanId"] == spans[0]["spanId"] && it["spanId"] != spans[0]["spanId"])
        );
        assert!(spans.iter().all(|span| span["traceId"] == spans[0]["traceId"]));
        assert_eq!((&spans[1]["status"]["code"], &spans[2]["status"]["code"]), (&2.into(), &0.into()));
    }

    #[tokio::test]
    async fn some_messages_are_traced_and_those_that_are_too_many_are_counted() {
        let (traces, sending) = traces(settings(0.5)).unwrap();
        for number in 0..4 * WAITING as u64 {
            traces.see("adt", &Happening::Accepted { number, bytes: 1, took: Duration::ZERO });
        }
        let left_out = sending.left_out.load(Ordering::Relaxed) as usize;
        assert_eq!(sending.queue.len(), WAITING);
        assert!(left_out > WAITING / 2 && left_out < 2 * WAITING, "{left_out}");
    }
}
