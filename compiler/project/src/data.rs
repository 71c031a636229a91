//! Files of rows: those that declarations name, beside their modules.

use std::collections::BTreeSet;
use std::io;
use std::path::{Path, PathBuf};

use emr_compiler::files::{self, Content, SIZE_MAX};

use crate::{Dependency, Files, Module};

/// All that the modules of a project name, by their places under its root. What modules of another project name lies under
/// the name that this has here, and is read from its own folder.
pub fn read(from: &impl Files, root: &Path, modules: &[Module], others: &[Dependency]) -> Vec<(String, Content)> {
    let named = modules.iter().flat_map(|module| {
        let places = files::named_in(&module.source.text).into_iter().map(|name| files::place(&module.name, &name));
        places.map(|place| (path(root, module, &place, others), place))
    });
    let places: BTreeSet<_> = named.collect();
    places.into_iter().map(|(path, place)| (place, one(from, &path))).collect()
}

fn path(root: &Path, module: &Module, place: &str, others: &[Dependency]) -> PathBuf {
    let inside =
        |it: &Dependency| Some(it.folder.join(place.strip_prefix(&it.name.replace('.', "/"))?.strip_prefix('/')?));
    let others = others.iter().filter(|_| module.of_dependency);
    let found = others.filter_map(|it| Some((it.name.len(), inside(it)?))).max_by_key(|(length, _)| *length);
    found.map_or_else(|| root.join(place), |(_, path)| path)
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
