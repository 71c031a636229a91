//! `emr test`: the tests of a project.

use std::collections::HashMap;
use std::io::Write;
use std::path::{Path, PathBuf};

use emr_compiler::account::Ledger;
use emr_compiler::check::typed::Expr;
use emr_compiler::db::{self, SourceFile};
use emr_compiler::syntax;
use emr_compiler::syntax::tree::Word;
use emr_compiler::testing;

use crate::account;
use crate::end::End;
use crate::engine::{Engine, Form, Kind, Settings, Told, Why};
use crate::style::{PLAIN, RED, YELLOW, count};
use crate::world::World;

#[derive(clap::Args)]
pub struct Args {
    /// A project's folder, or an `.emr` file
    #[arg(default_value = ".")]
    path: PathBuf,
    /// Only tests whose name has this text in it
    #[arg(long, value_name = "TEXT")]
    only: Option<String>,
    /// The zone of times without an offset, before that of `emr.toml`
    #[arg(long, value_name = "ZONE")]
    timezone: Option<String>,
    /// What runs the maps
    #[arg(long, value_enum, default_value = "native")]
    engine: Kind,
}

pub fn run(args: &Args) -> Result<End, End> {
    let world = World::open(&args.path, args.timezone.as_deref())?;
    world.sound()?;
    let settings = Settings::of(&world, None)?;
    let mut out = anstream::stdout().lock();
    let (mut passed, mut failed) = (0, 0);
    let mut engines = HashMap::new();
    let mut ledger = Ledger::default();
    for (source, file) in world.asked() {
        let text = &source.text;
        for (start, test) in db::tests(&world.db, file) {
            if args.only.as_ref().is_some_and(|only| !test.name.text.contains(only.as_str())) {
                continue;
            }
            let folder = source.path.parent().unwrap_or(Path::new("")).to_owned();
            let (engines, ledger) = (&mut engines, &mut ledger);
            let mut around =
                Around { world: &world, file, folder, settings: &settings, kind: args.engine, engines, ledger };
            let report = testing::run(test, &mut around);
            let (path, name) = (source.path.display(), &test.name.text);
            if report.passed() {
                passed += 1;
                writeln!(out, "ok {path}: {name}")?;
                continue;
            }
            failed += 1;
            writeln!(out, "{RED}FAILED{PLAIN} {path}: {name}")?;
            for (at, why) in report.failures() {
                writeln!(out, "    {path}:{}: {why}", syntax::line(text, start + at.start))?;
            }
        }
    }
    if let Some(lost) = lost(&ledger, &world) {
        writeln!(out, "{YELLOW}warning{PLAIN}: {lost}")?;
    }
    writeln!(out, "{passed} passed, {failed} failed")?;
    Ok(if failed == 0 { End::Fine } else { End::Wrong })
}

/// What the messages of the tests brought that no rule reads, if there is such.
fn lost(ledger: &Ledger, world: &World) -> Option<String> {
    const SHOWN: usize = 6;
    let rows = ledger.rows(&world.db, world.inside);
    let mut paths: Vec<String> = Vec::new();
    for row in rows.into_iter().filter(|row| row.verdict.is_lost()) {
        if !paths.contains(&row.path) {
            paths.push(row.path);
        }
    }
    let (verb, more) = (if paths.len() == 1 { "is" } else { "are" }, paths.len().saturating_sub(SHOWN));
    let all = count(paths.len(), "field");
    (!paths.is_empty()).then(|| {
        paths.truncate(SHOWN);
        paths.extend((more > 0).then(|| format!("{more} more")));
        format!("{all} of the test messages {verb} neither read nor ignored: {}", paths.join(", "))
    })
}

/// What a test finds around it.
struct Around<'a> {
    world: &'a World,
    /// The module that the test stands in: names mean what they mean there.
    file: SourceFile,
    folder: PathBuf,
    settings: &'a Settings,
    kind: Kind,
    /// The maps that tests have used, by key.
    engines: &'a mut HashMap<String, Engine>,
    /// What becomes of the fields of their messages.
    ledger: &'a mut Ledger,
}

impl testing::Context for Around<'_> {
    fn file(&mut self, name: &str) -> Result<Vec<u8>, String> {
        std::fs::read(self.folder.join(name)).map_err(|why| match why.kind() {
            std::io::ErrorKind::NotFound => "there is no such file".to_owned(),
            _ => why.to_string(),
        })
    }

    fn through(&mut self, maps: &[Word], message: &[u8]) -> Result<testing::Output, String> {
        let World { db, inside, .. } = self.world;
        let key = |map: &Word| {
            let found = db::named(db, *inside, self.file, &map.text);
            found.map(|found| found.key.to_string()).ok_or_else(|| format!("there is no map `{}`", map.text))
        };
        let key = maps.iter().map(key).collect::<Result<Vec<_>, _>>()?.join(" then ");
        let engine = match self.engines.get(&key) {
            Some(engine) => engine,
            None => {
                let made =
                    Engine::new(self.world, Some(&key), self.settings.clone(), self.kind).map_err(|end| match end {
                        End::Call(why) | End::World(why) => why,
                        End::Fine | End::Wrong => "it cannot run".to_owned(),
                    })?;
                self.engines.entry(key).or_insert(made)
            }
        };
        // A message that no map takes is said below.
        let _ = account::add(self.ledger, self.world, engine, message);
        let mut json = Vec::new();
        let outcome = engine.worker().run(message, &mut json).map_err(|(Why::Message(why) | Why::Call(why))| why)?;
        let issue = |told: Told| testing::Issue { text: told.text, place: told.place };
        let issues = outcome.issues.into_iter().map(issue).collect();
        let form = outcome.form;
        let result = |part: Vec<u8>| match form {
            Form::Message => Ok(testing::Outcome::Message(part)),
            Form::Json => String::from_utf8(part).map(testing::Outcome::Json).map_err(|_| "the output is not UTF-8"),
        };
        let results = match outcome.rejected {
            None => form.parts(json).into_iter().map(result).collect::<Result<_, _>>()?,
            Some(told) => vec![testing::Outcome::Rejected(told.text)],
        };
        Ok(testing::Output { results, issues })
    }

    fn constant(&self, name: &str) -> Option<Expr> {
        db::constant_of(&self.world.db, self.world.inside, self.file, name).cloned()
    }
}
