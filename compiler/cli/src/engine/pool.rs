//! What is kept from message to message, where any thread may run a map: whoever does has it for that time alone.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

/// What nobody uses now, by the name of how the messages are read that it was made for.
pub struct Pool<T>(Mutex<HashMap<String, Vec<T>>>);

impl<T> Default for Pool<T> {
    fn default() -> Self {
        Pool(Mutex::default())
    }
}

impl<T> Pool<T> {
    /// One that is free, if any is.
    pub fn take(&self, manner: &str) -> Option<T> {
        self.free().get_mut(manner).and_then(Vec::pop)
    }

    /// It is free again.
    pub fn put(&self, manner: &str, kept: T) {
        let mut free = self.free();
        match free.get_mut(manner) {
            Some(all) => all.push(kept),
            None => _ = free.insert(manner.to_owned(), vec![kept]),
        }
    }

    /// Whoever panicked left it as it is between two calls.
    fn free(&self) -> MutexGuard<'_, HashMap<String, Vec<T>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
