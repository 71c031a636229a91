//! Bodies of the built-in functions, as far as they are more than a step of the interpreter. Each does what the
//! library's prelude says of the function of that name; where the prelude says "nothing", the body gives `None`.
//!
//! Those about numbers and times stand with them: [`crate::number`], [`crate::time`].

pub mod bytes;
pub mod list;
pub mod text;

pub use text::Pattern;
