//! Where values stood when they were set, for those whose place may be told later on a way on which they need not have been
//! set, or from a turn of a loop that is over.
//!
//! What is noted is a register or two; it costs nothing unless somebody asks.

use cranelift_codegen::ir::{condcodes::IntCC, types::I64};
use cranelift_frontend::Variable;
use emr_abi::Builtin;
use emr_compiler::plan::{Constant, Part, RoutineId, Step, Val};

use super::Gen;
use super::facts::Facts;
use super::issue::{Known, Path, Where};
use crate::kinds::{Instance, Kind, Level, Live, Typing, kind};

/// So many steps back it is followed what a text is made of.
const DEPTH_MAX: u32 = 8;

/// The words of a place: 0 stands for a value that was never set.
#[derive(Clone, Copy)]
pub struct Noted {
    at: Variable,
    length: Variable,
    how: How,
}

/// What the words are, and what of it is known beforehand.
#[derive(Clone, Copy)]
enum How {
    In(Path),
    At(Level),
    Below(Level, Path),
}

/// What a text may be made of.
#[derive(Clone, Copy, PartialEq)]
enum Origins {
    /// Nothing that stands in the message.
    Elsewhere,
    /// A value of that level.
    Level(Level),
    Others,
}

impl Origins {
    fn and(self, other: Origins) -> Origins {
        match (self, other) {
            (Origins::Elsewhere, one) | (one, Origins::Elsewhere) => one,
            (one, other) if one == other => one,
            _ => Origins::Others,
        }
    }
}

/// A routine for certain kinds of parameters, and what its steps tell.
struct Body<'a, 'p> {
    typing: &'a Typing<'p>,
    instance: &'a Instance,
    facts: &'a Facts<'p>,
}

impl Body<'_, '_> {
    /// What of the message a text is made of, whichever step set it.
    fn origins(&self, val: Val, depth: u32) -> Origins {
        match kind(&self.instance.vals, val) {
            _ if depth > DEPTH_MAX => return Origins::Others,
            Kind::Piece(level) => return Origins::Level(level),
            Kind::Missing | Kind::Node => return Origins::Elsewhere,
            Kind::Text(Live::Yes | Live::No | Live::Told) => {}
            _ => return Origins::Others,
        }
        let setters = self.facts.setters(val);
        if setters.is_empty() {
            return Origins::Others;
        }
        setters.iter().fold(Origins::Elsewhere, |all, step| all.and(self.made_by(step, depth + 1)))
    }

    fn made_by(&self, step: &Step, depth: u32) -> Origins {
        match step {
            Step::Constant { .. } | Step::Lookup { .. } | Step::Receipt { .. } => Origins::Elsewhere,
            Step::Set { from: of, .. } | Step::Convert { of, .. } => self.origins(*of, depth),
            Step::Builtin { function, arguments, .. } if *function != Builtin::join => {
                arguments.first().map_or(Origins::Others, |first| self.origins(*first, depth))
            }
            Step::Call { routine, arguments, .. } => {
                self.given_by(*routine, arguments, depth).unwrap_or(Origins::Others)
            }
            _ => Origins::Others,
        }
    }

    /// What the result of a routine is made of.
    fn given_by(&self, routine: RoutineId, arguments: &[Val], depth: u32) -> Option<Origins> {
        let params: Vec<Kind> = arguments.iter().map(|argument| kind(&self.instance.vals, *argument)).collect();
        let instance = self.typing.instances.get(self.typing.find(routine, &params)?)?;
        let routine = self.typing.plan.routine(routine)?;
        let facts = Facts::of(&routine.body);
        Some(Body { typing: self.typing, instance, facts: &facts }.origins(routine.result?, depth))
    }
}

