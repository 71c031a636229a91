//! `emr lock`: notes what the projects hold that a project uses.

use std::path::PathBuf;

use emr_compiler::diagnostic::{Code, Severity};
use emr_project::{Disk, LOCK};

use crate::end::End;
use crate::write;

#[derive(clap::Args)]
pub struct Args {
    /// A project's folder
    #[arg(default_value = ".")]
    path: PathBuf,
}

pub fn run(args: &Args) -> Result<End, End> {
    let project = emr_project::open(&Disk, &args.path, emr_project::packages::cache().as_deref())?;
    if let Some(settings) = &project.settings {
        let is_wrong = |code| code != Code::StaleLock;
        let problems: Vec<_> = settings.problems.iter().filter(|it| is_wrong(it.code)).cloned().collect();
        if problems.iter().any(|it| it.severity() == Severity::Error) {
            crate::check::show(settings, &problems);
            return Ok(End::Wrong);
        }
    }
    match project.lock() {
        Some(lock) => {
            write::whole(&project.root.join(LOCK), lock.as_bytes())?;
            anstream::eprintln!("{} noted", crate::style::count(project.dependencies.len(), "project"));
        }
        None => anstream::eprintln!("this project uses no other"),
    }
    Ok(End::Fine)
}
