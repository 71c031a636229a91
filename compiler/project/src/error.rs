//! Why a project cannot be opened at all.

use std::fmt;
use std::io;
use std::path::PathBuf;

#[derive(Debug)]
pub enum Error {
    /// There is no such file or folder.
    Absent(PathBuf),
    /// A file that is neither `.emr` nor the settings of a project.
    NotAModule(PathBuf),
    /// A folder without a single `.emr` file, and the projects inside it.
    NoModules { folder: PathBuf, inner: Vec<PathBuf> },
    /// It is there, and the system does not let it be read.
    Unreadable(PathBuf, io::Error),
}

impl Error {
    /// Whether another call would do, rather than another machine.
    pub fn is_of_the_call(&self) -> bool {
        !matches!(self, Error::Unreadable(..))
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Error::Absent(path) => write!(f, "there is no file or folder `{}`", path.display()),
            Error::NotAModule(path) => {
                write!(f, "`{}` is no mapping: mappings are `.emr` files, or a folder with some", path.display())
            }
            Error::NoModules { folder, inner } => {
                write!(f, "there is no `.emr` file in `{}`", folder.display())?;
                if !inner.is_empty() {
                    let names: Vec<_> = inner.iter().map(|path| format!("`{}`", path.display())).collect();
                    write!(f, "; it has projects in it: {}", names.join(", "))?;
                }
                Ok(())
            }
            Error::Unreadable(path, why) => write!(f, "`{}` cannot be read: {why}", path.display()),
        }
    }
}

impl std::error::Error for Error {}
