//! Slices of a profile: which items belong to which, how many there are, and what each says of its items.

use std::sync::Arc;

use serde_json::Value;

use super::bundle::{Led, Scope};
use super::json::{Json, Object};
use super::problem::Path;
use super::values::holds;
use super::walk::Item;
use super::{Code, Validator};
use crate::standard::fhir::ValueSet;
use crate::standard::shape::{Discriminator, Element, MANY, Slice, Strength};

/// What a slice expects at the path of a discriminator.
enum Expected {
    Fixed(Value),
    Pattern(Value),
    Code(String, Arc<ValueSet>),
}

impl Validator<'_> {
    pub fn slices(&mut self, at: &Path, element: &Element, items: &[Item], scope: Scope) {
        for slice in &element.slices {
            let (mut count, mut sure) = (0, true);
            for item in items {
                match self.belongs(item, slice, scope) {
                    Some(true) => {
                        count += 1;
                        self.part(at, item, slice, scope);
                    }
                    Some(false) => {}
                    None => sure = false,
                }
            }
            // A slice whose items cannot be told from others has no count.
            if sure && self.told_apart(slice) {
                self.slice_count(at, element, slice, count);
            }
        }
    }

    /// An item as its slice narrows it.
    fn part(&mut self, at: &Path, item: &Item, slice: &Slice, scope: Scope) {
        let kind = slice.element.types.iter().find(|kind| kind.name == item.kind.name).unwrap_or(item.kind);
        let narrowed = Item { kind, ..*item };
        item.at(at, |at| self.item(at, &narrowed, &slice.element, Scope { narrowed: true, ..scope }));
    }

    fn slice_count(&mut self, at: &Path, element: &Element, slice: &Slice, count: usize) {
        let (min, max, name) = (slice.element.min, slice.element.max, format!("{}:{}", element.name, slice.name));
        if count < min as usize {
            let message = format!("at least {min} of `{name}` must be there, these are {count}");
            self.tell(Code::SliceCount, at, message);
        }
        if max != MANY && count > max as usize {
            let message = format!("at most {max} of `{name}` may be there, these are {count}");
            self.tell(Code::SliceCount, at, message);
        }
    }

    fn told_apart(&self, slice: &Slice) -> bool {
        let known = |discriminator: &Discriminator| match discriminator {
            Discriminator::Value(path) => slice.url.is_some() && path == "url" || self.expected(slice, path).is_some(),
            Discriminator::Type(_) | Discriminator::Exists(_) => true,
            Discriminator::Profile(_) => false,
        };
        !slice.discriminators.is_empty() && slice.discriminators.iter().all(known)
    }

    /// Whether an item belongs to a slice; nothing where its discriminators cannot say it.
    fn belongs(&self, item: &Item, slice: &Slice, scope: Scope) -> Option<bool> {
        if slice.discriminators.is_empty() {
            return None;
        }
        let mut sure = true;
        for discriminator in &slice.discriminators {
            match self.fits(item, slice, discriminator, scope) {
                Some(true) => {}
                Some(false) => return Some(false),
                None => sure = false,
            }
        }
        sure.then_some(true)
    }

    fn fits(&self, item: &Item, slice: &Slice, by: &Discriminator, scope: Scope) -> Option<bool> {
        match by {
            Discriminator::Value(path) => match &slice.url {
                Some(url) if path == "url" => Some(item.value?.object()?.text("url") == Some(url)),
                _ => {
                    let (steps, expected) = self.expected(slice, path)?;
                    let values = item.value.map(|value| reach(value, &steps)).unwrap_or_default();
                    Some(values.into_iter().any(|value| expected.met_by(value)))
                }
            },
            Discriminator::Type(path) => self.typed(item, slice, path, scope),
            Discriminator::Exists(path) => {
                let (element, steps) = self.element_at(slice, path)?;
                let there = item.value.is_some_and(|value| !reach(value, &steps).is_empty());
                match (element.min, element.max) {
                    (_, 0) => Some(!there),
                    (1.., _) => Some(there),
                    _ => None,
                }
            }
            Discriminator::Profile(_) => None,
        }
    }

    /// A slice by the type of a choice, of a resource inside, or of what a reference points to.
    fn typed(&self, item: &Item, slice: &Slice, path: &str, scope: Scope) -> Option<bool> {
        if path == "$this" {
            return Some(slice.element.types.iter().any(|kind| kind.name == item.kind.name));
        }
        let object = item.value?.object()?;
        if path == "resolve()" {
            let to = object.text("reference").map(|to| scope.follow(to, |name| self.is_resource(name)));
            let Some(Led::To(name)) = to else { return None };
            let targets = slice.element.types.iter().flat_map(|kind| &kind.targets);
            return Some(targets.into_iter().any(|target| target == name));
        }
        let (element, steps) = self.element_at(slice, path)?;
        let (last, before) = steps.split_last()?;
        let parents = before.iter().fold(vec![object], |at, step| {
            at.into_iter().flat_map(|object| object.items(step)).filter_map(Json::object).collect()
        });
        Some(parents.iter().any(|parent| has_type(parent, last, &element)))
    }

    /// The element of a slice at a path of names.
    fn element_at<'p>(&self, slice: &Slice, path: &'p str) -> Option<(Element, Vec<&'p str>)> {
        let mut element = slice.element.clone();
        let steps = steps(path)?;
        for step in &steps {
            let shape = self.fhir.shape(&element.types.first()?.shape)?;
            element = shape.element(step)?.clone();
        }
        Some((element, steps))
    }

    /// What the slice fixes at a path, or at an element on the way to it, and the steps to there.
    fn expected<'p>(&self, slice: &Slice, path: &'p str) -> Option<(Vec<&'p str>, Expected)> {
        let mut element = slice.element.clone();
        let all = steps(path)?;
        for depth in 0..=all.len() {
            let to: Vec<&str> = all.iter().take(depth).copied().collect();
            if let Some(fixed) = element.fixed {
                return Some((to, Expected::Fixed(fixed)));
            }
            if let Some(pattern) = element.pattern {
                return Some((to, Expected::Pattern(pattern)));
            }
            let Some(next) = all.get(depth) else {
                // A binding tells slices apart only if it is sure to know all its codes.
                let binding = element.binding.filter(|binding| binding.strength == Strength::Required)?;
                let set = self.fhir.value_set(&binding.set).filter(|set| set.complete)?;
                return Some((to, Expected::Code(element.types.first()?.name.to_string(), set)));
            };
            let shape = self.fhir.shape(&element.types.first()?.shape)?;
            element = shape.element(next)?.clone();
        }
        None
    }
}

