//! Secrets by their names: of the environment, of a file that it names, of a folder.

use std::os::unix::ffi::OsStringExt;
use std::path::PathBuf;
use std::sync::Arc;
use std::{env, fs, io};

use emr_runtime::connector::tls::{Secrets, no_secret};

/// Looks a secret up where it is asked for, so that one that was changed is taken when it is needed next.
pub fn secrets(folder: Option<PathBuf>) -> Secrets {
    Arc::new(move |name| {
        // A name is a word; nothing else leads out of the folder.
        if name.is_empty() || !name.chars().all(|letter| letter.is_ascii_alphanumeric() || letter == '_') {
            return Err(no_secret(name));
        }
        if let Some(value) = env::var_os(name) {
            return Ok(value.into_vec());
        }
        let named = env::var_os(format!("{name}_FILE")).map(PathBuf::from);
        let inside = folder.as_ref().map(|folder| folder.join(name));
        for path in named.into_iter().chain(inside) {
            match fs::read(&path) {
                Ok(value) => return Ok(value),
                Err(why) if why.kind() == io::ErrorKind::NotFound => {}
                Err(why) => return Err(format!("the secret `{name}` cannot be read: `{}`: {why}", path.display())),
            }
        }
        Err(no_secret(name))
    })
}
