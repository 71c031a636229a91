//! Alarms: conditions on what the runtime measures, of a closed list.

use super::super::World;
use super::super::suggest::nearest;
use super::connector::Part;
use super::kind::{Fixed, fixed};
use super::setting::Settings;
use super::{given, joined, listed, name_of};
use crate::diagnostic::{Code, Diagnostic, a};
use crate::resolve::{DeclaredKind, Found};
use crate::syntax::tree::{Alarm, At, Binary, Expr, ExprKind, Prefix, Told};
use smol_str::SmolStr;

/// What a measure counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Unit {
    Count,
    Time,
    Percent,
}

/// All that is measured: of what, its name, its unit.
const MEASURES: &[(DeclaredKind, &str, Unit)] = &[
    // How long nothing has come.
    (DeclaredKind::Feed, "idle", Unit::Time),
    (DeclaredKind::Feed, "accepted", Unit::Count),
    (DeclaredKind::Feed, "rejected", Unit::Count),
    (DeclaredKind::Feed, "rejected_percent", Unit::Percent),
    (DeclaredKind::Feed, "parked", Unit::Count),
    (DeclaredKind::Feed, "repaired", Unit::Count),
    (DeclaredKind::Target, "queued", Unit::Count),
    // How long the message waits that has waited longest.
    (DeclaredKind::Target, "oldest", Unit::Time),
    (DeclaredKind::Target, "delivered", Unit::Count),
    (DeclaredKind::Target, "retried", Unit::Count),
    (DeclaredKind::Target, "parked", Unit::Count),
    (DeclaredKind::Route, "parked", Unit::Count),
    (DeclaredKind::Route, "filtered", Unit::Count),
    (DeclaredKind::Route, "rejected", Unit::Count),
    (DeclaredKind::Route, "delivered", Unit::Count),
    // Codes and keys that a table did not have.
    (DeclaredKind::Codes, "misses", Unit::Count),
    (DeclaredKind::Table, "misses", Unit::Count),
    // How often a table that is asked did not answer.
    (DeclaredKind::Table, "failures", Unit::Count),
];

/// What is wrong with an alarm.
pub fn alarm(alarm: &Alarm, world: &dyn World) -> Vec<Diagnostic> {
    let mut problems = Vec::new();
    let given = given::of_block(&alarm.settings, &mut problems, |_| false);
    let told: Vec<&Told> = world.connectors().every(Part::Alarm).iter().collect();
    let mut settings = Settings::new(world, Vec::new());
    settings.hold(&given, &told, "an alarm");
    settings.complete(&given, &told, &alarm.name.at, "an alarm");
    problems.append(&mut settings.problems);
    problems
}

/// The keys of the tables whose misses an alarm watches.
pub fn missed(alarm: &Alarm, world: &dyn World) -> Vec<SmolStr> {
    let given = given::of_block(&alarm.settings, &mut Vec::new(), |_| false);
    let conditions = given.iter().filter(|it| it.name.text == "when").flat_map(|it| &it.values);
    let mut keys = Vec::new();
    conditions.for_each(|condition| missed_in(condition, world, &mut keys));
    keys
}

fn missed_in(expr: &Expr, world: &dyn World, keys: &mut Vec<SmolStr>) {
    match &*expr.kind {
        ExprKind::Binary(_, left, right) => [left, right].into_iter().for_each(|it| missed_in(it, world, keys)),
        ExprKind::Prefix(_, inner) => missed_in(inner, world, keys),
        ExprKind::Call { arguments, .. } => arguments.iter().for_each(|it| missed_in(&it.value, world, keys)),
        _ => {
            let name = name_of(expr).map(|name| name.text).unwrap_or_default();
            let owner = name.strip_suffix(".misses").map(|owner| world.find(owner));
            if let Some(Found::One(export)) = owner {
                keys.push(export.key);
            }
        }
    }
}

/// What is wrong with a condition on measures.
pub(super) fn measured(condition: &Expr, world: &dyn World) -> Vec<Diagnostic> {
    let mut problems = Vec::new();
    self::condition(condition, false, world, &mut problems);
    problems
}

