//! Rows of tables, by their keys.

use super::exec::{Frame, Run, Stop, get};
use super::value::{Coded, Value};
use crate::plan::{Cell, TableId, Val};
use emr_message::answers::Found;
use emr_message::table::Row;
use smol_str::SmolStr;
use std::rc::Rc;

impl<'m> Run<'_, 'm> {
    /// What a table has in a cell of the row with these keys.
    pub(super) fn lookup(
        &self,
        table: TableId,
        keys: &[Val],
        cell: Cell,
        frame: &Frame<'m>,
    ) -> Result<Value<'m>, Stop> {
        let keys: Vec<Value> = keys.iter().map(|key| get(frame, *key)).collect();
        let texts: Option<Vec<_>> = keys.iter().map(Value::as_text).collect();
        let Some(texts) = texts else { return Ok(Value::Missing) };
        let texts: Vec<&str> = texts.iter().map(|text| text.trim()).collect();
        let Some(row) = self.row(table, &texts)? else { return Ok(Value::Missing) };
        Ok(match cell {
            Cell::Text(cell) => {
                let place = keys.iter().find_map(|key| key.place(self.message));
                row.cell(cell).map_or(Value::Missing, |text| Value::made(text.to_owned(), true, place))
            }
            Cell::Code(cell) => match row.cell(cell + 1) {
                Some(code) => Value::Coded(Rc::new(Coded {
                    system: row.cell(cell).map(SmolStr::from),
                    code: code.into(),
                    display: row.cell(cell + 2).map(SmolStr::from),
                    live: true,
                })),
                None => Value::Missing,
            },
        })
    }

    /// The row of the plan, or of what came with the receipt.
    fn row(&self, table: TableId, keys: &[&str]) -> Result<Option<Row<'_>>, Stop> {
        let Some(asked) = self.plan.asked(table) else {
            return Ok(self.plan.tables.get(table as usize).and_then(|table| table.find(keys)));
        };
        match self.settings.receipt.answers().find(&asked.name, keys) {
            Found::Row(row) => Ok(Some(row)),
            Found::Missing => Ok(None),
            Found::Nobody => Err(self.refused(asked.issue, None)),
        }
    }
}
