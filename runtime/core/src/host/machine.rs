//! Runs a program for messages, one after the other.

use std::ops::Range;
use std::sync::Arc;

use emr_abi::{Context, Gives, List, Program, SLACK, Stop, Take, flags};
use emr_message::lineage::{self, Lineage, Mark};
use emr_message::refer::{Moved, settle};
use emr_message::{Message, Receipt, Secrets, Settings, Table, Unreadable, Zone, encode, stand_in};
use rustc_hash::FxHashMap;

use super::arena::Arena;
use super::came::{Came, ROOT};
use super::dates::Offsets;
use super::edits::{Edit, Edits};
use super::entries::{Entries, Maker, Out};
use super::helpers::HELPERS;
use super::memory::{Code, Unmapped};
use super::pattern::Matcher;
use super::structure::Structure;
use super::text::{Text, Unready, tag};
use super::traces::Traces;
use super::work::{self, Raised, Region, Work};

/// What a message may cost before it is given up: the fixed part of the default, and the part for each byte.
const FUEL_FIXED: i64 = 1_000;
const FUEL_PER_BYTE: i64 = 16;

/// The output's room at first.
const ROOM: usize = 1 << 18;

/// A long message gets room for each of its bytes, more than outputs take: it begins again where there is too little, and
/// room that nothing is written to is no memory yet.
const LONG_BYTES: usize = 1 << 16;
const ROOM_PER_BYTE: usize = 32;

/// The most room that is made; a longer output is the interpreter's.
const ROOM_MAX: usize = 1 << 30;

/// Room for the texts that code makes: at least, and for each byte of the message. What makes more of it is the
/// interpreter's.
const SCRATCH: usize = 1 << 16;
const SCRATCH_PER_BYTE: usize = 16;

/// How much of the output may stand before what `Resource` puts around it.
const HEAD: usize = 256;

/// A program that is ready to run, for any number of machines.
pub struct Loaded {
    program: Program,
    tables: Vec<Table>,
    code: Code,
}

impl Loaded {
    pub fn new(program: Program) -> Result<Loaded, Unmapped> {
        let code = Code::new(&program.code, program.entry)?;
        Ok(Loaded::with(program, code))
    }

    /// A program whose code is in memory already.
    pub(super) fn with(mut program: Program, code: Code) -> Loaded {
        let tables = std::mem::take(&mut program.tables).into_iter().map(Table::from).collect();
        Loaded { program, tables, code }
    }

    pub fn program(&self) -> &Program {
        &self.program
    }

    /// Where its code lies in memory.
    pub(super) fn addresses(&self) -> Range<usize> {
        self.code.addresses()
    }
}

/// What came of a message.
#[derive(Debug)]
pub enum Ran<'m> {
    /// The output, and what the mapping says.
    Done(Done<'m>),
    /// The mapping refuses it.
    Refused(Refused<'m>),
    /// It can be no message.
    Unreadable(Unreadable),
    /// The interpreter does it.
    Deferred,
    /// A helper failed: a fault of the machinery.
    Fault,
}

/// `Debug` shows sizes only.
pub struct Done<'m> {
    /// JSON, or the message that the map makes.
    pub json: &'m [u8],
    /// What code wrote, in which the marks stand.
    written: &'m [u8],
    /// In the order in which they were raised, each once for a place.
    pub issues: &'m [Raised],
    /// Where in the output each value begins; only of a traced program.
    pub marks: &'m [Mark],
}

#[derive(Debug)]
pub struct Refused<'m> {
    pub why: Raised,
    pub issues: &'m [Raised],
}

impl Done<'_> {
    /// Where each value of the output comes from, in its order: nothing unless the program was made of a plan that traces.
    pub fn lineage(&self) -> Vec<Lineage> {
        lineage::paths(self.written, self.marks)
    }
}

impl std::fmt::Debug for Done<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Done({} bytes, {} issues)", self.json.len(), self.issues.len())
    }
}

