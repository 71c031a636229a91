//! The language server as an editor meets it: the real binary, over its standard input and output.

// What speaks with the server is no test itself, and may stop as one.
#![allow(clippy::unwrap_used, clippy::indexing_slicing)]

use std::io::{BufRead, BufReader, Read, Write};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

use serde_json::{Value, json};

const URI: &str = "untitled:admission";
const WRONG: &str = "map patient(PID) -> Patient {\n    birthdate: PID-7\n}\n";
const RIGHT: &str = "map patient(PID) -> Patient {\n    birthDate: PID-7\n}\n";

struct Editor {
    child: Child,
    input: ChildStdin,
    output: BufReader<ChildStdout>,
    next: u32,
}

impl Editor {
    fn start() -> Editor {
        let mut child = Command::new(env!("CARGO_BIN_EXE_emr"))
            .arg("lsp")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let (input, output) = (child.stdin.take().unwrap(), BufReader::new(child.stdout.take().unwrap()));
        let mut editor = Editor { child, input, output, next: 0 };
        let answer = editor.ask("initialize", json!({ "capabilities": {} }));
        assert_eq!(answer["serverInfo"]["name"], "emr");
        editor.tell("initialized", json!({}));
        editor
    }

    fn send(&mut self, message: &Value) {
        let text = message.to_string();
        write!(self.input, "Content-Length: {}\r\n\r\n{text}", text.len()).unwrap();
        self.input.flush().unwrap();
    }

    fn tell(&mut self, method: &str, params: Value) {
        self.send(&json!({ "jsonrpc": "2.0", "method": method, "params": params }));
    }

    fn ask(&mut self, method: &str, params: Value) -> Value {
        self.next += 1;
        self.send(&json!({ "jsonrpc": "2.0", "id": self.next, "method": method, "params": params }));
        loop {
            let message = self.receive();
            if message["id"] == self.next {
                return message["result"].clone();
            }
        }
    }

    fn receive(&mut self) -> Value {
        let mut length = 0;
        loop {
            let mut line = String::new();
            assert!(self.output.read_line(&mut line).unwrap() > 0, "the server hung up");
            match line.trim_end().split_once(": ") {
                Some(("Content-Length", value)) => length = value.parse().unwrap(),
                Some(_) => {}
                None => break,
            }
        }
        let mut text = vec![0; length];
        self.output.read_exact(&mut text).unwrap();
        serde_json::from_slice(&text).unwrap()
    }

    fn open(&mut self, text: &str) {
        self.open_at(URI, text);
    }

    fn open_at(&mut self, uri: &str, text: &str) {
        let document = json!({ "uri": uri, "languageId": "emr", "version": 1, "text": text });
        self.tell("textDocument/didOpen", json!({ "textDocument": document }));
    }

    fn change(&mut self, version: i32, text: &str) {
        self.change_at(URI, version, text);
    }

    fn change_at(&mut self, uri: &str, version: i32, text: &str) {
        let document = json!({ "uri": uri, "version": version });
        self.tell("textDocument/didChange", json!({ "textDocument": document, "contentChanges": [{ "text": text }] }));
    }

    /// What is wrong with that version of the text: code and first line of each. Answers to versions before it, which
    /// an edit may or may not have overtaken, are passed over.
    fn problems(&mut self, version: i32) -> Vec<(String, u64)> {
        self.problems_at(URI, version)
    }

    fn problems_at(&mut self, uri: &str, version: i32) -> Vec<(String, u64)> {
        loop {
            let message = self.receive();
            let (method, params) = (&message["method"], &message["params"]);
            if method == "textDocument/publishDiagnostics" && params["version"] == version && params["uri"] == uri {
                let found = params["diagnostics"].as_array().unwrap();
                let shown = |it: &Value| {
                    (it["code"].as_str().unwrap().to_owned(), it["range"]["start"]["line"].as_u64().unwrap())
                };
                return found.iter().map(shown).collect();
            }
        }
    }

