//! A trace as one page that needs nothing else: the message on one side, what became of it on the other. It is read
//! without its script too; with it, what one points at on one side lights up on the other.

use std::collections::BTreeSet;
use std::fmt::Write;

use emr_compiler::plan::interpret::is_node;
use emr_compiler::trace::{Part, Rule, Said, Segment, Source, Trace, Value};

use super::text;
use crate::html::{self, escaped};

const STYLE: &str = include_str!("page.css");
const SCRIPT: &str = include_str!("page.js");

/// The whole page. `file_name` is what the message is called, or the resource of FHIR.
pub fn page(trace: &Trace, file_name: &str, is_resource: bool) -> String {
    let places = Places::of(trace);
    let (map, file) = (escaped(&trace.map), escaped(file_name));
    let mut out = String::new();
    let _ = write!(
        out,
        "<header><h1>{file} <span>through</span> {map}</h1>\n\
         <p class=\"help\">Point at a value, or go to it with the arrow keys: where it comes from lights up on the other \
         side. <kbd>↑</kbd> <kbd>↓</kbd> move, <kbd>←</kbd> <kbd>→</kbd> change sides, <kbd>Enter</kbd> holds it, \
         <kbd>Esc</kbd> lets go.</p></header>\n"
    );
    said(trace, &mut out);
    let came = if is_resource { "Resource" } else { "Message" };
    let _ = writeln!(
        out,
        "<main>\n<section id=\"message\" tabindex=\"-1\" aria-label=\"The {}\">\n<h2>{came}</h2>",
        came.to_lowercase()
    );
    message(&trace.segments, &mut out);
    out.push_str(
        "</section>\n<section id=\"output\" tabindex=\"-1\" aria-label=\"What became of it\">\n<h2>Output</h2>\n",
    );
    output(trace, &places, &mut out);
    out.push_str("</section>\n</main>\n<aside id=\"why\" aria-live=\"polite\" hidden></aside>\n");
    html::page(&format!("{} through {}", file_name, trace.map), STYLE, SCRIPT, &out)
}

// ---- the message

fn message(segments: &[Segment], out: &mut String) {
    let mut open: &[String] = &[];
    for segment in segments {
        let same = open.iter().zip(&segment.groups).take_while(|(a, b)| a == b).count();
        open.iter().skip(same).for_each(|_| out.push_str("</div>\n"));
        for group in segment.groups.iter().skip(same) {
            let _ = writeln!(out, "<div class=\"group\"><h3>{}</h3>", escaped(group));
        }
        open = &segment.groups;
        let unplaced = if segment.unplaced { " <em>unplaced</em>" } else { "" };
        let _ = writeln!(
            out,
            "<div class=\"segment\"><h4><b>{}</b> {}{unplaced}</h4>",
            escaped(&segment.path),
            escaped(&segment.name)
        );
        parts(&segment.fields, &segment.path, out);
        out.push_str("</div>\n");
    }
    open.iter().for_each(|_| out.push_str("</div>\n"));
}

/// Parts of what stands at a path. An element of a resource is called by its name there: the whole path is long, and said
/// where it is pointed at.
fn parts(parts: &[Part], around: &str, out: &mut String) {
    if parts.is_empty() {
        return;
    }
    out.push_str("<ul>\n");
    for part in parts {
        let text = part.text.as_ref().map(|text| format!("<code>{}</code>", escaped(text))).unwrap_or_default();
        let _ = write!(
            out,
            "<li><div class=\"item\" tabindex=\"-1\" data-at=\"{}\">{} <span>{}</span> {text}</div>",
            key(part),
            called(part, around),
            escaped(&part.name)
        );
        self::parts(&part.parts, &part.path, out);
        out.push_str("</li>\n");
    }
    out.push_str("</ul>\n");
}

fn called(part: &Part, around: &str) -> String {
    let path = escaped(&part.path);
    let name = part.path.strip_prefix(around).and_then(|rest| rest.strip_prefix('.')).filter(|_| is_node(&part.place));
    name.map_or_else(|| format!("<b>{path}</b>"), |name| format!("<b title=\"{path}\">{}</b>", escaped(name)))
}

/// Where each part of the message stands, by the numbers of its place.
struct Places(BTreeSet<String>);

impl Places {
    fn of(trace: &Trace) -> Places {
        let mut all = BTreeSet::new();
        let mut open: Vec<&Part> = trace.segments.iter().flat_map(|segment| &segment.fields).collect();
        while let Some(part) = open.pop() {
            all.insert(key(part));
            open.extend(&part.parts);
        }
        Places(all)
    }

