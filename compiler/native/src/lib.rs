//! Makes machine code of a plan: bytes of a message in, JSON out, no tree of values between.
//!
//! The values of a plan get their kinds ([`kinds`]), what a block writes without a value of the message is worked out
//! ([`quiet`]), and each routine becomes a function ([`code`]) of one blob ([`unit`]). What code cannot do as the
//! interpreter would, it leaves to it: the result of such a message is the interpreter's.

pub mod artifact;
mod asked;
mod code;
mod cores;
mod kinds;
mod made;
mod quiet;
mod tables;
mod unit;

use cranelift_codegen::isa::{self, CallConv, OwnedTargetIsa};
use cranelift_codegen::settings::{self, Configurable};
use emr_abi::artifact::Convention;
use emr_abi::{BAR_MAX, Gives, Layout, Node, NodeKind, Program, Said, Slots, Stated, Take};
use emr_compiler::plan::{self, Plan, Step};
use emr_message::group;

use asked::Asked;
use code::Shared;
use kinds::Typing;
use quiet::Quiet;
use tables::Tables;
use unit::{Show, Unit};

/// Which machine the code is for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Target {
    /// This one, with all that its processor can do.
    Host,
    /// Any of an architecture, by its triple: `x86_64`, `aarch64`.
    Triple(String),
}

/// A target that code cannot be made for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct UnknownTarget;

/// Code for plans, made for one target.
pub struct Compiler {
    isa: OwnedTargetIsa,
}

impl Compiler {
    pub fn new(target: &Target) -> Result<Compiler, UnknownTarget> {
        let mut flags = settings::builder();
        let chosen = [
            ("is_pic", "false"),
            ("use_colocated_libcalls", "false"),
            ("opt_level", "speed"),
            ("unwind_info", "false"),
            ("enable_verifier", if cfg!(debug_assertions) { "true" } else { "false" }),
        ];
        for (name, value) in chosen {
            flags.set(name, value).map_err(|_| UnknownTarget)?;
        }
        let builder = match target {
            Target::Host => cranelift_native::builder().map_err(|_| UnknownTarget)?,
            Target::Triple(triple) => isa::lookup_by_name(triple).map_err(|_| UnknownTarget)?,
        };
        let isa = builder.finish(settings::Flags::new(flags)).map_err(|_| UnknownTarget)?;
        Ok(Compiler { isa })
    }

    /// What a machine must be to run the code.
    pub fn target(&self) -> emr_abi::artifact::Target {
        let convention = match self.isa.default_call_conv() {
            CallConv::WindowsFastcall => Convention::Windows,
            CallConv::AppleAarch64 => Convention::Apple,
            _ => Convention::Unix,
        };
        let features = self.isa.isa_flags().into_iter();
        // Only what says what the processor has: all others are settings of how code is made.
        let features = features.filter(|flag| flag.name.starts_with("has_") && flag.as_bool() == Some(true));
        let features = features.map(|flag| flag.name.to_owned()).collect();
        emr_abi::artifact::Target { triple: self.isa.triple().to_string(), convention, features }
    }

    /// The program of a valid plan.
    pub fn program(&self, plan: &Plan) -> Program {
        self.compile(plan, None).0
    }

    /// The code of a plan as Cranelift's text. Behind an `@` stands the number of the rule that an instruction comes of.
    pub fn clif(&self, plan: &Plan) -> String {
        self.compile(plan, Some(Show::Clif)).1
    }

    /// The code of a plan as instructions of its machine.
    pub fn assembly(&self, plan: &Plan) -> String {
        self.compile(plan, Some(Show::Assembly)).1
    }

