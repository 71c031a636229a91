//! What else competes, each in a process of its own that says where it listens and lives until it is killed.

mod echo;
pub mod minimal;

use std::io;

use crate::Server;
use crate::connections;

pub fn run(server: &Server) -> io::Result<()> {
    crate::child::many_files()?;
    match server {
        Server::Echo => echo::run(),
        Server::Minimal { sink, file } => minimal::run(*sink, file),
        Server::Crowd { at, count, kind } => connections::crowd(*at, *count, *kind),
    }
}
