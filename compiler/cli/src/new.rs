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
    let shown = folder.display();
    anstream::println!("made `{shown}`; next:");
    for command in ["emr check", "emr test"] {
        anstream::println!("  {command} {shown}");
    }
    anstream::println!("  emr map {shown}/samples/a01.hl7 --with {shown} --pretty");
    Ok(End::Fine)
}
