//! Answers each message at once: what frames and sockets cost.

use std::io;

use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;

use super::accept;
use crate::exchange::{Frames, acknowledgment};
use crate::messages::control;

pub fn run() -> io::Result<()> {
    accept(serve)
}

async fn serve(mut stream: TcpStream) -> io::Result<()> {
    stream.set_nodelay(true)?;
    let (mut frames, mut answer) = (Frames::default(), Vec::new());
    while let Some(message) = frames.next(&mut stream).await? {
        let control = control(message).and_then(|place| message.get(place)).unwrap_or_default();
        acknowledgment(control, &mut answer);
        stream.write_all(&answer).await?;
    }
    Ok(())
}
