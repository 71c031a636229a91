//! Settings, held against what can be told.

use super::super::World;
use super::super::suggest::nearest;
use super::super::typed;
use super::accept::Accepted;
use super::alarm;
use super::given::{self, Given};
use super::kind::{self, Fixed, Kind};
use super::reading::{self, As};
use super::{name_of, named};
use crate::diagnostic::{Code, Diagnostic, Severity};
use crate::resolve::{DeclaredKind, Found};
use crate::settings::{bytes, milliseconds};
use crate::syntax::tree::{At, Block, Choice, ChoiceOf, Count, Expr, ExprKind, TextPart, Told, Type, Word};
use smol_str::SmolStr;

pub(super) struct Settings<'a> {
    pub world: &'a dyn World,
    pub problems: Vec<Diagnostic>,
    /// What a setting may read.
    pub messages: Vec<&'a Accepted>,
}

/// Whether a value is one of the things that a setting may be.
enum Fit {
    Yes,
    /// It is meant, and wrong: what was wrong has been said, or is said here.
    Meant(Option<Box<Diagnostic>>),
    No,
}

/// The modifier of a type whose values may come from the message.
const PER_MESSAGE: &str = "per_message";

impl<'a> Settings<'a> {
    pub fn new(world: &'a dyn World, messages: Vec<&'a Accepted>) -> Self {
        Self { world, problems: Vec::new(), messages }
    }

    /// Each setting is known, and of its type. `owner` is what has them, for the message: `a feed from mllp`.
    pub fn hold(&mut self, given: &[Given], told: &[&Told], owner: &str) {
        for setting in given {
            match told.iter().find(|told| told.name.text == setting.name.text) {
                Some(told) => self.setting(setting, told),
                None => self.problems.push(unknown(setting, told, owner)),
            }
        }
    }

    /// What must be told and is not.
    pub fn complete(&mut self, given: &[Given], told: &[&Told], at: &At, owner: &str) {
        let is_given = |name: &str| given.iter().any(|it| it.name.text == name);
        for told in told.iter().filter(|told| is_required(told) && !is_given(&told.name.text)) {
            self.problems.push(missing(told, at, owner));
        }
    }

    fn setting(&mut self, setting: &Given, told: &Told) {
        if setting.values.len() > 1 && !is_list(told) {
            let message = format!("`{}` takes one value", told.name.text);
            self.problems.push(Diagnostic::new(Code::WrongValue, setting.at.clone(), message).help(one_of(told)));
            return;
        }
        for value in &setting.values {
            if let Some(because) = self.value(value, told)
                && because
                && setting.because.is_none()
            {
                let message = format!("`{}: {}` needs a reason", told.name.text, shown(value));
                let diagnostic = Diagnostic::new(Code::NoReason, value.at.clone(), message);
                self.problems.push(diagnostic.help("say it behind it: `because \"…\"`"));
            }
        }
    }

    /// Whether the value that was taken needs a reason; nothing if none was.
    fn value(&mut self, value: &Expr, told: &Told) -> Option<bool> {
        if let ExprKind::List { items, parts } = &*value.kind
            && parts.is_empty()
            && is_list(told)
        {
            for item in items {
                self.value(item, told);
            }
            return Some(false);
        }
        if *value.kind == ExprKind::Missing {
            return None;
        }
        let mut meant = false;
        for option in &told.options {
            match self.fits(value, option, told) {
                Fit::Yes => return Some(option.because),
                Fit::Meant(problem) => {
                    self.problems.extend(problem.map(|it| *it));
                    meant = true;
                    break;
                }
                Fit::No => {}
            }
        }
        if !meant {
            self.problems.push(wrong(value, told));
        }
        None
    }

    fn fits(&mut self, value: &Expr, option: &Choice, told: &Told) -> Fit {
        match (&option.what, &*value.kind) {
            (ChoiceOf::Text(word), _) => match kind::fixed(value, self.world) {
                Some(Fixed::Texts(texts)) if texts.iter().all(|it| *it == word.text) && !texts.is_empty() => Fit::Yes,
                _ => Fit::No,
            },
            (ChoiceOf::Block(None, inner), ExprKind::Block(block)) => self.block(block, inner, told, &value.at),
            (ChoiceOf::Block(Some(name), inner), ExprKind::TypedBlock { ty, block }) if ty.text == name.text => {
                self.block(block, inner, told, &value.at)
            }
            (ChoiceOf::Block(..), _) => Fit::No,
            (ChoiceOf::Type(ty), _) => self.of_type(value, ty, told),
        }
    }

