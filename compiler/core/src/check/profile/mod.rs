//! `profile`, `segment` and `structure`: what a sender really sends, as narrowing of the standard's shapes.

mod closed;
mod find;
mod made;
mod segment;
mod shapes;
mod structure;

pub use closed::{Taker, left_open};
pub use made::held;
pub use segment::{declared_elsewhere, segment};
pub(crate) use shapes::{holder, own};
pub use structure::{structure, structure_problems};

use super::condition::pattern_is_valid;
use super::scope::Scope;
use super::suggest::nearest;
use super::typed::{Kind, Step};
use super::{ANY_VERSION, World, expression};
use crate::diagnostic::{Code, Diagnostic};
use crate::resolve;
use crate::standard::Standards;
use crate::standard::hl7::Version;
use crate::standard::shape::{self, MANY, Shape};
use crate::syntax::tree::{At, Bounds, Profile, ProfileLine, Side, Word};
use find::Found;
use rustc_hash::{FxHashMap, FxHashSet};
use smol_str::{SmolStr, format_smolstr};
use std::sync::Arc;

/// Types that were one text before their parts were told apart, and still are of one value.
const WERE_TEXTS: [&str; 3] = ["TS", "FN", "SAD"];

/// What the maps that take a profile may rely on, and what messages are held to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ProfileFacts {
    pub key: SmolStr,
    pub version: Version,
    /// The structures of its messages.
    pub of: Vec<SmolStr>,
    /// Segments and groups that are there wherever what is around them is: `PID`, `PATIENT_RESULT.PATIENT`.
    pub present: FxHashSet<SmolStr>,
    /// Segments and groups that this sender never sends.
    pub forbidden: FxHashSet<SmolStr>,
    /// Fields and components by their whole path: `PID-3`, `PATIENT_RESULT.PATIENT.PID-5.1`.
    pub narrowed: FxHashMap<SmolStr, Narrowed>,
    /// What messages are held to, in the order of the lines.
    pub held: Vec<Held>,
    /// The fields that a closed profile lists, each with its line.
    pub closed: Vec<(SmolStr, At)>,
    /// The structure as the profile has it, and its groups, by keys of the profile's own.
    pub shapes: Vec<Arc<Shape>>,
    pub problems: Vec<Diagnostic>,
}

#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Narrowed {
    pub min: u32,
    /// [`MANY`] for `*`; nothing where the line does not say.
    pub max: Option<u32>,
    pub one_of: Vec<SmolStr>,
    /// `OBX-29 0..1 as ID`
    pub ty: Option<SmolStr>,
}

/// One place of a message, and what the sender does there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Held {
    /// `PATIENT_RESULT.PATIENT.PID-5.1`
    pub path: SmolStr,
    /// The way there: members of groups by their place, a field, components.
    pub steps: Vec<Step>,
    pub min: u32,
    /// [`MANY`] where there may be any number.
    pub max: u32,
    pub one_of: Vec<SmolStr>,
    /// How many characters a value has, from the least to the most.
    pub length: Option<(u32, u32)>,
    pub pattern: Option<SmolStr>,
    /// `after PID`, `before PV1`
    pub stands: Option<(Side, SmolStr)>,
    pub because: Option<SmolStr>,
    pub at: At,
}

impl Held {
    /// A segment or group that is there.
    fn present(path: SmolStr, steps: Vec<Step>, at: &At) -> Self {
        let (one_of, at) = (Vec::new(), at.clone());
        let (length, pattern, stands, because) = (None, None, None, None);
        Self { path, steps, min: 1, max: MANY, one_of, length, pattern, stands, because, at }
    }

    /// Whether there is something to ask of a message.
    pub fn asks(&self) -> bool {
        self.min > 0 || self.max < MANY || self.asks_of_values()
    }

    /// Whether there is something to ask of each value.
    pub fn asks_of_values(&self) -> bool {
        !self.one_of.is_empty() || self.length.is_some() || self.pattern.is_some()
    }
}