fn condition(expr: &Expr, of_all: bool, world: &dyn World, problems: &mut Vec<Diagnostic>) {
    match &*expr.kind {
        ExprKind::Binary(Binary::And | Binary::Or, left, right) => {
            condition(left, of_all, world, problems);
            condition(right, of_all, world, problems);
        }
        ExprKind::Prefix(Prefix::Not, inner) => condition(inner, of_all, world, problems),
        ExprKind::Call { name, arguments, parts }
            if matches!(name.text.as_str(), "any" | "all") && parts.is_empty() =>
        {
            arguments.iter().for_each(|argument| condition(&argument.value, true, world, problems));
        }
        ExprKind::Binary(
            Binary::Less
            | Binary::LessOrEqual
            | Binary::Greater
            | Binary::GreaterOrEqual
            | Binary::Equal
            | Binary::NotEqual,
            left,
            right,
        ) => compared(left, right, of_all, world, problems),
        ExprKind::Missing => {}
        _ => problems.push(no_condition(&expr.at)),
    }
}

fn no_condition(at: &At) -> Diagnostic {
    Diagnostic::new(Code::UnknownMeasure, at.clone(), "this compares no measure")
        .help("as in `adt.idle > 15m`, `ehr.queued > 5000 or ehr.oldest > 10m`, `any(route.parked > 0)`")
}

fn compared(left: &Expr, right: &Expr, of_all: bool, world: &dyn World, problems: &mut Vec<Diagnostic>) {
    let unit = match measure(left, of_all, world) {
        Ok(unit) => unit,
        Err(problem) => return problems.push(*problem),
    };
    let (fits, wanted) = match (unit, fixed(right, world)) {
        (Unit::Time, found) => (matches!(found, Some(Fixed::Milliseconds(_))), "a duration such as `15m`"),
        (Unit::Count, found) => {
            let whole = |it: &str| it.parse::<u64>().is_ok();
            (matches!(found, Some(Fixed::Number(it)) if whole(&it)), "a whole number")
        }
        (Unit::Percent, found) => {
            let percent = |it: &str| it.parse::<f64>().is_ok_and(|it| (0.0..=100.0).contains(&it));
            (matches!(found, Some(Fixed::Number(it)) if percent(&it)), "a number from 0 to 100")
        }
    };
    if !fits && *right.kind != ExprKind::Missing {
        let message = format!("this measure is compared with {wanted}");
        problems.push(Diagnostic::new(Code::WrongValue, right.at.clone(), message));
    }
}

/// `adt.idle`; under `any` and `all` also of all routes: `route.parked`.
fn measure(expr: &Expr, of_all: bool, world: &dyn World) -> Result<Unit, Box<Diagnostic>> {
    let name = name_of(expr).ok_or_else(|| Box::new(no_condition(&expr.at)))?;
    let Some((owner, measure)) = name.text.rsplit_once('.') else { return Err(Box::new(no_condition(&expr.at))) };
    let all = [DeclaredKind::Feed, DeclaredKind::Target, DeclaredKind::Route].into_iter();
    let kind = match (all.into_iter().find(|kind| of_all && kind.noun() == owner), world.find(owner)) {
        (Some(kind), _) => kind,
        (None, Found::One(export)) => export.kind,
        (None, _) => {
            let diagnostic =
                Diagnostic::new(Code::UnknownName, name.at.clone(), format!("there is no `{owner}` to be watched"));
            let known = world.names();
            let near = nearest(owner, known.known().map(|it| it.as_str())).map(str::to_owned);
            return Err(Box::new(match near {
                Some(near) => diagnostic.help(format!("did you mean `{near}`?")),
                None => diagnostic.help("name a feed, a target, a route or a table"),
            }));
        }
    };
    let of_kind = || MEASURES.iter().filter(|(of, ..)| *of == kind);
    if let Some((.., unit)) = of_kind().find(|(_, known, _)| *known == measure) {
        return Ok(*unit);
    }
    let message = format!("of {} nothing is measured as `{measure}`", a(kind.noun()));
    let diagnostic = Diagnostic::new(Code::UnknownMeasure, name.at.clone(), message);
    Err(Box::new(match nearest(measure, of_kind().map(|(_, known, _)| *known)) {
        Some(near) => diagnostic.help(format!("did you mean `{near}`?")),
        None if of_kind().next().is_some() => {
            diagnostic.help(format!("it has {}", listed(of_kind().map(|(_, known, _)| *known))))
        }
        None => {
            let kinds = ["feeds", "targets", "routes", "tables"];
            diagnostic.help(format!("what is watched is one of {}", joined(kinds.into_iter(), "or")))
        }
    }))
}
