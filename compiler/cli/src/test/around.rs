//! What a test finds around it: files, maps, and who counts what they do.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::path::Path;

use emr_compiler::account::Ledger;
use emr_compiler::check::typed::Expr;
use emr_compiler::coverage::Coverage;
use emr_compiler::db::{self, SourceFile};
use emr_compiler::plan::interpret;
use emr_compiler::resolve::{DeclaredKind, Export};
use emr_compiler::syntax::tree::{Arm, Word};
use emr_compiler::testing::{self, Came, Taken};
use emr_compiler::validate;
use emr_message::answer::Code;
use emr_message::{Answers, Receipt, Table};

use crate::account;
use crate::end::End;
use crate::engine::{self, Engine, Form, Kind, Outcome, Replying, Settings, Told, Why};
use crate::world::World;

/// What all tests of a project have seen.
#[derive(Default)]
pub struct Seen {
    /// The maps that tests have used, by key.
    engines: HashMap<String, Engine>,
    /// The maps of replies among them.
    replies: HashMap<String, Replying>,
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
    let plan = |map: &str| db::covered_plan(&world.db, world.inside, map.to_owned()).as_ref();
    if engine::is_json(bytes) {
        let Ok(((_, map), resource, _)) = engine.chosen_resource(bytes) else { return };
        let Some(plan) = plan(&map.name) else { return };
        if let Some(explained) = interpret::explain_resource(plan, &resource, settings.runs()) {
            coverage.add(plan, &explained);
        }
    } else {
        let _ = account::add(ledger, world, engine, bytes);
        let Ok((map, message)) = engine.chosen(bytes) else { return };
        if let Some(plan) = plan(map) {
            coverage.add(plan, &interpret::explain(plan, &message, settings.runs()));
        }
    }
    let Some(next) = engine.next() else { return };
    let mut made = Vec::new();
    let Ok(outcome) = engine.worker().alone(bytes, &settings.runs().receipt, &mut made) else { return };
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
    /// What tables have, by their names in answers, that a running engine asks.
    given: BTreeMap<String, Table>,
    /// What routes have sent on already, by what it is known by.
    known: HashSet<(String, Vec<u8>)>,
}

