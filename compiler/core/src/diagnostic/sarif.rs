//! Diagnostics as SARIF 2.1.0 (OASIS), which services that check changes show beside the lines.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use super::render::{Place, line_starts, place, within};
use super::{Code, Diagnostic, Severity};

const SCHEMA: &str = "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json";

/// One run over files, each with its path, its text and what is wrong with it.
pub fn sarif<'t>(version: &str, files: impl IntoIterator<Item = (String, &'t str, &'t [Diagnostic])>) -> Value {
    let files: Vec<_> = files.into_iter().collect();
    let codes: BTreeSet<Code> = files.iter().flat_map(|(_, _, found)| found.iter().map(|it| it.code)).collect();
    let codes: Vec<Code> = codes.into_iter().collect();
    let results: Vec<Value> = files.iter().flat_map(|(path, text, found)| all_of(path, text, found, &codes)).collect();
    let driver = json!({
        "name": "emr",
        "semanticVersion": version,
        "rules": codes.iter().map(|code| rule(*code)).collect::<Vec<_>>(),
    });
    json!({
        "$schema": SCHEMA,
        "version": "2.1.0",
        "runs": [{ "tool": { "driver": driver }, "columnKind": "unicodeCodePoints", "results": results }],
    })
}

/// What there is to read of a code: its page.
fn rule(code: Code) -> Value {
    json!({
        "id": code.text(),
        "shortDescription": { "text": code.summary() },
        "help": { "text": format!("emr explain {}", code.text()), "markdown": code.page() },
        "defaultConfiguration": { "level": level(code.severity()) },
    })
}

fn level(severity: Severity) -> &'static str {
    match severity {
        Severity::Error => "error",
        Severity::Warning => "warning",
    }
}

fn all_of(path: &str, text: &str, found: &[Diagnostic], codes: &[Code]) -> Vec<Value> {
    let starts = line_starts(text);
    found.iter().map(|it| result(&uri(path), text, &starts, it, codes)).collect()
}

fn result(uri: &str, text: &str, starts: &[usize], it: &Diagnostic, codes: &[Code]) -> Value {
    let region = |at| region(place(text, starts, &within(text, at)));
    let location = |at| json!({ "artifactLocation": { "uri": uri }, "region": region(at) });
    let said = match &it.help {
        Some(help) => format!("{}\nhelp: {help}", it.message),
        None => it.message.clone(),
    };
    let mut result = json!({
        "ruleId": it.code.text(),
        "ruleIndex": codes.iter().position(|code| *code == it.code),
        "level": level(it.severity()),
        "message": { "text": said },
        "locations": [{ "physicalLocation": location(&it.at) }],
    });
    let Some(members) = result.as_object_mut() else { return result };
    if !it.labels.is_empty() {
        let related = it
            .labels
            .iter()
            .map(|label| json!({ "physicalLocation": location(&label.at), "message": { "text": label.message } }));
        members.insert("relatedLocations".into(), related.collect());
    }
    if let Some(fix) = &it.fix {
        let replacement = json!({ "deletedRegion": region(&fix.at), "insertedContent": { "text": fix.text } });
        let change = json!({ "artifactLocation": { "uri": uri }, "replacements": [replacement] });
        members.insert("fixes".into(), json!([{ "artifactChanges": [change] }]));
    }
    result
}

fn region(Place { line, column, end_line, end_column }: Place) -> Value {
    json!({ "startLine": line, "startColumn": column, "endLine": end_line, "endColumn": end_column })
}

/// A path as a reference of RFC 3986, whose other characters are written as `%20`.
fn uri(path: &str) -> String {
    let path = path.replace('\\', "/");
    let mut uri = String::with_capacity(path.len());
    for byte in path.bytes() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' | b'/' => uri.push(char::from(byte)),
            _ => uri.push_str(&format!("%{byte:02X}")),
        }
    }
    uri
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_run_over_two_files() {
        let text = "map lab(OBR, OBX) -> Observation {\n    status: OBX-11 via Größe\n}\n";
        let missing = Diagnostic::new(Code::MayBeMissing, 47..65, "`status` must always have a value")
            .label(21..32, "`status` is 1..1 here")
            .help("say what to send when it is missing")
            .fix(65..65, " else \"unknown\"");
        let unused = Diagnostic::new(Code::UnusedName, 4..7, "`lab` is never used");
        let files = [("lab größe.emr".to_owned(), text, &[missing, unused][..]), ("b.emr".to_owned(), "", &[])];
        let mut run = sarif("0.1.0", files);
        // The pages are tested elsewhere.
        for rule in run.pointer_mut("/runs/0/tool/driver/rules").unwrap().as_array_mut().unwrap() {
            assert!(rule["help"]["markdown"].as_str().unwrap().starts_with("# "));
            rule["help"]["markdown"] = "…".into();
        }
        insta::assert_snapshot!(serde_json::to_string_pretty(&run).unwrap());
    }
}
