//! One instance of a routine as code.
//!
//! A value of the plan is some words in registers ([`Words`]); the place of output is a register, a known distance from it
//! and constants not stored yet ([`Cursor`]). What code leaves to the interpreter it notes and goes on ([`Gen::give_up`]):
//! the host throws the output away.

mod call;
mod choose;
mod contained;
mod durations;
mod facts;
mod grouped;
mod groups;
mod issue;
mod lists;
mod lookup;
mod loops;
mod nodes;
mod noted;
mod numbers;
mod output;
mod over;
mod parts;
mod read;
mod step;
mod test;
mod text;
mod trace;
mod value;
mod vanish;

use cranelift_codegen::ir::{
    AbiParam, Block as Label, BlockArg, FuncRef, InstBuilder, MemFlagsData, SigRef, Signature, SourceLoc, StackSlot,
    Value, condcodes::IntCC, types::I64,
};
use cranelift_codegen::isa::CallConv;
use cranelift_frontend::{FunctionBuilder, Variable};
use emr_abi::{Call, Stop};
use emr_compiler::plan::vals::set_in;
use emr_compiler::plan::{Block, RuleId, Step, Val};
use emr_message::group::NodeId;
use rustc_hash::{FxHashMap, FxHashSet};

use crate::asked::Asked;
use crate::kinds::{Instance, Kind, Typing};
use crate::quiet::Quiet;
use crate::tables::Tables;
pub use output::{Cursor, reserve};

/// The words that hold a value.
pub type Words = Vec<Value>;

/// What all functions of a program share.
pub struct Shared<'p> {
    pub typing: &'p Typing<'p>,
    pub quiet: Vec<Quiet>,
    /// Whether writes of an instance are counted in the context.
    pub counted: Vec<bool>,
    /// Each kind's bars, as the layout has them.
    pub bars: Vec<u128>,
    /// Of each node of the structure its number in the group around it.
    pub slots: Vec<u32>,
    /// The number of the issue that there are several values where one is expected.
    pub several: u32,
    /// Whether a text may hold a tab or a line end that no message had.
    pub makes_blanks: bool,
    /// Whether a resource may be inside another.
    pub contains: bool,
    pub asked: Asked,
    /// Whether a value may have a place in a message.
    pub has_places: bool,
    /// Whether a text may be one of a resource that came, which is not written as other texts are.
    pub takes_resources: bool,
}

impl Shared<'_> {
    pub fn slot(&self, node: NodeId) -> u32 {
        self.slots.get(node as usize).copied().unwrap_or(0)
    }
}

/// Where a `Fail` goes that stands in a block which may be left out.
struct Attempt {
    failed: Label,
}

pub struct Gen<'f, 'p> {
    shared: &'f Shared<'p>,
    tables: &'f mut Tables,
    instance: &'f Instance,
    b: FunctionBuilder<'f>,
    ctx: Value,
    vars: Vec<Vec<Variable>>,
    functions: FxHashMap<usize, FuncRef>,
    signatures: FxHashMap<usize, SigRef>,
    conv: CallConv,
    attempts: Vec<Attempt>,
    /// The values that are taken apart here already, and where their parts stand.
    split: FxHashMap<Val, parts::Split>,
    slots: FxHashMap<Val, StackSlot>,
    /// Values that are a part of another: of which, and the how-manieth.
    heads: FxHashMap<Val, (Val, u8)>,
    /// How long the first repetition of a field is, where that was asked for already.
    singles: FxHashMap<Val, Variable>,
    facts: facts::Facts<'p>,
    /// The words in which the places of values are noted, and how those that were set are to be read.
    notes: FxHashMap<Val, (Variable, Variable)>,
    noted: FxHashMap<Val, noted::Noted>,
    /// The rule that each step comes of, by the step's place in memory.
    rules: FxHashMap<*const Step, RuleId>,
    /// The values that were set on every way to here.
    sure: FxHashSet<Val>,
    counting: bool,
    /// The number of what was written in the nearest block around that asks for it.
    writings: Option<u32>,
    /// The lists that values have for themselves.
    lists: FxHashMap<Val, u32>,
    /// In a loop of which one item may stay: how many wrote something.
    only: Variable,
    /// In a loop of which the last item stays: where the output of items begins.
    first: Variable,
}

/// Memory that is there and may be read or written at any address.
fn mem() -> MemFlagsData {
    MemFlagsData::trusted()
}

/// Memory that stays as it is while the code runs.
fn fixed() -> MemFlagsData {
    MemFlagsData::trusted().with_readonly()
}

/// The same, and it may be read wherever in the function its address is known, also where nobody asks for it.
fn open() -> MemFlagsData {
    fixed().with_can_move()
}

