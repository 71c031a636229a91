//! The committed tables of FHIR R4 are what their script makes of the official package.

use std::path::Path;
use std::process::Command;

#[test]
fn a_second_run_of_the_script_gives_the_same_bytes() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let package = root.join("../shared/data/fhir/hl7.fhir.r4.core-4.0.1.tgz");
    if !package.exists() || Command::new("python3").arg("--version").output().is_err() {
        println!("skipped: the R4 package or python3 is not there");
        return;
    }
    let made = tempfile::tempdir().unwrap();
    let script = root.join("stdlib/standards/extract/fhir.py");
    let status = Command::new("python3").arg(script).arg(package).arg(made.path()).status().unwrap();
    assert!(status.success());
    for name in ["resources", "datatypes", "extensions", "search", "valuesets", "codesystems"] {
        let file = format!("{name}.txt");
        let read = |folder: &Path| std::fs::read(folder.join(&file)).unwrap();
        assert!(read(made.path()) == read(&root.join("stdlib/standards/fhir")), "{file} differs");
    }
}
