//! The wiring of a project for its runtime: asked for once, when it starts, so that nothing of it is remembered.

use super::{Project, SourceFile, View, items, modules, parsed, routes};
use crate::check::typed::Function;
use crate::check::wiring::run::{self, AlarmFacts, FeedFacts, RouteFacts, TableFacts, TargetFacts};
use crate::lower;
use crate::plan::{Plan, passes};
use crate::syntax::tree::{Declaration, Route};
use smol_str::SmolStr;

/// The feeds that accept something, the targets, the routes, the alarms and the tables that are asked of a sound project.
pub struct Wired {
    pub feeds: Vec<FeedFacts>,
    pub targets: Vec<TargetFacts>,
    pub routes: Vec<RouteFacts>,
    pub alarms: Vec<AlarmFacts>,
    /// The tables that are asked.
    pub tables: Vec<TableFacts>,
}

pub fn wired(db: &dyn salsa::Database, project: Project) -> Wired {
    let environment = project.settings(db).environment().cloned().unwrap_or_default();
    let (mut feeds, mut targets, mut alarms, mut tables) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
    for &file in project.files(db) {
        let (view, module) = (View::new(db, project, file), file.module(db));
        for declaration in items(db, file).iter().filter_map(|&item| parsed(db, item).item.as_ref()) {
            match &declaration.declaration {
                Declaration::Feed(feed) => feeds.extend(run::feed(feed, module, &view, &environment)),
                Declaration::Target(target) => targets.extend(run::target(target, module, &view, &environment)),
                Declaration::Table(table) => tables.extend(run::table(table, module, &view, &environment)),
                Declaration::Alarm(alarm) => alarms.push(run::alarm(alarm, module, &view, &environment)),
                _ => {}
            }
        }
    }
    let route = |(module, route): &(SmolStr, Route)| {
        let file = *modules(db, project).get(module)?;
        Some(run::route(route, module, &View::new(db, project, file), &environment))
    };
    Wired { feeds, targets, alarms, tables, routes: routes(db, project).iter().filter_map(route).collect() }
}

/// The plan of what reads a message for a setting or a condition.
pub fn reader(db: &dyn salsa::Database, project: Project, file: SourceFile, reader: &Function) -> Plan {
    passes::run(lower::map(reader, &View::new(db, project, file)))
}

#[cfg(test)]
mod tests;
