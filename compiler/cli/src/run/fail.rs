//! Ends this process where the environment says, as a kill would: in builds for tests alone.

use std::process::abort;

use anstream::eprintln;

use crate::end::End;

/// What names the place and the hit: `journal.synced:3`.
const VARIABLE: &str = "EMR_FAIL_POINT";

/// # Errors
/// There is no such place, or the value is not of that form.
pub fn arm() -> Result<(), End> {
    let Ok(value) = std::env::var(VARIABLE) else { return Ok(()) };
    let named = value.split_once(':').and_then(|(name, hits)| Some((name, hits.parse().ok()?)));
    let armed = named.and_then(|(name, hits)| emr_runtime::fail::arm(name, hits, end));
    armed.ok_or_else(|| End::Call(format!("`{VARIABLE}` names no place: `{value}`")))
}

fn end(name: &str) {
    eprintln!("ended at {name}");
    abort();
}
