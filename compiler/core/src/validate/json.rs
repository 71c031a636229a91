//! JSON as a tree that keeps what a validator must see: keys that stand twice, and their order.

use std::fmt;

use rustc_hash::FxHashSet;
use serde::de::{Deserialize, Deserializer, MapAccess, SeqAccess, Visitor};
use serde_json::Value;

/// A JSON value of a patient's record.
#[derive(Clone, PartialEq)]
pub enum Json {
    Null,
    Boolean(bool),
    Integer(i128),
    /// A number with a fraction or an exponent.
    Decimal(f64),
    Text(String),
    List(Vec<Json>),
    Object(Object),
}

/// The members in their order; a key may stand twice.
#[derive(Clone, Default, PartialEq)]
pub struct Object(Vec<(String, Json)>);

/// The line and column (from 1) at which a text stops being JSON.
pub struct Broken {
    pub line: usize,
    pub column: usize,
}

/// Reads the whole text, which may not nest deeper than 128.
pub fn read(text: &str) -> Result<Json, Broken> {
    serde_json::from_str(text).map_err(|fault| Broken { line: fault.line(), column: fault.column() })
}

impl Json {
    pub fn text(&self) -> Option<&str> {
        match self {
            Json::Text(text) => Some(text),
            _ => None,
        }
    }

    pub fn object(&self) -> Option<&Object> {
        match self {
            Json::Object(object) => Some(object),
            _ => None,
        }
    }

    /// The items of a list, or the one value that is none.
    pub fn items(&self) -> &[Json] {
        match self {
            Json::List(items) => items,
            single => std::slice::from_ref(single),
        }
    }

    /// What kind of JSON it is, for a message.
    pub fn kind(&self) -> &'static str {
        match self {
            Json::Null => "null",
            Json::Boolean(_) => "true or false",
            Json::Integer(_) | Json::Decimal(_) => "a number",
            Json::Text(_) => "a text",
            Json::List(_) => "a list",
            Json::Object(_) => "an object",
        }
    }

    /// Whether it is that value and nothing else (FHIR R4 ElementDefinition.fixed[x]).
    pub fn is(&self, value: &Value) -> bool {
        match (self, value) {
            (Json::List(mine), Value::Array(other)) => {
                mine.len() == other.len() && mine.iter().zip(other).all(|(mine, other)| mine.is(other))
            }
            (Json::Object(mine), Value::Object(other)) => {
                let same = |key: &String, other| mine.get(key).is_some_and(|mine| mine.is(other));
                mine.len() == other.len() && other.iter().all(|(key, other)| same(key, other))
            }
            _ => self.same(value),
        }
    }

    /// Whether it holds all that the value holds (FHIR R4 ElementDefinition.pattern[x]).
    pub fn holds(&self, pattern: &Value) -> bool {
        match (self, pattern) {
            (Json::List(mine), Value::Array(other)) => {
                other.iter().all(|other| mine.iter().any(|mine| mine.holds(other)))
            }
            (Json::Object(mine), Value::Object(other)) => {
                other.iter().all(|(key, other)| mine.get(key).is_some_and(|mine| mine.holds(other)))
            }
            _ => self.same(pattern),
        }
    }

    fn same(&self, value: &Value) -> bool {
        match (self, value) {
            (Json::Null, Value::Null) => true,
            (Json::Boolean(mine), Value::Bool(other)) => mine == other,
            (Json::Text(mine), Value::String(other)) => mine == other,
            (Json::Integer(mine), Value::Number(other)) => other.as_i128() == Some(*mine),
            (Json::Decimal(mine), Value::Number(other)) => other.as_f64() == Some(*mine),
            _ => false,
        }
    }
}

impl Object {
    /// The first member of that key.
    pub fn get(&self, key: &str) -> Option<&Json> {
        self.0.iter().find(|(name, _)| name == key).map(|(_, value)| value)
    }

    pub fn text(&self, key: &str) -> Option<&str> {
        self.get(key)?.text()
    }

    /// The items at a key: of a list, or the one value; none where there is no such key.
    pub fn items(&self, key: &str) -> &[Json] {
        self.get(key).map_or(&[], Json::items)
    }

    pub fn members(&self) -> impl Iterator<Item = (&str, &Json)> + Clone {
        self.0.iter().map(|(key, value)| (key.as_str(), value))
    }

    pub fn len(&self) -> usize {
        self.0.len()
    }

    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The keys that stand more than once.
    pub fn repeated(&self) -> Vec<&str> {
        let mut seen = FxHashSet::default();
        self.0.iter().map(|(key, _)| key.as_str()).filter(|key| !seen.insert(*key)).collect()
    }
}

impl fmt::Debug for Json {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Json({})", self.kind())
    }
}

impl fmt::Debug for Object {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Object({} members)", self.len())
    }
}

impl<'de> Deserialize<'de> for Json {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Json, D::Error> {
        from.deserialize_any(Tree)
    }
}

struct Tree;

impl<'de> Visitor<'de> for Tree {
    type Value = Json;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("JSON")
    }

    fn visit_unit<E>(self) -> Result<Json, E> {
        Ok(Json::Null)
    }

    fn visit_bool<E>(self, value: bool) -> Result<Json, E> {
        Ok(Json::Boolean(value))
    }

    fn visit_i64<E>(self, value: i64) -> Result<Json, E> {
        Ok(Json::Integer(value.into()))
    }

    fn visit_u64<E>(self, value: u64) -> Result<Json, E> {
        Ok(Json::Integer(value.into()))
    }

    fn visit_f64<E>(self, value: f64) -> Result<Json, E> {
        Ok(Json::Decimal(value))
    }

    fn visit_str<E>(self, value: &str) -> Result<Json, E> {
        Ok(Json::Text(value.to_string()))
    }

    fn visit_string<E>(self, value: String) -> Result<Json, E> {
        Ok(Json::Text(value))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut from: A) -> Result<Json, A::Error> {
        let mut items = Vec::new();
        while let Some(item) = from.next_element()? {
            items.push(item);
        }
        Ok(Json::List(items))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut from: A) -> Result<Json, A::Error> {
        let mut members = Vec::new();
        while let Some(member) = from.next_entry()? {
            members.push(member);
        }
        Ok(Json::Object(Object(members)))
    }
}
