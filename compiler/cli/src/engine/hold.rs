//! Holds what maps make for a receiver to the profile of what that takes.

use std::collections::BTreeSet;
use std::sync::Arc;

use emr_compiler::plan;
use emr_message::Receipt;

use super::{Engine, Kept, Outcome, Ready, Settings, Told};
use crate::world::Shared;

/// What holds what maps make to the profiles that they give, each once.
pub fn holders(maps: &[Ready], shared: &Arc<Shared>) -> Vec<Ready> {
    let names: BTreeSet<&String> = maps.iter().filter_map(|map| map.holds.as_ref()).collect();
    names.into_iter().map(|name| Ready::holder(shared, name)).collect()
}

impl Engine {
    /// Says where what was made does not keep to the profile that the map gives.
    pub(super) fn hold(
        &self,
        settings: &Settings,
        kept: &mut Kept,
        map: &Ready,
        (made, receipt): (Option<&[u8]>, &Receipt),
        outcome: &mut Outcome,
    ) {
        let number = self.holders.iter().position(|holder| Some(&holder.name) == map.holds.as_ref());
        let holder = number.and_then(|number| Some((number, self.holders.get(number)?)));
        let (Some((number, holder)), Some(made), None) = (holder, made, &outcome.rejected) else { return };
        for part in outcome.form.parts(made.to_vec()) {
            let mut unused = Vec::new();
            let machine = self.machine(settings, (&mut kept.holding, number), holder, part.len(), receipt);
            let held = match machine.and_then(|machine| holder.compiled(machine.run(&part), &mut unused)) {
                Some(held) => held.ok(),
                None => {
                    let message = settings.read(&part).ok();
                    message.map(|message| holder.interpreted(&message, (settings, receipt), &mut unused))
                }
            };
            outcome.issues.extend(held.into_iter().flat_map(|held| held.issues).map(of_made));
        }
    }
}

/// What is said of a message that was made.
pub(super) fn of_made(told: Told) -> Told {
    Told { text: plan::of_made(&told.text), ..told }
}

/// Whether it was said already of what `a` of `a then b` makes: the profile that it gives is often the one that `b` takes, and
/// gives again.
pub(super) fn is_said(told: &Told, before: &[Told]) -> bool {
    let is_same = |held: &Told| (&held.code, &held.place, &held.rule) == (&told.code, &told.place, &told.rule);
    before.iter().any(|held| is_same(held) && (held.text == told.text || held.text == plan::of_made(&told.text)))
}
