//! The specification as a workbook, a sheet for each kind of row.

use emr_compiler::specification::Specification;
use rust_xlsxwriter::{Format, FormatAlign, Workbook, XlsxError};

use super::columns::COLUMNS;

/// The workbook's bytes. The same specification gives the same bytes: it bears no date.
pub fn workbook(specification: &Specification) -> Result<Vec<u8>, XlsxError> {
    let mut workbook = Workbook::new();
    workbook.set_properties(&rust_xlsxwriter::DocProperties::new().set_creation_datetime(&epoch()?));
    let rules = specification.rules.iter().map(|rule| COLUMNS.iter().map(|column| (column.of)(rule)).collect());
    let heads: Vec<(&str, u8)> = COLUMNS.iter().map(|column| (column.name, column.width)).collect();
    sheet(&mut workbook, "Rules", &heads, rules)?;
    let ignored = specification.ignored.iter();
    let ignored = ignored.map(|it| vec![it.what.join("\n"), it.because.clone(), it.map.clone(), it.place.clone()]);
    sheet(&mut workbook, "Ignored", &[("HL7 path", 20), ("Reason", 50), ("Map", 24), ("Place", 20)], ignored)?;
    let maps = specification
        .maps
        .iter()
        .map(|it| [&it.name, &it.takes, &it.gives, &it.keyed, &it.doc, &it.place].map(String::clone).to_vec());
    let heads = [("Map", 26), ("Takes", 30), ("Gives", 18), ("Keyed by", 24), ("What it is for", 50), ("Place", 20)];
    sheet(&mut workbook, "Maps", &heads, maps)?;
    let arms = specification.tables.iter().flat_map(|table| {
        let row = |codes: &[String], to: &str| {
            vec![table.name.clone(), codes.join("\n"), to.to_owned(), table.from.clone(), table.to.clone()]
        };
        table.arms.iter().map(move |(codes, to)| row(codes, to))
    });
    let heads = [("Table", 28), ("Codes", 18), ("Become", 40), ("From system", 40), ("To system", 40)];
    sheet(&mut workbook, "Code tables", &heads, arms)?;
    workbook.save_to_buffer()
}

fn sheet(
    workbook: &mut Workbook,
    name: &str,
    heads: &[(&str, u8)],
    rows: impl Iterator<Item = Vec<String>>,
) -> Result<(), XlsxError> {
    let bold = Format::new().set_bold();
    let wrapped = Format::new().set_text_wrap().set_align(FormatAlign::Top);
    let sheet = workbook.add_worksheet().set_name(name)?;
    for (column, (head, width)) in (0..).zip(heads) {
        sheet.write_string_with_format(0, column, *head, &bold)?;
        sheet.set_column_width(column, f64::from(*width))?;
    }
    let mut last = 0;
    for (row, cells) in (1..).zip(rows) {
        for (column, cell) in (0..).zip(cells) {
            sheet.write_string_with_format(row, column, cell, &wrapped)?;
        }
        last = row;
    }
    sheet.set_freeze_panes(1, 0)?;
    let columns = u16::try_from(heads.len()).unwrap_or(u16::MAX);
    sheet.autofilter(0, 0, last, columns.saturating_sub(1))?;
    Ok(())
}

fn epoch() -> Result<rust_xlsxwriter::ExcelDateTime, XlsxError> {
    rust_xlsxwriter::ExcelDateTime::from_ymd(2000, 1, 1)
}
