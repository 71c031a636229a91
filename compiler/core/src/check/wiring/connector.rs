//! What connectors can be told, as the library declares it.

use super::super::suggest::nearest;
use super::joined;
use crate::diagnostic::{Code, Diagnostic, a};
use crate::syntax::tree::{ChoiceOf, Connector, Told, Word};
use indexmap::IndexMap;
use smol_str::SmolStr;

/// All connectors of the library, by their names; `every` is what all feeds, targets, routes and alarms can be told.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Connectors {
    all: IndexMap<SmolStr, Connector>,
}

/// What is spoken of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Part {
    Feed,
    Target,
    Route,
    Alarm,
    Table,
}

/// What a connector brings or takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Speech {
    V2,
    Fhir,
}

const EVERY: &str = "every";

/// What a connector brings to a feed, what its callers can be told, what it takes from a target, and what that says.
const BRINGS: &str = "brings";
pub(super) const TELLS: &str = "tells";
const TAKES: &str = "takes";
pub(super) const SAYS: &str = "says";

/// The connectors that modules of the library declare.
pub fn connectors(declared: impl Iterator<Item = Connector>) -> Connectors {
    Connectors { all: declared.map(|it| (it.name.text.clone(), it)).collect() }
}

/// A connector that somebody else declares.
pub fn misplaced(connector: &Connector) -> Diagnostic {
    let message = format!("`{}` is declared as a connector, which the library alone does", connector.name.text);
    Diagnostic::new(Code::OnlyInLibrary, connector.name.at.clone(), message)
        .help("a feed or a target names one of the library's: `feed adt from mllp { … }`")
}

impl Part {
    pub fn noun(self) -> &'static str {
        match self {
            Part::Feed => "feed",
            Part::Target => "target",
            Part::Route => "route",
            Part::Alarm => "alarm",
            Part::Table => "table",
        }
    }
}

impl Connectors {
    /// What every one of them can be told.
    pub(super) fn every(&self, part: Part) -> &[Told] {
        self.all.get(EVERY).and_then(|it| settings(it, part)).unwrap_or_default()
    }

    /// What a feed or target of that connector can be told besides, or why there is none.
    pub(super) fn of(&self, name: &Word, part: Part) -> Result<&[Told], Box<Diagnostic>> {
        let found = self.all.get(&name.text).filter(|it| it.name.text != EVERY);
        let message = match found {
            Some(connector) => match settings(connector, part) {
                Some(told) => return Ok(told),
                None => format!("`{}` is no connector of {}", name.text, a(part.noun())),
            },
            None => format!("there is no connector `{}`", name.text),
        };
        let diagnostic = Diagnostic::new(Code::UnknownConnector, name.at.clone(), message);
        let known = || self.all.values().filter(|it| it.name.text != EVERY && settings(it, part).is_some());
        let known = || known().map(|it| it.name.text.as_str());
        Err(Box::new(match nearest(&name.text, known()) {
            Some(near) => diagnostic.help(format!("did you mean `{near}`?")).fix(name.at.clone(), near),
            None => diagnostic.help(format!("{} may be {}", a(part.noun()), joined(known(), "or"))),
        }))
    }

    /// What messages it brings to a feed, or takes from a target.
    pub(super) fn speech(&self, name: &str, part: Part) -> Vec<Speech> {
        self.words(name, if part == Part::Feed { BRINGS } else { TAKES })
    }

    /// What messages a connector says of itself under one of these words.
    pub(super) fn words(&self, name: &str, word: &str) -> Vec<Speech> {
        let told = self.all.get(name).and_then(|it| it.settings.iter().find(|told| told.name.text == word));
        let speech = |name: &str| match name {
            "v2" => Some(Speech::V2),
            "fhir" => Some(Speech::Fhir),
            _ => None,
        };
        let options = told.into_iter().flat_map(|told| &told.options);
        options
            .filter_map(|option| match &option.what {
                ChoiceOf::Type(ty) => speech(&ty.name.text),
                _ => None,
            })
            .collect()
    }
}

fn settings(connector: &Connector, part: Part) -> Option<&[Told]> {
    let told = connector.settings.iter().find(|told| told.name.text == part.noun())?;
    told.options.iter().find_map(|option| match &option.what {
        ChoiceOf::Block(None, told) => Some(told.as_slice()),
        _ => None,
    })
}