/// A program with the memory that it needs for one message at a time. It allocates nothing once that is large enough.
pub struct Machine {
    loaded: Arc<Loaded>,
    context: Box<Context>,
    work: Box<Work>,
    out: Vec<u8>,
    scratch: Vec<u8>,
    /// The message that was made of what code wrote.
    made: Vec<u8>,
    /// What code wrote, with searches for what the message does not bring.
    settled: Vec<u8>,
    /// How many bytes came beside the message.
    beside: usize,
    settings: Settings,
    fuel: Option<u64>,
}

// SAFETY: the pointers of context, text and lists point into memory that the machine itself owns; nothing of a machine is
// shared with another.
unsafe impl Send for Machine {}

impl Machine {
    pub fn new(loaded: Arc<Loaded>, settings: Settings, zone: Option<Zone>, fuel: Option<u64>) -> Machine {
        let program = &loaded.program;
        let lists = usize::try_from(program.lists).unwrap_or(0);
        let none = List { items: std::ptr::null_mut(), count: 0, room: 0 };
        let work = Work {
            text: Text::new(&program.layout),
            came: Came::default(),
            structure: Structure::new(&program.nodes, &program.stated),
            arena: Arena::default(),
            entries: Entries::default(),
            makers: Maker::all(&program.emits),
            tables: loaded.tables.clone(),
            asked: program.asked.clone(),
            patterns: program.patterns.iter().map(|pattern| Matcher::new(pattern)).collect(),
            written: FxHashMap::default(),
            dates: Offsets::new(zone),
            receipt: Receipt::default(),
            secrets: Secrets::default(),
            same: program.issues.iter().map(|said| said.same).collect(),
            issues: Vec::new(),
            refusal: None,
            traces: Traces::default(),
            edits: Edits::default(),
            lists: vec![none; lists],
            items: vec![Vec::new(); lists],
            grouped: FxHashMap::default(),
            met: FxHashMap::default(),
            contained: Vec::new(),
            start: 0,
            wanted: 0,
            region: None,
        };
        let reserve = usize::try_from(program.reserve).unwrap_or(0);
        Machine {
            context: Box::new(work::empty(HELPERS)),
            work: Box::new(work),
            out: vec![0; ROOM + 2 * (reserve + SLACK)],
            scratch: Vec::new(),
            made: Vec::new(),
            settled: Vec::new(),
            beside: 0,
            loaded: Arc::clone(&loaded),
            settings,
            fuel,
        }
    }

    /// What is known of the messages that are run from here on, beside their bytes.
    pub fn receive(&mut self, receipt: Receipt) {
        let Work { asked, tables, .. } = &mut *self.work;
        for (number, name) in asked {
            let number = usize::try_from(*number).unwrap_or(usize::MAX);
            let rows = receipt.answers().rows(name).map(Table::as_json);
            let rows = rows.or_else(|| self.loaded.tables.get(number).cloned());
            if let (Some(table), Some(rows)) = (tables.get_mut(number), rows) {
                *table = rows;
            }
        }
        self.work.receipt = receipt;
    }

    /// What the names of secrets stand for, from here on.
    pub fn trust(&mut self, secrets: Secrets) {
        self.work.secrets = secrets;
    }

