//! Reads `emr.toml`. Every key is known, or it is a problem with its place and the key that was meant.

use std::collections::BTreeMap;
use std::ops::Range;

use emr_compiler::diagnostic::{Code, Diagnostic};
use emr_compiler::settings;
use toml::Spanned;
use toml::de::{DeString, DeTable, DeValue};

use crate::Source;
use crate::listeners::{self, Section};

/// The settings of a project. What is not set has no value here; what that means is the compiler's to say.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Manifest {
    pub name: Option<Setting>,
    /// The zone of times without an offset: `Europe/Zurich`.
    pub timezone: Option<Setting>,
    /// The charset of messages that name none: `ISO-8859-1`.
    pub charset: Option<Setting>,
    /// FHIR packages by their short names: a file, a folder, or `name#version`.
    pub packages: BTreeMap<String, Setting>,
    /// FHIR code systems and value sets by names of the project's own: a JSON file, or a folder of such.
    pub terminology: BTreeMap<String, Setting>,
    /// Other projects whose maps this one uses, by the name that they have here: their folders.
    pub dependencies: BTreeMap<String, Setting>,
    /// How what runs is looked after: where mail is handed over and by whom, where metrics are read.
    pub operations: BTreeMap<String, Setting>,
    /// Where whoever may looks after the messages, and who may.
    pub admin: BTreeMap<String, Setting>,
    /// What is kept free on the disk of the journals.
    pub journal: Journal,
    /// What each environment gives: `[env.production]`.
    pub environments: BTreeMap<String, BTreeMap<String, Setting>>,
}

/// `[journal]`: messages are taken while more is free than the smaller of the two.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Journal {
    /// Of the disk, `free_percent = 5`.
    pub free_percent: Option<u8>,
    /// `free_bytes = "1 GiB"`
    pub free_bytes: Option<u64>,
}

/// A value, and where it stands in `emr.toml`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Setting {
    pub value: String,
    pub at: Range<usize>,
}

/// The one version of FHIR that is embedded, and those that the language also knows.
const FHIR: &str = "4.0.1";
const FHIR_LATER: &[&str] = &["4.3.0", "5.0.0"];

const SECTIONS: &[&str] =
    &["project", "packages", "terminology", "dependencies", "journal", "operations", "admin", "env"];
const PROJECT: &[&str] = &["name", "fhir", "timezone", "charset"];
const JOURNAL: &[&str] = &["free_percent", "free_bytes"];

/// The settings that could be read; the problems go to the file's own.
pub fn read(source: &mut Source) -> Manifest {
    let mut reading = Reading { problems: &mut source.problems, manifest: Manifest::default() };
    let (table, errors) = DeTable::parse_recoverable(&source.text);
    for error in errors {
        let at = error.span().unwrap_or_default();
        reading.problems.push(Diagnostic::new(Code::WrongSetting, at, lower(error.message())));
    }
    for (key, value) in table.get_ref() {
        reading.section(key, value);
    }
    reading.problems.extend(listeners::OPERATIONS.problems(&reading.manifest.operations));
    reading.problems.extend(listeners::ADMIN.problems(&reading.manifest.admin));
    reading.problems.sort_by_key(|it| it.at.start);
    reading.manifest
}

struct Reading<'a> {
    problems: &'a mut Vec<Diagnostic>,
    manifest: Manifest,
}

type Key<'i> = Spanned<DeString<'i>>;
type Value<'i> = Spanned<DeValue<'i>>;

