//! A project that is ready to run: wired and compiled.

use std::path::Path;
use std::sync::Arc;

use emr_abi::wiring::{Alarm, Column, Feed, Route, Table, Target, Wiring};
use emr_compiler::check::wiring::run::{ColumnFacts, FeedFacts};
use emr_compiler::db::{self, Wired};
use emr_compiler::diagnostic::{Diagnostic, Severity};
use emr_compiler::syntax;
use emr_native::artifact;
use emr_project::Source;
use smol_str::SmolStr;

use super::program::Compiled;
use super::standing::Standing;
use crate::end::End;
use crate::engine::said;
use crate::secrets::Vault;
use crate::test;
use crate::world::{Chosen, World};

pub struct Ready {
    pub wiring: Wiring,
    pub program: Arc<Compiled>,
    pub standing: Standing,
}

impl Ready {
    /// Of a sound project.
    ///
    /// # Errors
    /// It lacks what an engine needs, or asks for what is not carried out.
    pub fn new(world: &World, chosen: &Chosen) -> Result<Ready, End> {
        in_one_environment(world, chosen)?;
        let wired = db::wired(&world.db, world.inside);
        if wired.feeds.is_empty() {
            return Err(End::Call("the project has no feed: nothing would come in".to_owned()));
        }
        let program = Arc::new(Compiled::new(world, &wired)?);
        let standing = Standing::of(&world.outside.manifest);
        Ok(Ready { wiring: wiring(&wired, said(world)), program, standing })
    }

    /// The routes whose maps cannot run for want of a secret, and why.
    pub fn lacking(&self) -> Vec<(String, String)> {
        let lacking = self.program.lacking().into_iter();
        lacking.filter_map(|(route, why)| Some((self.wiring.routes.get(route)?.name.clone(), why))).collect()
    }

    /// Of the project as its files are now, where there is nothing wrong with it and its tests pass.
    ///
    /// # Errors
    /// Why it cannot take the place of another, without a value of a test.
    pub fn tested(project: &Path, chosen: &Chosen, vault: &Vault, built: Option<&Path>) -> Result<Ready, String> {
        let said = |end: End| end.to_string();
        let world = World::open(project, chosen).and_then(|world| world.with(built)).map_err(said)?.trusting(vault);
        let problems = world.problems();
        let wrong = problems.iter().flat_map(|(source, problems)| errors(source, problems));
        refused(wrong.collect(), "is wrong; `emr check` shows it")?;
        let ready = Ready::new(&world, chosen).map_err(said)?;
        refused(test::failing(&world).map_err(said)?, "fails; `emr test` shows it")?;
        if let Some((route, why)) = ready.lacking().first() {
            return Err(format!("route {route}: {why}"));
        }
        ready.program.warm();
        Ok(ready)
    }
}

fn errors<'s>(source: &'s Source, problems: &'s [Diagnostic]) -> impl Iterator<Item = String> + 's {
    let errors = problems.iter().filter(|it| it.severity() == Severity::Error);
    errors.map(|it| {
        let line = syntax::line(&source.text, it.at.start);
        format!("{}:{line}: {} {}", source.path.display(), it.code.text(), it.message)
    })
}

/// The first few are named.
fn refused(wrong: Vec<String>, what: &str) -> Result<(), String> {
    const NAMED: usize = 5;
    let Some(first) = wrong.first() else { return Ok(()) };
    let named = wrong.iter().take(NAMED).map(String::as_str).collect::<Vec<_>>().join("\n");
    match wrong.len() {
        1 => Err(format!("{first}\nthis {what}")),
        all => Err(format!("{named}\n{all} of them: each {what}")),
    }
}

/// What settings name by `env` is that of one environment.
fn in_one_environment(world: &World, chosen: &Chosen) -> Result<(), End> {
    let environments = &world.outside.manifest.environments;
    if environments.len() < 2 || chosen.env.is_some() {
        return Ok(());
    }
    let known: Vec<_> = environments.keys().map(|name| format!("`{name}`")).collect();
    Err(End::Call(format!("`emr.toml` has several environments, {}: choose one with `--env`", known.join(", "))))
}

/// Feeds, targets and routes by their places in the lists. A reading's number is counted over feeds, then targets,
/// then routes, then the columns of tables, as [`Compiled`] has them. What was said of runs holds for feeds that say nothing else.
fn wiring(wired: &Wired, said: artifact::Settings) -> Wiring {
    let mut readings = 0..;
    let mut numbered = |readers: usize| readings.by_ref().take(readers).collect::<Vec<usize>>();
    let feeds = wired.feeds.iter().map(|feed| Feed {
        name: name(&feed.key),
        connector: feed.connector.to_string(),
        settings: settings(feed, said.charset.as_deref()),
        order_by: numbered(feed.order_by.len()),
        messages: feed.accepts.iter().any(|accept| accept.resource.is_none()),
        resources: feed.accepts.iter().filter_map(|accept| Some(accept.resource.as_ref()?.to_string())).collect(),
    });
    let feeds: Vec<_> = feeds.collect();
    let targets = wired.targets.iter().map(|target| Target {
        name: name(&target.key),
        connector: target.connector.to_string(),
        settings: serde_json::Value::Object(target.settings.clone()).to_string(),
        reads: numbered(target.reads.len()),
    });
    let targets: Vec<_> = targets.collect();
    let places = |keys: &[SmolStr], all: Vec<&SmolStr>| {
        keys.iter().filter_map(|key| all.iter().position(|known| *known == key)).collect()
    };
    let routes = wired.routes.iter().map(|route| Route {
        name: name(&route.key),
        from: places(&route.from, wired.feeds.iter().map(|feed| &feed.key).collect()),
        to: places(&route.to, wired.targets.iter().map(|target| &target.key).collect()),
        settings: serde_json::Value::Object(route.settings.clone()).to_string(),
        reads: numbered(route.reads.len()),
    });
    let alarms = wired.alarms.iter().map(|alarm| Alarm {
        name: name(&alarm.key),
        settings: serde_json::Value::Object(alarm.settings.clone()).to_string(),
    });
    let routes: Vec<_> = routes.collect();
    let tables = wired.tables.iter().map(|table| Table {
        name: name(&table.key),
        signature: table.signature.to_string(),
        connector: table.connector.to_string(),
        settings: serde_json::Value::Object(table.settings.clone()).to_string(),
        keys: table.keys,
        columns: table.columns.iter().map(|column| of_column(column, &mut numbered)).collect(),
    });
    Wiring { feeds, targets, routes, alarms: alarms.collect(), tables: tables.collect(), zone: said.zone }
}

fn of_column(column: &ColumnFacts, numbered: &mut impl FnMut(usize) -> Vec<usize>) -> Column {
    Column {
        name: column.name.to_string(),
        system: column.system.as_ref().map(ToString::to_string),
        pattern: column.pattern.clone(),
        optional: column.optional,
        read: column.read.as_ref().and_then(|_| numbered(1).pop()),
    }
}

fn settings(feed: &FeedFacts, charset: Option<&str>) -> String {
    let mut settings = feed.settings.clone();
    if let (Some(own @ serde_json::Value::Null), Some(charset)) = (settings.get_mut("charset"), charset) {
        *own = charset.into();
    }
    serde_json::Value::Object(settings).to_string()
}

/// Its own name where that is enough.
fn name(key: &str) -> String {
    key.rsplit('.').next().unwrap_or(key).to_owned()
}
