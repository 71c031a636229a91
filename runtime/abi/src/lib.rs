//! The contract between compiled code and its host: one list of built-in functions.
