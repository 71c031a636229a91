//! Secrets by their names: of the environment, of a file that it names, of a folder.

use std::os::unix::ffi::OsStringExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::{env, fs, io};

use emr_runtime::connector::tls::{Secrets, no_secret};

/// Where a command finds them.
#[derive(Clone, Debug, Default, clap::Args)]
pub struct Vault {
    /// A folder with a file for each secret; before it, `NAME` and the file that `NAME_FILE` names, of the environment
    #[arg(long, value_name = "DIR")]
    secrets: Option<PathBuf>,
}

impl Vault {
    /// What is there, which is looked up where it is asked for: a secret that was changed is taken when it is needed next.
    pub fn secrets(&self) -> Secrets {
        let folder = self.secrets.clone();
        Arc::new(move |name| find(name, folder.as_deref()))
    }
}

fn find(name: &str, folder: Option<&Path>) -> Result<Vec<u8>, String> {
    // A name is a word; nothing else leads out of the folder.
    if name.is_empty() || !name.chars().all(|letter| letter.is_ascii_alphanumeric() || letter == '_') {
        return Err(no_secret(name));
    }
    if let Some(value) = env::var_os(name) {
        return Ok(value.into_vec());
    }
    let named = env::var_os(format!("{name}_FILE")).map(PathBuf::from);
    let inside = folder.map(|folder| folder.join(name));
    for path in named.into_iter().chain(inside) {
        match fs::read(&path) {
            Ok(value) => return Ok(value),
            Err(why) if why.kind() == io::ErrorKind::NotFound => {}
            Err(why) => return Err(format!("the secret `{name}` cannot be read: `{}`: {why}", path.display())),
        }
    }
    let places = format!(
        "it is the environment variable of that name, the file that `{name}_FILE` names, or a file of that name in the folder of \
         `--secrets`"
    );
    Err(format!("{}: {places}", no_secret(name)))
}
