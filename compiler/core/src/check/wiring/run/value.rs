//! Settings as the runtime reads them: JSON, every default written out. Times are milliseconds, sizes bytes.

use super::super::super::World;
use super::super::super::typed;
use super::super::given::{self, Given};
use super::super::kind::{self, Fixed, Kind};
use super::super::name_of;
use super::super::setting::is_list;
use super::Environment;
use crate::resolve::Found;
use crate::settings::{bytes, milliseconds};
use crate::syntax::tree::{Choice, ChoiceOf, Expr, ExprKind, TextPart, Told, Type};
use serde_json::{Map, Value, json};
use smol_str::SmolStr;

pub(super) struct Values<'w> {
    pub(super) world: &'w dyn World,
    /// What the environment gives that was chosen.
    environment: &'w Environment,
    /// What is read of each message, by the numbers that the JSON names.
    pub reads: Vec<Expr>,
}

impl<'w> Values<'w> {
    pub fn new(world: &'w dyn World, environment: &'w Environment) -> Values<'w> {
        Values { world, environment, reads: Vec::new() }
    }

    /// All that can be told, as it was given or as it is if nothing is said.
    pub fn object(&mut self, given: &[Given], told: &[&Told]) -> Map<String, Value> {
        let mut object = Map::new();
        for told in told {
            let given = given.iter().find(|given| given.name.text == told.name.text);
            object.insert(told.name.text.to_string(), self.setting(given, told));
        }
        object
    }

    fn setting(&mut self, given: Option<&Given>, told: &Told) -> Value {
        let because = given.and_then(|given| given.because.as_ref()).map(|because| because.text.as_str());
        let values = match given {
            Some(given) => given.values.iter().collect(),
            None => Vec::from_iter(&told.default),
        };
        if is_list(told) {
            let values = values.into_iter().flat_map(given::items);
            return values.filter_map(|value| self.value(value, because, told)).collect();
        }
        values.first().and_then(|value| self.value(value, because, told)).unwrap_or(Value::Null)
    }

    /// The first of the options that it is.
    fn value(&mut self, value: &Expr, because: Option<&str>, told: &Told) -> Option<Value> {
        told.options.iter().find_map(|option| self.option(value, because, option))
    }

    fn option(&mut self, value: &Expr, because: Option<&str>, option: &Choice) -> Option<Value> {
        match (&option.what, &*value.kind) {
            (ChoiceOf::Text(word), _) => match self.fixed(value)? {
                Fixed::Texts(texts) if texts.iter().all(|text| *text == word.text) => Some(json!(word.text)),
                _ => None,
            },
            (ChoiceOf::Block(None, inner), ExprKind::Block(block)) => {
                let given = given::of_block(block, &mut Vec::new(), |_| false);
                Some(Value::Object(self.object(&given, &Vec::from_iter(inner))))
            }
            (ChoiceOf::Block(Some(name), inner), ExprKind::TypedBlock { ty, block }) if ty.text == name.text => {
                let given = given::of_block(block, &mut Vec::new(), |_| false);
                let inner = self.object(&given, &Vec::from_iter(inner));
                Some(json!({ name.text.as_str(): inner }))
            }
            (ChoiceOf::Block(..), _) => None,
            (ChoiceOf::Type(ty), _) => self.of_type(value, because, ty),
        }
    }

    fn of_type(&mut self, value: &Expr, because: Option<&str>, ty: &Type) -> Option<Value> {
        let name = ty.name.text.as_str();
        if name == "per_message" {
            let inner = ty.references.first().and_then(|inner| Kind::named(&inner.text)).unwrap_or(Kind::Value);
            return Some(self.per_message(value, inner));
        }
        if let [kind] = &ty.references[..] {
            return self.called(value, name, Kind::named(&kind.text)?);
        }
        match Kind::named(name) {
            Some(kind) => self.of_kind(value, kind),
            // A word of the connector's own, with its reason where it has one: `none`, `drop because "…"`.
            None => self.is_word(value, name).then(|| match because {
                Some(because) if name == "drop" => json!({ name: because }),
                _ => json!(name),
            }),
        }
    }

    /// `email(oncall)`
    fn called(&self, value: &Expr, name: &str, kind: Kind) -> Option<Value> {
        let ExprKind::Call { name: called, arguments, .. } = &*value.kind else { return None };
        let [argument] = &arguments[..] else { return None };
        (called.text == name).then(|| Some(json!({ name: self.of_kind(&argument.value, kind)? })))?
    }

    /// A default is written as a text.
    fn is_word(&self, value: &Expr, word: &str) -> bool {
        name_of(value).is_some_and(|name| name.text == word)
            || matches!(self.fixed(value), Some(Fixed::Texts(texts)) if texts.iter().all(|text| text == word))
    }

    fn of_kind(&self, value: &Expr, kind: Kind) -> Option<Value> {
        match kind {
            Kind::Secret => Some(json!({ "secret": self.secret(value)? })),
            Kind::File => Some(json!(argument(value, "file")?)),
            Kind::Map | Kind::Feed => match self.world.find(&name_of(value)?.text) {
                Found::One(export) => Some(json!(export.key)),
                _ => None,
            },
            Kind::Condition => self.condition(value),
            Kind::Value => None,
            _ => literal(&self.fixed(value)?, kind),
        }
    }

    /// The name of a secret, also of one that is a constant.
    fn secret(&self, value: &Expr) -> Option<SmolStr> {
        argument(value, "secret").or_else(|| match &*self.constant(value)?.kind {
            typed::Kind::Secret(name) => Some(name.clone()),
            _ => None,
        })
    }

    fn constant(&self, value: &Expr) -> Option<&typed::Expr> {
        match self.world.find(&name_of(value)?.text) {
            Found::One(export) => self.world.constant(&export.key),
            _ => None,
        }
    }

    /// What a value is in the environment that was chosen.
    pub(super) fn fixed(&self, value: &Expr) -> Option<Fixed> {
        let given = |name: &str| self.environment.get(name).map(|text| Fixed::Texts(vec![text.clone()]));
        if let ExprKind::Text(parts) = &*value.kind {
            let texts: Option<String> = parts.iter().map(|part| self.text(part)).collect();
            return texts.map(|text| Fixed::Texts(vec![text.into()]));
        }
        if let Some(name) = argument(value, "env") {
            return given(&name);
        }
        match self.constant(value).map(|constant| &*constant.kind) {
            Some(typed::Kind::Environment(name)) => given(name),
            _ => kind::fixed(value, self.world),
        }
    }

    fn text(&self, part: &TextPart) -> Option<String> {
        match part {
            TextPart::Plain(text) => Some(text.to_string()),
            TextPart::Hole(hole) => match self.fixed(hole)? {
                Fixed::Texts(texts) => texts.first().map(ToString::to_string),
                Fixed::Number(digits) => Some(digits.to_string()),
                Fixed::Milliseconds(_) | Fixed::Boolean(_) => None,
            },
        }
    }

    /// A text in parts: as it is written, and what each message brings.
    fn per_message(&mut self, value: &Expr, kind: Kind) -> Value {
        if kind == Kind::Value {
            return self.read(value);
        }
        let parts = match &*value.kind {
            ExprKind::Text(parts) => parts.iter().map(|part| self.part(part)).collect(),
            _ => vec![self.hole(value)],
        };
        Value::Array(parts)
    }

    fn part(&mut self, part: &TextPart) -> Value {
        match part {
            TextPart::Plain(text) => json!({ "text": text }),
            TextPart::Hole(hole) => self.hole(hole),
        }
    }

    fn hole(&mut self, hole: &Expr) -> Value {
        match self.fixed(hole).and_then(|fixed| literal(&fixed, Kind::String)) {
            Some(text) => json!({ "text": text }),
            None => self.read(hole),
        }
    }

    fn read(&mut self, value: &Expr) -> Value {
        self.reads.push(value.clone());
        json!({ "read": self.reads.len() - 1 })
    }
}

