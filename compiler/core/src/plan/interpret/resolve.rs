//! The resource that a reference leads to, in what came in place of a message (FHIR R4, `bundle.html#references` and
//! `references.html#contained`).

use super::exec::Run;
use super::value::Value;
use crate::json::Json;
use rustc_hash::FxHashMap;
use std::rc::Rc;

impl<'m> Run<'_, 'm> {
    /// What each reference leads to that leads to something here.
    pub fn resolved(&mut self, references: &Value<'m>) -> Value<'m> {
        let Some(came) = self.came() else { return Value::Missing };
        let items = references.items(self.message, self.groups);
        let mut found = items.filter_map(|item| match item {
            Value::Json(reference) => came.resource(&reference).map(Value::Json),
            _ => None,
        });
        match references {
            Value::List(_) | Value::Json(Json::List(_)) => Value::list(found.collect()),
            _ => found.next().unwrap_or(Value::Missing),
        }
    }

    pub(super) fn came(&mut self) -> Option<Rc<Came>> {
        let input = self.input.as_ref()?;
        Some(Rc::clone(self.came.get_or_insert_with(|| Rc::new(Came::of(input)))))
    }
}

/// The resources that came, each with the others that may refer to it.
pub(super) struct Came {
    resources: Vec<Entry>,
    /// In which of them a reference stands, by where it is kept: equal references of two resources may lead to two others.
    holders: FxHashMap<usize, usize>,
    /// Where each `fullUrl` stands first, and each `Patient/1`.
    urls: FxHashMap<Rc<str>, usize>,
    named: FxHashMap<String, Vec<usize>>,
    /// The entries of a Bundle, by where their resources are kept.
    numbers: FxHashMap<usize, usize>,
    /// Else `Patient/1` is another for each server.
    is_of_one_server: bool,
}

struct Entry {
    /// `fullUrl`, which only an entry of a Bundle has.
    url: Option<Rc<str>>,
    resource: Json,
}

impl Came {
    fn of(input: &Json) -> Came {
        let entries = input.member("entry").filter(|_| input.resource_type() == Some("Bundle"));
        let resources: Vec<Entry> = match entries {
            Some(entries) => entries.items().iter().filter_map(entry).collect(),
            None => vec![Entry { url: None, resource: input.clone() }],
        };
        let (mut holders, mut urls) = (FxHashMap::default(), FxHashMap::default());
        let mut named: FxHashMap<String, Vec<usize>> = FxHashMap::default();
        for (number, entry) in resources.iter().enumerate() {
            hold(&entry.resource, number, &mut holders);
            entry.url.iter().for_each(|url| _ = urls.entry(Rc::clone(url)).or_insert(number));
            entry.name().into_iter().for_each(|name| named.entry(name).or_default().push(number));
        }
        let entries = entries.iter().flat_map(|_| resources.iter().enumerate());
        let numbers = entries.filter_map(|(number, entry)| Some((kept_at(&entry.resource)?, number))).collect();
        let mut bases = resources.iter().filter_map(Entry::base);
        let first = bases.next();
        let is_of_one_server = bases.all(|base| Some(base) == first);
        Came { resources, holders, urls, named, numbers, is_of_one_server }
    }

    /// How others refer to an entry of a Bundle: by its `fullUrl`, and as `Patient/1` where that names no other.
    pub fn addresses(&self, resource: &Json) -> Vec<String> {
        let number = kept_at(resource).and_then(|at| self.numbers.get(&at));
        let Some(entry) = number.and_then(|number| self.resources.get(*number)) else { return Vec::new() };
        let is_only = |name: &String| self.named.get(name).is_some_and(|named| named.len() == 1);
        let name = entry.name().filter(|name| self.is_of_one_server && is_only(name));
        entry.url.iter().map(ToString::to_string).chain(name).collect()
    }

    fn resource(&self, reference: &Json) -> Option<Json> {
        let text = reference.member("reference")?.text()?;
        let holder = kept_at(reference).and_then(|at| self.resources.get(*self.holders.get(&at)?));
        if let Some(id) = text.strip_prefix('#') {
            let holder = &holder?.resource;
            return match id {
                "" => Some(holder.clone()),
                _ => holder.member("contained")?.items().iter().find(|it| id_of(it) == Some(id)).cloned(),
            };
        }
        let text = text.split_once("/_history/").map_or(text, |(whole, _)| whole);
        let at = |url: &str| self.resources.get(*self.urls.get(url)?);
        if text.contains(':') {
            return at(text).map(|entry| entry.resource.clone());
        }
        if !text.contains('/') {
            return None;
        }
        let base = holder.and_then(Entry::base);
        let there = base.and_then(|base| at(&format!("{base}/{text}")));
        // Else the only one of that type and id; what is of another server is another.
        let only = || {
            let named = self.named.get(text).into_iter().flatten().filter_map(|number| self.resources.get(*number));
            let mut all = named.filter(|entry| base.is_none() || entry.base().is_none());
            all.next().filter(|_| all.next().is_none())
        };
        there.or_else(only).map(|entry| entry.resource.clone())
    }
}

impl Entry {
    /// `Patient/1`
    fn name(&self) -> Option<String> {
        Some(format!("{}/{}", self.resource.resource_type()?, id_of(&self.resource)?))
    }

    /// The server that it is of, where its URL says so: `http://example.org/fhir` of `http://example.org/fhir/Patient/1`.
    fn base(&self) -> Option<&str> {
        self.url.as_deref()?.strip_suffix(self.name()?.as_str())?.strip_suffix('/')
    }
}

fn entry(entry: &Json) -> Option<Entry> {
    let url = match entry.member("fullUrl") {
        Some(Json::Text(url)) => Some(Rc::clone(url)),
        _ => None,
    };
    Some(Entry { url, resource: entry.member("resource")?.clone() })
}

fn id_of(resource: &Json) -> Option<&str> {
    resource.member("id")?.text()
}

/// What is read once is shared by all that name it.
fn kept_at(json: &Json) -> Option<usize> {
    match json {
        Json::Object(members) => Some(Rc::as_ptr(members).cast::<()>().addr()),
        _ => None,
    }
}

fn hold(json: &Json, number: usize, holders: &mut FxHashMap<usize, usize>) {
    match json {
        Json::List(items) => items.iter().for_each(|item| hold(item, number, holders)),
        Json::Object(members) => {
            if let Some(at) = kept_at(json).filter(|_| json.member("reference").is_some()) {
                holders.insert(at, number);
            }
            members.iter().for_each(|(_, value)| hold(value, number, holders));
        }
        _ => {}
    }
}
