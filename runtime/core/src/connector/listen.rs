//! What all that listen have in common.

use std::io;
use std::time::Duration;

use tokio::net::TcpSocket;

use super::Why;

/// How long nobody is let in when the system has no connections left.
pub const EXHAUSTED: Duration = Duration::from_millis(100);

/// Connections that wait to be taken.
pub const BACKLOG: u32 = 1024;

/// A socket with its address, on which nobody is heard before the journal is open.
///
/// # Errors
/// The address is none, or is not to be had.
pub async fn bound(address: &str) -> Result<TcpSocket, Why> {
    bind(address).await.map_err(|why| format!("it cannot listen on `{address}`: {why}"))
}

async fn bind(address: &str) -> io::Result<TcpSocket> {
    let mut found = tokio::net::lookup_host(address).await?;
    let address = found.next().ok_or(io::ErrorKind::AddrNotAvailable)?;
    let socket = if address.is_ipv4() { TcpSocket::new_v4()? } else { TcpSocket::new_v6()? };
    socket.set_reuseaddr(true)?;
    socket.bind(address)?;
    Ok(socket)
}
