//! What else competes, each in a process of its own that says where it listens and lives until it is killed.

mod echo;
pub mod minimal;

use std::io;

use tokio::net::{TcpListener, TcpStream};

use crate::Server;
use crate::connections;

/// Says where it listens, and serves each connection in a task of its own.
fn accept<S>(serve: impl Fn(TcpStream) -> S) -> io::Result<()>
where
    S: Future<Output = io::Result<()>> + Send + 'static,
{
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    runtime.block_on(async {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        println!("{}", listener.local_addr()?);
        loop {
            let (stream, _) = listener.accept().await?;
            tokio::spawn(serve(stream));
        }
    })
}

pub fn run(server: &Server) -> io::Result<()> {
    crate::child::many_files()?;
    match server {
        Server::Echo => echo::run(),
        Server::Minimal { sink, file } => minimal::run(*sink, file),
        Server::Crowd { at, count, kind } => connections::crowd(*at, *count, *kind),
    }
}