impl<'p> Gen<'_, 'p> {
    /// Begins the routine: nothing was set yet.
    pub fn note_nothing(&mut self) {
        for val in 0..u32::try_from(self.instance.vals.len()).unwrap_or(0) {
            if self.shared.asked.has_place(self.instance.routine, val) && self.facts.setter(val).is_some() {
                let (at, length) = (self.b.declare_var(I64), self.b.declare_var(I64));
                let none = self.int(0);
                self.b.def_var(at, none);
                // What was never set is not in doubt.
                let one = self.int(1);
                self.b.def_var(length, one);
                self.notes.insert(val, (at, length));
            }
        }
    }

    /// Notes the place of a value that was set just now.
    pub fn note_place(&mut self, val: Val) {
        let Some((at, length)) = self.notes.get(&val).copied() else { return };
        let Some(known) = self.plain_place(val) else { return };
        let (words, how) = match known {
            Known::In(segment, path) => ([segment, self.int(1)], How::In(path)),
            Known::At(words, level) => (words, How::At(level)),
            Known::Below(words, level, path) => (words, How::Below(level, path)),
            Known::Part(_) => return,
        };
        for (var, word) in [at, length].into_iter().zip(words) {
            self.b.def_var(var, word);
        }
        self.noted.insert(val, Noted { at, length, how });
    }

    /// The place that was noted of a value.
    pub fn noted_place(&mut self, val: Val) -> Option<Where> {
        let Noted { at, length, how } = self.noted.get(&val).copied()?;
        let (at, length) = (self.b.use_var(at), self.b.use_var(length));
        let known = match how {
            How::In(path) => Known::In(at, path),
            How::At(level) => Known::At([at, length], level),
            How::Below(level, path) => Known::Below([at, length], level, path),
        };
        if matches!(self.kind(val), Kind::Text(_)) {
            let words = self.get(val);
            return Some(Where::If(self.word(&words, 1), known));
        }
        if let Known::At(..) | Known::Below(..) = known {
            let is_absent = self.is(IntCC::SignedLessThan, length, 1);
            self.give_up_when(is_absent);
        }
        Some(Where::If(at, known))
    }

    /// The place of a value that is set on this way, where it is read from its steps without a question.
    pub fn plain_place(&mut self, val: Val) -> Option<Known> {
        let kind = self.kind(val);
        let step = self.facts.setter(val);
        if step.is_some() && !self.sure.contains(&val) || step.is_none() && !self.facts.is_given(val) {
            return None;
        }
        match (&kind, step) {
            (Kind::Segment(_), _) => {
                let words = self.get(val);
                Some(Known::In(self.word(&words, 0), Path::default()))
            }
            (Kind::Field | Kind::Piece(_), Some(Step::Take { of, part, .. })) => self.plain_part(*of, part),
            (Kind::Field | Kind::Piece(_), Some(Step::Set { from, .. })) if self.kind(*from) == kind => {
                self.plain_place(*from)
            }
            (Kind::Field, None) => self.given_place(val, Level::Field),
            (Kind::Piece(level), None) => self.given_place(val, *level),
            (Kind::Text(Live::Traced), _) => None,
            (Kind::Text(_), Some(Step::Convert { of, .. })) if self.is_one_of_message(*of) => self.plain_place(*of),
            (Kind::Text(_), Some(Step::Builtin { function, arguments, .. })) if *function != Builtin::join => {
                let first = *arguments.first()?;
                if self.is_one_of_message(first) { self.plain_place(first) } else { None }
            }
            (Kind::Text(_), Some(Step::Join { parts, .. })) => {
                let first = parts.iter().find(|part| self.facts.constant(**part).is_none())?;
                if self.is_one_of_message(*first) { self.plain_place(*first) } else { None }
            }
            _ => None,
        }
    }

    fn is_one_of_message(&self, val: Val) -> bool {
        matches!(self.kind(val), Kind::Piece(_) | Kind::Text(Live::Yes | Live::No | Live::Told))
    }

    fn plain_part(&mut self, of: Val, part: &Part) -> Option<Known> {
        match (part, self.kind(of)) {
            (Part::Field { number, .. }, Kind::Segment(_)) => {
                let words = self.get(of);
                Some(Known::In(self.word(&words, 0), Path::of_field(*number)))
            }
            (Part::Component(number), Kind::Piece(level)) => Some(self.plain_place(of)?.part(level, *number)),
            (Part::Index(number), Kind::Field | Kind::Piece(Level::Field)) => match self.plain_place(of)? {
                Known::In(segment, path) => Some(Known::In(segment, path.repeated(*number))),
                _ => None,
            },
            _ => None,
        }
    }

    /// The place of a parameter, or of the item of a loop, which is there.
    fn given_place(&mut self, val: Val, level: Level) -> Option<Known> {
        match self.place_by_address(val, level) {
            Where::At(words, level) | Where::If(_, Known::At(words, level)) => Some(Known::At(words, level)),
            _ => None,
        }
    }

    /// Where a text stands, by its address: where it was changed on its way it stands elsewhere, and the host finds no place
    /// for it.
    pub fn text_by_address(&mut self, val: Val) -> Option<Where> {
        let body = Body { typing: self.shared.typing, instance: self.instance, facts: &self.facts };
        let Origins::Level(level) = body.origins(val, 0) else { return None };
        let words = self.get(val);
        let (at, length) = (self.word(&words, 0), self.word(&words, 1));
        Some(Where::If(length, Known::At([at, length], level)))
    }

    /// Whether a text has no place whenever it is set.
    pub fn is_placeless(&self, val: Val) -> bool {
        match self.facts.setter(val) {
            Some(Step::Constant { value: Constant::Text(_), .. } | Step::Receipt { .. }) => true,
            Some(Step::CodePart { of, .. }) => matches!(self.kind(*of), Kind::Coded(_)),
            _ => false,
        }
    }
}
