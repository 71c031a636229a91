//! Secrets by their names: of the environment, of a file that it names, of a folder.

use std::path::PathBuf;
use std::sync::Arc;
use std::{env, fs};

use emr_runtime::connector::tls::Secrets;

/// Looks a secret up where it is asked for, so that one that was changed is taken when it is needed next.
pub fn secrets(folder: Option<PathBuf>) -> Secrets {
    Arc::new(move |name| {
        // A name is a word; nothing else leads out of the folder.
        if name.is_empty() || !name.chars().all(|letter| letter.is_ascii_alphanumeric() || letter == '_') {
            return None;
        }
        if let Ok(value) = env::var(name) {
            return Some(value.into_bytes());
        }
        let named = env::var_os(format!("{name}_FILE")).map(PathBuf::from);
        let inside = folder.as_ref().map(|folder| folder.join(name));
        named.into_iter().chain(inside).find_map(|path| fs::read(path).ok())
    })
}
