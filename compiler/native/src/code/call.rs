//! Calls of routines, resources, and what is handed over through the context.

use cranelift_codegen::ir::{BlockArg, InstBuilder, StackSlotData, StackSlotKind, Value, condcodes::IntCC, types::I64};
use emr_abi::{Call, List, Stop};
use emr_compiler::plan::{IssueId, KeyPart, KeyValue, RoutineId, Sent, Step, Val};
use std::mem::offset_of;

use super::issue::Where;
use super::output::nth;
use super::{Cursor, Gen, Words, at, mem, offset};
use crate::kinds::{Kind, leaf};

impl<'p> Gen<'_, 'p> {
    pub fn call(&mut self, routine: RoutineId, arguments: &[Val], to: Option<Val>, mut cursor: Cursor) -> Cursor {
        let params: Vec<Kind> = arguments.iter().map(|argument| self.kind(*argument)).collect();
        let found = self.shared.typing.find(routine, &params);
        let Some((index, function)) = found.and_then(|index| Some((index, *self.functions.get(&index)?))) else {
            self.give_up();
            return cursor;
        };
        let place = self.place(&mut cursor);
        self.burn();
        let mut given = vec![self.ctx, place];
        for argument in arguments {
            given.extend(self.get(*argument));
        }
        let call = self.b.ins().call(function, &given);
        let end = self.b.inst_results(call).first().copied().unwrap_or(place);
        self.go_on_or_return(end);
        if let Some(to) = to {
            let kind = self.shared.typing.instances.get(index).map_or(Kind::Any, |called| called.result.clone());
            let words = (0..kind.words()).map(|word| self.load(at!(results) + nth(word, 8))).collect::<Words>();
            self.receive(to, &kind, &words);
        }
        Cursor::at(end)
    }

    /// Sets what a call gave. A list of the called routine is copied: it begins anew with the next call.
    fn receive(&mut self, to: Val, kind: &Kind, words: &[Value]) {
        match kind {
            Kind::Any => self.give_up(),
            Kind::List(item) if **item != Kind::Missing && matches!(self.kind(to), Kind::List(_)) => {
                let own = self.own_list(to);
                let width = self.count(item.words());
                self.helper(Call::copy, &[self.word(words, 0), own, width]);
                self.set(to, kind, &[own]);
            }
            _ => self.set(to, kind, words),
        }
    }

    /// Leaves the routine if what it called did so, or leaves out the block that may be left out.
    pub fn go_on_or_return(&mut self, place: Value) {
        let (left, on) = (self.cold(), self.label());
        self.either(place, on, left);
        self.b.switch_to_block(left);
        if let Some(failed) = self.attempts.last().map(|attempt| attempt.failed) {
            let (skipped, out) = (self.cold(), self.cold());
            let why = self.load(at!(stop));
            let is_skipped = self.is(IntCC::Equal, why, Stop::Skipped as i64);
            self.either(is_skipped, skipped, out);
            self.b.switch_to_block(skipped);
            self.note(Stop::None);
            self.jump(failed);
            self.b.switch_to_block(out);
        }
        let none = self.int(0);
        self.b.ins().return_(&[none]);
        self.b.switch_to_block(on);
    }

    /// The result of this routine, for its caller.
    pub fn hand_over(&mut self, val: Val) {
        let words = self.get(val);
        self.hand_over_words(0, &words);
    }

    fn hand_over_words(&mut self, from: usize, words: &[Value]) {
        for (index, word) in words.iter().enumerate() {
            self.store(at!(results) + nth(from + index, 8), *word);
        }
    }

    /// The text of an argument; an empty one is none.
    fn given_text(&mut self, val: Val) -> (Value, Value) {
        if self.facts.is_empty_text(val) {
            return (self.given(at!(text)), self.int(0));
        }
        self.raw_leaf(val)
    }

    /// Texts for a helper; how many, as a word.
    pub fn hand_over_texts(&mut self, vals: &[Val]) -> Value {
        let texts: Vec<(Value, Value)> = vals.iter().map(|val| self.given_text(*val)).collect();
        for (index, (at, length)) in texts.iter().enumerate() {
            self.hand_over_words(2 * index, &[*at, *length]);
        }
        self.count(vals.len())
    }

    // ---- resources

    pub fn emit(&mut self, step: &'p Step, mut cursor: Cursor) -> Option<Cursor> {
        let Step::Emit { resource, sent, key, body, to, rule, issue } = step else { return Some(cursor) };
        let (sent, unkeyed) = match sent {
            Sent::Whole => (emr_abi::Sent::Whole, None),
            Sent::IfNew => (emr_abi::Sent::IfNew, None),
            Sent::Patch(issue) => (emr_abi::Sent::Patch, Some(*issue)),
        };
        let emit = emr_abi::Emit {
            resource: resource.to_string(),
            sent,
            place: self.shared.typing.plan.identity_place(*rule),
            rule: *rule,
            issue: *issue,
            key: Vec::new(),
        };
        let start = self.place(&mut cursor);
        let number = self.maker(emit, key)?;
        // What is written in it is no part of what is written around it.
        let was_counting = std::mem::replace(&mut self.counting, false);
        let live = was_counting.then(|| self.load(at!(live)));
        let entry = self.helper(Call::emit_begin, &[number, start]);
        let place = self.load(at!(results));
        self.go_on_or_return(place);
        let done = unkeyed.map(|issue| self.without_key(entry, issue, key));
        // It is wanted again behind all that the body does.
        let slot = self.b.create_sized_stack_slot(StackSlotData::new(StackSlotKind::ExplicitSlot, 16, 3));
        self.b.ins().stack_store(I64, entry, slot, 0);
        self.b.ins().stack_store(I64, place, slot, 8);
        if self.shared.contains {
            self.helper(Call::contain_begin, &[]);
        }
        let written = self.block(body, Cursor::at(place));
        self.counting = was_counting;
        let mut written = written?;
        let mut end = self.place(&mut written);
        let [entry, place] = [0, 8].map(|at| self.b.ins().stack_load(I64, I64, slot, at));
        if self.shared.contains {
            end = self.helper(Call::contain_end, &[place, end]);
            self.go_on_or_return(end);
        }
        let ends = if self.shared.typing.traced { Call::trace_end } else { Call::emit_end };
        let reference = self.helper(ends, &[entry, place, end]);
        let reference = if key.is_empty() { reference } else { self.told_if_another(reference, *issue, key) };
        if let Some(live) = live {
            self.store(at!(live), live);
        }
        let reference = match done {
            Some((done, known)) => {
                self.goto(done, reference);
                self.b.switch_to_block(done);
                known
            }
            None => reference,
        };
        self.set(*to, &Kind::Reference, &[reference]);
        Some(Cursor::at(start))
    }

    /// Says that nothing tells which resource is to be changed, where that is so: then there is no reference to it. Gives where
    /// one arrives.
    fn without_key(&mut self, entry: Value, issue: IssueId, key: &[KeyPart]) -> (super::Label, Value) {
        let (unkeyed, keyed, (done, reference)) = (self.cold(), self.label(), self.meeting());
        let is_unkeyed = self.is(IntCC::SignedLessThan, entry, 0);
        self.either(is_unkeyed, unkeyed, keyed);
        self.b.switch_to_block(unkeyed);
        // A key that no server can be asked for has a place, and one that is not there has none.
        let (said, placed, nowhere) = (self.label(), self.cold(), self.cold());
        let is_unsearched = self.is(IntCC::Equal, entry, emr_abi::UNSEARCHED.cast_signed());
        self.either(is_unsearched, placed, nowhere);
        self.b.switch_to_block(placed);
        self.say_of_key(issue, key);
        self.jump(said);
        self.b.switch_to_block(nowhere);
        self.say(issue, Where::Nowhere);
        self.jump(said);
        self.b.switch_to_block(said);
        let none = self.int(-1);
        self.goto(done, none);
        self.b.switch_to_block(keyed);
        (done, reference)
    }

    /// Says that the entry of that number has the same key and is another resource, where that is so. Gives the number.
    fn told_if_another(&mut self, entry: Value, issue: IssueId, key: &[KeyPart]) -> Value {
        let (another, (done, known)) = (self.cold(), self.meeting());
        let is_another = self.is(IntCC::SignedGreaterThanOrEqual, entry, emr_abi::DIFFERS.cast_signed());
        self.b.ins().brif(is_another, another, &[], done, &[BlockArg::Value(entry)]);
        self.b.switch_to_block(another);
        self.say_of_key(issue, key);
        let number = self.add(entry, -emr_abi::DIFFERS.cast_signed());
        self.goto(done, number);
        self.b.switch_to_block(done);
        known
    }

    /// An issue where the first part of a key stands that stands in the message.
    fn say_of_key(&mut self, issue: IssueId, key: &[KeyPart]) {
        let texts: Vec<Val> = key
            .iter()
            .filter_map(|part| match part.value {
                KeyValue::Text(of) | KeyValue::Token { code: of, .. } => Some(of),
                KeyValue::Reference(_) => None,
            })
            .collect();
        let about = self.place_of_any(&texts);
        self.say(issue, about);
    }

    /// The number of what makes such a resource, its key being handed over.
    fn maker(&mut self, emit: emr_abi::Emit, key: &[KeyPart]) -> Option<Value> {
        let mut parts = Vec::new();
        let mut words = Vec::new();
        for part in key {
            let (value, given) = match part.value {
                KeyValue::Text(of) => (emr_abi::KeyValue::Text, self.key_text(of)),
                KeyValue::Token { system, code } => {
                    (emr_abi::KeyValue::Token, [self.key_text(system), self.key_text(code)].concat())
                }
                KeyValue::Reference(of) => (emr_abi::KeyValue::Reference, self.key_reference(of)),
            };
            words.extend(given);
            parts.push(emr_abi::KeyPart { parameter: part.parameter.as_ref().map(ToString::to_string), value });
        }
        if words.len() > emr_abi::RESULTS_MAX {
            self.stop(Stop::Defer);
            return None;
        }
        let number = self.tables.emits.len();
        self.tables.emits.push(emr_abi::Emit { key: parts, ..emit });
        self.hand_over_words(0, &words);
        Some(self.count(number))
    }

    /// A reference by its key to what is not emitted there.
    pub fn refer(&mut self, resource: &str, key: &[KeyPart], to: Val, issue: IssueId) -> Option<()> {
        let emit = emr_abi::Emit {
            resource: resource.to_owned(),
            sent: emr_abi::Sent::Never,
            place: String::new(),
            rule: u32::MAX,
            issue,
            key: Vec::new(),
        };
        let number = self.maker(emit, key)?;
        let entry = self.helper(Call::refer, &[number]);
        self.set(to, &Kind::Reference, &[entry]);
        Some(())
    }

    /// Notes that a resource is a copy of one that came.
    pub fn copied(&mut self, of: Val, made: Val) {
        match (self.kind(of), self.kind(made)) {
            (Kind::Node, Kind::Reference) => {
                let (of, made) = (self.get(of), self.get(made));
                let words = [self.word(&made, 0), self.word(&of, 0)];
                self.helper(Call::copied, &words);
            }
            (Kind::Any, _) | (_, Kind::Any) => self.give_up(),
            _ => {}
        }
    }

    fn key_text(&mut self, of: Val) -> Words {
        let kind = self.kind(of);
        if kind == Kind::Any || kind != Kind::Missing && leaf(&kind).is_none() {
            self.give_up();
        }
        let (at, length) = self.raw_leaf(of);
        vec![at, length]
    }

    fn key_reference(&mut self, of: Val) -> Words {
        match self.kind(of) {
            Kind::Reference => self.get(of),
            kind => {
                if kind == Kind::Any {
                    self.give_up();
                }
                vec![self.int(-1)]
            }
        }
    }

    // ---- lists

    /// The list that a value of this routine has for itself.
    pub fn own_list(&mut self, val: Val) -> Value {
        let number = match self.lists.get(&val) {
            Some(number) => *number,
            None => {
                let number = self.tables.list();
                self.lists.insert(val, number);
                number
            }
        };
        self.list(number)
    }

    pub fn set_list_count(&mut self, list: Value, count: Value) {
        self.b.ins().store(mem(), count, list, offset(offset_of!(List, count)));
    }

    /// The last item of a list, missing if it has none.
    pub fn last_item(&mut self, list: Value, count: Value, kind: &Kind) -> Words {
        let missing = self.missing(kind);
        let (some, done) = (self.label(), self.label());
        let params: Words = missing.iter().map(|_| self.b.append_block_param(done, I64)).collect();
        let otherwise: Vec<_> = missing.iter().copied().map(cranelift_codegen::ir::BlockArg::Value).collect();
        self.b.ins().brif(count, some, &[], done, &otherwise);
        self.b.switch_to_block(some);
        let index = self.add(count, -1);
        let found = self.list_item(list, index, kind);
        self.jump_with(done, &found);
        self.b.switch_to_block(done);
        params
    }
}
