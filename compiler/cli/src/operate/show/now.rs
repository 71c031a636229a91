//! What a project makes of a stored message now: route by route, each value with the rule that wrote it.

use std::fmt::Write;
use std::path::Path;
use std::sync::Arc;

use bytes::Bytes;
use emr_compiler::db::{self, Wired};
use emr_compiler::plan::interpret;
use emr_compiler::trace::{self, Segment, Trace};
use emr_message::{Answers, Receipt};
use emr_runtime::control::shapes::{hash, joined};
use emr_runtime::flow::intake;
use emr_runtime::flow::program::{Made, Program, Sorted};
use emr_runtime::journal::find::History;
use serde_json::{Value, json};

use super::{Stored, mapped_by};
use crate::end::End;
use crate::engine::{self, Engine, Kind, Why};
use crate::run::{Compiled, Ready};
use crate::style::{BOLD, PLAIN, YELLOW, count};
use crate::trace::text;
use crate::world::{Chosen, World};

/// What becomes of a message.
pub struct Now {
    program: u64,
    segments: Vec<Segment>,
    /// Why no route takes it.
    kept: Option<String>,
    routes: Vec<Route>,
    /// How much is looked up that was not asked then.
    wanted: usize,
}

struct Route {
    name: String,
    targets: Vec<String>,
    does: Does,
}

enum Does {
    /// One map writes it.
    Traced(Box<Trace>),
    /// What comes out of the last of several maps, or why nothing does.
    Made(Result<Vec<Made>, String>),
    /// The same bytes go on.
    Passes,
}

impl Now {
    /// # Errors
    /// Why it cannot be known.
    pub fn of(stored: &Stored, history: &History, project: &Path, chosen: &Chosen) -> Result<Now, String> {
        let world = World::open(project, chosen).map_err(said)?;
        world.sound().map_err(|_| "the project has errors".to_owned())?;
        let Ready { wiring, program, .. } = Ready::new(&world, chosen).map_err(said)?;
        let wired = db::wired(&world.db, world.inside);
        let place = wiring.feeds.iter().position(|feed| feed.name == stored.id.feed);
        let feed = place.ok_or_else(|| format!("the project has no feed `{}`", stored.id.feed))?;
        let name: Arc<str> = stored.id.feed.as_str().into();
        let receipt = intake::receipt(&name, stored.id.number, &stored.arrival);
        // Nobody is asked: what tables gave then is what they give now.
        let answers =
            history.answered.iter().flat_map(|it| it.answers.iter().map(|(question, answer)| (question, answer)));
        let receipt = receipt.answered(Answers::of(answers));
        let settings = program.reads(feed, &stored.bytes, &receipt).ok_or("its `timezone` is none")?;
        let message = settings.read(&stored.bytes)?;
        let (routes, kept) = match program.sort(feed, &stored.bytes, &receipt) {
            Sorted::Routes(routes) if routes.is_empty() => (routes, Some("no route takes it".to_owned())),
            Sorted::Routes(routes) => (routes, None),
            Sorted::Ignored(because) => (Vec::new(), Some(format!("it is ignored: {because}"))),
            Sorted::NotServed(problem) | Sorted::Unreadable(problem) => {
                (Vec::new(), Some(format!("it is not taken: {}", problem.text())))
            }
        };
        let one =
            Message { world: &world, wired: &wired, program: &program, feed, settings: &settings, receipt, stored };
        let routes = routes.into_iter().filter_map(|number| {
            let facts = wiring.routes.get(number)?;
            let targets = facts.to.iter().filter_map(|to| Some(wiring.targets.get(*to)?.name.clone()));
            Some(one.through(number).map(|does| Route { name: facts.name.clone(), targets: targets.collect(), does }))
        });
        let routes: Vec<Route> = routes.collect::<Result<_, _>>()?;
        let traced = routes.iter().find_map(|route| match &route.does {
            Does::Traced(trace) => Some(trace.segments.clone()),
            Does::Made(_) | Does::Passes => None,
        });
        let segments = traced.unwrap_or_else(|| trace::segments(&world.db, world.inside, &message));
        let wanted = one.receipt.answers().wanted().len();
        Ok(Now { program: program.hash(), segments, kept, routes, wanted })
    }

