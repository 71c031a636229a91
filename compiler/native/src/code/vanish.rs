//! What may vanish: blocks in brackets, attempts, and what is only tried.

use cranelift_codegen::ir::{InstBuilder, Value, condcodes::IntCC, types::I64};
use emr_abi::Call;
use emr_compiler::plan::{Block, IssueId, Need, Val};

use super::issue::Where;
use super::{Attempt, Cursor, Gen, at};
use crate::kinds::Kind;
use crate::quiet::{self, Quiet};

impl<'p> Gen<'_, 'p> {
    /// Opens, writes and closes; nothing if nothing is in it, or no value of the message where that is asked for.
    pub fn wrap(
        &mut self,
        (open, close): (&[u8], &[u8]),
        body: &'p Block,
        live: bool,
        needs: &'p [Need],
        mut cursor: Cursor,
    ) -> Option<Cursor> {
        let quiet = quiet::block(self.shared.typing, self.instance, &self.shared.quiet, body);
        let counted = live && quiet == Quiet::Unknown;
        let counting = self.counting || counted;
        let was_counting = std::mem::replace(&mut self.counting, counting);
        let before = counted.then(|| self.load(at!(live)));
        let (base, mark) = (cursor.base, cursor.distance());
        cursor.pending.extend_from_slice(open);
        let opened = cursor.distance();
        let written = self.block(body, cursor);
        self.counting = was_counting;
        let mut written = written?;
        let end = self.place(&mut written);

        // Where output is if there was nothing, or nothing but constants.
        let constants = match quiet {
            Quiet::Bytes(bytes) if live => i64::try_from(bytes).unwrap_or(0),
            _ => 0,
        };
        let empty = self.add(base, opened + constants);
        let mut none = self.b.ins().icmp(IntCC::Equal, end, empty);
        if let Some(before) = before {
            let after = self.load(at!(live));
            let same = self.b.ins().icmp(IntCC::Equal, before, after);
            none = self.b.ins().bor(none, same);
        }
        if !needs.is_empty() {
            self.check_needs(needs, none);
        }
        // The close goes over the last comma, or over what is about to be taken back.
        let mut closed = end;
        if !close.is_empty() {
            let mut at = Cursor { base: end, off: -1, pending: close.to_vec() };
            self.flush(&mut at);
            closed = self.add(end, i64::try_from(close.len()).unwrap_or(0) - 1);
        }
        let start = self.add(base, mark);
        let place = self.b.ins().select(none, start, closed);
        self.untrace(place);
        Some(Cursor::at(place))
    }

    /// A required element that wrote nothing refuses the message, if the block around it stays.
    pub fn check_needs(&mut self, needs: &'p [Need], vanishes: Value) {
        let (stays, fine) = (self.label(), self.label());
        self.either(vanishes, fine, stays);
        self.b.switch_to_block(stays);
        for need in needs {
            let (next, bad) = (self.label(), self.cold());
            self.is_true(need.wrote, next, bad);
            self.b.switch_to_block(bad);
            let about = self.about(need.at);
            self.refuse(need.issue, about);
            self.b.switch_to_block(next);
        }
        self.jump(fine);
        self.b.switch_to_block(fine);
    }

    /// The body; a `Fail` inside takes back what it wrote.
    pub fn attempt(&mut self, body: &'p Block, issue: IssueId, mut cursor: Cursor) -> Cursor {
        let start = self.place(&mut cursor);
        let (before, limit) = (self.load(at!(live)), self.load(at!(limit)));
        let level = self.contain_level();
        let was_counting = std::mem::replace(&mut self.counting, true);
        let (failed, (done, place)) = (self.cold(), self.meeting());
        self.attempts.push(Attempt { failed });
        self.into(body, Cursor::at(start), done);
        self.attempts.pop();
        self.counting = was_counting;

        self.b.switch_to_block(failed);
        // Source values that are taken back are an issue.
        let after = self.load(at!(live));
        let lost = self.b.ins().icmp(IntCC::NotEqual, before, after);
        let (said, quiet) = (self.cold(), self.cold());
        self.either(lost, said, quiet);
        self.b.switch_to_block(said);
        self.say(issue, Where::Nowhere);
        self.jump(quiet);
        self.b.switch_to_block(quiet);
        self.store(at!(live), before);
        // It may have left a resource that was begun.
        self.store(at!(limit), limit);
        self.contain_back(level);
        self.untrace(start);
        self.goto(done, start);
        self.b.switch_to_block(done);
        Cursor::at(place)
    }

    /// The body, in which it is asked what was there before.
    pub fn distinct_writings(&mut self, body: &'p Block, cursor: Cursor) -> Option<Cursor> {
        let number = self.tables.writings();
        let word = self.int(i64::from(number));
        self.helper(Call::forget, &[word]);
        let outer = self.writings.replace(number);
        let done = self.block(body, cursor);
        self.writings = outer;
        done
    }

    /// Whether the body writes something that was not there before; what it writes is taken back.
    pub fn unlike(&mut self, body: &'p Block, to: Val, mut cursor: Cursor) -> Cursor {
        let Some(number) = self.writings else {
            self.give_up();
            return cursor;
        };
        let start = self.place(&mut cursor);
        let (cursor, end) = self.tried(body, Cursor::at(start));
        let number = self.int(i64::from(number));
        let is_new = self.helper(Call::unlike, &[number, start, end]);
        self.set(to, &Kind::Bool, &[is_new]);
        cursor
    }

    /// Whether the body writes something; what it writes is taken back.
    pub fn probe(&mut self, body: &'p Block, to: Val, mut cursor: Cursor) -> Cursor {
        let start = self.place(&mut cursor);
        let (cursor, end) = self.tried(body, Cursor::at(start));
        let wrote = self.b.ins().icmp(IntCC::NotEqual, end, start);
        let wrote = self.b.ins().uextend(I64, wrote);
        self.set(to, &Kind::Bool, &[wrote]);
        cursor
    }

    /// Carries out a body and takes back what it wrote; gives where that ended.
    fn tried(&mut self, body: &'p Block, mut cursor: Cursor) -> (Cursor, Value) {
        let start = self.place(&mut cursor);
        let (before, limit) = (self.load(at!(live)), self.load(at!(limit)));
        let level = self.contain_level();
        let (failed, (done, end)) = (self.cold(), self.meeting());
        self.attempts.push(Attempt { failed });
        self.into(body, Cursor::at(start), done);
        self.attempts.pop();
        self.b.switch_to_block(failed);
        self.store(at!(limit), limit);
        self.contain_back(level);
        self.goto(done, start);
        self.b.switch_to_block(done);
        self.store(at!(live), before);
        self.untrace(start);
        (Cursor::at(start), end)
    }
}
