//! The resource that a reference leads to, in what came (FHIR R4, `bundle.html#references` and
//! `references.html#contained`).

use rustc_hash::FxHashMap;

use super::{Came, ROOT, TooMuch, What};

/// The resources that came, each with the others that may refer to it.
pub struct Addresses {
    /// In the order of their numbers.
    resources: Vec<Entry>,
    /// Where each `fullUrl` stands first, and each `Patient/1`.
    urls: FxHashMap<Box<str>, usize>,
    named: FxHashMap<Box<str>, Vec<usize>>,
    /// Else `Patient/1` is another for each server.
    is_of_one_server: bool,
}

struct Entry {
    /// `fullUrl`, which only an entry of a Bundle has.
    url: Option<u32>,
    resource: u32,
    /// The first number behind all that is in it.
    next: u32,
}

impl Came {
    /// What each reference leads to that leads to something here.
    pub fn resolved(&mut self, references: u32) -> Result<u32, TooMuch> {
        let addresses = self.addresses.take().unwrap_or_else(|| self.read_addresses());
        let found = self.items(references).filter_map(|reference| self.resource(&addresses, reference));
        let found: Vec<u64> = found.map(u64::from).collect();
        self.addresses = Some(addresses);
        match self.listed(references) {
            Some(_) => self.several(&found),
            None => Ok(found.first().and_then(|first| u32::try_from(*first).ok()).unwrap_or(0)),
        }
    }

    /// How others refer to an entry of a Bundle: by its `fullUrl`, and as `Patient/1` where that names no other.
    pub fn addresses_of(&mut self, resource: u32) -> Vec<String> {
        let addresses = self.addresses.take().unwrap_or_else(|| self.read_addresses());
        let number = addresses.resources.binary_search_by_key(&resource, |entry| entry.resource).ok();
        let entry = number.and_then(|number| addresses.resources.get(number)).filter(|_| resource != ROOT);
        let found = entry.map_or_else(Vec::new, |entry| {
            let is_only = |name: &String| addresses.named.get(name.as_str()).is_some_and(|named| named.len() == 1);
            let name = self.name_of(entry).filter(|name| addresses.is_of_one_server && is_only(name));
            let url = entry.url.and_then(|url| self.text_of(url));
            url.map(str::to_owned).into_iter().chain(name).collect()
        });
        self.addresses = Some(addresses);
        found
    }

    fn read_addresses(&self) -> Addresses {
        let entries = self.member(ROOT, "entry").filter(|_| self.type_of(ROOT) == Some("Bundle"));
        let resources: Vec<Entry> = match entries {
            Some(entries) => self.members_of(entries).filter_map(|entry| self.entry(entry)).collect(),
            None => vec![Entry { url: None, resource: ROOT, next: u32::MAX }],
        };
        let mut urls = FxHashMap::default();
        let mut named: FxHashMap<Box<str>, Vec<usize>> = FxHashMap::default();
        for (number, entry) in resources.iter().enumerate() {
            let url = entry.url.and_then(|url| self.text_of(url));
            url.into_iter().for_each(|url| _ = urls.entry(url.into()).or_insert(number));
            let name = self.name_of(entry).into_iter();
            name.for_each(|name| named.entry(name.into()).or_default().push(number));
        }
        let mut bases = resources.iter().filter_map(|entry| self.base_of(entry));
        let first = bases.next();
        let is_of_one_server = bases.all(|base| Some(base) == first);
        Addresses { resources, urls, named, is_of_one_server }
    }

    /// The items of a list, or the one value.
    fn members_of(&self, list: u32) -> impl Iterator<Item = u32> {
        let all = self.listed(list);
        let one = all.is_none().then_some(list);
        all.into_iter().flatten().copied().chain(one)
    }

    fn entry(&self, entry: u32) -> Option<Entry> {
        let url = self.member(entry, "fullUrl").filter(|url| matches!(self.what(*url), What::Text(_)));
        let resource = self.member(entry, "resource")?;
        let next = self.node(resource)?.next;
        Some(Entry { url, resource, next })
    }

