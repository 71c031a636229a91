//! FHIR code systems and value sets that a project brings itself: `[terminology]` of `emr.toml`.

use std::path::Path;
use std::sync::Arc;

use emr_compiler::diagnostic::{Code, Diagnostic};
use emr_compiler::files::Content;
use emr_compiler::standard::package::Package;

use crate::{Files, Manifest, Setting, Source, data};

/// All of them together; says at their names what is wrong with them.
pub fn load(files: &impl Files, manifest: &Manifest, root: &Path, settings: &mut Source) -> Option<Arc<Package>> {
    let mut texts = Vec::new();
    for place in manifest.terminology.values() {
        match read(files, &root.join(&place.value)) {
            Ok(found) => {
                // Each by itself first, so that what is wrong is said where it is named.
                let alone = Package::of(found.clone());
                if alone.definitions() == 0 || !alone.unreadable.is_empty() {
                    settings.problems.push(fault(place, "holds no FHIR CodeSystem or ValueSet in JSON"));
                }
                texts.extend(found);
            }
            Err(why) => settings.problems.push(fault(place, why)),
        }
    }
    (!texts.is_empty()).then(|| Arc::new(Package::of(texts)))
}

/// The file, or the JSON files of a folder, as (name, text).
fn read(files: &impl Files, path: &Path) -> Result<Vec<(String, String)>, &'static str> {
    let paths = match files.is_file(path) {
        true => vec![path.to_owned()],
        false if files.is_folder(path) => files.entries(path).map_err(|_| "cannot be read")?,
        false => return Err("is not there"),
    };
    let is_json = |path: &Path| path.extension().is_some_and(|end| end == "json");
    let mut texts = Vec::new();
    for path in paths.into_iter().filter(|path| is_json(path) && files.is_file(path)) {
        match data::one(files, &path) {
            Content::Text(text) => texts.push((path.display().to_string(), text.to_string())),
            Content::TooLarge => return Err("is larger than a file of terminology may be"),
            Content::NotText(_) => return Err("is not text in UTF-8"),
            Content::Absent | Content::Unreadable => return Err("cannot be read"),
        }
    }
    Ok(texts)
}

fn fault(place: &Setting, why: &str) -> Diagnostic {
    let message = format!("`{}` {why}", place.value);
    Diagnostic::new(Code::WrongTerminology, place.at.clone(), message)
        .help("it is a JSON file of a CodeSystem or a ValueSet of R4, or a folder of such")
}
