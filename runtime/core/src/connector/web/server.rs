//! A server of HTTP/1.1, and over TLS of HTTP/2: the same for feeds and whatever else listens.
//!
//! A request goes three ways: its head says who calls, and nothing else is looked at before that is known; then whether
//! there is something at that place; and only then its body is read.

use std::convert::Infallible;
use std::net::IpAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use http_body_util::BodyExt;
use hyper::body::{Body, Incoming};
use hyper::http::request::Parts;
use hyper::server::conn::{http1, http2};
use hyper::service::service_fn;
use hyper::{Request, StatusCode};
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Semaphore, watch};
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep, timeout, timeout_at};
use tokio_rustls::TlsAcceptor;

use super::super::listen::EXHAUSTED;
use super::certificate::Certificate;
use super::clients::{Clients, Who};
use super::outcome::{Issue, Reply, later, outcome};
use crate::flow::witness::{Happening, Leaving};

/// A request that is to be answered.
pub struct Call {
    pub head: Parts,
    pub who: Who,
    pub body: Bytes,
}

/// What answers calls.
pub trait Desk: Send + Sync + 'static {
    /// The answer to a request that needs no body to be told that it is wrong here, or not its sender's to make.
    fn refuse(&self, head: &Parts, who: &Who) -> Option<Reply>;

    fn answer(&self, call: Call) -> impl Future<Output = Reply> + Send;

    /// How it is said here that a request is not answered.
    fn word(&self, status: StatusCode, issue: &Issue) -> Reply {
        outcome(status, issue)
    }

    /// Tells whoever looks on.
    fn see(&self, what: &Happening<'_>);
}

/// What a peer may take.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// Connections at a time, and requests.
    pub connections: usize,
    /// How long a head may take to arrive, and then its body; a connection on which nothing is under way is closed.
    pub request: Duration,
    /// The longest body, in bytes.
    pub body: usize,
}

pub struct Server<D> {
    clients: Clients,
    limits: Limits,
    desk: D,
    /// Requests that can be answered at a time: over HTTP/2 a connection has many.
    seats: Semaphore,
}

/// The longest head of a request.
const HEAD_MAX: usize = 64 << 10;

/// How many requests of one connection go at a time over HTTP/2.
const STREAMS: u32 = 32;

/// How long requests may take to come to their end when the server stops.
const GRACE: Duration = Duration::from_secs(10);

/// How long a body is read past that is too long, so that its sender is there to hear of it.
const LINGER: Duration = Duration::from_secs(5);

impl<D: Desk> Server<D> {
    pub fn new(clients: Clients, limits: Limits, desk: D) -> Server<D> {
        let seats = Semaphore::new(limits.connections.min(Semaphore::MAX_PERMITS));
        Server { clients, limits, desk, seats }
    }

    /// Takes connections until it is told to stop, and then until requests that are under way have been answered.
    pub async fn serve(
        self: Arc<Self>,
        (listener, acceptor): (TcpListener, Option<TlsAcceptor>),
        mut stop: watch::Receiver<bool>,
    ) {
        let mut connections = JoinSet::new();
        loop {
            let accepted = tokio::select! {
                accepted = listener.accept(), if connections.len() < self.limits.connections => accepted,
                Some(_) = connections.join_next() => continue,
                _ = stop.wait_for(|stop| *stop) => break,
            };
            let Ok((stream, peer)) = accepted else {
                sleep(EXHAUSTED).await;
                continue;
            };
            // An answer is one small write, which must not wait for another.
            let _ = stream.set_nodelay(true);
            let (server, acceptor, stop) = (Arc::clone(&self), acceptor.clone(), stop.clone());
            connections.spawn(async move {
                let peer = peer.ip();
                server.desk.see(&Happening::Came { peer });
                let why = Arc::clone(&server).connection(stream, peer, acceptor, stop).await;
                server.desk.see(&Happening::Left { peer, why });
            });
        }
        drop(listener);
        while connections.join_next().await.is_some() {}
    }