    fn compile(&self, plan: &Plan, show: Option<Show>) -> (Program, String) {
        let layout = layout(plan);
        let typing = Typing::new(plan, layout.kinds.iter().map(|kind| kind.name).collect());
        let quiet = quiet::instances(&typing);
        let counted = counted(&typing, &quiet);
        let bars = layout.kinds.iter().map(|kind| kind.bars).collect();
        let several = issue_number(plan, 1);
        let nodes: Vec<Node> = plan.grammar.nodes.iter().map(node).collect();
        let slots = Slots::new(&nodes).of;
        let makes_blanks = made::makes_blanks(plan);
        let contains = made::contains(plan);
        let asked = Asked::new(plan);
        let has_places = made::has_places(plan);
        let takes_resources = plan.takes_resource();
        let shared = Shared {
            typing: &typing,
            quiet,
            counted,
            bars,
            slots,
            several,
            makes_blanks,
            contains,
            asked,
            has_places,
            takes_resources,
        };
        let mut tables = Tables::new();
        let takes = takes(plan, &typing, &mut tables);
        let mut unit = Unit::new(&self.isa, show);
        for index in 0..typing.instances.len() {
            unit.routine(&shared, &mut tables, index);
        }
        unit.entry(&shared);
        unit.finish();
        let start = |at: usize| u32::try_from(at).unwrap_or(u32::MAX);
        let entry = unit.functions.last().map_or(0, |(at, _)| start(*at));
        let functions = unit.functions.into_iter().map(|(at, name)| (start(at), name)).collect();
        let origins = unit.origins.iter().map(|(at, rule)| (start(*at), *rule)).collect();
        let program = Program {
            entry,
            layout,
            reserve: u32::try_from(reserve(&typing)).unwrap_or(u32::MAX),
            lists: tables.lists,
            nodes,
            stated: plan.stated.iter().map(|(it, issue)| (stated(it), *issue)).collect(),
            takes,
            gives: match plan.gives {
                plan::Gives::Bundle => Gives::Bundle,
                plan::Gives::Resource => Gives::Resource,
                plan::Gives::Value => Gives::Value,
                plan::Gives::Message => Gives::Message,
            },
            in_place: made::in_place(&typing),
            edits: made::edits(plan) && !typing.traced,
            refers: made::refers(plan),
            emits: std::mem::take(&mut tables.emits),
            patterns: std::mem::take(&mut tables.patterns),
            tables: plan.tables.iter().map(|table| table.as_json().into()).collect(),
            asked: plan.asked.iter().map(|asked| (asked.table, asked.name.to_string())).collect(),
            issues: said(plan),
            unplaced: issue_number(plan, 0),
            several: issue_number(plan, 1),
            lacking: issue_number(plan, 2),
            unknown_charset: issue_number(plan, 3),
            skipped: issue_number(plan, 4),
            constants: tables.into_constants(),
            functions,
            origins,
            code: unit.code,
        };
        (program, unit.text.map_or_else(String::new, |(_, text)| text))
    }
}

/// What the engine says of any message.
const ENGINE: [(&str, &str); 5] = [plan::UNPLACED, plan::SEVERAL, plan::LACKING, plan::UNKNOWN_CHARSET, plan::SKIPPED];

/// What the plan says, behind it what the engine says, and behind that what it says where a segment lacks that the map takes.
fn said(plan: &Plan) -> Vec<Said> {
    let own = plan.issues.iter().map(|said| (said.code, said.text.to_string(), Some(said.rule)));
    let engine = ENGINE.map(|(code, text)| (code, text.to_owned(), None));
    let takes = plan.takes.iter().map(|take| match take {
        plan::Take::Segments { name, .. } => plan::no_segment(name),
        _ => String::new(),
    });
    let takes = takes.map(|text| (plan::NO_SEGMENT, text, None));
    let all: Vec<(&str, String, Option<u32>)> = own.chain(engine).chain(takes).collect();
    let same = |code: &str, text: &str| {
        let first = all.iter().position(|other| (other.0, other.1.as_str()) == (code, text));
        u32::try_from(first.unwrap_or(0)).unwrap_or(0)
    };
    let said = |(code, text, rule): &(&str, String, Option<u32>)| Said {
        code: (*code).to_owned(),
        text: text.clone(),
        rule: *rule,
        same: same(code, text),
    };
    all.iter().map(said).collect()
}

/// The number of something that the engine says.
fn issue_number(plan: &Plan, index: usize) -> u32 {
    u32::try_from(plan.issues.len() + index).unwrap_or(u32::MAX)
}