    /// Runs the program for one message.
    pub fn run(&mut self, bytes: &[u8]) -> Ran<'_> {
        self.work.came.clear();
        self.beside = 0;
        self.run_message(bytes)
    }

    /// Of the last message, if it was neither deferred nor unreadable: whether it is certain that it can be noted for nothing
    /// but line ends and blanks at the ends of lines. Where this says no, [`emr_message::Message::notes`] knows more.
    pub fn took_ordinary(&self) -> bool {
        self.work.text.is_ordinary()
    }

    /// Runs the program for a resource of FHIR, which is JSON without blanks: no value in it is anything but of its type.
    pub fn run_resource(&mut self, resource: &str) -> Ran<'_> {
        self.beside = 0;
        match self.comes(resource) {
            Some(()) => self.run_message(&stand_in::message(resource)),
            None => self.unready(),
        }
    }

    /// The same for a message and a resource, of which the program takes the second or both.
    pub fn run_both(&mut self, bytes: &[u8], resource: &str) -> Ran<'_> {
        self.beside = resource.len();
        match self.comes(resource) {
            Some(()) => self.run_message(bytes),
            None => self.unready(),
        }
    }

    /// Takes a resource apart that the program takes.
    fn comes(&mut self, resource: &str) -> Option<()> {
        let came = &mut self.work.came;
        came.read(resource)?;
        let name = came.type_of(ROOT)?;
        let takes = |take: &Take| matches!(take, Take::Resource(wanted) if wanted == name || wanted == "Resource");
        self.loaded.program.takes.iter().any(takes).then_some(())
    }

    fn run_message(&mut self, bytes: &[u8]) -> Ran<'_> {
        match self.work.text.read(bytes, &self.settings) {
            Ok(()) => {}
            Err(Unready::Unreadable(why)) => return Ran::Unreadable(why),
            Err(Unready::Defer) => return self.unready(),
        }
        let room = ROOM_MAX.min(ROOM_PER_BYTE * bytes.len());
        if bytes.len() > LONG_BYTES && self.out.len() < room {
            self.make_room(room);
        }
        loop {
            let end = self.once();
            match self.context.stop {
                stop if stop == Stop::None as u64 => return self.done(end, bytes),
                stop if stop == Stop::Skipped as u64 => {
                    let why = Raised { issue: self.loaded.program.skipped, place: None };
                    return Ran::Refused(Refused { why, issues: &self.work.issues });
                }
                stop if stop == Stop::Panic as u64 => return Ran::Fault,
                stop if stop == Stop::Refused as u64 => {
                    let issues = &self.work.issues;
                    return self.work.refusal.map_or(Ran::Deferred, |why| Ran::Refused(Refused { why, issues }));
                }
                stop if stop == Stop::Room as u64 => {
                    let room = self.out.len();
                    if room >= ROOM_MAX {
                        return Ran::Deferred;
                    }
                    self.make_room(ROOM_MAX.min((2 * room).max(room + 2 * self.work.wanted)));
                }
                _ => return Ran::Deferred,
            }
        }
    }

    fn make_room(&mut self, bytes: usize) {
        // Not there beside the new one.
        self.out = Vec::new();
        self.out = vec![0; bytes];
    }

    /// The interpreter does the message without a look at the code, because of its text.
    #[cold]
    fn unready(&mut self) -> Ran<'static> {
        self.context.why = u64::from_be_bytes(*b"text\0\0\0\0");
        self.context.stop = Stop::Defer as u64;
        Ran::Deferred
    }

    /// One try with the room that there is: where output ended, unless the context says why it did not.
    fn once(&mut self) -> *mut u8 {
        let program = &self.loaded.program;
        let (context, work) = (&mut *self.context, &mut *self.work);
        work.arena.clear();
        work.wanted = 0;
        work.issues.clear();
        work.refusal = None;
        work.traces.clear();
        work.edits.clear();
        work.contained.clear();
        work.came.begin_anew();
        let known = work.structure.of(work.text.tags());
        let joined = if known.joined { flags::JOINED } else { 0 };
        // Group -1 is the one that is not there.
        context.groups = known.groups.as_ptr().wrapping_add(1);
        context.firsts = known.firsts.as_ptr();
        context.members = known.members.as_ptr();
        context.flags = work.text.flags() | work.came.flags() | joined;
        context.stop = Stop::None as u64;
        context.live = 0;
        let bytes = i64::try_from(work.text.message_bytes() + self.beside).unwrap_or(i64::MAX);
        let fuel = self.fuel.map(|fuel| i64::try_from(fuel).unwrap_or(i64::MAX));
        let fuel = fuel.unwrap_or_else(|| bytes.saturating_mul(FUEL_PER_BYTE).saturating_add(FUEL_FIXED));
        // One for the entry.
        context.fuel = fuel.saturating_sub(1);
        if context.fuel < 0 {
            context.stop = Stop::Fuel as u64;
            return std::ptr::null_mut();
        }
        let maps = work.text.maps();
        context.text = work.text.base();
        context.segments = work.text.segments().as_ptr();
        context.components = maps.components;
        context.repetitions = maps.repetitions;
        context.subcomponents = maps.subcomponents;
        context.separators = maps.separators;
        context.classes = *work.text.classes();
        context.constants = program.constants.as_ptr();
        work.lists.iter_mut().for_each(|list| list.count = 0);
        unplaced(program, work);
        misplaced(program, work);
        if arguments(program, context, work).is_none() {
            let refused = if work.refusal.is_some() { Stop::Refused } else { Stop::Defer };
            context.stop = refused as u64;
            return std::ptr::null_mut();
        }
        context.lists = work.lists.as_mut_ptr();
        let scratch = SCRATCH.max(SCRATCH_PER_BYTE * work.text.message_bytes()) + SLACK;
        if self.scratch.len() < scratch {
            self.scratch = vec![0; scratch];
        }
        let scratch = self.scratch.as_mut_ptr_range();
        (context.scratch, context.scratch_end) = (scratch.start, scratch.end.wrapping_sub(SLACK));

        let range = self.out.as_mut_ptr_range();
        let reserve = usize::try_from(program.reserve).unwrap_or(0) + SLACK;
        let start = range.start.wrapping_add(HEAD);
        work.start = start.addr();
        context.limit = range.end.wrapping_sub(reserve);
        // A quarter of the room is for what stands before the entries, and the head that code writes beyond its limit.
        work.region = program.in_place.map(|requests| {
            let from = range.start.addr() + (self.out.len() - 2 * reserve) / 4 + reserve;
            let region =
                Region { from, filled: from, limit: context.limit.addr(), head_limit: from - reserve, requests };
            context.limit = range.start.wrapping_add(region.head_limit - range.start.addr());
            region
        });
        let first = work.region.map(|region| range.start.cast_const().wrapping_add(region.from - range.start.addr()));
        work.entries.clear(first, program.gives == Gives::Resource && !program.refers);
        context.host = std::ptr::from_mut(work).cast();
        let entry = self.loaded.code.entry();
        // SAFETY: the context is filled as the contract says, the text and the maps have the slack that it asks for, and the
        // output has `reserve` and `SLACK` behind its limit.
        unsafe { entry(context, start) }
    }

    /// For people: what the interpreter was asked for last, as a line of the compiler.
    pub fn why(&self) -> String {
        let why = self.context.why.to_be_bytes();
        let (file, line) = why.split_at(4);
        let line = line.iter().fold(0u32, |number, byte| number << 8 | u32::from(*byte));
        format!("{} {line}, stop {}", String::from_utf8_lossy(file), self.context.stop)
    }

    fn done(&mut self, end: *mut u8, bytes: &[u8]) -> Ran<'_> {
        let from = self.work.start - self.out.as_ptr().addr();
        let mut range = from..from + end.addr().saturating_sub(self.work.start);
        self.work.traces.finish(self.work.start);
        if self.loaded.program.gives == Gives::Resource {
            match self.resource() {
                Some(length) => range = HEAD..HEAD + length,
                None => return Ran::Deferred,
            }
        }
        let written = self.out.get(range).unwrap_or_default();
        let written = written.strip_suffix(b",").unwrap_or(written);
        let mut written = if written.is_empty() { b"null" } else { written };
        let left = self.work.entries.unresolved(&self.work.makers);
        let is_alone = self.loaded.program.gives == Gives::Resource && self.work.entries.written().0 < 2;
        let moved = if is_alone { Moved::new() } else { self.work.entries.moved(&mut self.work.came) };
        if !(left.is_empty() && moved.is_empty()) {
            let settled = settle(written, &left, &moved);
            self.work.traces.settle(|at| settled.place(at));
            self.settled = settled.out;
            written = &self.settled;
        }
        let mut json = written;
        let edits = self.loaded.program.edits && written.starts_with(b"[");
        let work = &mut *self.work;
        work.edits.take_back(end.addr());
        let edited = edits.then(|| work.edits.apply(&work.text, |edit| value(&self.out, edit), &mut self.made));
        if edited.flatten().is_some() {
            json = &self.made;
        } else if self.loaded.program.gives == Gives::Message {
            let spelled = edits.then(|| self.work.edits.spelled(|edit| value(&self.out, edit)));
            let written = spelled.as_deref().unwrap_or(written);
            let made = Message::read(bytes, &self.settings)
                .ok()
                .and_then(|message| encode::encode(written, &message, &self.work.receipt).ok());
            let Some(made) = made else { return Ran::Deferred };
            for place in made.lacking {
                self.work.raise(self.loaded.program.lacking, Some(place));
            }
            if let Some(place) = made.unknown_charset {
                self.work.raise(self.loaded.program.unknown_charset, Some(place));
            }
            self.made = made.bytes;
            json = &self.made;
        }
        let (issues, marks) = (&self.work.issues, self.work.traces.written());
        Ran::Done(Done { json, written, issues, marks })
    }

    /// A map that gives a resource: that alone, or a collection that begins with it. The length, if there is room.
    fn resource(&mut self) -> Option<usize> {
        let room = self.out.get_mut(HEAD..)?;
        let mut out = Out { room, length: 0 };
        let work = &mut *self.work;
        let (count, first) = work.entries.written();
        work.traces.begin_anew();
        if count > 1 {
            out.add(b"{\"resourceType\":\"Bundle\",\"type\":\"collection\",");
            let text = &work.text;
            work.entries.name(&work.makers, || text.digest());
            work.entries.write(&work.makers, false, &mut out, |entry, at| work.traces.place(entry, at));
            out.length -= 1;
            out.add(b"}");
        } else {
            out.add(first);
            if let Some(first) = work.entries.first() {
                work.traces.place(first, 0);
            }
        }
        out.fits().then_some(out.length)
    }
}

