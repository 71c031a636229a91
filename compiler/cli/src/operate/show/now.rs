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
use emr_runtime::flow::issues::Issues;
use emr_runtime::flow::program::{Form, Made, Mapped, Program, Sorted};
use emr_runtime::journal::find::History;
use serde_json::{Value, json};

use super::{Stored, mapped_by};
use crate::end::End;
use crate::engine::{self, Engine, Kind, Why};
use crate::map::pretty::laid_out;
use crate::run::{Compiled, Ready};
use crate::secrets::Vault;
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
    /// What its targets get, or why they get nothing.
    made: Result<Vec<Made>, String>,
    does: Does,
}

enum Does {
    /// One map writes it.
    Traced(Box<Trace>),
    /// Several maps do, of which the last says what comes out.
    Made(Issues),
    /// The same bytes go on.
    Passes,
}

impl Now {
    /// # Errors
    /// Why it cannot be known.
    pub fn of(
        stored: &Stored,
        history: &History,
        project: &Path,
        (chosen, vault): (&Chosen, &Vault),
    ) -> Result<Now, String> {
        let world = World::open(project, chosen).map_err(said)?.trusting(vault);
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
            Some(one.through(number).map(|(made, does)| Route {
                name: facts.name.clone(),
                targets: targets.collect(),
                made,
                does,
            }))
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

    /// What becomes of it in each route, and what the maps say of it.
    pub fn summary(&self, history: &History) -> String {
        self.by_route(history, |route, out| match &route.does {
            Does::Traced(trace) => {
                if trace.rejected.is_none() {
                    let _ = writeln!(out, "  {}", count(trace.values.len(), "value"));
                }
                text::told(trace).lines().for_each(|line| _ = writeln!(out, "  {line}"));
            }
            Does::Made(issues) => {
                match &route.made {
                    Ok(made) => made.iter().for_each(|made| _ = writeln!(out, "  {}", size(made))),
                    Err(why) => _ = writeln!(out, "  rejected: {why}"),
                }
                if issues.count() > 0 {
                    let _ = writeln!(out, "  {YELLOW}{}{PLAIN}: {issues}", count(issues.count(), "issue"));
                }
            }
            Does::Passes => out.push_str("  as it came\n"),
        })
    }

    /// The message, field by field.
    pub fn parsed(&self) -> String {
        text::segments(&self.segments)
    }

    /// What each route makes of it.
    pub fn output(&self, history: &History) -> String {
        self.by_route(history, |route, out| match &route.made {
            Ok(made) => made.iter().for_each(|made| _ = writeln!(out, "{}", shown(made))),
            Err(why) => _ = writeln!(out, "rejected: {why}"),
        })
    }

    /// Each value with the rule that wrote it and where it comes from, as far as one map tells.
    pub fn lineage(&self, history: &History) -> String {
        self.by_route(history, |route, out| match &route.does {
            Does::Traced(trace) => out.push_str(&text::outcome(trace)),
            Does::Made(_) => {
                out.push_str("several maps write it, which are not traced: `--output` shows what comes out\n")
            }
            Does::Passes => out.push_str("as it came\n"),
        })
    }

    /// What is to be known of all routes, and then each.
    fn by_route(&self, history: &History, tell: impl Fn(&Route, &mut String)) -> String {
        let mut out = String::new();
        if let Some(other) = mapped_by(history).filter(|program| *program != self.program) {
            let _ = writeln!(
                out,
                "{YELLOW}it was mapped by another program ({}){PLAIN}; the present one ({}) makes of it:",
                hash(other),
                hash(self.program)
            );
        }
        if let Some(why) = &self.kept {
            let _ = writeln!(out, "{why}");
        }
        if self.wanted > 0 {
            let count = count(self.wanted, "row");
            let _ =
                writeln!(out, "{YELLOW}{count} of tables that an engine asks are not known, and missing here{PLAIN}");
        }
        for route in &self.routes {
            let _ = writeln!(out, "{BOLD}{}{PLAIN} to {}", route.name, route.targets.join(", "));
            tell(route, &mut out);
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
            Does::Made(_) => match &self.made {
                Ok(_) => json!({}),
                Err(why) => json!({ "rejected": { "text": why } }),
            },
            Does::Passes => json!({ "passes": true }),
        };
        let output: Vec<_> = self.made.iter().flatten().map(text_of).collect();
        joined(json!({ "route": self.name, "targets": self.targets, "output": output }), does)
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
    fn through(&self, route: usize) -> Result<(Result<Vec<Made>, String>, Does), String> {
        let message = Bytes::copy_from_slice(&self.stored.bytes);
        let Mapped { result, issues, .. } = self.program.map(self.feed, route, &message, &self.receipt);
        let made = result.map_err(|rejected| format!("{} {}", rejected.code, rejected.text));
        let through = self.wired.routes.get(route).map(|route| route.through.as_slice()).unwrap_or_default();
        let does = match through {
            [] => Does::Passes,
            [map] => Does::Traced(Box::new(self.traced(map)?)),
            _ => Does::Made(issues),
        };
        Ok((made, does))
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
fn text_of(made: &Made) -> String {
    String::from_utf8_lossy(&made.bytes).replace('\r', "\n")
}

/// As people read it.
fn shown(made: &Made) -> String {
    match made.form {
        Form::Json => String::from_utf8_lossy(&laid_out(&made.bytes)).into_owned(),
        Form::Message => text_of(made).trim_end().to_owned(),
    }
}

fn size(made: &Made) -> String {
    let what = match made.form {
        Form::Json => "a resource",
        Form::Message => "a message",
    };
    format!("{what} of {}", count(made.bytes.len(), "byte"))
}

/// Of a project that is not wrong.
fn said(end: End) -> String {
    end.to_string()
}