/// An offset as instructions take it. Structures and routines are far smaller than this can hold.
fn offset(bytes: usize) -> i32 {
    i32::try_from(bytes).unwrap_or(i32::MAX)
}

macro_rules! at {
    ($($field:tt)*) => {
        crate::code::offset(std::mem::offset_of!(emr_abi::Context, $($field)*))
    };
}
use at;

impl<'f, 'p> Gen<'f, 'p> {
    pub fn new(
        shared: &'f Shared<'p>,
        tables: &'f mut Tables,
        index: usize,
        mut b: FunctionBuilder<'f>,
        functions: FxHashMap<usize, FuncRef>,
        conv: CallConv,
    ) -> Option<Gen<'f, 'p>> {
        let instance = shared.typing.instances.get(index)?;
        let routine = shared.typing.plan.routine(instance.routine)?;
        let start = b.create_block();
        b.append_block_params_for_function_params(start);
        b.switch_to_block(start);
        let ctx = *b.block_params(start).first()?;
        let (only, first) = (b.declare_var(I64), b.declare_var(I64));
        let vars = instance.vals.iter().map(|kind| (0..kind.words()).map(|_| b.declare_var(I64)).collect()).collect();
        Some(Gen {
            shared,
            tables,
            instance,
            b,
            ctx,
            vars,
            functions,
            signatures: FxHashMap::default(),
            conv,
            attempts: Vec::new(),
            split: FxHashMap::default(),
            slots: FxHashMap::default(),
            heads: FxHashMap::default(),
            singles: FxHashMap::default(),
            facts: facts::Facts::of(&routine.body),
            notes: FxHashMap::default(),
            noted: FxHashMap::default(),
            rules: routine.ruled().into_iter().map(|(step, rule)| (std::ptr::from_ref(step), rule)).collect(),
            sure: FxHashSet::default(),
            lists: FxHashMap::default(),
            only,
            first,
            writings: None,
            counting: shared.counted.get(index).copied().unwrap_or(true),
        })
    }

    /// The whole function: parameters into values, the body, the result.
    pub fn routine(mut self, frontend: cranelift_codegen::isa::TargetFrontendConfig) {
        let typing = self.shared.typing;
        let Some(routine) = typing.plan.routine(self.instance.routine) else { return };
        let start = self.b.current_block().unwrap_or(Label::from_u32(0));
        let given: Vec<Value> = self.b.block_params(start).to_vec();
        for val in 0..u32::try_from(self.instance.vals.len()).unwrap_or(0) {
            let kind = self.kind(val);
            let missing = self.missing(&kind);
            self.define(val, &missing);
        }
        let mut next = 2;
        let params: Vec<Kind> = self.instance.params.clone();
        for (val, kind) in (0..).zip(&params) {
            let words: Words = given.iter().skip(next).take(kind.words()).copied().collect();
            next += kind.words();
            self.set(val, kind, &words);
        }
        self.note_nothing();
        for val in 0..routine.params {
            self.split_early(val);
        }
        let place = given.get(1).copied().unwrap_or(self.ctx);
        let done = self.block(&routine.body, Cursor::at(place));
        if let Some(mut cursor) = done {
            if let Some(result) = routine.result {
                self.hand_over(result);
            }
            let place = self.place(&mut cursor);
            self.b.ins().return_(&[place]);
        }
        self.b.seal_all_blocks();
        self.b.finalize(frontend);
    }

    /// Steps in order; `None` where their end is never reached.
    fn block(&mut self, steps: &'p Block, cursor: Cursor) -> Option<Cursor> {
        let around = self.b.srcloc();
        let done = steps.iter().try_fold(cursor, |cursor, step| {
            let rule = self.rules.get(&std::ptr::from_ref(step));
            self.b.set_srcloc(rule.map_or(around, |rule| SourceLoc::new(*rule)));
            let cursor = self.step(step, cursor)?;
            self.sure.extend(step.sets());
            step.sets().into_iter().for_each(|val| self.note_place(val));
            Some(cursor)
        });
        self.b.set_srcloc(around);
        done
    }

    /// A block that is not always carried out: what it sets may not be set behind it.
    fn inside(&mut self, steps: &'p Block, cursor: Cursor) -> Option<Cursor> {
        let before = self.sure.clone();
        let done = self.apart(steps, cursor);
        self.sure = before;
        done
    }

    /// A block behind which nothing counts as taken apart that was not before.
    fn apart(&mut self, steps: &'p Block, cursor: Cursor) -> Option<Cursor> {
        let before = (self.split.clone(), self.heads.clone(), self.singles.clone());
        let done = self.block(steps, cursor);
        (self.split, self.heads, self.singles) = before;
        self.forget(steps);
        done
    }

