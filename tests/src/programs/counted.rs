//! Which instructions of plans were carried out, by the interpreter and by machine code.
//!
//! The interpreter is not asked for it while it is the oracle: a second plan says an issue at the beginning of each of
//! its blocks, which tells where a message came through. A block that was entered counts as a whole.

use super::CONSTRUCTS;
use crate::pipeline::Map;
use emr_abi::Builtin;
use emr_compiler::check::typed::{Arithmetic, CodeKey, Compare, Comparison, Pick, Primitive};
use emr_compiler::plan::{Block, Cell, CodePart, Constant, Form, KeyValue, Part, Plan, Said, Step, Take, Test, Until};
use std::collections::{BTreeMap, BTreeSet};
use std::fmt::{self, Display};
use std::sync::Arc;

/// A name for each kind of something, and the list of them all.
macro_rules! names {
    ($function:ident $all:ident $of:ty { $($pattern:pat => $name:literal),* $(,)? }) => {
        fn $function(it: &$of) -> &'static str {
            match it { $($pattern => $name),* }
        }
        const $all: &[&str] = &[$($name),*];
    };
}

names! { step STEPS Step {
    Step::Put(_) => "put", Step::Write { .. } => "write", Step::Wrap { .. } => "wrap", Step::Or { .. } => "or",
    Step::Wrote { .. } => "wrote", Step::Probe { .. } => "probe",
    Step::Distinct { .. } => "distinct", Step::Unlike { .. } => "unlike", Step::Attempt { .. } => "attempt", Step::Fail => "fail",
    Step::Edit { .. } => "edit", Step::Drop { .. } => "drop",
    Step::Count => "count", Step::Entries { .. } => "entries", Step::Trace { .. } | Step::Under { .. } => "trace", Step::If { .. } => "if",
    Step::Choose { .. } => "choose", Step::Each { .. } => "each", Step::EachBy { .. } => "each by",
    Step::Call { .. } => "call", Step::Take { .. } => "take", Step::Set { .. } => "set", Step::Constant { .. } => "constant",
    Step::Convert { .. } => "convert", Step::Builtin { .. } => "built-in", Step::Join { .. } => "join",
    Step::Append { .. } => "append", Step::Gather { .. } => "gather", Step::Push { .. } => "push",
    Step::Pick { .. } => "pick", Step::Coded { .. } => "coded", Step::CodePart { .. } => "code part",
    Step::Lookup { .. } => "lookup",
    Step::Calculate { .. } => "calculate", Step::Decide { .. } => "decide", Step::Emit { .. } => "emit",
    Step::Refer { .. } => "refer", Step::Copied { .. } => "copied", Step::Contain { .. } => "contain", Step::Receipt { .. } => "receipt",
    Step::Issue { .. } => "issue", Step::Reject { .. } => "reject",
} }
names! { form FORMS Form {
    Form::Text => "text", Form::Bare => "bare", Form::Code => "code", Form::Coding => "coding", Form::Concept => "concept",
    Form::Reference => "reference", Form::Copy => "copy", Form::Segment => "segment", Form::Json => "json", Form::Items => "items",
} }
names! { until KEPT Until {
    Until::All => "all", Until::First => "first", Until::Last => "last", Until::Only(_) => "only",
} }
names! { part PARTS Part {
    Part::Outer(_) => "outer", Part::Member { repeats: true, .. } => "members", Part::Member { .. } => "member",
    Part::Field { repeats: true, .. } => "repetitions", Part::Field { .. } => "field", Part::Component(_) => "component",
    Part::Index(_) => "index", Part::Range(_, Some(_)) => "range", Part::Range(_, None) => "open range",
    Part::Element(_) => "element", Part::Resource(_) => "resource",
} }
names! { constant CONSTANTS Constant {
    Constant::Missing => "missing", Constant::List => "list", Constant::Text(_) => "text",
    Constant::Duration(_) => "duration", Constant::Coded { live: true, .. } => "code of a table",
    Constant::Coded { .. } => "code", Constant::Reason(_) => "reason",
} }
names! { cell CELLS Cell { Cell::Text(_) => "text", Cell::Code(_) => "code" } }
names! { code_part CODE_PARTS CodePart {
    CodePart::System => "system", CodePart::Code => "code", CodePart::Display => "display",
} }
names! { key_value KEY_VALUES KeyValue {
    KeyValue::Text(_) => "text", KeyValue::Token { .. } => "token", KeyValue::Reference(_) => "reference",
} }
names! { test TESTS Test {
    Test::Always(_) => "always", Test::Present(_) => "present", Test::Null(_) => "null", Test::Absent(_) => "absent",
    Test::True(_) => "true", Test::Reason(..) => "reason", Test::Compare { .. } => "compare", Test::In { .. } => "in",
    Test::Matches { .. } => "matches", Test::Not(_) => "not", Test::Both(..) => "both", Test::Either(..) => "either",
} }
names! { pick PICKS Pick { Pick::First => "first", Pick::Last => "last", Pick::Only => "only" } }
names! { arithmetic ARITHMETIC Arithmetic {
    Arithmetic::Plus => "plus", Arithmetic::Minus => "minus", Arithmetic::Times => "times", Arithmetic::Over => "over",
} }
names! { code_key CODE_KEYS CodeKey {
    CodeKey::Code(_) => "code", CodeKey::Range(_, Some(_)) => "range", CodeKey::Range(_, None) => "open range",
} }
names! { take TAKES Take {
    Take::Message => "message", Take::Nothing => "nothing", Take::Segments { list: true, .. } => "segments",
    Take::Segments { .. } => "segment", Take::Resource(_) => "resource",
} }

