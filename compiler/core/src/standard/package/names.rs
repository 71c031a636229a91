//! What systems are called: the object identifiers that a CodeSystem or a NamingSystem of a package has, and the URI that
//! FHIR knows the system by.

use serde_json::Value;
use smol_str::SmolStr;

use super::HeadKind;
use super::codes::items;

/// The object identifiers of a system, and its URI; none of a definition that names no system.
pub fn of(kind: HeadKind, url: &str, identifier: Option<&Value>, unique: Option<&Value>) -> (Vec<SmolStr>, SmolStr) {
    match kind {
        HeadKind::CodeSystem => {
            let values = items(identifier).filter_map(|it| it.get("value")?.as_str());
            (values.filter_map(|it| it.strip_prefix("urn:oid:")).map(SmolStr::from).collect(), url.into())
        }
        HeadKind::NamingSystem => {
            let of_type = |name: &'static str| {
                items(unique).filter(move |it| it.get("type").and_then(Value::as_str) == Some(name))
            };
            let text = |it: &Value| it.get("value").and_then(Value::as_str).map(SmolStr::from);
            let is_preferred = |it: &&Value| it.get("preferred") == Some(&Value::Bool(true));
            let uri = of_type("uri").find(is_preferred).or_else(|| of_type("uri").next()).and_then(text);
            let Some(uri) = uri else { return Default::default() };
            let bare = |oid: SmolStr| oid.strip_prefix("urn:oid:").map(SmolStr::from).unwrap_or(oid);
            (of_type("oid").filter_map(text).map(bare).collect(), uri)
        }
        _ => Default::default(),
    }
}
