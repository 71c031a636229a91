//! What a plan looks at in a segment; a host need not split anything else.

use std::collections::BTreeSet;
use std::fmt;

#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Reads {
    pub fields: BTreeSet<u16>,
    pub repetitions: bool,
    pub components: bool,
    pub subcomponents: bool,
}

impl fmt::Display for Reads {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let fields: Vec<_> = self.fields.iter().map(u16::to_string).collect();
        write!(f, "{}", fields.join(" "))?;
        for (used, mark) in [(self.repetitions, "~"), (self.components, "^"), (self.subcomponents, "&")] {
            if used {
                write!(f, " {mark}")?;
            }
        }
        Ok(())
    }
}
