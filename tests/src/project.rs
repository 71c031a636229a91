//! Writes a project as large as that of a group of hospitals: a module for each feed of a site, with a map of its
//! messages, the maps that this one calls, and the site's code tables.
//!
//! The text is put together of `project/*.txt`. In these, `$N` is the number of the site and `$S` the structure of its
//! messages. A line behind `?` is left out now and then; one behind `@part` is there if the module has that part;
//! `%system 8 24` stands for 8 to 24 rows of a code table. The same seed gives the same project.

use crate::random::Random;

/// How many maps a module has: that of the messages, and four that it calls.
pub const MAPS: usize = 5;

/// The settings that the modules need.
pub const SETTINGS: &str = "[project]\nname = \"group\"\ntimezone = \"Europe/Zurich\"\n";

pub struct Module {
    /// Of its file.
    pub name: String,
    pub text: String,
}

/// A part of a module, by its name.
type Part = (&'static str, &'static str);

/// What modules of a kind are made of.
struct Feed {
    entry: &'static str,
    structures: &'static [&'static str],
    always: &'static [&'static str],
    /// Of these, as many as are missing.
    others: &'static [&'static str],
}

macro_rules! text {
    ($name:literal) => {
        include_str!(concat!("project/", $name, ".txt"))
    };
}

macro_rules! parts {
    ($($name:literal)*) => {
        &[$(($name, text!($name))),*]
    };
}

const PARTS: &[Part] = parts! {
    "patient" "encounter" "related" "allergy" "condition" "coverage" "procedure"
    "observation" "report" "specimen" "document" "immunization" "appointment"
};

const STAYS: Feed = Feed {
    entry: text!("admission"),
    structures: &["ADT_A01", "ADT_A03", "ADT_A05", "ADT_A06"],
    always: &["patient"],
    others: &["encounter", "related", "allergy", "condition", "coverage", "procedure"],
};

/// One after another, over and over.
const FEEDS: &[Feed] = &[
    STAYS,
    Feed {
        entry: text!("results"),
        structures: &["ORU_R01"],
        always: &["patient", "specimen", "observation", "report"],
        others: &[],
    },
    STAYS,
    Feed {
        entry: text!("appointments"),
        structures: &["SIU_S12"],
        always: &["patient", "encounter", "condition", "appointment"],
        others: &[],
    },
    Feed {
        entry: text!("letters"),
        structures: &["MDM_T02"],
        always: &["patient", "encounter", "report", "document"],
        others: &[],
    },
    Feed {
        entry: text!("vaccinations"),
        structures: &["VXU_V04"],
        always: &["patient", "related", "coverage", "immunization"],
        others: &[],
    },
];

/// The tables of the standard library that parts translate through.
const LIBRARY: &[&str] = &[
    "AdministrativeSex",
    "AdmissionType",
    "AllergenCategory",
    "AllergyCriticality",
    "AllergySeverity",
    "AllergyType",
    "AmbulatoryStatus",
    "EncounterPriority",
    "EncounterStatus",
    "Interpretation",
    "MaritalStatus",
    "ObservationStatus",
    "Relationship",
    "ReportStatus",
];

/// So many modules.
pub fn write(modules: usize, seed: u64) -> Vec<Module> {
    let mut random = Random::seeded(seed);
    let numbered = (1..=modules).zip(FEEDS.iter().cycle());
    numbered.map(|(site, feed)| Module { name: format!("site{site}"), text: module(site, feed, &mut random) }).collect()
}

fn module(site: usize, feed: &Feed, random: &mut Random) -> String {
    let mut names = feed.always.to_vec();
    let mut others = feed.others.to_vec();
    while names.len() + 1 < MAPS {
        names.push(others.swap_remove(random.below(others.len())));
    }
    let parts = PARTS.iter().filter(|(name, _)| names.contains(name)).map(|(_, text)| *text);
    let structure = random.text(feed.structures);
    let mut text = String::new();
    for line in std::iter::once(feed.entry).chain(parts).flat_map(str::lines) {
        push(&mut text, line, &names, random);
    }
    let text = text.replace("$N", &site.to_string()).replace("$S", structure);
    let used: Vec<_> = LIBRARY.iter().copied().filter(|name| text.contains(&format!("via {name}"))).collect();
    format!("use std.codes.{{\n    {}\n}}\n\n{text}", used.join(",\n    "))
}

fn push(text: &mut String, line: &str, names: &[&str], random: &mut Random) {
    let line = match line.split_at_checked(1) {
        Some(("?", _)) if random.below(4) == 0 => return,
        Some(("?", rest)) => rest,
        Some(("@", rest)) => match rest.split_once(' ') {
            Some((part, rest)) if names.contains(&part) => rest,
            _ => return,
        },
        Some(("%", rest)) => return rows(text, rest, random),
        _ => line,
    };
    text.push_str(line);
    text.push('\n');
}

/// `system 8 24`
fn rows(text: &mut String, said: &str, random: &mut Random) {
    let words: Vec<&str> = said.split(' ').collect();
    let [system, least, most] = words.as_slice() else { panic!("{said}") };
    let (least, most): (usize, usize) = (least.parse().unwrap(), most.parse().unwrap());
    let mut code = 100 * random.below(10);
    for _ in 0..least + random.below(most - least) {
        code += 1 + random.below(9);
        text.push_str(&format!("    \"{code:04}\" => {system}#{code:04} \"{}\"\n", random.text(&DISPLAYS)));
    }
}

const DISPLAYS: [&str; 8] =
    ["main", "by appointment", "in the annexe", "of children", "at night", "closed since 2019", "old form", "other"];

#[cfg(test)]
mod tests {
    use super::*;
    use emr_compiler::db::{self, Database};
    use emr_compiler::standard::Standards;

    #[test]
    fn nothing_is_wrong_with_a_project() {
        let db = Database::default();
        let modules = write(FEEDS.len(), 1);
        let files: Vec<_> = modules.iter().map(|it| db.open(&it.name, &it.name, it.text.clone())).collect();
        let settings = db::Settings { timezone: Some("Europe/Zurich".to_owned()), ..db::Settings::default() };
        let project = db.project(files.clone(), settings, Standards::embedded());
        for file in files {
            assert_eq!(db::diagnostics(&db, project, file), [], "{}", file.path(&db));
            assert_eq!(db::maps(&db, project, file).len(), MAPS);
        }
    }
}
