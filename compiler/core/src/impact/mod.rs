//! What differs between what two versions of a mapping make of one message, element by element.
//!
//! Items of lists are compared as they come, wherever they stand: one that is new does not make all after it differ. An
//! address that is made of the message and the place in the map is compared by what it points to, since it changes with
//! every line that moves.

use crate::trace::Roots;
use emr_message::lineage;
use rustc_hash::FxHashMap;
use std::collections::BTreeMap;

/// One value that only one of the two has, or that they have otherwise.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Difference {
    /// `Patient.name.family`: without numbers.
    pub element: String,
    pub old: Option<Leaf>,
    pub new: Option<Leaf>,
}

/// A value without parts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Leaf {
    /// `entry[0].resource.name[0].family`
    pub path: String,
    /// As JSON has it.
    pub json: String,
}

/// What differs, in the order of the new output, then what only the old one has.
pub fn differences(old: &[u8], new: &[u8]) -> Vec<Difference> {
    if old == new {
        return Vec::new();
    }
    let (old, new) = (elements(old), elements(new));
    let mut found = Vec::new();
    let names =
        new.iter().map(|(name, _)| name).chain(old.iter().map(|(name, _)| name).filter(|name| !has(&new, name)));
    for name in names {
        let (mut only_old, only_new) = apart(of(&old, name), of(&new, name));
        only_old.reverse();
        for leaf in only_new {
            found.push(Difference { element: name.clone(), old: only_old.pop().cloned(), new: Some(leaf.clone()) });
        }
        only_old.reverse();
        let gone = only_old.into_iter();
        found.extend(gone.map(|leaf| Difference { element: name.clone(), old: Some(leaf.clone()), new: None }));
    }
    found
}

/// The values of each element, elements in the order of the output.
type Elements = indexmap::IndexMap<String, Vec<(Leaf, String)>>;

fn has(elements: &Elements, name: &str) -> bool {
    elements.contains_key(name)
}

fn of<'e>(elements: &'e Elements, name: &str) -> &'e [(Leaf, String)] {
    elements.get(name).map(Vec::as_slice).unwrap_or_default()
}

/// What only one of the two has: the rest is the same in both, in whatever order.
fn apart<'e>(old: &'e [(Leaf, String)], new: &'e [(Leaf, String)]) -> (Vec<&'e Leaf>, Vec<&'e Leaf>) {
    let mut left: FxHashMap<&str, usize> = FxHashMap::default();
    old.iter().for_each(|(_, compared)| *left.entry(compared).or_default() += 1);
    let take = |left: &mut FxHashMap<&str, usize>, compared: &str| {
        let count = left.get_mut(compared).filter(|count| **count > 0);
        count.map(|count| *count -= 1).is_some()
    };
    let only_new = new.iter().filter(|(_, compared)| !take(&mut left, compared)).map(|(leaf, _)| leaf).collect();
    // What is left are the last of each.
    let mut only_old: Vec<&Leaf> =
        old.iter().rev().filter(|(_, compared)| take(&mut left, compared)).map(|(leaf, _)| leaf).collect();
    only_old.reverse();
    (only_old, only_new)
}

fn elements(json: &[u8]) -> Elements {
    let leaves: Vec<Leaf> = lineage::walk(json, &[])
        .leaves
        .into_iter()
        .map(|(path, at)| Leaf { path, json: String::from_utf8_lossy(json.get(at).unwrap_or_default()).into_owned() })
        .collect();
    let roots = Roots::of(leaves.iter().map(|leaf| (leaf.path.as_str(), leaf.json.as_str())));
    let addresses = addresses(&leaves, &roots);
    let mut elements = Elements::new();
    for leaf in leaves {
        let (resource, element) = roots.split(&leaf.path);
        let name = format!("{resource}.{}", without_numbers(element));
        let compared = addresses.get(leaf.json.as_str()).cloned().unwrap_or_else(|| leaf.json.clone());
        elements.entry(name).or_default().push((leaf, compared));
    }
    elements
}

/// What stands for each address that is made of a message: the type of its resource and its number among those.
fn addresses(leaves: &[Leaf], roots: &Roots) -> BTreeMap<String, String> {
    let mut counts: BTreeMap<String, usize> = BTreeMap::new();
    let mut found = BTreeMap::new();
    for leaf in leaves {
        let Some(entry) = leaf.path.strip_suffix(".fullUrl").filter(|_| is_of_a_message(&leaf.json)) else { continue };
        let (resource, _) = roots.split(&format!("{entry}.resource.x"));
        let count = counts.entry(resource.to_owned()).or_default();
        *count += 1;
        found.insert(leaf.json.clone(), format!("{resource} {count}"));
    }
    found
}

/// Ids without a key are UUIDs of version 8 (RFC 9562 §5.8).
fn is_of_a_message(json: &str) -> bool {
    let uuid = json.trim_matches('"').strip_prefix("urn:uuid:");
    uuid.is_some_and(|uuid| uuid.split('-').nth(2).is_some_and(|part| part.starts_with('8')))
}

fn without_numbers(path: &str) -> String {
    path.split(['[', ']']).step_by(2).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(old: &str, new: &str) -> Vec<String> {
        let shown = |leaf: &Option<Leaf>| leaf.as_ref().map_or("-".to_owned(), |leaf| leaf.json.clone());
        let all = differences(old.as_bytes(), new.as_bytes());
        all.iter().map(|it| format!("{}: {} > {}", it.element, shown(&it.old), shown(&it.new))).collect()
    }

    #[test]
    fn what_is_new_in_a_list_leaves_the_rest_alone() {
        let old = r#"{"resourceType":"Patient","name":[{"family":"A"},{"family":"B"}],"active":true}"#;
        let new = r#"{"resourceType":"Patient","name":[{"family":"C"},{"family":"A"},{"family":"B"}],"gender":"male"}"#;
        assert_eq!(
            told(old, new),
            [r#"Patient.name.family: - > "C""#, r#"Patient.gender: - > "male""#, "Patient.active: true > -"]
        );
    }

    #[test]
    fn another_value_is_one_difference() {
        let of = |family| format!(r#"{{"resourceType":"Patient","name":[{{"family":"{family}"}}]}}"#);
        assert_eq!(told(&of("A"), &of("B")), [r#"Patient.name.family: "A" > "B""#]);
        assert_eq!(told(&of("A"), &of("A")), [""; 0]);
    }

    #[test]
    fn an_address_of_a_message_is_what_it_points_to() {
        let of = |id: &str| {
            format!(
                r#"{{"resourceType":"Bundle","entry":[{{"fullUrl":"urn:uuid:{id}","resource":{{"resourceType":"Patient","link":[{{"other":{{"reference":"urn:uuid:{id}"}}}}]}}}}]}}"#
            )
        };
        let (first, second) = ("99b22c26-6dca-8cd2-928c-9765ead52914", "00b22c26-6dca-8cd2-928c-9765ead52914");
        assert_eq!(told(&of(first), &of(second)), [""; 0]);
        let (first, second) = ("99b22c26-6dca-562f-928c-9765ead52914", "00b22c26-6dca-562f-928c-9765ead52914");
        assert_eq!(told(&of(first), &of(second)).len(), 2);
    }
}
