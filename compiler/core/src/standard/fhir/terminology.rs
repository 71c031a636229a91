//! Value sets and code systems: those of R4 from their embedded text, those of packages from their JSON.

use std::sync::Arc;

use emr_stdlib::fhir as text;
use rustc_hash::FxHashMap;
use smol_str::SmolStr;

use super::system::{CodeSystem, Concept};

/// The codes that a binding allows.
#[derive(Debug, PartialEq, Eq)]
pub struct ValueSet {
    /// Canonical, without a version.
    pub url: SmolStr,
    /// Whether `codes` are all of them. If not, the others stand in a terminology that is not at hand.
    pub complete: bool,
    pub codes: Vec<Coded>,
    /// Where in `codes` a code stands, for there are sets of more than a thousand.
    places: FxHashMap<SmolStr, Vec<u32>>,
}

/// A code of a system.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Coded {
    pub system: SmolStr,
    pub code: SmolStr,
    /// Empty where the standard gives none.
    pub display: SmolStr,
}

impl ValueSet {
    pub fn new(url: &str, complete: bool, codes: Vec<Coded>) -> ValueSet {
        let mut places = FxHashMap::<SmolStr, Vec<u32>>::default();
        for (place, coded) in (0..).zip(&codes) {
            places.entry(coded.code.clone()).or_default().push(place);
        }
        ValueSet { url: url.into(), complete, codes, places }
    }

    /// The code with what is known of it; without a system, the first of that code.
    pub fn find(&self, system: Option<&str>, code: &str) -> Option<&Coded> {
        let places = self.places.get(code)?;
        let mut found = places.iter().filter_map(|place| self.codes.get(*place as usize));
        found.find(|coded| system.is_none_or(|system| coded.system == system))
    }
}

/// What a value set of a package refers to.
pub trait Terminology {
    fn value_set(&self, url: &str) -> Option<Arc<ValueSet>>;
    fn code_system(&self, url: &str) -> Option<Arc<CodeSystem>>;
}

/// The code system of R4 with that URL.
pub fn code_system(url: &str) -> Option<CodeSystem> {
    let mut lines = text::CODE_SYSTEMS.block(url)?;
    let name = lines.next()?.splitn(3, ' ').nth(2)?;
    let concepts = lines.filter_map(|line| {
        let code = line.trim_start_matches(' ');
        let depth = u32::try_from(line.len() - code.len()).ok()?;
        let mut words = code.split('\t');
        let (code, display) = (words.next()?.into(), words.next()?.into());
        let grouping = words.next().is_some();
        Some(Concept { code, display, depth, grouping, properties: Vec::new(), designations: Vec::new() })
    });
    Some(CodeSystem::new(url, name, &concepts.collect::<Vec<_>>()))
}

/// The value set of R4 with that URL; `terminology` has the systems whose codes it need not repeat.
pub fn value_set(url: &str, terminology: &dyn Terminology) -> Option<ValueSet> {
    let mut lines = text::VALUE_SETS.block(url)?;
    let complete = !lines.next()?.ends_with(" incomplete");
    let mut codes = Vec::new();
    let mut system = SmolStr::default();
    let mut known = None;
    for line in lines {
        if let Some(of) = line.strip_prefix('@') {
            let whole = of.strip_suffix(" *");
            system = whole.unwrap_or(of).into();
            known = terminology.code_system(&system);
            if let (Some(_), Some(known)) = (whole, &known) {
                codes.extend(known.coded());
            }
            continue;
        }
        let (code, display) = line.split_once('\t').unwrap_or((line, ""));
        let same = || known.as_ref()?.find(code).map(|concept| concept.display);
        let display = if display.is_empty() { same().unwrap_or_default() } else { display.into() };
        codes.push(Coded { system: system.clone(), code: code.into(), display });
    }
    Some(ValueSet::new(url, complete, codes))
}

/// A canonical without the version behind its bar.
pub fn bare(url: &str) -> &str {
    url.split('|').next().unwrap_or(url)
}
