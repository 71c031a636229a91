//! The specification as one page that needs nothing else.

use std::fmt::Write;

use emr_compiler::specification::Specification;

use super::columns::COLUMNS;
use crate::html::{self, escaped};

const STYLE: &str = include_str!("page.css");
const SCRIPT: &str = include_str!("page.js");

pub fn page(title: &str, specification: &Specification) -> String {
    let mut out = String::new();
    let name = escaped(title);
    // Writing into a text cannot fail.
    let _ = write!(
        out,
        "<header><h1>{name}</h1><nav><a href=\"#rules\">Rules</a> <a href=\"#ignored\">Ignored</a> \
         <a href=\"#maps\">Maps</a> <a href=\"#tables\">Code tables</a></nav>\n\
         <label>Rows with <input id=\"filter\" type=\"search\" autocomplete=\"off\"></label> \
         <output id=\"count\"></output></header>\n<main>\n"
    );
    let names: Vec<&str> = COLUMNS.iter().map(|column| column.name).collect();
    let rules = specification.rules.iter();
    table(
        &mut out,
        "rules",
        "Rules",
        &names,
        rules.map(|rule| COLUMNS.iter().map(|it| ((it.of)(rule), it.is_code)).collect()),
    );
    let ignored = specification.ignored.iter();
    table(
        &mut out,
        "ignored",
        "Ignored",
        &["HL7 path", "Reason", "Map", "Place"],
        ignored.map(|it| {
            vec![
                (it.what.join("\n"), true),
                (it.because.clone(), false),
                (it.map.clone(), true),
                (it.place.clone(), true),
            ]
        }),
    );
    let maps = specification.maps.iter();
    table(
        &mut out,
        "maps",
        "Maps",
        &["Map", "Takes", "Gives", "Keyed by", "What it is for", "Place"],
        maps.map(|it| {
            vec![
                (it.name.clone(), true),
                (it.takes.clone(), true),
                (it.gives.clone(), true),
                (it.keyed.clone(), true),
                (it.doc.clone(), false),
                (it.place.clone(), true),
            ]
        }),
    );
    let arms = specification.tables.iter().flat_map(|table| {
        table.arms.iter().map(move |(codes, to)| {
            vec![
                (table.name.clone(), true),
                (codes.join("\n"), true),
                (to.clone(), true),
                (table.from.clone(), true),
                (table.to.clone(), true),
            ]
        })
    });
    table(&mut out, "tables", "Code tables", &["Table", "Codes", "Become", "From system", "To system"], arms);
    out.push_str("</main>\n");
    html::page(title, STYLE, SCRIPT, &out)
}

/// Cells are texts, and whether they are words of the mapping.
fn table(out: &mut String, id: &str, title: &str, names: &[&str], rows: impl Iterator<Item = Vec<(String, bool)>>) {
    let _ =
        write!(out, "<section id=\"{id}\"><h2>{title}</h2>\n<div class=\"wide\" tabindex=\"0\"><table>\n<thead><tr>");
    for name in names {
        let _ = write!(out, "<th scope=\"col\"><button>{}</button></th>", escaped(name));
    }
    out.push_str("</tr></thead>\n<tbody>\n");
    for row in rows {
        out.push_str("<tr>");
        for (text, is_code) in row {
            let class = if is_code { " class=\"code\"" } else { "" };
            let _ = write!(out, "<td{class}>{}</td>", escaped(&text));
        }
        out.push_str("</tr>\n");
    }
    out.push_str("</tbody></table></div></section>\n");
}
