//! Functions over the items of a list. The host is given a list of their texts, and names the item that it chooses.

use cranelift_codegen::ir::{InstBuilder, Value, condcodes::IntCC, types::I64};
use cranelift_frontend::Variable;
use emr_abi::{Builtin, Call};
use emr_compiler::plan::{IssueId, Val};

use super::issue::Known;
use super::{Gen, at};
use crate::kinds::{Kind, Level, Live, leaf};

/// The items of a value, in a list.
struct Items {
    list: Value,
    kind: Kind,
    /// Whether any of them is live, and in a traced plan the first origin of one.
    told: Option<(Variable, Variable)>,
}

impl<'p> Gen<'_, 'p> {
    /// A function whose result is a text.
    pub fn over(&mut self, function: Builtin, arguments: &[Val], to: Val, issue: IssueId) {
        let is_join = function == Builtin::join;
        let (of, beside) = match (is_join, arguments) {
            (true, [separator, of, ..]) => (*of, Some(*separator)),
            (false, [of, wanted, ..]) => (*of, Some(*wanted)),
            (_, [of]) => (*of, None),
            _ => return self.give_up(),
        };
        let Kind::Text(live) = self.kind(to) else { return self.give_up() };
        // An empty text between them is none.
        let beside = beside.filter(|beside| !(is_join && self.facts.is_empty_text(*beside)));
        if beside.is_some_and(|beside| self.kind(beside) != Kind::Missing && leaf(&self.kind(beside)).is_none()) {
            return self.give_up();
        }
        let Some(items) = self.items_of(of) else { return self.give_up() };
        let texts = self.texts_of(&items);
        let (at, length) = match beside {
            Some(beside) => self.raw_leaf(beside),
            None => (self.given(at!(text)), self.int(0)),
        };
        let number = self.int(function as i64);
        let got = self.helper(Call::over, &[number, texts, at, length]);
        let got = self.checked(got, issue, arguments);
        let place = self.load(at!(results));
        let mut told = self.any_live(beside.as_slice());
        let is_list = matches!(self.kind(of), Kind::List(_));
        if let Some((any, origin)) = items.told.filter(|_| is_join || is_list) {
            let any = self.b.use_var(any);
            told = self.b.ins().bor(told, any);
            if self.shared.typing.traced {
                let origin = self.b.use_var(origin);
                told = self.b.ins().bor(told, origin);
            }
        } else if !is_list {
            let there = self.there_with_origin(of);
            told = self.b.ins().bor(told, there);
        }
        self.set_text(to, place, got, live, told);
    }

    /// The smallest or the largest of the items.
    pub fn extreme(&mut self, function: Builtin, of: Val, to: Val) {
        let Some(items) = self.items_of(of) else { return self.give_up() };
        if items.kind == Kind::Missing {
            return self.clear(to);
        }
        let texts = self.texts_of(&items);
        let number = self.int(function as i64);
        let chosen = self.helper(Call::chosen, &[number, texts]);
        let missing = self.missing(&items.kind);
        let (some, done) = (self.label(), self.label());
        let params: Vec<Value> = missing.iter().map(|_| self.b.append_block_param(done, I64)).collect();
        let is_none = self.is(IntCC::SignedLessThan, chosen, 0);
        let otherwise: Vec<_> = missing.iter().copied().map(cranelift_codegen::ir::BlockArg::Value).collect();
        self.b.ins().brif(is_none, done, &otherwise, some, &[]);
        self.b.switch_to_block(some);
        let words = self.list_item(items.list, chosen, &items.kind);
        self.jump_with(done, &words);
        self.b.switch_to_block(done);
        self.set(to, &items.kind, &params);
    }

    /// The items without those that are equal to an earlier one.
    pub fn distinct(&mut self, of: Val, to: Val) {
        let Some(items) = self.items_of(of) else { return self.give_up() };
        let Kind::List(_) = self.kind(to) else { return self.give_up() };
        let own = self.own_list(to);
        let width = self.count(items.kind.words());
        let texts = match items.kind {
            // All of a part of the message counts, and not its text alone.
            Kind::Piece(_) | Kind::Part => items.list,
            Kind::Node => self.identities_of(items.list),
            Kind::Text(_) => self.texts_of(&items),
            _ => return self.give_up(),
        };
        let is_part = self.int(i64::from(matches!(items.kind, Kind::Piece(_) | Kind::Part)));
        self.helper(Call::distinct, &[items.list, texts, is_part, own, width]);
        self.set(to, &Kind::List(Box::new(items.kind)), &[own]);
    }

    /// The pieces of a text.
    pub fn pieces(&mut self, arguments: &[Val], to: Val) {
        let Kind::List(item) = self.kind(to) else { return self.give_up() };
        if self.are_unknown(Builtin::pieces, arguments) {
            return self.give_up();
        }
        let own = self.own_list(to);
        let none = self.int(0);
        self.set_list_count(own, none);
        self.hand_over_texts(arguments);
        let told = self.any_live(arguments);
        let told = self.told_with_origin_of(told, arguments.get(..1).unwrap_or_default());
        let width = self.count(item.words());
        self.helper(Call::pieces, &[own, width, told]);
        self.set(to, &Kind::List(item), &[own]);
    }

    /// The items of a value that are there; nothing where they have no kind.
    fn items_of(&mut self, of: Val) -> Option<Items> {
        let kind = self.kind(of);
        let item = kind.item(self.shared.typing);
        if kind == Kind::Any || item != Kind::Missing && leaf(&item).is_none() {
            return None;
        }
        if let Kind::List(_) = kind {
            let words = self.get(of);
            return Some(self.told_of_items(self.word(&words, 0), item));
        }
        let list = self.empty_list();
        self.push_items(of, list, &item);
        Some(self.told_of_items(list, item))
    }

    /// A list that nothing else uses.
    pub fn empty_list(&mut self) -> Value {
        let number = self.tables.list();
        let (list, none) = (self.list(number), self.int(0));
        self.set_list_count(list, none);
        list
    }

    /// Whether a list has items of the message.
    fn told_of_items(&mut self, list: Value, kind: Kind) -> Items {
        let told = match kind {
            Kind::Missing => None,
            _ => Some((self.b.declare_var(I64), self.b.declare_var(I64))),
        };
        Items { list, kind, told }
    }

    /// A list of the texts of items, two words each.
    fn texts_of(&mut self, items: &Items) -> Value {
        let texts = self.empty_list();
        let Some((any, origin)) = items.told else { return texts };
        let none = self.int(0);
        self.b.def_var(any, none);
        self.b.def_var(origin, none);
        let head = self.label();
        let index = self.b.append_block_param(head, I64);
        self.jump_with(head, &[none]);
        self.b.switch_to_block(head);
        let count = self.list_count(items.list);
        let more = self.b.ins().icmp(IntCC::UnsignedLessThan, index, count);
        let (some, done) = (self.label(), self.label());
        self.either(more, some, done);
        self.b.switch_to_block(some);
        let words = self.list_item(items.list, index, &items.kind);
        let (mut at, mut length) = self.leaf_of(&items.kind, &words);
        if matches!(items.kind, Kind::Piece(_) | Kind::Part) {
            (at, length) = self.untrimmed((at, length), self.word(&words, 1));
        }
        self.push(texts, &Kind::Text(Live::No), &[at, length]);
        let live = self.live(&items.kind, &words);
        let before = self.b.use_var(any);
        let after = self.b.ins().bor(before, live);
        self.b.def_var(any, after);
        if self.shared.typing.traced {
            let (first, next) = (self.b.use_var(origin), self.origin(&items.kind, &words));
            let is_none = self.is(IntCC::Equal, first, 0);
            let first = self.b.ins().select(is_none, next, first);
            self.b.def_var(origin, first);
        }
        let next = self.add(index, 1);
        self.jump_with(head, &[next]);
        self.b.switch_to_block(done);
        texts
    }

    /// Whether a value counts as one of the message, whatever is in it, and in a traced plan its origin.
    pub fn told_of_all(&mut self, of: Val) -> Value {
        let traced = self.shared.typing.traced;
        match self.kind(of) {
            Kind::List(item) if *item == Kind::Missing => self.int(0),
            Kind::List(item) if !traced && matches!(item.live(), Live::Yes | Live::No) => {
                let words = self.get(of);
                let count = self.list_count(self.word(&words, 0));
                let is_live = self.above(count, 0);
                self.b.ins().uextend(I64, is_live)
            }
            Kind::List(_) => {
                let told = self.items_of(of).and_then(|items| {
                    self.texts_of(&items);
                    items.told
                });
                let Some((any, origin)) = told else {
                    self.give_up();
                    return self.int(0);
                };
                let (any, origin) = (self.b.use_var(any), self.b.use_var(origin));
                self.b.ins().bor(any, origin)
            }
            Kind::Members(_) => self.is_there_to_tell(of),
            _ => self.there_with_origin(of),
        }
    }

    /// Whether a value that is no list counts as one of the message, and in a traced plan its origin, which only what is there
    /// tells.
    fn there_with_origin(&mut self, of: Val) -> Value {
        let there = self.is_there_to_tell(of);
        if self.shared.typing.traced && self.is_part(of) {
            let words = self.get(of);
            let is_absent = self.is(IntCC::SignedLessThan, self.word(&words, 1), 1);
            self.give_up_when(is_absent);
        }
        self.told_with_origin_of(there, &[of])
    }

    /// Whether a value that is no list counts as one of the message, though nothing need be in it.
    pub fn is_there_to_tell(&mut self, of: Val) -> Value {
        let (kind, words) = (self.kind(of), self.get(of));
        let first = self.word(&words, 0);
        let there = match &kind {
            // What is missing stands at the beginning of the text, where no field does.
            Kind::Field | Kind::Piece(Level::Field) => {
                let text = self.given(at!(text));
                self.b.ins().icmp(IntCC::NotEqual, first, text)
            }
            // Of a part that is not there nobody knows whether what it is a part of is there.
            Kind::Piece(_) | Kind::Part => {
                if let Some(Known::In(segment, _)) = self.plain_place(of) {
                    let there = self.is(IntCC::NotEqual, segment, 0);
                    return self.b.ins().uextend(I64, there);
                }
                let is_absent = self.is(IntCC::SignedLessThan, self.word(&words, 1), 1);
                self.give_up_when(is_absent);
                return self.int(1);
            }
            Kind::Group(_) | Kind::Members(_) => self.is(IntCC::SignedGreaterThanOrEqual, first, 0),
            Kind::Segment(_) => self.is(IntCC::NotEqual, first, 0),
            Kind::Duration | Kind::Missing => return self.int(0),
            Kind::Node => return self.node_live(first),
            _ => {
                let live = if leaf(&kind).is_some() { self.live(&kind, &words) } else { self.int(1) };
                let (some, none, (done, told)) = (self.label(), self.label(), self.meeting());
                self.present(of, some, none);
                self.b.switch_to_block(some);
                self.goto(done, live);
                self.b.switch_to_block(none);
                let none = self.int(0);
                self.goto(done, none);
                self.b.switch_to_block(done);
                return told;
            }
        };
        self.b.ins().uextend(I64, there)
    }
}