impl<'a> Around<'a> {
    pub fn new(
        world: &'a World,
        file: SourceFile,
        folder: &'a Path,
        (settings, kind): (&'a Settings, Kind),
        seen: &'a mut Seen,
    ) -> Self {
        Self { world, file, folder, settings, kind, seen, given: BTreeMap::new(), known: HashSet::new() }
    }

    /// The key of what a name stands for where the test stands.
    fn key(&self, name: &str) -> Option<Export> {
        db::named(&self.world.db, self.world.inside, self.file, name)
    }

    fn route(&self, maps: &[Word]) -> Option<String> {
        let [name] = maps else { return None };
        let export = self.key(&name.text).filter(|export| export.kind == DeclaredKind::Route)?;
        Some(export.key.to_string())
    }

    /// Makes maps ready that follow one another; gives the key of them all.
    fn ready(&mut self, keys: &[String]) -> Result<String, String> {
        let key = keys.join(" then ");
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

    fn mapped(&mut self, keys: &[String], message: &[u8]) -> Result<testing::Output, String> {
        let key = self.ready(keys)?;
        let receipt = self.receipt();
        self.seen.count(self.world, &key, message, &self.settings.received(&receipt));
        let engine = self.seen.engines.get(&key).ok_or("it cannot run")?;
        let mut json = Vec::new();
        output(engine.worker().received(message, &receipt, &mut json), json)
    }

    /// What is known beside a message: the rows of tables that are asked.
    fn receipt(&self) -> Receipt {
        let given = self.given.iter().map(|(table, rows)| (table.clone(), rows.clone()));
        Receipt::default().answered(Answers::given(given))
    }

    /// The key of a map that takes what was asked and what was said of it.
    fn map_of_both(&self, maps: &[Word]) -> Option<String> {
        let [name] = maps else { return None };
        let key = self.key(&name.text).filter(|export| export.kind == DeclaredKind::Map)?.key;
        let function = db::function(&self.world.db, self.world.inside, &key)?;
        let takes = db::takes_each(&self.world.db, self.world.inside, function);
        (takes.len() == 2 && takes.iter().all(|takes| !takes.is_empty())).then(|| key.to_string())
    }

    /// What a route does with a message, as a running engine would.
    fn routed(&mut self, key: &str, bytes: &[u8]) -> Result<testing::Output, String> {
        let World { db, inside, .. } = self.world;
        let route = db::routed(db, *inside, key).ok_or_else(|| format!("there is no route `{key}`"))?;
        let standards = db::standards(db, *inside);
        let is_json = engine::is_json(bytes);
        let nothing = || testing::Output { results: Vec::new(), sent: Vec::new(), issues: Vec::new() };
        let taken = if is_json {
            let sound = validate::sound(bytes, &standards.fhir);
            let (resource, _) = sound.map_err(|problem| problem.message.to_string())?;
            route.takes(Came::Resource(&resource), standards, self.settings.runs())
        } else {
            route.takes(Came::Message(&self.settings.read(bytes)?), standards, self.settings.runs())
        };
        let known_by = match taken {
            Taken::Refused => return Err("no feed of the route accepts this message".to_owned()),
            Taken::Left => return Ok(nothing()),
            Taken::Taken(known_by) => known_by,
        };
        if known_by.is_some_and(|known_by| !self.known.insert((key.to_owned(), known_by))) {
            return Ok(nothing());
        }
        let keys: Vec<String> = route.through.iter().map(ToString::to_string).collect();
        let output = match keys.as_slice() {
            [] => testing::Output { results: vec![same(bytes, is_json)], ..nothing() },
            keys => self.mapped(keys, bytes)?,
        };
        Ok(testing::Output { sent: route.to, ..output })
    }
}

/// What a route without a map passes on.
fn same(bytes: &[u8], is_json: bool) -> testing::Outcome {
    match String::from_utf8(bytes.to_vec()) {
        Ok(text) if is_json => testing::Outcome::Json(text),
        _ => testing::Outcome::Message(bytes.to_vec()),
    }
}

/// What a map made, as a test sees it.
fn output(outcome: Result<Outcome, Why>, made: Vec<u8>) -> Result<testing::Output, String> {
    let outcome = outcome.map_err(|(Why::Message(why) | Why::Call(why))| why)?;
    let issue = |told: Told| testing::Issue { text: told.text, place: told.place };
    let issues = outcome.issues.into_iter().map(issue).collect();
    let form = outcome.form;
    let result = |part: Vec<u8>| match form {
        Form::Message => Ok(testing::Outcome::Message(part)),
        Form::Json => String::from_utf8(part).map(testing::Outcome::Json).map_err(|_| "the output is not UTF-8"),
    };
    let results = match outcome.rejected {
        None => form.parts(made).into_iter().map(result).collect::<Result<_, _>>()?,
        Some(told) => vec![testing::Outcome::Rejected(told.text)],
    };
    Ok(testing::Output { results, sent: Vec::new(), issues })
}

impl testing::Context for Around<'_> {
    fn file(&mut self, name: &str) -> Result<Vec<u8>, String> {
        std::fs::read(self.folder.join(name)).map_err(|why| match why.kind() {
            std::io::ErrorKind::NotFound => "there is no such file".to_owned(),
            _ => why.to_string(),
        })
    }

    fn given(&mut self, table: &Word, rows: &[Arm]) -> Result<(), String> {
        let given = db::given(&self.world.db, self.world.inside, self.file, table, rows);
        let given = given.ok_or_else(|| format!("there is no table `{}` that is asked", table.text))?;
        self.given.insert(given.signature.to_string(), given.rows);
        Ok(())
    }

    fn through(&mut self, maps: &[Word], message: &[u8]) -> Result<testing::Output, String> {
        if let Some(route) = self.route(maps) {
            return self.routed(&route, message);
        }
        let key = |map: &Word| {
            let export = self.key(&map.text);
            export.map(|export| export.key.to_string()).ok_or_else(|| format!("there is no map `{}`", map.text))
        };
        let keys = maps.iter().map(key).collect::<Result<Vec<_>, _>>()?;
        self.mapped(&keys, message)
    }

    fn is_route(&self, maps: &[Word]) -> bool {
        self.route(maps).is_some()
    }

    fn replies(&self, maps: &[Word]) -> bool {
        self.map_of_both(maps).is_some()
    }

    fn reply(&mut self, maps: &[Word], asked: &[u8], answer: &[u8]) -> Result<testing::Output, String> {
        let key = self.map_of_both(maps).ok_or("it takes no two")?;
        let receipt = self.receipt();
        if !self.seen.replies.contains_key(&key) {
            let map = Replying::new(self.world, &key, self.kind).ok_or("it cannot run")?;
            self.seen.replies.insert(key.clone(), map);
        }
        let map = self.seen.replies.get(&key).ok_or("it cannot run")?;
        if let Some(plan) = db::covered_plan(&self.world.db, self.world.inside, key.clone())
            && let Some(explained) = map.explained(plan, &self.settings.received(&receipt), (asked, answer))
        {
            self.seen.coverage.add(plan, &explained);
        }
        let (outcome, made) = match map.run((self.settings, ""), (asked, answer), Code::Accept, &receipt) {
            Ok((outcome, made)) => (Ok(outcome), made),
            Err(why) => (Err(why), Vec::new()),
        };
        output(outcome, made)
    }

    fn constant(&self, name: &str) -> Option<Expr> {
        db::constant_of(&self.world.db, self.world.inside, self.file, name).cloned()
    }
}