    fn block(&mut self, block: &Block, told: &[Told], outer: &Told, at: &At) -> Fit {
        let given = given::of_block(block, &mut self.problems, |_| false);
        let told: Vec<&Told> = told.iter().collect();
        let owner = format!("`{}`", outer.name.text);
        self.hold(&given, &told, &owner);
        self.complete(&given, &told, at, &owner);
        Fit::Yes
    }

    fn of_type(&mut self, value: &Expr, ty: &Type, told: &Told) -> Fit {
        let name = ty.name.text.as_str();
        if name == PER_MESSAGE {
            let inner = ty.references.first().and_then(|inner| Kind::named(&inner.text)).unwrap_or(Kind::Value);
            return self.per_message(value, inner, told);
        }
        if !ty.references.is_empty() {
            return self.call(value, ty, told);
        }
        match Kind::named(name) {
            Some(kind) => self.of_kind(value, kind, told),
            // A word of the connector's own: `none`, `held`.
            None if name_of(value).is_some_and(|word| word.text == name) => Fit::Yes,
            None => Fit::No,
        }
    }

    /// `email(oncall)`
    fn call(&mut self, value: &Expr, ty: &Type, told: &Told) -> Fit {
        let ExprKind::Call { name, arguments, .. } = &*value.kind else { return Fit::No };
        if name.text != ty.name.text {
            return Fit::No;
        }
        let kinds: Vec<_> = ty.references.iter().filter_map(|word| Kind::named(&word.text)).collect();
        if kinds.len() != arguments.len() {
            let nouns: Vec<_> = kinds.iter().map(|kind| kind.noun()).collect();
            let message = format!("`{}` takes {}", name.text, nouns.join(" and "));
            return Fit::Meant(Some(Box::new(Diagnostic::new(Code::WrongValue, value.at.clone(), message))));
        }
        for (argument, kind) in arguments.iter().zip(kinds) {
            match self.of_kind(&argument.value, kind, told) {
                Fit::Yes => {}
                Fit::Meant(problem) => return Fit::Meant(problem),
                Fit::No => {
                    let message = format!("`{}` takes {}", name.text, kind.noun());
                    return Fit::Meant(Some(Box::new(Diagnostic::new(
                        Code::WrongValue,
                        argument.value.at.clone(),
                        message,
                    ))));
                }
            }
        }
        Fit::Yes
    }

    fn of_kind(&mut self, value: &Expr, kind: Kind, told: &Told) -> Fit {
        match kind {
            Kind::Secret => self.secret(value),
            Kind::File => named_by(value, "file"),
            Kind::Map => self.declared(value, DeclaredKind::Map),
            Kind::Feed => self.declared(value, DeclaredKind::Feed),
            Kind::Condition => {
                self.problems.extend(alarm::measured(value, self.world));
                Fit::Yes
            }
            Kind::Value => Fit::No,
            _ => match kind::fixed(value, self.world) {
                Some(fixed) => self.literal(value, &fixed, kind, told),
                None => self.environment(value, kind),
            },
        }
    }

    /// A text with nothing fixed in it may still be what an environment gives.
    fn environment(&mut self, value: &Expr, kind: Kind) -> Fit {
        let ExprKind::Call { name, arguments, .. } = &*value.kind else { return Fit::No };
        if name.text != "env" {
            return Fit::No;
        }
        let Some((name, at)) = kind::text_argument(arguments) else { return Fit::No };
        Fit::Meant(kind::held(&name, &at, kind, self.world.environments()).map(Box::new))
    }

    fn literal(&mut self, value: &Expr, fixed: &Fixed, kind: Kind, told: &Told) -> Fit {
        if let ExprKind::Call { arguments, .. } = &*value.kind
            && let Some((name, at)) = kind::text_argument(arguments)
        {
            let problem = kind::held(&name, &at, kind, self.world.environments());
            let is_wrong = problem.as_ref().is_some_and(|it| it.severity() == Severity::Error);
            self.problems.extend(problem);
            return if is_wrong { Fit::Meant(None) } else { Fit::Yes };
        }
        let why = match (fixed, kind) {
            (Fixed::Boolean(_), Kind::Boolean) => None,
            (Fixed::Number(digits), Kind::Integer | Kind::Size) => {
                let message = || format!("{} is needed", kind.noun());
                digits.parse::<u64>().is_err().then(message).or_else(|| outside(fixed, told))
            }
            (Fixed::Milliseconds(_), Kind::Duration) => outside(fixed, told),
            (Fixed::Texts(texts), Kind::Size) => {
                texts.iter().find_map(|text| kind.refuses(text)).or_else(|| outside(fixed, told))
            }
            (Fixed::Texts(_), Kind::Integer | Kind::Boolean | Kind::Duration) => return Fit::No,
            (Fixed::Texts(texts), _) => texts.iter().find_map(|text| kind.refuses(text)),
            _ => return Fit::No,
        };
        match why {
            None => Fit::Yes,
            Some(_) if told.options.len() > 1 => Fit::No,
            Some(why) => {
                let message = format!("`{}` does not take this: {why}", told.name.text);
                Fit::Meant(Some(Box::new(
                    Diagnostic::new(Code::WrongValue, value.at.clone(), message).help(one_of(told)),
                )))
            }
        }
    }

