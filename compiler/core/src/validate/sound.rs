//! A resource as a map takes it: what cannot be a value is not there.

use super::{Code, Problem, resource};
use crate::json::{self as tree, Json};
use crate::standard::fhir::Fhir;
use rustc_hash::FxHashSet;

/// The resource of a text, without empty texts and the values that are none of their types, and all that is wrong with it;
/// or why there is no resource. No problem holds a value.
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
    let invalid =
        problems.iter().filter(|problem| matches!(problem.code, Code::BadValue | Code::WrongJson | Code::Empty));
    let paths: FxHashSet<&str> = invalid.map(|problem| problem.path.as_str()).collect();
    let name = json.resource_type().unwrap_or_default().to_owned();
    let sound = if paths.is_empty() { None } else { without(&json, &name, &paths, Items::Alone) };
    Ok((sound.unwrap_or(json), problems))
}

/// How the items of a list stand to those of another one, and what becomes of one that goes.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Items {
    /// To none: it leaves no gap.
    Alone,
    /// They are values, with extensions beside them: each keeps its number.
    Values,
    /// They stand beside values, and are not meant by what is said of these.
    Beside,
}

/// The value without what stands at one of the paths, and without what nothing is left of.
fn without(json: &Json, at: &str, paths: &FxHashSet<&str>, items: Items) -> Option<Json> {
    match json {
        Json::Object(members) => {
            let kept = members.iter().filter_map(|(name, value)| {
                let of = name.strip_prefix('_');
                let path = format!("{at}.{}", of.unwrap_or(name));
                let items = match of {
                    Some(_) => Items::Beside,
                    None if members.iter().any(|(other, _)| other.strip_prefix('_') == Some(&**name)) => Items::Values,
                    None => Items::Alone,
                };
                if items != Items::Beside && paths.contains(path.as_str()) {
                    return None;
                }
                Some((name.clone(), without(value, &path, paths, items)?))
            });
            let kept: Vec<_> = kept.collect();
            (!kept.is_empty()).then(|| Json::Object(kept.into()))
        }
        Json::List(list) => {
            let kept = list.iter().enumerate().filter_map(|(index, item)| {
                let path = format!("{at}[{index}]");
                let goes = items != Items::Beside && paths.contains(path.as_str());
                let kept = if goes { None } else { without(item, &path, paths, Items::Alone) };
                if items == Items::Alone { kept } else { kept.or(Some(Json::Null)) }
            });
            let kept: Vec<_> = kept.collect();
            kept.iter().any(|item| *item != Json::Null).then(|| Json::List(kept.into()))
        }
        one => Some(one.clone()),
    }
}
