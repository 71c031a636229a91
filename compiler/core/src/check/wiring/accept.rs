//! What a feed accepts: messages of a structure or a profile, by their events, or resources of FHIR.

use super::super::typed::{Function, Key, Ty, TyKind};
use super::super::{ProfileFacts, SignatureParam, World, types};
use super::connector::Speech;
use super::narrow;
use super::reading::{self, As};
use crate::diagnostic::{Code, Diagnostic};
use crate::standard::hl7::Version;
use crate::syntax::tree::{Accept, At, Count, Expr, Type, Word};
use smol_str::SmolStr;

/// A kind of message that a feed accepts.
#[derive(Clone, Debug)]
pub(super) struct Accepted {
    /// As the feed names it: `MainAdmission`.
    pub name: SmolStr,
    pub ty: Ty,
    pub profile: Option<Key>,
    /// `ADT_A01`; none of FHIR.
    pub structures: Vec<SmolStr>,
    pub version: Version,
    pub events: Vec<Event>,
    /// Of any resource: the types that it is not, for conditions speak of them apart.
    pub except: Vec<SmolStr>,
    /// What else must be so, of each message: as it is written, and carried out.
    pub filter: Option<Expr>,
    pub holds: Option<Function>,
    pub at: At,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Event {
    pub code: SmolStr,
    pub event: SmolStr,
    /// Where it is written; the accept itself where all events of a structure are accepted.
    pub at: At,
}

impl Event {
    pub fn show(&self) -> String {
        format!("{}^{}", self.code, self.event)
    }
}

impl Accepted {
    pub fn speech(&self) -> Speech {
        if self.is_resource() { Speech::Fhir } else { Speech::V2 }
    }

    /// The type of resource that it is: `Patient`, or `Resource` for all.
    pub fn base(&self, world: &dyn World) -> Option<SmolStr> {
        let shape = world.standards().fhir.shape(self.resource()?)?;
        Some(types::base(&shape).clone())
    }

    /// What people call it: any resource that is of one type by a condition is called by that.
    pub fn shown(&self) -> &str {
        match self.resource() {
            Some(key) if self.name == ANY_RESOURCE => key,
            _ => &self.name,
        }
    }

    pub fn is_resource(&self) -> bool {
        self.resource().is_some()
    }

