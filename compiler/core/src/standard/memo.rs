//! Remembers what was made for a key, so that what is read lazily is read once.

use std::sync::{Mutex, PoisonError};

use rustc_hash::FxHashMap;
use smol_str::SmolStr;

pub struct Memo<T>(Mutex<FxHashMap<SmolStr, T>>);

impl<T> Default for Memo<T> {
    fn default() -> Self {
        Memo(Mutex::default())
    }
}

impl<T: Clone> Memo<T> {
    /// What `make` gave when the key was asked for first.
    pub fn get(&self, key: &str, make: impl FnOnce() -> T) -> T {
        let held = |memo: &Self| memo.0.lock().unwrap_or_else(PoisonError::into_inner).get(key).cloned();
        if let Some(known) = held(self) {
            return known;
        }
        // Made without the lock, since making one thing may ask for another.
        let made = make();
        self.0.lock().unwrap_or_else(PoisonError::into_inner).entry(key.into()).or_insert(made).clone()
    }
}