    /// The part that is a place, or the nearest around it that is shown: what is alone in its field is the field.
    fn key(&self, source: &Source) -> Option<String> {
        let place = &source.place;
        if is_node(place) {
            let own = node(&source.path);
            let around = std::iter::successors(Some(own.as_str()), |key| Some(key.rsplit_once('.')?.0));
            return around.map(str::to_owned).find(|key| self.0.contains(key));
        }
        let field = format!("{}.{}", place.segment, place.field);
        let (repetition, component) = (place.repetition.max(1), place.component);
        let narrower = [
            format!("{field}.{repetition}.{component}.{}", place.subcomponent),
            format!("{field}.{repetition}.{component}"),
            format!("{field}.{repetition}"),
        ];
        let first = match (place.repetition, place.component, place.subcomponent) {
            (0, 0, _) => 3,
            (_, 0, _) => 2,
            (_, _, 0) => 1,
            _ => 0,
        };
        narrower.into_iter().skip(first).chain([field]).find(|key| self.0.contains(key))
    }

    fn keys(&self, sources: &[Source]) -> String {
        let mut keys: Vec<String> = sources.iter().filter_map(|source| self.key(source)).collect();
        keys.dedup();
        keys.join(" ")
    }
}

/// `Patient.name.0.family`: what lies in another place begins as that does.
fn node(path: &str) -> String {
    path.replace('[', ".").replace(']', "")
}

fn key(part: &Part) -> String {
    let place = &part.place;
    if is_node(place) {
        return node(&part.path);
    }
    let field = format!("{}.{}", place.segment, place.field);
    match (place.repetition, place.component, place.subcomponent) {
        (0, 0, _) => field,
        (repetition, 0, _) => format!("{field}.{repetition}"),
        (repetition, component, 0) => format!("{field}.{}.{component}", repetition.max(1)),
        (repetition, component, subcomponent) => format!("{field}.{}.{component}.{subcomponent}", repetition.max(1)),
    }
}

// ---- what became of it

fn output(trace: &Trace, places: &Places, out: &mut String) {
    let mut before = None;
    for value in &trace.values {
        let root = value.path.strip_suffix(value.element.as_str()).unwrap_or_default();
        if before != Some(root) {
            if before.is_some() {
                out.push_str("</ul></div>\n");
            }
            before = Some(root);
            let place = root.trim_end_matches('.');
            let _ = writeln!(
                out,
                "<div class=\"resource\"><h4><b>{}</b> {}</h4>\n<ul>",
                escaped(&value.resource),
                escaped(place)
            );
        }
        self::value(value, places, out);
    }
    if before.is_some() {
        out.push_str("</ul></div>\n");
    }
}

fn value(value: &Value, places: &Places, out: &mut String) {
    let own = value.rules.iter().rev().find(|rule| !rule.library).or(value.rules.last());
    let rule = own.map(|rule| escaped(&rule.place())).unwrap_or_default();
    let _ = write!(
        out,
        "<li><div class=\"item\" tabindex=\"-1\" data-of=\"{}\" data-if=\"{}\"><b>{}</b> <code>{}</code> <small>{rule}</small>",
        places.keys(&value.sources),
        places.keys(&value.conditions),
        escaped(&value.element),
        escaped(&value.json),
    );
    out.push_str("<div class=\"why\">");
    let row = |out: &mut String, head: &str, rest: String| {
        if !rest.is_empty() {
            let _ = write!(out, "<p><span>{head}</span> {rest}</p>");
        }
    };
    row(out, "from", sources(&value.sources));
    if value.whole_message {
        row(out, "from", "all that came: the resource has no key".to_owned());
    }
    row(out, "by the state of", sources(&value.conditions));
    row(out, "through", escaped(&value.conversions.join(", ")));
    let rules: Vec<String> = value.rules.iter().map(self::rule).collect();
    row(out, if rules.len() > 1 { "rules" } else { "rule" }, rules.join("<br>"));
    out.push_str("</div></div></li>\n");
}

fn rule(rule: &Rule) -> String {
    format!("<code>{}</code> <small>{}</small>", escaped(&text::short(&rule.text)), escaped(&rule.place()))
}

fn sources(sources: &[Source]) -> String {
    const SHOWN: usize = 12;
    let one = |source: &Source| format!("<b>{}</b> {}", escaped(&source.path), escaped(&source.name));
    let more = sources.len().checked_sub(SHOWN).filter(|more| *more > 0).map(|more| format!("{more} more"));
    sources.iter().take(SHOWN).map(one).chain(more).collect::<Vec<_>>().join("; ")
}

fn said(trace: &Trace, out: &mut String) {
    let rejected = trace.rejected.iter().map(|it| ("rejected", it));
    let all: Vec<(&str, &Said)> = rejected.chain(trace.issues.iter().map(|it| ("warning", it))).collect();
    if all.is_empty() {
        return;
    }
    out.push_str("<ul id=\"issues\">\n");
    for (kind, said) in all {
        let source = said.source.as_ref().map(|it| format!("<b>{}</b> ", escaped(&it.path))).unwrap_or_default();
        let rule = said.rule.as_ref().map(|it| format!(" <small>{}</small>", escaped(&it.place()))).unwrap_or_default();
        let (code, text) = (escaped(&said.code), escaped(&said.text));
        let _ = writeln!(out, "<li class=\"{kind}\">{kind} {code}: {source}{text}{rule}</li>");
    }
    out.push_str("</ul>\n");
}
