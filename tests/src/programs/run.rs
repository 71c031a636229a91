//! Compiles programs and runs them in both engines.

use super::counted::{Counted, Marked};
use super::known::Known;
use super::{messages, write};
use crate::oracle::Both;
use crate::pipeline::Map;
use emr_compiler::db::{self, Database, SourceFile};
use emr_compiler::diagnostic::{Severity, render};
use emr_compiler::plan::interpret;
use emr_compiler::standard::Standards;
use emr_message::Secrets;
use emr_message::time::Zone;
use std::collections::BTreeMap;
use std::fmt::{self, Display};
use std::panic::{AssertUnwindSafe, catch_unwind};

const ZONE: &str = "Europe/Zurich";

/// A compiler that keeps what it knows of the library from program to program.
pub struct Workshop {
    db: Database,
    project: db::Project,
    file: SourceFile,
}

impl Default for Workshop {
    fn default() -> Workshop {
        let db = Database::default();
        let file = db.open("main", "main.emr", String::new());
        let settings = db::Settings { timezone: Some(ZONE.into()), ..Default::default() };
        let project = db.project(vec![file], settings, Standards::embedded());
        Workshop { db, project, file }
    }
}

impl Workshop {
    /// The map `m` of a text, or what is wrong with it.
    pub fn compile(&mut self, text: &str) -> Result<Map, String> {
        catch_unwind(AssertUnwindSafe(|| self.planned(text))).unwrap_or_else(|_| {
            // What a compiler knows after a panic is not to be trusted.
            *self = Workshop::default();
            Err("a panic of the compiler".to_owned())
        })
    }

    fn planned(&mut self, text: &str) -> Result<Map, String> {
        self.db.edit(self.file, text.to_owned());
        let runs =
            interpret::Settings { zone: Zone::named(ZONE).ok(), secrets: Secrets::of_tests(), ..Default::default() };
        match db::plan(&self.db, self.project, "main.m".to_owned()) {
            Some(plan) => Ok(Map { plan: plan.clone(), runs }),
            None => Err(self.wrong(text)),
        }
    }

    /// The same map, traced: it also tells where what it writes comes from, and changes nothing of that.
    pub fn traced(&self) -> Option<Map> {
        let runs =
            interpret::Settings { zone: Zone::named(ZONE).ok(), secrets: Secrets::of_tests(), ..Default::default() };
        let plan = db::traced_plan(&self.db, self.project, "main.m".to_owned()).clone();
        plan.map(|plan| Map { plan, runs })
    }

    /// The same map before any pass makes it faster.
    pub fn plain(&self) -> Option<Map> {
        let runs =
            interpret::Settings { zone: Zone::named(ZONE).ok(), secrets: Secrets::of_tests(), ..Default::default() };
        let plan = db::plain_plan(&self.db, self.project, "main.m".to_owned()).clone();
        plan.map(|plan| Map { plan, runs })
    }

    fn wrong(&self, text: &str) -> String {
        let mut found = db::diagnostics(&self.db, self.project, self.file).to_vec();
        found.retain(|it| it.severity() == Severity::Error);
        render("main.emr", text, &found, false)
    }
}

/// Every so many messages are also run through the marked and the traced plan; messages of a kind come in twenties.
const SAMPLED: u64 = 3;

/// After so many programs a new compiler is taken: it remembers each of them.
const REMEMBERED: usize = 50;

/// What came of programs.
#[derive(Clone, Debug, Default)]
pub struct Results {
    pub programs: usize,
    /// Those that do not check, each with what the compiler says.
    pub unsound: Vec<(u64, String)>,
    pub messages: usize,
    pub native: usize,
    pub with_issues: usize,
    pub rejected: usize,
    pub deferred: usize,
    pub deferred_clean: usize,
    pub unreadable: usize,
    /// Of all these the resources of FHIR, and how many of them were left to the interpreter.
    pub resources: usize,
    pub resources_deferred: usize,
    /// Outputs of which machine code told the lineage, and messages whose lineage it left to the interpreter.
    pub traced: usize,
    pub untraced: usize,
    pub reasons: BTreeMap<String, usize>,
    pub counted: Counted,
    pub differences: Vec<Difference>,
}

