//! The binary `emr`: which commands there are. Each is a file; how they end is in `end`.

fn main() {}
