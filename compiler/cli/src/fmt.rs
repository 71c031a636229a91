//! `emr fmt`: files in the one layout that the language has. What cannot be read stays as it is.

use std::fs;
use std::io::{Read, Write};
use std::path::{Path, PathBuf};

use emr_compiler::diagnostic::render;
use emr_compiler::syntax::{self, Formatted};
use emr_project::Disk;

use crate::end::End;
use crate::style::{PLAIN, RED, count};
use crate::write;

#[derive(clap::Args)]
pub struct Args {
    /// Files, and folders of projects; `-` formats standard input
    #[arg(default_value = ".")]
    paths: Vec<PathBuf>,
    /// Changes nothing, and names the files that would change
    #[arg(long)]
    check: bool,
}

pub fn run(args: &Args) -> Result<End, End> {
    if args.paths == [Path::new("-")] {
        return stdin();
    }
    let (mut seen, mut changed, mut unreadable) = (0, 0, 0);
    for path in args.paths.iter().map(|path| files(path)).collect::<Result<Vec<_>, End>>()?.into_iter().flatten() {
        seen += 1;
        let bytes = fs::read(&path).map_err(|why| End::World(format!("`{}` cannot be read: {why}", path.display())))?;
        let Ok(text) = String::from_utf8(bytes) else {
            unreadable += 1;
            anstream::eprintln!("{RED}error{PLAIN}: `{}` is not text in UTF-8; it is left as it is", path.display());
            continue;
        };
        let formatted = format(&path.to_string_lossy(), &text);
        unreadable += usize::from(!formatted.problems.is_empty());
        if formatted.text != text {
            changed += 1;
            anstream::println!("{}", path.display());
            if !args.check {
                write::whole(&path, formatted.text.as_bytes())?;
            }
        }
    }
    let what = if args.check { "would change" } else { "changed" };
    anstream::eprintln!("{} looked at: {changed} {what}", count(seen, "file"));
    Ok(if unreadable > 0 || args.check && changed > 0 { End::Wrong } else { End::Fine })
}

fn stdin() -> Result<End, End> {
    let mut text = String::new();
    std::io::stdin().lock().read_to_string(&mut text)?;
    let formatted = format("standard input", &text);
    std::io::stdout().lock().write_all(formatted.text.as_bytes())?;
    Ok(if formatted.problems.is_empty() { End::Fine } else { End::Wrong })
}

/// What cannot be read stays as it is, and is shown.
fn format(path: &str, text: &str) -> Formatted {
    let formatted = syntax::format(text);
    anstream::eprint!("{}", render(path, text, &formatted.problems, true));
    formatted
}

fn files(path: &Path) -> Result<Vec<PathBuf>, End> {
    if path.is_file() {
        return Ok(vec![path.to_owned()]);
    }
    Ok(emr_project::module_paths(&Disk, path)?)
}
