//! Small files in which something is kept from process to process: they are read whole, and appear whole.

use std::fs::{self, File};
use std::io::{self, Write};
use std::path::Path;

/// What a file holds; nothing where there is none.
///
/// # Errors
/// The file system refuses, or it is no text.
pub fn read(path: &Path) -> io::Result<Option<String>> {
    match fs::read_to_string(path) {
        Ok(text) => Ok(Some(text)),
        Err(why) if why.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(why) => Err(why),
    }
}

/// Puts a file in the place of the one before it. After any end of the process or the machine there is one or the other.
///
/// # Errors
/// The file system refuses: the one before is there.
pub fn put(path: &Path, text: &[u8]) -> io::Result<()> {
    let part = path.with_extension("part");
    let mut file = File::create(&part)?;
    file.write_all(text)?;
    file.sync_data()?;
    fs::rename(&part, path)?;
    File::open(path.parent().unwrap_or(Path::new(".")))?.sync_all()
}
