//! What compiled code sees of the world: one pointer to a [`Context`], which the host fills for each message.
//!
//! Numbers and pointers cross this line and nothing else. Compiled code reads the tables, writes JSON from the output
//! place that it was given, and calls the helpers of [`crate::Helpers`]; it owns nothing.

use crate::Helpers;

/// How many readable bytes follow every text, and writable ones every output place that [`Context::limit`] allows: a
/// copy moves whole vectors and what is too much is overwritten by what comes next.
pub const SLACK: usize = 128;

/// The most parts of a value that code takes apart by itself; what has more goes to the interpreter.
pub const PARTS_MAX: usize = 31;

/// The most values that key parts and results are handed over by.
pub const RESULTS_MAX: usize = 16;

/// The number of an entry that has a key by which no server can be asked for it.
pub const UNSEARCHED: u64 = u64::MAX - 1;
/// Added to the number of an entry where what was written of the same key is another resource.
pub const DIFFERS: u64 = 1 << 32;

/// How long a reference to an entry is, as JSON.
pub const REFERENCE: usize = 61;

/// Why compiled code gave up, in [`Context::stop`].
#[repr(u64)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stop {
    /// It did not.
    None = 0,
    /// A `Fail` that no `Attempt` held: the message is skipped.
    Skipped = 1,
    /// The mapping refuses the message.
    Refused = 2,
    /// More loop turns and calls than the message may take.
    Fuel = 3,
    /// The output does not fit: the host makes more room and starts again.
    Room = 4,
    /// Something that compiled code leaves to the interpreter.
    Defer = 5,
    /// A helper panicked: a fault of this message alone.
    Panic = 6,
}

/// How compiled code tells about which place of the message an issue is.
#[repr(u64)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Told {
    /// About none.
    Nowhere = 0,
    /// By the address of a value in the text, and the level that it has.
    Value = 1,
    /// By the number of a segment, and a path in it.
    Segment = 2,
    /// By the address of a value, its level, and a path below it.
    Below = 3,
    /// By an origin, as [`crate::Helpers::trace`] takes it.
    Origin = 4,
}

/// Bits of [`Context::flags`]: what the splitter saw in the message.
pub mod flags {
    /// A blank at the beginning of a value, or one of Unicode's at either end, was taken off, which only a conversion
    /// may do.
    pub const TRIMMED: u64 = 1;
    /// An explicit null (`""`) was taken out.
    pub const NULLS: u64 = 2;
    /// Text holds two blanks in a row, a tab or a line end.
    pub const SPACED: u64 = 4;
    /// A segment joined a group out of its turn, so that there may be one member too many.
    pub const JOINED: u64 = 8;
    /// Some text was changed by the splitter: it may hold JSON's escapes.
    pub const ESCAPED: u64 = 16;
    /// Some text is nothing but white space (`\.br\`): it is there, and a blank stands for it that is also among the
    /// separators, so that its first leaf has no length. It is [`TRIMMED`] too.
    pub const BLANKS: u64 = 32;
}

/// A segment of the message. Number 0 of the table is one that is not there: all its fields are absent.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct Segment {
    /// Its bars in order, as far as the plan asks for them, the first being 0. A field lies between two of them.
    pub bars: *const Bar,
    /// Bit `i` is set where a repetition separator stands in the field behind bar `i`, and where that holds the
    /// delimiters. It says nothing of fields behind later bars than it has bits for.
    pub repeats: u64,
}

/// A bar between two fields, as offsets from [`Context::text`]. Behind the last of a segment stands its end; past the end
/// fields have no length. A field that was rewritten stands elsewhere than those beside it.
#[repr(C, align(8))]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Bar {
    /// Where the field before it ends.
    pub end: u32,
    /// Where the field behind it begins.
    pub start: u32,
}

/// A list that a plan adds to: `count` items of so many words as their kind has.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct List {
    pub items: *mut u64,
    pub count: u64,
    /// In words.
    pub room: u64,
}

/// An instance of a group.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct Group {
    pub parent: u32,
    /// Where in [`Context::firsts`] its first members stand, one for each slot of its node ([`crate::Slots`]).
    pub firsts: u32,
    /// 1 if a segment joined it out of its turn.
    pub joined: u32,
}

/// What stands in a group: a segment (index into [`Context::segments`]) or an instance of a group.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct Member {
    pub item: u32,
    /// Index of the next at the same node of the same group, in order of the file; [`Member::NONE`] if it is the last.
    pub next: u32,
}

impl Member {
    pub const NONE: u32 = u32::MAX;
}

/// All that compiled code can reach. A bit of the four maps stands for a byte of the text.
#[repr(C)]
pub struct Context {
    /// The farthest place at which a stretch of code may begin to write.
    pub limit: *const u8,
    /// Loop turns and calls that are left.
    pub fuel: i64,
    /// A [`Stop`].
    pub stop: u64,
    /// How many source values were written, counted only where a plan asks.
    pub live: u64,
    pub flags: u64,
    /// The message's text, and behind it the fields that had to be rewritten.
    pub text: *const u8,
    pub segments: *const Segment,
    /// Component, repetition and subcomponent separators, and all three.
    pub components: *const u8,
    pub repetitions: *const u8,
    pub subcomponents: *const u8,
    pub separators: *const u8,
    pub groups: *const Group,
    pub firsts: *const u32,
    pub members: *const Member,
    /// The plan's constants: texts as JSON holds them, with [`SLACK`] behind the last.
    pub constants: *const u8,
    pub lists: *mut List,
    /// Where code may write texts of its own, and where it may no longer begin one.
    pub scratch: *mut u8,
    pub scratch_end: *const u8,
    /// Of each entry `{"reference":"urn:uuid:…"}`, [`REFERENCE`] bytes of it.
    pub references: *const [u8; 64],
    /// For people: where in the compiler it was decided that the interpreter does this, as line and file.
    pub why: u64,
    /// 1 for a separator below the field of this message.
    pub classes: [u8; 256],
    /// What a routine gives beyond its output place.
    pub results: [u64; RESULTS_MAX],
    pub helpers: Helpers,
    /// The host's own; compiled code hands the context back to helpers and never looks here.
    pub host: *mut core::ffi::c_void,
}