/// A program and a message of which the engines make different things.
#[derive(Clone, Debug)]
pub struct Difference {
    pub seed: u64,
    pub number: u64,
    pub text: String,
    pub message: Vec<u8>,
    pub what: String,
}

#[derive(Default)]
pub struct Runner {
    pub known: Known,
    shop: Workshop,
    pub results: Results,
}

impl Runner {
    /// The program of a seed over messages with these numbers; `before` is told of each before it runs. Stops at the first
    /// difference.
    pub fn program(&mut self, seed: u64, numbers: std::ops::Range<u64>, before: &mut dyn FnMut(u64)) {
        let program = write(&self.known, seed);
        self.results.programs += 1;
        if self.results.programs.is_multiple_of(REMEMBERED) {
            self.shop = Workshop::default();
        }
        before(0);
        let map = match self.shop.compile(&program.text) {
            Ok(map) => map,
            Err(wrong) => return self.results.unsound.push((seed, wrong)),
        };
        self.results.counted.wrote(&program.constructs);
        let differs =
            |number, message: Vec<u8>, what| Difference { seed, number, text: program.text.clone(), message, what };
        let mut engines = match Engines::new(map, self.shop.traced()) {
            Ok(engines) => engines,
            Err(what) => return self.results.differences.push(differs(0, Vec::new(), what)),
        };
        let mut plain = match self.shop.plain().map(|plain| Plain::new(plain, seed)).transpose() {
            Ok(plain) => plain,
            Err(what) => return self.results.differences.push(differs(0, Vec::new(), what)),
        };
        for number in numbers {
            before(number);
            let message = messages::message(&self.known, &program, &engines.map.plan, seed, number);
            self.results.messages += 1;
            let sampled = number % SAMPLED == 0 && message.len() < 20_000;
            let what = differ(&mut engines.fast, &message)
                .or_else(|| plain.as_mut().and_then(|plain| plain.differ(&engines.map, &message)))
                .or_else(|| sampled.then(|| engines.traced(&message, &mut self.results.counted)).flatten());
            if let Some(what) = what {
                self.results.differences.push(differs(number, message, what));
                break;
            }
        }
        self.results.take(&engines);
        if program.resource.is_some() {
            let tally = engines.fast.tally;
            self.results.resources += tally.native + tally.rejected + tally.deferred;
            self.results.resources_deferred += tally.deferred;
        }
    }
}

/// A program in all that runs it.
struct Engines {
    map: Map,
    fast: Both,
    traced: Option<Traced>,
}

/// The same, telling where everything comes from.
struct Traced {
    map: Map,
    both: Both,
    marked: Marked,
}

impl Engines {
    fn new(map: Map, traced: Option<Map>) -> Result<Engines, String> {
        let fast = both(&map)?;
        let traced = traced.map(Traced::new).transpose()?;
        Ok(Engines { map, fast, traced })
    }

    /// What differs for the traced plan: between its engines, or from the fast one.
    fn traced(&mut self, message: &[u8], counted: &mut Counted) -> Option<String> {
        let Traced { map, both, marked } = self.traced.as_mut()?;
        let done = both.tally.native + both.tally.rejected;
        if let Some(what) = differ(both, message) {
            return Some(format!("traced: {what}"));
        }
        let native = both.tally.native + both.tally.rejected > done;
        counted.ran(&marked.reached(message), native);
        tracing_changes(&self.map, map, message)
    }
}

impl Traced {
    fn new(map: Map) -> Result<Traced, String> {
        Ok(Traced { both: both(&map)?, marked: Marked::new(&map), map })
    }
}

impl Results {
    fn take(&mut self, engines: &Engines) {
        let both = &engines.fast;
        if let Some(Traced { both, .. }) = &engines.traced {
            self.traced += both.tally.native;
            self.untraced += both.tally.deferred;
        }
        self.native += both.tally.native;
        self.with_issues += both.tally.with_issues;
        self.rejected += both.tally.rejected;
        self.deferred += both.tally.deferred;
        self.deferred_clean += both.tally.deferred_clean;
        self.unreadable += both.tally.unreadable;
        for (reason, count) in &both.reasons {
            *self.reasons.entry(reason.clone()).or_default() += count;
        }
    }

