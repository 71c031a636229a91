//! Value sets and code systems: those of R4 from their embedded text, those of packages from their JSON.

use std::sync::Arc;

use emr_stdlib::fhir as text;
use rustc_hash::FxHashMap;
use smol_str::SmolStr;

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

/// A code system with all its codes.
#[derive(Debug, PartialEq, Eq)]
pub struct CodeSystem {
    pub url: SmolStr,
    pub name: SmolStr,
    pub concepts: Vec<Concept>,
    /// Where in `concepts` a code stands, for there are systems of a hundred thousand.
    places: FxHashMap<SmolStr, u32>,
}

/// A code inside its system.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Concept {
    pub code: SmolStr,
    pub display: SmolStr,
    /// 0 at the top; a concept stands below the nearest one before it that is less deep.
    pub depth: u32,
    /// It groups others and is no value of its own.
    pub grouping: bool,
    /// What the system says of it, by name; R4's own say nothing here.
    pub properties: Vec<(SmolStr, SmolStr)>,
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

impl CodeSystem {
    pub fn new(url: &str, name: &str, concepts: Vec<Concept>) -> CodeSystem {
        let mut places = FxHashMap::default();
        for (place, concept) in (0..).zip(&concepts) {
            places.entry(concept.code.clone()).or_insert(place);
        }
        CodeSystem { url: url.into(), name: name.into(), concepts, places }
    }

    pub fn find(&self, code: &str) -> Option<&Concept> {
        self.concepts.get(*self.places.get(code)? as usize)
    }

    /// The codes that an instance may hold.
    pub fn codes(&self) -> impl Iterator<Item = Coded> {
        let system = self.url.clone();
        self.concepts.iter().filter(|concept| !concept.grouping).map(move |concept| Coded {
            system: system.clone(),
            code: concept.code.clone(),
            display: concept.display.clone(),
        })
    }

    /// The codes below that one, without itself.
    pub fn under(&self, code: &str) -> impl Iterator<Item = &Concept> {
        let start = self.places.get(code).map(|place| *place as usize);
        let depth = start.and_then(|start| self.concepts.get(start)).map_or(0, |concept| concept.depth);
        let after = start.map_or(self.concepts.len(), |start| start + 1);
        self.concepts.iter().skip(after).take_while(move |concept| concept.depth > depth)
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
        Some(Concept { code, display, depth, grouping: words.next().is_some(), properties: Vec::new() })
    });
    Some(CodeSystem::new(url, name, concepts.collect()))
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
                codes.extend(known.codes());
            }
            continue;
        }
        let (code, display) = line.split_once('\t').unwrap_or((line, ""));
        let same = || known.as_ref()?.find(code).map(|concept| concept.display.clone());
        let display = if display.is_empty() { same().unwrap_or_default() } else { display.into() };
        codes.push(Coded { system: system.clone(), code: code.into(), display });
    }
    Some(ValueSet::new(url, complete, codes))
}

/// A canonical without the version behind its bar.
pub fn bare(url: &str) -> &str {
    url.split('|').next().unwrap_or(url)
}
