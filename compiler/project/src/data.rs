//! Files of rows: those that declarations name, beside their modules.

use std::collections::BTreeSet;
use std::io;
use std::path::Path;

use emr_compiler::files::{self, Content, SIZE_MAX};

use crate::{Files, Module};

/// All that the modules of a project name, by their places under its root.
pub fn read(from: &impl Files, root: &Path, modules: &[Module]) -> Vec<(String, Content)> {
    let named = modules.iter().flat_map(|module| {
        files::named_in(&module.source.text).into_iter().map(|name| files::place(&module.name, &name))
    });
    let places: BTreeSet<String> = named.collect();
    places.into_iter().map(|place| (place.clone(), one(from, &root.join(place)))).collect()
}

/// What lies at a place.
pub fn one(from: &impl Files, path: &Path) -> Content {
    match from.read_at_most(path, SIZE_MAX) {
        Ok(Some(bytes)) => match String::from_utf8(bytes) {
            Ok(text) => Content::Text(text.into()),
            Err(broken) => {
                let fine = broken.utf8_error().valid_up_to();
                let before = broken.as_bytes().iter().take(fine);
                Content::NotText(before.filter(|byte| **byte == b'\n').count() + 1)
            }
        },
        Ok(None) => Content::TooLarge,
        Err(why) if why.kind() == io::ErrorKind::NotFound => Content::Absent,
        Err(_) => Content::Unreadable,
    }
}
