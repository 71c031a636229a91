//! A resource of FHIR as a tree: its elements, each with its path; of a Bundle, those of each of its resources.

use super::message::{Part, Segment};
use crate::json::Json;
use crate::plan::interpret::Nodes;
use smol_str::SmolStr;

pub(super) fn segments(resource: &Json, nodes: &Nodes) -> Vec<Segment> {
    let name = resource.resource_type().unwrap_or("Resource");
    let is_entry = |member: &str| name == "Bundle" && member == "entry";
    let mut all = vec![segment(name.to_owned(), name, members(resource, name, &|member| !is_entry(member), nodes))];
    let entries = resource.member("entry").filter(|_| is_entry("entry")).map(Json::items).unwrap_or_default();
    for (index, entry) in entries.iter().enumerate() {
        let path = format!("{name}.entry[{index}]");
        let of = entry.member("resource").and_then(Json::resource_type).unwrap_or_default();
        let fields = members(entry, &path, &|_| true, nodes);
        all.push(segment(path, of, fields));
    }
    all
}

fn segment(path: String, name: &str, fields: Vec<Part>) -> Segment {
    // A resource by itself is called by its type already.
    let name = if path == name { SmolStr::default() } else { name.into() };
    Segment { path, name, groups: Vec::new(), unplaced: false, fields }
}

fn members(value: &Json, path: &str, is_shown: &dyn Fn(&str) -> bool, nodes: &Nodes) -> Vec<Part> {
    let Json::Object(members) = value else { return Vec::new() };
    let shown = members.iter().filter(|(name, _)| is_shown(name));
    shown.flat_map(|(name, value)| values(value, &format!("{path}.{name}"), nodes)).collect()
}

/// A value, or each of a list.
fn values(value: &Json, path: &str, nodes: &Nodes) -> Vec<Part> {
    let Json::List(items) = value else { return part(value, path, nodes).into_iter().collect() };
    let numbered = items.iter().enumerate();
    numbered.flat_map(|(index, item)| values(item, &format!("{path}[{index}]"), nodes)).collect()
}

fn part(value: &Json, path: &str, nodes: &Nodes) -> Option<Part> {
    let place = nodes.known(path)?;
    let (text, parts) = match value {
        Json::Object(_) => (None, members(value, path, &|_| true, nodes)),
        Json::Text(text) => (Some(text.to_string()), Vec::new()),
        other => (Some(other.to_string()), Vec::new()),
    };
    Some(Part { path: path.to_owned(), name: SmolStr::default(), text, parts, place })
}
