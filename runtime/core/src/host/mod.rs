//! What stands around compiled code: the message made ready for it.

pub mod text;
