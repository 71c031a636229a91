//! Listens for messages, and answers each once the feed knows what to say.

mod asked;

use std::collections::HashMap;
use std::io;
use std::net::IpAddr;
use std::pin::pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use emr_message::answer::reply::said;
use emr_message::answer::{Code, Problem, Wrong};
use emr_message::header::Header;
use serde::Deserialize;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::{TcpListener, TcpSocket};
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep, sleep_until, timeout};
use tokio_rustls::TlsAcceptor;
use tokio_util::codec::Decoder;

use super::super::batch::{Batch, Unwrap, of_all};
use super::super::listen::{self, BACKLOG, EXHAUSTED};
use super::super::{Feed, Places, Serving, Why, answered, tls};
use super::frame::{self, Broken, Frames};
use super::{COMMITTED, Mode, NOT_COMMITTED, Release};
use crate::flow::intake::{HELD, Intake, Sent};
use crate::flow::seen::{Answer, Verdict};
use crate::flow::witness::{Happening, Leaving};
use crate::journal::fs::{Disk, Fs};
use asked::Asked;

/// What a feed from `mllp` is told. Times in milliseconds, sizes in bytes.
#[derive(Clone, Debug, Deserialize)]
pub struct Settings {
    pub listen: String,
    pub tls: tls::Listen,
    pub mode: Mode,
    pub release: Release,
    pub unwrap: Option<Unwrap>,
    pub connections: usize,
    pub connections_per_peer: usize,
    pub frame_timeout: u64,
    pub idle_timeout: u64,
    pub frame_max: usize,
}

/// How long the rest of a frame that is not taken is read and thrown away.
const LINGER: Duration = Duration::from_secs(1);

/// So many blocks in a row that are no message are answered at once. Whoever sends more of them is heard less and less often,
/// so that what is stored and synced of it is no burden to others.
const BORNE: u32 = 3;

/// The longest that such a peer is not heard.
const DEAF: Duration = Duration::from_secs(32);

/// How long a frame may take to come to its end when the feed stops, and an answer to be known.
const GRACE: Duration = Duration::from_secs(10);

/// An address that is ours, on which nobody is heard yet.
pub struct Listener {
    socket: TcpSocket,
    acceptor: Option<TlsAcceptor>,
    settings: Arc<Settings>,
}

impl Listener {
    /// # Errors
    /// The address is not to be had, or a certificate or key is not.
    pub async fn new(settings: Settings, places: &Places) -> Result<Listener, Why> {
        let acceptor = match &settings.tls {
            tls::Listen::None(_) => None,
            tls::Listen::Tls(server) => Some(server.acceptor(&places.project, &places.secrets)?),
        };
        let socket = listen::bound(&settings.listen).await?;
        Ok(Listener { socket, acceptor, settings: Arc::new(settings) })
    }
}

impl Feed for Listener {
    fn listen(self: Box<Self>, intake: Arc<Intake<Disk>>, stop: watch::Receiver<bool>) -> io::Result<Serving> {
        let Listener { socket, acceptor, settings } = *self;
        let listener = socket.listen(BACKLOG)?;
        Ok(Box::pin(serve((listener, acceptor), settings, intake, stop)))
    }
}

/// How much room a connection has between messages, which many connections hold for long; where its messages are longer, as
/// much as they were, up to [`READ`].
const LISTENING: usize = 4 << 10;

/// What stands around a message, the blank between frames among it.
const AROUND: usize = 8;

/// How much is read at least of a message that did not.
const READ: usize = 16 << 10;

/// From this length on a message that has not ended is taken for a long one.
const LONG: usize = 1 << 20;

