//! The manual of the connectors: what the library says that feeds, targets, routes, alarms and tables can be told.

use crate::syntax;
use crate::syntax::tree::{At, Choice, ChoiceOf, Connector, Count, Declaration, Told};
use emr_stdlib::library::CONNECTORS;
use serde::Serialize;
use std::fmt::{self, Display, Formatter};

/// A connector. That which is called `every` is what all can be told, whatever brings or takes their messages.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Manual {
    pub name: String,
    /// What it is, in sentences.
    pub text: String,
    /// What a feed that is from it can be told; nothing where there is no such feed.
    pub feed: Option<Vec<Setting>>,
    pub target: Option<Vec<Setting>>,
    pub route: Option<Vec<Setting>>,
    pub alarm: Option<Vec<Setting>>,
    /// What a table that is asked through it can be told.
    pub table: Option<Vec<Setting>>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Setting {
    pub name: String,
    /// What it may be: `"original" | "enhanced"`, `duration`, `integer?`
    pub is: String,
    /// What it is where nobody says it.
    pub default: Option<String>,
    /// The least and the most.
    pub within: Option<(String, String)>,
    /// What it means, in sentences.
    pub text: String,
}

/// All of them, in the order of the library.
pub fn connectors() -> Vec<Manual> {
    let modules = CONNECTORS.iter().map(|(_, text)| *text);
    let items = modules.flat_map(|text| syntax::items(text).into_iter().filter_map(move |at| text.get(at)));
    items.filter_map(manual).collect()
}

fn manual(text: &str) -> Option<Manual> {
    let item = syntax::item(text).item?;
    let Declaration::Connector(connector) = &item.declaration else { return None };
    let part = |name: &str| part(connector, name, text);
    Some(Manual {
        name: connector.name.text.to_string(),
        text: sentences(&item.docs),
        feed: part("feed"),
        target: part("target"),
        route: part("route"),
        alarm: part("alarm"),
        table: part("table"),
    })
}

fn part(connector: &Connector, name: &str, text: &str) -> Option<Vec<Setting>> {
    let told = connector.settings.iter().find(|told| told.name.text == name)?;
    let block = told.options.iter().find_map(|option| match &option.what {
        ChoiceOf::Block(None, told) => Some(told),
        _ => None,
    })?;
    Some(block.iter().map(|told| setting(told, text)).collect())
}

fn setting(told: &Told, text: &str) -> Setting {
    let written = |at: &At| text.get(at.clone()).unwrap_or_default().trim().to_owned();
    Setting {
        name: told.name.text.to_string(),
        is: choices(&told.options, text),
        default: told.default.as_ref().map(|it| written(&it.at)),
        within: told.within.as_ref().map(|(least, most)| (written(&least.at), written(&most.at))),
        text: sentences(&told.docs),
    }
}

/// `mode: "original" | "enhanced" = "original"`
impl Display for Setting {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.name, self.is)?;
        if let Some(default) = &self.default {
            write!(f, " = {default}")?;
        }
        match &self.within {
            Some((least, most)) => write!(f, " in {least}..{most}"),
            None => Ok(()),
        }
    }
}

fn sentences(docs: &[smol_str::SmolStr]) -> String {
    docs.iter().map(|line| line.trim()).collect::<Vec<_>>().join(" ")
}

fn choices(options: &[Choice], text: &str) -> String {
    options.iter().map(|option| choice(option, text)).collect::<Vec<_>>().join(" | ")
}

fn choice(choice: &Choice, text: &str) -> String {
    let what = match &choice.what {
        ChoiceOf::Text(word) => format!("\"{}\"", word.text),
        ChoiceOf::Type(ty) => {
            let of: Vec<_> = ty.references.iter().map(|it| it.text.as_str()).collect();
            let of = if of.is_empty() { String::new() } else { format!("({})", of.join(", ")) };
            format!("{}{of}", ty.name.text)
        }
        ChoiceOf::Block(name, told) => {
            let told = told.iter().map(|told| setting(told, text).to_string()).collect::<Vec<_>>().join(", ");
            name.as_ref().map_or_else(|| format!("{{ {told} }}"), |name| format!("{} {{ {told} }}", name.text))
        }
    };
    format!("{what}{}{}", mark(choice.count), if choice.because { " because" } else { "" })
}

fn mark(count: Count) -> &'static str {
    match count {
        Count::One => "",
        Count::Optional => "?",
        Count::Any => "*",
        Count::Some => "+",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_setting_says_what_it_is() {
        let all = connectors();
        let of = |name: &str| all.iter().find(|it| it.name == name).unwrap();
        let feed = of("mllp").feed.as_ref().unwrap();
        let setting = |name: &str| feed.iter().find(|it| it.name == name).unwrap();
        assert_eq!(setting("listen").is, "address");
        assert_eq!(setting("tls").is, "{ certificate: file, key: secret, clients: file? } | none because");
        let mode = setting("mode");
        assert_eq!((mode.is.as_str(), mode.default.as_deref()), ("\"original\" | \"enhanced\"", Some("\"original\"")));
        let frame = setting("frame_timeout");
        assert_eq!(frame.within, Some(("1s".to_owned(), "10m".to_owned())));
        assert_eq!(frame.text, "How long a frame may take from its first byte to its last.");
        let every = of("every");
        let retry = every.target.as_ref().unwrap().iter().find(|it| it.name == "retry").unwrap();
        assert!(retry.is.contains("from: duration = 500ms in 10ms..1h"), "{}", retry.is);
        assert!(every.route.is_some() && every.alarm.is_some());
        for manual in &all {
            assert!(
                manual.name == "every" || manual.feed.is_some() || manual.target.is_some() || manual.table.is_some(),
                "{}",
                manual.name
            );
            assert!(manual.text.ends_with('.'), "{}", manual.name);
        }
    }
}