    /// What the message says, or what is the same for all.
    fn per_message(&mut self, value: &Expr, kind: Kind, told: &Told) -> Fit {
        if kind != Kind::Value
            && let Some(fixed) = kind::fixed(value, self.world)
        {
            return self.literal(value, &fixed, kind, told);
        }
        let found = reading::problems(value, As::Value, &self.messages, self.world);
        let is_wrong = found.iter().any(|it| it.severity() == Severity::Error);
        self.problems.extend(found);
        if is_wrong { Fit::Meant(None) } else { Fit::Yes }
    }

    fn secret(&mut self, value: &Expr) -> Fit {
        let is_constant = |name: &Word| match self.world.find(&name.text) {
            Found::One(export) => {
                self.world.constant(&export.key).is_some_and(|it| matches!(&*it.kind, typed::Kind::Secret(_)))
            }
            _ => false,
        };
        if name_of(value).is_some_and(|name| is_constant(&name)) {
            return Fit::Yes;
        }
        let (ExprKind::Text(_) | ExprKind::Raw(_)) = &*value.kind else { return named_by(value, "secret") };
        let diagnostic = Diagnostic::new(Code::SecretAsText, value.at.clone(), "a secret is never written as text");
        let help = "name it: `secret(\"MLLP_KEY\")`; the value stands in the environment or in a file that only the \
                    program may read";
        Fit::Meant(Some(Box::new(diagnostic.help(help))))
    }

    fn declared(&mut self, value: &Expr, kind: DeclaredKind) -> Fit {
        let Some(name) = name_of(value) else { return Fit::No };
        match named(&name, kind, self.world) {
            Ok(_) => Fit::Yes,
            Err(problem) => Fit::Meant(Some(problem)),
        }
    }
}

/// `secret("NAME")`, `file("tls/emr.pem")`
fn named_by(value: &Expr, function: &str) -> Fit {
    let ExprKind::Call { name, arguments, parts } = &*value.kind else { return Fit::No };
    if name.text != function || !parts.is_empty() {
        return Fit::No;
    }
    if kind::text_argument(arguments).is_some_and(|(text, _)| !text.is_empty()) {
        return Fit::Yes;
    }
    let message = format!("`{function}` takes one text, without holes");
    Fit::Meant(Some(Box::new(Diagnostic::new(Code::WrongValue, value.at.clone(), message))))
}

/// Whether it takes several values.
pub(super) fn is_list(told: &Told) -> bool {
    told.options.last().is_some_and(|option| option.count.is_list())
}

fn is_required(told: &Told) -> bool {
    let count = told.options.last().map_or(Count::Optional, |option| option.count);
    told.default.is_none() && matches!(count, Count::One | Count::Some)
}

/// Why a value lies outside the bounds of its setting.
fn outside(fixed: &Fixed, told: &Told) -> Option<String> {
    let (least, most) = told.within.as_ref()?;
    let number = |expr: &Expr| match &*expr.kind {
        ExprKind::Number(digits) => digits.parse::<i128>().ok(),
        ExprKind::Duration(text) => milliseconds(text).map(i128::from),
        ExprKind::Text(parts) => bytes(&plain(parts)?).map(i128::from),
        _ => None,
    };
    let values: Vec<i128> = match fixed {
        Fixed::Number(digits) => digits.parse().into_iter().collect(),
        Fixed::Milliseconds(milliseconds) => vec![i128::from(*milliseconds)],
        Fixed::Texts(texts) => texts.iter().filter_map(|text| bytes(text)).map(i128::from).collect(),
        Fixed::Boolean(_) => Vec::new(),
    };
    let bounds = number(least)?..=number(most)?;
    let is_outside = values.iter().any(|value| !bounds.contains(value));
    is_outside.then(|| format!("it must lie between {} and {}", shown(least), shown(most)))
}

