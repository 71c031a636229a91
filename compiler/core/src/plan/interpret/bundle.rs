//! Resources that were emitted: their identity, and the Bundle that they end in.

use super::super::{Block, KeyPart, Routine, RuleId, Val};
use super::{Flow, Issue, Machine, Stop, Vals, value::Value};
use emr_message::{Message, json};
use serde_json::Value as Json;
use smol_str::SmolStr;
use uuid::Uuid;

pub(super) struct Entry {
    pub resource: SmolStr,
    pub full_url: String,
    /// The resource as it was written.
    pub body: String,
    /// By which a server finds it: `identifier=…&…`, encoded.
    pub search: Option<String>,
    pub if_new: bool,
}

/// The namespace of all identities: version 5 of the DNS name `emr`, under the nil UUID.
const NAMESPACE: Uuid = Uuid::nil();

/// What identities without a key begin with: a hash of the message.
pub(super) fn seed(message: &Message) -> [u8; 20] {
    let mut text = Vec::new();
    for index in 0..message.segments().len() {
        text.extend_from_slice(message.text_of(index).as_bytes());
        text.push(b'\r');
    }
    let uuid = Uuid::new_v5(&NAMESPACE, &text);
    let mut seed = [0; 20];
    seed.iter_mut().zip(uuid.as_bytes()).for_each(|(to, from)| *to = *from);
    seed
}

impl<'m> Machine<'m> {
    #[expect(clippy::too_many_arguments, reason = "the fields of one step")]
    pub(super) fn emit(
        &mut self,
        resource: &SmolStr,
        if_new: bool,
        key: &[KeyPart],
        body: &Block,
        to: Val,
        rule: RuleId,
        vals: &mut Vals<'m>,
    ) -> Flow {
        self.burn()?;
        vals.set(to, Value::Missing);
        let (identity, search) = self.identity(resource, key, vals)?;
        let full_url = match identity {
            Some(identity) => {
                format!("urn:uuid:{}", Uuid::new_v5(&NAMESPACE, format!("{resource}|{identity}").as_bytes()))
            }
            None => {
                let times = self.times.entry(rule).or_default();
                *times += 1;
                let place = [self.seed.as_slice(), &rule.to_be_bytes(), &times.to_be_bytes()].concat();
                format!("urn:uuid:{}", Uuid::new_v5(&NAMESPACE, &place))
            }
        };
        let index = self.entries.len();
        self.entries.push(None);
        let outer = (std::mem::take(&mut self.out), self.written, std::mem::take(&mut self.needs));
        let done = self.attempt(body, vals);
        let mut written = std::mem::replace(&mut self.out, outer.0);
        (self.written, self.needs) = (outer.1, outer.2);
        if !done? || written.is_empty() {
            return Ok(());
        }
        written.pop();
        vals.set(to, Value::Text(full_url.as_str().into(), None));
        match self.emitted.get(&full_url) {
            Some(&known) => {
                let same = matches!(self.entries.get(known), Some(Some(entry)) if entry.body == written);
                if !same {
                    let text = "two different resources have one key: the first is kept".into();
                    self.issues.push(Issue { text, place: None, rule: Some(rule) });
                }
            }
            None => {
                self.emitted.insert(full_url.clone(), index);
                let entry = Entry { resource: resource.clone(), full_url, body: written, search, if_new };
                if let Some(place) = self.entries.get_mut(index) {
                    *place = Some(entry);
                }
            }
        }
        Ok(())
    }

    /// The text of the key, and the search by it. Nothing if a part of it is missing.
    fn identity(
        &mut self,
        resource: &str,
        key: &[KeyPart],
        vals: &mut Vals<'m>,
    ) -> Result<(Option<String>, Option<String>), Stop> {
        let _ = resource;
        let mut texts = Vec::new();
        let mut searches = Some(Vec::new());
        for part in key {
            let outer = (std::mem::take(&mut self.out), self.written);
            let done = self.attempt(&part.body, vals);
            let written = std::mem::replace(&mut self.out, outer.0);
            self.written = outer.1;
            done?;
            let value: Option<Json> = serde_json::from_str(written.trim_end_matches(',')).ok();
            let Some(text) = value.as_ref().and_then(identity_text) else {
                // Without its first part there is no key; that another is missing is part of the identity.
                if texts.is_empty() {
                    return Ok((None, None));
                }
                if let (Some(searches), Some(parameter)) = (&mut searches, &part.parameter) {
                    searches.push(format!("{parameter}:missing=true"));
                }
                texts.push(String::new());
                continue;
            };
            searches = match (searches, &part.parameter) {
                (Some(mut searches), Some(parameter)) => {
                    searches.extend(self.search(parameter, &text));
                    Some(searches)
                }
                _ => None,
            };
            texts.push(text);
        }
        if texts.is_empty() {
            return Ok((None, None));
        }
        Ok((Some(texts.join("|")), searches.filter(|it| it.len() >= texts.len()).map(|it| it.join("&"))))
    }

