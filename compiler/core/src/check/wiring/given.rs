//! The settings that somebody gives: the rules of a block, and the value behind the name of a connector.

use crate::diagnostic::{Code, Diagnostic};
use crate::syntax::tree::{At, Block, BlockItem, Endpoint, Expr, ExprKind, Rule, Told, Word};

/// A setting as it is written.
#[derive(Clone, Debug)]
pub(super) struct Given {
    pub name: Word,
    pub values: Vec<Expr>,
    pub because: Option<Word>,
    /// `+:`, to what the feed that this one is like has.
    pub adds: bool,
    pub at: At,
}

/// The settings of a block. What else stands in it is handed to `other`, which says whether it belongs there.
pub(super) fn of_block<'a>(
    block: &'a Block,
    problems: &mut Vec<Diagnostic>,
    mut other: impl FnMut(&'a BlockItem) -> bool,
) -> Vec<Given> {
    let mut given: Vec<Given> = Vec::new();
    for item in &block.items {
        match item {
            BlockItem::Rule(rule) => match setting(rule) {
                Ok(setting) => {
                    if given.iter().any(|it| it.name.text == setting.name.text) {
                        let message = format!("`{}` is set twice", setting.name.text);
                        let diagnostic = Diagnostic::new(Code::AssignedTwice, setting.at.clone(), message);
                        problems.push(diagnostic.help("keep one of the two"));
                    } else {
                        given.push(setting);
                    }
                }
                Err(problem) => problems.push(*problem),
            },
            _ if other(item) => {}
            _ => problems.push(not_a_setting(item)),
        }
    }
    given
}

/// The value behind the name of a connector, which is the first of what it can be told, before the settings of its block.
pub(super) fn of_endpoint<'a>(
    endpoint: &'a Endpoint,
    told: &[Told],
    problems: &mut Vec<Diagnostic>,
    other: impl FnMut(&'a BlockItem) -> bool,
) -> Vec<Given> {
    let first = endpoint.first.as_ref().zip(told.first()).map(|(value, told)| Given {
        name: Word { text: told.name.text.clone(), at: value.at.clone() },
        values: vec![value.clone()],
        because: None,
        adds: false,
        at: value.at.clone(),
    });
    let settings = endpoint.settings.as_ref().map(|block| of_block(block, problems, other)).unwrap_or_default();
    let mut given: Vec<Given> = first.into_iter().collect();
    for setting in settings {
        if given.first().is_some_and(|first| first.name.text == setting.name.text) && endpoint.first.is_some() {
            let message = format!("`{}` is set twice", setting.name.text);
            let diagnostic = Diagnostic::new(Code::AssignedTwice, setting.at.clone(), message);
            problems
                .push(diagnostic.help("the text behind the name of the connector sets it too: keep one of the two"));
        } else {
            given.push(setting);
        }
    }
    given
}

/// The values of a list, in parentheses or without.
pub(super) fn items(value: &Expr) -> &[Expr] {
    match &*value.kind {
        ExprKind::List { items, parts } if parts.is_empty() => items,
        _ => std::slice::from_ref(value),
    }
}

fn setting(rule: &Rule) -> Result<Given, Box<Diagnostic>> {
    if let Some(part) = rule.target.parts.first() {
        let message = "a setting is a name, and what is inside it stands in braces";
        let diagnostic = Diagnostic::new(Code::UnknownSetting, part.at.clone(), message);
        return Err(Box::new(diagnostic.help("as in `tls: { certificate: file(\"tls/emr.pem\"), … }`")));
    }
    Ok(Given {
        name: rule.target.first.clone(),
        values: rule.values.clone(),
        because: rule.because.clone(),
        adds: rule.adds,
        at: rule.at.clone(),
    })
}

fn not_a_setting(item: &BlockItem) -> Diagnostic {
    let at = match item {
        BlockItem::Let(it) => it.name.at.clone(),
        BlockItem::Require { at, .. } => at.clone(),
        BlockItem::Drop(it) => it.at.clone(),
        BlockItem::Ignore(it) => it.at.clone(),
        BlockItem::Do(value) | BlockItem::Result(value) => value.at.clone(),
        BlockItem::Accept(it) => it.at.clone(),
        BlockItem::Rule(it) => it.at.clone(),
    };
    Diagnostic::new(Code::UnknownSetting, at, "this is no setting")
        .help("a line is a name, a colon and a value: `charset: \"ISO-8859-1\"`")
}