/// Takes connections until it is told to stop, and then until those that are there have come to their end.
pub async fn serve<F: Fs>(
    (listener, acceptor): (TcpListener, Option<TlsAcceptor>),
    settings: Arc<Settings>,
    intake: Arc<Intake<F>>,
    mut stop: watch::Receiver<bool>,
) {
    let peers = Arc::new(Peers::default());
    let mut connections = JoinSet::new();
    loop {
        let accepted = tokio::select! {
            accepted = listener.accept(), if connections.len() < settings.connections => accepted,
            Some(_) = connections.join_next() => continue,
            _ = stop.wait_for(|stop| *stop) => break,
        };
        let Ok((stream, peer)) = accepted else {
            sleep(EXHAUSTED).await;
            continue;
        };
        let Some(seat) = peers.seat(peer.ip(), settings.connections_per_peer) else {
            intake.see(&Happening::Left { peer: peer.ip(), why: Leaving::TooMany });
            continue;
        };
        intake.see(&Happening::Came { peer: peer.ip() });
        // An answer is one small write, which must not wait for another.
        let _ = stream.set_nodelay(true);
        let (settings, intake, stop) = (Arc::clone(&settings), Arc::clone(&intake), stop.clone());
        let acceptor = acceptor.clone();
        connections.spawn(async move {
            let witness = Arc::clone(&intake);
            // A connection that breaks is its peer's to open again; nothing of it was answered.
            let why = match acceptor {
                None => Connection::new(stream, settings, intake, stop).serve().await.into(),
                Some(acceptor) => {
                    let shaken = timeout(Duration::from_millis(settings.frame_timeout), acceptor.accept(stream)).await;
                    match shaken {
                        Ok(Ok(stream)) => Connection::new(stream, settings, intake, stop).serve().await.into(),
                        Ok(Err(_)) | Err(_) => Leaving::Unknown,
                    }
                }
            };
            witness.see(&Happening::Left { peer: peer.ip(), why });
            drop(seat);
        });
    }
    drop(listener);
    while connections.join_next().await.is_some() {}
}

impl From<Result<(), Broken>> for Leaving {
    fn from(end: Result<(), Broken>) -> Leaving {
        match end {
            Ok(()) => Leaving::Done,
            Err(Broken::TooLong(_)) => Leaving::TooLong,
            Err(_) => Leaving::Cut,
        }
    }
}

/// How many connections each peer has.
#[derive(Default)]
struct Peers(Mutex<HashMap<IpAddr, usize>>);

/// One connection of a peer.
struct Seat {
    peers: Arc<Peers>,
    peer: IpAddr,
}

impl Peers {
    fn seat(self: &Arc<Self>, peer: IpAddr, most: usize) -> Option<Seat> {
        let mut peers = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let count = peers.entry(peer).or_default();
        if *count >= most {
            return None;
        }
        *count += 1;
        Some(Seat { peers: Arc::clone(self), peer })
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        let mut peers = self.peers.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(count) = peers.get_mut(&self.peer) {
            *count -= 1;
            if *count == 0 {
                peers.remove(&self.peer);
            }
        }
    }
}

struct Connection<S, F: Fs> {
    stream: S,
    frames: Frames,
    unread: BytesMut,
    /// The length of the last message: the next one is often no longer.
    usual: usize,
    /// How many of the last blocks in a row had no header: they are no messages.
    headless: u32,
    settings: Arc<Settings>,
    intake: Arc<Intake<F>>,
    stop: watch::Receiver<bool>,
}

impl<S: AsyncRead + AsyncWrite + Unpin, F: Fs> Connection<S, F> {
    fn new(stream: S, settings: Arc<Settings>, intake: Arc<Intake<F>>, stop: watch::Receiver<bool>) -> Self {
        let frames = Frames::new(settings.frame_max);
        Connection { stream, frames, unread: BytesMut::new(), usual: 0, headless: 0, settings, intake, stop }
    }

    async fn serve(mut self) -> Result<(), Broken> {
        loop {
            match self.next().await {
                // What we said has come.
                Ok(Some(block)) if self.is_second() && &*block == COMMITTED => {}
                // It has not: the sender tries again from the beginning, and is told the same.
                Ok(Some(block)) if self.is_second() && &*block == NOT_COMMITTED => return Ok(()),
                Ok(Some(message)) => {
                    point!("mllp.read");
                    let batch = self.settings.unwrap.and_then(|Unwrap::Batch| Batch::read(&message));
                    let goes_on = match batch {
                        Some(batch) => self.answer_batch(batch).await,
                        None => self.answer(message).await,
                    };
                    if !goes_on? || !self.rest().await {
                        return Ok(());
                    }
                }
                Ok(None) => return Ok(()),
                Err(Broken::TooLong(first)) => {
                    self.too_long(&first).await?;
                    return Err(Broken::TooLong(first));
                }
                Err(why) => return Err(why),
            }
        }
    }

