//! The three conversions, and what they share: the segment at hand, its fields and their parts, resources and ids.

use super::date::{self, Kind};
use super::index::{By, Index, tag};
use super::writer::{NONE, S, Writer};
use crate::corpus::Message;
use crate::engine::Engine;
use crate::workload::{Map, Workload};
use core::mem::MaybeUninit;
use emr_message::identity::{self, Digest, Origin};

pub const PID: u32 = tag(b"PID");
pub const PV1: u32 = tag(b"PV1");
const PARTS: usize = 40;

/// The most that a byte of a message can become: `OBX|` alone is an Observation.
const GROWTH: usize = 200;

#[derive(Clone, Copy)]
pub struct Origins {
    pub patient: Option<Origin>,
    pub encounter: Option<Origin>,
    pub related: Option<Origin>,
    pub allergy: Option<Origin>,
    pub condition: Option<Origin>,
    pub coverage: Option<Origin>,
    pub report: Option<Origin>,
    pub observation: Option<Origin>,
}

pub struct Converter {
    map: Map,
    origins: Origins,
    pub index: Index,
    pub w: Writer,
    pub base: *const u8,
    pub digest: Digest,
    /// `{"reference":"urn:uuid:…"},` of the patient and of the encounter.
    pub who: [u8; 64],
    pub visit: [u8; 64],
    key: Vec<u8>,
    /// Ids of an order's observations.
    pub found: Vec<[u8; 16]>,
}

/// The parts of a value, and whether any of them has parts itself.
pub struct Parts {
    pub n: usize,
    deep: bool,
    st: [MaybeUninit<u32>; PARTS + 1],
}

impl Parts {
    #[inline]
    pub fn whole(&self, k: usize) -> S {
        if k > self.n {
            return NONE;
        }
        // SAFETY: one more than `n` of them are written.
        let (o, end) = unsafe { (self.st[k - 1].assume_init(), self.st[k].assume_init()) };
        S { o, n: end - 1 - o }
    }
}

impl Engine for Converter {
    fn run(&mut self, message: Message<'_>) -> &[u8] {
        let msg = message.bytes();
        // SAFETY: `new` asked the processor, and a message has room behind it.
        let done = unsafe {
            match self.map {
                Map::Admission => self.admission(msg),
                Map::Results => self.results(msg),
                Map::Routing => self.routing(msg),
                Map::Deidentified => self.deidentified(msg),
            }
        };
        if done { self.w.out() } else { &[] }
    }

    /// A message ends where the next line begins with MSH or BTS.
    fn batch(&mut self, file: Message<'_>, done: &mut dyn FnMut(&[u8])) {
        let text = file.bytes();
        let mut open = None;
        let mut from = 0;
        for at in memchr::memchr_iter(b'\r', text) {
            let head = text.get(from..from + 4).unwrap_or_default();
            if matches!(head, b"MSH|" | b"BTS|" | b"FTS|" | b"BHS|")
                && let Some(start) = open.take()
                && let Some(message) = file.part(start..from)
            {
                done(self.run(message));
            }
            if head == b"MSH|" {
                open = Some(from);
            }
            from = at + 1;
        }
        if let Some(message) = open.and_then(|start| file.part(start..text.len())) {
            done(self.run(message));
        }
    }
}

impl Converter {
    pub fn new(workload: &Workload) -> Option<Converter> {
        let features = is_x86_feature_detected!("avx2")
            && is_x86_feature_detected!("bmi1")
            && is_x86_feature_detected!("bmi2")
            && is_x86_feature_detected!("lzcnt")
            && is_x86_feature_detected!("popcnt");
        features.then(|| Converter {
            map: workload.map,
            origins: Origins {
                patient: workload.origin("Patient"),
                encounter: workload.origin("Encounter"),
                related: workload.origin("RelatedPerson"),
                allergy: workload.origin("AllergyIntolerance"),
                condition: workload.origin("Condition"),
                coverage: workload.origin("Coverage"),
                report: workload.origin("DiagnosticReport"),
                observation: workload.origin("Observation"),
            },
            index: Index::new(),
            w: Writer::new(),
            base: core::ptr::null(),
            digest: Digest::of_joined(b""),
            who: [0; 64],
            visit: [0; 64],
            key: Vec::with_capacity(256),
            found: Vec::with_capacity(64),
        })
    }

