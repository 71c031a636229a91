//! Routes: what joins feeds and targets through maps.

use super::super::typed::TyKind;
use super::super::{Signature, World};
use super::accept::{self, Accepted};
use super::connector::{Part, Speech};
use super::feed::{self, Whole};
use super::join::{self, plain};
use super::narrow::{self, Comes};
use super::reading::{self, As};
use super::setting::Settings;
use super::{given, listed, named, reply, target};
use crate::diagnostic::{Code, Diagnostic};
use crate::resolve::DeclaredKind;
use crate::syntax::tree::{Route, Told, Word};

/// What is wrong with a route.
pub fn route(route: &Route, module: &str, world: &dyn World) -> Vec<Diagnostic> {
    let mut problems = Vec::new();
    let mut accepted = Vec::new();
    for name in &route.from {
        let Some(feed) = kept(feed::by_name(name, world), &mut problems) else { continue };
        let of_feed = taken(&feed, route, world);
        if of_feed.is_empty() && !feed.accepted.is_empty() {
            problems.push(never_reached(name, route));
        }
        accepted.extend(of_feed);
    }
    let accepted: Vec<&Accepted> = accepted.iter().collect();
    if let Some(filter) = &route.filter {
        problems.extend(reading::problems(filter, As::Condition, &accepted, world));
    }
    let maps = maps(route, world, &mut problems);
    if let Some((name, first)) = maps.first() {
        problems.extend(not_taken(name, first, &accepted, world));
    }
    for pair in maps.windows(2) {
        if let [before, behind] = pair {
            problems.extend(join::not_joined(*before, *behind, world));
        }
    }
    if maps.len() == route.through.len() {
        problems.extend(not_delivered(route, maps.last().map(|(_, map)| *map), &accepted, world));
    }
    problems.extend(settings((module, route), accepted, &maps, world));
    problems
}

fn kept<T>(found: Result<T, Box<Diagnostic>>, problems: &mut Vec<Diagnostic>) -> Option<T> {
    found.map_err(|problem| problems.push(*problem)).ok()
}

/// What is said where nothing of a feed ever comes into a route: its condition lets none of it through, or all of that is
/// ignored.
fn never_reached(feed: &Word, route: &Route) -> Diagnostic {
    let message = format!("nothing that `{}` accepts comes into `{}`", feed.text, route.name.text);
    let diagnostic = Diagnostic::new(Code::NeverReached, feed.at.clone(), message);
    match &route.filter {
        Some(filter) => diagnostic
            .label(filter.at.clone(), "what comes is never so, or is ignored by the feed")
            .help(format!("put the condition right, or take `{}` away from here", feed.text)),
        None => diagnostic.help("the feed ignores all that it accepts: take the route or one `ignore` away"),
    }
}

/// What of a feed comes into a route: all that is not ignored there, and that its condition can let through. Any resource
/// comes by the types that the condition speaks of.
pub(super) fn taken(feed: &Whole, route: &Route, world: &dyn World) -> Vec<Accepted> {
    let comes = |comes: Comes| {
        let is_ignored = comes.event.is_some_and(|event| feed.ignored.iter().any(|it| it.is(event)));
        !is_ignored && comes.may_reach(route)
    };
    let parted = |accepted| match &route.filter {
        Some(filter) => narrow::parted(accepted, filter, world),
        None => vec![accepted.clone()],
    };
    let all = feed.accepted.iter().flat_map(parted);
    all.filter(|accepted| Comes::all(accepted, world).any(comes)).collect()
}

type Named<'w> = (&'w Word, &'w Signature);

fn maps<'w>(route: &'w Route, world: &'w dyn World, problems: &mut Vec<Diagnostic>) -> Vec<Named<'w>> {
    let mut maps = Vec::new();
    for name in &route.through {
        let Some((export, _)) = kept(named(name, DeclaredKind::Map, world), problems) else { continue };
        let Some(signature) = world.signature(&export.key) else { continue };
        if signature.params.len() != 1 {
            let message = format!("a route gives `{}` one message, and it takes {}", name.text, signature.params.len());
            let diagnostic = Diagnostic::new(Code::DoesNotFit, name.at.clone(), message);
            problems.push(diagnostic.help("write a map that takes the message and calls this one"));
            continue;
        }
        maps.push((name, signature));
    }
    maps
}