    /// The next message; nothing when the peer has hung up, says nothing for too long, or the feed stops.
    async fn next(&mut self) -> Result<Option<Bytes>, Broken> {
        let Connection { stream, frames, unread, usual, settings, stop, .. } = self;
        let time = |millis| Instant::now() + Duration::from_millis(millis);
        // Made once for a message and not for each read: some send a byte at a time.
        let mut late = pin!(sleep_until(time(settings.idle_timeout)));
        let mut stopped = pin!(stopped(stop));
        let (mut is_open, mut is_stopping) = (false, false);
        loop {
            if let Some(message) = frames.decode(unread)? {
                *usual = message.len();
                return Ok(Some(message));
            }
            if frames.is_open() && !is_open {
                is_open = true;
                late.as_mut().reset(time(settings.frame_timeout));
            }
            make_room(unread, is_open, (*usual + AROUND).min(READ), settings.frame_max);
            tokio::select! {
                read = stream.read_buf(unread) => match read {
                    Ok(0) => return frames.decode_eof(unread),
                    // Many hang up without ending their TLS.
                    Err(why) if why.kind() == io::ErrorKind::UnexpectedEof => return frames.decode_eof(unread),
                    Err(why) => return Err(why.into()),
                    Ok(_) => {}
                },
                () = late.as_mut() => return if is_open { Err(Broken::Cut) } else { Ok(None) },
                () = stopped.as_mut(), if !is_stopping => {
                    if !is_open {
                        return Ok(None);
                    }
                    is_stopping = true;
                    let end = late.deadline().min(Instant::now() + GRACE);
                    late.as_mut().reset(end);
                }
            }
        }
    }

    /// Hears nothing for as long as what came before deserves; whether the feed goes on then.
    async fn rest(&mut self) -> bool {
        match deaf(self.headless) {
            Duration::ZERO => true,
            wait => tokio::select! {
                () = sleep(wait) => true,
                () = stopped(&mut self.stop) => false,
            },
        }
    }

    /// Takes a message in and says what is to be said; whether the connection goes on.
    async fn answer(&mut self, message: Bytes) -> Result<bool, Broken> {
        // All that an answer needs; the rest may be long, and is not held until then.
        let head = Header::read(&message).map_or_else(Vec::new, |header| header.line().to_vec());
        self.headless = if head.is_empty() { self.headless.saturating_add(1) } else { 0 };
        let taken = timeout(HELD, self.intake.take(Sent { message, file: None, claim: None })).await;
        let Ok(Some(mut answer)) = taken else { return self.not_stored().await };
        let asked = Asked::of(&head, self.settings.mode);
        if asked.is_enhanced || self.is_second() {
            let known = answer.stored().await;
            if known == Some(Verdict::Later) {
                return self.not_stored().await;
            }
            if self.is_second() {
                self.write(COMMITTED).await?;
            }
            match known {
                // Whoever is told so is told nothing else of it.
                Some(Verdict::NotServed(problem)) if asked.is_told_of_refusals => {
                    self.say(&head, Code::CommitReject, &[problem]).await?;
                    return Ok(true);
                }
                Some(Verdict::Unreadable(problem)) if asked.is_told_of_refusals && head.is_empty() => {
                    self.say(&head, Code::CommitError, &[problem]).await?;
                    return Ok(true);
                }
                _ if asked.accept => self.say(&head, Code::CommitAccept, &[]).await?,
                _ => {}
            }
        }
        let Some(verdict) = self.verdict(answer).await else { return Ok(false) };
        let (verdict, reply) = self.intake.told(verdict).await;
        if let Some(reply) = reply {
            return self.reply(&reply.bytes, asked).await;
        }
        let Some(code) = verdict.code() else {
            sleep(HELD).await;
            return Ok(false);
        };
        if asked.application(code) {
            self.say(&head, code, verdict.problem().as_slice()).await?;
        }
        Ok(true)
    }

    /// What is to be said of a message. Nothing where a feed that stops would wait too long for it: it is stored, and its
    /// sender is told when it sends it again.
    async fn verdict(&mut self, mut answer: Answer) -> Option<Verdict> {
        let stop = &mut self.stop;
        let given_up = async {
            stopped(stop).await;
            sleep(GRACE).await;
        };
        tokio::select! {
            verdict = answer.verdict() => Some(verdict),
            () = given_up => None,
        }
    }

    /// Says what was made for the sender to hear, if it wants to hear of what came of its message.
    async fn reply(&mut self, reply: &[u8], asked: Asked) -> Result<bool, Broken> {
        let code = said(reply).and_then(|(code, _)| Code::read(code)).unwrap_or(Code::Accept);
        if asked.application(code) {
            self.write(reply).await?;
        }
        Ok(true)
    }