    pub fn origins(&self) -> Origins {
        self.origins
    }

    // ---- reading

    #[inline]
    #[target_feature(enable = "avx2,bmi1,bmi2,lzcnt,popcnt")]
    pub fn begin(&mut self, msg: &[u8]) -> bool {
        self.w.begin(msg.len() * GROWTH + (1 << 16));
        // SAFETY: a message has room behind it.
        unsafe { self.index.scan(msg) }
    }

    #[inline]
    #[target_feature(enable = "avx2,bmi1,bmi2,lzcnt,popcnt")]
    pub fn load(&mut self, seg: usize, want: u64) {
        // SAFETY: a segment of the message at hand.
        self.base = unsafe { self.index.split(seg, want) };
    }

    /// Field `k` of the segment at hand, which was loaded with `W`.
    #[inline]
    #[target_feature(enable = "avx2,bmi1,bmi2,lzcnt,popcnt")]
    pub fn field<const W: u64>(&self, k: usize) -> S {
        let i = (W & ((1 << (k - 1)) - 1)).count_ones() as usize;
        let j = (W & ((1 << k) - 1)).count_ones() as usize;
        let o = self.index.start(i);
        let n = self.index.start(j).wrapping_sub(o).wrapping_sub(1);
        if n as i32 > 0 { S { o, n } } else { NONE }
    }

    #[inline]
    #[target_feature(enable = "avx2,bmi1,bmi2,lzcnt,popcnt")]
    fn split(&self, s: S, by: By) -> Parts {
        let mut parts = Parts { n: 0, deep: false, st: [MaybeUninit::uninit(); PARTS + 1] };
        let n = s.n as usize;
        parts.st[0].write(s.o);
        let (mut k, mut i, mut subs) = (1, 0, 0);
        while i < n {
            let at = s.o as usize + i;
            let mut m = self.index.window(by, at, n - i);
            subs |= self.index.window(By::Sub, at, n - i);
            while m != 0 {
                if k < PARTS {
                    parts.st[k].write(s.o + i as u32 + m.trailing_zeros() + 1);
                    k += 1;
                }
                m &= m - 1;
            }
            i += 56;
        }
        parts.st[k].write(s.o + s.n + 1);
        parts.n = k;
        parts.deep = subs != 0;
        parts
    }

    /// Up to the next such delimiter.
    #[inline]
    #[target_feature(enable = "avx2,bmi1,bmi2,lzcnt,popcnt")]
    pub fn until(&self, s: S, by: By) -> S {
        let (n, mut i) = (s.n as usize, 0);
        while i < n {
            let m = self.index.window(by, s.o as usize + i, n - i);
            if m != 0 {
                return S { o: s.o, n: i as u32 + m.trailing_zeros() };
            }
            i += 56;
        }
        s
    }

    #[inline]
    #[target_feature(enable = "avx2,bmi1,bmi2,lzcnt,popcnt")]
    pub fn parts(&self, s: S) -> Parts {
        self.split(s, By::Component)
    }

    /// Of the first repetition.
    #[inline]
    #[target_feature(enable = "avx2,bmi1,bmi2,lzcnt,popcnt")]
    pub fn parts_of_one(&self, s: S) -> Parts {
        self.split(self.until(s, By::Repetition), By::Component)
    }

    #[inline]
    #[target_feature(enable = "avx2,bmi1,bmi2,lzcnt,popcnt")]
    pub fn subs(&self, s: S) -> Parts {
        self.split(s, By::Sub)
    }

    /// The first leaf of part `k`.
    #[inline]
    #[target_feature(enable = "avx2,bmi1,bmi2,lzcnt,popcnt")]
    pub fn leaf_of(&self, parts: &Parts, k: usize) -> S {
        let s = parts.whole(k);
        if parts.deep { self.until(s, By::Sub) } else { s }
    }

