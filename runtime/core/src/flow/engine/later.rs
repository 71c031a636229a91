//! Settings that the language has and this runtime does not carry out: whoever sets one is told, for what is not done in
//! silence would be missed.

use emr_abi::wiring::Wiring;
use serde_json::Value;

use super::{Refused, read};

/// The settings of targets, each with the values that mean nothing more than what is done.
const TARGET: &[(&str, &[&str])] = &[("format", &["\"json\""])];

/// # Errors
/// Some setting asks for more than is carried out.
pub(super) fn nothing_of_it(wiring: &Wiring) -> Result<(), Refused> {
    for target in &wiring.targets {
        held(&format!("target {}", target.name), &target.settings, TARGET)?;
    }
    Ok(())
}

fn held(whose: &str, settings: &str, plain: &[(&str, &[&str])]) -> Result<(), Refused> {
    let settings: Value = read(whose, settings)?;
    for (name, values) in plain.iter() {
        if settings.get(name).is_some_and(|value| !values.contains(&value.to_string().as_str())) {
            return Err(not_yet(whose, &format!("`{name}`")));
        }
    }
    Ok(())
}

fn not_yet(whose: &str, what: &str) -> Refused {
    Refused { whose: whose.to_owned(), why: format!("{what} is not carried out yet") }
}
