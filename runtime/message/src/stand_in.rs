//! The message in whose place something else came: what ids are made of, and steps counted by.

use crate::{Delimiters, escape};

/// The bytes of a message that has nothing but this text. What is made of a message that it is the base of has its header.
pub fn message(text: &str) -> Vec<u8> {
    format!("MSH|^~\\&\rZZZ|{}\r", escape::encode(text, &Delimiters::STANDARD)).into_bytes()
}
