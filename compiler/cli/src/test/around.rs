//! What a test finds around it: files, maps, and who counts what they do.

use std::collections::HashMap;
use std::path::Path;

use emr_compiler::account::Ledger;
use emr_compiler::check::typed::Expr;
use emr_compiler::coverage::Coverage;
use emr_compiler::db::{self, SourceFile};
use emr_compiler::plan::interpret;
use emr_compiler::syntax::tree::Word;
use emr_compiler::testing;
use emr_message::Receipt;

use crate::account;
use crate::end::End;
use crate::engine::{Engine, Form, Kind, Settings, Told, Why};
use crate::world::World;

/// What all tests of a project have seen.
#[derive(Default)]
pub struct Seen {
    /// The maps that tests have used, by key.
    engines: HashMap<String, Engine>,
    /// What becomes of the fields of their messages.
    ledger: Ledger,
    /// What of the mapping was exercised.
    pub coverage: Coverage,
}

impl Seen {
    /// The paths of the fields that messages brought and that no rule reads or leaves.
    pub fn lost(&self, world: &World) -> Vec<String> {
        let mut paths: Vec<String> = Vec::new();
        for row in self.ledger.rows(&world.db, world.inside).into_iter().filter(|row| row.verdict.is_lost()) {
            if !paths.contains(&row.path) {
                paths.push(row.path);
            }
        }
        paths
    }

    /// Counts what a message does in the map that takes it, and what that makes of it in those behind. A message that no
    /// map takes is said elsewhere.
    fn count(&mut self, world: &World, key: &str, message: &[u8], settings: &Settings) {
        let Some(engine) = self.engines.get(key) else { return };
        count(&mut self.ledger, &mut self.coverage, world, engine, message, settings);
    }
}

fn count(
    ledger: &mut Ledger,
    coverage: &mut Coverage,
    world: &World,
    engine: &Engine,
    bytes: &[u8],
    settings: &Settings,
) {
    let _ = account::add(ledger, world, engine, bytes);
    let Ok((map, message)) = engine.chosen(bytes) else { return };
    if let Some(plan) = db::covered_plan(&world.db, world.inside, map.to_owned()) {
        coverage.add(plan, &interpret::explain(plan, &message, settings.runs()));
    }
    let Some(next) = engine.next() else { return };
    let mut made = Vec::new();
    let Ok(outcome) = engine.worker().alone(bytes, &Receipt::default(), &mut made) else { return };
    if outcome.rejected.is_none() {
        outcome.form.parts(made).iter().for_each(|part| count(ledger, coverage, world, next, part, settings));
    }
}

pub struct Around<'a> {
    world: &'a World,
    /// The module that the test stands in: names mean what they mean there.
    file: SourceFile,
    folder: &'a Path,
    settings: &'a Settings,
    kind: Kind,
    seen: &'a mut Seen,
}

impl<'a> Around<'a> {
    pub fn new(
        world: &'a World,
        file: SourceFile,
        folder: &'a Path,
        (settings, kind): (&'a Settings, Kind),
        seen: &'a mut Seen,
    ) -> Self {
        Self { world, file, folder, settings, kind, seen }
    }

    /// Makes the maps ready, one after the other, that have these names where the test stands; gives the key of them all.
    fn ready(&mut self, maps: &[Word]) -> Result<String, String> {
        let World { db, inside, .. } = self.world;
        let key = |map: &Word| {
            let found = db::named(db, *inside, self.file, &map.text);
            found.map(|found| found.key.to_string()).ok_or_else(|| format!("there is no map `{}`", map.text))
        };
        let key = maps.iter().map(key).collect::<Result<Vec<_>, _>>()?.join(" then ");
        if !self.seen.engines.contains_key(&key) {
            let made = Engine::new(self.world, Some(&key), self.settings.clone(), self.kind);
            let made = made.map_err(|end| match end {
                End::Call(why) | End::World(why) => why,
                End::Fine | End::Wrong => "it cannot run".to_owned(),
            })?;
            self.seen.engines.insert(key.clone(), made);
        }
        Ok(key)
    }
}

impl testing::Context for Around<'_> {
    fn file(&mut self, name: &str) -> Result<Vec<u8>, String> {
        std::fs::read(self.folder.join(name)).map_err(|why| match why.kind() {
            std::io::ErrorKind::NotFound => "there is no such file".to_owned(),
            _ => why.to_string(),
        })
    }

    fn through(&mut self, maps: &[Word], message: &[u8]) -> Result<testing::Output, String> {
        let key = self.ready(maps)?;
        self.seen.count(self.world, &key, message, self.settings);
        let engine = self.seen.engines.get(&key).ok_or("it cannot run")?;
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
