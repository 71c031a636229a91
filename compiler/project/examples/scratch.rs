use std::path::Path;
fn main() {
    let mut args: Vec<String> = std::env::args().skip(1).collect();
    let named: Vec<_> =
        args.iter().filter(|a| a.ends_with(".tgz")).enumerate().map(|(i, a)| (format!("p{i}"), a.clone())).collect();
    args.retain(|a| !a.ends_with(".tgz"));
    let fhir = emr_compiler::standard::fhir::Fhir::with_packages(
        emr_project::packages::load(&named, Path::new("/"), None).packages,
    );
    for file in args {
        let text = std::fs::read_to_string(&file).unwrap();
        println!("FILE {file}");
        for p in emr_compiler::validate::resource(&text, &fhir, &[]) {
            println!("{p}");
        }
    }
}