    pub fn add(&mut self, other: Results) {
        self.programs += other.programs;
        self.unsound.extend(other.unsound);
        self.messages += other.messages;
        self.native += other.native;
        self.with_issues += other.with_issues;
        self.rejected += other.rejected;
        self.deferred += other.deferred;
        self.deferred_clean += other.deferred_clean;
        self.unreadable += other.unreadable;
        self.resources += other.resources;
        self.resources_deferred += other.resources_deferred;
        self.traced += other.traced;
        self.untraced += other.untraced;
        for (reason, count) in other.reasons {
            *self.reasons.entry(reason).or_default() += count;
        }
        self.counted.add(&other.counted);
        self.differences.extend(other.differences);
    }
}

impl Display for Results {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let share = |part: usize, of: usize| 100.0 * part as f64 / of.max(1) as f64;
        let unsound = self.unsound.len();
        writeln!(
            f,
            "{} programs, {unsound} of them do not check ({:.1} %)",
            self.programs,
            share(unsound, self.programs)
        )?;
        writeln!(
            f,
            "{} messages: {} native ({} with issues), {} refused",
            self.messages, self.native, self.with_issues, self.rejected
        )?;
        let deferred = share(self.deferred, self.messages);
        writeln!(
            f,
            "{} left to the interpreter ({deferred:.1} %), {} of them without a word of it; {} unreadable",
            self.deferred, self.deferred_clean, self.unreadable
        )?;
        let deferred = share(self.resources_deferred, self.resources);
        let left = self.resources_deferred;
        writeln!(f, "{} of them resources, {left} left to the interpreter ({deferred:.1} %)", self.resources)?;
        writeln!(f, "{} traced by native, {} left to the interpreter", self.traced, self.untraced)?;
        let mut reasons: Vec<_> = self.reasons.iter().collect();
        reasons.sort_by_key(|(_, count)| std::cmp::Reverse(**count));
        reasons.iter().take(20).try_for_each(|(reason, count)| writeln!(f, "{count:>8} {reason}"))
    }
}

/// A map in both engines; what went wrong if it cannot be compiled.
pub fn both(map: &Map) -> Result<Both, String> {
    catch_unwind(AssertUnwindSafe(|| Both::new(map.clone())))
        .map_err(|_| "a panic while the plan is compiled".to_owned())
}

/// What differs for a message; a panic is a difference.
pub fn differ(both: &mut Both, message: &[u8]) -> Option<String> {
    let differs = catch_unwind(AssertUnwindSafe(|| both.differ(message)));
    differs.unwrap_or_else(|_| Some("a panic while the message is mapped".to_owned()))
}

/// Every so many programs machine code is also made of the plan as it is before the passes.
const PLAIN_TOO: u64 = 4;

/// A plan before the passes: what comes after them makes the same of each message.
struct Plain {
    map: Map,
    native: Option<Both>,
}

impl Plain {
    fn new(map: Map, seed: u64) -> Result<Plain, String> {
        let native = seed.is_multiple_of(PLAIN_TOO).then(|| both(&map)).transpose()?;
        Ok(Plain { map, native })
    }

    fn differ(&mut self, fast: &Map, message: &[u8]) -> Option<String> {
        let made = |map: &Map| map.run(message).ok().map(|outcome| (outcome.result, outcome.issues));
        let differs = made(fast) != made(&self.map);
        let differs = differs.then(|| "the plan before the passes does not give what the fast one gives".to_owned());
        let in_code = |native: &mut Both| Some(format!("before the passes: {}", differ(native, message)?));
        differs.or_else(|| self.native.as_mut().and_then(in_code))
    }
}

/// A traced plan writes and says the same as the fast one; its rules have other numbers.
fn tracing_changes(fast: &Map, traced: &Map, message: &[u8]) -> Option<String> {
    let made = |map: &Map| {
        let outcome = map.run(message).ok()?;
        let issues: Vec<_> = outcome.issues.into_iter().map(|issue| (issue.code, issue.text, issue.place)).collect();
        let result = outcome.result.map_err(|rejection| (rejection.code, rejection.text, rejection.place));
        Some((result, issues))
    };
    (made(fast) != made(traced)).then(|| "the traced plan does not give what the fast one gives".to_owned())
}