    /// Codes of the next that is published of a file, whatever its version.
    fn published(&mut self, uri: &str) -> Vec<String> {
        loop {
            let message = self.receive();
            if message["method"] == "textDocument/publishDiagnostics" && message["params"]["uri"] == uri {
                let found = message["params"]["diagnostics"].as_array().unwrap();
                return found.iter().map(|it| it["code"].as_str().unwrap().to_owned()).collect();
            }
        }
    }

    /// Passes over what was published before.
    fn published_in_the_end(&mut self, uri: &str, codes: &[&str]) {
        while self.published(uri) != codes {}
    }

    fn stop(mut self) {
        assert_eq!(self.ask("shutdown", Value::Null), Value::Null);
        self.tell("exit", Value::Null);
        drop(self.input);
        assert!(self.child.wait().unwrap().success());
    }
}

#[test]
fn a_diagnostic_moves_with_its_text_and_goes_when_it_is_repaired() {
    let mut editor = Editor::start();
    editor.open(WRONG);
    assert_eq!(editor.problems(1), [("E0401".to_owned(), 1)]);
    editor.change(2, &format!("// a comment above\n\n{WRONG}"));
    assert_eq!(editor.problems(2), [("E0401".to_owned(), 3)]);
    editor.change(3, RIGHT);
    assert_eq!(editor.problems(3), []);
    editor.stop();
}

#[test]
fn many_edits_at_once_end_with_the_last_one() {
    let mut editor = Editor::start();
    editor.open(WRONG);
    for version in 2..100 {
        let text = if version % 2 == 0 { RIGHT } else { WRONG };
        editor.change(version, &format!("{}{text}", "\n".repeat(version as usize)));
    }
    assert_eq!(editor.problems(99), [("E0401".to_owned(), 100)]);
    editor.stop();
}

#[test]
fn an_edit_of_one_file_shows_in_another() {
    let folder = tempfile::tempdir().unwrap();
    let root = folder.path().canonicalize().unwrap();
    let codes = "codes Sex to \"http://hl7.org/fhir/administrative-gender\" {\n    else => \"unknown\"\n}\n";
    let map = "use codes.{Sex}\n\nmap patient(PID) -> Patient {\n    gender: PID-8 via Sex\n}\n";
    for (name, text) in [("emr.toml", ""), ("codes.emr", codes), ("map.emr", map)] {
        std::fs::write(root.join(name), text).unwrap();
    }
    let uri = |name: &str| format!("file://{}", root.join(name).display());
    let mut editor = Editor::start();
    editor.open_at(&uri("map.emr"), map);
    assert_eq!(editor.problems_at(&uri("map.emr"), 1), []);
    editor.open_at(&uri("codes.emr"), codes);
    assert_eq!(editor.problems_at(&uri("codes.emr"), 1), []);
    editor.change_at(&uri("codes.emr"), 2, &format!("private {codes}"));
    // What was asked before that edit may still be answered, without a problem.
    let found = std::iter::repeat_with(|| editor.problems_at(&uri("map.emr"), 1)).find(|found| !found.is_empty());
    assert_eq!(found, Some(vec![("E0207".to_owned(), 0)]));
    editor.stop();
}

#[test]
fn rows_of_a_file_are_read_when_they_are_named_and_when_they_change() {
    let folder = tempfile::tempdir().unwrap();
    let root = folder.path().canonicalize().unwrap();
    for (name, text) in [("emr.toml", ""), ("map.emr", RIGHT), ("sex.csv", "code,to\nM,mael\n")] {
        std::fs::write(root.join(name), text).unwrap();
    }
    let uri = |name: &str| format!("file://{}", root.join(name).display());
    let mut editor = Editor::start();
    editor.open_at(&uri("map.emr"), RIGHT);
    assert_eq!(editor.problems_at(&uri("map.emr"), 1), []);
    let named = "codes Sex to \"http://hl7.org/fhir/administrative-gender\" = csv(\"sex.csv\")\n";
    editor.change_at(&uri("map.emr"), 2, named);
    assert_eq!(editor.problems_at(&uri("map.emr"), 2), [("E0601".to_owned(), 0)]);
    std::fs::write(root.join("sex.csv"), "code,to\nM,male\n").unwrap();
    let changed = json!({ "changes": [{ "uri": uri("sex.csv"), "type": 2 }] });
    editor.tell("workspace/didChangeWatchedFiles", changed);
    editor.published_in_the_end(&uri("map.emr"), &[]);
    editor.stop();
}

