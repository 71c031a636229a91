//! The steps of a plan, one after the other.

use cranelift_codegen::ir::{BlockArg, InstBuilder, Value, condcodes::IntCC, types::I64};
use emr_abi::Call;
use emr_compiler::check::typed::Pick;
use emr_compiler::plan::{CodePart, Constant, IssueId, Step, Val};

use super::grouped::Named;
use super::issue::Where;
use super::{Cursor, Gen, at};
use crate::kinds::{Kind, Live, leaf, takes_none_for_empty};

impl<'p> Gen<'_, 'p> {
    /// `None` where what follows is never reached.
    pub fn step(&mut self, step: &'p Step, mut cursor: Cursor) -> Option<Cursor> {
        match step {
            Step::Put(text) => cursor.pending.extend_from_slice(text.as_bytes()),
            Step::Write { of, form } => self.write(&mut cursor, *of, *form),
            Step::Wrap { open, body, close, live, needs } => {
                return self.wrap((open.as_bytes(), close.as_bytes()), body, *live, needs, cursor);
            }
            Step::Or { first, then } => {
                let start = self.place(&mut cursor);
                let mut written = self.apart(first, cursor)?;
                let end = self.place(&mut written);
                let (none, (done, place)) = (self.label(), self.meeting());
                let same = self.b.ins().icmp(IntCC::Equal, end, start);
                self.b.ins().brif(same, none, &[], done, &[BlockArg::Value(end)]);
                self.b.switch_to_block(none);
                self.into(then, Cursor::at(start), done);
                self.b.switch_to_block(done);
                return Some(Cursor::at(place));
            }
            Step::Wrote { body, to } => {
                let start = self.place(&mut cursor);
                let mut written = self.block(body, cursor)?;
                let end = self.place(&mut written);
                let wrote = self.b.ins().icmp(IntCC::NotEqual, end, start);
                let wrote = self.b.ins().uextend(I64, wrote);
                self.set(*to, &Kind::Bool, &[wrote]);
                return Some(Cursor::at(end));
            }
            Step::Probe { body, to } => return Some(self.probe(body, *to, cursor)),
            Step::Distinct { body } => return self.distinct_writings(body, cursor),
            Step::Unlike { body, to } => return Some(self.unlike(body, *to, cursor)),
            Step::Attempt { body, issue } => return Some(self.attempt(body, *issue, cursor)),
            Step::Fail => {
                match self.attempts.last() {
                    Some(attempt) => {
                        let failed = attempt.failed;
                        self.jump(failed);
                    }
                    None => self.skip(),
                }
                return None;
            }
            Step::Count => {
                if self.counting {
                    let one = self.int(1);
                    self.count_as_live(one);
                }
            }
            Step::Entries { requests } => {
                let place = self.place(&mut cursor);
                let requests = self.int(i64::from(*requests));
                let call = if self.shared.typing.traced { Call::trace_entries } else { Call::entries };
                let end = self.helper(call, &[place, requests]);
                self.go_on_or_return(end);
                return Some(Cursor::at(end));
            }
            Step::If { test, yes, no } => {
                let (when, otherwise, (done, place)) = (self.label(), self.label(), self.meeting());
                self.flush(&mut cursor);
                self.branch(test, when, otherwise);
                self.b.switch_to_block(when);
                self.into(yes, cursor.clone(), done);
                self.b.switch_to_block(otherwise);
                self.into(no, cursor, done);
                self.b.switch_to_block(done);
                return Some(Cursor::at(place));
            }
            Step::Choose { of, arms, other } => return Some(self.choose(*of, arms, other, cursor)),
            Step::Each { of, item, body, until } => return Some(self.each(*of, *item, body, *until, cursor)),
            Step::EachBy { of, item, key, by, items, body } => {
                let named = Named { item: *item, by: *by, items: *items };
                return Some(self.each_by(*of, named, key, body, cursor));
            }
            Step::Copied { of, made } => self.copied(*of, *made),
            Step::Contain { body, to } => return self.contain(body, *to, cursor),
            Step::Refer { resource, key, to, issue } => self.refer(resource, key, *to, *issue)?,
            Step::Calculate { op, left, right, to, issue } => self.calculate(*op, *left, *right, *to, *issue),
            Step::Edit { segment, at, body } => return self.edit(*segment, *at, body, cursor),
            Step::Drop { segment } => self.drop_segment(*segment, &mut cursor),
            Step::Trace { rule, of } => self.trace(&cursor, *rule, *of),
            // Plans that are explained are the interpreter's.
            Step::Under { .. } => self.give_up(),
            Step::Call { routine, arguments, to } => return Some(self.call(*routine, arguments, *to, cursor)),
            Step::Emit { .. } => return self.emit(step, cursor),
            Step::Issue { issue, at } => {
                let about = self.about(*at);
                self.say(*issue, about);
            }
            Step::Reject { issue, at } => {
                let about = self.about(*at);
                self.refuse(*issue, about);
                return None;
            }
            Step::Take { of, part, to } => self.take(*of, part, *to),
            Step::Set { from, to } => self.assign(*from, *to),
            Step::Constant { value, to } => self.constant_step(value, *to),
            Step::Receipt { part, to } => {
                let part = self.int(*part as i64);
                let length = self.helper(Call::receipt, &[part]);
                let (at, live) = (self.load(at!(results)), self.int(1));
                self.set_text(*to, at, length, Live::Yes, live);
            }
            Step::Convert { of, into, to, issue } => self.convert(*of, *into, *to, *issue),
            Step::Builtin { function, arguments, to, issue } => self.builtin(*function, arguments, *to, *issue),
            Step::Join { parts, to } => self.join(parts, *to),
            Step::Append { of, between, to } => self.append(*of, *between, *to),
            Step::Gather { parts, to } => self.gather(parts, *to),
            Step::Push { of, to } => self.push_all(*of, *to),
            Step::Pick { which, of, to, issue } => self.pick(*which, *of, *to, *issue),
            Step::Coded { system, code, display, to } => self.coded([*system, *code, *display], *to),
            Step::CodePart { of, part, to } => self.code_part(*of, *part, *to),
            Step::Lookup { table, keys, cell, to } => self.lookup(*table, keys, *cell, *to),
            Step::Decide { test, to } => {
                let (yes, no, (done, value)) = (self.label(), self.label(), self.meeting());
                self.branch(test, yes, no);
                for (label, number) in [(yes, 1), (no, 0)] {
                    self.b.switch_to_block(label);
                    let number = self.int(number);
                    self.goto(done, number);
                }
                self.b.switch_to_block(done);
                self.set(*to, &Kind::Bool, &[value]);
            }
        }
        Some(cursor)
    }

    pub fn about(&mut self, val: Option<Val>) -> Where {
        val.map_or(Where::Nowhere, |val| self.place_of(val))
    }

    // ---- values

    fn assign(&mut self, from: Val, to: Val) {
        let (kind, words) = (self.kind(from), self.get(from));
        match (&kind, self.kind(to)) {
            (Kind::Any, _) => self.give_up(),
            (Kind::List(item), Kind::List(wanted)) if **item != Kind::Missing && **item != *wanted => {
                let own = self.own_list(to);
                let none = self.int(0);
                self.set_list_count(own, none);
                self.push_items(from, own, &wanted);
                let kind = self.kind(to);
                self.set(to, &kind, &[own]);
            }
            (Kind::List(item), Kind::List(_)) if **item != Kind::Missing => {
                // A list of its own: the other may grow or begin anew.
                let own = self.own_list(to);
                let width = self.count(item.words());
                self.helper(Call::copy, &[self.word(&words, 0), own, width]);
                self.set(to, &kind, &[own]);
            }
            _ => self.set(to, &kind, &words),
        }
    }

    fn constant_step(&mut self, value: &Constant, to: Val) {
        match value {
            Constant::Missing => self.clear(to),
            Constant::List => {
                if let Kind::List(_) = self.kind(to) {
                    let own = self.own_list(to);
                    let none = self.int(0);
                    self.set_list_count(own, none);
                    let kind = self.kind(to);
                    self.set(to, &kind, &[own]);
                } else {
                    self.give_up();
                }
            }
            Constant::Text(text) if !text.is_empty() => {
                let words = self.constant_words(value);
                self.set(to, &Kind::Text(Live::No), &words);
            }
            Constant::Duration(millis) => {
                let millis = self.int(*millis);
                self.set(to, &Kind::Duration, &[millis]);
            }
            Constant::Coded { code, live, .. } if !code.is_empty() => {
                let words = self.constant_words(value);
                self.set(to, &Kind::Coded(if *live { Live::Yes } else { Live::No }), &words);
            }
            Constant::Reason(_) => {
                self.give_up();
                self.clear(to);
            }
            // Where it is used, the interpreter takes over.
            _ => {}
        }
    }

    fn pick(&mut self, which: Pick, of: Val, to: Val, issue: IssueId) {
        let (kind, words) = (self.kind(of), self.get(of));
        match (which, &kind) {
            (_, Kind::Any) => self.give_up(),
            (Pick::First, _) => {
                let (one, words) = self.first(&kind, &words);
                self.set(to, &one, &words);
            }
            (Pick::Only, Kind::Field) => {
                let (one, first) = self.first(&kind, &words);
                let (whole, length) = (self.word(&words, 0), self.word(&words, 1));
                let end = self.b.ins().iadd(whole, length);
                let at = self.word(&first, 0);
                let rest = self.b.ins().isub(end, at);
                self.if_second(at, rest, |this, second| this.say(issue, second));
                self.set(to, &one, &first);
            }
            (Pick::Only, Kind::Node) => {
                let several = self.node_item(self.word(&words, 0), 2);
                let (said, fine) = (self.cold(), self.label());
                self.either(several, said, fine);
                self.b.switch_to_block(said);
                self.say(issue, Where::Nowhere);
                self.jump(fine);
                self.b.switch_to_block(fine);
                let (one, words) = self.first(&kind, &words);
                self.set(to, &one, &words);
            }
            (Pick::Only, Kind::List(_)) => {
                let count = self.list_count(self.word(&words, 0));
                let several = self.above(count, 1);
                let (said, fine) = (self.cold(), self.label());
                self.either(several, said, fine);
                self.b.switch_to_block(said);
                let item = kind.item(self.shared.typing);
                let second = self.item_or_missing(self.word(&words, 0), 2, &item);
                let about = self.place_of_item(&item, &second);
                self.say(issue, about);
                self.jump(fine);
                self.b.switch_to_block(fine);
                let (one, words) = self.first(&kind, &words);
                self.set(to, &one, &words);
            }
            (Pick::Last, Kind::List(item)) => {
                let (list, item) = (self.word(&words, 0), (**item).clone());
                let count = self.list_count(list);
                let words = self.last_item(list, count, &item);
                self.set(to, &item, &words);
            }
            (Pick::Last, Kind::Members(_) | Kind::Field | Kind::Node) => {
                let item = kind.item(self.shared.typing);
                let words = self.last_of(of, to, &item);
                self.set(to, &item, &words);
            }
            (_, Kind::Members(_)) => self.give_up(),
            _ => self.set(to, &kind, &words),
        }
    }

    /// Leaves the message to the interpreter if the value is there: without it there is nothing to do.
    #[track_caller]
    fn give_up_if_present(&mut self, of: Val) {
        let (some, none) = (self.cold(), self.label());
        self.present(of, some, none);
        self.b.switch_to_block(some);
        self.give_up();
        self.jump(none);
        self.b.switch_to_block(none);
    }

    #[track_caller]
    pub fn give_up_when(&mut self, condition: Value) {
        let (odd, fine) = (self.cold(), self.label());
        self.either(condition, odd, fine);
        self.b.switch_to_block(odd);
        self.give_up();
        self.jump(fine);
        self.b.switch_to_block(fine);
    }

    fn coded(&mut self, [system, code, display]: [Val; 3], to: Val) {
        if [system, code, display].iter().any(|val| self.kind(*val) == Kind::Any) {
            return self.give_up();
        }
        let Some(live) = leaf(&self.kind(code)) else { return self.clear(to) };
        // The system is taken as it is, code and display without blanks around them.
        let mut words = Vec::new();
        for (val, is_trimmed) in [(system, false), (code, true), (display, true)] {
            let (text, length) = if is_trimmed { self.leaf_or_blank(val) } else { self.raw_leaf(val) };
            let (text, length) =
                if is_trimmed && self.kind(val).may_be_padded() { self.trimmed(text, length) } else { (text, length) };
            words.extend([text, length]);
        }
        let live = if live == Live::Traced { Live::Told } else { live };
        if live == Live::Told {
            let told = self.any_live(&[code]);
            words.push(told);
        }
        self.set(to, &Kind::Coded(live), &words);
    }

    fn code_part(&mut self, of: Val, part: CodePart, to: Val) {
        let (kind, words) = (self.kind(of), self.get(of));
        match (&kind, part) {
            (Kind::Any, _) => self.give_up(),
            (Kind::Coded(live), part) => {
                let first = 2 * part as usize;
                let (at, length) = (self.word(&words, first), self.word(&words, first + 1));
                let told = self.live(&kind, &words);
                self.set_text(to, at, length, *live, told);
            }
            (Kind::Text(_), CodePart::Code) if self.shared.takes_resources => self.give_up(),
            (Kind::Piece(_) | Kind::Part | Kind::Text(_), CodePart::Code) => self.set(to, &kind, &words),
            _ => self.clear(to),
        }
    }

    /// Whether arguments of a function of texts have to be left to the interpreter: a first that is no text is missing.
    pub fn are_unknown(&self, function: emr_abi::Builtin, arguments: &[Val]) -> bool {
        arguments.iter().enumerate().any(|(index, argument)| match self.kind(*argument) {
            Kind::Any => !(takes_none_for_empty(function, index) && self.facts.is_empty_text(*argument)),
            Kind::Missing => false,
            kind => index > 0 && leaf(&kind).is_none(),
        })
    }

    fn builtin(&mut self, function: emr_abi::Builtin, arguments: &[Val], to: Val, issue: IssueId) {
        if let (Some(first), true) = (arguments.first(), is_missing_without_first(function)) {
            self.give_up_if_present(*first);
            return self.clear(to);
        }
        if let (Some(of), emr_abi::Builtin::resolve) = (arguments.first(), function) {
            return self.resolve(*of, to);
        }
        match (function, arguments.first()) {
            (emr_abi::Builtin::count, Some(of)) => return self.count_items(*of, to),
            (emr_abi::Builtin::any, Some(of)) => return self.truth(*of, to, false),
            (emr_abi::Builtin::all, Some(of)) => return self.truth(*of, to, true),
            (emr_abi::Builtin::min | emr_abi::Builtin::max, Some(of)) => return self.extreme(function, *of, to),
            (emr_abi::Builtin::distinct, Some(of)) => return self.distinct(*of, to),
            (emr_abi::Builtin::pieces, _) => return self.pieces(arguments, to),
            (emr_abi::Builtin::in_minutes, Some(of)) => return self.in_minutes(*of, to),
            _ => {}
        }
        use emr_abi::Builtin::{join, position, sum, uuid};
        if matches!(function, join | position | sum | uuid) {
            return self.over(function, arguments, to, issue);
        }
        if gives_duration(function) && self.kind(to) == Kind::Duration {
            return self.duration_of(function, arguments, to, issue);
        }
        let kind = self.kind(to);
        let too_many = arguments.len() > emr_abi::RESULTS_MAX / 2;
        let unknown = self.are_unknown(function, arguments);
        if too_many || unknown || !matches!(kind, Kind::Text(_) | Kind::Bool) {
            return self.give_up();
        }
        let count = self.hand_over_texts(arguments);
        let number = self.int(function as i64);
        let got = self.helper(Call::builtin, &[number, count]);
        // An argument that the function cannot take is an issue.
        let got = self.checked(got, issue, arguments);
        match kind {
            Kind::Text(live) => {
                let at = self.load(at!(results));
                let told = self.any_live(arguments);
                let told = self.told_with_origin_of(told, arguments.get(..1).unwrap_or_default());
                self.set_text(to, at, got, live, told);
            }
            _ => {
                // 0 for missing, 1 for false, 2 for true.
                let value = self.add(got, -1);
                self.set(to, &Kind::Bool, &[value]);
            }
        }
    }
}

fn gives_duration(function: emr_abi::Builtin) -> bool {
    use emr_abi::Builtin::{days, duration, hours, minutes};
    matches!(function, minutes | hours | days | duration)
}

/// The functions that code leaves to the interpreter where there is a first argument, and that give nothing without.
fn is_missing_without_first(function: emr_abi::Builtin) -> bool {
    use emr_abi::Builtin::{er7, raw};
    matches!(function, er7 | raw)
}