    /// The first leaf of a field.
    #[inline]
    #[target_feature(enable = "avx2,bmi1,bmi2,lzcnt,popcnt")]
    pub fn leaf(&self, s: S) -> S {
        let (n, mut i) = (s.n as usize, 0);
        while i < n {
            let at = s.o as usize + i;
            let ix = &self.index;
            let any = ix.window(By::Component, at, n - i)
                | ix.window(By::Repetition, at, n - i)
                | ix.window(By::Sub, at, n - i);
            if any != 0 {
                return S { o: s.o, n: i as u32 + any.trailing_zeros() };
            }
            i += 56;
        }
        s
    }

    /// The next repetition.
    #[inline]
    #[target_feature(enable = "avx2,bmi1,bmi2,lzcnt,popcnt")]
    pub fn next(&self, rest: &mut S) -> Option<S> {
        if rest.n == 0 || rest.n == u32::MAX {
            return None;
        }
        let one = self.until(*rest, By::Repetition);
        *rest =
            if one.n == rest.n { S { o: 0, n: u32::MAX } } else { S { o: rest.o + one.n + 1, n: rest.n - one.n - 1 } };
        Some(one)
    }

    /// Whether anything but delimiters is in it.
    #[inline]
    #[target_feature(enable = "avx2,bmi1,bmi2,lzcnt,popcnt")]
    pub fn present(&self, s: S) -> bool {
        let d = self.index.delims;
        s.some() && self.text(s).iter().any(|&b| b != d.component && b != d.sub && b != d.repetition)
    }

    /// The first repetition with a value.
    #[inline]
    #[target_feature(enable = "avx2,bmi1,bmi2,lzcnt,popcnt")]
    pub fn first(&self, s: S) -> S {
        let mut rest = s;
        while let Some(one) = self.next(&mut rest) {
            if self.present(one) {
                return one;
            }
        }
        NONE
    }

    /// The first leaf of component 1 of the first repetition that has one.
    #[inline]
    #[target_feature(enable = "avx2,bmi1,bmi2,lzcnt,popcnt")]
    pub fn first_one(&self, s: S) -> S {
        let mut rest = s;
        while let Some(one) = self.next(&mut rest) {
            let leaf = self.leaf(one);
            if leaf.some() {
                return leaf;
            }
        }
        NONE
    }

    #[inline]
    pub fn text(&self, s: S) -> &[u8] {
        // SAFETY: a stretch of the segment at hand.
        unsafe { core::slice::from_raw_parts(self.base.add(s.o as usize), s.n as usize) }
    }

    // ---- writing

    #[inline]
    #[target_feature(enable = "avx2,bmi1,bmi2,lzcnt,popcnt")]
    pub fn put(&mut self, s: S) {
        // SAFETY: a stretch of a segment, with room behind it.
        unsafe { self.w.blind(self.base.add(s.o as usize), s.n as usize) }
    }

    /// `key` is `"name":"`.
    #[inline]
    #[target_feature(enable = "avx2,bmi1,bmi2,lzcnt,popcnt")]
    pub fn pair<const N: usize>(&mut self, key: &[u8; N], s: S) {
        if s.some() {
            self.w.lit(key);
            self.put(s);
            self.w.lit(b"\",");
        }
    }

    #[inline]
    #[target_feature(enable = "avx2,bmi1,bmi2,lzcnt,popcnt")]
    pub fn time<const N: usize>(&mut self, key: &[u8; N], s: S, kind: Kind) -> bool {
        if !s.some() {
            return false;
        }
        let mark = self.w.p;
        self.w.lit(key);
        let text: *const [u8] = self.text(s);
        // SAFETY: the text stands in the message, not in the buffer, and both have room behind.
        match unsafe { date::write(self.w.p, &*text, kind) } {
            Some(end) => {
                self.w.p = end;
                self.w.lit(b"\",");
                true
            }
            None => {
                self.w.p = mark;
                false
            }
        }
    }

