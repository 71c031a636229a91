//! What is right inside an expression, for whoever walks over all of it, and what it chooses from. A new kind of expression
//! is named here.

use super::{Block, Edit, Expr, Field, Kind, Statement, Step};
use emr_abi::Builtin;

impl Expr {
    /// The expressions right inside it, in the order of the text.
    pub fn inside(&self) -> Vec<&Expr> {
        match &*self.kind {
            Kind::Text(_)
            | Kind::Number(_)
            | Kind::Boolean(_)
            | Kind::Duration(_)
            | Kind::Code { .. }
            | Kind::Json(_)
            | Kind::Slot(_)
            | Kind::Receipt(_)
            | Kind::Environment(_)
            | Kind::Secret(_)
            | Kind::Keep
            | Kind::Absent
            | Kind::Null
            | Kind::AbsentWarn(_)
            | Kind::DataAbsent(_)
            | Kind::Skip
            | Kind::Reject(_)
            | Kind::Error => Vec::new(),
            Kind::Path { steps, .. } => steps
                .iter()
                .filter_map(|step| match step {
                    Step::Filter { condition, .. } => Some(condition),
                    _ => None,
                })
                .collect(),
            Kind::Join(items) | Kind::List(items) => items.iter().collect(),
            Kind::Builtin { arguments, .. } | Kind::Call { arguments, .. } | Kind::Lookup { keys: arguments, .. } => {
                arguments.iter().collect()
            }
            Kind::Refer { arguments, by, .. } => arguments.iter().chain(by).collect(),
            Kind::Convert { value: one, .. }
            | Kind::Via { value: one, .. }
            | Kind::InCodes { value: one, .. }
            | Kind::InSet { value: one, .. }
            | Kind::Copy { value: one, .. }
            | Kind::Edited { edits: one, .. }
            | Kind::Split { parts: one, .. }
            | Kind::Coded(one)
            | Kind::Element { of: one, .. }
            | Kind::Pick { list: one, .. }
            | Kind::Range { list: one, .. }
            | Kind::OfType { value: one, .. }
            | Kind::IsType { value: one, .. }
            | Kind::Warn { value: one, .. }
            | Kind::Emit { resource: one, .. }
            | Kind::Contain(one)
            | Kind::Not(one)
            | Kind::Matches { value: one, .. }
            | Kind::Is { value: one, .. }
            | Kind::True(one) => vec![one],
            Kind::Else(one, other)
            | Kind::KeepEach { lacking: one, or: other }
            | Kind::And(one, other)
            | Kind::Or(one, other) => vec![one, other],
            Kind::Compare { left, right, .. } | Kind::Arithmetic { left, right, .. } => vec![left, right],
            Kind::When { value, condition } => vec![condition, value],
            Kind::In { value, list, .. } => std::iter::once(value).chain(list).collect(),
            Kind::Each { list, filter, body, .. } => [list].into_iter().chain(filter).chain([body]).collect(),
            Kind::EachBy { list, filter, key, body, .. } => {
                [list].into_iter().chain(filter).chain([key, body]).collect()
            }
            Kind::Match { arms, otherwise } => {
                arms.iter().flat_map(|arm| [&arm.condition, &arm.value]).chain(otherwise).collect()
            }
            Kind::Do { statements, value } => statements.iter().flat_map(Statement::inside).chain([value]).collect(),
            Kind::Block(block) => block.inside(),
            Kind::Edits(edits) => edits.iter().flat_map(Edit::inside).collect(),
            Kind::With { base, fields } => [base].into_iter().chain(fields.iter().flat_map(Field::inside)).collect(),
        }
    }

    /// Whether it asks something, and is true or false whatever comes.
    pub fn is_condition(&self) -> bool {
        matches!(
            &*self.kind,
            Kind::And(..)
                | Kind::Or(..)
                | Kind::Not(_)
                | Kind::Compare { .. }
                | Kind::In { .. }
                | Kind::InCodes { .. }
                | Kind::InSet { .. }
                | Kind::Matches { .. }
                | Kind::Is { .. }
                | Kind::IsType { .. }
        )
    }

    /// The expressions that its value, or each item of its list, is the value of one of: all that it chooses from or goes
    /// through, in the order of the text. None where it makes a value of its own.
    pub fn chosen(&self) -> Vec<&Expr> {
        match &*self.kind {
            Kind::Each { body: one, .. }
            | Kind::EachBy { body: one, .. }
            | Kind::When { value: one, .. }
            | Kind::Warn { value: one, .. }
            | Kind::Pick { list: one, .. }
            | Kind::Range { list: one, .. }
            | Kind::OfType { value: one, .. }
            | Kind::Do { value: one, .. } => vec![one],
            Kind::Else(one, other) => vec![one, other],
            Kind::List(items) | Kind::Builtin { function: Builtin::distinct, arguments: items } => {
                items.iter().collect()
            }
            Kind::Match { arms, otherwise } => arms.iter().map(|arm| &arm.value).chain(otherwise).collect(),
            _ => Vec::new(),
        }
    }
}

impl Block {
    fn inside(&self) -> Vec<&Expr> {
        let statements = self.statements.iter().flat_map(Statement::inside);
        statements.chain(self.fields.iter().flat_map(Field::inside)).collect()
    }
}

impl Field {
    fn inside(&self) -> Vec<&Expr> {
        let extras = self.extras.iter().flat_map(Block::inside);
        self.values.iter().map(|value| &value.value).chain(extras).collect()
    }
}

impl Edit {
    fn inside(&self) -> Vec<&Expr> {
        match self {
            Edit::Statement(statement) => statement.inside(),
            Edit::Inner(inner) => vec![inner],
            Edit::Set { segments, values, .. } => {
                std::iter::once(segments).chain(values.iter().map(|value| &value.value)).collect()
            }
            Edit::Drop { .. } | Edit::Part { .. } => Vec::new(),
        }
    }
}

impl Statement {
    fn inside(&self) -> Vec<&Expr> {
        match self {
            Statement::Let(_, value) | Statement::Do(value) => vec![value],
            Statement::Require { condition, otherwise } => vec![condition, otherwise],
            // Nothing is done for what is left.
            Statement::Ignore(_) => Vec::new(),
        }
    }
}
