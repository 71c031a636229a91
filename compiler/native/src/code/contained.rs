//! Resources inside others. The host keeps them until the resource that they are in ends, a level for each that is being
//! written: whatever leaves one before its end goes back to the level that it came from.

use cranelift_codegen::ir::Value;
use emr_abi::Call;
use emr_compiler::plan::{Block, Val};

use super::{Cursor, Gen, at};
use crate::kinds::Kind;

impl<'p> Gen<'_, 'p> {
    /// A resource inside the one that is being written: what the body writes is taken out of the output.
    pub fn contain(&mut self, body: &'p Block, to: Val, mut cursor: Cursor) -> Option<Cursor> {
        let start = self.place(&mut cursor);
        let before = self.load(at!(live));
        let mut written = self.block(body, cursor)?;
        let end = self.place(&mut written);
        let number = self.helper(Call::contain, &[start, end]);
        self.store(at!(live), before);
        self.untrace(start);
        self.set(to, &Kind::Contained, &[number]);
        Some(Cursor::at(start))
    }

    /// How many resources are being written, if any may be inside another.
    pub fn contain_level(&mut self) -> Option<Value> {
        self.shared.contains.then(|| self.helper(Call::contain_level, &[]))
    }

    /// Goes on with so many.
    pub fn contain_back(&mut self, level: Option<Value>) {
        if let Some(level) = level {
            self.helper(Call::contain_back, &[level]);
        }
    }
}
