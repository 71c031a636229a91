//! What commands print for programs and the admin API answers, as JSON: one shape for each thing, which the API's document
//! describes.

use serde_json::{Value, json};

use super::words::{Feed, Not, Parked, Way};
use crate::clock;
use crate::journal::entry::{Event, What};
use crate::journal::find::{History, State};
use crate::journal::id::Id;
use crate::journal::log::Damage;
use crate::journal::search::{self, Row, kind};
use crate::journal::verify::Verified;

/// A time of the journal, as FHIR writes an instant.
pub fn instant(microseconds: i64) -> String {
    clock::receipt(microseconds).received().to_owned()
}

/// Where the messages of a feed are.
pub fn feed(feed: &Feed, is_running: bool) -> Value {
    let law = &feed.law;
    json!({
        "feed": feed.name, "running": is_running, "accepted": law.accepted, "delivered": law.settled.delivered,
        "filtered": law.settled.filtered, "refused": law.settled.refused, "dropped": law.settled.dropped,
        "in_flight": law.in_flight, "parked_count": law.parked,
        "issues": feed.issues,
        "parked": feed.parked.iter().map(parked).collect::<Vec<_>>(),
        "ways": feed.ways.iter().map(way).collect::<Vec<_>>(),
    })
}

/// A message that waits for a person.
pub fn parked(parked: &Parked) -> Value {
    json!({ "id": parked.id, "received": instant(parked.received), "why": parked.why })
}

fn way(way: &Way) -> Value {
    let age = |received| clock::microseconds().saturating_sub(received).max(0) / 1_000_000;
    let oldest = way.oldest.as_ref().map(|it| json!({ "id": it.id, "seconds": age(it.received) }));
    json!({
        "way": way.name, "waiting": way.waiting, "held": way.is_held, "oldest": oldest, "failing": way.failing,
    })
}

/// A message that was looked for.
pub fn row(feed: &str, row: &Row) -> Value {
    json!({
        "id": Id::new(feed, row.number), "feed": feed, "received": instant(row.received), "type": row.kind,
        "bytes": row.bytes, "state": row.state, "why": row.why,
    })
}

/// A message, and what became of it; without what it holds, but with what its sender got of a target.
pub fn message(id: &Id, history: &History, bytes: &[u8]) -> Value {
    let (state, why) = match &history.state {
        State::Ended(ended) => (search::State::from(*ended), Vec::new()),
        State::Open(open) if open.is_parked() => (search::State::Parked, open.why()),
        State::Open(_) => (search::State::InFlight, Vec::new()),
    };
    let arrival = &history.arrival;
    json!({
        "id": id, "feed": id.feed, "received": instant(arrival.received), "file": arrival.file, "type": kind(bytes),
        "bytes": bytes.len(), "state": state, "why": why, "events": history.events.iter().map(event).collect::<Vec<_>>(),
    })
}

fn event(event: &Event) -> Value {
    let (name, rest) = match &event.what {
        What::Started => ("started", json!({})),
        What::Mapped { program, targets } => ("mapped", json!({ "program": hash(*program), "ways": targets })),
        What::Delivered { target } => ("delivered", json!({ "way": target })),
        What::Replied { target, reply, .. } => {
            ("replied", json!({ "way": target, "reply": String::from_utf8_lossy(&reply.bytes) }))
        }
        What::Returned { target, why, .. } => ("returned", json!({ "way": target, "why": why })),
        What::Filtered { because } => ("filtered", json!({ "why": because })),
        What::Refused(refusal) => ("refused", json!({ "why": refusal.text() })),
        What::Held { route, why } => ("parked", json!({ "way": null, "route": route, "why": why })),
        What::Parked { target, why } => ("parked", json!({ "way": target, "why": why })),
        What::Released => ("released", json!({})),
        What::Dropped { because } => ("dropped", json!({ "why": because })),
        What::Replayed(replay) => ("replayed", json!({ "to": replay.to })),
    };
    let who = event.who.as_ref().map_or_else(|| json!({}), |who| json!({ "who": &**who }));
    joined(joined(json!({ "at": instant(event.at), "what": name }), rest), who)
}

/// The hash of a program, by which it is told from others.
pub fn hash(program: u64) -> String {
    format!("{program:016x}")
}

/// The members of two objects in one.
pub fn joined(mut all: Value, more: Value) -> Value {
    if let (Value::Object(all), Value::Object(more)) = (&mut all, more) {
        all.extend(more);
    }
    all
}

/// With how many messages something was done, and with which not.
pub fn done(done: u64, not: &[Not]) -> Value {
    json!({ "done": done, "not": not })
}

/// What is known of a feed's journal.
pub fn verified(feed: &str, found: &Verified) -> Value {
    json!({
        "feed": feed, "whole": found.damage.is_empty(), "segments": found.segments, "records": found.records,
        "messages": found.messages, "lost": found.lost, "torn": found.torn,
        "damage": found.damage.iter().map(|it| damage(feed, it)).collect::<Vec<_>>(),
        "unsure": found.unsure.iter().map(|number| Id::new(feed, *number)).collect::<Vec<_>>(),
    })
}

fn damage(feed: &str, damage: &Damage) -> Value {
    let to = damage.to.unwrap_or(damage.from);
    let at_risk =
        (damage.from < to).then(|| json!({ "first": Id::new(feed, damage.from), "last": Id::new(feed, to - 1) }));
    json!({
        "segment": format!("{:016x}", damage.segment), "at": damage.at, "from": damage.from, "to": to, "at_risk": at_risk,
    })
}