fn argument(value: &Expr, function: &str) -> Option<SmolStr> {
    let ExprKind::Call { name, arguments, .. } = &*value.kind else { return None };
    if name.text != function {
        return None;
    }
    kind::text_argument(arguments).map(|(text, _)| text)
}

/// A fixed value of a kind.
fn literal(fixed: &Fixed, kind: Kind) -> Option<Value> {
    match (fixed, kind) {
        (Fixed::Boolean(value), Kind::Boolean) => Some(json!(value)),
        (Fixed::Number(digits), Kind::Integer | Kind::Size) => Some(json!(digits.parse::<u64>().ok()?)),
        (Fixed::Milliseconds(time), Kind::Duration) => Some(json!(time)),
        (Fixed::Texts(texts), _) => {
            let text = texts.first()?;
            match kind {
                Kind::Size => bytes(text).map(|bytes| json!(bytes)),
                Kind::Integer => text.parse::<u64>().ok().map(|number| json!(number)),
                Kind::Boolean => text.parse::<bool>().ok().map(|value| json!(value)),
                Kind::Duration => milliseconds(text).map(|time| json!(time)),
                _ => Some(json!(text)),
            }
        }
        (Fixed::Number(text), Kind::String) => Some(json!(text)),
        _ => None,
    }
}
