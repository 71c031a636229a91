//! FHIR code systems and value sets that a project brings itself: `[terminology]` of `emr.toml`.

use std::path::Path;
use std::sync::Arc;

use emr_compiler::diagnostic::{Code, Diagnostic};
use emr_compiler::files::Content;
use emr_compiler::standard::package::{Head, NotJson, Package};

use crate::{Files, Manifest, Setting, Source, data, index};

/// All of them together; says at their names what is wrong with them.
pub fn load(files: &impl Files, manifest: &Manifest, root: &Path, settings: &mut Source) -> Option<Arc<Package>> {
    let mut heads = Vec::new();
    for place in manifest.terminology.values() {
        match read(files, &root.join(&place.value)) {
            Ok(found) if found.is_empty() => settings.problems.push(fault(place, NONE)),
            Ok(found) => heads.extend(found),
            Err(why) => settings.problems.push(fault(place, why)),
        }
    }
    (!heads.is_empty()).then(|| Arc::new(Package::of_heads(heads)))
}

const NONE: &str = "holds no FHIR CodeSystem or ValueSet in JSON";

/// The file, or the JSON files of a folder.
fn read(files: &impl Files, path: &Path) -> Result<Vec<Head>, &'static str> {
    let paths = match files.is_file(path) {
        true => vec![path.to_owned()],
        false if files.is_folder(path) => files.entries(path).map_err(|_| "cannot be read")?,
        false => return Err("is not there"),
    };
    let is_json = |path: &Path| path.extension().is_some_and(|end| end == "json");
    let paths = paths.into_iter().filter(|path| is_json(path) && files.is_file(path));
    paths.filter_map(|path| one(files, &path).transpose()).collect()
}

/// A definition, from what was made of it before where the file is large.
fn one(files: &impl Files, path: &Path) -> Result<Option<Head>, &'static str> {
    let place = index::place(files, path);
    if let Some(known) = place.as_ref().and_then(index::Place::known) {
        return Ok(Some(known));
    }
    let text = match data::one(files, path) {
        Content::Text(text) => text,
        Content::TooLarge => return Err("is larger than a file of terminology may be"),
        Content::NotText(_) => return Err("is not text in UTF-8"),
        Content::Absent | Content::Unreadable => return Err("cannot be read"),
    };
    if let Some(known) = place.as_ref().and_then(|place| place.of_text(&text)) {
        return Ok(Some(known));
    }
    let head = Head::read(text.to_string()).map_err(|NotJson| NONE)?;
    if let (Some(place), Some(head)) = (&place, &head) {
        place.keep(&text, head);
    }
    Ok(head)
}

fn fault(place: &Setting, why: &str) -> Diagnostic {
    let message = format!("`{}` {why}", place.value);
    Diagnostic::new(Code::WrongTerminology, place.at.clone(), message)
        .help("it is a JSON file of a CodeSystem or a ValueSet of R4, or a folder of such")
}
