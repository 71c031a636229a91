//! The library declares each built-in function once, and each declaration has a body.

use std::collections::BTreeSet;
use std::fs;

use emr_abi::Builtin;

use crate::corpus;

#[test]
fn the_prelude_declares_the_functions_that_there_are() {
    let mut declared = Vec::new();
    for path in corpus::files(&corpus::root().join("stdlib/prelude"), &[".emr"]) {
        let text = fs::read_to_string(path).unwrap();
        let names = text.lines().filter_map(|line| line.strip_prefix("extern fn ")?.split_once('('));
        declared.extend(names.map(|(name, _)| name.to_owned()));
    }
    let listed: BTreeSet<_> = Builtin::ALL.iter().map(|builtin| builtin.name().to_owned()).collect();
    assert_eq!(declared.len(), listed.len());
    assert_eq!(declared.into_iter().collect::<BTreeSet<_>>(), listed);
}
