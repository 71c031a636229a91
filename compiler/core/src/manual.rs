//! The manual of the library's functions, which is what stands above their declarations, and of its connectors.

mod connectors;

pub use connectors::{Manual, Setting, connectors};

use emr_stdlib::library::PRELUDE;
use serde::Serialize;

/// A function that every module can call without `use`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Entry {
    pub name: &'static str,
    /// The module of the library that it stands in, `std.text`.
    pub module: &'static str,
    /// `pad(text: string, length: integer, filling: string) -> string`
    pub signature: &'static str,
    /// What it gives, in sentences.
    pub text: String,
    pub examples: Vec<Example>,
}

/// A call and what comes of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Example {
    pub call: &'static str,
    pub gives: &'static str,
}

/// All of them, in the order of the library.
pub fn functions() -> Vec<Entry> {
    PRELUDE.iter().flat_map(|(module, text)| entries(module, text)).collect()
}

fn entries(module: &'static str, text: &'static str) -> Vec<Entry> {
    let mut found = Vec::new();
    let mut docs: Vec<&'static str> = Vec::new();
    for line in text.lines() {
        if let Some(doc) = line.strip_prefix("///") {
            docs.push(doc.trim());
            continue;
        }
        let declared = line.strip_prefix("extern fn ").or_else(|| line.strip_prefix("map "));
        if let Some(declared) = declared
            && !docs.is_empty()
            && let Some((name, _)) = declared.split_once('(')
        {
            let end = [" {", " ="].iter().filter_map(|end| declared.find(end)).min().unwrap_or(declared.len());
            let signature = declared.get(..end).unwrap_or(declared);
            let (examples, sentences): (Vec<_>, Vec<_>) = docs.iter().partition(|doc| example(doc, name).is_some());
            let examples = examples.into_iter().filter_map(|doc| example(doc, name)).collect();
            found.push(Entry { name, module, signature, text: sentences.join(" ").trim().to_owned(), examples });
        }
        docs.clear();
    }
    found
}

/// `upper("doe") is "DOE"`; a sentence may have an `is` too, but does not begin with a call or end without a full stop.
fn example(doc: &'static str, name: &str) -> Option<Example> {
    let (call, gives) = doc.rsplit_once(" is ")?;
    let is_call = call.contains(&format!("{name}(")) && !gives.ends_with('.');
    is_call.then_some(Example { call, gives })
}

#[cfg(test)]
mod tests {
    use super::*;
    use emr_abi::Builtin;

    #[test]
    fn each_built_in_function_has_an_entry_with_an_example() {
        let all = functions();
        for builtin in Builtin::ALL {
            let entry = all.iter().find(|entry| entry.name == builtin.name()).unwrap();
            assert!(!entry.examples.is_empty(), "{} has no example", entry.name);
            assert!(entry.text.ends_with(['.', '`']), "{}: {}", entry.name, entry.text);
        }
    }

    #[test]
    fn an_entry_is_what_the_library_says() {
        let all = functions();
        let entry = all.iter().find(|entry| entry.name == "trim").unwrap();
        assert_eq!((entry.module, entry.signature), ("std.text", "trim(text: string) -> string?"));
        assert_eq!(entry.text, "The text without blanks and line ends at both ends. Nothing if only those were there.");
        let calls: Vec<_> = entry.examples.iter().map(|it| (it.call, it.gives)).collect();
        assert_eq!(calls, [("trim(\"  4711 \")", "\"4711\""), ("trim(\"   \")", "absent")]);
        let quantity = all.iter().find(|entry| entry.name == "quantity").unwrap();
        assert_eq!(quantity.signature, "quantity(number: decimal, units: CWE?) -> Quantity");
    }
}