    async fn connection(
        self: Arc<Self>,
        stream: TcpStream,
        peer: IpAddr,
        acceptor: Option<TlsAcceptor>,
        stop: watch::Receiver<bool>,
    ) -> Leaving {
        let Some(acceptor) = acceptor else {
            return self.speak(stream, false, Peer { address: peer, certificate: None }, stop).await;
        };
        let shaken = timeout(self.limits.request, acceptor.accept(stream)).await;
        let Ok(Ok(stream)) = shaken else { return Leaving::Unknown };
        let (_, session) = stream.get_ref();
        let is_2 = session.alpn_protocol() == Some(b"h2");
        let certificate = session.peer_certificates().and_then(<[_]>::first).map(|it| Arc::new(Certificate::read(it)));
        self.speak(stream, is_2, Peer { address: peer, certificate }, stop).await
    }

    /// A connection that breaks is its peer's to open again; nothing of it was answered.
    async fn speak(
        self: Arc<Self>,
        stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static,
        is_2: bool,
        peer: Peer,
        stop: watch::Receiver<bool>,
    ) -> Leaving {
        let pulse = Arc::new(Pulse::default());
        let (server, under_way) = (Arc::clone(&self), Arc::clone(&pulse));
        let peer = Arc::new(peer);
        let service = service_fn(move |request: Request<Incoming>| {
            let (server, peer, busy) = (Arc::clone(&server), Arc::clone(&peer), under_way.busy());
            async move {
                let reply = server.reply(request, &peer).await;
                drop(busy);
                Ok::<_, Infallible>(reply)
            }
        });
        let (io, idle) = (TokioIo::new(stream), self.limits.request);
        if is_2 {
            let mut builder = http2::Builder::new(TokioExecutor::new());
            builder.timer(TokioTimer::new()).max_concurrent_streams(STREAMS).max_header_list_size(HEAD_MAX as u32);
            let connection = std::pin::pin!(builder.serve_connection(io, service));
            until_end(connection, http2::Connection::graceful_shutdown, &pulse, idle, stop).await
        } else {
            let mut builder = http1::Builder::new();
            builder.timer(TokioTimer::new()).header_read_timeout(None).max_buf_size(HEAD_MAX).max_header_size(HEAD_MAX);
            let connection = std::pin::pin!(builder.serve_connection(io, service));
            until_end(connection, http1::Connection::graceful_shutdown, &pulse, idle, stop).await
        }
    }

    /// Who calls, whether it may be, and what is answered.
    async fn reply(&self, request: Request<Incoming>, peer: &Peer) -> Reply {
        let (head, body) = request.into_parts();
        let who = match self.clients.who(&head.headers, peer.certificate.as_ref()).await {
            Ok(who) => who,
            Err(denied) => return self.turned_away(peer, &Who::Anyone, denied.reply(|at, it| self.desk.word(at, it))),
        };
        if let Some(refusal) = self.desk.refuse(&head, &who) {
            return refusal;
        }
        let Ok(_seat) = self.seats.try_acquire() else {
            return self.turned_away(
                peer,
                &who,
                later(|at, it| self.desk.word(at, it), "too many requests are under way"),
            );
        };
        match self.read(body).await {
            Ok(body) => {
                point!("web.read");
                let reply = self.desk.answer(Call { head, who, body }).await;
                point!("web.answer");
                reply
            }
            Err(broken) => {
                let (status, issue) = broken.said();
                if let Broken::TooLong(rest) = broken {
                    // Whoever is cut off while it writes never reads why, and would send the same for ever.
                    tokio::spawn(timeout(LINGER, past(rest)));
                }
                self.turned_away(peer, &who, self.desk.word(status, &issue))
            }
        }
    }

    fn turned_away(&self, peer: &Peer, who: &Who, reply: Reply) -> Reply {
        let (peer, who, status) = (peer.address, who.name(), reply.status().as_u16());
        self.desk.see(&Happening::TurnedAway { peer, who, status });
        reply
    }

