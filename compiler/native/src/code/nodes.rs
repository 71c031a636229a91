//! What is in a resource that came: the host took it apart, and names each part of it by a number.

use cranelift_codegen::ir::{InstBuilder, Value, condcodes::IntCC, types::I64};
use emr_abi::Call;
use emr_compiler::plan::Val;
use smol_str::SmolStr;

use super::{Gen, Words, at};
use crate::kinds::{Kind, Live};

impl<'p> Gen<'_, 'p> {
    /// The element of the first of these names that is there.
    pub fn node_element(&mut self, node: Value, names: &[SmolStr]) -> Value {
        let names = self.tables.constant(&names.join("|"));
        let (at, length) = self.constant(names);
        self.helper(Call::element, &[node, at, length])
    }

    /// It, or those of its items, that are resources of that type.
    pub fn node_of_type(&mut self, node: Value, name: &str) -> Value {
        let name = self.tables.constant(name);
        let (at, length) = self.constant(name);
        self.helper(Call::of_type, &[node, at, length])
    }

    pub fn node_is_there(&mut self, node: Value) -> Value {
        self.helper(Call::is_there, &[node])
    }

    /// Whether it counts as a value of the message, as a word.
    pub fn node_live(&mut self, node: Value) -> Value {
        self.helper(Call::is_live, &[node])
    }

    /// The text of a primitive.
    pub fn node_text(&mut self, node: Value) -> (Value, Value) {
        let length = self.helper(Call::leaf, &[node]);
        // Without one the host says nothing of a place.
        let (at, none) = (self.load(at!(results)), self.given(at!(text)));
        let is_there = self.above(length, 0);
        (self.b.ins().select(is_there, at, none), length)
    }

    /// The same where a value may be such a text or one that was made: what is none goes to the interpreter.
    pub fn node_as_text(&mut self, node: Value, to: &Kind) -> Words {
        let (at, length) = self.node_text(node);
        let (there, none) = (self.node_is_there(node), self.is(IntCC::SignedLessThan, length, 1));
        let none = self.b.ins().uextend(I64, none);
        let is_no_text = self.b.ins().band(there, none);
        self.give_up_when(is_no_text);
        let mut words = vec![at, length];
        if to.words() > 2 {
            words.push(self.node_live(node));
        }
        words
    }

    /// The first item that is there; what is no list is itself.
    pub fn node_first(&mut self, node: Value) -> Value {
        self.helper(Call::first_item, &[node])
    }

    /// The nth item that is there, from 1.
    pub fn node_item(&mut self, node: Value, number: u32) -> Value {
        let number = self.int(i64::from(number));
        self.helper(Call::nth_item, &[node, number])
    }

    /// Adds the items that are there to a list.
    pub fn push_nodes(&mut self, node: Value, list: Value) {
        self.helper(Call::items, &[node, list]);
    }

    /// Adds them to a list of items of another kind.
    pub fn push_nodes_as(&mut self, node: Value, list: Value, item: &Kind) {
        let items = self.empty_list();
        self.push_nodes(node, items);
        self.push_list(&[items], &Kind::Node, list, item);
    }

    /// A list of nodes as one.
    pub fn node_of_list(&mut self, list: Value) -> Value {
        self.helper(Call::several, &[list])
    }

    /// A list of the texts by which the items of a list are told apart, two words each.
    pub fn identities_of(&mut self, list: Value) -> Value {
        let texts = self.empty_list();
        let head = self.label();
        let index = self.b.append_block_param(head, I64);
        let first = self.int(0);
        self.jump_with(head, &[first]);
        self.b.switch_to_block(head);
        let count = self.list_count(list);
        let more = self.b.ins().icmp(IntCC::UnsignedLessThan, index, count);
        let (some, done) = (self.label(), self.label());
        self.either(more, some, done);
        self.b.switch_to_block(some);
        let words = self.list_item(list, index, &Kind::Node);
        let length = self.helper(Call::identity, &[self.word(&words, 0)]);
        let at = self.load(at!(results));
        self.push(texts, &Kind::Text(Live::No), &[at, length]);
        let next = self.add(index, 1);
        self.jump_with(head, &[next]);
        self.b.switch_to_block(done);
        texts
    }

    /// What references lead to among the resources that came: what is no part of one leads nowhere.
    pub fn resolve(&mut self, of: Val, to: Val) {
        let (kind, words) = (self.kind(of), self.get(of));
        match &kind {
            Kind::Any => self.give_up(),
            kind if kind.item(self.shared.typing) == Kind::Node => {
                let node = self.fit(kind, &words, &Kind::Node);
                let found = self.helper(Call::resolved, &[self.word(&node, 0)]);
                self.set(to, &Kind::Node, &[found]);
            }
            _ => self.clear(to),
        }
    }
}
