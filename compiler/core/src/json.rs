//! JSON as it is read: the order of the members and the digits of numbers as they were written.

mod read;

use std::fmt;
use std::rc::Rc;

pub use read::read;

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
    // Most texts stand as they are.
    if !text.bytes().any(|byte| byte < b' ' || matches!(byte, b'"' | b'\\')) {
        f.write_str("\"")?;
        f.write_str(text)?;
        return f.write_str("\"");
    }
    f.write_str(&serde_json::to_string(text).map_err(|_| fmt::Error)?)
}

impl fmt::Debug for Json {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Json({} bytes)", self.to_string().len())
    }
}
