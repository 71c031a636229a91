//! Resources that were emitted: their keys, their identities, and the Bundle that holds them.

use super::exec::{Done, Frame, Run, Stop, get};
use super::refer::Referred;
use super::value::Value;
use super::why::Mark;
use crate::plan::{Block, IssueId, KeyPart, KeyValue, RuleId, Sent};
use emr_message::Place;
use emr_message::builtin::text::{percent, undivided};
use emr_message::identity::{self, Digest, Origin};
use emr_message::{json, resource};
use smol_str::SmolStr;
use uuid::Uuid;
/// Between the parts of a key.
const BETWEEN: char = '\u{1f}';

pub(super) struct Entry {
    resource: SmolStr,
    json: Vec<u8>,
    marks: Vec<Mark>,
    /// Of a run that is explained: why it is what it is.
    note: Option<usize>,
    pub(super) id: Uuid,
    /// The parameters by which a server finds it.
    search: Option<Search>,
    sent: Sent,
    /// It wrote nothing, or is the same as an earlier one.
    dropped: bool,
}

/// Parameters and their values.
type Search = Vec<(String, String)>;

/// What makes a resource the same as another.
pub(super) struct Key {
    text: String,
    search: Option<Search>,
    /// Where its first part comes from that stands in the message.
    place: Option<Place>,
}

impl<'p, 'm> Run<'p, 'm> {
    /// The key. Without its first part there is none; that another is missing is part of it.
    pub fn key(&self, parts: &'p [KeyPart], frame: &Frame<'m>) -> Option<Key> {
        let mut text = String::new();
        let mut search = Some(Vec::new());
        for part in parts {
            let own = self.key_part(part, frame);
            if own.is_none() && text.is_empty() {
                return None;
            }
            let (own, found) = own.unwrap_or_else(|| (String::new(), missing(part)));
            text.push_str(&own);
            text.push(BETWEEN);
            search = match (search, found) {
                (Some(before), Some(found)) => Some([before, found].concat()),
                // One part that cannot be searched for makes the search find others too.
                _ => None,
            };
        }
        let place = parts.iter().find_map(|part| match part.value {
            KeyValue::Text(of) | KeyValue::Token { code: of, .. } => get(frame, of).place(self.message),
            KeyValue::Reference(_) => None,
        });
        (!text.is_empty()).then_some(Key { text, search, place })
    }

    /// What a part is, and how a server searches for it, if it can.
    fn key_part(&self, part: &KeyPart, frame: &Frame<'m>) -> Option<(String, Option<Search>)> {
        let searched = |value: String| part.parameter.as_ref().map(|name| vec![(name.to_string(), value)]);
        match &part.value {
            KeyValue::Text(of) => {
                let value = get(frame, *of).as_text()?.into_owned();
                let search = searched(undivided(&value));
                Some((value, search))
            }
            KeyValue::Token { system, code } => {
                let (system, code) = (get(frame, *system), get(frame, *code));
                let (system, code) = (system.as_text().unwrap_or_default(), code.as_text()?);
                let search = searched(format!("{}|{}", undivided(&system), undivided(&code)));
                Some((format!("{system}|{code}"), search))
            }
            KeyValue::Reference(of) => {
                let Value::Reference(index) = get(frame, *of) else { return None };
                let entry = self.entries.get(index)?;
                Some((entry.id.to_string(), part.parameter.as_ref().and_then(|name| chained(name, entry))))
            }
        }
    }