/// The facts of a profile. `standards` knows the segments and structures that the project declares, but no profile.
pub fn profile(profile: &Profile, module: &str, standards: &Standards, world: &dyn World) -> ProfileFacts {
    let mut problems = Vec::new();
    let mut facts = ProfileFacts {
        key: resolve::key(module, &profile.name.text),
        version: version(profile, &mut problems),
        of: profile.of.iter().map(|word| word.text.clone()).collect(),
        present: FxHashSet::default(),
        forbidden: FxHashSet::default(),
        narrowed: FxHashMap::default(),
        held: Vec::new(),
        closed: Vec::new(),
        shapes: Vec::new(),
        problems,
    };
    let structures = structures(profile, standards, &mut facts);
    if structures.len() < profile.of.len() {
        return facts;
    }
    let mut shapes = shapes::own(standards, facts.version, &structures, &facts.key);
    let version = facts.version;
    let placed = |line: &&ProfileLine| shapes::place_segment(&mut shapes, line, standards, version, &mut facts);
    let lines: Vec<_> = profile.lines.iter().filter(placed).collect();
    let (seen, ranged, implied) = (FxHashSet::default(), FxHashSet::default(), Vec::new());
    let mut lined = Lined { shapes, standards, world, facts, seen, ranged, implied };
    lines.iter().for_each(|line| lined.forbid(line));
    for line in lines {
        lined.narrow(line);
    }
    if profile.closed {
        lined.close();
    }
    lined.imply();
    lined.declared(&profile.name.at);
    let Lined { shapes, mut facts, .. } = lined;
    facts.shapes = shapes.into_iter().map(Arc::new).collect();
    facts
}

fn version(profile: &Profile, problems: &mut Vec<Diagnostic>) -> Version {
    let Some(word) = &profile.version else { return ANY_VERSION };
    Version::parse(&word.text).unwrap_or_else(|| {
        let message = format!("there is no HL7 v{}", word.text);
        let diagnostic = Diagnostic::new(Code::UnknownVersion, word.at.clone(), message);
        problems.push(diagnostic.help("versions are 2.1 to 2.8.2, as in `version \"2.5.1\"`"));
        ANY_VERSION
    })
}

/// The structures that a profile is of; what is none of the version is said.
fn structures(profile: &Profile, standards: &Standards, facts: &mut ProfileFacts) -> Vec<Arc<Shape>> {
    let mut found: Vec<Arc<Shape>> = Vec::new();
    for of in &profile.of {
        let structure = standards.structure(facts.version, &of.text);
        match structure.filter(|shape| shape.kind == shape::Kind::Structure) {
            Some(same) if found.iter().any(|known| known.key == same.key) => {
                let message = format!("`{}` stands here twice", of.text);
                facts.problems.push(Diagnostic::new(Code::DuplicateName, of.at.clone(), message).help("take one away"));
            }
            Some(structure) => found.push(structure),
            None => facts.problems.push(unknown_structure(of, facts.version, standards)),
        }
    }
    found
}

fn unknown_structure(of: &Word, version: Version, standards: &Standards) -> Diagnostic {
    let message = format!("HL7 v2 has no message structure `{}`", of.text);
    let diagnostic = Diagnostic::new(Code::UnknownType, of.at.clone(), message);
    let declared = standards.local.values().filter(|shape| shape.kind == shape::Kind::Structure);
    let known = standards.hl7.structures(version).into_iter().chain(declared.map(|shape| shape.key.as_str()));
    match nearest(&of.text, known) {
        Some(near) => diagnostic.help(format!("did you mean `{near}`?")),
        None => diagnostic.help("as in `profile Admission of ADT_A01`; one of your own is declared with `structure`"),
    }
}

/// The lines of a profile, taken one after the other.
struct Lined<'w> {
    shapes: Vec<Shape>,
    standards: &'w Standards,
    world: &'w dyn World,
    facts: ProfileFacts,
    seen: FxHashSet<SmolStr>,
    /// Segments and groups of which a line says how often they are there.
    ranged: FxHashSet<SmolStr>,
    /// Segments that required fields make present.
    implied: Vec<Held>,
}

