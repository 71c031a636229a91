//! Messages and resources that exercise a map: what its plan asks of them says which values they have, and what each of
//! them exercises says which of them are worth keeping.

mod asks;
mod resource;
mod sample;
mod write;

use crate::check::typed::TyKind;
use crate::check::types;
use crate::coverage::Coverage;
use crate::db::{self, Database, Project};
use crate::plan::Plan;
use crate::plan::interpret::{Explained, Settings, explain, explain_resource};
use crate::{json, validate};
use emr_message::Message;
use std::collections::BTreeSet;
use write::Writer;

/// After so many messages that exercise nothing new none is looked for.
const BARREN_MAX: u64 = 90;
/// And after so many in all.
const TRIED_MAX: u64 = 4_000;

/// Messages or resources, and what they exercise.
pub struct Generated {
    /// Those that exercise most come first.
    pub messages: Vec<String>,
    pub coverage: Coverage,
    /// What those exercise that the map does not reject.
    pub passing: Coverage,
    /// How many the map rejects.
    pub rejected: usize,
    /// They are resources of FHIR.
    pub of_fhir: bool,
}

/// Something of a plan that a message may exercise, and the number of its rule.
type Feature = (Exercise, usize);

/// What a message that is rejected exercises is worth less: another that is mapped is looked for too.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Exercise {
    Carried,
    CarriedWhereMapped,
    Written,
}

struct Tried {
    message: String,
    explained: Explained,
    features: BTreeSet<Feature>,
}

/// As many messages as are asked for, or as many as exercise something that the others do not. Nothing if there is no such
/// map, or if it takes neither a message nor a resource.
pub fn generate(
    db: &Database,
    project: Project,
    map: &str,
    (count, seed): (Option<usize>, u64),
    settings: &Settings,
) -> Option<Generated> {
    let plan = db::covered_plan(db, project, map.to_owned()).clone()?;
    let function = db::function(db, project, map)?;
    let [param] = function.params.as_slice() else { return None };
    let asks = asks::asks(&plan);
    let standards = db::standards(db, project);
    let chosen = match &param.ty.kind {
        TyKind::Structure(version, key) => {
            let facts = db::profile_of(db, project, key);
            let version = facts.map_or(*version, |facts| facts.version);
            let structures = db::takes(db, project, function);
            let writer = Writer::new(&plan.grammar, &asks.message, standards, (&structures, version), facts, seed);
            chosen(count, &|number| tried(&plan, key, writer.message(number), settings))
        }
        TyKind::Fhir(key) if !db::takes(db, project, function).is_empty() => {
            let shape = standards.shape(key)?;
            let profile: Vec<&str> = if types::base(&shape) == key { Vec::new() } else { vec![key.as_str()] };
            let writer = resource::Writer { shape: &shape, asks: &asks.resource, fhir: &standards.fhir, seed };
            chosen(count, &|number| {
                let text = writer.resource(number);
                let is_sound = validate::resource(&text, &standards.fhir, &profile).is_empty();
                let explained = explain_resource(&plan, &json::read(&text)?, settings).filter(|_| is_sound)?;
                Some(Tried::of(text, explained))
            })
        }
        _ => return None,
    };
    let (mut coverage, mut passing) = (Coverage::default(), Coverage::default());
    chosen.iter().for_each(|tried| coverage.add(&plan, &tried.explained));
    let mapped = || chosen.iter().filter(|tried| is_mapped(&tried.explained));
    mapped().for_each(|tried| passing.add(&plan, &tried.explained));
    let rejected = chosen.len() - mapped().count();
    let of_fhir = matches!(param.ty.kind, TyKind::Fhir(_));
    let messages = chosen.into_iter().map(|tried| tried.message).collect();
    Some(Generated { messages, coverage, passing, rejected, of_fhir })
}

/// Those of all that can be tried, by their number, which exercise something that the others do not, and more if more are
/// asked for.
fn chosen(count: Option<usize>, tried: &dyn Fn(u64) -> Option<Tried>) -> Vec<Tried> {
    let (mut kept, mut seen, mut barren, mut number) = (Vec::new(), BTreeSet::new(), 0, 0);
    let mut others = Vec::new();
    while number < TRIED_MAX && barren < BARREN_MAX {
        let tried = tried(number);
        number += 1;
        let Some(tried) = tried else { continue };
        let before = seen.len();
        seen.extend(tried.features.iter().copied());
        if seen.len() > before {
            barren = 0;
            kept.push(tried);
        } else {
            barren += 1;
            if count.is_some_and(|count| others.len() < count) {
                others.push(tried);
            }
        }
    }
    let mut chosen = best_first(kept);
    chosen.extend(others);
    if let Some(count) = count {
        while chosen.len() < count && number < TRIED_MAX * 8 {
            chosen.extend(tried(number));
            number += 1;
        }
        chosen.truncate(count);
    }
    chosen
}

impl Tried {
    fn of(message: String, explained: Explained) -> Tried {
        let is_mapped = is_mapped(&explained);
        let carried = explained.carried.iter().enumerate().filter(|(_, times)| **times > 0);
        let carried = carried.flat_map(|(rule, _)| {
            let where_mapped = is_mapped.then_some((Exercise::CarriedWhereMapped, rule));
            [(Exercise::Carried, rule)].into_iter().chain(where_mapped)
        });
        let rules = explained.values.iter().flat_map(|value| &value.rules);
        let written = rules.filter_map(|rule| Some((Exercise::Written, usize::try_from(*rule).ok()?)));
        let features = carried.chain(written).collect();
        Tried { message, explained, features }
    }
}

fn is_mapped(explained: &Explained) -> bool {
    explained.outcome.result.is_ok()
}

/// What a message exercises; nothing for one that does not keep to the profile.
fn tried(plan: &Plan, profile: &str, text: String, settings: &Settings) -> Option<Tried> {
    let message = Message::read(text.as_bytes(), &emr_message::Settings::default()).ok()?;
    let explained = explain(plan, &message, settings);
    let of_profile = |rule: u32| plan.rules.get(rule as usize).is_some_and(|rule| rule.function == profile);
    if explained.outcome.issues.iter().filter_map(|issue| issue.rule).any(of_profile) {
        return None;
    }
    Some(Tried::of(text, explained))
}

/// Each time the one that exercises most of what those before do not; one that adds nothing is left out.
fn best_first(mut all: Vec<Tried>) -> Vec<Tried> {
    let (mut chosen, mut seen): (Vec<Tried>, BTreeSet<Feature>) = (Vec::new(), BTreeSet::new());
    loop {
        let news = |tried: &Tried| tried.features.difference(&seen).count();
        let best = all.iter().enumerate().map(|(index, tried)| (news(tried), std::cmp::Reverse(index))).max();
        let Some((1.., std::cmp::Reverse(index))) = best else { return chosen };
        let tried = all.remove(index);
        seen.extend(tried.features.iter().copied());
        chosen.push(tried);
    }
}