    #[inline]
    #[target_feature(enable = "avx2,bmi1,bmi2,lzcnt,popcnt")]
    pub fn period(&mut self, from: S, to: S) {
        if from.some() || to.some() {
            let mark = self.w.p;
            self.w.lit(b"\"period\":{");
            let inside = self.w.p;
            self.time(b"\"start\":\"", from, Kind::DateTime);
            self.time(b"\"end\":\"", to, Kind::DateTime);
            self.w.shut(mark, inside, b'}');
        }
    }

    // ---- resources

    #[inline]
    #[target_feature(enable = "avx2,bmi1,bmi2,lzcnt,popcnt")]
    pub fn open<const N: usize>(&mut self, id: &[u8; 16], rest: &[u8; N]) {
        self.w.lit(b"{\"fullUrl\":\"");
        self.w.urn(id);
        self.w.lit(b"\",\"resource\":{\"resourceType\":\"");
        self.w.lit(rest);
    }

    /// `key` is `"name":`.
    #[inline]
    #[target_feature(enable = "avx2,bmi1,bmi2,lzcnt,popcnt")]
    pub fn subject<const N: usize>(&mut self, key: &[u8; N]) {
        self.w.lit(key);
        let who = self.who;
        self.w.fixed(&who, 62);
    }

    /// `{"reference":"urn:uuid:…"},` in room of 64.
    #[inline]
    #[target_feature(enable = "avx2,bmi1,bmi2,lzcnt,popcnt")]
    pub fn reference(&mut self, id: &[u8; 16]) -> [u8; 64] {
        let mark = self.w.p;
        self.w.lit(b"{\"reference\":\"");
        self.w.urn(id);
        self.w.lit(b"\"},");
        self.w.p = mark;
        // SAFETY: 62 bytes were written there, and the buffer goes on.
        unsafe { mark.cast::<[u8; 64]>().read_unaligned() }
    }

    /// The id of a resource by its identifier (CX), and the search for it, with `"},` behind, for the end of its entry.
    #[target_feature(enable = "avx2,bmi1,bmi2,lzcnt,popcnt")]
    pub fn keyed(&mut self, resource: &str, origin: Option<Origin>, cx: S) -> ([u8; 16], Keyed) {
        self.key.clear();
        let c = self.parts_of_one(cx);
        let value = self.leaf_of(&c, 1);
        if !value.some() {
            return (self.placed(origin, 1), Keyed { used: false });
        }
        let authority = self.subs(c.whole(4));
        let universal = authority.whole(2);
        let mut key = core::mem::take(&mut self.key);
        if universal.some() {
            let oid = self.text(authority.whole(3)) == b"ISO";
            key.extend_from_slice(if oid { b"urn:oid:" } else { b"urn:id:" });
            plain(&mut key, self.text(universal));
        }
        key.push(b'|');
        plain(&mut key, self.text(value));
        key.push(0x1f);
        // SAFETY: UTF-8, cut between characters.
        let id = identity::of_key(resource, unsafe { core::str::from_utf8_unchecked(&key) });
        self.key = key;
        (id.into_bytes(), Keyed { used: true })
    }

    #[inline]
    #[target_feature(enable = "avx2,bmi1,bmi2,lzcnt,popcnt")]
    pub fn placed(&self, origin: Option<Origin>, turn: u32) -> [u8; 16] {
        origin.map_or([0; 16], |it| it.id(self.digest, turn).into_bytes())
    }

