//! `emr test`: the tests of a project.

mod around;
pub mod coverage;
mod golden;
mod html;
mod junit;
mod lcov;
mod show;

use std::io::Write;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use emr_compiler::coverage as covered;
use emr_compiler::db::{self, SourceFile};
use emr_compiler::syntax;
use emr_compiler::syntax::tree::{At, Test};
use emr_compiler::testing::{self, Line};
use emr_project::Source;

use crate::end::End;
use crate::engine::{Kind, Settings};
use crate::style::{PLAIN, YELLOW, count};
use crate::world::{Chosen, World};
use crate::write;
use around::{Around, Seen};

#[derive(clap::Args)]
pub struct Args {
    /// A project's folder, or an `.emr` file
    #[arg(default_value = ".")]
    path: PathBuf,
    /// Only tests whose name has this text in it
    #[arg(long, value_name = "TEXT")]
    only: Option<String>,
    /// Lists what the tests never exercise: rules, branches, arms of code tables, fields that no rule reads
    #[arg(long)]
    coverage: bool,
    /// Writes the coverage for programs that read LCOV
    #[arg(long, value_name = "FILE")]
    coverage_lcov: Option<PathBuf>,
    /// Writes the coverage as a page by itself, the text of the mapping with what was exercised
    #[arg(long, value_name = "FILE")]
    coverage_html: Option<PathBuf>,
    /// Writes what came of each test in the XML of JUnit, as services that run tests read it
    #[arg(long, value_name = "FILE")]
    junit: Option<PathBuf>,
    /// Writes the output to the file where `output == file("…")` differs
    #[arg(long)]
    accept: bool,
    #[command(flatten)]
    chosen: Chosen,
    /// What runs the maps
    #[arg(long, value_enum, default_value = "native")]
    engine: Kind,
}

/// What came of a test.
struct Ran {
    name: String,
    /// Its module, and the file and line that it stands in.
    module: String,
    path: String,
    line: usize,
    failures: Vec<Failure>,
    took: Duration,
}

/// What is not as a test expects it.
struct Failure {
    line: usize,
    why: String,
    /// How a whole output differs, line by line; empty for anything else.
    diff: String,
}

pub fn run(args: &Args) -> Result<End, End> {
    let world = World::open(&args.path, &args.chosen)?;
    world.sound()?;
    let settings = Settings::of(&world, None)?.of_tests();
    let mut out = anstream::stdout().lock();
    let mut seen = Seen::default();
    let mut all = Vec::new();
    let chosen = |test: &&Found| args.only.as_ref().is_none_or(|only| test.test.name.text.contains(only.as_str()));
    for test in tests(&world).iter().filter(chosen) {
        let began = Instant::now();
        let report = test.run(&world, (&settings, args.engine), &mut seen);
        let mut ran = Ran {
            name: test.test.name.text.to_string(),
            module: test.file.module(&world.db).to_owned(),
            line: test.line(&test.test.name.at),
            failures: Vec::new(),
            took: began.elapsed(),
            path: test.source.path.display().to_string(),
        };
        let mut accepted = Vec::new();
        for Line { at, failure, golden } in report.lines {
            let Some(why) = failure else { continue };
            match golden {
                Some(golden) if args.accept => accepted.push((golden::accept(test.folder(), &golden)?, golden)),
                golden => {
                    let diff = golden.map(|golden| golden::diff(&golden)).unwrap_or_default();
                    ran.failures.push(Failure { line: test.line(&at), why, diff });
                }
            }
        }
        show::ran(&ran, &mut out)?;
        for (path, golden) in accepted {
            show::accepted(&path, &golden, &mut out)?;
        }
        all.push(ran);
    }
    let differing = all.iter().flat_map(|ran: &Ran| &ran.failures).filter(|failure| !failure.diff.is_empty()).count();
    if differing > 0 {
        let (what, verb) = (count(differing, "output"), if differing == 1 { "is" } else { "are" });
        writeln!(out, "{what} {verb} not what a file says; `--accept` writes what they are now")?;
    }
    report(args, &world, &seen, !all.is_empty(), &mut out)?;
    if let Some(path) = &args.junit {
        write::whole(path, junit::xml(&all).as_bytes())?;
    }
    let failed = all.iter().filter(|ran| !ran.passed()).count();
    writeln!(out, "{} passed, {failed} failed", all.len() - failed)?;
    Ok(if failed == 0 { End::Fine } else { End::Wrong })
}

/// A test, and where it stands.
struct Found<'w> {
    source: &'w Source,
    file: SourceFile,
    /// The first byte of its declaration.
    start: usize,
    test: &'w Test,
}

impl Found<'_> {
    fn run(&self, world: &World, how: (&Settings, Kind), seen: &mut Seen) -> testing::Report {
        testing::run(self.test, &mut Around::new(world, self.file, self.folder(), how, seen))
    }

    fn folder(&self) -> &Path {
        self.source.path.parent().unwrap_or(Path::new(""))
    }

    fn line(&self, at: &At) -> usize {
        syntax::line(&self.source.text, self.start + at.start)
    }
}

fn tests(world: &World) -> Vec<Found<'_>> {
    let of_file = |(source, file)| {
        let tests = db::tests(&world.db, file).into_iter();
        tests.map(move |(start, test)| Found { source, file, start, test })
    };
    world.asked().flat_map(of_file).collect()
}

/// The tests of a sound project that fail: `adt.emr:12: an admission`, without what they say, in which values may stand.
pub fn failing(world: &World) -> Result<Vec<String>, End> {
    let settings = Settings::of(world, None)?.of_tests();
    let mut seen = Seen::default();
    let fails = |test: &&Found| {
        let report = test.run(world, (&settings, Kind::Native), &mut seen);
        report.lines.iter().any(|line| line.failure.is_some())
    };
    let all = tests(world);
    let failing = all.iter().filter(fails).map(|test| {
        let name = &test.test.name;
        format!("{}:{}: {}", test.source.path.display(), test.line(&name.at), name.text)
    });
    Ok(failing.collect())
}

/// What was exercised, and what was lost: in a line each, unless more is asked for.
fn report(args: &Args, world: &World, seen: &Seen, ran: bool, out: &mut impl Write) -> Result<(), End> {
    let files: Vec<SourceFile> = world.asked().map(|(_, file)| file).collect();
    let report = seen.coverage.report(&world.db, world.inside, &files);
    let lost = seen.lost(world);
    if args.coverage {
        write!(out, "{}", coverage::text(&report, &lost))?;
    } else {
        // Some of the tests say little of the mapping.
        let never = coverage::line(&report).filter(|_| ran && args.only.is_none());
        for line in never.into_iter().chain(coverage::lost(&lost)) {
            writeln!(out, "{YELLOW}warning{PLAIN}: {line}")?;
        }
    }
    if let Some(path) = &args.coverage_lcov {
        write::whole(path, lcov::text(&report).as_bytes())?;
    }
    if let Some(path) = &args.coverage_html {
        let text = |file: &covered::File| {
            let found = world.asked().find(|(_, source)| source.path(&world.db) == file.path);
            found.map(|(source, _)| source.text.clone()).unwrap_or_default()
        };
        let name = world.outside.manifest.name.as_ref().map(|it| it.value.as_str()).unwrap_or("mapping");
        write::whole(path, html::page(name, &report, text, &lost).as_bytes())?;
    }
    Ok(())
}

impl Ran {
    fn passed(&self) -> bool {
        self.failures.is_empty()
    }
}
