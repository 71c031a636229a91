//! The target of all that deliver: it acknowledges, and keeps a book of what came.

use std::io;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use tokio::io::AsyncWriteExt;
use tokio::net::{TcpListener, TcpStream};

use crate::exchange::{Frames, acknowledgment};
use crate::messages::{Id, control};

/// What came of each connection's messages.
#[derive(Default)]
pub struct Book(Mutex<Pages>);

#[derive(Default)]
struct Pages {
    /// The number of the last message of each connection.
    last: Vec<u64>,
    count: u64,
    latest: Option<Instant>,
    wrong: u64,
}

impl Book {
    fn pages(&self) -> MutexGuard<'_, Pages> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn arrived(&self, id: Id) {
        let mut pages = self.pages();
        if pages.last.len() <= id.lane {
            pages.last.resize(id.lane + 1, 0);
        }
        let Some(last) = pages.last.get_mut(id.lane) else { return };
        // Each connection sends one message after another, and each is to come once and in its order.
        let is_next = id.number == *last + 1;
        *last = id.number;
        pages.wrong += u64::from(!is_next);
        pages.count += 1;
        pages.latest = Some(Instant::now());
    }

    pub fn count(&self) -> u64 {
        self.pages().count
    }

    /// When the last message came, once there are so many; nothing if they do not come.
    pub fn until(&self, count: u64) -> Option<Instant> {
        const LONGEST: Duration = Duration::from_secs(60);
        let end = Instant::now() + LONGEST;
        while self.count() < count && Instant::now() < end {
            std::thread::sleep(Duration::from_millis(2));
        }
        let pages = self.pages();
        (pages.count == count && pages.wrong == 0).then_some(pages.latest?)
    }

    /// Forgets all, for the next to compete.
    pub fn clear(&self) {
        *self.pages() = Pages::default();
    }
}

/// Listens in a thread of its own.
pub fn listen(book: Arc<Book>) -> io::Result<SocketAddr> {
    let listener = std::net::TcpListener::bind("127.0.0.1:0")?;
    listener.set_nonblocking(true)?;
    let address = listener.local_addr()?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    std::thread::Builder::new().name("sink".into()).spawn(move || {
        runtime.block_on(async {
            let listener = TcpListener::from_std(listener)?;
            loop {
                let (stream, _) = listener.accept().await?;
                let book = Arc::clone(&book);
                // Whoever was stopped hangs up.
                tokio::spawn(async move { serve(stream, &book).await });
            }
            #[expect(unreachable_code, reason = "it says what the block gives")]
            io::Result::Ok(())
        })
    })?;
    Ok(address)
}

async fn serve(mut stream: TcpStream, book: &Book) -> io::Result<()> {
    stream.set_nodelay(true)?;
    let (mut frames, mut answer) = (Frames::default(), Vec::new());
    while let Some(message) = frames.next(&mut stream).await? {
        let control = control(message).and_then(|place| message.get(place)).unwrap_or_default();
        if let Some(id) = Id::read(control) {
            book.arrived(id);
        }
        acknowledgment(control, &mut answer);
        stream.write_all(&answer).await?;
    }
    Ok(())
}
