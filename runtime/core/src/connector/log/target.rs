//! Writes a line for each message: what it is made of, and how large it is. No value of it.

use std::collections::BTreeMap;
use std::pin::Pin;

use emr_message::header::Header;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use tracing::{debug, info, warn};

use crate::flow::deliver::{Parcel, Said, Target};
use crate::flow::program::{Form, Made};
use crate::flow::retry::Failure;
use crate::observe::OURS;

/// What a target to `log` is told.
#[derive(Clone, Debug, Deserialize)]
pub struct Settings {
    level: Level,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Level {
    Debug,
    Info,
    Warn,
}

/// Lines of the log, one for each message.
pub struct Lines {
    target: String,
    level: Level,
}

#[derive(Serialize)]
struct Shape {
    form: &'static str,
    bytes: usize,
    /// How often each segment or type of resource is in it.
    holds: BTreeMap<String, usize>,
}

impl Lines {
    pub fn new(target: &str, settings: &Settings) -> Lines {
        Lines { target: target.to_owned(), level: settings.level }
    }

    fn write(&self, parcel: &Parcel) {
        let (to, id, made) = (self.target.as_str(), &*parcel.id, shapes(&parcel.made));
        match self.level {
            Level::Debug => debug!(target: OURS, to, id, made, "delivered to the log"),
            Level::Info => info!(target: OURS, to, id, made, "delivered to the log"),
            Level::Warn => warn!(target: OURS, to, id, made, "delivered to the log"),
        }
    }
}

impl Target for Lines {
    fn deliver<'a>(&'a self, parcel: &'a Parcel) -> Pin<Box<dyn Future<Output = Said> + Send + 'a>> {
        Box::pin(async move {
            self.write(parcel);
            Ok(()).into()
        })
    }

    fn reach(&self) -> Pin<Box<dyn Future<Output = Result<(), Failure>> + Send + '_>> {
        Box::pin(std::future::ready(Ok(())))
    }
}

/// What was made, as JSON.
fn shapes(made: &[Made]) -> String {
    serde_json::to_string(&made.iter().map(shape).collect::<Vec<_>>()).unwrap_or_default()
}

fn shape(made: &Made) -> Shape {
    let mut holds = BTreeMap::new();
    let mut count = |name: &str| *holds.entry(name.to_owned()).or_default() += 1;
    let form = match made.form {
        Form::Message => {
            let bar = Header::read(&made.bytes).map(|header| header.delimiters.field);
            let lines = made.bytes.split(|byte| matches!(byte, b'\r' | b'\n'));
            lines.filter_map(|line| segment(line, bar?)).for_each(&mut count);
            "message"
        }
        Form::Json => {
            if let Ok(resource) = serde_json::from_slice(&made.bytes) {
                types(&resource, &mut count);
            }
            "json"
        }
    };
    Shape { form, bytes: made.bytes.len(), holds }
}

/// The name of a segment. What is no name is none of the log's business: it may be the rest of a broken line.
fn segment(line: &[u8], bar: u8) -> Option<&str> {
    let name = std::str::from_utf8(line.get(..3)?).ok()?;
    let is_name = name.starts_with(|c: char| c.is_ascii_uppercase())
        && name.chars().all(|c| c.is_ascii_uppercase() || c.is_ascii_digit());
    (is_name && line.get(3) == Some(&bar)).then_some(name)
}

/// The types of a resource and of those in it.
fn types(value: &Value, count: &mut impl FnMut(&str)) {
    /// No type of a resource is longer.
    const NAME_MAX: usize = 64;
    match value {
        Value::Object(members) => {
            let ty = members.get("resourceType").and_then(Value::as_str);
            let is_name = |ty: &&str| ty.len() <= NAME_MAX && ty.bytes().all(|byte| byte.is_ascii_alphabetic());
            ty.filter(is_name).into_iter().for_each(&mut *count);
            members.values().for_each(|member| types(member, count));
        }
        Value::Array(items) => items.iter().for_each(|item| types(item, count)),
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_line_has_shapes_and_no_values() {
        let message = "MSH|^~\\&|EVERYWOMAN\rPID|1||4711\rOBX|1\rOBX|2\rEVERYWOMAN again\rEVE";
        let bundle = r#"{"resourceType":"Bundle","entry":[{"resource":{"resourceType":"Patient","id":"EVERYWOMAN"}},
            {"resource":{"resourceType":"EVERY WOMAN"}}]}"#;
        let made = [(Form::Message, message), (Form::Json, bundle), (Form::Json, "EVERYWOMAN")];
        let text = shapes(&made.map(|(form, text)| Made { form, bytes: text.as_bytes().to_vec().into() }));
        assert!(!text.contains("EVERYWOMAN") && !text.contains("4711"), "{text}");
        assert_eq!(
            serde_json::from_str::<Value>(&text).unwrap(),
            json!([
                { "form": "message", "bytes": message.len(), "holds": { "MSH": 1, "PID": 1, "OBX": 2 } },
                { "form": "json", "bytes": bundle.len(), "holds": { "Bundle": 1, "Patient": 1 } },
                { "form": "json", "bytes": 10, "holds": {} },
            ])
        );
    }
}