    /// An entry of its own, never written, so that a reference to it has something to name.
    pub fn refer(&mut self, resource: &'p SmolStr, key: &'p [KeyPart], issue: IssueId, frame: &Frame<'m>) -> Value<'m> {
        let Some(Key { text, search, place }) = self.key(key, frame) else { return Value::Missing };
        let id = identity::of_key(resource, &text);
        let found = search.as_deref().map(|search| format!("{resource}?{}", query(search)));
        self.referred.entry(id).or_insert(Referred { search: found, resource: resource.clone(), issue, place });
        self.entries.push(Entry {
            resource: resource.clone(),
            json: Vec::new(),
            marks: Vec::new(),
            id,
            search,
            sent: Sent::Whole,
            dropped: true,
            note: None,
        });
        Value::Reference(self.entries.len() - 1)
    }

    pub fn emit(
        &mut self,
        (resource, sent, rule, issue): (&'p SmolStr, Sent, RuleId, IssueId),
        key: Option<Key>,
        body: &'p Block,
        frame: &mut Frame<'m>,
    ) -> Result<Value<'m>, Stop> {
        if let Sent::Patch(unkeyed) = sent {
            let Some((id, search)) =
                key.as_ref().and_then(|key| Some((identity::of_key(resource, &key.text), key.search.as_ref()?)))
            else {
                self.say(unkeyed, key.and_then(|key| key.place));
                return Ok(Value::Missing);
            };
            // What is changed is the server's: a reference to it searches for it.
            let search = Some(format!("{resource}?{}", query(search)));
            let place = key.as_ref().and_then(|key| key.place);
            self.referred.entry(id).or_insert(Referred { search, resource: resource.clone(), issue: unkeyed, place });
        }
        // Its place among the entries is taken before what its body emits.
        let index = self.entries.len();
        let id = match &key {
            Some(key) => identity::of_key(resource, &key.text),
            None => self.identity(resource, rule),
        };
        let (key, search, place) = key.map_or((None, None, None), |key| (Some(key.text), key.search, key.place));
        self.entries.push(Entry {
            resource: resource.clone(),
            json: Vec::new(),
            marks: Vec::new(),
            note: self.why.as_mut().map(|why| why.entry()),
            id,
            search,
            sent,
            dropped: true,
        });
        let patches = matches!(sent, Sent::Patch(_));
        let (written, marks) = self.apart(body, frame)?;
        if written.is_empty() {
            // Nothing is changed, and it is there all the same.
            return Ok(if patches { Value::Reference(index) } else { Value::Missing });
        }
        if let Some(key) = key {
            let known = *self.keys.entry((resource.clone(), key)).or_insert(index);
            if known != index {
                if self.entries.get(known).is_some_and(|entry| entry.json != written) {
                    self.say(issue, place);
                } else if let Some(why) = self.why.as_mut() {
                    why.repeated(&marks);
                }
                return Ok(Value::Reference(known));
            }
        }
        if let Some(entry) = self.entries.get_mut(index) {
            (entry.json, entry.marks, entry.dropped) = (written, marks, false);
            if !patches {
                self.brought.insert(entry.id);
            }
        }
        Ok(Value::Reference(index))
    }

    /// What the body writes, taken out of the output, without its last comma, with what it contains.
    fn apart(&mut self, body: &'p Block, frame: &mut Frame<'m>) -> Result<(Vec<u8>, Vec<Mark>), Stop> {
        let (start, live) = (self.out.len(), self.live);
        let outer = std::mem::take(&mut self.contained);
        let done: Done = self.block(body, frame);
        let contained = std::mem::replace(&mut self.contained, outer);
        done?;
        self.live = live;
        let mut written = self.out.split_off(start);
        let mut marks = self.marks_from(start);
        if written.last() == Some(&b',') {
            written.pop();
        }
        if !contained.is_empty() && written.last() == Some(&b'}') {
            written.pop();
            written.extend_from_slice(b",\"contained\":");
            for (number, (json, inside)) in contained.into_iter().enumerate() {
                written.push(if number == 0 { b'[' } else { b',' });
                let base = written.len();
                marks.extend(inside.into_iter().map(|mark| Mark { at: base + mark.at, ..mark }));
                written.extend_from_slice(&json);
            }
            written.extend_from_slice(b"]}");
        }
        Ok((written, marks))
    }

    /// Takes the marks behind a place of the output, counted from there.
    fn marks_from(&mut self, start: usize) -> Vec<Mark> {
        let from = self.marks.iter().position(|mark| mark.at >= start).unwrap_or(self.marks.len());
        let mut marks = self.marks.split_off(from);
        marks.iter_mut().for_each(|mark| mark.at -= start);
        marks
    }

    pub fn contain(&mut self, body: &'p Block, frame: &mut Frame<'m>) -> Result<Value<'m>, Stop> {
        let (start, live) = (self.out.len(), self.live);
        self.block(body, frame)?;
        self.live = live;
        let mut written = self.out.split_off(start);
        let mut marks = self.marks_from(start);
        // Machine code tells nothing of what is contained.
        marks.retain(|mark| mark.note.is_some());
        if written.last() == Some(&b',') {
            written.pop();
        }
        let Some(inside) = written.strip_prefix(b"{") else { return Ok(Value::Missing) };
        let number = self.contained.len() + 1;
        let head = format!("{{\"id\":\"c{number}\",");
        marks.iter_mut().for_each(|mark| mark.at += head.len() - 1);
        marks.extend(self.why.as_mut().map(|why| Mark::noted(1, why.added())));
        self.contained.push(([head.as_bytes(), inside].concat(), marks));
        Ok(Value::Contained(number))
    }

    /// What is left of the message in ids.
    pub fn digest(&mut self) -> Digest {
        let message = self.message;
        *self.digest.get_or_insert_with(|| {
            Digest::of_segments((0..message.segments().len()).map(|segment| message.text_of(segment).as_bytes()))
        })
    }

    /// Without a key: of the message's bytes and the place in them, so that a replay gives the same.
    fn identity(&mut self, resource: &str, rule: RuleId) -> Uuid {
        let digest = self.digest();
        let turn = self.turns.entry(rule).or_default();
        *turn += 1;
        let rule = self.plan.rules.get(rule as usize);
        let place = rule.map(|rule| format!("{}:{}", rule.function, rule.at.start)).unwrap_or_default();
        Origin::new(resource, place).id(digest, *turn)
    }

