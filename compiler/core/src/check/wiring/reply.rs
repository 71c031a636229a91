//! `reply`: what the target says, as the caller gets it. It takes a caller who waits, a target that says something, and a
//! map from the one to what the other understands.

use super::super::typed::TyKind;
use super::super::{Signature, SignatureParam, World};
use super::accept::{self, Accepted};
use super::connector::{Speech, TELLS};
use super::feed::{self, Whole};
use super::given::{self, Given};
use super::join::{self, plain};
use super::kind::{Fixed, fixed};
use super::narrow::Comes;
use super::{listed, name_of, named, target};
use crate::diagnostic::{Code, Diagnostic};
use crate::resolve::DeclaredKind;
use crate::syntax::tree::{At, Expr, Route, Word};
use smol_str::{SmolStr, format_smolstr};

/// The setting itself.
pub(super) const REPLY: &str = "reply";

/// What stands in the way of a route's reply.
pub(super) fn problems(
    (module, route): (&str, &Route),
    given: &[Given],
    accepted: &[&Accepted],
    maps: &[(&Word, &Signature)],
    world: &dyn World,
) -> Vec<Diagnostic> {
    let Some(setting) = given.iter().find(|setting| setting.name.text == REPLY) else { return Vec::new() };
    let mut problems = Vec::new();
    problems.extend(route.from.iter().filter_map(|name| nobody_waits(name, &setting.at, world)));
    problems.extend(beside(given));
    if let Some((name, _)) = maps.iter().find(|(_, map)| map.result.is_list()) {
        let message = format!("`{}` makes several messages of one, and a reply answers one", name.text);
        problems.push(wrong(&name.at, message).help("make one of it"));
    }
    problems.extend(twice(module, route, &setting.at, world));
    let [to] = route.to.as_slice() else {
        let message = "a reply is what one target says, and this route has several".to_owned();
        problems.push(wrong(&setting.at, message).help("send what the others get by a route of its own"));
        return problems;
    };
    let map = setting.values.first().and_then(name_of);
    let Some((map, signature)) = map.and_then(|name| {
        let (export, _) = named(&name, DeclaredKind::Map, world).ok()?;
        Some((name, world.signature(&export.key)?))
    }) else {
        return problems;
    };
    let said = target::says(to, world);
    problems.extend(not_taken(&map, signature, to, &said, accepted, world));
    problems.extend(route.from.iter().find_map(|feed| not_understood(&map, signature, feed, accepted, world)));
    problems
}

fn wrong(at: &At, message: String) -> Diagnostic {
    Diagnostic::new(Code::NoReply, at.clone(), message)
}

/// A feed whose callers have gone by then, or were never there.
fn nobody_waits(name: &Word, at: &At, world: &dyn World) -> Option<Diagnostic> {
    let whole = feed::by_name(name, world).ok()?;
    let connector = whole.connector.as_ref()?;
    if world.connectors().words(&connector.text, TELLS).is_empty() {
        let message = format!("`{}` comes from `{}`, and nobody waits there for a reply", name.text, connector.text);
        return Some(wrong(at, message).help("take what is to be answered from `mllp`, `http` or `fhir`"));
    }
    if !is_set(&whole, "answer", "delivered", world) {
        let message = format!("`{}` answers before its targets do, and this is to be its answer", name.text);
        return Some(wrong(at, message).help(format!("set `answer: \"delivered\"` in `{}`", name.text)));
    }
    let unwraps = whole.settings.iter().any(|(given, _)| given.name.text == "unwrap");
    unwraps.then(|| {
        let message = format!("`{}` answers a batch as a whole, and a reply is to one message", name.text);
        wrong(at, message).help(format!("take `unwrap` out of `{}`", name.text))
    })
}

fn is_set(whole: &Whole, name: &str, word: &str, world: &dyn World) -> bool {
    let values =
        whole.settings.iter().filter(|(given, _)| given.name.text == name).flat_map(|(given, _)| &given.values);
    let is_word = |value: &Expr| match fixed(value, world) {
        Some(Fixed::Texts(texts)) => texts.iter().all(|text| text == word),
        _ => false,
    };
    values.into_iter().any(is_word)
}

/// What a route says beside it that leaves a caller without a reply.
fn beside(given: &[Given]) -> Option<Diagnostic> {
    let on_reject = given.iter().find(|setting| setting.name.text == "on_reject")?;
    let holds = |value: &Expr| name_of(value).is_some_and(|word| word.text != "ack_error");
    on_reject.values.iter().any(holds).then(|| {
        let message = "what a map rejects would be answered as if all were well, and without a reply".to_owned();
        wrong(&on_reject.at, message).help("leave `on_reject` out: the caller is told what is wrong")
    })
}

