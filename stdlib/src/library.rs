//! The library that is written in emr itself: each module's name and its text.

macro_rules! modules {
    ($($file:literal)*) => { modules!("std." "../prelude/": $($file)*) };
    ($module:literal $folder:literal: $($file:literal)*) => {
        &[$((concat!($module, $file), include_str!(concat!($folder, $file, ".emr")))),*]
    };
}

/// The modules whose declarations are in scope in every module of every project, without `use`: built-in functions,
/// well-known code systems, conversions between data types.
pub const PRELUDE: &[(&str, &str)] = modules! {
    "text" "number" "list" "time" "bytes" "references" "systems"
    "coded" "identifiers" "people" "quantities" "times" "attachments" "parties" "to_v2"
};

/// The modules that a file brings in with `use`; one that no file reaches is never parsed.
pub const LIBRARY: &[(&str, &str)] = modules! { "codes" };

/// What feeds and targets of each kind can be told, and what all of them can be (`every`).
pub const CONNECTORS: &[(&str, &str)] = modules! {
    "std.connector." "../connector/": "every" "mllp" "file" "http" "fhir" "replay" "timer" "log" "kafka" "sql"
};

/// The text of a module of the standard library, `std.codes`.
pub fn module(name: &str) -> Option<&'static str> {
    PRELUDE.iter().chain(LIBRARY).chain(CONNECTORS).find(|(module, _)| *module == name).map(|(_, text)| *text)
}

#[cfg(test)]
mod tests {
    use super::{CONNECTORS, LIBRARY, PRELUDE, module};

    #[test]
    fn every_file_of_the_folders_is_a_module() {
        let mut names = Vec::new();
        for (folder, prefix) in [("prelude", "std."), ("connector", "std.connector.")] {
            let folder = format!("{}/{folder}", env!("CARGO_MANIFEST_DIR"));
            let files = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
            names.extend(files.map(|file| format!("{prefix}{}", file.file_stem().unwrap().to_str().unwrap())));
        }
        names.sort();
        let mut listed: Vec<_> =
            PRELUDE.iter().chain(LIBRARY).chain(CONNECTORS).map(|(name, _)| (*name).to_owned()).collect();
        listed.sort();
        assert_eq!(names, listed);
    }

    #[test]
    fn a_module_is_found_by_its_name() {
        assert!(module("std.codes").is_some_and(|text| text.contains("codes AdministrativeSex")));
        assert_eq!(module("std.nowhere"), None);
    }

    /// A function's manual is its doc comment: a sentence, and at least one example in the form `call is value`.
    #[test]
    fn every_built_in_function_has_a_manual_and_an_example() {
        for (name, text) in PRELUDE {
            let mut manual: Vec<&str> = Vec::new();
            for line in text.lines() {
                match line.strip_prefix("///") {
                    Some(doc) => manual.push(doc.trim()),
                    None => {
                        if line.starts_with("extern fn") {
                            // The sentences go up to the first empty line.
                            let says = manual.split(|doc| doc.is_empty()).next().and_then(<[&str]>::last);
                            assert!(says.is_some_and(|says| says.ends_with(['.', '`'])), "{name}: {line} says nothing");
                            assert!(manual.iter().any(|doc| doc.contains(" is ")), "{name}: {line} has no example");
                        }
                        manual.clear();
                    }
                }
            }
        }
    }
}
