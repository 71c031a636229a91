//! `emr new`: a project to begin with, which compiles and whose tests pass.

use std::fs;
use std::path::PathBuf;

use crate::end::End;
use crate::write;

#[derive(clap::Args)]
pub struct Args {
    /// The folder to make; its name is the project's
    name: PathBuf,
}

/// Each file and its text, where `{name}` stands for the name of the project.
const FILES: &[(&str, &str)] = &[
    ("emr.toml", include_str!("../template/emr.toml")),
    ("admission.emr", include_str!("../template/admission.emr")),
    ("tests.emr", include_str!("../template/tests.emr")),
    ("samples/a01.hl7", include_str!("../template/samples/a01.hl7")),
];

pub fn run(args: &Args) -> Result<End, End> {
    let folder = &args.name;
    let Some(name) = folder.file_name().and_then(|name| name.to_str()) else {
        return Err(End::Call(format!("`{}` is no name for a project", folder.display())));
    };
    if name.contains(['"', '\\']) || name.chars().any(char::is_control) {
        return Err(End::Call(format!("`{name}` is no name for a project: leave out quotes and backslashes")));
    }
    if fs::read_dir(folder).is_ok_and(|mut entries| entries.next().is_some()) || folder.is_file() {
        return Err(End::Call(format!("`{}` is there already; nothing was changed", folder.display())));
    }
    for (file, text) in FILES {
        write::whole(&folder.join(file), text.replace("{name}", name).as_bytes())?;
    }
    anstream::println!("made `{}`; next:", folder.display());
    anstream::println!("  cd {}", word(&folder.to_string_lossy()));
    for command in ["emr check", "emr test", "emr map samples/a01.hl7 --pretty"] {
        anstream::println!("  {command}");
    }
    Ok(End::Fine)
}

/// A path as one word of a shell.
fn word(path: &str) -> String {
    let is_plain = |c: char| c.is_alphanumeric() || matches!(c, '/' | '.' | '-' | '_');
    if path.chars().all(is_plain) { path.to_owned() } else { format!("'{}'", path.replace('\'', r"'\''")) }
}

#[cfg(test)]
mod tests {
    use super::word;

    #[test]
    fn a_name_with_blanks_is_quoted() {
        assert_eq!(word("sites/north-1"), "sites/north-1");
        assert_eq!(word("my hospital"), "'my hospital'");
        assert_eq!(word("St. Mary's"), r"'St. Mary'\''s'");
    }
}