/// What no run carries out, and why.
const NEVER: [(&str, &str); 7] = [
    ("step count", "nothing is lowered to it"),
    ("convert Duration", "nothing is lowered to it"),
    ("built-in join", "lowered to appends"),
    ("built-in system_of", "lowered to parts"),
    ("built-in display", "lowered to parts"),
    ("built-in any", "lowered to loops and tests"),
    ("built-in all", "lowered to loops and tests"),
];

/// All instructions, each with its kind before it: `step put`.
fn all() -> BTreeSet<String> {
    let kinds: [(&str, &[&str]); 13] = [
        ("cell", CELLS),
        ("step", STEPS),
        ("form", FORMS),
        ("until", KEPT),
        ("part", PARTS),
        ("constant", CONSTANTS),
        ("code part", CODE_PARTS),
        ("key", KEY_VALUES),
        ("test", TESTS),
        ("pick", PICKS),
        ("arithmetic", ARITHMETIC),
        ("arm", CODE_KEYS),
        ("takes", TAKES),
    ];
    let mut all: BTreeSet<String> =
        kinds.iter().flat_map(|(kind, names)| names.iter().map(move |name| format!("{kind} {name}"))).collect();
    all.extend(Primitive::ALL.iter().map(|it| format!("convert {it:?}")));
    all.extend(Compare::ALL.iter().map(|it| format!("compare {it:?}")));
    all.extend(Comparison::ALL.iter().map(|it| format!("compare by {it:?}")));
    all.extend(Builtin::ALL.iter().map(|it| format!("built-in {}", it.name())));
    for (never, _) in NEVER {
        all.remove(never);
    }
    all
}

/// What a step does itself, without the blocks inside it.
fn names_of(it: &Step, names: &mut BTreeSet<String>) {
    let mut add = |kind: &str, name: &str| {
        names.insert(format!("{kind} {name}"));
    };
    add("step", step(it));
    match it {
        Step::Write { form: how, .. } => add("form", form(how)),
        Step::Each { until: how, .. } => add("until", until(how)),
        Step::Take { part: which, .. } => add("part", part(which)),
        Step::Constant { value, .. } => add("constant", constant(value)),
        Step::CodePart { part, .. } => add("code part", code_part(part)),
        Step::Lookup { cell: which, .. } => add("cell", cell(which)),
        Step::Pick { which, .. } => add("pick", pick(which)),
        Step::Calculate { op, .. } => add("arithmetic", arithmetic(op)),
        Step::Convert { into, .. } => add("convert", &format!("{into:?}")),
        Step::Builtin { function, .. } => add("built-in", function.name()),
        Step::Emit { key, .. } => key.iter().for_each(|part| add("key", key_value(&part.value))),
        Step::Choose { arms, .. } => arms.iter().flat_map(|(keys, _)| keys).for_each(|key| add("arm", code_key(key))),
        Step::If { test: asked, .. } | Step::Decide { test: asked, .. } => tests_of(asked, names),
        _ => {}
    }
}

fn tests_of(asked: &Test, names: &mut BTreeSet<String>) {
    names.insert(format!("test {}", test(asked)));
    match asked {
        Test::Compare { op, how, .. } => {
            names.insert(format!("compare {op:?}"));
            names.insert(format!("compare by {how:?}"));
        }
        Test::In { how, .. } => {
            names.insert(format!("compare by {how:?}"));
        }
        Test::Not(inner) => tests_of(inner, names),
        Test::Both(left, right) | Test::Either(left, right) => {
            tests_of(left, names);
            tests_of(right, names);
        }
        _ => {}
    }
}

/// A map that says where a message comes through.
pub struct Marked {
    map: Map,
    blocks: Vec<BTreeSet<String>>,
}