fn unknown(setting: &Given, told: &[&Told], owner: &str) -> Diagnostic {
    let name = &setting.name;
    let message = format!("{owner} has no setting `{}`", name.text);
    let diagnostic = Diagnostic::new(Code::UnknownSetting, name.at.clone(), message);
    let known = || told.iter().map(|told| told.name.text.as_str());
    match nearest(&name.text, known()) {
        Some(near) => diagnostic.help(format!("did you mean `{near}`?")).fix(name.at.clone(), near),
        None => diagnostic.help(format!("it has {}", super::listed(known()))),
    }
}

fn wrong(value: &Expr, told: &Told) -> Diagnostic {
    let message = format!("`{}` does not take this", told.name.text);
    let diagnostic = Diagnostic::new(Code::WrongValue, value.at.clone(), message);
    let words: Vec<&SmolStr> = told.options.iter().filter_map(word).collect();
    let written = match &*value.kind {
        ExprKind::Text(parts) => plain(parts),
        _ => name_of(value).map(|word| word.text),
    };
    match written.and_then(|written| nearest(&written, words.iter().map(|it| it.as_str())).map(SmolStr::from)) {
        Some(near) => diagnostic.help(format!("did you mean `{near}`? {}", one_of(told))),
        None => diagnostic.help(one_of(told)),
    }
}

fn word(option: &Choice) -> Option<&SmolStr> {
    match &option.what {
        ChoiceOf::Text(word) => Some(&word.text),
        ChoiceOf::Type(ty) if Kind::named(&ty.name.text).is_none() && ty.name.text != PER_MESSAGE => {
            Some(&ty.name.text)
        }
        ChoiceOf::Block(Some(name), _) => Some(&name.text),
        _ => None,
    }
}

fn missing(told: &Told, at: &At, owner: &str) -> Diagnostic {
    if told.name.text == "tls" {
        let diagnostic = Diagnostic::new(Code::NoTls, at.clone(), format!("{owner} says nothing of `tls`"));
        return diagnostic.help(
            "a listener has `tls: { certificate: file(\"…\"), key: secret(\"…\") }`, or `tls: none because \"…\"`",
        );
    }
    let message = format!("{owner} needs `{}`", told.name.text);
    Diagnostic::new(Code::MissingSetting, at.clone(), message).help(one_of(told))
}

/// What a setting may be, as a sentence.
fn one_of(told: &Told) -> String {
    let many = if is_list(told) { "any of " } else { "" };
    let options: Vec<_> = told.options.iter().map(option).collect();
    format!("it is {many}{}", options.join(" or "))
}

fn option(option: &Choice) -> String {
    let because = if option.because { " because \"…\"" } else { "" };
    match &option.what {
        ChoiceOf::Text(word) => format!("`\"{}\"{because}`", word.text),
        ChoiceOf::Block(name, told) => {
            let inner: Vec<_> =
                told.iter().filter(|told| is_required(told)).map(|told| format!("{}: …", told.name.text)).collect();
            let name = name.as_ref().map(|name| format!("{} ", name.text)).unwrap_or_default();
            format!("`{name}{{ {} }}`", inner.join(", "))
        }
        ChoiceOf::Type(ty) => match (ty.name.text.as_str(), ty.references.first()) {
            (PER_MESSAGE, Some(inner)) => match Kind::named(&inner.text) {
                Some(Kind::Value) | None => Kind::Value.noun().to_owned(),
                Some(kind) => format!("{}, or a value of the message", kind.noun()),
            },
            (name, Some(_)) => format!("`{name}(…)`"),
            (name, None) => match Kind::named(name) {
                Some(kind) => kind.noun().to_owned(),
                None => format!("`{name}{because}`"),
            },
        },
    }
}

/// A short value as it is written.
fn shown(value: &Expr) -> String {
    match &*value.kind {
        ExprKind::Number(text) | ExprKind::Duration(text) => text.to_string(),
        ExprKind::Text(parts) => plain(parts).map_or_else(|| "…".to_owned(), |text| format!("\"{text}\"")),
        _ => name_of(value).map_or_else(|| "…".to_owned(), |word| word.text.to_string()),
    }
}

fn plain(parts: &[TextPart]) -> Option<SmolStr> {
    match parts {
        [TextPart::Plain(text)] => Some(text.clone()),
        _ => None,
    }
}