impl Lined<'_> {
    fn narrow(&mut self, line: &ProfileLine) {
        for bounds in [&line.range, &line.length].into_iter().flatten() {
            self.in_order(bounds);
        }
        let typed = line.ty.is_some();
        let Some(found) = find::find(&self.shapes, &line.path, typed, self.standards, &mut self.facts) else { return };
        let path = found.path();
        if !self.seen.insert(path.clone()) {
            let message = format!("there are two lines for `{path}`");
            let diagnostic = Diagnostic::new(Code::LineTwice, line.path.at.clone(), message);
            self.facts.problems.push(diagnostic.help("say on one line all that the sender does there"));
            return;
        }
        self.fits(line, &found);
        let held = Held {
            path,
            steps: found.steps.clone(),
            min: line.range.as_ref().map_or(0, |range| range.min),
            max: line.range.as_ref().and_then(|range| range.max).unwrap_or(MANY),
            one_of: self.codes(line),
            length: line.length.as_ref().map(|bounds| (bounds.min, bounds.max.unwrap_or(MANY))),
            pattern: line.matches.as_ref().map(|pattern| pattern.text.clone()),
            stands: line.stands.as_ref().map(|(side, word)| (*side, word.text.clone())),
            because: line.because.as_ref().map(|because| because.text.clone()),
            at: line.at.clone(),
        };
        if found.below.is_empty() {
            self.segment(line, &found, &held)
        } else {
            self.value(line, &found, &held)
        }
        self.facts.held.push(held);
    }

    /// Notes a segment or group that never comes before any line is read: no other line means it then. What is wrong with
    /// the line is told when it is read.
    fn forbid(&mut self, line: &ProfileLine) {
        if line.range.as_ref().and_then(|range| range.max) != Some(0) {
            return;
        }
        let said = self.facts.problems.len();
        let found = find::find(&self.shapes, &line.path, false, self.standards, &mut self.facts);
        self.facts.problems.truncate(said);
        let place = found.filter(|found| found.below.is_empty()).map(|found| found.around());
        self.facts.forbidden.extend(place);
    }

    /// The smaller number stands first.
    fn in_order(&mut self, bounds: &Bounds) {
        if let Some(max) = bounds.max.filter(|max| *max < bounds.min) {
            let message = format!("no place can be there at least {} times and at most {max}", bounds.min);
            let diagnostic = Diagnostic::new(Code::WrongProfile, bounds.at.clone(), message);
            self.facts.problems.push(diagnostic.help("the smaller number stands first, as in `1..5` or `1..*`"));
        }
    }

    /// What a line says must be something that its place can have.
    fn fits(&mut self, line: &ProfileLine, found: &Found) {
        let value = [
            line.length.as_ref().map(|bounds| ("length", &bounds.at)),
            line.matches.as_ref().map(|pattern| ("matches", &pattern.at)),
        ];
        let (place, problems) = (found.path(), &mut self.facts.problems);
        let mut wrong = |at: &At, message: String, help: String| {
            problems.push(Diagnostic::new(Code::WrongProfile, at.clone(), message).help(help));
        };
        let Some(ty) = &found.ty else {
            let other = [line.one_of.first().map(|value| ("in", &value.at)), line.ty.as_ref().map(|ty| ("as", &ty.at))];
            for (word, at) in value.into_iter().chain(other).flatten() {
                let message = format!("`{place}` is a segment or group, and `{word}` is of a value");
                wrong(at, message, format!("name a field or a component, as in `{place}-3`"));
            }
            return;
        };
        let ty = line.ty.as_ref().map_or(ty, |ty| &ty.name.text);
        let shape = self.standards.datatype(self.facts.version, ty);
        let parts = !WERE_TEXTS.contains(&ty.as_str()) && shape.is_some_and(|shape| !shape.elements.is_empty());
        for (word, at) in value.into_iter().flatten().filter(|_| parts) {
            let message = format!("`{place}` has components, and `{word}` is of one value");
            wrong(at, message, format!("name the component, as in `{place}.1`"));
        }
        if let Some(range) =
            line.range.as_ref().filter(|range| found.is_component() && range.max.is_none_or(|it| it > 1))
        {
            let message = format!("`{place}` is there once at the most");
            wrong(&range.at, message, "write `0..1` or `1..1`; only fields repeat".to_owned());
        }
        if let Some(ty) = line.ty.as_ref().filter(|ty| !segment::is_data_type(&ty.name.text, self.standards)) {
            let message = format!("HL7 v2 has no data type `{}`", ty.name.text);
            let diagnostic = Diagnostic::new(Code::UnknownType, ty.name.at.clone(), message);
            let near = nearest(&ty.name.text, self.standards.hl7.datatypes(ANY_VERSION).into_iter());
            problems.push(diagnostic.help(match near {
                Some(near) => format!("did you mean `{near}`?"),
                None => "as in `OBX-29 0..1 as ID`".to_owned(),
            }));
        }
        if let Some(pattern) = &line.matches {
            let mut scope = Scope::new(self.world);
            pattern_is_valid(&mut scope, &pattern.text, &pattern.at);
            problems.append(&mut scope.problems);
        }
    }

    /// The codes that a line lists.
    fn codes(&mut self, line: &ProfileLine) -> Vec<SmolStr> {
        let mut scope = Scope::new(self.world);
        let mut codes = Vec::new();
        for value in &line.one_of {
            match *expression::infer(&mut scope, value).kind {
                Kind::Text(code) | Kind::Code { code, .. } | Kind::Number(code) => codes.push(code),
                Kind::Error => {}
                _ => {
                    let diagnostic = Diagnostic::new(Code::WrongProfile, value.at.clone(), "this is no code");
                    scope.problem(diagnostic.help("the codes of a place are texts, as in `in (\"M\", \"F\")`"));
                }
            }
        }
        self.facts.problems.append(&mut scope.problems);
        codes
    }

    fn segment(&mut self, line: &ProfileLine, found: &Found, held: &Held) {
        if line.range.is_some() {
            self.ranged.insert(held.path.clone());
        }
        if held.min > 0 {
            self.facts.present.insert(held.path.clone());
        }
        if held.max == 0 {
            self.facts.forbidden.insert(held.path.clone());
            return;
        }
        let (shape, place) = found.element;
        let element = self.shapes.get_mut(shape).and_then(|shape| shape.elements.get_mut(place));
        if let Some(element) = element.filter(|_| line.range.is_some()) {
            element.max = held.max;
        }
    }

    fn value(&mut self, line: &ProfileLine, found: &Found, held: &Held) {
        let field = !found.is_component();
        if field && held.min > 0 && found.around.last().is_some_and(|(_, required)| *required) {
            let steps = held.steps.iter().take_while(|step| matches!(step, Step::Member { .. })).cloned().collect();
            self.implied.push(Held::present(found.around(), steps, &held.at));
        }
        let narrowed = Narrowed {
            min: held.min,
            max: line.range.as_ref().map(|_| held.max),
            one_of: held.one_of.clone(),
            ty: line.ty.as_ref().map(|ty| ty.name.text.clone()),
        };
        self.facts.narrowed.insert(held.path.clone(), narrowed);
    }

    /// The fields that lines name, themselves or by a component; not what the sender never sends.
    fn close(&mut self) {
        let mut listed: Vec<(SmolStr, At)> = Vec::new();
        for held in self.facts.held.iter().filter(|held| held.max > 0) {
            let Some((segment, field)) = held.path.rsplit_once('-') else { continue };
            let number = field.split('.').next().unwrap_or_default();
            let path = format_smolstr!("{segment}-{number}");
            let forbidden = self.facts.narrowed.get(&path).is_some_and(|line| line.max == Some(0));
            if !forbidden && !listed.iter().any(|(known, _)| *known == path) {
                listed.push((path, held.at.clone()));
            }
        }
        self.facts.closed = listed;
    }

    /// A field that is required makes its segment present where the structure requires the segment, unless a line says
    /// how often the segment is there.
    fn imply(&mut self) {
        for held in std::mem::take(&mut self.implied) {
            if !self.ranged.contains(&held.path) && self.facts.present.insert(held.path.clone()) {
                self.facts.held.push(held);
            }
        }
    }

    /// What the segments say that the project declares, wherever the profile has them.
    fn declared(&mut self, at: &At) {
        let mut waiting = vec![(self.facts.key.clone(), SmolStr::default(), Vec::new())];
        while let Some((key, path, steps)) = waiting.pop() {
            let Some(shape) = self.shapes.iter().find(|shape| shape.key == key) else { continue };
            let mut found = Vec::new();
            for (member, element) in (0..).zip(&shape.elements) {
                let Some(ty) = element.types.first() else { continue };
                let path =
                    if path.is_empty() { element.name.clone() } else { format_smolstr!("{path}.{}", element.name) };
                let mut steps: Vec<Step> = steps.clone();
                steps.push(Step::Member { name: element.name.clone(), member });
                if steps.len() > self.shapes.len() {
                    continue;
                }
                match self.standards.local.get(&ty.shape).filter(|shape| shape.kind == shape::Kind::Segment) {
                    Some(segment) => found.push((segment.clone(), path, steps)),
                    None if self.shapes.iter().any(|shape| shape.key == ty.shape) => {
                        waiting.push((ty.shape.clone(), path, steps));
                    }
                    None => {}
                }
            }
            for (segment, path, steps) in found {
                self.declared_fields(&segment, &path, &steps, at);
            }
        }
    }

    fn declared_fields(&mut self, segment: &Shape, path: &str, steps: &[Step], at: &At) {
        for element in segment.elements.iter().filter(|element| element.min > 0 || !element.codes.is_empty()) {
            let path = format_smolstr!("{path}-{}", element.name);
            let Some(number) = element.name.parse().ok().filter(|_| !self.seen.contains(&path)) else { continue };
            let steps = steps.iter().cloned().chain([Step::Field { number, repeats: true }]).collect();
            let (one_of, max) = (element.codes.clone(), if element.min > 0 { element.max } else { MANY });
            self.facts.held.push(Held { min: element.min, max, one_of, ..Held::present(path, steps, at) });
        }
    }
}