    /// The end of an entry: `ty` is `"PUT","url":"Patient`, `otherwise` the same with POST.
    #[target_feature(enable = "avx2,bmi1,bmi2,lzcnt,popcnt")]
    pub fn request(&mut self, keyed: Keyed, put: &[u8], post: &[u8]) {
        self.w.close(b'}');
        self.w.lit(b",\"request\":{\"method\":");
        if !keyed.used {
            self.w.bytes(post);
            self.w.lit(b"\"}},");
            return;
        }
        self.w.bytes(put);
        self.w.lit(b"?identifier=");
        let key = core::mem::take(&mut self.key);
        // The first bar is between system and value: no system has one.
        let bar = key.iter().position(|&b| b == b'|').unwrap_or_default();
        for (at, &b) in key[..key.len() - 1].iter().enumerate() {
            match b {
                b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' | b':' | b'/' => self.w.byte(b),
                _ => {
                    if at != bar && matches!(b, b'|' | b',' | b'$' | b'\\') {
                        self.w.lit(b"%5C");
                    }
                    let hex = b"0123456789ABCDEF";
                    self.w.lit(&[b'%', hex[usize::from(b >> 4)], hex[usize::from(b & 15)]]);
                }
            }
        }
        self.key = key;
        self.w.lit(b"\"}},");
    }

    /// Everything before the entries.
    #[inline]
    #[target_feature(enable = "avx2,bmi1,bmi2,lzcnt,popcnt")]
    pub fn head(&mut self, msg: &[u8]) {
        const W: u64 = 0b11 << 5;
        self.digest = Digest::of_joined(msg.strip_suffix(b"\r").unwrap_or(msg));
        self.load(0, W);
        self.w.lit(b"{\"resourceType\":\"Bundle\",\"type\":\"transaction\",");
        let at = self.leaf(self.field::<W>(6)); // MSH-7: MSH-1 is the bar itself
        self.time(b"\"timestamp\":\"", at, Kind::Instant);
        self.w.lit(b"\"entry\":[");
    }

    #[inline]
    #[target_feature(enable = "avx2,bmi1,bmi2,lzcnt,popcnt")]
    pub fn end(&mut self) {
        self.w.close(b']');
        self.w.byte(b'}');
    }

    #[target_feature(enable = "avx2,bmi1,bmi2,lzcnt,popcnt")]
    fn routing(&mut self, msg: &[u8]) -> bool {
        const H: u64 = 0b11 << 1 | 0b111 << 7;
        const P: u64 = 0b11 << 2;
        const V: u64 = 0b11 << 1;
        if !self.begin(msg) {
            return false;
        }
        self.w.lit(b"{\"resourceType\":\"Parameters\",\"parameter\":[");
        self.load(0, H);
        let (from, kind, id) = (self.field::<H>(2), self.field::<H>(8), self.field::<H>(9));
        let (from, kind, id) = (self.leaf(from), self.leaf(kind), self.leaf(id));
        self.parameter(b"{\"name\":\"from\",\"valueString\":\"", from);
        self.parameter(b"{\"name\":\"type\",\"valueString\":\"", kind);
        self.parameter(b"{\"name\":\"id\",\"valueString\":\"", id);
        for i in 1..self.index.segs.len() {
            match self.index.segs[i].tag {
                PID => {
                    self.load(i, P);
                    let s = self.first_one(self.field::<P>(3));
                    self.parameter(b"{\"name\":\"patient\",\"valueString\":\"", s);
                }
                PV1 => {
                    self.load(i, V);
                    let s = self.leaf(self.field::<V>(2));
                    self.parameter(b"{\"name\":\"class\",\"valueString\":\"", s);
                    break;
                }
                _ => {}
            }
        }
        self.end();
        true
    }

    #[inline]
    #[target_feature(enable = "avx2,bmi1,bmi2,lzcnt,popcnt")]
    fn parameter<const N: usize>(&mut self, key: &[u8; N], s: S) {
        if s.some() {
            self.w.lit(key);
            self.put(s);
            self.w.lit(b"\"},");
        }
    }
}

/// Whether a resource has a key; then it stands in the converter.
#[derive(Clone, Copy)]
pub struct Keyed {
    pub used: bool,
}

/// JSON-ready text as it was before.
fn plain(to: &mut Vec<u8>, text: &[u8]) {
    let mut at = 0;
    while let Some(&b) = text.get(at) {
        let next = if b == b'\\' { text.get(at + 1) } else { None };
        to.push(match next {
            Some(b'n') => b'\n',
            Some(b't') => b'\t',
            Some(&b) => b,
            None => b,
        });
        at += 1 + usize::from(next.is_some());
    }
}
