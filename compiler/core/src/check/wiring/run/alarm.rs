//! An alarm as its runtime gets it: its condition is a tree of comparisons.

use super::super::super::World;
use super::super::connector::Part;
use super::super::kind::Fixed;
use super::super::{given, name_of};
use super::Environment;
use super::value::Values;
use crate::resolve::{self, DeclaredKind, Found};
use crate::syntax::tree::{Alarm, Binary, Expr, ExprKind, Prefix, Told};
use serde_json::{Map, Value, json};
use smol_str::SmolStr;

#[derive(Clone, Debug, PartialEq)]
pub struct AlarmFacts {
    pub key: SmolStr,
    pub settings: Map<String, Value>,
}

pub fn alarm(alarm: &Alarm, module: &str, world: &dyn World, environment: &Environment) -> AlarmFacts {
    let told: Vec<&Told> = world.connectors().every(Part::Alarm).iter().collect();
    let given = given::of_block(&alarm.settings, &mut Vec::new(), |_| false);
    let settings = Values::new(world, environment).object(&given, &told);
    AlarmFacts { key: resolve::key(module, &alarm.name.text), settings }
}

impl Values<'_> {
    /// `{"or": […]}`, `{"compare": {"of": "target", "name": "ehr", "is": "queued", "by": ">", "with": 5000}}`: without a name
    /// it is that which `any` or `all` asks.
    pub(super) fn condition(&self, expr: &Expr) -> Option<Value> {
        match &*expr.kind {
            ExprKind::Binary(Binary::And, left, right) => {
                Some(json!({ "and": [self.condition(left)?, self.condition(right)?] }))
            }
            ExprKind::Binary(Binary::Or, left, right) => {
                Some(json!({ "or": [self.condition(left)?, self.condition(right)?] }))
            }
            ExprKind::Prefix(Prefix::Not, inner) => Some(json!({ "not": self.condition(inner)? })),
            ExprKind::Call { name, arguments, .. } => {
                let inner: Option<Vec<_>> = arguments.iter().map(|it| self.condition(&it.value)).collect();
                Some(json!({ name.text.as_str(): inner? }))
            }
            ExprKind::Binary(by, left, right) => {
                let by = match by {
                    Binary::Less => "<",
                    Binary::LessOrEqual => "<=",
                    Binary::Greater => ">",
                    Binary::GreaterOrEqual => ">=",
                    Binary::Equal => "==",
                    _ => "!=",
                };
                let (of, name, is) = self.measure(left)?;
                Some(json!({ "compare": { "of": of, "name": name, "is": is, "by": by, "with": self.number(right)? } }))
            }
            _ => None,
        }
    }

    /// What is measured of which.
    fn measure(&self, expr: &Expr) -> Option<(&'static str, Option<String>, String)> {
        let name = name_of(expr)?;
        let (owner, is) = name.text.rsplit_once('.')?;
        let all = [DeclaredKind::Feed, DeclaredKind::Target, DeclaredKind::Route];
        if let Found::One(export) = self.world.find(owner) {
            let own = export.key.rsplit('.').next().unwrap_or(&export.key);
            return Some((export.kind.noun(), Some(own.to_owned()), is.to_owned()));
        }
        let kind = all.into_iter().find(|kind| kind.noun() == owner)?;
        Some((kind.noun(), None, is.to_owned()))
    }

    /// Times in milliseconds.
    fn number(&self, expr: &Expr) -> Option<Value> {
        match self.fixed(expr)? {
            Fixed::Milliseconds(time) => Some(json!(time)),
            Fixed::Number(digits) => Some(json!(digits.parse::<f64>().ok()?)),
            _ => None,
        }
    }
}
