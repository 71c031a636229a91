//! Every slice of the profiles that hospitals use most can be named: read as a source, and written.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use emr_compiler::db::{self, Database};
use emr_compiler::diagnostic::Code;
use emr_compiler::standard::Standards;
use emr_compiler::standard::fhir::Fhir;
use emr_compiler::standard::shape::Shape;
use emr_project::packages::load;

/// Elements of elements this deep; deeper ones only come back to themselves.
const DEPTH_MAX: usize = 4;

#[test]
fn slices_of_us_core_can_be_named() {
    let Some(told) = told("uscore", "fhir/hl7.fhir.us.core-7.0.0.tgz") else { return };
    insta::assert_snapshot!(told);
}

#[test]
fn slices_of_the_patient_summary_can_be_named() {
    let Some(told) = told("ips", "fhir/hl7.fhir.uv.ips-1.1.0.tgz") else { return };
    insta::assert_snapshot!(told);
}

/// How many slices there are, and what the compiler says of those that it does not take.
fn told(alias: &str, place: &str) -> Option<String> {
    let data = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../shared/data");
    if !data.join(place).exists() {
        println!("skipped: {place} is not there");
        return None;
    }
    let packages = load(&[(alias.to_string(), place.to_string())], &data, None).packages;
    let own = packages.first()?.clone();
    let standards = Standards { fhir: Arc::new(Fhir::with_packages(packages)), ..Standards::embedded() };
    let mut text = String::new();
    let mut lines: Vec<(String, bool)> = Vec::new();
    for head in own.profiles() {
        let shape = standards.fhir.by_url(&head.url)?;
        let mut paths = Vec::new();
        slices(&standards.fhir, &shape, "", 0, &mut paths);
        for path in paths {
            let name = format!("{alias}.{}", head.name);
            let number = lines.len();
            text += &format!("map r{number}(p: {name}) -> string? = \"x\" when p.{path} is present\n");
            lines.push((format!("{name}.{path}, read"), true));
            text += &format!("map w{number}(p: {name}) -> {name} = p with {{ {path}: absent }}\n");
            lines.push((format!("{name}.{path}, written"), true));
        }
    }
    let db = Database::default();
    let file = db.open("main", "main.emr", text.clone());
    let settings = db::Settings { packages: vec![alias.into()], ..Default::default() };
    let project = db.project(vec![file], settings, standards);
    let mut refused: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for found in db::diagnostics(&db, project, file) {
        // What its slice requires beside it is not asked here.
        if found.code == Code::RequiredNotAssigned {
            continue;
        }
        let line = text.get(..found.at.start).unwrap_or_default().matches('\n').count();
        let Some((name, sound)) = lines.get_mut(line) else { continue };
        *sound = false;
        refused.entry(found.message.clone()).or_default().push(name.clone());
    }
    let sound = lines.iter().filter(|(_, sound)| *sound).count();
    let mut out = format!("{sound} of {}\n", lines.len());
    for (message, names) in refused {
        out += &format!("\n{message}\n");
        names.iter().for_each(|name| out += &format!("    {name}\n"));
    }
    Some(out)
}

/// The paths of all slices below a shape.
fn slices(fhir: &Fhir, shape: &Shape, before: &str, depth: usize, paths: &mut Vec<String>) {
    let prefix = shape.key.split('#').next().unwrap_or_default();
    let owned = |key: &str| key.starts_with(prefix) && key.contains('#');
    for element in shape.elements.iter().filter(|element| element.max > 0) {
        let path = format!("{before}{}", element.name);
        for slice in element.slices.iter().filter(|slice| slice.element.max > 0) {
            let path = format!("{path}[{}]", slice.name);
            if let [only] = slice.element.types.as_slice()
                && owned(&only.shape)
                && depth < DEPTH_MAX
                && let Some(inner) = fhir.shape(&only.shape)
            {
                slices(fhir, &inner, &format!("{path}."), depth + 1, paths);
            }
            paths.push(path);
        }
        if let [only] = element.types.as_slice()
            && owned(&only.shape)
            && depth < DEPTH_MAX
            && let Some(inner) = fhir.shape(&only.shape)
        {
            slices(fhir, &inner, &format!("{path}."), depth + 1, paths);
        }
    }
}