impl Expected {
    fn met_by(&self, value: &Json) -> bool {
        match self {
            Expected::Fixed(fixed) => value.is(fixed),
            Expected::Pattern(pattern) => value.holds(pattern),
            Expected::Code(kind, set) => holds(set, kind, value) == Some(true),
        }
    }
}

/// The names of a path; none where it calls a function.
fn steps(path: &str) -> Option<Vec<&str>> {
    if path.contains('(') {
        return None;
    }
    Some(path.split('.').filter(|step| *step != "$this").collect())
}

/// The values at the end of the steps, through all lists on the way.
fn reach<'a>(value: &'a Json, steps: &[&str]) -> Vec<&'a Json> {
    steps.iter().fold(vec![value], |at, step| {
        at.into_iter().filter_map(Json::object).flat_map(|object| object.items(step)).collect()
    })
}

fn has_type(parent: &Object, name: &str, element: &Element) -> bool {
    let nested = || parent.items(name).iter().filter_map(Json::object).filter_map(|inner| inner.text("resourceType"));
    element.types.iter().any(|kind| {
        let choice = parent.members().any(|(key, _)| {
            let rest = key.strip_prefix(name).unwrap_or("");
            element.choice && !rest.is_empty() && rest.eq_ignore_ascii_case(&kind.name)
        });
        choice || nested().any(|inner| kind.name == inner)
    })
}