    /// The type or profile of FHIR that it is.
    pub fn resource(&self) -> Option<&SmolStr> {
        match &self.ty.kind {
            TyKind::Fhir(key) => Some(key),
            _ => None,
        }
    }
}

/// What accepts all types of resources.
pub(super) const ANY_RESOURCE: &str = "Resource";

/// What a line of a feed accepts, its events known, and what is wrong with it: any resource by the types that its condition
/// speaks of. Nothing where its type is none that a feed could accept.
pub(super) fn accepted(accept: &Accept, world: &dyn World, problems: &mut Vec<Diagnostic>) -> Vec<Accepted> {
    let Some(mut whole) = whole(accept, world, problems) else { return Vec::new() };
    whole.filter = accept.filter.clone();
    let Some(filter) = &accept.filter else { return vec![whole] };
    let mut parts = narrow::parted(&whole, filter, world);
    parts.iter_mut().for_each(|part| part.holds = Some(reading::condition(filter, part, world)));
    let all: Vec<&Accepted> = parts.iter().collect();
    problems.extend(reading::problems(filter, As::Condition, &all, world));
    parts
}

fn whole(accept: &Accept, world: &dyn World, problems: &mut Vec<Diagnostic>) -> Option<Accepted> {
    let written = Type { name: accept.ty.clone(), references: Vec::new(), count: Count::One, at: accept.ty.at.clone() };
    let (ty, profile) = types::param(&written, world, problems);
    let (version, structures) = match &ty.kind {
        TyKind::Structure(version, key) => (*version, structures(key, profile.as_ref(), world)),
        TyKind::Fhir(key) if is_resource(key, world) => (Version::Union, Vec::new()),
        TyKind::Error => return None,
        other => {
            let message = format!("a feed accepts whole messages, and `{}` is none", types::show_kind(other));
            let diagnostic = Diagnostic::new(Code::WrongKind, accept.ty.at.clone(), message);
            problems.push(diagnostic.help("name a structure such as `ADT_A01`, a profile, or a resource of FHIR"));
            return None;
        }
    };
    let events = events(accept, version, &structures, world, problems);
    let (name, at) = (accept.ty.text.clone(), accept.at.clone());
    Some(Accepted { name, ty, profile, structures, version, events, except: Vec::new(), filter: None, holds: None, at })
}

fn structures(key: &SmolStr, profile: Option<&Key>, world: &dyn World) -> Vec<SmolStr> {
    let facts = profile.and_then(|profile| world.profile(profile));
    facts.map_or_else(|| vec![key.clone()], |facts| facts.of.clone())
}

fn is_resource(key: &str, world: &dyn World) -> bool {
    let shape = world.standards().fhir.shape(key);
    shape.is_some_and(|shape| shape.kind == crate::standard::shape::Kind::Resource)
}

fn events(
    accept: &Accept,
    version: Version,
    structures: &[SmolStr],
    world: &dyn World,
    problems: &mut Vec<Diagnostic>,
) -> Vec<Event> {
    let hl7 = &world.standards().hl7;
    if accept.events.is_empty() {
        let all = hl7.events_of(version, structures).into_iter().map(|(code, event, _)| (code, event));
        let declared = structures.iter().filter(|it| world.standards().local.contains_key(it.as_str()));
        let declared = declared.filter_map(|it| it.split_once('_')).map(|(code, event)| (code.into(), event.into()));
        return all.chain(declared).map(|(code, event)| Event { code, event, at: accept.at.clone() }).collect();
    }
    let mut found = Vec::new();
    for word in &accept.events {
        let Some(event) = event(word) else { continue };
        let structure = hl7.structure_of(version, &event.code, &event.event);
        let structure = structure.or_else(|| hl7.structure_of(Version::Union, &event.code, &event.event));
        // A structure that the project declares has no event in HL7's list.
        let own = format!("{}_{}", event.code, event.event);
        let structure = structure.or_else(|| structures.iter().find(|it| **it == own).map(SmolStr::as_str));
        let message = match structure {
            Some(structure) if structures.iter().any(|it| it == structure) => {
                found.push(event);
                continue;
            }
            Some(structure) => {
                let of = super::listed(structures.iter().map(SmolStr::as_str));
                format!("`{}` is a message of `{structure}`, and `{}` is of {of}", word.text, accept.ty.text)
            }
            None if structures.is_empty() => format!("`{}` is no event of FHIR", word.text),
            None => format!("HL7 v2 has no event `{}`", word.text),
        };
        let diagnostic = Diagnostic::new(Code::UnknownEvent, word.at.clone(), message);
        let known: Vec<_> =
            hl7.events_of(version, structures).into_iter().map(|(code, event, _)| format!("{code}^{event}")).collect();
        problems.push(match super::nearest(&word.text, known.iter().map(String::as_str)) {
            Some(near) => diagnostic.help(format!("did you mean `{near}`?")),
            None => diagnostic.help("an event is written as MSH-9 has it: `ADT^A01`"),
        });
    }
    found
}

/// `ADT^A01`, also with the structure behind it.
pub(super) fn event(word: &Word) -> Option<Event> {
    let mut parts = word.text.split('^');
    let (code, event) = (parts.next()?, parts.next()?);
    Some(Event { code: code.into(), event: event.into(), at: word.at.clone() })
}

/// Whether a map's parameter takes what is accepted.
pub(super) fn takes(param: &SignatureParam, accepted: &Accepted, world: &dyn World) -> bool {
    match (&param.ty.kind, &accepted.ty.kind) {
        (TyKind::Fhir(wanted), TyKind::Fhir(given)) => is_a(given, wanted, world),
        (TyKind::Structure(version, wanted), TyKind::Structure(..)) => match &param.profile {
            Some(profile) if Some(profile) == accepted.profile.as_ref() => true,
            Some(profile) => asks_no_more(profile, accepted, world),
            None => *version == Version::Union && accepted.structures.iter().all(|structure| structure == wanted),
        },
        _ => false,
    }
}

/// Whether what is of one type or profile of FHIR is of the other too: of that itself, of a profile of it, or of any.
pub(super) fn is_a(given: &str, wanted: &str, world: &dyn World) -> bool {
    let shape = world.standards().fhir.shape(given);
    wanted == given || wanted == ANY_RESOURCE || shape.is_some_and(|shape| types::base(&shape) == wanted)
}

/// Whether all that a profile promises to its maps is true of what is accepted.
fn asks_no_more(profile: &Key, accepted: &Accepted, world: &dyn World) -> bool {
    let given = accepted.profile.as_ref().and_then(|profile| world.profile(profile));
    promises(profile, &accepted.structures, accepted.version, given, world)
}

/// Whether all that a profile promises is true of messages of these structures, which are held to another profile or to
/// none.
pub(super) fn promises(
    profile: &Key,
    structures: &[SmolStr],
    version: Version,
    given: Option<&ProfileFacts>,
    world: &dyn World,
) -> bool {
    let Some(wanted) = world.profile(profile) else { return false };
    let structures = structures.iter().all(|it| wanted.of.contains(it));
    let version = wanted.version == Version::Union || wanted.version == version;
    let promises = wanted.present.is_empty() && wanted.forbidden.is_empty() && wanted.narrowed.is_empty();
    let kept = given.is_some_and(|given| {
        wanted.present.is_subset(&given.present)
            && wanted.forbidden.is_subset(&given.forbidden)
            && wanted.narrowed.iter().all(|(path, narrowed)| given.narrowed.get(path) == Some(narrowed))
    });
    structures && version && (promises || kept)
}
