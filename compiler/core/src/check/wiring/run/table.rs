//! Tables that are asked, as the runtime gets them.

use super::super::super::World;
use super::super::super::typed::TyKind;
use super::super::connector::Part;
use super::super::{given, table as asked};
use super::value::Values;
use super::{Environment, Reader};
use crate::resolve;
use crate::syntax::tree::{self, Told};
use serde_json::{Map, Value};
use smol_str::SmolStr;

/// A table that a running engine asks.
#[derive(Clone, Debug, PartialEq)]
pub struct TableFacts {
    pub key: SmolStr,
    /// As plans and answers name it.
    pub signature: SmolStr,
    pub connector: SmolStr,
    /// With what it is asked: keys by their numbers.
    pub settings: Map<String, Value>,
    pub keys: usize,
    pub columns: Vec<ColumnFacts>,
}

#[derive(Clone, Debug, PartialEq)]
pub struct ColumnFacts {
    pub name: SmolStr,
    /// Of a code that whose codes it has.
    pub system: Option<SmolStr>,
    /// What each text in it matches as a whole.
    pub pattern: Option<String>,
    pub optional: bool,
    /// Where it stands in a resource that was found.
    pub read: Option<Reader>,
}

/// Nothing for a table whose rows are known.
pub fn table(written: &tree::Table, module: &str, world: &dyn World, environment: &Environment) -> Option<TableFacts> {
    let endpoint = asked::endpoint(written)?;
    let key = resolve::key(module, &written.name.text);
    let known = world.table(&key)?;
    let own = world.connectors().of(&endpoint.connector, Part::Table).ok()?;
    let told: Vec<&Told> = own.iter().filter(|told| told.name.text != asked::COLUMNS).collect();
    let given = given::of_endpoint(&endpoint, own, &mut Vec::new(), |_| false);
    let mut settings = Values::new(world, environment).object(&given, &told);
    for (name, setting) in &mut settings {
        let text = given.iter().find(|given| given.name.text == *name).and_then(asked::text);
        match (name.as_str(), text) {
            (asked::QUERY, Some((text, _))) => *setting = asked::prepared(&text, known),
            (asked::SEARCH, Some((text, _))) => *setting = asked::pieces(&text, known),
            _ => {}
        }
    }
    let rules = given.iter().find(|given| given.name.text == asked::COLUMNS).map(asked::columns).unwrap_or_default();
    let found = asked::found(&given, world);
    let columns = known.columns.iter().map(|column| ColumnFacts {
        name: column.name.clone(),
        system: column.system.clone(),
        pattern: match &column.ty {
            TyKind::Fhir(key) => world.standards().fhir.pattern(key),
            _ => None,
        },
        optional: column.optional,
        read: found
            .as_ref()
            .and_then(|found| Some(super::texts(asked::value_of(&rules, &column.name)?, &[found], world))),
    });
    Some(TableFacts {
        signature: known.signature(),
        connector: endpoint.connector.text.clone(),
        settings,
        keys: known.keys.len(),
        columns: columns.collect(),
        key,
    })
}