    /// The same, going on at a label with the new place.
    fn into(&mut self, steps: &'p Block, cursor: Cursor, done: Label) {
        if let Some(mut cursor) = self.inside(steps, cursor) {
            let place = self.place(&mut cursor);
            self.goto(done, place);
        }
    }

    /// What the steps set is not what was taken apart before.
    fn forget(&mut self, steps: &Block) {
        set_in(steps).into_iter().for_each(|val| self.forget_one(val));
    }

    fn forget_one(&mut self, val: Val) {
        self.split.remove(&val);
        self.singles.remove(&val);
        self.heads.retain(|part, (of, _)| *part != val && *of != val);
    }

    // ---- small words

    fn int(&mut self, number: i64) -> Value {
        self.b.ins().iconst(I64, number)
    }

    fn count(&mut self, number: usize) -> Value {
        self.int(i64::try_from(number).unwrap_or(i64::MAX))
    }

    fn add(&mut self, value: Value, more: i64) -> Value {
        if more == 0 { value } else { self.b.ins().iadd_imm_s(value, more) }
    }

    /// A field of the context that stays as it is.
    fn given(&mut self, field: i32) -> Value {
        self.b.ins().load(I64, open(), self.ctx, field)
    }

    /// One that changes.
    fn load(&mut self, field: i32) -> Value {
        self.b.ins().load(I64, mem(), self.ctx, field)
    }

    fn store(&mut self, field: i32, value: Value) {
        self.b.ins().store(mem(), value, self.ctx, field);
    }

    fn label(&mut self) -> Label {
        self.b.create_block()
    }

    /// A label for what is rare.
    fn cold(&mut self) -> Label {
        let label = self.b.create_block();
        self.b.set_cold_block(label);
        label
    }

    /// A label where a value arrives.
    fn meeting(&mut self) -> (Label, Value) {
        let label = self.b.create_block();
        (label, self.b.append_block_param(label, I64))
    }

    fn goto(&mut self, label: Label, value: Value) {
        self.b.ins().jump(label, &[BlockArg::Value(value)]);
    }

    fn jump(&mut self, label: Label) {
        self.b.ins().jump(label, &[]);
    }

    fn either(&mut self, condition: Value, yes: Label, no: Label) {
        self.b.ins().brif(condition, yes, &[], no, &[]);
    }

    fn is(&mut self, code: IntCC, value: Value, number: i64) -> Value {
        self.b.ins().icmp_imm_s(code, value, number)
    }

    fn above(&mut self, value: Value, number: i64) -> Value {
        self.is(IntCC::SignedGreaterThan, value, number)
    }

    fn helper(&mut self, call: Call, arguments: &[Value]) -> Value {
        debug_assert_eq!(call.arguments(), arguments.len(), "{}", call.name());
        let (conv, b) = (self.conv, &mut self.b);
        let signature = *self.signatures.entry(arguments.len()).or_insert_with(|| {
            let mut signature = Signature::new(conv);
            signature.params.extend((0..=arguments.len()).map(|_| AbiParam::new(I64)));
            signature.returns.push(AbiParam::new(I64));
            b.import_signature(signature)
        });
        let address = self.given(offset(call.offset()));
        let all: Vec<Value> = [self.ctx].iter().chain(arguments).copied().collect();
        let call = self.b.ins().call_indirect(signature, address, &all);
        self.b.inst_results(call).first().copied().unwrap_or(self.ctx)
    }

    fn note(&mut self, stop: Stop) {
        let stop = self.int(stop as i64);
        self.store(at!(stop), stop);
    }

    /// Ends the routine for whoever may leave out what it would have written. A message that was left to the interpreter
    /// before stays with it.
    fn skip(&mut self) {
        let (stop, skipped) = (self.load(at!(stop)), self.int(Stop::Skipped as i64));
        let goes_on = self.is(IntCC::Equal, stop, Stop::None as i64);
        let stop = self.b.ins().select(goes_on, skipped, stop);
        self.store(at!(stop), stop);
        let none = self.int(0);
        self.b.ins().return_(&[none]);
    }

    /// Leaves the message to the interpreter; what is carried out from here on does not count.
    #[track_caller]
    fn give_up(&mut self) {
        self.note_why();
        self.note(Stop::Defer);
    }

    /// Notes who asks for this.
    #[track_caller]
    fn note_why(&mut self) {
        let asked = std::panic::Location::caller();
        let file = asked.file().rsplit('/').next().unwrap_or_default();
        let file = file.bytes().take(4).fold(0, |word, byte| word << 8 | i64::from(byte));
        let why = self.int(file << 32 | i64::from(asked.line()));
        self.store(at!(why), why);
    }

    /// The same at once.
    #[track_caller]
    fn stop(&mut self, why: Stop) {
        self.note_why();
        self.note(why);
        let none = self.int(0);
        self.b.ins().return_(&[none]);
    }
}
