//! Maps and routes as they are run.

use super::{Item, Project, View, extensions, function, is_sound, item, parsed, profile, reached};
use crate::account::{self, Reads};
use crate::check::typed::{Function, Key, TyKind};
use crate::check::{self, wiring};
use crate::plan::{MADE, Plan, passes};
use crate::standard::built;
use crate::syntax::tree::Declaration;
use crate::{lower, testing};
use rustc_hash::FxHashSet;
use std::sync::Arc;

/// The plan of a map as it is run, by its key; nothing if there is no such map, or something that it uses is not sound.
#[salsa::tracked]
pub fn plan(db: &dyn salsa::Database, project: Project, key: String) -> Option<Arc<Plan>> {
    plain_plan(db, project, key).as_deref().map(|plan| Arc::new(passes::run(plan.clone())))
}

/// The same as the text has it, before any pass makes it faster.
#[salsa::tracked]
pub fn plain_plan(db: &dyn salsa::Database, project: Project, key: String) -> Option<Arc<Plan>> {
    sound_entry(db, project, &key).map(|(entry, view)| Arc::new(lower::map(entry, &view)))
}

/// Whether a map has a plan, without making it.
pub fn runs(db: &dyn salsa::Database, project: Project, key: &str) -> bool {
    sound_entry(db, project, key).is_some()
}

/// The same plan, which also tells where each written value comes from.
#[salsa::tracked]
pub fn traced_plan(db: &dyn salsa::Database, project: Project, key: String) -> Option<Arc<Plan>> {
    sound_entry(db, project, &key).map(|(entry, view)| Arc::new(lower::traced(entry, &view)))
}

/// The same plan, which tells all the rules on the way to each value: for the interpreter alone.
#[salsa::tracked]
pub fn explained_plan(db: &dyn salsa::Database, project: Project, key: String) -> Option<Arc<Plan>> {
    sound_entry(db, project, &key).map(|(entry, view)| Arc::new(lower::explained(entry, &view)))
}

/// The same plan, which also counts which alternatives are taken: for the interpreter alone.
#[salsa::tracked]
pub fn covered_plan(db: &dyn salsa::Database, project: Project, key: String) -> Option<Arc<Plan>> {
    sound_entry(db, project, &key).map(|(entry, view)| Arc::new(lower::covered(entry, &view)))
}

/// What a map reads of a message, and what it leaves on purpose.
#[salsa::tracked]
pub fn reads(db: &dyn salsa::Database, project: Project, key: String) -> Option<Arc<Reads>> {
    let (plan, reasons) = sound_entry(db, project, &key).map(|(entry, view)| lower::accounted(entry, &view))?;
    Some(Arc::new(account::reads(&plan, reasons)))
}

/// A map that is sound, and so is all that it uses.
fn sound_entry<'db>(
    db: &'db dyn salsa::Database,
    project: Project,
    key: &str,
) -> Option<(&'db Arc<Function>, View<'db>)> {
    if let Some(profile) = key.strip_prefix(MADE) {
        let view = View::new(db, project, item(db, project, profile)?.file(db));
        return Some((holder(db, project, profile.to_owned()).as_ref()?, view));
    }
    let entry = function(db, project, key)?;
    let reached = reached(db, project, entry);
    let sound = |&item: &Item<'db>| *is_sound(db, project, item);
    let fine = |key: &Key| {
        let mut extensions = extensions(db, project).get(key.as_str()).into_iter().flatten();
        item(db, project, key).as_ref().is_some_and(sound) && extensions.all(sound)
    };
    let view = View::new(db, project, item(db, project, key)?.file(db));
    reached.iter().all(fine).then_some((entry, view))
}

/// What holds messages that are made to a profile, by the key of that.
#[salsa::tracked]
fn holder(db: &dyn salsa::Database, project: Project, key: String) -> Option<Arc<Function>> {
    let item = item(db, project, &key).filter(|item| *is_sound(db, project, *item))?;
    check::held(profile(db, project, item).as_ref()?).map(Arc::new)
}

/// The key of the map that says where what a map makes does not keep to the profile that this gives.
pub fn holds(db: &dyn salsa::Database, project: Project, map: &Function) -> Option<String> {
    let TyKind::Fhir(key) = &map.result.kind else { return None };
    let holder = holder(db, project, built::name(key)?.to_owned()).as_ref()?;
    Some(holder.key.to_string())
}

/// What a route does with a message, by its key; nothing if there is no such route.
pub fn routed(db: &dyn salsa::Database, project: Project, key: &str) -> Option<testing::Routed> {
    let item = item(db, project, key)?;
    let Declaration::Route(route) = &parsed(db, item).item.as_ref()?.declaration else { return None };
    let view = View::new(db, project, item.file(db));
    let carried = wiring::carried(route, &view);
    let plan = |function: &Function| lower::map(function, &view);
    Some(testing::Routed {
        comes: carried.comes.iter().map(|comes| testing::Comes::of(comes, plan)).collect(),
        through: carried.through,
        to: carried.to,
    })
}

/// The keys of a map and of all that it uses; nothing if there is no such map.
pub fn used_by(db: &dyn salsa::Database, project: Project, key: &str) -> FxHashSet<Key> {
    function(db, project, key).map(|entry| reached(db, project, entry)).unwrap_or_default()
}
