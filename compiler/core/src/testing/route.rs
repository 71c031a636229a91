//! What a route does with a message of a test, but for its maps.

use crate::check::typed::{Function, Key};
use crate::check::wiring;
use crate::json::Json;
use crate::plan::Plan;
use crate::plan::interpret::{self, Settings};
use crate::select::MessageType;
use crate::standard::Standards;
use emr_message::Message;
use smol_str::SmolStr;

/// A route, ready to take messages.
pub struct Routed {
    /// What its feeds accept, in their order.
    pub comes: Vec<Comes>,
    /// The keys of its maps, one after the other; none passes the same bytes.
    pub through: Vec<Key>,
    /// The names of its targets.
    pub to: Vec<SmolStr>,
}

/// A line of a feed that accepts something.
pub struct Comes {
    /// `Patient`, or `Resource` for all.
    resource: Option<SmolStr>,
    /// Types that come by other lines.
    except: Vec<SmolStr>,
    structures: Vec<SmolStr>,
    events: Vec<(SmolStr, SmolStr)>,
    /// Whether the feed accepts the message here.
    accepts: Option<Plan>,
    /// Whether the route takes it.
    takes: Option<Plan>,
    /// By which texts it is known where it need not go out again.
    known_by: Option<Plan>,
}

/// What becomes of what came at a route.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Taken {
    /// No feed of the route accepts it.
    Refused,
    /// The route leaves it to others.
    Left,
    /// With what it is known by, if the route leaves out what it has seen.
    Taken(Option<Vec<u8>>),
}

impl Comes {
    pub fn of(comes: &wiring::Comes, plan: impl Fn(&Function) -> Plan) -> Comes {
        Comes {
            resource: comes.resource.clone(),
            except: comes.except.clone(),
            structures: comes.structures.clone(),
            events: comes.events.clone(),
            accepts: comes.accepts.as_ref().map(&plan),
            takes: comes.takes.as_ref().map(&plan),
            known_by: comes.known_by.as_ref().map(&plan),
        }
    }

    fn is_of(&self, came: Came, standards: &Standards) -> bool {
        match came {
            Came::Message(message) => {
                let said = MessageType::of(message);
                let event = (said.code.clone(), said.event.clone());
                let structure = said.structure(standards);
                self.structures.contains(&structure) && (self.events.is_empty() || self.events.contains(&event))
            }
            Came::Resource(resource) => {
                let own = resource.resource_type().unwrap_or_default();
                let is_apart = self.except.iter().any(|it| it == own);
                self.resource.as_deref().is_some_and(|wanted| wanted == own || wanted == "Resource" && !is_apart)
            }
        }
    }
}

/// What a test sends.
#[derive(Clone, Copy)]
pub enum Came<'a> {
    Message(&'a Message),
    Resource(&'a Json),
}

impl Routed {
    /// The first line that accepts a message decides.
    pub fn takes(&self, came: Came, standards: &Standards, settings: &Settings) -> Taken {
        let holds = |plan: &Option<Plan>| plan.as_ref().is_none_or(|plan| written(plan, came, settings) == b"true");
        let comes = self.comes.iter().find(|it| it.is_of(came, standards) && holds(&it.accepts));
        match comes {
            None => Taken::Refused,
            Some(comes) if !holds(&comes.takes) => Taken::Left,
            Some(comes) => Taken::Taken(comes.known_by.as_ref().map(|plan| written(plan, came, settings))),
        }
    }
}

/// What a plan of a value writes; nothing where it refuses what came.
fn written(plan: &Plan, came: Came, settings: &Settings) -> Vec<u8> {
    let outcome = match came {
        Came::Message(message) => Some(interpret::run(plan, message, settings)),
        Came::Resource(resource) => interpret::run_resource(plan, resource, settings),
    };
    outcome.and_then(|outcome| outcome.result.ok()).unwrap_or_default()
}
