//! The only reader of source: finds the modules, packages and settings of a project and hands them to the compiler.

pub mod packages;