impl Marked {
    pub fn new(map: &Map) -> Marked {
        let mut plan = Plan::clone(&map.plan);
        let own = plan.issues.len();
        let mut blocks = Vec::new();
        for routine in &mut plan.routines {
            mark(&mut routine.body, own, &mut blocks);
        }
        for number in 0..blocks.len() {
            plan.issues.push(Said { code: "", text: number.to_string().into(), rule: 0 });
        }
        Marked { map: Map { plan: Arc::new(plan), ..map.clone() }, blocks }
    }

    /// The instructions that a message is given to.
    pub fn reached(&self, message: &[u8]) -> BTreeSet<&str> {
        let Ok(outcome) = self.map.run(message) else { return BTreeSet::new() };
        let marks =
            outcome.issues.iter().filter(|issue| issue.code.is_empty()).filter_map(|issue| issue.text.parse().ok());
        let blocks = marks.filter_map(|number: usize| self.blocks.get(number));
        let takes = self.map.plan.takes.iter().map(take).map(|name| TAKEN.iter().find(|taken| taken.ends_with(name)));
        let taken = takes.flatten().copied();
        blocks.flatten().map(String::as_str).chain(taken).collect()
    }
}

const TAKEN: [&str; 5] = ["takes message", "takes nothing", "takes segments", "takes segment", "takes resource"];

fn mark(block: &mut Block, own: usize, blocks: &mut Vec<BTreeSet<String>>) {
    let mut names = BTreeSet::new();
    block.iter().for_each(|step| names_of(step, &mut names));
    for step in block.iter_mut() {
        match step {
            Step::Wrap { body, .. }
            | Step::Wrote { body, .. }
            | Step::Probe { body, .. }
            | Step::Attempt { body, .. }
            | Step::Under { body, .. }
            | Step::Each { body, .. }
            | Step::Emit { body, .. }
            | Step::Edit { body, .. }
            | Step::Distinct { body, .. }
            | Step::Unlike { body, .. }
            | Step::Contain { body, .. } => mark(body, own, blocks),
            Step::EachBy { key, body, .. } => {
                mark(key, own, blocks);
                mark(body, own, blocks);
            }
            Step::Or { first, then } => {
                mark(first, own, blocks);
                mark(then, own, blocks);
            }
            Step::If { yes, no, .. } => {
                mark(yes, own, blocks);
                mark(no, own, blocks);
            }
            Step::Choose { arms, other, .. } => {
                arms.iter_mut().for_each(|(_, body)| mark(body, own, blocks));
                mark(other, own, blocks);
            }
            _ => {}
        }
    }
    let issue = u32::try_from(own + blocks.len()).unwrap();
    block.insert(0, Step::Issue { issue, at: None });
    blocks.push(names);
}

/// How often each construct was written and each instruction carried out.
#[derive(Clone, Debug, Default)]
pub struct Counted {
    constructs: BTreeMap<String, usize>,
    /// By the interpreter, and of these messages by machine code.
    instructions: BTreeMap<String, (usize, usize)>,
}

impl Counted {
    pub fn wrote(&mut self, constructs: &BTreeSet<&'static str>) {
        for construct in constructs {
            *self.constructs.entry((*construct).to_owned()).or_default() += 1;
        }
    }

    pub fn ran(&mut self, reached: &BTreeSet<&str>, native: bool) {
        for name in reached {
            let counts = self.instructions.entry((*name).to_owned()).or_default();
            counts.0 += 1;
            counts.1 += usize::from(native);
        }
    }

    pub fn add(&mut self, other: &Counted) {
        for (name, count) in &other.constructs {
            *self.constructs.entry(name.clone()).or_default() += count;
        }
        for (name, (interpreter, native)) in &other.instructions {
            let counts = self.instructions.entry(name.clone()).or_default();
            counts.0 += interpreter;
            counts.1 += native;
        }
    }

    /// What a run should have met and did not.
    pub fn missed(&self) -> Vec<String> {
        let constructs = CONSTRUCTS.iter().filter(|name| !self.constructs.contains_key(**name));
        let constructs = constructs.map(|name| format!("the construct `{name}`"));
        let instructions = all().into_iter().filter(|name| !self.instructions.contains_key(name));
        constructs.chain(instructions.map(|name| format!("the instruction `{name}`"))).collect()
    }
}

impl Display for Counted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{:40} {:>10}", "construct", "programs")?;
        for (name, count) in &self.constructs {
            writeln!(f, "{name:40} {count:>10}")?;
        }
        writeln!(f, "{:40} {:>10} {:>10}", "instruction, messages that met it", "all", "native")?;
        for (name, (interpreter, native)) in &self.instructions {
            writeln!(f, "{name:40} {interpreter:>10} {native:>10}")?;
        }
        Ok(())
    }
}
