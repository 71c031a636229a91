//! Coverage as a page: the text of the mapping, each line with how often it was exercised, and what of it never was.

use std::collections::BTreeMap;
use std::fmt::Write;

use emr_compiler::coverage::{Count, File, Kind, Point};

use super::coverage::{COUNTED, points};
use crate::html::{self, escaped};
use crate::style::count;

const STYLE: &str = include_str!("page.css");

/// The whole page; `text` gives that of a file.
pub fn page(name: &str, files: &[File], text: impl Fn(&File) -> String, lost: &[String]) -> String {
    let title = format!("Coverage of {name}");
    let mut out = String::new();
    // Writing into a text cannot fail.
    let _ = writeln!(out, "<header><h1>{}</h1></header>\n<main>", escaped(&title));
    table(files, &mut out);
    if !lost.is_empty() {
        let _ = writeln!(
            out,
            "<section><h2>{} of the test messages that no rule reads or ignores</h2>\n<p class=\"lost\">{}</p></section>",
            count(lost.len(), "field"),
            lost.iter().map(|path| format!("<code>{}</code>", escaped(path))).collect::<Vec<_>>().join(" ")
        );
    }
    for (number, file) in files.iter().enumerate() {
        let _ = writeln!(out, "<section id=\"file{number}\"><h2>{}</h2>", escaped(&file.path));
        listing(file, &text(file), &mut out);
        out.push_str("</section>\n");
    }
    out.push_str("</main>\n");
    html::page(&title, STYLE, "", &out)
}

fn table(files: &[File], out: &mut String) {
    out.push_str("<table class=\"counts\"><thead><tr><th scope=\"col\">File</th>");
    for (name, _) in COUNTED {
        let _ = write!(out, "<th scope=\"col\">{}</th>", escaped(name));
    }
    out.push_str("</tr></thead>\n<tbody>\n");
    for (number, file) in files.iter().enumerate() {
        row(&format!("<a href=\"#file{number}\">{}</a>", escaped(&file.path)), file.points.iter().collect(), out);
    }
    out.push_str("</tbody>\n<tfoot>\n");
    row("All", points(files).collect(), out);
    out.push_str("</tfoot></table>\n");
}

fn row(head: &str, points: Vec<&Point>, out: &mut String) {
    let _ = write!(out, "<tr><th scope=\"row\">{head}</th>");
    for (_, is_meant) in COUNTED {
        let count = Count::of(points.iter().copied(), is_meant);
        let _ = match count.all {
            0 => write!(out, "<td></td>"),
            all => write!(
                out,
                "<td><meter min=\"0\" max=\"{all}\" value=\"{0}\">{0}</meter> {0} of {all}, {1} %</td>",
                count.exercised,
                count.percent()
            ),
        };
    }
    out.push_str("</tr>\n");
}

/// A line of the listing is exercised, in part, or never; or there is nothing in it.
fn listing(file: &File, text: &str, out: &mut String) {
    let mut lines: BTreeMap<usize, Vec<&Point>> = BTreeMap::new();
    for point in &file.points {
        lines.entry(point.line).or_default().push(point);
    }
    out.push_str("<div class=\"text\" tabindex=\"0\"><table>\n<tbody>\n");
    for (number, line) in (1..).zip(text.lines()) {
        let points = lines.get(&number).map(Vec::as_slice).unwrap_or_default();
        let missed: Vec<&Point> = points.iter().filter(|point| point.times == 0).copied().collect();
        let (class, said) = match (points.is_empty(), missed.len()) {
            (true, _) => ("", ""),
            (false, 0) => ("full", "exercised"),
            (false, some) if some == points.len() => ("none", "never exercised"),
            _ => ("part", "exercised in part"),
        };
        let times = points.iter().map(|point| point.times).max().map(|times| times.to_string()).unwrap_or_default();
        let _ = write!(
            out,
            "<tr class=\"{class}\"><td class=\"number\">{number}</td><td class=\"times\" title=\"{said}\">{times}</td>\
             <td><code>{}</code>",
            escaped(line)
        );
        for point in missed.iter().filter(|point| point.kind != Kind::Rule || missed.len() > 1) {
            let text = escaped(&point.text);
            let _ = write!(out, "<small title=\"{text}\">never: {}</small>", point.kind.text());
        }
        out.push_str("</td></tr>\n");
    }
    out.push_str("</tbody></table></div>\n");
}
