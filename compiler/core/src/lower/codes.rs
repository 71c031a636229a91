//! Code tables: a routine each, which chooses by the bytes of the code.

use super::tables::Rows;
use super::{Env, Lower, Made};
use crate::check::SYSTEM_OIDS;
use crate::check::typed::{CodeKey, CodeResult, CodeTable, CodeTo, Comparison, Expr, Key, Kind, TyKind};
use crate::plan::{Block, Code, CodePart, Constant, Part, Step, Test, Val};
use smol_str::{SmolStr, format_smolstr};
use std::collections::BTreeSet;

/// The library's map from HL7's short names of systems to URIs.
const CODING_SYSTEM: &str = "std.coded.coding_system";

/// The table that it is made of, to which a project may add.
const CODING_SYSTEMS: &str = "std.coded.CodingSystem";

/// The parameters of a table's routine.
const SYSTEM: Val = 0;
pub(super) const CODE: Val = 1;
const DISPLAY: Val = 2;

/// HL7 types whose first component is a code and whose third names its system.
pub(super) fn is_coded(name: &str) -> bool {
    matches!(name, "CWE" | "CE" | "CNE" | "CF" | "CD")
}

impl<'a> Lower<'a> {
    /// A value through a table.
    pub(super) fn via(&mut self, value: &'a Expr, key: &Key, env: &Env<'a>) -> Val {
        let Some(table) = self.world.codes(key) else { return self.missing() };
        let val = self.value(value, env);
        let arguments = self.code_of(val, &value.ty.kind);
        let made = Made::Table(table.key.clone());
        let routine = self.routine(made, arguments.len(), |lower| Some(lower.table(table)));
        self.to(|to| Step::Call { routine, arguments: arguments.to_vec(), to: Some(to) })
    }

    /// The system, the code and the display of a value.
    pub(super) fn code_of(&mut self, val: Val, ty: &TyKind) -> [Val; 3] {
        match ty {
            TyKind::Coded => {
                [CodePart::System, CodePart::Code, CodePart::Display].map(|part| self.code_part(val, part))
            }
            TyKind::Hl7(_, name) if is_coded(name) => {
                let parts = [3, 1, 2].map(|number| {
                    let part = Part::Component(number);
                    self.to(|to| Step::Take { of: val, part, to })
                });
                self.look_at(val);
                parts
            }
            _ => [self.missing(), val, self.missing()],
        }
    }

    /// Its parameters are the system, the code and the display.
    fn table(&mut self, table: &'a CodeTable) -> Val {
        let env = Env::new(&table.key);
        let code = CODE;
        let to = self.missing();
        let rows = Rows::of(table, self.covers);
        let miss = |lower: &mut Self, foreign: bool| {
            lower.block(|lower| {
                lower.missed(&table.key, Some(code), &env);
                if let Some(otherwise) = &table.otherwise {
                    lower.arm(otherwise, table, &env, foreign, to);
                }
            })
        };
        let arms = |lower: &mut Self| {
            let arms = rows
                .others
                .iter()
                .map(|arm| (arm.keys.clone(), lower.block(|lower| lower.arm(&arm.result, table, &env, false, to))));
            let arms: Vec<_> = arms.collect();
            let other = miss(lower, false);
            if arms.is_empty() { other } else { vec![Step::Choose { of: code, arms, other }] }
        };
        let choose = self.block(|lower| match lower.row_of(&rows, table) {
            Some(from) => {
                let arms = arms(lower);
                lower.when(Test::Present(from), vec![Step::Set { from, to }], arms);
            }
            None => {
                let arms = arms(lower);
                lower.extend(arms);
            }
        });
        let missed = if table.from.is_some() { miss(self, true) } else { Block::new() };
        let looked_up = self.of_own_system(table, choose, missed);
        self.when(Test::Present(code), looked_up, Block::new());
        to
    }

    /// One of two ways: by whether the code in hand may be of the table's own system.
    pub(super) fn of_own_system(&mut self, table: &CodeTable, own: Block, foreign: Block) -> Block {
        match &table.from {
            None => own,
            Some(from) => self.block(|lower| {
                let test = lower.foreign(SYSTEM, from);
                lower.when(test, foreign, own);
            }),
        }
    }

