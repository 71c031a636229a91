//! A resource as a map takes it: what cannot be a value is not there.

use super::{Code, Problem, resource};
use crate::json::{self as tree, Json};
use crate::standard::fhir::Fhir;
use rustc_hash::FxHashSet;

/// The resource of a text, without the values that are none of their types, and all that is wrong with it; or why there
/// is no resource. No problem holds a value.
pub fn sound(bytes: &[u8], fhir: &Fhir) -> Result<(Json, Vec<Problem>), Problem> {
    let bytes = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
    let unreadable = |message: &str| Problem { code: Code::Unreadable, path: "$".into(), message: message.into() };
    let text = std::str::from_utf8(bytes).map_err(|_| unreadable("not JSON: the text is not UTF-8"))?;
    let problems = resource(text, fhir, &[]);
    let is_none =
        |problem: &&Problem| problem.path == "$" && matches!(problem.code, Code::Unreadable | Code::NoResource);
    if let Some(problem) = problems.iter().find(is_none) {
        return Err(problem.clone());
    }
    let json = tree::read(text).ok_or_else(|| unreadable("not JSON, or nested too deeply"))?;
    let invalid = problems.iter().filter(|problem| matches!(problem.code, Code::BadValue | Code::WrongJson));
    let paths: FxHashSet<&str> = invalid.map(|problem| problem.path.as_str()).collect();
    let name = json.resource_type().unwrap_or_default().to_owned();
    let sound = if paths.is_empty() { json } else { without(&json, &name, &paths) };
    Ok((sound, problems))
}

/// The value without what stands at one of the paths.
fn without(json: &Json, at: &str, paths: &FxHashSet<&str>) -> Json {
    match json {
        Json::Object(members) => {
            let below = members.iter().map(|(name, value)| (name, value, format!("{at}.{name}")));
            let kept = below.filter(|(_, _, path)| !paths.contains(path.as_str()));
            Json::Object(kept.map(|(name, value, path)| (name.clone(), without(value, &path, paths))).collect())
        }
        Json::List(items) => {
            let below = items.iter().enumerate().map(|(index, item)| (item, format!("{at}[{index}]")));
            let kept = below.filter(|(_, path)| !paths.contains(path.as_str()));
            Json::List(kept.map(|(item, path)| without(item, &path, paths)).collect())
        }
        one => one.clone(),
    }
}
