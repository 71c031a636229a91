//! The admin API: what a person may do with the messages of an engine that runs, over HTTP, for those who may. Nothing
//! listens unless the project says where, who can read along, and who may call.
//!
//! [`routes`] is the list of what there is, [`rights`] who may do what, [`desk`] takes calls and notes each of them in the
//! audit, [`answers`] does what is asked, in the words of [`asked`], [`problem`] says what is wrong. All of it is described
//! in `docs/openapi.json`, which it also answers.

mod answers;
mod asked;
mod desk;
mod problem;
pub mod rights;
mod routes;
#[cfg(test)]
mod tests;

use std::io;
use std::path::PathBuf;
use std::sync::Arc;

use tokio::sync::watch;

use super::operations::Operations;
use crate::connector::web::listening::{At, Listening, Room};
use crate::connector::{Places, Serving, Why};
use crate::observe::audit::Audit;
use rights::Rights;

/// What is taken at a time, times in milliseconds and sizes in bytes. Who asks for much names many messages.
const ROOM: Room = Room { connections: 32, request_timeout: 10_000, frame_max: 4 << 20 };

/// What answers.
pub struct Api {
    pub operations: Arc<Operations>,
    /// The folder of the journals.
    pub journals: PathBuf,
    pub audit: Arc<Audit>,
    pub rights: Rights,
}

/// An address that is ours, on which nobody is heard yet.
///
/// # Errors
/// The address, a certificate or a key is not to be had, or the keys of the issuer cannot be had in a safe way.
pub async fn listening(at: &At, places: &Places) -> Result<Listening, Why> {
    at.listening(&ROOM, places).await
}

/// From here on whoever may call is answered, until `stop`.
///
/// # Errors
/// The system does not let it listen.
pub fn serve(at: Listening, api: Api, stop: watch::Receiver<bool>) -> io::Result<Serving> {
    at.serve(api, stop)
}