    // A text is compared as JSON holds it: the signs that part a reference are never written as escapes.
    fn resource(&self, addresses: &Addresses, reference: u32) -> Option<u32> {
        let text = self.text_of(self.member(reference, "reference")?)?;
        let behind = addresses.resources.partition_point(|entry| entry.resource <= reference);
        let holder = behind.checked_sub(1).and_then(|last| addresses.resources.get(last));
        let holder = holder.filter(|entry| reference < entry.next);
        if let Some(id) = text.strip_prefix('#') {
            let holder = holder?.resource;
            return match id {
                "" => Some(holder),
                _ => self.members_of(self.member(holder, "contained")?).find(|it| self.id_of(*it) == Some(id)),
            };
        }
        let text = text.split_once("/_history/").map_or(text, |(whole, _)| whole);
        let at = |url: &str| addresses.resources.get(*addresses.urls.get(url)?);
        if text.contains(':') {
            return at(text).map(|entry| entry.resource);
        }
        if !text.contains('/') {
            return None;
        }
        let base = holder.and_then(|holder| self.base_of(holder));
        let there = base.and_then(|base| at(&format!("{base}/{text}")));
        // Else the only one of that type and id; what is of another server is another.
        let only = || {
            let named = addresses.named.get(text).into_iter().flatten();
            let named = named.filter_map(|number| addresses.resources.get(*number));
            let mut all = named.filter(|entry| base.is_none() || self.base_of(entry).is_none());
            all.next().filter(|_| all.next().is_none())
        };
        there.or_else(only).map(|entry| entry.resource)
    }

    fn id_of(&self, resource: u32) -> Option<&str> {
        self.text_of(self.member(resource, "id")?)
    }

    /// `Patient/1`
    fn name_of(&self, entry: &Entry) -> Option<String> {
        Some(format!("{}/{}", self.type_of(entry.resource)?, self.id_of(entry.resource)?))
    }

    /// The server that it is of, where its URL says so: `http://example.org/fhir` of `http://example.org/fhir/Patient/1`.
    fn base_of(&self, entry: &Entry) -> Option<&str> {
        let url = self.text_of(entry.url?)?;
        url.strip_suffix(self.name_of(entry)?.as_str())?.strip_suffix('/')
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The ids of what the references at a path lead to.
    fn led(text: &str, path: &[&str]) -> Vec<String> {
        let mut came = Came::default();
        came.read(text).unwrap();
        let references = path.iter().fold(ROOT, |at, name| came.element(at, name).unwrap());
        let found = came.resolved(references).unwrap();
        came.items(found).map(|it| came.id_of(it).unwrap_or("-").to_owned()).collect()
    }

    #[test]
    fn a_reference_leads_to_what_is_named_by_its_server_or_alone() {
        let entry = |url: &str, id: &str, to: &str| {
            format!(
                r#"{{"fullUrl":"{url}","resource":{{"resourceType":"Patient","id":"{id}","link":[{{"other":{{"reference":"{to}"}}}}]}}}}"#
            )
        };
        let entries = [
            entry("http://a.org/Patient/1", "1", "Patient/2/_history/3"),
            entry("http://b.org/Patient/2", "2", "Patient/2"),
            entry("urn:uuid:7", "3", "http://a.org/Patient/1"),
            entry("urn:uuid:8", "4", "Patient/3"),
            entry("urn:uuid:9", "5", "urn:uuid:8"),
        ];
        let bundle = format!(r#"{{"resourceType":"Bundle","entry":[{}]}}"#, entries.join(","));
        assert_eq!(led(&bundle, &["entry", "resource", "link", "other"]), ["2", "1", "3", "4"]);
    }

    #[test]
    fn what_is_inside_a_resource_is_found_by_what_stands_in_it_too() {
        let text = r##"{"resourceType":"Patient","id":"p","contained":[{"id":"a"},{"id":"b"}],"x":[{"reference":"#b"},{"reference":"#"},{"reference":"#c"},{"reference":"b"}]}"##;
        assert_eq!(led(text, &["x"]), ["b", "p"]);
    }
}
