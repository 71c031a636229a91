//! What a feed that is written to like a FHIR server says of itself, and of Bundles.

use emr_abi::hash;
use serde::Deserialize;
use serde_json::{Value, json};
use uuid::Uuid;

use super::envelope::Envelope;
use crate::clock;

/// A CapabilityStatement (FHIR R4 §5.2) that says what is taken.
pub fn capabilities(feed: &str, types: &[String], bundles: bool) -> Value {
    let writes = json!([{ "code": "create" }, { "code": "update" }]);
    let named = types.iter().filter(|name| *name != "Resource");
    let resources: Vec<_> = named
        .map(|name| {
            json!({ "type": name, "interaction": writes, "versioning": "no-version", "readHistory": false,
                "updateCreate": true, "conditionalCreate": false, "conditionalUpdate": false })
        })
        .collect();
    let mut rest = json!({ "mode": "server", "resource": resources });
    if bundles && let Some(rest) = rest.as_object_mut() {
        let definition = "http://hl7.org/fhir/OperationDefinition/MessageHeader-process-message";
        rest.insert("interaction".into(), json!([{ "code": "transaction" }, { "code": "batch" }]));
        rest.insert("operation".into(), json!([{ "name": "process-message", "definition": definition }]));
    }
    json!({
        "resourceType": "CapabilityStatement", "status": "active", "date": now(), "kind": "instance",
        "software": { "name": "emr", "version": env!("CARGO_PKG_VERSION") },
        "implementation": { "description": feed },
        "fhirVersion": "4.0.1", "format": ["application/fhir+json"], "rest": [rest],
    })
}

/// What became of each entry of a transaction or batch (FHIR R4 §3.1.0.11.3).
pub fn each(envelope: &Envelope, is_under_way: bool) -> Value {
    let status = |method: &str| match method {
        _ if is_under_way => "202",
        "POST" => "201",
        "DELETE" => "204",
        _ => "200",
    };
    let entries: Vec<_> =
        envelope.entry.iter().map(|entry| json!({ "response": { "status": status(entry.method()) } })).collect();
    let kind = format!("{}-response", envelope.bundle().unwrap_or_default());
    json!({ "resourceType": "Bundle", "type": kind, "entry": entries })
}

/// What an answer to a message takes over from its header.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Header {
    id: Option<String>,
    event_coding: Option<Value>,
    event_uri: Option<Value>,
    source: Option<Value>,
    #[serde(default)]
    destination: Value,
}

/// That a message was taken, as a message (FHIR R4 §2.4.3.1): its header turned around.
pub fn response(message: &[u8], feed: &str, receipt: &str) -> Value {
    #[derive(Deserialize)]
    struct Message {
        entry: Vec<First>,
    }
    #[derive(Deserialize)]
    struct First {
        resource: Option<Value>,
    }
    let message: Option<Message> = serde_json::from_slice(message).ok();
    let first = message.and_then(|message| message.entry.into_iter().next()).and_then(|first| first.resource);
    let header: Option<Header> = first.and_then(|header| serde_json::from_value(header).ok());
    let endpoint = |place: &Value| place.get("endpoint").cloned();
    let own = header.as_ref().and_then(|header| endpoint(header.destination.get(0)?));
    let theirs = header.as_ref().and_then(|header| endpoint(header.source.as_ref()?));
    let id = id(receipt).to_string();
    let mut answer = json!({
        "resourceType": "MessageHeader", "id": id,
        "source": { "endpoint": own.unwrap_or_else(|| format!("urn:emr:{feed}").into()) },
    });
    if let (Some(answer), Some(header)) = (answer.as_object_mut(), header) {
        for (name, value) in [("eventCoding", header.event_coding), ("eventUri", header.event_uri)] {
            value.inspect(|value| _ = answer.insert(name.to_owned(), value.clone()));
        }
        theirs.inspect(|theirs| _ = answer.insert("destination".to_owned(), json!([{ "endpoint": theirs }])));
        answer.insert("response".to_owned(), json!({ "identifier": header.id, "code": "ok" }));
    }
    let entry = json!({ "fullUrl": format!("urn:uuid:{id}"), "resource": answer });
    json!({ "resourceType": "Bundle", "type": "message", "timestamp": now(), "entry": [entry] })
}

/// Of the answer to the message with that receipt, the same each time.
fn id(receipt: &str) -> Uuid {
    let half = |seed| hash(receipt.as_bytes(), seed).to_be_bytes();
    let mut bytes = [0; 16];
    bytes.iter_mut().zip([half(1), half(2)].concat()).for_each(|(byte, made)| *byte = made);
    Uuid::new_v8(bytes)
}

fn now() -> String {
    clock::receipt(clock::microseconds()).received().to_owned()
}
