//! Tables whose rows a plan holds as data: those of several keys and columns, and code tables of many codes.

use super::{Env, Lower, Made};
use crate::check::typed::{CodeArm, CodeKey, CodeTable, CodeTo, Expr, Key, RowTable, TyKind};
use crate::plan::{Asked, Block, Cell, Code, Constant, MISSED, Said, Step, TableId, Test, Val};
use crate::syntax::tree;
use emr_message::Table;
use smol_str::{SmolStr, format_smolstr};

/// From so many codes on a table is data. Fewer are chosen by comparisons, which code is made of.
const ROWS_MIN: usize = 32;

impl<'a> Lower<'a> {
    /// A column of the row with these keys; without a column, the first of the keys.
    pub(super) fn lookup(
        &mut self,
        table: &Key,
        keys: &'a [Expr],
        column: Option<u32>,
        expr: &'a Expr,
        env: &Env<'a>,
    ) -> Val {
        let Some(found) = self.world.table(table) else { return self.missing() };
        let keys = keys.iter().map(|key| {
            let val = self.value(key, env);
            let [_, code, _] = self.code_of(val, &key.ty.kind);
            code
        });
        let keys: Vec<Val> = keys.collect();
        let column = column.and_then(|column| found.columns.get(column as usize));
        let cell = match column {
            Some(column) if column.ty == TyKind::Coded => Cell::Code(column.cell),
            Some(column) => Cell::Text(column.cell),
            None => Cell::Text(0),
        };
        let number = match &found.rows {
            Some(rows) => self.numbered(table, || rows.clone()),
            None => self.asked(found, env, &expr.at),
        };
        if self.world.is_watched(&found.key) {
            let row = self.to(|to| Step::Lookup { table: number, keys: keys.clone(), cell: Cell::Text(0), to });
            let missed = self.block(|lower| lower.missed(&found.key, keys.first().copied(), env));
            let asks = keys.iter().map(|key| Test::Present(*key));
            let lacks = asks.fold(Test::Absent(row), |lacks, asks| Test::Both(Box::new(asks), Box::new(lacks)));
            self.when(lacks, missed, Block::new());
        }
        self.to(|to| Step::Lookup { table: number, keys, cell, to })
    }

    /// A table that an alarm watches lacks what is looked up by the value in hand.
    pub(super) fn missed(&mut self, table: &Key, at: Option<Val>, env: &Env<'a>) {
        if !self.world.is_watched(table) {
            return;
        }
        let name = table.rsplit('.').next().unwrap_or_default();
        let rule = self.rule(env, &(0..0));
        let said = Said { code: MISSED, text: name.into(), rule };
        let issue = self.issue_of(said);
        self.push(Step::Issue { issue, at });
    }

    /// The number of a table whose rows come with each message.
    fn asked(&mut self, table: &'a RowTable, env: &Env<'a>, at: &tree::At) -> TableId {
        let number = self.numbered(&table.key, || Table::empty(table.keys.len(), table.cells() as usize));
        if self.asked.iter().all(|asked| asked.table != number) {
            let name = table.key.rsplit('.').next().unwrap_or_default();
            let text = format!("the table `{name}` is asked by a running engine, and nobody asks it here");
            let issue = self.said(Code::AskedTable, &text, env, at);
            self.asked.push(Asked { table: number, name: table.signature(), issue });
        }
        number
    }

    /// The number of a table, which is made if there is none of that key yet.
    fn numbered(&mut self, key: &Key, make: impl FnOnce() -> Table) -> TableId {
        if let Some(known) = self.numbered.get(key) {
            return *known;
        }
        let number = TableId::try_from(self.tables.len()).unwrap_or(TableId::MAX);
        self.tables.push(make());
        self.numbered.insert(key.clone(), number);
        number
    }

    /// Whether a code table has a row for a value.
    pub(super) fn in_codes(&mut self, value: &'a Expr, key: &Key, env: &Env<'a>) -> Test {
        let Some(table) = self.world.codes(key) else { return Test::Always(false) };
        let val = self.value(value, env);
        let arguments = self.code_of(val, &value.ty.kind);
        let routine = self.routine(Made::Has(table.key.clone()), arguments.len(), |lower| Some(lower.has(table)));
        let found = self.to(|to| Step::Call { routine, arguments: arguments.to_vec(), to: Some(to) });
        Test::Present(found)
    }

