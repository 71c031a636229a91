//! Writes a line for each message: what it is made of, and how large it is. No value of it.

use std::collections::BTreeMap;
use std::io::{self, Write};
use std::pin::Pin;
use std::sync::{Mutex, PoisonError};

use emr_message::header::Header;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::clock;
use crate::flow::deliver::{Parcel, Target};
use crate::flow::program::{Form, Made};
use crate::flow::retry::Failure;

/// What a target to `log` is told.
#[derive(Clone, Debug, Deserialize)]
pub struct Settings {
    level: Level,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Level {
    Debug,
    Info,
    Warn,
}

/// Lines of JSON, one for each message.
pub struct Lines {
    target: String,
    level: Level,
    out: Mutex<Box<dyn Write + Send>>,
}

/// What a line says.
#[derive(Serialize)]
struct Line<'a> {
    time: String,
    level: Level,
    target: &'a str,
    message: &'a str,
    made: Vec<Shape>,
}

#[derive(Serialize)]
struct Shape {
    form: &'static str,
    bytes: usize,
    /// How often each segment or type of resource is in it.
    holds: BTreeMap<String, usize>,
}

impl Lines {
    /// To standard error, as what the process itself has to say.
    pub fn new(target: &str, settings: &Settings) -> Lines {
        Lines::to(target, settings, io::stderr())
    }

    fn to(target: &str, settings: &Settings, out: impl Write + Send + 'static) -> Lines {
        Lines { target: target.to_owned(), level: settings.level, out: Mutex::new(Box::new(out)) }
    }

    fn write(&self, parcel: &Parcel) -> io::Result<()> {
        let line = Line {
            time: clock::instant(clock::microseconds()),
            level: self.level,
            target: &self.target,
            message: &parcel.id,
            made: parcel.made.iter().map(shape).collect(),
        };
        let mut bytes = serde_json::to_vec(&line)?;
        bytes.push(b'\n');
        let mut out = self.out.lock().unwrap_or_else(PoisonError::into_inner);
        // One write, so that lines of others do not come in between.
        out.write_all(&bytes)?;
        out.flush()
    }
}

impl Target for Lines {
    fn deliver<'a>(&'a self, parcel: &'a Parcel) -> Pin<Box<dyn Future<Output = Result<(), Failure>> + Send + 'a>> {
        Box::pin(async move {
            self.write(parcel).map_err(|why| Failure::Passing(format!("the log cannot be written: {}", why.kind())))
        })
    }

    fn reach(&self) -> Pin<Box<dyn Future<Output = Result<(), Failure>> + Send + '_>> {
        Box::pin(std::future::ready(Ok(())))
    }
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
    use std::sync::Arc;

    use serde_json::json;

    use super::*;

    #[derive(Clone, Default)]
    struct Kept(Arc<Mutex<Vec<u8>>>);

    impl Write for Kept {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.lock().unwrap().extend_from_slice(bytes);
            Ok(bytes.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    #[tokio::test]
    async fn a_line_has_shapes_and_no_values() {
        let kept = Kept::default();
        let lines = Lines::to("watch", &Settings { level: Level::Warn }, kept.clone());
        let message = "MSH|^~\\&|EVERYWOMAN\rPID|1||4711\rOBX|1\rOBX|2\rEVERYWOMAN again\rEVE";
        let bundle = r#"{"resourceType":"Bundle","entry":[{"resource":{"resourceType":"Patient","id":"EVERYWOMAN"}},
            {"resource":{"resourceType":"EVERY WOMAN"}}]}"#;
        let made = [(Form::Message, message), (Form::Json, bundle), (Form::Json, "EVERYWOMAN")];
        let made = made.map(|(form, text)| Made { form, bytes: text.as_bytes().to_vec().into() });
        lines.deliver(&Parcel { id: "adt-7".into(), made: made.into(), read: [].into() }).await.unwrap();
        let text = String::from_utf8(kept.0.lock().unwrap().clone()).unwrap();
        assert!(text.ends_with("}\n") && !text.contains("EVERYWOMAN") && !text.contains("4711"), "{text}");
        let mut line: Value = serde_json::from_str(&text).unwrap();
        assert!(line["time"].take().as_str().unwrap().ends_with('Z'));
        assert_eq!(
            line,
            json!({
                "time": null, "level": "warn", "target": "watch", "message": "adt-7",
                "made": [
                    { "form": "message", "bytes": message.len(), "holds": { "MSH": 1, "PID": 1, "OBX": 2 } },
                    { "form": "json", "bytes": bundle.len(), "holds": { "Bundle": 1, "Patient": 1 } },
                    { "form": "json", "bytes": 10, "holds": {} },
                ],
            })
        );
    }
}
