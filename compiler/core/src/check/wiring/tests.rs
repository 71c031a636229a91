//! The library's connectors are read, and say what the checker knows.

use super::kind::Kind;
use crate::syntax;
use crate::syntax::tree::{ChoiceOf, Declaration, Told};
use emr_stdlib::library::CONNECTORS;

/// Words that stand for themselves. One that is not among them is a slip in the name of a type.
const WORDS: [&str; 10] = ["none", "held", "hold", "miss", "ack_error", "drop", "log", "v2", "fhir", "per_message"];

/// Types that are called, as `email("…")`.
const CALLED: [&str; 2] = ["email", "webhook"];

#[test]
fn every_setting_has_a_type_that_is_known() {
    let mut count = 0;
    for (module, text) in CONNECTORS {
        for at in syntax::items(text) {
            let parsed = syntax::item(&text[at]);
            assert!(parsed.problems.is_empty(), "{module}: {:?}", parsed.problems);
            let Some(Declaration::Connector(connector)) = parsed.item.map(|it| it.declaration) else { continue };
            assert_eq!(*module, format!("std.connector.{}", connector.name.text));
            count += connector.settings.iter().map(|told| known(told, module)).sum::<usize>();
        }
    }
    assert!(count > 100, "{count} settings");
}

fn known(told: &Told, module: &str) -> usize {
    let mut count = 1;
    for option in &told.options {
        match &option.what {
            ChoiceOf::Text(_) => {}
            ChoiceOf::Block(_, inner) => count += inner.iter().map(|told| known(told, module)).sum::<usize>(),
            ChoiceOf::Type(ty) => {
                let name = ty.name.text.as_str();
                let is_called = CALLED.contains(&name) && !ty.references.is_empty();
                let fits = Kind::named(name).is_some() || WORDS.contains(&name) || is_called;
                assert!(fits, "{module}: `{}: {name}`", told.name.text);
                let inner = ty.references.iter().all(|inner| Kind::named(&inner.text).is_some());
                assert!(inner, "{module}: `{}: {name}(…)`", told.name.text);
            }
        }
    }
    assert!(!told.options.is_empty(), "{module}: `{}` has no type", told.name.text);
    count
}
