//! Gives every name in a module the declaration that it names.
//!
//! Before this stage `patient` is a word. Afterwards it is the key of a declaration in some module, or a problem.
//! Paths are typed later, in `check`, since what `.family` is depends on the type of what stands before it.

mod module;
mod names;
mod unused;

pub use module::{Declared, DeclaredKind, Export, exports, key};
pub use names::{Found, Modules, Names, names};
pub use unused::{Needs, unused};
