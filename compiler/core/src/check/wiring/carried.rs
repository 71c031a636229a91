//! What a route does with a message, as functions of the message: which it takes, and what it knows it by.

use super::super::World;
use super::super::typed::{Function, Key};
use super::accept::Accepted;
use super::feed::{self, Whole};
use super::narrow;
use super::reading;
use super::{given, named};
use crate::resolve::DeclaredKind;
use crate::syntax::tree::{Expr, ExprKind, Route};
use smol_str::SmolStr;

/// A route as it is carried out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Carried {
    /// What its feeds accept, in their order.
    pub comes: Vec<Comes>,
    /// The keys of its maps, one after the other; none passes the same bytes.
    pub through: Vec<Key>,
    /// The names of its targets.
    pub to: Vec<SmolStr>,
}

/// A line of a feed that accepts something.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Comes {
    /// The type of resource of FHIR that it is: `Patient`, or `Resource` for all.
    pub resource: Option<SmolStr>,
    /// Of all types of resources: those that come by other lines.
    pub except: Vec<SmolStr>,
    /// `ADT_A01`; none of FHIR.
    pub structures: Vec<SmolStr>,
    /// `ADT` and `A04`.
    pub events: Vec<(SmolStr, SmolStr)>,
    /// Whether the feed accepts the message here, where it asks.
    pub accepts: Option<Function>,
    /// Whether the route takes it, where it asks.
    pub takes: Option<Function>,
    /// Texts by which a message is known that need not go out again.
    pub known_by: Option<Function>,
}

/// What a route that is sound does.
pub fn carried(route: &Route, world: &dyn World) -> Carried {
    let mut comes = Vec::new();
    for name in &route.from {
        let Ok(Whole { accepted, .. }) = feed::by_name(name, world) else { continue };
        let parted = |accepted| match &route.filter {
            Some(filter) => narrow::parted(accepted, filter, world),
            None => vec![accepted.clone()],
        };
        comes.extend(accepted.iter().flat_map(parted).map(|accepted| come(route, &accepted, world)));
    }
    let map = |name| named(name, DeclaredKind::Map, world).ok().map(|(export, _)| export.key);
    Carried {
        comes,
        through: route.through.iter().filter_map(map).collect(),
        to: route.to.iter().map(|name| name.text.clone()).collect(),
    }
}

fn come(route: &Route, accepted: &Accepted, world: &dyn World) -> Comes {
    let keys = keys(route);
    Comes {
        resource: accepted.base(world),
        except: accepted.except.clone(),
        structures: accepted.structures.clone(),
        events: accepted.events.iter().map(|event| (event.code.clone(), event.event.clone())).collect(),
        accepts: accepted.holds.clone(),
        takes: route.filter.as_ref().map(|filter| reading::condition(filter, accepted, world)),
        known_by: (!keys.is_empty()).then(|| reading::texts(&keys, accepted, world)),
    }
}

/// `unless_seen: { keys: (OBR-3, OBX-3), within: 3d }`
fn keys(route: &Route) -> Vec<Expr> {
    let of_block = |block| given::of_block(block, &mut Vec::new(), |_| false);
    let settings = route.settings.as_ref().map(of_block).unwrap_or_default();
    let Some(unless_seen) = settings.into_iter().find(|setting| setting.name.text == "unless_seen") else {
        return Vec::new();
    };
    let mut keys = Vec::new();
    for value in &unless_seen.values {
        let ExprKind::Block(block) = &*value.kind else { continue };
        for setting in of_block(block).into_iter().filter(|setting| setting.name.text == "keys") {
            keys.extend(setting.values.iter().flat_map(given::items).cloned());
        }
    }
    keys
}
