//! Gives each value of a routine the one kind that it has, whatever way the routine takes.
//!
//! A plan's values have no types: a part of the message, a text or nothing may be in the same place. Machine code wants to
//! know which. A routine is looked at once for each combination of its parameters' kinds, so that a value of unknown kind
//! is rare; what has one ([`Kind::Any`]) is left to the interpreter where it is used.

mod functions;

use emr_compiler::check::typed::{Pick, Primitive};
use emr_compiler::plan::{Block, Cell, CodePart, Constant, Part, Plan, RoutineId, Step, Take, Val};
use emr_message::group::{self, NodeId};
use rustc_hash::{FxHashMap, FxHashSet};

use crate::made;
pub use functions::takes_none_for_empty;
use functions::{builtin, empty_texts};

/// Where in a field a part of the message stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Level {
    Field,
    Repetition,
    Component,
    Subcomponent,
}

/// Whether writing a value counts as one of the message.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Live {
    Yes,
    No,
    /// Known when it runs, by a word of its own.
    Told,
    /// In a traced plan: by the lowest bit of a word that is also the text's origin ([`emr_abi::Helpers::trace`]).
    Traced,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Kind {
    /// Never there.
    Missing,
    /// An instance of a group, by number; -1 if there is none.
    Group(NodeId),
    /// All that stands at a node of a group: the group.
    Members(NodeId),
    /// By its number in the table of segments; 0 if there is none. The kind of segment, counted from 1; 0 if none of its
    /// fields is read.
    Segment(u32),
    /// All repetitions of a field: place and length.
    Field,
    Piece(Level),
    /// The same of any level: place, length and level.
    Part,
    /// Ready for JSON; missing if its length is below 1.
    Text(Live),
    /// 0 or 1; -1 if missing.
    Bool,
    /// Texts of system, code and display; missing without a code.
    Coded(Live),
    /// What is in a resource that came, by number: 0 if missing. Whether it is a list is known when it runs.
    Node,
    /// The number of an entry; -1 if missing.
    Reference,
    /// The number of a resource inside another; -1 if missing.
    Contained,
    /// Milliseconds; [`i64::MIN`] if missing.
    Duration,
    /// The place of an [`emr_abi::List`] of such.
    List(Box<Kind>),
    Any,
}

impl Kind {
    /// How many words hold it.
    pub fn words(&self) -> usize {
        match self {
            Kind::Missing | Kind::Any => 0,
            Kind::Group(_)
            | Kind::Members(_)
            | Kind::Segment(_)
            | Kind::Bool
            | Kind::Node
            | Kind::Reference
            | Kind::Contained
            | Kind::Duration
            | Kind::List(_) => 1,
            Kind::Field | Kind::Piece(_) | Kind::Text(Live::Yes | Live::No) => 2,
            Kind::Part | Kind::Text(Live::Told | Live::Traced) => 3,
            Kind::Coded(Live::Yes | Live::No) => 6,
            Kind::Coded(Live::Told | Live::Traced) => 7,
        }
    }

    /// Whether blanks may stand around its text: those of parts of a message were taken off.
    pub fn may_be_padded(&self) -> bool {
        matches!(self, Kind::Text(_) | Kind::Coded(_) | Kind::Node)
    }

    fn join(&self, other: &Kind) -> Kind {
        use Kind::{Any, Bool, Coded, List, Missing, Node, Part, Piece, Text};
        match (self, other) {
            (same, other) if same == other => same.clone(),
            (Missing, one) | (one, Missing) => one.clone(),
            (Piece(_) | Part, Piece(_) | Part) => Part,
            (Text(left), Text(right)) => Text(left.join(*right)),
            // Where what came is no text after all, that is found when it runs.
            (Node, Text(Live::Traced)) | (Text(Live::Traced), Node) => Text(Live::Traced),
            (Node, Text(_)) | (Text(_), Node) => Text(Live::Told),
            (Bool, Text(live)) | (Text(live), Bool) => Text(live.join(Live::Yes)),
            (Coded(left), Coded(right)) => Coded(left.join(*right)),
            (Node, List(item)) | (List(item), Node) if matches!(**item, Node | Missing) => Node,
            (List(left), List(right)) => match left.join(right) {
                Any => Any,
                item => List(Box::new(item)),
            },
            _ => Any,
        }
    }

