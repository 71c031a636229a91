//! Issues and refusals, with the place in the message that they are about.
//!
//! Mostly the place is known from the steps that took a value: field 8 of that segment. Of a value that came from a caller
//! or a loop only the address is known, from which the host finds the place.

use cranelift_codegen::ir::{InstBuilder, Value, condcodes::IntCC};
use emr_abi::{Builtin, Call, Stop, Told};
use emr_compiler::plan::{IssueId, Part, Step, Val};

use super::{Gen, at};
use crate::kinds::{Kind, Level, Live};

/// Where a value stands in the message, as compiled code can tell it.
#[derive(Clone, Copy)]
pub enum Where {
    Nowhere,
    /// A value of that level, by address and length; one that is not there has no address that tells.
    At([Value; 2], Level),
    /// A path in the segment of that number.
    In(Value, Path),
    /// A path below such a value.
    Below([Value; 2], Level, Path),
    /// Only if the text of that length is there.
    If(Value, Known),
    /// By the origin of the text of that length, if it is there and has one.
    Origin(Value, Value),
    /// Not to be told: the interpreter says it.
    Unknown,
}

impl Where {
    /// That of a text of this length which is made of what stands there: what it is made of is there if it is.
    fn made(self, length: Value) -> Where {
        match self {
            Where::At(at, level) => Where::If(length, Known::At(at, level)),
            Where::In(segment, path) => Where::If(length, Known::In(segment, path)),
            Where::Below(at, level, path) => Where::If(length, Known::Below(at, level, path)),
            Where::Nowhere => Where::Nowhere,
            Where::If(_, known) => Where::If(length, known),
            Where::Origin(..) | Where::Unknown => Where::Unknown,
        }
    }
}

/// The places that are told without a question.
#[derive(Clone, Copy)]
pub enum Known {
    At([Value; 2], Level),
    In(Value, Path),
    Below([Value; 2], Level, Path),
    /// By an address, a length and a level.
    Part([Value; 3]),
}

impl Known {
    /// The part of a value of that level that stands there.
    pub fn part(self, level: Level, number: u8) -> Known {
        match self {
            Known::In(segment, path) => Known::In(segment, path.part(level, number)),
            Known::At(words, base) => Known::Below(words, base, Path::default().part(level, number)),
            Known::Below(words, base, path) => Known::Below(words, base, path.part(level, number)),
            Known::Part(words) => Known::Part(words),
        }
    }
}

impl From<Known> for Where {
    fn from(known: Known) -> Where {
        match known {
            Known::In(segment, path) => Where::In(segment, path),
            Known::At(words, level) => Where::At(words, level),
            Known::Below(words, level, path) => Where::Below(words, level, path),
            Known::Part(words) => Where::If(words[1], Known::Part(words)),
        }
    }
}

/// Numbers of field, repetition, component and subcomponent; 0 where a path is not so narrow.
#[derive(Clone, Copy, Default)]
pub struct Path {
    field: u16,
    repetition: u16,
    component: u16,
    subcomponent: u16,
}

impl Path {
    fn packed(self) -> i64 {
        let parts = [self.field, self.repetition, self.component, self.subcomponent];
        parts.into_iter().fold(0, |all, part| all << 16 | i64::from(part))
    }

    pub fn of_field(field: u16) -> Path {
        Path { field, ..Path::default() }
    }

    pub fn repeated(self, number: u32) -> Path {
        Path { repetition: u16::try_from(number).unwrap_or(0), ..self }
    }

    /// The part of a value of that level that stands at this path.
    pub fn part(self, level: Level, number: u8) -> Path {
        let number = u16::from(number);
        match level {
            Level::Field => Path { repetition: 1, component: number, ..self },
            Level::Repetition => Path { component: number, ..self },
            Level::Component => Path { subcomponent: number, ..self },
            Level::Subcomponent => self,
        }
    }
}