impl Reading<'_> {
    fn section(&mut self, key: &Key, value: &Value) {
        let name = key.get_ref().as_ref();
        if !SECTIONS.contains(&name) {
            return self.no_section(key);
        }
        let Some(table) = value.get_ref().as_table() else {
            return self.wrong(value.span(), format!("`{name}` is a section: `[{name}]`"));
        };
        for (key, value) in table {
            match name {
                "project" => self.project(key, value),
                "packages" => {
                    if let Some(place) = self.text(key, value) {
                        self.manifest.packages.insert(key.get_ref().to_string(), place);
                    }
                }
                "terminology" => {
                    if let Some(place) = self.text(key, value) {
                        self.terminology(key, place);
                    }
                }
                "dependencies" => self.dependency(key, value),
                "journal" => self.journal(key, value),
                "operations" => self.listener(&listeners::OPERATIONS, key, value),
                "admin" => self.listener(&listeners::ADMIN, key, value),
                _ => self.environment(key, value),
            }
        }
    }

    fn terminology(&mut self, key: &Key, place: Setting) {
        let ends = [".csv", ".txt", ".zip"];
        if ends.iter().any(|end| place.value.to_lowercase().ends_with(end)) {
            return self
                .later(place.at, "a release of LOINC or SNOMED CT as terminology is not supported yet".to_owned());
        }
        self.manifest.terminology.insert(key.get_ref().to_string(), place);
    }

    fn project(&mut self, key: &Key, value: &Value) {
        let name = key.get_ref().as_ref();
        if !PROJECT.contains(&name) {
            return self.unknown("`[project]` has no", key, PROJECT);
        }
        let Some(setting) = self.text(key, value) else { return };
        match name {
            "fhir" => self.fhir(&setting),
            "timezone" => self.timezone(setting),
            "charset" => self.charset(setting),
            _ => self.manifest.name = Some(setting),
        }
    }

    fn fhir(&mut self, setting: &Setting) {
        let version = setting.value.as_str();
        if FHIR_LATER.contains(&version) {
            self.later(setting.at.clone(), format!("FHIR {version} is not supported yet"));
        } else if version != FHIR {
            let problem = Diagnostic::new(Code::WrongSetting, setting.at.clone(), "this is no version of FHIR");
            self.problems
                .push(problem.help(format!("R4 is \"{FHIR}\"")).fix(setting.at.clone(), format!("\"{FHIR}\"")));
        }
    }

    /// One that is not known stays set: what needs a zone is not to be told that it has none.
    fn timezone(&mut self, setting: Setting) {
        if !settings::is_zone(&setting.value) {
            let zones = settings::zones();
            let near = nearest(&setting.value, &zones.iter().map(String::as_str).collect::<Vec<_>>());
            let problem = Diagnostic::new(Code::WrongSetting, setting.at.clone(), "this is no timezone");
            self.problems.push(match near {
                Some(near) => {
                    problem.help(format!("did you mean `{near}`?")).fix(setting.at.clone(), format!("\"{near}\""))
                }
                None => problem.help("zones are named by area and city, such as `Europe/Zurich`"),
            });
        }
        self.manifest.timezone = Some(setting);
    }

    fn charset(&mut self, setting: Setting) {
        if settings::is_charset(&setting.value) {
            self.manifest.charset = Some(setting);
        } else {
            let problem = Diagnostic::new(Code::WrongSetting, setting.at, "this is no charset that can be read");
            self.problems.push(problem.help("it may be `UTF-8`, `ASCII`, `ISO-8859-1` to `ISO-8859-16`, or `GB18030`"));
        }
    }

    fn listener(&mut self, section: &Section, key: &Key, value: &Value) {
        let name = key.get_ref().as_ref();
        if !section.keys.contains(&name) {
            return self.unknown(&format!("`[{}]` has no", section.name), key, section.keys);
        }
        let Some(setting) = self.text(key, value) else { return };
        let all = match section.name {
            "admin" => &mut self.manifest.admin,
            _ => &mut self.manifest.operations,
        };
        all.insert(name.to_owned(), setting);
    }

    fn journal(&mut self, key: &Key, value: &Value) {
        match key.get_ref().as_ref() {
            "free_percent" => {
                let number = value.get_ref().as_integer().and_then(|number| number.as_str().parse().ok());
                self.manifest.journal.free_percent = number.filter(|percent| *percent <= 100);
                if self.manifest.journal.free_percent.is_none() {
                    self.wrong(value.span(), "`free_percent` is a number from 0 to 100".to_owned());
                }
            }
            "free_bytes" => {
                let Some(setting) = self.text(key, value) else { return };
                self.manifest.journal.free_bytes = settings::bytes(&setting.value);
                if self.manifest.journal.free_bytes.is_none() {
                    self.wrong(setting.at, "`free_bytes` is a size such as `\"1 GiB\"`".to_owned());
                }
            }
            _ => self.unknown("`[journal]` has no", key, JOURNAL),
        }
    }

    /// `regional = { path = "../regional" }`
    fn dependency(&mut self, key: &Key, value: &Value) {
        let Some(table) = value.get_ref().as_table() else {
            let name = key.get_ref();
            return self.wrong(value.span(), format!("a dependency has a path: `{name} = {{ path = \"../{name}\" }}`"));
        };
        for (inner, value) in table {
            if inner.get_ref() != "path" {
                self.unknown("a dependency has no", inner, &["path"]);
            } else if let Some(path) = self.text(inner, value) {
                self.manifest.dependencies.insert(key.get_ref().to_string(), path);
            }
        }
    }

    /// What `env("NAME")` stands for in it.
    fn environment(&mut self, key: &Key, value: &Value) {
        let Some(table) = value.get_ref().as_table() else {
            return self.wrong(key.span(), "an environment is a section of its own: `[env.production]`".to_owned());
        };
        let values = table.iter().filter_map(|(key, value)| Some((key.get_ref().to_string(), self.text(key, value)?)));
        let values: BTreeMap<_, _> = values.collect();
        self.manifest.environments.insert(key.get_ref().to_string(), values);
    }

    fn text(&mut self, key: &Key, value: &Value) -> Option<Setting> {
        match value.get_ref() {
            DeValue::String(text) => Some(Setting { value: text.to_string(), at: value.span() }),
            other => {
                let kind = other.type_str();
                self.wrong(
                    value.span(),
                    format!("`{}` is text in quotes, and this is a value of type {kind}", key.get_ref()),
                );
                None
            }
        }
    }

    /// A setting that stands before the line of its section belongs to none.
    fn no_section(&mut self, key: &Key) {
        let name = key.get_ref().as_ref();
        let section = [("project", PROJECT), ("journal", JOURNAL)].into_iter().find(|(_, known)| known.contains(&name));
        let Some((section, _)) = section else { return self.unknown("`emr.toml` has no section", key, SECTIONS) };
        let problem = Diagnostic::new(Code::WrongSetting, key.span(), format!("`{name}` stands in no section"));
        self.problems.push(problem.help(format!("write `[{section}]` in a line above it")));
    }

    fn unknown(&mut self, what: &str, key: &Key, known: &[&str]) {
        let name = key.get_ref().as_ref();
        let problem = Diagnostic::new(Code::WrongSetting, key.span(), format!("{what} `{name}`"));
        self.problems.push(match nearest(name, known) {
            Some(near) => problem.help(format!("did you mean `{near}`?")).fix(key.span(), near),
            None => problem.help(format!("it may have `{}`", known.join("`, `"))),
        });
    }

    fn wrong(&mut self, at: Range<usize>, message: String) {
        self.problems.push(Diagnostic::new(Code::WrongSetting, at, message));
    }

    fn later(&mut self, at: Range<usize>, message: String) {
        self.problems.push(Diagnostic::new(Code::NotSupportedYet, at, message));
    }
}

/// Messages of the reader of TOML, as ours are written.
fn lower(message: &str) -> String {
    let message = message.trim_end_matches('.');
    let mut letters = message.chars();
    letters.next().map_or_else(String::new, |first| first.to_lowercase().chain(letters).collect())
}

fn nearest<'a>(written: &str, known: &[&'a str]) -> Option<&'a str> {
    let scored = known.iter().map(|name| (strsim::jaro_winkler(&written.to_lowercase(), &name.to_lowercase()), *name));
    let best = scored.max_by(|(a, _), (b, _)| a.total_cmp(b))?;
    (best.0 > 0.82).then_some(best.1)
}
