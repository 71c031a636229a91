//! `emr profile diff`: two profiles side by side.

use std::io::Write;
use std::path::{Path, PathBuf};

use emr_compiler::check::ProfileFacts;
use emr_compiler::db;
use emr_compiler::sender::{Compared, Difference, Head, Said, compare};

use crate::end::End;
use crate::shown::{self, Format};
use crate::style::count;
use crate::world::{Chosen, World};

/// Each is an `.emr` file or the folder of a project, with the name of the profile where there are several:
/// `north.emr:Admission`.
#[derive(clap::Args)]
pub struct Args {
    left: String,
    right: String,
    /// How differences are shown
    #[arg(long, value_enum, default_value_t = Format::Text)]
    format: Format,
}

pub fn run(args: &Args) -> Result<End, End> {
    let (left, right) = (profile(&args.left)?, profile(&args.right)?);
    let compared = compare(&left, &right);
    let mut out = anstream::stdout().lock();
    match args.format {
        Format::Json => writeln!(out, "{}", shown::json(&compared)?)?,
        Format::Text => write!(out, "{}", table([&args.left, &args.right], &compared))?,
    }
    drop(out);
    anstream::eprintln!("{}, {} alike", count(differences(&compared), "difference"), count(compared.same, "place"));
    Ok(End::Fine)
}

fn differences(compared: &Compared) -> usize {
    compared.heads.len() + compared.differences.len()
}

/// The profile that an argument names.
fn profile(argument: &str) -> Result<ProfileFacts, End> {
    let (path, wanted) = match argument.rsplit_once(':') {
        Some((path, name)) if !Path::new(argument).exists() => (PathBuf::from(path), Some(name)),
        _ => (PathBuf::from(argument), None),
    };
    let world = World::open(&path, &Chosen::default())?;
    world.sound()?;
    let all: Vec<_> = world.asked().flat_map(|(_, file)| db::profiles(&world.db, world.inside, file)).collect();
    let named: Vec<_> = all.iter().filter(|facts| wanted.is_none_or(|wanted| name(facts) == wanted)).collect();
    match (named.as_slice(), wanted) {
        ([one], _) => Ok((**one).clone()),
        ([], Some(wanted)) => Err(End::Call(format!("there is no profile `{wanted}` in `{}`", path.display()))),
        ([], None) => Err(End::Call(format!("there is no profile in `{}`", path.display()))),
        (several, _) => {
            let names: Vec<_> = several.iter().map(|facts| format!("`{}:{}`", path.display(), name(facts))).collect();
            Err(End::Call(format!("there are several profiles: name one of {}", names.join(", "))))
        }
    }
}

fn name(facts: &ProfileFacts) -> &str {
    facts.key.rsplit('.').next().unwrap_or_default()
}

/// A line for each place, in columns.
fn table([left, right]: [&str; 2], compared: &Compared) -> String {
    let shown = |said: &Option<Said>| said.as_ref().map_or_else(|| "-".to_owned(), ToString::to_string);
    let head = ("place".to_owned(), left.to_owned(), right.to_owned());
    let of_head = |it: &Head| (it.what.to_owned(), it.left.clone(), it.right.clone());
    let row = |it: &Difference| (it.place.to_string(), shown(&it.left), shown(&it.right));
    let rows: Vec<_> = std::iter::once(head)
        .chain(compared.heads.iter().map(of_head))
        .chain(compared.differences.iter().map(row))
        .collect();
    let widest = |of: &dyn Fn(&(String, String, String)) -> usize| rows.iter().map(of).max().unwrap_or_default();
    let (first, second) = (widest(&|row| row.0.chars().count()), widest(&|row| row.1.chars().count()));
    rows.iter().map(|(place, left, right)| format!("{place:first$}  {left:second$}  {right}\n")).collect()
}