/// What comes that the first map does not take.
fn not_taken(name: &Word, map: &Signature, accepted: &[&Accepted], world: &dyn World) -> Option<Diagnostic> {
    let param = map.params.first().filter(|param| param.ty.kind != TyKind::Error)?;
    let others: Vec<_> = accepted.iter().filter(|it| !accept::takes(param, it, world)).collect();
    let first = others.first()?;
    let message = format!(
        "`{}` takes `{}`, and {} comes too",
        name.text,
        plain(&param.ty.kind),
        listed(others.iter().map(|it| it.shown()))
    );
    let kept = match param.ty.kind {
        TyKind::Fhir(_) => format!(". is {}", plain(&param.ty.kind)),
        _ => "MSH-9.2 == \"…\"".to_owned(),
    };
    let help = format!(
        "let the map take it, or keep it out of this route: `where {kept}`, and `{}` into another",
        first.shown()
    );
    Some(Diagnostic::new(Code::DoesNotFit, name.at.clone(), message).help(help))
}

/// What a target does not take of what the last map gives, or of what comes if there is none.
fn not_delivered(route: &Route, map: Option<&Signature>, accepted: &[&Accepted], world: &dyn World) -> Vec<Diagnostic> {
    let given: Vec<(Speech, String)> = match map {
        Some(map) if map.result.kind == TyKind::Error => return problems_of_targets(route, world),
        Some(map) => match join::speech(&map.result.kind, world) {
            Some(speech) => vec![(speech, plain(&map.result.kind))],
            None => {
                let given = plain(&map.result.kind);
                let message = format!("a route sends messages and resources, and this gives `{given}`");
                let at = route.through.last().map_or(route.name.at.clone(), |name| name.at.clone());
                return vec![
                    Diagnostic::new(Code::DoesNotFit, at, message).help("end with a map to a Bundle or a message"),
                ];
            }
        },
        None => accepted.iter().map(|it| (it.speech(), it.shown().to_owned())).collect(),
    };
    let mut problems = Vec::new();
    for name in &route.to {
        let Some((connector, takes)) = kept(target::takes(name, world), &mut problems) else { continue };
        let Some((speech, what)) = given.iter().find(|(speech, _)| !takes.is_empty() && !takes.contains(speech)) else {
            continue;
        };
        let wanted = if *speech == Speech::Fhir { "messages of HL7 v2" } else { "resources of FHIR" };
        let message = format!("`{}` goes to `{connector}`, which takes {wanted}, and gets `{what}`", name.text);
        let help = if *speech == Speech::Fhir {
            "send it to `fhir`, `http` or `file`"
        } else {
            "send it through a map to a Bundle"
        };
        problems.push(Diagnostic::new(Code::DoesNotFit, name.at.clone(), message).help(help));
    }
    problems
}

fn problems_of_targets(route: &Route, world: &dyn World) -> Vec<Diagnostic> {
    route.to.iter().filter_map(|name| target::takes(name, world).err()).map(|it| *it).collect()
}

fn settings(
    (module, route): (&str, &Route),
    accepted: Vec<&Accepted>,
    maps: &[Named],
    world: &dyn World,
) -> Vec<Diagnostic> {
    let Some(block) = &route.settings else { return Vec::new() };
    let mut problems = Vec::new();
    let given = given::of_block(block, &mut problems, |_| false);
    let told: Vec<&Told> = world.connectors().every(Part::Route).iter().collect();
    problems.extend(reply::problems((module, route), &given, &accepted, maps, world));
    let mut settings = Settings::new(world, accepted);
    settings.hold(&given, &told, "a route");
    settings.complete(&given, &told, &route.name.at, "a route");
    problems.append(&mut settings.problems);
    problems
}
