//! What the API's document says of answers, and whether they are so.

use std::cell::RefCell;
use std::collections::BTreeSet;
use std::path::Path;

use serde_json::{Value, json};

/// The document, and what was found in answers so far: `get /v1/status 200`.
pub struct Document {
    all: Value,
    met: RefCell<BTreeSet<String>>,
}

impl Document {
    /// As it lies in the manual.
    pub fn read() -> Document {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/openapi.json");
        let text = std::fs::read_to_string(path).unwrap();
        Document { all: serde_json::from_str(&text).unwrap(), met: RefCell::default() }
    }

    pub fn as_json(&self) -> &Value {
        &self.all
    }

    /// Holds an answer against what is said of it. `path` is the one of the document: `/v1/messages/{id}`.
    pub fn holds(&self, method: &str, path: &str, status: u16, kind: &str, body: &Value) {
        let told = format!("{method} {path} {status}");
        let response = &self.all["paths"][path][method]["responses"][status.to_string()];
        let response = match response["$ref"].as_str() {
            Some(named) => self.all.pointer(named.strip_prefix('#').unwrap()).unwrap(),
            None => response,
        };
        let schema = &response["content"][kind]["schema"];
        assert!(schema.is_object(), "the document does not say {told} as {kind}: {body}");
        self.fits(schema, body, &told);
        self.met.borrow_mut().insert(told);
    }

    /// Holds what is sent against what is said of it.
    pub fn takes(&self, method: &str, path: &str, body: &Value) {
        let schema = &self.all["paths"][path][method]["requestBody"]["content"]["application/json"]["schema"];
        self.fits(schema, body, &format!("{method} {path}"));
    }

    fn fits(&self, schema: &Value, body: &Value, told: &str) {
        let mut whole = json!({ "components": self.all["components"] });
        whole.as_object_mut().unwrap().extend(schema.as_object().unwrap().clone());
        let validator = jsonschema::draft202012::options().should_validate_formats(true).build(&whole).unwrap();
        let wrong: Vec<_> = validator.iter_errors(body).map(|why| format!("{}: {why}", why.instance_path())).collect();
        assert!(wrong.is_empty(), "{told}: {wrong:?}\n{body:#}");
    }

    /// What the document says of good answers that no answer was held against.
    pub fn not_met(&self) -> Vec<String> {
        let met = self.met.borrow();
        let paths = self.all["paths"].as_object().unwrap().iter();
        let all =
            paths.flat_map(|(path, item)| item.as_object().unwrap().keys().map(move |it| format!("{it} {path} 200")));
        all.filter(|told| !met.contains(told)).collect()
    }
}