#[test]
fn problems_of_the_settings_are_shown_and_go_when_they_are_repaired() {
    let folder = tempfile::tempdir().unwrap();
    let root = folder.path().canonicalize().unwrap();
    let (good, wrong) = ("[project]\nname = \"hospital\"\n", "[project]\nnom = \"hospital\"\n");
    for (name, text) in [("emr.toml", wrong), ("map.emr", RIGHT)] {
        std::fs::write(root.join(name), text).unwrap();
    }
    let uri = |name: &str| format!("file://{}", root.join(name).display());
    let (settings, map) = (uri("emr.toml"), uri("map.emr"));
    let mut editor = Editor::start();
    editor.open_at(&map, RIGHT);
    assert_eq!(editor.published(&settings), ["E0901"]);

    // Written by somebody else, as the editor's watcher tells.
    std::fs::write(root.join("emr.toml"), good).unwrap();
    let changed = json!({ "changes": [{ "uri": settings, "type": 2 }] });
    editor.tell("workspace/didChangeWatchedFiles", changed.clone());
    editor.published_in_the_end(&settings, &[]);

    // What is open counts before what lies on the disk.
    editor.open_at(&settings, wrong);
    editor.published_in_the_end(&settings, &["E0901"]);
    editor.change_at(&settings, 2, good);
    editor.published_in_the_end(&settings, &[]);
    editor.change_at(&settings, 3, wrong);
    editor.published_in_the_end(&settings, &["E0901"]);
    editor.tell("textDocument/didClose", json!({ "textDocument": { "uri": settings } }));
    editor.published_in_the_end(&settings, &[]);

    std::fs::write(root.join("emr.toml"), wrong).unwrap();
    editor.tell("textDocument/didSave", json!({ "textDocument": { "uri": settings } }));
    editor.published_in_the_end(&settings, &["E0901"]);
    std::fs::remove_file(root.join("emr.toml")).unwrap();
    editor.tell("workspace/didChangeWatchedFiles", changed);
    editor.published_in_the_end(&settings, &[]);
    editor.stop();
}

#[test]
fn what_was_said_of_settings_goes_with_their_last_document() {
    let folder = tempfile::tempdir().unwrap();
    let root = folder.path().canonicalize().unwrap();
    for (name, text) in [("emr.toml", "[nothing]\n"), ("map.emr", RIGHT)] {
        std::fs::write(root.join(name), text).unwrap();
    }
    let uri = |name: &str| format!("file://{}", root.join(name).display());
    let mut editor = Editor::start();
    editor.open_at(&uri("map.emr"), RIGHT);
    assert_eq!(editor.published(&uri("emr.toml")), ["E0901"]);
    editor.tell("textDocument/didClose", json!({ "textDocument": { "uri": uri("map.emr") } }));
    editor.published_in_the_end(&uri("emr.toml"), &[]);
    editor.stop();
}

#[test]
fn a_problem_that_has_an_edit_offers_it() {
    let mut editor = Editor::start();
    editor.open(WRONG);
    let message = std::iter::repeat_with(|| editor.receive())
        .find(|it| it["method"] == "textDocument/publishDiagnostics")
        .unwrap();
    let problem = &message["params"]["diagnostics"][0];
    let asked = json!({
        "textDocument": { "uri": URI }, "range": problem["range"], "context": { "diagnostics": [problem] }
    });
    let actions = editor.ask("textDocument/codeAction", asked);
    assert_eq!(actions[0]["title"], "write `birthDate`");
    assert_eq!(actions[0]["kind"], "quickfix");
    let edit = &actions[0]["edit"]["changes"][URI][0];
    assert_eq!(edit["range"], problem["range"]);
    editor.change(2, &WRONG.replace("birthdate", edit["newText"].as_str().unwrap()));
    assert_eq!(editor.problems(2), []);
    let nothing = json!({
        "textDocument": { "uri": URI }, "range": problem["range"], "context": { "diagnostics": [] }
    });
    assert_eq!(editor.ask("textDocument/codeAction", nothing), json!([]));
    editor.stop();
}
