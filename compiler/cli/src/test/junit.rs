//! What came of tests, in the XML of JUnit as GitLab, GitHub and Jenkins read it.

use std::fmt::Write;
use std::time::Duration;

use super::Ran;
use crate::html::escaped;

/// A suite for each file, a case for each test.
pub fn xml(all: &[Ran]) -> String {
    let mut out = String::from("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n");
    let _ = writeln!(out, "<testsuites name=\"emr test\" {}>", numbers(all.iter()));
    let mut rest = all;
    while let Some(first) = rest.first() {
        let (suite, others) = rest.split_at(rest.iter().take_while(|ran| ran.path == first.path).count());
        rest = others;
        let _ = writeln!(out, "  <testsuite name=\"{}\" {}>", attribute(&first.path), numbers(suite.iter()));
        for ran in suite {
            case(ran, &mut out);
        }
        out.push_str("  </testsuite>\n");
    }
    out.push_str("</testsuites>\n");
    out
}

fn case(ran: &Ran, out: &mut String) {
    let _ = write!(
        out,
        "    <testcase name=\"{}\" classname=\"{}\" file=\"{}\" line=\"{}\" time=\"{}\"",
        attribute(&ran.name),
        attribute(&ran.module),
        attribute(&ran.path),
        ran.line,
        seconds(ran.took)
    );
    let Some(first) = ran.failures.first() else { return out.push_str("/>\n") };
    let _ = write!(out, ">\n      <failure message=\"{}\" type=\"expectation\">", attribute(&first.why));
    for failure in &ran.failures {
        let _ = writeln!(out, "{}:{}: {}", escaped(&ran.path), failure.line, escaped(&failure.why));
        out.push_str(&escaped(&failure.diff));
    }
    out.push_str("</failure>\n    </testcase>\n");
}

fn numbers<'r>(all: impl Iterator<Item = &'r Ran> + Clone) -> String {
    let failed = all.clone().filter(|ran| !ran.passed()).count();
    let took = all.clone().map(|ran| ran.took).sum();
    format!("tests=\"{}\" failures=\"{failed}\" errors=\"0\" skipped=\"0\" time=\"{}\"", all.count(), seconds(took))
}

fn seconds(took: Duration) -> String {
    format!("{:.3}", took.as_secs_f64())
}

/// Line ends in an attribute would become blanks.
fn attribute(text: &str) -> String {
    escaped(text).replace('\n', "&#10;").replace('\t', "&#9;")
}

#[cfg(test)]
mod tests {
    use super::super::Failure;
    use super::*;

    fn ran(path: &str, name: &str, failures: Vec<Failure>) -> Ran {
        let (module, took) = ("a".to_owned(), Duration::from_millis(1500));
        Ran { name: name.to_owned(), module, path: path.to_owned(), line: 3, failures, took }
    }

    #[test]
    fn text_is_never_markup() {
        let why = "a \"<b>\"\nis & not \u{1}".to_owned();
        let failure = Failure { line: 7, why, diff: "-<a>\n+]]>\n".to_owned() };
        let xml = xml(&[ran("a.emr", "one < two", vec![failure]), ran("b.emr", "fine", Vec::new())]);
        let expected = r#"<?xml version="1.0" encoding="UTF-8"?>
<testsuites name="emr test" tests="2" failures="1" errors="0" skipped="0" time="3.000">
  <testsuite name="a.emr" tests="1" failures="1" errors="0" skipped="0" time="1.500">
    <testcase name="one &lt; two" classname="a" file="a.emr" line="3" time="1.500">
      <failure message="a &quot;&lt;b&gt;&quot;&#10;is &amp; not �" type="expectation">a.emr:7: a &quot;&lt;b&gt;&quot;
is &amp; not �
-&lt;a&gt;
+]]&gt;
</failure>
    </testcase>
  </testsuite>
  <testsuite name="b.emr" tests="1" failures="0" errors="0" skipped="0" time="1.500">
    <testcase name="fine" classname="a" file="b.emr" line="3" time="1.500"/>
  </testsuite>
</testsuites>
"#;
        assert_eq!(xml, expected);
    }
}