/// Another route that replies to the same.
fn twice(module: &str, route: &Route, at: &At, world: &dyn World) -> Option<Diagnostic> {
    let is_own = |other: &(SmolStr, Route)| other.0 == module && other.1.name.text == route.name.text;
    let mut first = world.routes().iter().take_while(|other| !is_own(other)).filter(|(_, other)| replies(other));
    let feeds = route.from.iter().filter_map(|name| {
        let (export, _) = named(name, DeclaredKind::Feed, world).ok()?;
        Some((name, export.key, feed::by_name(name, world).ok()?))
    });
    let feeds: Vec<_> = feeds.collect();
    first.find_map(|(beside, other)| {
        let (name, ..) = feeds.iter().find(|(_, key, whole)| {
            feed::reads(beside, &other.from, key, world)
                && whole.accepted.iter().any(|accepted| both(route, other, accepted, world))
        })?;
        let message = format!("`{}` replies to what comes from `{}` already", other.name.text, name.text);
        Some(wrong(at, message).help("a caller gets one reply: say in the routes' `where` which is for what"))
    })
}

/// Whether two routes both take something of what is accepted, for sure.
fn both(route: &Route, other: &Route, accepted: &Accepted, world: &dyn World) -> bool {
    Comes::all(accepted, world).any(|comes| comes.reaches(route) && comes.reaches(other))
}

fn replies(route: &Route) -> bool {
    let given = route.settings.as_ref().map(|block| given::of_block(block, &mut Vec::new(), |_| false));
    given.is_some_and(|given| given.iter().any(|setting| setting.name.text == REPLY))
}

/// The map of a reply takes what the target says, and may take what it was asked as well.
fn not_taken(
    name: &Word,
    map: &Signature,
    to: &Word,
    said: &[Speech],
    accepted: &[&Accepted],
    world: &dyn World,
) -> Option<Diagnostic> {
    if said.is_empty() {
        let message = format!("`{}` says nothing of which a reply could be made", to.text);
        return Some(wrong(&to.at, message).help("ask `mllp`, `fhir` or `http`"));
    }
    let (answer, asked) = match map.params.as_slice() {
        [answer] => (answer, None),
        [first, second] => {
            let asks = |param: &SignatureParam| accepted.iter().all(|it| speech(param) == Some(it.speech()));
            match (asks(first), asks(second)) {
                (true, false) => (second, Some(first)),
                (false, true) => (first, Some(second)),
                _ => {
                    return Some(takes(
                        name,
                        "take two of which one is a message of HL7 v2 and the other a resource, or the answer alone",
                    ));
                }
            }
        }
        _ => return Some(takes(name, "take what the target says, and perhaps what it was asked")),
    };
    if [Some(answer), asked].into_iter().flatten().any(|param| param.ty.kind == TyKind::Error) {
        return None;
    }
    if !speech(answer).is_some_and(|speech| said.contains(&speech)) {
        let message = format!("`{}` takes `{}`, which `{}` does not say", name.text, plain(&answer.ty.kind), to.text);
        let says: Vec<_> = said.iter().map(|speech| what(*speech)).collect();
        return Some(wrong(&name.at, message).help(format!("it says {}", says.join(" or "))));
    }
    let asked = asked?;
    let others: Vec<_> = accepted.iter().filter(|it| !accept::takes(asked, it, world)).collect();
    (!others.is_empty()).then(|| {
        let others = listed(others.iter().map(|it| it.shown()));
        let message = format!("`{}` takes `{}`, and {others} is asked too", name.text, plain(&asked.ty.kind));
        wrong(&name.at, message).help("let it take what the route takes")
    })
}

fn takes(name: &Word, help: &str) -> Diagnostic {
    wrong(&name.at, format!("`{}` does not take what a reply is made of", name.text)).help(help)
}

/// A message is answered by a message, a resource by a resource, and no caller understands anything else.
fn not_understood(
    name: &Word,
    map: &Signature,
    feed: &Word,
    accepted: &[&Accepted],
    world: &dyn World,
) -> Option<Diagnostic> {
    let given = match &map.result.kind {
        TyKind::Error => return None,
        _ if map.result.is_list() => None,
        kind => join::speech(kind, world),
    };
    let wanted = accepted.iter().map(|it| it.speech()).find(|wanted| given != Some(*wanted))?;
    let message = format!(
        "`{}` gives `{}`, and who calls `{}` reads {}",
        name.text,
        plain(&map.result.kind),
        feed.text,
        what(wanted)
    );
    Some(wrong(&name.at, message).help(format_smolstr!("give {}", what(wanted))))
}

fn what(speech: Speech) -> &'static str {
    match speech {
        Speech::V2 => "a message of HL7 v2",
        Speech::Fhir => "a resource of FHIR",
    }
}

fn speech(param: &SignatureParam) -> Option<Speech> {
    match &param.ty.kind {
        TyKind::Structure(..) => Some(Speech::V2),
        TyKind::Fhir(_) if !param.ty.is_list() => Some(Speech::Fhir),
        _ => None,
    }
}
