//! JSON as it is read: the order of the members and the digits of numbers as they were written.

use serde::de::{Deserialize, Deserializer, MapAccess, Visitor};
use serde_json::value::RawValue;
use std::fmt;
use std::rc::Rc;

/// Cheap to clone: what is below a place is shared with it.
#[derive(Clone, PartialEq, Eq)]
pub enum Json {
    Null,
    Boolean(bool),
    /// The digits as written.
    Number(Rc<str>),
    Text(Rc<str>),
    List(Rc<[Json]>),
    Object(Rc<[(String, Json)]>),
}

/// What FHIR allows is far below; a file that someone hands in may be anything.
const DEPTH_MAX: usize = 128;

/// Nothing if it is not JSON.
pub fn read(text: &str) -> Option<Json> {
    value(serde_json::from_str(text).ok()?, DEPTH_MAX)
}

// Every level is scanned again for each level above it. Documents are a few levels deep, and only so do numbers keep
// their digits without a feature of serde_json that changes its numbers everywhere.
fn value(raw: &RawValue, depth: usize) -> Option<Json> {
    let text = raw.get();
    let depth = depth.checked_sub(1)?;
    Some(match text.bytes().next()? {
        b'{' => {
            let Members(members) = serde_json::from_str(text).ok()?;
            let members = members.into_iter().map(|(name, raw)| Some((name, value(raw, depth)?)));
            Json::Object(members.collect::<Option<Vec<_>>>()?.into())
        }
        b'[' => {
            let items: Vec<&RawValue> = serde_json::from_str(text).ok()?;
            Json::List(items.into_iter().map(|raw| value(raw, depth)).collect::<Option<Vec<_>>>()?.into())
        }
        b'"' => Json::Text(serde_json::from_str::<String>(text).ok()?.into()),
        b't' => Json::Boolean(true),
        b'f' => Json::Boolean(false),
        b'n' => Json::Null,
        _ => Json::Number(text.into()),
    })
}

struct Members<'a>(Vec<(String, &'a RawValue)>);

impl<'de> Deserialize<'de> for Members<'de> {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        struct Collect;
        impl<'de> Visitor<'de> for Collect {
            type Value = Members<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
                let mut members = Vec::new();
                while let Some(member) = map.next_entry()? {
                    members.push(member);
                }
                Ok(Members(members))
            }
        }
        from.deserialize_map(Collect)
    }
}

impl Json {
    pub fn member(&self, name: &str) -> Option<&Json> {
        let Json::Object(members) = self else { return None };
        members.iter().find(|(its, _)| its == name).map(|(_, value)| value)
    }

    pub fn text(&self) -> Option<&str> {
        match self {
            Json::Text(text) => Some(text),
            _ => None,
        }
    }

    /// The items of a list; one value is a list of one.
    pub fn items(&self) -> &[Json] {
        match self {
            Json::List(items) => items,
            Json::Null => &[],
            one => std::slice::from_ref(one),
        }
    }

    pub fn resource_type(&self) -> Option<&str> {
        self.member("resourceType")?.text()
    }
}

/// As JSON, without blanks.
impl fmt::Display for Json {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Json::Null => f.write_str("null"),
            Json::Boolean(it) => write!(f, "{it}"),
            Json::Number(digits) => f.write_str(digits),
            Json::Text(text) => quote(text, f),
            Json::List(items) => {
                f.write_str("[")?;
                for (index, item) in items.iter().enumerate() {
                    if index > 0 {
                        f.write_str(",")?;
                    }
                    write!(f, "{item}")?;
                }
                f.write_str("]")
            }
            Json::Object(members) => {
                f.write_str("{")?;
                for (index, (name, value)) in members.iter().enumerate() {
                    if index > 0 {
                        f.write_str(",")?;
                    }
                    quote(name, f)?;
                    write!(f, ":{value}")?;
                }
                f.write_str("}")
            }
        }
    }
}

fn quote(text: &str, f: &mut fmt::Formatter<'_>) -> fmt::Result {
    f.write_str(&serde_json::to_string(text).map_err(|_| fmt::Error)?)
}

impl fmt::Debug for Json {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Json({} bytes)", self.to_string().len())
    }
}
