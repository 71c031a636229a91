//! What README shows of the language compiles.

use crate::corpus::root;
use emr_compiler::db::{self, Database, Settings};
use emr_compiler::diagnostic::render;
use emr_compiler::standard::Standards;

#[test]
fn its_mappings_compile() {
    let readme = std::fs::read_to_string(root().join("README.md")).unwrap();
    let blocks: Vec<_> = readme.split("```emr\n").skip(1).map(|rest| rest.split("```").next().unwrap()).collect();
    assert!(!blocks.is_empty());
    for text in blocks {
        let db = Database::default();
        let file = db.open("main", "README.md", text.to_owned());
        let settings = Settings { timezone: Some("UTC".to_owned()), ..Settings::default() };
        let project = db.project(vec![file], settings, Standards::embedded());
        let found = db::diagnostics(&db, project, file);
        assert!(found.is_empty(), "{}", render("README.md", text, found, false));
    }
}
