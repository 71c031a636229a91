//! How the resources of a message stand in the Bundle, with what a server is asked to do with each.

use std::ops::Range;

use emr_abi::Sent;
use emr_message::resource;

use super::super::spelled::{self, Digits};
use super::Entries;
use super::maker::{Maker, WIDE, post};

impl Entries {
    /// How many entries there are, and that of the first.
    pub fn written(&self) -> (usize, &[u8]) {
        let mut there = (0..self.entries.len()).filter(|index| self.entries.get(*index).is_some_and(|it| !it.dropped));
        let first = there.next();
        (usize::from(first.is_some()) + there.count(), first.map_or(&[], |first| self.body(first)))
    }

    /// Where the resource of each entry that is written stands, if the list of them begins at that place.
    pub fn places(&self, makers: &[Maker], requests: bool, from: usize) -> Vec<(usize, usize)> {
        let mut places = Vec::new();
        let mut nowhere = Out { room: &mut [], length: 0 };
        self.write(makers, requests, &mut nowhere, |entry, at| places.push((entry, from + at)));
        if let Some(region) = self.region {
            for (entry, at) in &mut places {
                *at = region.addr() + self.entries.get(*entry).map_or(0, |entry| entry.json.start);
            }
        }
        places
    }

    /// The first that is written.
    pub fn first(&self) -> Option<usize> {
        (0..self.entries.len()).find(|index| self.entries.get(*index).is_some_and(|it| !it.dropped))
    }

    /// `"entry":[…],` if there is one, at the end of `out`; `placed` is told of each entry where in `out` its resource
    /// begins.
    pub fn write(&self, makers: &[Maker], requests: bool, out: &mut Out, mut placed: impl FnMut(usize, usize)) {
        let mut any = false;
        for (index, _) in self.entries.iter().enumerate().filter(|(_, entry)| !entry.dropped) {
            if !any {
                out.add(b"\"entry\":[");
            }
            any = true;
            self.write_open(index, out);
            placed(index, out.length);
            out.add(self.body(index));
            self.close(makers, index, requests, out);
        }
        if any {
            out.length -= 1;
            out.add(b"],");
        }
    }

    /// What stands before the resource of an entry: its id, but for a change, which has none.
    pub fn write_open(&self, index: usize, out: &mut Out) {
        match self.entries.get(index).filter(|_| !self.referred.contains(&index)) {
            Some(entry) => {
                let mut open = [0; spelled::OPEN];
                Digits::of(entry.id).open(&mut open);
                out.add(&open);
            }
            None => out.add(b"{\"resource\":"),
        }
    }

    /// What stands behind it, with the comma to the next.
    pub fn close(&self, makers: &[Maker], index: usize, requests: bool, out: &mut Out) {
        let made = self.entries.get(index).and_then(|entry| Some((entry, makers.get(entry.maker)?)));
        let Some((entry, maker)) = made.filter(|_| requests) else { return out.add(b"},") };
        let said = if maker.is_open { resource::type_of(self.body(index)) } else { None };
        let resource = said.unwrap_or(&maker.emit.resource);
        match &entry.search {
            None if maker.is_open => out.add(&post(resource)),
            None => out.add(&maker.post),
            Some(search) => self.write_request(maker.emit.sent, resource, search, out),
        }
    }

    /// The same of an entry by which a server is asked for something and that it need not search for: what to copy, and
    /// how long it is.
    #[inline(always)]
    pub fn plain_close<'m>(&self, makers: &'m [Maker], index: usize) -> Option<(&'m [u8; WIDE], usize)> {
        let entry = self.entries.get(index).filter(|entry| entry.search.is_none())?;
        let maker = makers.get(entry.maker).filter(|maker| !maker.is_open)?;
        (maker.post.len() <= WIDE).then_some((&maker.wide, maker.post.len()))
    }

    /// What a server is asked to do (FHIR R4 §3.1.0.7.1, conditional update; §3.1.0.8.1, conditional create;
    /// §3.1.0.12, conditional patch).
    fn write_request(&self, sent: Sent, resource: &str, search: &Range<usize>, out: &mut Out) {
        let (method, between): (&[u8], &[u8]) = match sent {
            Sent::Whole => (b",\"request\":{\"method\":\"PUT\",\"url\":\"", b"?"),
            Sent::IfNew => (b",\"request\":{\"method\":\"POST\",\"url\":\"", b"\",\"ifNoneExist\":\""),
            Sent::Patch | Sent::Never => (b",\"request\":{\"method\":\"PATCH\",\"url\":\"", b"?"),
        };
        out.add(method);
        out.add(resource.as_bytes());
        out.add(between);
        self.write_query(search, &mut |part| out.add(part));
        out.add(b"\"}},");
    }

    pub(super) fn write_query(&self, search: &Range<usize>, write: &mut dyn FnMut(&[u8])) {
        let pairs = self.pairs.get(search.clone()).unwrap_or_default();
        for (index, pair) in pairs.iter().enumerate() {
            if index > 0 {
                write(b"&");
            }
            write(self.texts.get(pair.name.clone()).unwrap_or_default());
            write(b"=");
            write(self.texts.get(pair.value.clone()).unwrap_or_default());
        }
    }
}

/// Output into room that may end: what does not fit is counted and not written.
pub struct Out<'o> {
    pub room: &'o mut [u8],
    pub length: usize,
}

impl Out<'_> {
    #[inline(always)]
    pub fn add(&mut self, bytes: &[u8]) {
        let to = self.length + bytes.len();
        if let Some(room) = self.room.get_mut(self.length..to) {
            room.copy_from_slice(bytes);
        }
        self.length = to;
    }

    pub fn fits(&self) -> bool {
        self.length <= self.room.len()
    }
}
