//! The threads that bring messages out, apart from those that take them in: many senders then hold up no delivery.

use std::io;
use std::thread::available_parallelism;

use tokio::runtime::{Builder, Handle, Runtime};
use tokio::sync::watch;

use super::Task;

/// They go when this goes, and with them what they were at.
pub struct Carriers {
    handle: Handle,
    /// Until it is dropped.
    runtime: Option<Runtime>,
}

impl Carriers {
    /// # Errors
    /// The system gives no thread.
    pub fn start() -> io::Result<Carriers> {
        let mut runtime = Builder::new_multi_thread();
        let runtime = runtime.worker_threads(threads()).thread_name("deliveries").enable_all().build()?;
        Ok(Carriers { handle: runtime.handle().clone(), runtime: Some(runtime) })
    }

    /// Begins what goes on until it is told to stop.
    pub fn carry<G: Future<Output = ()> + Send + 'static>(
        &self,
        begin: impl FnOnce(watch::Receiver<bool>) -> G,
    ) -> Task {
        let (stop, stopped) = watch::channel(false);
        Task { stop, going: self.handle.spawn(begin(stopped)) }
    }
}

/// How many threads take messages in, and how many bring them out. Both wait for others more than they work, and maps and
/// journals have threads of their own: with more of them, one wakes the next only to find nothing to do.
pub fn threads() -> usize {
    available_parallelism().map_or(1, |cores| cores.get().div_ceil(2))
}

impl Drop for Carriers {
    fn drop(&mut self) {
        if let Some(runtime) = self.runtime.take() {
            // Whoever drops it may be a task, which must not wait.
            runtime.shutdown_background();
        }
    }
}