    async fn read(&self, mut body: Incoming) -> Result<Bytes, Broken> {
        let end = Instant::now() + self.limits.request;
        let max = self.limits.body;
        let told = body.size_hint().lower();
        if told > max as u64 {
            return Err(Broken::TooLong(body));
        }
        let mut all = BytesMut::new();
        loop {
            let frame = match timeout_at(end, body.frame()).await {
                Err(_) => return Err(Broken::Late),
                Ok(None) => return Ok(all.freeze()),
                Ok(Some(Err(_))) => return Err(Broken::Cut),
                Ok(Some(Ok(frame))) => frame,
            };
            let Ok(part) = frame.into_data() else { continue };
            if all.len() + part.len() > max {
                return Err(Broken::TooLong(body));
            }
            all.extend_from_slice(&part);
        }
    }
}

/// Who is at the other end of a connection.
struct Peer {
    address: IpAddr,
    certificate: Option<Arc<Certificate>>,
}

/// Why a body is not there.
enum Broken {
    /// What is left of it is not read.
    TooLong(Incoming),
    Late,
    Cut,
}

impl Broken {
    fn said(&self) -> (StatusCode, Issue) {
        let (status, code, text) = match self {
            Broken::TooLong(_) => (StatusCode::PAYLOAD_TOO_LARGE, "too-long", "it is longer than is taken here"),
            Broken::Late => (StatusCode::REQUEST_TIMEOUT, "timeout", "its end did not come in time"),
            Broken::Cut => (StatusCode::BAD_REQUEST, "incomplete", "its end did not come"),
        };
        (status, Issue::new(code, text))
    }
}

async fn past(mut body: Incoming) {
    while let Some(Ok(_)) = body.frame().await {}
}

/// Lets a connection go on until it ends, nothing has been under way for too long, or, once the server stops, requests
/// have had their time.
async fn until_end<C: Future<Output = hyper::Result<()>>>(
    mut connection: Pin<&mut C>,
    end: impl Fn(Pin<&mut C>),
    pulse: &Pulse,
    idle: Duration,
    mut stop: watch::Receiver<bool>,
) -> Leaving {
    tokio::select! {
        ended = connection.as_mut() => return left(&ended),
        () = pulse.stands_still(idle) => return Leaving::Done,
        _ = stop.wait_for(|stop| *stop) => end(connection.as_mut()),
    }
    match timeout(GRACE, connection).await {
        Ok(ended) => left(&ended),
        Err(_) => Leaving::Cut,
    }
}

fn left(ended: &hyper::Result<()>) -> Leaving {
    if ended.is_ok() { Leaving::Done } else { Leaving::Cut }
}

/// Whether requests of a connection are under way: how many, and since when.
struct Pulse(watch::Sender<(usize, Instant)>);

/// A request that is under way.
struct Busy(Arc<Pulse>);

impl Default for Pulse {
    fn default() -> Self {
        Pulse(watch::Sender::new((0, Instant::now())))
    }
}

impl Pulse {
    fn busy(self: &Arc<Self>) -> Busy {
        self.0.send_modify(|(count, _)| *count += 1);
        Busy(Arc::clone(self))
    }

    /// Comes to its end when nothing was under way for that long.
    async fn stands_still(&self, limit: Duration) {
        let mut beats = self.0.subscribe();
        loop {
            let (count, since) = *beats.borrow_and_update();
            let end = if count > 0 { None } else { Some(since + limit) };
            let beat = async {
                match end {
                    None => beats.changed().await.is_ok(),
                    Some(end) => timeout_at(end, beats.changed()).await.is_ok(),
                }
            };
            if !beat.await {
                return;
            }
        }
    }
}

impl Drop for Busy {
    fn drop(&mut self) {
        self.0.0.send_modify(|(count, since)| (*count, *since) = (*count - 1, Instant::now()));
    }
}

#[cfg(test)]
mod tests;
