//! Addresses for servers of tests that begin later, end, and begin again: nobody else gets one meanwhile. A port that the
//! system chose and has back is the next one's who asks for any, be it to listen or to connect.

use std::io;
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::ops::Range;
use std::sync::atomic::{AtomicU16, Ordering};

/// Those that no system gives to who asks for any: of these Linux has the lowest, 32768.
const PORTS: Range<u16> = 12_000..32_000;

/// How many this process has tried.
static TRIED: AtomicU16 = AtomicU16::new(0);

/// An address of this machine that nobody listens on, another one each time.
///
/// # Errors
/// All ports are taken.
pub fn free() -> io::Result<SocketAddr> {
    // Processes that run at a time begin far from each other.
    let first = std::process::id().wrapping_mul(211);
    PORTS
        .map(|_| {
            let port = first.wrapping_add(TRIED.fetch_add(1, Ordering::Relaxed).into()) % PORTS.len() as u32;
            SocketAddr::from((Ipv4Addr::LOCALHOST, PORTS.start + port as u16))
        })
        .find(|at| TcpListener::bind(at).is_ok())
        .ok_or_else(|| io::Error::from(io::ErrorKind::AddrInUse))
}
