//! How commands show what they found, where they know the same two ways.

use serde::Serialize;

use crate::end::End;

#[derive(Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum Format {
    Text,
    Json,
}

/// JSON as a person can read it too, without a line end.
pub fn json(value: &impl Serialize) -> Result<String, End> {
    serde_json::to_string_pretty(value).map_err(|why| End::World(why.to_string()))
}
