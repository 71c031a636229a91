//! The language server: what an editor says comes in, what is wrong with its text goes out.