    pub fn write_reference(&mut self, value: &Value<'m>) {
        let target = match value {
            Value::Reference(index) => {
                self.entries.get(*index).map(|entry| format!("urn:uuid:{}", entry.id)).unwrap_or_default()
            }
            Value::Contained(number) => format!("#c{number}"),
            _ => String::new(),
        };
        self.out.extend_from_slice(b"{\"reference\":");
        json::write_str(&mut self.out, &target);
        self.out.push(b'}');
    }

    /// `"entry":[…],` if there is one.
    pub fn write_entries(&mut self, requests: bool) {
        let entries = std::mem::take(&mut self.entries);
        let mut any = false;
        for entry in entries.into_iter().filter(|entry| !entry.dropped) {
            self.out.extend_from_slice(if any { b"," } else { b"\"entry\":[" });
            any = true;
            self.marks.extend(entry.note.map(|note| Mark::noted(self.out.len() + 1, note)));
            // A change has no identity of its own.
            match entry.sent {
                Sent::Patch(_) => self.out.extend_from_slice(b"{\"resource\":"),
                _ => self
                    .out
                    .extend_from_slice(format!("{{\"fullUrl\":\"urn:uuid:{}\",\"resource\":", entry.id).as_bytes()),
            }
            let base = self.out.len();
            self.marks.extend(entry.marks.iter().map(|mark| Mark { at: base + mark.at, ..*mark }));
            self.out.extend_from_slice(&entry.json);
            if requests {
                self.write_request(&entry);
            }
            self.out.push(b'}');
        }
        if any {
            self.out.extend_from_slice(b"],");
        }
    }

    /// What a server is asked to do (FHIR R4 §3.1.0.7.1, conditional update; §3.1.0.8.1, conditional create;
    /// §3.1.0.12, conditional patch).
    fn write_request(&mut self, entry: &Entry) {
        let said = resource::type_of(&entry.json).filter(|_| resource::is_open(&entry.resource));
        let resource = said.unwrap_or(&entry.resource);
        let search = entry.search.as_deref().map(query);
        let (method, url, if_none) = match (&search, entry.sent) {
            (Some(search), Sent::Whole) => ("PUT", format!("{resource}?{search}"), None),
            (Some(search), Sent::Patch(_)) => ("PATCH", format!("{resource}?{search}"), None),
            (Some(search), Sent::IfNew) => ("POST", resource.to_string(), Some(search)),
            (None, _) => ("POST", resource.to_string(), None),
        };
        self.marks.extend(entry.note.map(|note| Mark::noted(self.out.len() + 1, note)));
        self.out.extend_from_slice(format!(",\"request\":{{\"method\":\"{method}\",\"url\":").as_bytes());
        json::write_str(&mut self.out, &url);
        if let Some(search) = if_none {
            self.out.extend_from_slice(b",\"ifNoneExist\":");
            json::write_str(&mut self.out, search);
        }
        self.out.push(b'}');
    }

    /// A map that gives a resource: that alone, or a collection that begins with it.
    pub fn result_first(&mut self) {
        let several = self.entries.iter().filter(|entry| !entry.dropped).nth(1).is_some();
        if several {
            let first = self.why.as_ref().map(|why| why.first());
            self.marks.extend(first.map(|note| Mark::noted(self.out.len(), note)));
            self.out.extend_from_slice(b"{\"resourceType\":\"Bundle\",\"type\":\"collection\",");
            self.write_entries(false);
            if self.out.last() == Some(&b',') {
                self.out.pop();
            }
            self.out.extend_from_slice(b"},");
            return;
        }
        // Alone it has no id that a reference could name.
        self.copies.clear();
        if let Some(entry) = std::mem::take(&mut self.entries).into_iter().find(|entry| !entry.dropped) {
            self.out = entry.json;
            self.marks = entry.marks;
        }
    }
}

fn missing(part: &KeyPart) -> Option<Search> {
    part.parameter.as_ref().map(|name| vec![(format!("{name}:missing"), "true".to_owned())])
}

/// A search through a reference, by the key of what it refers to.
fn chained(name: &str, target: &Entry) -> Option<Search> {
    let search = target.search.as_ref()?;
    // `patient` can be a Patient only; `subject` must say which of its targets is meant.
    let is_plain = name.eq_ignore_ascii_case(&target.resource);
    let through = if is_plain { name.to_owned() } else { format!("{name}:{}", target.resource) };
    Some(search.iter().map(|(name, value)| (format!("{through}.{name}"), value.clone())).collect())
}

fn query(search: &[(String, String)]) -> String {
    let parts: Vec<String> = search.iter().map(|(name, value)| format!("{name}={}", percent(value))).collect();
    parts.join("&")
}