    /// A system that is named and is not the table's own.
    fn foreign(&mut self, system: Val, from: &SmolStr) -> Test {
        let mut names = vec![from.clone()];
        if let Some((_, number)) = from.rsplit_once("/v2-") {
            names.push(format_smolstr!("HL7{number}"));
        }
        // The names that HL7 and the project have for it, and its object identifiers.
        let known = [CODING_SYSTEMS, SYSTEM_OIDS].into_iter().filter_map(|table| self.world.codes(table));
        let its = known
            .flat_map(|table| &table.arms)
            .filter(|arm| matches!(&arm.result.what, CodeTo::Code { code, .. } if code == from));
        for key in its.flat_map(|arm| &arm.keys) {
            if let CodeKey::Code(name) = key {
                names.push(name.clone());
            }
        }
        names.extend(from.strip_prefix("urn:oid:").map(SmolStr::from));
        let systems = self.world.standards().fhir.systems();
        names.extend(systems.into_iter().filter(|(_, uri)| uri == from).map(|(oid, _)| oid));
        if let Some(number) = from.rsplit_once("/v2-").and_then(|(_, number)| number.parse::<u16>().ok()) {
            names.push(format_smolstr!("2.16.840.1.113883.12.{number}"));
        }
        let is_oid = |name: &&SmolStr| name.contains('.') && name.bytes().all(|it| it == b'.' || it.is_ascii_digit());
        let uris: Vec<_> = names.iter().filter(is_oid).map(|oid| format_smolstr!("urn:oid:{oid}")).collect();
        names.extend(uris.into_iter().filter(|uri| uri != from));
        let list = names.into_iter().map(|name| self.text(name)).collect();
        let own = Test::In { of: system, list, how: Comparison::Text };
        Test::Both(Box::new(Test::Present(system)), Box::new(Test::Not(Box::new(own))))
    }

    fn arm(&mut self, result: &CodeResult, table: &CodeTable, env: &Env<'a>, foreign: bool, to: Val) {
        let (system, code, display) = (SYSTEM, CODE, DISPLAY);
        let at = 0..0;
        if let Some(place) = &result.place {
            self.take(&Env::new(&place.item), &place.at);
        }
        if let Some(text) = &result.warn {
            let issue = self.said(Code::CodeWarned, text, env, &at);
            self.push(Step::Issue { issue, at: Some(code) });
        }
        let constant = |value| Step::Constant { value, to };
        match &result.what {
            CodeTo::Code { system, code, display } => self.push(constant(Constant::Coded {
                system: system.clone(),
                code: code.clone(),
                display: display.clone(),
                live: true,
            })),
            CodeTo::Keep => {
                let system = match &table.from {
                    Some(from) if !foreign => self.text(from.clone()),
                    _ => self.own_system(system),
                };
                self.push(Step::Coded { system, code, display, to });
            }
            CodeTo::Reject(text) => {
                let issue = self.said(Code::Rejected, text, env, &at);
                self.push(Step::Reject { issue, at: Some(code) });
            }
            CodeTo::Absent(Some(reason)) => self.push(constant(Constant::Reason(reason.clone()))),
            CodeTo::Absent(None) => {}
            CodeTo::Skip => self.push(Step::Fail),
        }
    }

    /// The URI of the system that a message names.
    pub(super) fn own_system(&mut self, system: Val) -> Val {
        let Some(function) = self.function(CODING_SYSTEM).filter(|function| function.params.len() == 1) else {
            return self.missing();
        };
        let made = Made::Value(function.key.clone());
        let routine = self.routine(made, 1, |lower| {
            let inner = lower.given(function);
            Some(lower.value(&function.body, &inner))
        });
        self.value_if(Test::Present(system), |lower| {
            lower.to(|to| Step::Call { routine, arguments: vec![system], to: Some(to) })
        })
    }

    /// An expression of any coded type as a code with its system, to be compared.
    pub(super) fn coded(&mut self, expr: &'a Expr, env: &Env<'a>) -> Val {
        match &expr.ty.kind {
            TyKind::Hl7(_, name) if is_coded(name) => {
                let val = self.value(expr, env);
                let [name, code, display] = self.code_of(val, &expr.ty.kind);
                let system = self.own_system(name);
                self.to(|to| Step::Coded { system, code, display, to })
            }
            TyKind::Fhir(key)
                if !self.is_primitive(key) && !matches!(&*expr.kind, Kind::Code { .. } | Kind::Coded(_)) =>
            {
                let in_concept = self.base(key) == "CodeableConcept";
                let path = |name| if in_concept { vec!["coding", name] } else { vec![name] };
                let system = self.element(expr, env, &path("system"), false);
                let code = self.element(expr, env, &path("code"), false);
                let display = self.missing();
                self.to(|to| Step::Coded { system, code, display, to })
            }
            _ => self.value(expr, env),
        }
    }

    /// The reasons for which a table may leave a coded value absent.
    pub(super) fn reasons(&self, expr: &Expr, found: &mut BTreeSet<SmolStr>) {
        match &*expr.kind {
            Kind::Via { table, .. } => {
                let Some(table) = self.world.codes(table) else { return };
                for result in table.arms.iter().map(|arm| &arm.result).chain(&table.otherwise) {
                    if let CodeTo::Absent(Some(reason)) = &result.what {
                        found.insert(reason.clone());
                    }
                }
            }
            Kind::Coded(value) => self.reasons(value, found),
            Kind::DataAbsent(reason) => {
                found.insert(reason.clone());
            }
            _ => expr.chosen().into_iter().for_each(|one| self.reasons(one, found)),
        }
    }
}