    pub fn text(&self, history: &History) -> String {
        let mut out = text::segments(&self.segments);
        if let Some(other) = mapped_by(history).filter(|program| *program != self.program) {
            let _ = writeln!(
                out,
                "\n{YELLOW}it was mapped by another program ({}){PLAIN}; the present one ({}) makes of it:",
                hash(other),
                hash(self.program)
            );
        }
        if let Some(why) = &self.kept {
            let _ = writeln!(out, "\n{why}");
        }
        if self.wanted > 0 {
            let count = count(self.wanted, "row");
            let _ =
                writeln!(out, "\n{YELLOW}{count} of tables that an engine asks are not known, and missing here{PLAIN}");
        }
        for route in &self.routes {
            let _ = writeln!(out, "\n{BOLD}{}{PLAIN} to {}", route.name, route.targets.join(", "));
            match &route.does {
                Does::Traced(trace) => out.push_str(&text::outcome(trace)),
                Does::Made(Ok(made)) => made.iter().for_each(|made| _ = writeln!(out, "{}", shown(made))),
                Does::Made(Err(why)) => _ = writeln!(out, "rejected: {why}"),
                Does::Passes => out.push_str("as it came\n"),
            }
        }
        out
    }

    /// The segments of the message, and what becomes of it.
    pub fn as_json(&self, history: &History) -> Value {
        let routes: Vec<_> = self.routes.iter().map(Route::as_json).collect();
        let now = json!({
            "program": hash(self.program), "mapped_by_this": mapped_by(history).map(|by| by == self.program),
            "kept": self.kept, "routes": routes, "not_known": self.wanted,
        });
        json!({ "segments": self.segments, "now": now })
    }
}

impl Route {
    fn as_json(&self) -> Value {
        let does = match &self.does {
            Does::Traced(trace) => {
                let Trace { map, values, rejected, issues, .. } = &**trace;
                json!({ "map": map, "values": values, "rejected": rejected, "issues": issues })
            }
            Does::Made(Ok(made)) => json!({ "output": made.iter().map(shown).collect::<Vec<_>>() }),
            Does::Made(Err(why)) => json!({ "rejected": { "text": why } }),
            Does::Passes => json!({ "passes": true }),
        };
        joined(json!({ "route": self.name, "targets": self.targets }), does)
    }
}

/// A message and all that is needed to send it through a route.
struct Message<'a> {
    world: &'a World,
    wired: &'a Wired,
    program: &'a Compiled,
    feed: usize,
    settings: &'a engine::Settings,
    receipt: Receipt,
    stored: &'a Stored,
}

impl Message<'_> {
    fn through(&self, route: usize) -> Result<Does, String> {
        let through = self.wired.routes.get(route).map(|route| route.through.as_slice()).unwrap_or_default();
        match through {
            [] => Ok(Does::Passes),
            [map] => self.traced(map).map(|trace| Does::Traced(Box::new(trace))),
            _ => {
                let message = Bytes::copy_from_slice(&self.stored.bytes);
                let made = self.program.map(self.feed, route, &message, &self.receipt);
                Ok(Does::Made(made.result.map_err(|rejected| format!("{} {}", rejected.code, rejected.text))))
            }
        }
    }

    fn traced(&self, map: &str) -> Result<Trace, String> {
        let World { db, inside, .. } = self.world;
        let engine = Engine::new(self.world, Some(map), self.settings.clone(), Kind::Interpreter).map_err(said)?;
        let told = |why: Why| match why {
            Why::Message(why) | Why::Call(why) => why,
        };
        let (map, message) = engine.chosen(&self.stored.bytes).map_err(told)?;
        let runs = interpret::Settings { receipt: self.receipt.clone(), ..engine.runs(map).map_err(told)? };
        trace::trace(db, *inside, map, &message, &runs).ok_or_else(|| format!("the map `{map}` cannot run"))
    }
}

/// Messages have a line for each segment.
fn shown(made: &Made) -> String {
    String::from_utf8_lossy(&made.bytes).replace('\r', "\n")
}

/// Of a project that is not wrong.
fn said(end: End) -> String {
    end.to_string()
}
