//! The pages that `emr trace` and `emr test` write: whole, by themselves, and nothing that is shown in them is markup.

use std::path::Path;
use std::process::Command;

const LOADED: [&str; 4] = ["src=", "@import", "url(", "fetch("];

fn page(message: &str) -> String {
    page_of(message, &Path::new(env!("CARGO_MANIFEST_DIR")).join("../../examples/admission"))
}

fn page_of(text: &str, mapping: &Path) -> String {
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("a.hl7");
    std::fs::write(&file, text).expect("a file");
    let out = Command::new(env!("CARGO_BIN_EXE_emr"))
        .arg("trace")
        .arg(&file)
        .arg("--with")
        .arg(mapping)
        .args(["--format", "html"])
        .output()
        .expect("emr runs");
    assert!(out.status.success(), "{}", String::from_utf8_lossy(&out.stderr));
    String::from_utf8(out.stdout).expect("a page is text")
}

#[test]
fn a_page_needs_nothing_else_and_shows_both_sides() {
    let message = "MSH|^~\\&|A|B|||202603120930||ADT^A01^ADT_A01|1|P|2.5.1\rPID|||7^^^MAIN^MR||DOE^JANE\rPV1||E\r";
    let page = page(message);
    for loaded in LOADED.iter().chain(&["href="]) {
        assert!(!page.contains(loaded), "{loaded}");
    }
    // The family name stands in the second segment, field 5, and the output names that place.
    assert!(page.contains("data-at=\"1.5.1.1\"><b>PID-5.1</b> <span>Family Name</span> <code>DOE</code>"), "{page}");
    assert!(page.contains("data-of=\"1.5.1.1\""), "{page}");
    for (open, close) in [("<div", "</div>"), ("<ul", "</ul>"), ("<li", "</li>"), ("<p", "</p>")] {
        let body = page.split("<script>").next().unwrap();
        let opened = body.matches(&format!("{open}>")).count() + body.matches(&format!("{open} ")).count();
        assert_eq!(opened, body.matches(close).count(), "{open}");
    }
}

#[test]
fn a_page_of_a_resource_joins_its_elements_to_what_is_made_of_them() {
    let mapping = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/commands/resources.in/slim.emr");
    let page = page_of(r#"{"resourceType":"Patient","name":[{"family":"<DOE>"}]}"#, &mapping);
    assert!(page.contains("<h2>Resource</h2>"), "{page}");
    let element = "data-at=\"Patient.name.0.family\"><b title=\"Patient.name[0].family\">family</b> <span></span> <code>&lt;DOE&gt;</code>";
    assert!(page.contains(element), "{page}");
    assert!(page.contains("data-of=\"Patient.name.0.family\""), "{page}");
    // Nothing stands there, so what lights up is what is around it.
    assert!(page.contains("data-if=\"Patient.name.0\""), "{page}");
}

#[test]
fn what_a_message_holds_is_shown_and_never_done() {
    let hostile = "</script><img src=x onerror=alert(1)>' \" \u{202e}";
    let message =
        format!("MSH|^~\\&|A|B|||202603120930||ADT^A01^ADT_A01|1|P|2.5.1\rPID|||7^^^MAIN^MR||{hostile}^JANE\rPV1||E\r");
    let page = page(&message);
    assert_eq!(page.matches("</script>").count(), 1);
    assert!(!page.contains("<img"));
    assert!(page.contains("&lt;img src=x onerror=alert(1)&gt;&#39; &quot;"));
}

#[test]
fn the_page_of_coverage_shows_the_mapping_with_what_was_exercised() {
    let folder = tempfile::tempdir().expect("a folder");
    let (mapping, page) = (folder.path().join("a.emr"), folder.path().join("a.html"));
    let text = r#"map patient(ADT_A01) -> Patient {
    name:      PID-5
    gender:    "male" when PID-8 == "<M>" else "unknown"
    birthDate: PID-7
    ignore MSH because "only the patient is wanted"
}

test "a name" {
    input '''
        MSH|^~\&|A|B|||202603120930||ADT^A01^ADT_A01|1|P|2.5.1
        PID|||||DOE^JANE|||||||||||||||||||||||||||||||||||Z
        '''
    through patient
    expect Patient.gender == "unknown"
}
"#;
    std::fs::write(&mapping, text).expect("a file");
    let out = Command::new(env!("CARGO_BIN_EXE_emr"))
        .arg("test")
        .arg(&mapping)
        .arg("--coverage-html")
        .arg(&page)
        .output()
        .expect("emr runs");
    assert!(out.status.success(), "{}{}", String::from_utf8_lossy(&out.stdout), String::from_utf8_lossy(&out.stderr));
    let page = std::fs::read_to_string(&page).expect("a page");
    for loaded in LOADED.iter().chain(&["href=\"http"]) {
        assert!(!page.contains(loaded), "{loaded}");
    }
    let line = |number: usize| {
        let cell = format!("<td class=\"number\">{number}</td>");
        let found = page.lines().find(|line| line.contains(&cell));
        found.unwrap_or_else(|| panic!("line {number}")).to_owned()
    };
    assert!(line(2).starts_with("<tr class=\"full\">"), "{}", line(2));
    assert!(line(3).starts_with("<tr class=\"part\">"), "{}", line(3));
    assert!(line(3).contains("PID-8 == &quot;&lt;M&gt;&quot;"), "{}", line(3));
    assert!(line(3).contains(">never: when</small>") && line(3).contains(">never: value</small>"), "{}", line(3));
    assert!(line(4).starts_with("<tr class=\"none\">"), "{}", line(4));
    assert!(line(5).starts_with("<tr class=\"\">"), "{}", line(5));
    assert!(page.contains("<code>PID-40</code>"));
}
