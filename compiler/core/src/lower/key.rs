//! Keys: what makes two resources the same, and what is said where a message leaves that open.

use super::{Env, Lower};
use crate::check::typed::{Expr, Function, TyKind};
use crate::diagnostic::a;
use crate::plan::{Block, Code, CodePart, Constant, KeyPart, KeyValue, Step, Test, Val};
use smol_str::SmolStr;

impl<'a> Lower<'a> {
    pub(super) fn key(&mut self, function: &'a Function, env: &Env<'a>) -> Vec<KeyPart> {
        let parts = function.keyed.iter();
        parts.map(|part| self.key_part(part.parameter.as_ref(), &part.value, env)).collect()
    }

    /// A part whose value asks for a skip is missing; what then, the resource itself says.
    pub(super) fn key_part(&mut self, parameter: Option<&SmolStr>, expr: &'a Expr, env: &Env<'a>) -> KeyPart {
        let mut value = None;
        let body = self.block(|lower| value = Some(lower.key_value(expr, env)));
        let part = KeyPart { parameter: parameter.cloned(), value: value.unwrap_or(KeyValue::Text(0)) };
        if self.may_fail(&body) {
            for to in part.uses() {
                self.push(Step::Constant { value: Constant::Missing, to });
            }
        }
        self.caught(env, &(0..0), |lower| lower.extend(body));
        part
    }

    fn key_value(&mut self, expr: &'a Expr, env: &Env<'a>) -> KeyValue {
        match &expr.ty.kind {
            TyKind::Reference(_) => KeyValue::Reference(self.value(expr, env)),
            TyKind::Coded => {
                let coded = self.value(expr, env);
                let system = self.code_part(coded, CodePart::System);
                KeyValue::Token { system, code: self.code_part(coded, CodePart::Code) }
            }
            TyKind::Fhir(key) => match self.base(key).as_str() {
                "Identifier" => self.token(expr, env, &["system"], &["value"]),
                "Coding" => self.token(expr, env, &["system"], &["code"]),
                "CodeableConcept" => self.token(expr, env, &["coding", "system"], &["coding", "code"]),
                _ => KeyValue::Text(self.value(expr, env)),
            },
            _ => KeyValue::Text(self.value(expr, env)),
        }
    }

    fn token(&mut self, expr: &'a Expr, env: &Env<'a>, system: &[&str], code: &[&str]) -> KeyValue {
        let system = self.element(expr, env, system, false);
        let code = self.element(expr, env, code, false);
        KeyValue::Token { system, code }
    }

    /// Where the resource behind `made` is there without the first part of its key, no server knows it again.
    pub(super) fn tell_of_no_key(&mut self, function: &'a Function, key: &[KeyPart], made: Val, env: &Env<'a>) {
        let Some(first) = key.first() else { return };
        let (KeyValue::Text(of) | KeyValue::Token { code: of, .. } | KeyValue::Reference(of)) = first.value;
        let text = format!("{} without its key is another one in each message", a(&self.resource(function)));
        let issue = self.said(Code::NoKey, &text, env, &function.at);
        let is_lost = Test::Both(Box::new(Test::Present(made)), Box::new(Test::Not(Box::new(Test::Present(of)))));
        self.when(is_lost, vec![Step::Issue { issue, at: None }], Block::new());
    }

    /// The type of what a map gives.
    pub(super) fn resource(&self, function: &Function) -> SmolStr {
        match &function.result.kind {
            TyKind::Fhir(key) => self.base(key),
            _ => "Resource".into(),
        }
    }
}
