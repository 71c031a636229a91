//! The page that `emr trace` writes: whole, by itself, and nothing of a message in it is markup.

use std::path::Path;
use std::process::Command;

fn page(message: &str) -> String {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("a.hl7");
    std::fs::write(&file, message).expect("a file");
    let out = Command::new(env!("CARGO_BIN_EXE_emr"))
        .arg("trace")
        .arg(&file)
        .arg("--with")
        .arg(root.join("examples/admission"))
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
    for loaded in ["src=", "href=", "@import", "url(", "fetch("] {
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
fn what_a_message_holds_is_shown_and_never_done() {
    let hostile = "</script><img src=x onerror=alert(1)>' \" \u{202e}";
    let message =
        format!("MSH|^~\\&|A|B|||202603120930||ADT^A01^ADT_A01|1|P|2.5.1\rPID|||7^^^MAIN^MR||{hostile}^JANE\rPV1||E\r");
    let page = page(&message);
    assert_eq!(page.matches("</script>").count(), 1);
    assert!(!page.contains("<img"));
    assert!(page.contains("&lt;img src=x onerror=alert(1)&gt;&#39; &quot;"));
}
