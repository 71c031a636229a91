//! What of an output a change of what came has changed, of what does not name the place that was changed.

use std::collections::BTreeMap;

use emr_compiler::plan::interpret::{Explained, Places};

/// Values by their paths without numbers, with how often each is there.
type Values = BTreeMap<(String, Vec<u8>), usize>;

/// The paths of the values that only one of both outputs has. Values with a place of which `names` holds are passed over.
pub fn parted(before: &Explained, after: &Explained, names: impl Fn(&Explained, &Places) -> bool) -> Vec<String> {
    let (before, after) = (untouched(before, &names), untouched(after, &names));
    let only = |own: &Values, other: &Values| {
        let only = own.iter().filter(|it| other.get(it.0) != Some(it.1));
        only.map(|((path, _), _)| path.clone()).collect::<Vec<_>>()
    };
    [only(&before, &after), only(&after, &before)].concat()
}

fn untouched(explained: &Explained, names: &impl Fn(&Explained, &Places) -> bool) -> Values {
    let mut untouched = Values::new();
    let out = explained.outcome.result.as_ref().unwrap();
    for value in &explained.values {
        // What a code must fit is a fact of its place.
        if value.path.ends_with(".fits") || names(explained, &value.sources) || names(explained, &value.conditions) {
            continue;
        }
        let path = value.path.split(['[', ']']).step_by(2).collect();
        *untouched.entry((path, out[value.text.clone()].to_vec())).or_default() += 1;
    }
    untouched
}