    /// What a loop over it hands out.
    pub fn item(&self, typing: &Typing) -> Kind {
        match self {
            Kind::Field => Kind::Piece(Level::Repetition),
            Kind::Members(node) => typing.standing(*node),
            Kind::List(item) => (**item).clone(),
            one => one.clone(),
        }
    }

    /// The same in a traced plan, where each text has its origin. A coded value has none.
    fn traced(self) -> Kind {
        match self {
            Kind::Text(_) => Kind::Text(Live::Traced),
            Kind::Coded(Live::Traced) => Kind::Coded(Live::Told),
            Kind::List(item) => Kind::List(Box::new(item.traced())),
            other => other,
        }
    }

    pub fn live(&self) -> Live {
        match self {
            Kind::Text(live) | Kind::Coded(live) => *live,
            Kind::List(item) => item.live(),
            Kind::Missing | Kind::Duration => Live::No,
            _ => Live::Yes,
        }
    }
}

impl Live {
    fn join(self, other: Live) -> Live {
        if self == other { self } else { Live::Told }
    }

    /// Of something made of both.
    pub fn either(self, other: Live) -> Live {
        match (self, other) {
            (Live::Yes, _) | (_, Live::Yes) => Live::Yes,
            (Live::No, Live::No) => Live::No,
            _ => Live::Told,
        }
    }
}

/// A routine for parameters of certain kinds.
#[derive(Clone, Debug)]
pub struct Instance {
    pub routine: RoutineId,
    pub params: Vec<Kind>,
    pub vals: Vec<Kind>,
    pub result: Kind,
}

/// All instances that the entry reaches, each after those that it calls.
pub struct Typing<'p> {
    pub plan: &'p Plan,
    /// Whether the plan tells where what it writes comes from.
    pub traced: bool,
    pub instances: Vec<Instance>,
    known: FxHashMap<(RoutineId, Vec<Kind>), usize>,
    /// The values of the routine that is looked at that are an empty text wherever they are set.
    empty: FxHashSet<Val>,
    /// The kinds of segments that are read, in order, and the group that each node of the structure stands in.
    pub kinds: Vec<[u8; 3]>,
    parents: Vec<NodeId>,
}

