//! Whole outputs that are held against files: how they differ, and the file that says the new one.

use std::path::{Path, PathBuf};

use emr_compiler::testing::Golden;
use similar::TextDiff;

use crate::end::End;
use crate::map::pretty;
use crate::write;

/// Lines around what differs.
const CONTEXT: usize = 3;

/// The lines that are no longer (`-`) and those that are now (`+`), with some around them.
pub fn diff(golden: &Golden) -> String {
    let (before, after) = (golden.file.as_deref().map(laid_out).unwrap_or_default(), laid_out(&golden.output));
    let diff = TextDiff::from_lines(&before, &after);
    diff.unified_diff().context_radius(CONTEXT).missing_newline_hint(false).to_string()
}

/// Writes the output to the file; gives its path.
pub fn accept(folder: &Path, golden: &Golden) -> Result<PathBuf, End> {
    let path = folder.join(golden.name.as_str());
    write::whole(&path, laid_out(&golden.output).as_bytes())?;
    Ok(path)
}

/// JSON over lines; of a message each segment has its own.
fn laid_out(text: &str) -> String {
    let json = text.trim_start().starts_with(['{', '[']);
    match serde_json::from_str::<&serde_json::value::RawValue>(text) {
        // What stands over lines already is laid out like everything else.
        Ok(_) if json => {
            let mut laid =
                String::from_utf8_lossy(&pretty::laid_out(&pretty::on_one_line(text.as_bytes()))).into_owned();
            laid.push('\n');
            laid
        }
        _ => text.lines().fold(String::new(), |all, line| all + line + "\n"),
    }
}

#[cfg(test)]
mod tests {
    use super::{Golden, diff, laid_out};

    #[test]
    fn what_stands_over_lines_and_what_does_not_are_compared_line_by_line() {
        assert_eq!(laid_out("{\n \"a\" : 1.50,\"b\":\n[]}"), "{\n  \"a\": 1.50,\n  \"b\": []\n}\n");
        let golden = Golden {
            name: "a.json".into(),
            file: Some("{\"a\":1,\"b\":2}".into()),
            output: "{\"a\":1,\"b\":3}".into(),
        };
        assert_eq!(diff(&golden), "@@ -1,4 +1,4 @@\n {\n   \"a\": 1,\n-  \"b\": 2\n+  \"b\": 3\n }\n");
    }
}