    /// Whether a value is of a value set: by system and code, by the code alone where no system is named.
    pub(super) fn in_set(&mut self, value: &'a Expr, set: &SmolStr, env: &Env<'a>) -> Test {
        let Some(known) = self.world.standards().fhir.value_set(set) else { return Test::Always(false) };
        let codes = || known.codes.iter().filter(|coded| !coded.code.is_empty());
        let full = self.numbered(&format_smolstr!("{set} by system"), || {
            let rows: Vec<_> = codes().map(|it| [Some(it.system.as_str()), Some(it.code.as_str())]).collect();
            Table::new(2, rows.iter().map(|row| &row[..]))
        });
        let alone = self.numbered(&format_smolstr!("{set} by code"), || {
            let rows: Vec<_> = codes().map(|it| [Some(it.code.as_str())]).collect();
            Table::new(1, rows.iter().map(|row| &row[..]))
        });
        let val = self.value(value, env);
        let [system, code, _] = self.code_of(val, &value.ty.kind);
        let to = self.missing();
        let look = |lower: &mut Self, table, keys| {
            let from = lower.to(|to| Step::Lookup { table, keys, cell: Cell::Text(0), to });
            lower.push(Step::Set { from, to });
        };
        let named = self.block(|lower| {
            let uri = if matches!(value.ty.kind, TyKind::Hl7(..)) { lower.own_system(system) } else { system };
            look(lower, full, vec![uri, code]);
        });
        let plain = self.block(|lower| look(lower, alone, vec![code]));
        self.when(Test::Present(system), named, plain);
        Test::Present(to)
    }

    /// Its parameters are the system, the code and the display; what it gives is there if there is a row.
    fn has(&mut self, table: &'a CodeTable) -> Val {
        let to = self.missing();
        let found = |lower: &mut Self| {
            lower.block(|lower| lower.push(Step::Constant { value: Constant::Text("true".into()), to }))
        };
        let rows = Rows::of(table, false);
        let keys: Vec<CodeKey> = rows.others.iter().flat_map(|arm| arm.keys.clone()).collect();
        let look = self.block(|lower| {
            if let Some(hit) = lower.row_of(&rows, table) {
                let yes = found(lower);
                lower.when(Test::Present(hit), yes, Block::new());
            }
            if !keys.is_empty() {
                let yes = found(lower);
                lower.push(Step::Choose { of: super::codes::CODE, arms: vec![(keys, yes)], other: Block::new() });
            }
        });
        let look = self.of_own_system(table, look, Block::new());
        self.when(Test::Present(super::codes::CODE), look, Block::new());
        to
    }

    /// What a table gives for the code in hand where it is data; nothing if it has no such rows.
    pub(super) fn row_of(&mut self, rows: &Rows<'a>, table: &'a CodeTable) -> Option<Val> {
        if rows.data.is_empty() {
            return None;
        }
        let number = self.numbered(&table.key, || rows.packed());
        let keys = vec![super::codes::CODE];
        Some(self.to(|to| Step::Lookup { table: number, keys, cell: Cell::Code(1), to }))
    }
}

/// The arms of a code table: those that are rows of data, and all others.
pub(super) struct Rows<'t> {
    data: Vec<&'t CodeArm>,
    pub others: Vec<&'t CodeArm>,
}

impl<'t> Rows<'t> {
    /// Where it is counted which arms are taken, none that stands in the text is data.
    pub(super) fn of(table: &'t CodeTable, counted: bool) -> Rows<'t> {
        let is_data = |arm: &&CodeArm| {
            if counted && arm.result.place.is_some() {
                return false;
            }
            let plain = matches!(arm.result.what, CodeTo::Code { .. }) && arm.result.warn.is_none();
            plain && arm.keys.iter().all(|key| matches!(key, CodeKey::Code(code) if !code.is_empty()))
        };
        let (data, others): (Vec<_>, Vec<_>) = table.arms.iter().partition(is_data);
        // A range goes before a code that stands behind it.
        let ranges = table.arms.iter().flat_map(|arm| &arm.keys).any(|key| matches!(key, CodeKey::Range(..)));
        if ranges || data.len() < ROWS_MIN {
            return Rows { data: Vec::new(), others: table.arms.iter().collect() };
        }
        Rows { data, others }
    }

    /// A row for each code: the code, and what it becomes.
    fn packed(&self) -> Table {
        let cells = |key: &'t CodeKey, what: &'t CodeTo| match (key, what) {
            (CodeKey::Code(key), CodeTo::Code { system, code, display }) => {
                Some([Some(key.as_str()), system.as_deref(), Some(code.as_str()), display.as_deref()])
            }
            _ => None,
        };
        let rows = self.data.iter().flat_map(|arm| arm.keys.iter().filter_map(|key| cells(key, &arm.result.what)));
        let rows: Vec<_> = rows.collect();
        Table::new(1, rows.iter().map(|row| &row[..]))
    }
}