/// What code wrote for an edit.
fn value<'o>(out: &'o [u8], edit: &Edit) -> &'o [u8] {
    let from = edit.at.wrapping_sub(out.as_ptr().addr());
    out.get(from..from.saturating_add(edit.length)).unwrap_or_default()
}

/// Hands over what the entry takes; nothing where something lacks, which refuses the message.
fn arguments(program: &Program, context: &mut Context, work: &mut Work) -> Option<()> {
    for (index, take) in program.takes.iter().enumerate() {
        let word = match take {
            Take::Message | Take::Nothing => 0,
            Take::Resource(_) => u64::from(work.came.root()),
            Take::Segment { name, required, .. } => {
                let found = numbered(work.text.tags(), name).next();
                if found.is_none() {
                    require(work, *required)?;
                }
                found.unwrap_or(0)
            }
            Take::Segments { name, required, list, .. } => {
                let found: Vec<u64> = numbered(work.text.tags(), name).collect();
                if found.is_empty() {
                    require(work, *required)?;
                }
                let number = usize::try_from(*list).ok()?;
                for segment in found {
                    let place = work.push(number, 1);
                    let items = work.items.get_mut(number)?;
                    let index = work.lists.get(number)?.count.checked_sub(1)?;
                    debug_assert!(!place.is_null());
                    *items.get_mut(usize::try_from(index).ok()?)? = segment;
                }
                let record = work.lists.get(number)?;
                std::ptr::from_ref(record) as u64
            }
        };
        *context.results.get_mut(index)? = word;
    }
    Some(())
}