impl<'p> Typing<'p> {
    pub fn new(plan: &'p Plan, kinds: Vec<[u8; 3]>) -> Typing<'p> {
        let mut parents = vec![0; plan.grammar.nodes.len()];
        enclose(plan, 0, 0, &mut parents);
        let traced = made::traces(plan);
        let (instances, known, empty) = (Vec::new(), FxHashMap::default(), FxHashSet::default());
        let mut typing = Typing { plan, traced, instances, known, empty, kinds, parents };
        let params = plan.takes.iter().map(|take| typing.taken(take)).collect();
        let entry = typing.instance(plan.entry, params);
        let mut reached = vec![false; typing.instances.len()];
        typing.reach(entry, &mut reached);
        typing.keep(&reached);
        typing
    }

    /// The instance of a routine for these parameters; the entry's is the last.
    pub fn find(&self, routine: RoutineId, params: &[Kind]) -> Option<usize> {
        self.known.get(&(routine, params.to_vec())).copied()
    }

    fn taken(&self, take: &Take) -> Kind {
        match take {
            Take::Message => Kind::Group(0),
            Take::Segments { name, list: false, .. } => Kind::Segment(self.kind_of(name)),
            Take::Segments { name, .. } => Kind::List(Box::new(Kind::Segment(self.kind_of(name)))),
            Take::Resource(_) => Kind::Node,
            Take::Nothing => Kind::Missing,
        }
    }

    pub fn kind_of(&self, name: &str) -> u32 {
        let found = self.kinds.iter().position(|kind| kind == name.as_bytes());
        found.map_or(0, |index| u32::try_from(index + 1).unwrap_or(0))
    }

    /// What stands at a node.
    fn standing(&self, node: NodeId) -> Kind {
        match self.plan.grammar.nodes.get(node as usize).map(|node| &node.kind) {
            Some(group::Kind::Segment(name)) => Kind::Segment(self.kind_of(name.as_str())),
            Some(group::Kind::Group(_)) => Kind::Group(node),
            _ => Kind::Any,
        }
    }

    fn instance(&mut self, routine: RoutineId, params: Vec<Kind>) -> usize {
        let key = (routine, params.clone());
        if let Some(known) = self.known.get(&key) {
            return *known;
        }
        let plan = self.plan;
        let Some(of) = plan.routine(routine) else { return 0 };
        let mut vals = params.clone();
        vals.resize(of.vals as usize, Kind::Missing);
        let outer = std::mem::replace(&mut self.empty, empty_texts(&of.body));
        // Kinds only ever widen, and a few steps wide: this ends.
        loop {
            let before = vals.clone();
            self.block(&of.body, &mut vals);
            if vals == before {
                break;
            }
        }
        self.empty = outer;
        let result = of.result.map_or(Kind::Missing, |val| kind(&vals, val));
        self.instances.push(Instance { routine, params, vals, result });
        let index = self.instances.len() - 1;
        self.known.insert(key, index);
        index
    }

    fn block(&mut self, block: &Block, vals: &mut Vec<Kind>) {
        for step in block {
            if let Step::Each { of, item, .. } | Step::EachBy { of, item, .. } = step {
                let each = kind(vals, *of).item(self);
                widen(vals, *item, &each);
            }
            if let Step::EachBy { of, by, items, .. } = step {
                let each = kind(vals, *of).item(self);
                widen(vals, *by, &Kind::Missing);
                widen(vals, *items, &Kind::List(Box::new(each)));
            }
            for inner in step.blocks() {
                self.block(inner, vals);
            }
            if let Some(to) = step.sets() {
                let given = self.gives(step, vals);
                widen(vals, to, &if self.traced { given.traced() } else { given });
            } else if let Step::Call { .. } = step {
                self.gives(step, vals);
            }
        }
    }

    /// Leaves out what is not reached.
    fn keep(&mut self, reached: &[bool]) {
        let mut kept = reached.iter();
        self.instances.retain(|_| kept.next().copied().unwrap_or(false));
        self.known.clear();
        for (index, instance) in self.instances.iter().enumerate() {
            self.known.insert((instance.routine, instance.params.clone()), index);
        }
    }

    /// Which instances the entry reaches; others were a step on the way to them.
    fn reach(&self, index: usize, reached: &mut Vec<bool>) {
        let (Some(instance), Some(known)) = (self.instances.get(index), reached.get_mut(index)) else { return };
        if std::mem::replace(known, true) {
            return;
        }
        if let Some(routine) = self.plan.routine(instance.routine) {
            self.reach_from(&routine.body, &instance.vals, reached);
        }
    }

    fn reach_from(&self, block: &Block, vals: &[Kind], reached: &mut Vec<bool>) {
        for step in block {
            if let Step::Call { routine, arguments, .. } = step {
                let params: Vec<Kind> = arguments.iter().map(|argument| kind(vals, *argument)).collect();
                if let Some(index) = self.find(*routine, &params) {
                    self.reach(index, reached);
                }
            }
            step.blocks().into_iter().for_each(|inner| self.reach_from(inner, vals, reached));
        }
    }

    /// What a step sets its value to.
    fn gives(&mut self, step: &Step, vals: &[Kind]) -> Kind {
        let of = |val: Val| kind(vals, val);
        match step {
            Step::Wrote { .. } | Step::Probe { .. } | Step::Unlike { .. } | Step::Decide { .. } => Kind::Bool,
            Step::Take { of: from, part, .. } => self.take(&of(*from), part),
            Step::Set { from, .. } => of(*from),
            Step::Constant { value, .. } => constant(value),
            Step::Convert { of: from, into, .. } => converted(&of(*from).item(self), *into),
            Step::Builtin { function, arguments, .. } => builtin(*function, arguments, vals, self),
            Step::Join { parts, .. } => text_of(parts.iter().map(|part| of(*part))),
            Step::Append { of: from, to, .. } => text_of([of(*from), of(*to)].into_iter()),
            Step::Gather { parts, .. } => {
                let items = parts.iter().map(|part| of(*part).item(self));
                list(items.fold(Kind::Missing, |all, item| all.join(&item)))
            }
            Step::Push { of: from, .. } => list(of(*from).item(self)),
            Step::Pick { which: Pick::First | Pick::Last | Pick::Only, of: from, .. } => of(*from).item(self),
            Step::Receipt { .. } => Kind::Text(Live::Yes),
            Step::Coded { code, .. } => match leaf(&of(*code)) {
                Some(live) => Kind::Coded(live),
                None => Kind::Missing,
            },
            Step::CodePart { of: from, part, .. } => match (of(*from), part) {
                (Kind::Coded(live), _) => Kind::Text(live),
                (one @ (Kind::Piece(_) | Kind::Part | Kind::Text(_)), CodePart::Code) => one,
                (Kind::Any, _) => Kind::Any,
                _ => Kind::Missing,
            },
            Step::Lookup { cell: Cell::Text(_), .. } => Kind::Text(Live::Yes),
            Step::Lookup { cell: Cell::Code(_), .. } => Kind::Coded(Live::Yes),
            Step::Emit { .. } | Step::Refer { .. } => Kind::Reference,
            Step::Calculate { left, right, .. } => match text_of([of(*left), of(*right)].into_iter()) {
                _ if [left, right].into_iter().any(|val| of(*val) == Kind::Duration) => moved(&of(*left), &of(*right)),
                // What has no kind may be a duration: that is the interpreter's.
                Kind::Any => Kind::Missing,
                _ if [left, right].into_iter().any(|val| of(*val) == Kind::Missing) => Kind::Missing,
                text => text,
            },
            Step::Contain { .. } => Kind::Contained,
            Step::Call { routine, arguments, .. } => {
                let params = arguments.iter().map(|argument| of(*argument)).collect();
                let index = self.instance(*routine, params);
                self.instances.get(index).map_or(Kind::Any, |instance| instance.result.clone())
            }
            _ => Kind::Any,
        }
    }

    pub fn take(&self, from: &Kind, part: &Part) -> Kind {
        match (part, from) {
            (_, Kind::Missing) => Kind::Missing,
            (_, Kind::Any) => Kind::Any,
            // What is below it depends on its level.
            (Part::Component(_) | Part::Index(_), Kind::Part) => Kind::Any,
            (Part::Outer(levels), Kind::Group(node)) => {
                Kind::Group((0..*levels).fold(*node, |node, _| self.outside(node)))
            }
            (Part::Member { name, nth, repeats }, Kind::Group(node)) => {
                match self.plan.grammar.named(*node, name, *nth) {
                    Some(found) if *repeats => match self.standing(found) {
                        Kind::Any => Kind::Any,
                        _ => Kind::Members(found),
                    },
                    Some(found) => self.standing(found),
                    None => Kind::Missing,
                }
            }
            (Part::Element(_) | Part::Resource(_), Kind::Node) => Kind::Node,
            (Part::Element(_) | Part::Resource(_), Kind::List(item)) if **item == Kind::Node => Kind::Node,
            (Part::Element(_) | Part::Resource(_), _) => Kind::Missing,
            // MSH-1 and MSH-2 are not to be taken apart.
            (Part::Field { number: 1 | 2, .. }, Kind::Segment(kind)) if self.declares(*kind) => Kind::Any,
            (Part::Field { repeats: true, .. }, Kind::Segment(_)) => Kind::Field,
            (Part::Field { repeats: false, .. }, Kind::Segment(_)) => Kind::Piece(Level::Field),
            (Part::Component(_), Kind::Piece(level)) => Kind::Piece(match level {
                Level::Field | Level::Repetition => Level::Component,
                Level::Component | Level::Subcomponent => Level::Subcomponent,
            }),
            (Part::Index(_), Kind::Piece(Level::Field | Level::Repetition) | Kind::Field) => {
                Kind::Piece(Level::Repetition)
            }
            (Part::Index(_), Kind::List(_) | Kind::Members(_)) => from.item(self),
            // One value is the first of itself.
            (Part::Index(_), one) => one.clone(),
            (Part::Range(..), several) => list(several.item(self)),
            (
                Part::Component(_) | Part::Field { .. } | Part::Member { .. },
                Kind::Field | Kind::Members(_) | Kind::List(_),
            ) => match from.item(self) {
                Kind::Field | Kind::Members(_) | Kind::List(_) => Kind::Missing,
                one => self.take(&one, part),
            },
            _ => Kind::Missing,
        }
    }

    /// The bar behind which a field of a segment stands, from 0.
    pub fn bar(&self, kind: u32, number: u16) -> Option<u32> {
        u32::from(number).checked_sub(if self.declares(kind) { 2 } else { 1 })
    }

    /// Whether fields of the segment are counted from the bar itself.
    pub fn declares(&self, kind: u32) -> bool {
        let name = (kind as usize).checked_sub(1).and_then(|index| self.kinds.get(index));
        matches!(name, Some(b"MSH" | b"FHS" | b"BHS"))
    }

    fn outside(&self, node: NodeId) -> NodeId {
        self.parents.get(node as usize).copied().unwrap_or(0)
    }
}

/// Notes for each node the group around it, choices left out.
fn enclose(plan: &Plan, node: NodeId, around: NodeId, parents: &mut [NodeId]) {
    let Some(found) = plan.grammar.nodes.get(node as usize) else { return };
    if let Some(parent) = parents.get_mut(node as usize) {
        *parent = around;
    }
    match &found.kind {
        group::Kind::Group(members) => members.iter().for_each(|member| enclose(plan, *member, node, parents)),
        group::Kind::Choice(members) => members.iter().for_each(|member| enclose(plan, *member, around, parents)),
        group::Kind::Segment(_) => {}
    }
}

fn list(item: Kind) -> Kind {
    if item == Kind::Any { Kind::Any } else { Kind::List(Box::new(item)) }
}

pub fn kind(vals: &[Kind], val: Val) -> Kind {
    vals.get(val as usize).cloned().unwrap_or(Kind::Missing)
}

fn widen(vals: &mut [Kind], val: Val, by: &Kind) {
    if let Some(known) = vals.get_mut(val as usize) {
        *known = known.join(by);
    }
}

fn constant(value: &Constant) -> Kind {
    match value {
        Constant::Missing => Kind::Missing,
        Constant::List => Kind::List(Box::new(Kind::Missing)),
        Constant::Text(text) if !text.is_empty() => Kind::Text(Live::No),
        Constant::Duration(_) => Kind::Duration,
        Constant::Coded { code, live, .. } if !code.is_empty() => Kind::Coded(if *live { Live::Yes } else { Live::No }),
        // Where it is met the interpreter takes over, so that what it does to others does not matter.
        Constant::Reason(_) => Kind::Missing,
        // An empty text is there and has no length, which words cannot say.
        Constant::Text(_) | Constant::Coded { .. } => Kind::Any,
    }
}

/// Whether its text is one of the message, if it has one.
pub fn leaf(kind: &Kind) -> Option<Live> {
    match kind {
        Kind::Text(live) | Kind::Coded(live) => Some(*live),
        Kind::Piece(_) | Kind::Part | Kind::Field | Kind::Bool | Kind::Node => Some(Live::Yes),
        _ => None,
    }
}

fn converted(from: &Kind, into: Primitive) -> Kind {
    match (from, into) {
        (Kind::Any, _) => Kind::Any,
        (Kind::Duration, _) => Kind::Duration,
        (one, Primitive::Duration) if leaf(one).is_some() => Kind::Duration,
        (one, _) => leaf(one).map_or(Kind::Missing, Kind::Text),
    }
}

/// What is calculated of a duration and something else.
fn moved(left: &Kind, right: &Kind) -> Kind {
    match (left, right) {
        (Kind::Duration, Kind::Duration) => Kind::Duration,
        (Kind::Duration, by) if leaf(by).is_some() => Kind::Duration,
        (time, Kind::Duration) => leaf(time).map_or(Kind::Missing, Kind::Text),
        _ => Kind::Missing,
    }
}

/// A text of parts, one of which may be unknown.
fn text_of(parts: impl Iterator<Item = Kind>) -> Kind {
    let mut live = Live::No;
    for part in parts {
        match (&part, leaf(&part)) {
            (Kind::Missing, _) => {}
            (_, Some(more)) => live = live.either(more),
            _ => return Kind::Any,
        }
    }
    Kind::Text(live)
}
