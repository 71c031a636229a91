//! An allocator that counts, so that a row can say what it takes.
#![expect(unsafe_code, reason = "an allocator is an unsafe trait; this one hands everything on to the system's")]

use std::alloc::{GlobalAlloc, Layout, System};
use std::sync::atomic::{AtomicBool, AtomicIsize, AtomicUsize, Ordering::Relaxed};

pub struct Counting;

/// Off while anything is timed: counting would cost those most who allocate most.
static IS_ON: AtomicBool = AtomicBool::new(false);
static CALLS: AtomicUsize = AtomicUsize::new(0);
/// Bytes; what is given back that was taken before makes it negative.
static LIVE: AtomicIsize = AtomicIsize::new(0);
static PEAK: AtomicIsize = AtomicIsize::new(0);

/// What was allocated while something ran.
#[derive(Clone, Copy, Debug)]
pub struct Taken {
    pub calls: usize,
    /// The most bytes at one time beyond what there was before.
    pub peak: usize,
}

/// Counts what is allocated meanwhile, by all threads.
pub fn during(work: impl FnOnce()) -> Taken {
    CALLS.store(0, Relaxed);
    LIVE.store(0, Relaxed);
    PEAK.store(0, Relaxed);
    IS_ON.store(true, Relaxed);
    work();
    IS_ON.store(false, Relaxed);
    Taken { calls: CALLS.load(Relaxed), peak: PEAK.load(Relaxed).unsigned_abs() }
}

fn took(bytes: usize) {
    if IS_ON.load(Relaxed) {
        CALLS.fetch_add(1, Relaxed);
        // No allocation is larger than isize (see `Layout`).
        let bytes = bytes as isize;
        PEAK.fetch_max(LIVE.fetch_add(bytes, Relaxed) + bytes, Relaxed);
    }
}

fn gave(bytes: usize) {
    if IS_ON.load(Relaxed) {
        LIVE.fetch_sub(bytes as isize, Relaxed);
    }
}

// SAFETY: all calls go on to the system's allocator as they came.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        took(layout.size());
        // SAFETY: the caller's promise, handed on.
        unsafe { System.alloc(layout) }
    }

    // Else a large buffer of zeros would be touched at once, though nothing is ever written to most of it.
    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        took(layout.size());
        // SAFETY: as above.
        unsafe { System.alloc_zeroed(layout) }
    }

    unsafe fn dealloc(&self, at: *mut u8, layout: Layout) {
        gave(layout.size());
        // SAFETY: as above.
        unsafe { System.dealloc(at, layout) }
    }

    unsafe fn realloc(&self, at: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        gave(layout.size());
        took(size);
        // SAFETY: as above.
        unsafe { System.realloc(at, layout, size) }
    }
}