    /// A reference in a key is searched by the key of the resource that it leads to.
    fn search(&self, parameter: &str, text: &str) -> Vec<String> {
        if !text.starts_with("urn:uuid:") {
            return vec![format!("{parameter}={}", encoded(text))];
        }
        let target = self.emitted.get(text).and_then(|index| self.entries.get(*index)?.as_ref());
        let search = target.and_then(|target| target.search.as_ref());
        let chained = |part: &str| format!("{parameter}.{part}");
        search.map(|search| search.split('&').map(chained).collect()).unwrap_or_default()
    }

    /// `"entry":[…],` of all that was emitted.
    pub(super) fn write_entries(&mut self, requests: bool) {
        let mut written = Vec::new();
        for entry in self.entries.iter().flatten() {
            let request = if requests { request(entry) } else { String::new() };
            written.push(format!("{{\"fullUrl\":\"{}\",\"resource\":{}{request}}}", entry.full_url, entry.body));
        }
        if !written.is_empty() {
            self.out.push_str(&format!("\"entry\":[{}],", written.join(",")));
        }
    }

    /// What the map gives: as it was written, with what it emitted beside it.
    pub(super) fn finished(&mut self, routine: &Routine, vals: &Vals<'m>) -> Vec<u8> {
        let mut result = std::mem::take(&mut self.out);
        if let Some(val) = routine.result {
            result = vals.get(val).text().map(|text| json::quoted(&text)).unwrap_or_default();
        } else if result.ends_with(',') {
            result.pop();
        }
        let emitted = self.entries.iter().flatten().count();
        if emitted > 0 && !result.starts_with("{\"resourceType\":\"Bundle\"") {
            self.write_entries(false);
            let entries = std::mem::take(&mut self.out);
            let others = entries.trim_start_matches("\"entry\":[").trim_end_matches("],");
            let own = if result.is_empty() { String::new() } else { format!("{{\"resource\":{result}}},") };
            result = format!("{{\"resourceType\":\"Bundle\",\"type\":\"collection\",\"entry\":[{own}{others}]}}");
        }
        result.into_bytes()
    }
}

fn request(entry: &Entry) -> String {
    let resource = &entry.resource;
    match (&entry.search, entry.if_new) {
        (Some(search), false) => {
            let url = json::quoted(&format!("{resource}?{search}"));
            format!(",\"request\":{{\"method\":\"PUT\",\"url\":{url}}}")
        }
        (Some(search), true) => {
            let search = json::quoted(search);
            format!(",\"request\":{{\"method\":\"POST\",\"url\":\"{resource}\",\"ifNoneExist\":{search}}}")
        }
        (None, _) => format!(",\"request\":{{\"method\":\"POST\",\"url\":\"{resource}\"}}"),
    }
}

/// What makes a value the same: `system|value` of an Identifier, `system|code` of a coded value.
fn identity_text(value: &Json) -> Option<String> {
    let text = |value: &Json, name: &str| value.get(name).and_then(Json::as_str).unwrap_or_default().to_owned();
    match value {
        Json::String(text) => Some(text.clone()),
        Json::Number(number) => Some(number.to_string()),
        Json::Bool(value) => Some(value.to_string()),
        Json::Object(map) if map.contains_key("reference") => Some(text(value, "reference")),
        Json::Object(map) if map.contains_key("value") => {
            Some(format!("{}|{}", text(value, "system"), text(value, "value")))
        }
        Json::Object(map) if map.contains_key("coding") => identity_text(value.get("coding")?.get(0)?),
        Json::Object(map) if map.contains_key("code") => {
            Some(format!("{}|{}", text(value, "system"), text(value, "code")))
        }
        Json::Object(map) if map.contains_key("text") => Some(text(value, "text")),
        _ => None,
    }
}

/// Percent-encoded for the query of a URL.
fn encoded(text: &str) -> String {
    let mut out = String::new();
    for byte in text.bytes() {
        match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' | b'|' | b':' | b'/' => {
                out.push(char::from(byte))
            }
            _ => out.push_str(&format!("%{byte:02X}")),
        }
    }
    out
}