impl<'p> Gen<'_, 'p> {
    /// An issue of the plan about a value.
    pub fn say(&mut self, issue: IssueId, about: Where) {
        let number = self.int(i64::from(issue));
        if let Some([told, at, level, path]) = self.told(about) {
            self.helper(Call::issue, &[number, told, at, level, path]);
        }
    }

    /// Refuses the message and ends the routine.
    pub fn refuse(&mut self, issue: IssueId, about: Where) {
        let number = self.int(i64::from(issue));
        match self.told(about) {
            Some([told, at, level, path]) => {
                self.helper(Call::reject, &[number, told, at, level, path]);
                let none = self.int(0);
                self.b.ins().return_(&[none]);
            }
            None => self.stop(Stop::Defer),
        }
    }

    /// The place in words for the helper; nothing if the interpreter must be asked, which is noted.
    fn told(&mut self, about: Where) -> Option<[Value; 4]> {
        let none = self.int(0);
        match about {
            Where::Nowhere => Some([none, none, none, none]),
            Where::Unknown => {
                self.give_up();
                None
            }
            Where::If(length, known) => {
                let [told, at, level, path] = self.told_as(known);
                let is_there = self.above(length, 0);
                Some([self.b.ins().select(is_there, told, none), at, level, path])
            }
            Where::Origin(length, origin) => {
                let told = self.int(Told::Origin as i64);
                let is_there = self.above(length, 0);
                Some([self.b.ins().select(is_there, told, none), origin, none, none])
            }
            Where::At(value, level) => Some(self.told_of(Known::At(value, level))),
            Where::In(segment, path) => Some(self.told_of(Known::In(segment, path))),
            Where::Below(value, level, path) => Some(self.told_of(Known::Below(value, level, path))),
        }
    }

    /// By an address only where something is.
    fn told_of(&mut self, known: Known) -> [Value; 4] {
        if let Known::At([_, length], _) | Known::Below([_, length], ..) = known {
            let is_absent = self.is(IntCC::SignedLessThan, length, 1);
            self.give_up_when(is_absent);
        }
        self.told_as(known)
    }

    fn told_as(&mut self, known: Known) -> [Value; 4] {
        let (told, at, level, path) = match known {
            Known::At([at, _], level) => (Told::Value, at, self.int(level as i64), Path::default()),
            Known::Part([at, _, level]) => (Told::Value, at, level, Path::default()),
            Known::In(segment, path) => (Told::Segment, segment, self.int(Level::Field as i64), path),
            Known::Below([at, _], level, path) => (Told::Below, at, self.int(level as i64), path),
        };
        [self.int(told as i64), at, level, self.int(path.packed())]
    }

    /// Where a value stands, and whether it does, as the interpreter tells the place of it.
    pub fn place_of(&mut self, val: Val) -> Where {
        if !self.shared.has_places {
            return Where::Nowhere;
        }
        let kind = self.kind(val);
        let words = self.get(val);
        let first = self.word(&words, 0);
        match (&kind, self.facts.setter(val)) {
            (Kind::Any, _) if self.facts.is_empty_text(val) => Where::Nowhere,
            (Kind::Any, _) => Where::Unknown,
            (Kind::Segment(_), _) => Where::In(first, Path::default()),
            (Kind::Part, _) => self.place_of_part(val, &words),
            (Kind::Text(Live::Traced), _) => Where::Origin(self.word(&words, 1), self.word(&words, 2)),
            // An item is there, or the value is missing and has no place.
            (Kind::Piece(level), Some(Step::Pick { of, .. })) if matches!(self.kind(*of), Kind::List(_)) => {
                let length = self.word(&words, 1);
                Where::If(length, Known::At([first, length], *level))
            }
            (Kind::Text(_), Some(_)) if self.is_placeless(val) => Where::Nowhere,
            (Kind::Field | Kind::Piece(_) | Kind::Text(_), Some(_))
                if !self.sure.contains(&val) && self.noted.contains_key(&val) =>
            {
                self.noted_place(val).unwrap_or(Where::Unknown)
            }
            // Only what was set has the place of what it was set from; what is there tells its own.
            (Kind::Field, Some(_)) if !self.sure.contains(&val) => self.place_by_address(val, Level::Field),
            (Kind::Piece(level), Some(_)) if !self.sure.contains(&val) => self.place_by_address(val, *level),
            (Kind::Text(_), Some(_)) if !self.sure.contains(&val) => {
                self.text_by_address(val).unwrap_or(Where::Unknown)
            }
            (Kind::Field | Kind::Piece(_), Some(Step::Take { of, part, .. })) => self.place_below(*of, part),
            (Kind::Field | Kind::Piece(_) | Kind::Text(_), Some(Step::Set { from, .. }))
                if self.kind(*from) == kind =>
            {
                self.place_of(*from)
            }
            (Kind::Field, _) => self.place_by_address(val, Level::Field),
            (Kind::Piece(level), _) => self.place_by_address(val, *level),
            (Kind::Text(_), Some(Step::Convert { of, .. })) => {
                let of = self.place_of_first(*of);
                of.made(self.word(&words, 1))
            }
            // A text that a function makes has the place of the first thing that it is made of.
            (Kind::Text(_), Some(Step::Builtin { function, arguments, .. })) if *function != Builtin::join => {
                let of = arguments.first().map_or(Where::Nowhere, |first| self.place_of(*first));
                of.made(self.word(&words, 1))
            }
            (Kind::Text(_), Some(Step::Join { parts, .. })) => {
                let of = self.first_place(parts);
                of.made(self.word(&words, 1))
            }
            (Kind::Text(_), Some(Step::Calculate { left, right, .. })) => {
                let of = self.first_place(&[*left, *right]);
                of.made(self.word(&words, 1))
            }
            (Kind::Text(_), _) => self.text_by_address(val).unwrap_or(Where::Unknown),
            (Kind::List(_), _) => Where::Unknown,
            _ => Where::Nowhere,
        }
    }

    /// By where a part of any level stands. What is not there was never set, if it is an item of a loop or list.
    fn place_of_part(&mut self, val: Val, words: &[Value]) -> Where {
        let part = [0, 1, 2].map(|index| self.word(words, index));
        let [_, length, _] = part;
        let of_list = |step: &Step| matches!(step, Step::Pick { of, .. } if matches!(self.kind(*of), Kind::List(_)));
        if !self.facts.is_item(val) && !self.facts.setter(val).is_some_and(of_list) {
            let is_absent = self.is(IntCC::SignedLessThan, length, 1);
            self.give_up_when(is_absent);
        }
        Where::If(length, Known::Part(part))
    }

    /// By where a part of the message stands: if it is not there, only if it was set apart from its neighbours, as what is
    /// handed over is.
    pub fn place_by_address(&mut self, val: Val, level: Level) -> Where {
        let words = self.get(val);
        let routine = self.instance.routine;
        let params = u32::try_from(self.instance.params.len()).unwrap_or(0);
        let is_given = val < params && self.facts.is_given(val);
        let tells = is_given || self.shared.asked.is_apart(routine, val);
        // The item of a loop is there, or the value was never set.
        if !tells && self.facts.is_item(val) {
            let length = self.word(&words, 1);
            return Where::If(length, Known::At([self.word(&words, 0), length], level));
        }
        let length = if tells { self.int(1) } else { self.word(&words, 1) };
        Where::At([self.word(&words, 0), length], level)
    }

    /// Where the first item of a value stands, which is there.
    pub fn place_of_first(&mut self, val: Val) -> Where {
        match self.kind(val) {
            Kind::Field => {
                let words = self.get(val);
                let (_, first) = self.first(&Kind::Field, &words);
                Where::At([self.word(&first, 0), self.word(&first, 1)], Level::Repetition)
            }
            Kind::List(item) => {
                let words = self.get(val);
                let list = self.word(&words, 0);
                let item = *item;
                let first = self.item_or_missing(list, 1, &item);
                self.place_of_item(&item, &first)
            }
            _ => self.place_of(val),
        }
    }

    /// Where an item of a loop or list stands.
    pub fn place_of_item(&mut self, kind: &Kind, words: &[Value]) -> Where {
        if !self.shared.has_places {
            return Where::Nowhere;
        }
        let first = self.word(words, 0);
        match kind {
            Kind::Piece(level) => Where::At([first, self.word(words, 1)], *level),
            Kind::Part => {
                let part = [0, 1, 2].map(|index| self.word(words, index));
                Where::If(part[1], Known::Part(part))
            }
            Kind::Segment(_) => Where::In(first, Path::default()),
            Kind::Text(Live::Traced) => Where::Origin(self.word(words, 1), self.word(words, 2)),
            Kind::Text(_) | Kind::List(_) | Kind::Any | Kind::Field => Where::Unknown,
            _ => Where::Nowhere,
        }
    }

    fn place_below(&mut self, of: Val, part: &Part) -> Where {
        let level = match self.kind(of) {
            Kind::Piece(level) => level,
            _ => Level::Field,
        };
        match (part, self.kind(of)) {
            (Part::Field { number, .. }, Kind::Segment(_)) => {
                let words = self.get(of);
                Where::In(self.word(&words, 0), Path::of_field(*number))
            }
            (Part::Component(number), Kind::Piece(_)) => match self.place_of(of) {
                Where::In(segment, path) => Known::In(segment, path).part(level, *number).into(),
                Where::At(at, base) => Known::At(at, base).part(level, *number).into(),
                Where::Below(at, base, path) => Known::Below(at, base, path).part(level, *number).into(),
                Where::If(length, known) => Where::If(length, known.part(level, *number)),
                _ => Where::Unknown,
            },
            (Part::Index(number), Kind::Field | Kind::Piece(Level::Field)) => match self.place_of(of) {
                Where::In(segment, path) => Where::In(segment, path.repeated(*number)),
                _ => Where::Unknown,
            },
            (Part::Component(number), Kind::Field | Kind::List(_)) => match self.place_of_first(of) {
                Where::At(at, base) => Where::Below(at, base, Path::default().part(base, *number)),
                Where::If(length, Known::At(at, base)) => Where::If(length, Known::At(at, base).part(base, *number)),
                _ => Where::Unknown,
            },
            _ => Where::Unknown,
        }
    }

    /// The place of the first of several values that has one, all of which are there.
    fn first_place(&mut self, vals: &[Val]) -> Where {
        let places = vals.iter().map(|val| self.place_of(*val));
        places.into_iter().find(|place| !matches!(place, Where::Nowhere)).unwrap_or(Where::Nowhere)
    }

    /// The same said of the first of several values that has a place.
    pub fn place_of_any(&mut self, vals: &[Val]) -> Where {
        let mut first = Where::Nowhere;
        for val in vals {
            match (first, self.place_of(*val)) {
                (_, Where::Nowhere) => {}
                (Where::Nowhere, perhaps @ (Where::If(..) | Where::Origin(..))) => first = perhaps,
                (Where::Nowhere, known) => return known,
                // If the first is not there, this one is asked.
                _ => return Where::Unknown,
            }
        }
        first
    }

    /// Says that there are several where one is expected.
    pub fn say_several(&mut self, about: Where) {
        let several = self.shared.several;
        self.say(several, about);
    }

    /// Where a helper found the second of several.
    pub fn place_found(&mut self, level: Level) -> Where {
        // It was found, so it has a length.
        let (at, some) = (self.load(at!(results)), self.int(1));
        Where::At([at, some], level)
    }
}