    /// Takes the messages of a batch in, each for itself, and answers once for all of them: a sender that hears nothing
    /// sends the batch again, and what is there of it already is known.
    async fn answer_batch(&mut self, Batch { messages, header }: Batch) -> Result<bool, Broken> {
        let mut answers = Vec::new();
        for message in messages {
            let taken = timeout(HELD, self.intake.take(Sent { message, file: None, claim: None })).await;
            let Ok(Some(answer)) = taken else { return self.not_stored().await };
            answers.push(answer);
        }
        let asked = Asked::of(&header, self.settings.mode);
        for answer in &mut answers {
            if answer.stored().await == Some(Verdict::Later) {
                return self.not_stored().await;
            }
        }
        if self.is_second() {
            self.write(COMMITTED).await?;
        }
        if asked.accept {
            self.say(&header, Code::CommitAccept, &[]).await?;
        }
        let mut problems = Vec::new();
        for mut answer in answers {
            let verdict = answer.verdict().await;
            if verdict == Verdict::Later {
                return self.not_stored().await;
            }
            problems.extend(verdict.problem().map(of_all));
        }
        let code = if problems.is_empty() { Code::Accept } else { Code::Error };
        if asked.application(code) {
            self.say(&header, code, &problems).await?;
        }
        Ok(true)
    }

    /// Nothing of a message is kept; whether the connection goes on. Release 2 has a word for that. In release 1 silence
    /// makes every sender try again; which word would is not agreed.
    async fn not_stored(&mut self) -> Result<bool, Broken> {
        if !self.is_second() {
            return Ok(false);
        }
        self.write(NOT_COMMITTED).await?;
        Ok(!*self.stop.borrow())
    }

    fn is_second(&self) -> bool {
        self.settings.release == Release::Two
    }

    async fn too_long(&mut self, first: &[u8]) -> Result<(), Broken> {
        if self.is_second() {
            self.write(NOT_COMMITTED).await?;
        }
        let code = if Asked::of(first, self.settings.mode).is_enhanced { Code::CommitError } else { Code::Error };
        if Header::read(first).is_some() {
            self.say(first, code, &[Problem::new(Wrong::ValueTooLong, None)]).await?;
            self.linger().await;
        }
        Ok(())
    }

    /// Lets the other side read what it was told: the system throws that away where bytes come after the end.
    async fn linger(&mut self) {
        let unread = async {
            self.stream.shutdown().await?;
            loop {
                self.unread.clear();
                if self.stream.read_buf(&mut self.unread).await? == 0 {
                    return std::io::Result::Ok(());
                }
            }
        };
        let _ = timeout(LINGER, unread).await;
    }

    async fn say(&mut self, message: &[u8], code: Code, problems: &[Problem]) -> Result<(), Broken> {
        /// Whoever sends no header gets an answer of the standard's form.
        const NONE: &[u8] = b"MSH|^~\\&|||||||||P|2.5.1";
        let Some(header) = Header::read(message).or_else(|| Header::read(NONE)) else { return Ok(()) };
        self.write(&answered(&header, code, problems)).await
    }

    async fn write(&mut self, content: &[u8]) -> Result<(), Broken> {
        point!("mllp.answer");
        // Whoever does not read holds nobody else up.
        let written = async {
            self.stream.write_all_buf(&mut frame::around(content)).await?;
            self.stream.flush().await
        };
        let wait = Duration::from_millis(self.settings.frame_timeout);
        timeout(wait, written).await.map_err(|_| Broken::Cut)??;
        point!("mllp.answered");
        Ok(())
    }
}

/// Makes room for what is read at once. What a long message outgrows is not given back at once, so that it is to outgrow
/// little; and room that nobody wrote to takes none. Of a frame that trickles what is there is filled first.
fn make_room(unread: &mut BytesMut, is_open: bool, usual: usize, frame_max: usize) {
    let room = match unread.len() {
        _ if is_open && unread.len() < unread.capacity() => return,
        long @ LONG.. => long.saturating_mul(7).min(frame_max),
        _ if is_open => READ,
        _ => LISTENING.max(usual),
    };
    unread.reserve(room);
}

/// How long a peer is not heard whose last blocks were no messages: a second, and each time twice as long.
pub(crate) fn deaf(headless: u32) -> Duration {
    match headless.checked_sub(BORNE) {
        None => Duration::ZERO,
        Some(more) => DEAF.min(Duration::from_secs(1 << more.min(5))),
    }
}

async fn stopped(stop: &mut watch::Receiver<bool>) {
    let _ = stop.wait_for(|stop| *stop).await;
}