/// Refuses the message if what it lacks is required.
fn require(work: &mut Work, required: Option<u32>) -> Option<()> {
    work.refusal = required.map(|issue| Raised { issue, place: None });
    work.refusal.is_none().then_some(())
}

/// The segments of that name, by their number in the table.
fn numbered(tags: &[u32], name: &str) -> impl Iterator<Item = u64> {
    let wanted = tag(name);
    let named = (1..).zip(tags).filter(move |(_, tag)| **tag == wanted);
    named.map(|(number, _)| number)
}

/// Segments that no map sees, with where they stand.
fn unplaced(program: &Program, work: &mut Work) {
    if program.nodes.len() < 2 {
        return;
    }
    for index in 0..work.structure.now().unplaced.len() {
        let segment = work.structure.now().unplaced.get(index).copied().unwrap_or(u32::MAX);
        if let Some(place) = work.place(segment).filter(|place| !place.name.is_none()) {
            work.raise(program.unplaced, Some(place));
        }
    }
}

/// Segments that stand elsewhere than the profile has them.
fn misplaced(program: &Program, work: &mut Work) {
    for index in 0..work.structure.now().misplaced.len() {
        let Some((number, segment)) = work.structure.now().misplaced.get(index).copied() else { return };
        if let Some((_, issue)) = program.stated.get(number) {
            let place = work.place(segment);
            work.raise(*issue, place);
        }
    }
}
