//! An allocator that puts each piece of memory between pages that nobody may touch: an access outside ends the process.
//!
//! A tool that wants it names [`Guards`] as its global allocator, and turns it on for what it watches. What is given
//! back may not be touched either, for no address is used twice.
#![expect(unsafe_code, reason = "an allocator is an unsafe trait, and pages are the system's")]

use rustix::mm::{MapFlags, MprotectFlags, ProtFlags, mmap_anonymous, mprotect};
use std::alloc::{GlobalAlloc, Layout, System};
use std::ptr::null_mut;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering::Relaxed};

pub struct Guards;

/// The largest page of any system that we know; whoever has smaller ones has more of them.
const PAGE: usize = 1 << 16;

/// How many addresses there are to give out. They take no memory before they are given.
const ADDRESSES: usize = 1 << 44;

/// Which end of a piece of memory lies at a page that nobody may touch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Side {
    Before,
    Behind,
}

/// The smallest piece that is guarded.
static LEAST: AtomicUsize = AtomicUsize::new(usize::MAX);
static IS_BEHIND: AtomicBool = AtomicBool::new(false);
static START: AtomicUsize = AtomicUsize::new(0);
static NEXT: AtomicUsize = AtomicUsize::new(0);

/// From now on what is allocated is guarded from so many bytes on, on this side to the byte (behind it: as far as its
/// alignment allows).
pub fn guard(side: Side, least: usize) {
    if START.load(Relaxed) == 0 {
        let flags = MapFlags::PRIVATE | MapFlags::NORESERVE;
        // SAFETY: the system chooses a place where nothing is.
        let start = unsafe { mmap_anonymous(null_mut(), ADDRESSES, ProtFlags::empty(), flags) };
        let start = start.expect("no room for guarded memory") as usize;
        START.store(start, Relaxed);
        // A page that stays closed lies before the first piece, too.
        NEXT.store((start + PAGE).next_multiple_of(PAGE), Relaxed);
    }
    IS_BEHIND.store(side == Side::Behind, Relaxed);
    LEAST.store(least, Relaxed);
}

/// From now on the system's allocator gives memory, as it does at first.
pub fn relax() {
    LEAST.store(usize::MAX, Relaxed);
}

/// Reads what lies next to guarded memory: to be sure that this ends the process.
pub fn trespass(side: Side) -> u8 {
    guard(side, 1);
    let bytes = [7u8; 100].to_vec();
    let outside = match side {
        Side::Before => bytes.as_ptr().wrapping_sub(1),
        Side::Behind => bytes.as_ptr().wrapping_add(bytes.len()),
    };
    // SAFETY: none; nobody calls this but to see it fail.
    unsafe { outside.read_volatile() }
}

/// How many bytes a piece of memory takes, in whole pages.
fn pages(layout: Layout) -> usize {
    layout.size().next_multiple_of(PAGE)
}

fn is_wanted(layout: Layout) -> bool {
    layout.size() >= LEAST.load(Relaxed) && layout.align() <= PAGE
}

fn is_guarded(at: *mut u8) -> bool {
    let start = START.load(Relaxed);
    start != 0 && (start..start + ADDRESSES).contains(&(at as usize))
}

/// Pages of zeros with the piece at one of their ends; null if there are no more.
fn open(layout: Layout) -> *mut u8 {
    let pages = pages(layout);
    let at = NEXT.fetch_add(pages + PAGE, Relaxed);
    if at + pages + PAGE > START.load(Relaxed) + ADDRESSES {
        return null_mut();
    }
    let place = at as *mut u8;
    // SAFETY: the pages are of the region that `guard` reserved, and nobody else was given them.
    match unsafe { mprotect(place.cast(), pages, MprotectFlags::READ | MprotectFlags::WRITE) } {
        Ok(()) if IS_BEHIND.load(Relaxed) => place.wrapping_add((pages - layout.size()) & !(layout.align() - 1)),
        Ok(()) => place,
        Err(_) => null_mut(),
    }
}

/// Closes the pages of a piece for good.
fn close(at: *mut u8, layout: Layout) {
    let place = (at as usize & !(PAGE - 1)) as *mut u8;
    let flags = MapFlags::PRIVATE | MapFlags::NORESERVE | MapFlags::FIXED;
    // SAFETY: whoever gives a piece back does not use it any more, and its first byte lies in the first of its pages.
    let _closed = unsafe { mmap_anonymous(place.cast(), pages(layout), ProtFlags::empty(), flags) };
    // Pages that could not be closed are still nobody else's.
}

// SAFETY: guarded pieces are of pages that are given out once, large enough and aligned; all other calls go on to the
// system's allocator as they came.
unsafe impl GlobalAlloc for Guards {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        if is_wanted(layout) {
            return open(layout);
        }
        // SAFETY: the caller's promise, handed on.
        unsafe { System.alloc(layout) }
    }

    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        if is_wanted(layout) {
            return open(layout);
        }
        // SAFETY: as above.
        unsafe { System.alloc_zeroed(layout) }
    }

    unsafe fn dealloc(&self, at: *mut u8, layout: Layout) {
        if is_guarded(at) {
            return close(at, layout);
        }
        // SAFETY: as above.
        unsafe { System.dealloc(at, layout) }
    }
}