/// The segments that are read, and the bars around their fields. A field behind the last bar that can be named is left to
/// the interpreter.
fn layout(plan: &Plan) -> Layout {
    let mut kinds = Vec::new();
    for (name, reads) in &plan.reads {
        let Ok(name) = <[u8; 3]>::try_from(name.as_bytes()) else { continue };
        let first = if matches!(&name, b"MSH" | b"FHS" | b"BHS") { 2 } else { 1 };
        let bars = reads.fields.iter().filter_map(|field| u32::from(*field).checked_sub(first));
        let bars = bars.filter(|bar| *bar < BAR_MAX).fold(0_u128, |all, bar| all | 0b11 << bar);
        kinds.push(emr_abi::Kind { name, bars });
    }
    Layout { kinds }
}

fn node(node: &group::Node) -> Node {
    let kind = match &node.kind {
        group::Kind::Segment(name) => NodeKind::Segment(name.as_str().as_bytes().try_into().unwrap_or_default()),
        group::Kind::Group(members) => NodeKind::Group(members.clone()),
        group::Kind::Choice(members) => NodeKind::Choice(members.clone()),
    };
    Node { name: node.name.clone(), required: node.required, repeats: node.repeats, kind }
}

fn stated(stated: &group::Stated) -> Stated {
    Stated { node: stated.node, beside: stated.beside, after: stated.after }
}

fn takes(plan: &Plan, typing: &Typing, tables: &mut Tables) -> Vec<Take> {
    let take = |(index, take): (usize, &plan::Take)| match take {
        plan::Take::Message => Take::Message,
        plan::Take::Nothing => Take::Nothing,
        plan::Take::Resource(name) => Take::Resource(name.to_string()),
        plan::Take::Segments { name, list, required } => {
            let required = required.then(|| issue_number(plan, ENGINE.len() + index));
            let (name, kind) = (name.to_string(), typing.kind_of(name));
            if *list {
                Take::Segments { name, kind, required, list: tables.list() }
            } else {
                Take::Segment { name, kind, required }
            }
        }
    };
    plan.takes.iter().enumerate().map(take).collect()
}

/// The most that the entry writes without asking for room.
fn reserve(typing: &Typing) -> usize {
    let mut known: Vec<usize> = Vec::new();
    for instance in &typing.instances {
        let called = |step: &Step| {
            let Step::Call { routine, arguments, .. } = step else { return 0 };
            let params: Vec<_> = arguments.iter().map(|val| kinds::kind(&instance.vals, *val)).collect();
            typing.find(*routine, &params).and_then(|index| known.get(index)).copied().unwrap_or(0)
        };
        let own = typing.plan.routine(instance.routine).map_or(0, |it| code::reserve(&it.body, &called));
        known.push(own);
    }
    known.last().copied().unwrap_or(0)
}

/// Which instances must count the source values that they write: those that are called where the length of what was
/// written does not tell.
fn counted(typing: &Typing, quiet: &[Quiet]) -> Vec<bool> {
    let mut counted = vec![false; typing.instances.len()];
    for (index, instance) in typing.instances.iter().enumerate().rev() {
        let Some(routine) = typing.plan.routine(instance.routine) else { continue };
        let here = counted.get(index).copied().unwrap_or(false);
        mark(&Marking { typing, instance, quiet }, &routine.body, here, &mut counted);
    }
    counted
}

struct Marking<'a, 'p> {
    typing: &'a Typing<'p>,
    instance: &'a kinds::Instance,
    quiet: &'a [Quiet],
}

fn mark(marking: &Marking, block: &plan::Block, here: bool, counted: &mut [bool]) {
    for step in block {
        let here = here
            || match step {
                Step::Wrap { body, live: true, .. } => {
                    quiet::block(marking.typing, marking.instance, marking.quiet, body) == Quiet::Unknown
                }
                Step::Attempt { .. } => true,
                _ => false,
            };
        // A resource of its own is no part of what is written around it.
        let here = here && !matches!(step, Step::Emit { .. });
        if let (true, Step::Call { routine, arguments, .. }) = (here, step) {
            let params: Vec<_> = arguments.iter().map(|val| kinds::kind(&marking.instance.vals, *val)).collect();
            if let Some(called) = marking.typing.find(*routine, &params).and_then(|index| counted.get_mut(index)) {
                *called = true;
            }
        }
        step.blocks().into_iter().for_each(|inner| mark(marking, inner, here, counted));
    }
}
