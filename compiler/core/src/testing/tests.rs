//! Trees made by hand. What can be said as text is in `tests/cases`.

mod cases;

use super::*;
use crate::diagnostic::Diagnostic;
use crate::json;
use crate::standard::fhir::Fhir;
use crate::syntax::tree::{Arm, Binary, Expr, Part, PartKind, Path};

const OUTPUT: &str = include_str!("tests/cases/admission.json");

/// Always gives the same output.
struct Fixed(Output);

impl Context for Fixed {
    fn given(&mut self, _: &Word, _: &[Arm]) -> Result<(), String> {
        Ok(())
    }

    fn file(&mut self, _: &str) -> Result<Vec<u8>, String> {
        Err("there is none".to_owned())
    }

    fn through(&mut self, _: &[Word], _: &[u8]) -> Result<Output, String> {
        Ok(self.0.clone())
    }

    fn is_route(&self, _: &[Word]) -> bool {
        false
    }

    fn constant(&self, _: &str) -> Option<typed::Expr> {
        None
    }
}

impl Scope for Fixed {
    fn given(&self, _: &Word, _: &[Arm]) -> Vec<Diagnostic> {
        Vec::new()
    }

    fn maps(&self) -> Vec<SmolStr> {
        vec!["admission".into()]
    }

    fn routes(&self) -> Vec<SmolStr> {
        Vec::new()
    }

    fn targets(&self) -> Vec<SmolStr> {
        vec!["ehr".into()]
    }

    fn is_constant(&self, _: &str) -> bool {
        false
    }

    fn arity(&self, _: emr_abi::Builtin) -> Option<(usize, usize)> {
        None
    }

    fn not_joined(&self, _: &Word, _: &Word) -> Option<Diagnostic> {
        None
    }

    fn is_system(&self, _: &str) -> bool {
        false
    }
}

/// `Patient.name[0].family`; nothing else that a path may hold.
fn path(text: &str) -> Expr {
    let at = 0..text.len();
    let mut steps = text.split(['.', '[']);
    let root = steps.next().map(word);
    let part = |step: &str| match step.strip_suffix(']') {
        Some(index) => PartKind::Index(index.parse().unwrap()),
        None => PartKind::Child(step.into()),
    };
    let parts = steps.map(|step| Part { kind: part(step), at: at.clone() }).collect();
    expr(ExprKind::Path(Path { root, parts, at }))
}

fn expr(kind: ExprKind) -> Expr {
    Expr { kind: Box::new(kind), at: 0..1 }
}

fn word(text: &str) -> Word {
    Word { text: text.into(), at: 0..text.len() }
}

fn is(left: &str, right: &str) -> Test {
    let condition = expr(ExprKind::Binary(Binary::Equal, path(left), expr(ExprKind::Raw(right.into()))));
    let expect = Expect { what: Expected::That { condition, ignoring: Vec::new() }, at: 0..1 };
    let steps = vec![Step::InputText(word("MSH|")), Step::Through(vec![word("admission")]), Step::Expect(expect)];
    Test { name: word("t"), steps }
}

fn ran(test: &Test) -> Vec<String> {
    let output = Output { results: vec![Outcome::Json(OUTPUT.to_owned())], sent: Vec::new(), issues: Vec::new() };
    run(test, &mut Fixed(output)).failures().map(|(_, why)| why.to_owned()).collect()
}

fn checked(test: &Test) -> Vec<String> {
    let output = Output { results: vec![Outcome::Json(String::new())], sent: Vec::new(), issues: Vec::new() };
    let all = check(test, &Fhir::r4(), &Fixed(output));
    all.into_iter().map(|it| [it.code.text().to_owned(), it.message, it.help.unwrap_or_default()].join(" ")).collect()
}

#[test]
fn an_expectation_that_fails_says_what_is_there() {
    assert_eq!(ran(&is("Encounter.class.code", "AMB")), [""; 0]);
    assert_eq!(ran(&is("Encounter.class.code", "IMP")), ["Encounter.class.code is \"AMB\", not \"IMP\""]);
}

#[test]
fn an_analyst_must_choose_among_several_values() {
    assert_eq!(ran(&is("Patient.name[1].family", "SMITH")), [""; 0]);
    assert_eq!(
        ran(&is("Patient.name.family", "SMITH")),
        ["Patient.name.family has 2 values (\"EVERYWOMAN\", \"SMITH\"): choose one by its number or by a condition"]
    );
}

#[test]
fn an_index_counts_within_each_parent() {
    assert_eq!(ran(&is("Patient.name[0].given[1]", "E")), [""; 0]);
    assert_eq!(ran(&is("Patient.name.given[1]", "E")), [""; 0]);
    assert_eq!(ran(&is("Patient.name[1].given[0]", "E")).len(), 1);
}

#[test]
fn a_path_that_names_no_element_is_an_error_with_a_suggestion() {
    assert_eq!(checked(&is("Patient.name[0].family", "X")), [""; 0]);
    assert_eq!(checked(&is("Patient.nam[0].family", "X")), ["E0401 `Patient` has no `nam` did you mean `name`?"]);
}

#[test]
fn what_a_test_holds_does_not_print_its_values() {
    let output = Output { results: vec![Outcome::Json(OUTPUT.to_owned())], sent: Vec::new(), issues: Vec::new() };
    let report = run(&is("Patient.name[0].family", "SMITH"), &mut Fixed(output.clone()));
    let printed = format!("{output:?} {report:?}");
    assert!(!printed.contains("EVERYWOMAN"), "{printed}");
}

#[test]
fn an_output_that_is_not_json_fails_where_it_was_made() {
    let output = Output { results: vec![Outcome::Json("{\"a\":".to_owned())], sent: Vec::new(), issues: Vec::new() };
    let report = run(&is("Patient.active", "x"), &mut Fixed(output));
    let all: Vec<_> = report.failures().map(|(_, why)| why).collect();
    assert_eq!(all, ["the output is not JSON"]);
}

#[test]
fn numbers_keep_their_digits() {
    let text = r#"{"b":1.50,"a":[-0.0,1e3,null,true,"é\n"]}"#;
    assert_eq!(json::read(text).unwrap().to_string(), text);
}

#[test]
fn what_is_nested_without_end_is_refused() {
    assert!(json::read(&"[".repeat(100_000)).is_none());
    let deep = format!("{}{}", "[".repeat(1_000), "]".repeat(1_000));
    assert!(json::read(&deep).is_none());
}
