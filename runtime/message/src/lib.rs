//! HL7 v2 messages, dates and numbers as they really come, and the bodies of the built-ins: pure, for interpreter and
//! runtime alike.
//!
//! [`Message::read`] finds the segments of a message, [`Piece`] walks down from a field to its parts, [`group`] puts
//! segments into the groups of a structure, [`time`] and [`number`] keep the precision that a value came with.

pub mod answer;
pub mod answers;
pub mod batch;
pub mod builtin;
pub mod charset;
pub mod convert;
pub mod delimiters;
pub mod encode;
pub mod escape;
pub mod group;
pub mod header;
pub mod identity;
pub mod json;
pub mod lineage;
pub mod message;
pub mod notes;
pub mod number;
pub mod piece;
pub mod receipt;
pub mod refer;
pub mod resource;
mod secret;
pub mod stand_in;
pub mod table;
pub mod time;
pub mod ucum;

/// The text of the types that plans are made of, so that what names the form of a stored plan changes with them.
pub const TYPES: [&[u8]; 4] = [
    include_bytes!("convert.rs"),
    include_bytes!("group.rs"),
    include_bytes!("receipt.rs"),
    include_bytes!("table.rs"),
];

pub use answers::Answers;
pub use charset::Charset;
pub use delimiters::Delimiters;
pub use message::{Message, Name, Segment, Settings, Unreadable};
pub use notes::{Note, Odd};
pub use number::Decimal;
pub use piece::{Level, Piece, Place, State};
pub use receipt::Receipt;
pub use secret::Secrets;
pub use table::Table;
pub use time::{DateTime, TimeOfDay, Zone};
