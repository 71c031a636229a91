//! What the tests of a project exercise of its text: rules that wrote a value, the ways that were taken where there are
//! several, arms of code tables that held a code.

mod points;

use crate::check::typed::Key;
use crate::db::{self, Database, Project, SourceFile};
use crate::plan::Plan;
use crate::plan::interpret::Explained;
use crate::resolve;
use crate::syntax;
use crate::syntax::tree::{At, Declaration};
pub use points::Kind;
use points::{Point as Found, Seen};
use rustc_hash::FxHashMap;
use std::collections::BTreeMap;

/// More of the text of a point is not shown.
const SHOWN_MAX: usize = 72;

/// What was exercised, counted by places of the text.
#[derive(Default)]
pub struct Coverage {
    /// How often something was carried out.
    carried: Places,
    /// How many values of outputs came of something.
    written: Places,
}

/// Counts by item, and by the range that its text has in the item.
type Places = FxHashMap<Key, BTreeMap<(usize, usize), u64>>;

/// A module, and what can be exercised in it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct File {
    pub path: String,
    pub maps: Vec<Map>,
    /// In the order of their lines.
    pub points: Vec<Point>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Map {
    pub name: String,
    pub line: usize,
    /// How often the most exercised part of it was.
    pub times: u64,
}

/// Something that tests may exercise.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Point {
    pub kind: Kind,
    pub line: usize,
    /// On one line, cut where it is long.
    pub text: String,
    pub times: u64,
    /// The ways of one decision have one number in a file.
    pub decision: Option<usize>,
}

/// How many there are of a kind, and how many of them were exercised.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Count {
    pub all: usize,
    pub exercised: usize,
}

impl Kind {
    /// How it is listed.
    pub fn text(self) -> &'static str {
        match self {
            Kind::Rule => "rule",
            Kind::Value => "value",
            Kind::Else => "else",
            Kind::When => "when",
            Kind::WhenNot => "when not",
            Kind::Require => "require",
            Kind::RequireNot => "require not",
            Kind::Arm => "arm",
            Kind::Code => "code",
        }
    }

    /// Whether it is a way of a decision.
    pub fn is_branch(self) -> bool {
        !matches!(self, Kind::Rule | Kind::Code)
    }
}

impl Count {
    pub fn of<'p>(points: impl IntoIterator<Item = &'p Point>, is_meant: impl Fn(Kind) -> bool) -> Count {
        points.into_iter().filter(|point| is_meant(point.kind)).fold(Count::default(), |count, point| Count {
            all: count.all + 1,
            exercised: count.exercised + usize::from(point.times > 0),
        })
    }

    /// In percent, rounded down: 100 only where all were.
    pub fn percent(self) -> usize {
        (self.exercised * 100).checked_div(self.all).unwrap_or(100)
    }
}

impl Coverage {
    /// Counts what a message exercised of a plan that is made to be counted.
    pub fn add(&mut self, plan: &Plan, explained: &Explained) {
        for (rule, times) in plan.rules.iter().zip(&explained.carried).filter(|(_, times)| **times > 0) {
            count(&mut self.carried, &rule.function, &rule.at, u64::from(*times));
        }
        for value in &explained.values {
            for rule in value.rules.iter().filter_map(|rule| plan.rules.get(*rule as usize)) {
                count(&mut self.written, &rule.function, &rule.at, 1);
            }
        }
    }

    /// What can be exercised in some modules of a project, and how often it was.
    pub fn report(&self, db: &Database, project: Project, files: &[SourceFile]) -> Vec<File> {
        self.report_of(db, project, files, &|_| true)
    }

    /// The same of the items alone whose keys are meant.
    pub fn report_of(
        &self,
        db: &Database,
        project: Project,
        files: &[SourceFile],
        is_meant: &dyn Fn(&str) -> bool,
    ) -> Vec<File> {
        let all = files.iter().map(|&file| self.file(db, project, file, is_meant));
        all.filter(|file| !file.points.is_empty()).collect()
    }

    fn file(&self, db: &Database, project: Project, file: SourceFile, is_meant: &dyn Fn(&str) -> bool) -> File {
        let (text, module) = (file.text(db), file.module(db));
        let mut report = File { path: file.path(db).to_owned(), maps: Vec::new(), points: Vec::new() };
        let mut decisions = 0;
        for at in syntax::items(text) {
            let Some(item) = text.get(at.clone()).and_then(|text| syntax::item(text).item) else { continue };
            let mut found = points::of(&item, module);
            found.retain(|point| is_meant(&point.item));
            let line = |offset| syntax::line(text, at.start + offset);
            let shown = |part: &At| shown(text.get(at.start + part.start..at.start + part.end).unwrap_or_default());
            let known: Vec<Point> = found
                .iter()
                .map(|point| Point {
                    kind: point.kind,
                    line: line(point.at.start),
                    text: shown(&point.at),
                    times: self.times(point),
                    decision: point.decision.map(|decision| decisions + decision),
                })
                .collect();
            decisions += found.iter().filter_map(|point| point.decision).max().map_or(0, |last| last + 1);
            if let Declaration::Map(map) = &item.declaration
                && !known.is_empty()
                && let key = resolve::key(module, &map.name.text)
                && db::function(db, project, &key).is_some()
            {
                let times = known.iter().map(|point| point.times).max().unwrap_or_default();
                report.maps.push(Map { name: key.into(), line: line(map.name.at.start), times });
            }
            report.points.extend(known);
        }
        report.points.sort_by_key(|point| point.line);
        report
    }

    fn times(&self, point: &Found) -> u64 {
        let exactly = |at: &At| self.carried.get(&point.item).and_then(|all| all.get(&(at.start, at.end)).copied());
        match &point.seen {
            Seen::Taken(at) => exactly(at).unwrap_or_default(),
            Seen::Within(at) => within(&self.carried, &point.item, at).max().unwrap_or_default(),
            Seen::Written(at) => self.written(point, at),
            Seen::Emptied(at, absent) => {
                absent.iter().filter_map(exactly).chain([self.written(point, at)]).max().unwrap_or_default()
            }
            Seen::Without(at, other) => {
                let others = within(&self.carried, &point.item, other).max().unwrap_or_default();
                exactly(at).unwrap_or_default().saturating_sub(others)
            }
        }
    }

    fn written(&self, point: &Found, at: &At) -> u64 {
        within(&self.written, &point.item, at).max().unwrap_or_default()
    }
}

fn count(places: &mut Places, item: &Key, at: &At, times: u64) {
    *places.entry(item.clone()).or_default().entry((at.start, at.end)).or_default() += times;
}

/// What is counted of all that stands in a range.
fn within<'p>(places: &'p Places, item: &Key, at: &At) -> impl Iterator<Item = u64> + use<'p> {
    let (start, end) = (at.start, at.end);
    let inside = places.get(item).into_iter().flat_map(move |all| all.range((start, 0)..(end, 0)));
    inside.filter(move |((_, to), _)| *to <= end).map(|(_, times)| *times)
}

/// Without comments, the white space of one line.
fn shown(text: &str) -> String {
    let text = crate::trace::one_line(text);
    match text.char_indices().nth(SHOWN_MAX) {
        Some((end, _)) => format!("{}…", text.get(..end).unwrap_or_default().trim_end()),
        None => text,
    }
}
