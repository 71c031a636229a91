use super::*;
use emr_compiler::diagnostic::render;
use std::collections::BTreeMap;

fn memory(files: &[(&str, &str)]) -> BTreeMap<PathBuf, Vec<u8>> {
    files.iter().map(|(path, text)| (PathBuf::from(path), text.as_bytes().to_vec())).collect()
}

fn names(project: &Project) -> Vec<(&str, String)> {
    project.modules.iter().map(|it| (it.name.as_str(), it.source.path.display().to_string())).collect()
}

fn asked(project: &Project) -> Vec<&str> {
    project.modules.iter().filter(|it| project.is_asked(it)).map(|it| it.name.as_str()).collect()
}

/// What `emr check` would show of an `emr.toml`.
fn problems(settings: &str) -> String {
    let files = memory(&[("p/emr.toml", settings), ("p/a.emr", "")]);
    let settings = open(&files, Path::new("p"), None).unwrap().settings.unwrap();
    render("emr.toml", &settings.text, &settings.problems, false)
}

#[test]
fn a_folder_is_a_project_and_a_path_a_name() {
    let files = memory(&[
        ("h/emr.toml", "[project]\nname = \"h\"\n"),
        ("h/adt.emr", ""),
        ("h/lab/oru.emr", ""),
        ("h/lab/notes.txt", ""),
        ("h/.hidden/x.emr", ""),
        ("h/inner/emr.toml", ""),
        ("h/inner/other.emr", ""),
        ("other/lab.emr", ""),
    ]);
    let project = open(&files, Path::new("h"), None).unwrap();
    assert_eq!(names(&project), [("adt", "h/adt.emr".into()), ("lab.oru", "h/lab/oru.emr".into())]);
    assert_eq!(project.manifest.name.unwrap().value, "h");
}

#[test]
fn a_file_of_a_project_brings_the_project() {
    let files = memory(&[("h/emr.toml", ""), ("h/adt.emr", ""), ("h/lab/oru.emr", "")]);
    let project = open(&files, Path::new("h/lab/oru.emr"), None).unwrap();
    assert_eq!(names(&project).len(), 2);
    assert_eq!(asked(&project), ["lab.oru"]);
    let project = open(&files, Path::new("h/emr.toml"), None).unwrap();
    assert_eq!(asked(&project).len(), 2);
}

#[test]
fn a_file_without_a_project_stands_alone() {
    let files = memory(&[("x/adt.emr", ""), ("x/oru.emr", "")]);
    let project = open(&files, Path::new("x/adt.emr"), None).unwrap();
    assert_eq!(names(&project), [("adt", "x/adt.emr".into())]);
    assert!(project.settings.is_none());
}

#[test]
fn what_cannot_be_opened_says_why() {
    let files = memory(&[("x/notes.txt", ""), ("y/a/emr.toml", ""), ("y/a/a.emr", "")]);
    let why = |path: &str| open(&files, Path::new(path), None).unwrap_err().to_string();
    assert_eq!(why("z"), "there is no file or folder `z`");
    assert_eq!(why("x"), "there is no `.emr` file in `x`");
    assert_eq!(why("y"), "there is no `.emr` file in `y`; it has projects in it: `y/a`");
    assert_eq!(why("x/notes.txt"), "`x/notes.txt` is no mapping: mappings are `.emr` files, or a folder with some");
}

#[test]
fn a_file_that_is_not_text_is_a_problem_of_that_file() {
    let mut files = memory(&[("h/a.emr", "map"), ("h/b.emr", "")]);
    files.insert("h/b.emr".into(), b"// na\xefve".to_vec());
    let project = open(&files, Path::new("h"), None).unwrap();
    let [a, b] = project.modules.as_slice() else { panic!("two modules") };
    assert!(a.source.problems.is_empty());
    insta::assert_snapshot!(render("b.emr", &b.source.text, &b.source.problems, false));
}

#[test]
fn settings_are_read() {
    let text = "[project]\nname = \"main\"\nfhir = \"4.0.1\"\ntimezone = \"Europe/Zurich\"\ncharset = \"ISO-8859-1\"\n\
                [env.production]\nEHR_URL = \"https://fhir.example.org/r4\"\n";
    assert_eq!(problems(text), "");
    let files = memory(&[("p/emr.toml", text), ("p/a.emr", "")]);
    let manifest = open(&files, Path::new("p"), None).unwrap().manifest;
    assert_eq!(manifest.timezone.unwrap().value, "Europe/Zurich");
    assert_eq!(manifest.charset.unwrap().value, "ISO-8859-1");
}

#[test]
fn wrong_settings_are_shown_at_their_place() {
    insta::assert_snapshot!(problems(
        r#"projects = 1
charset = "UNICODE UTF-8"
[project]
nam = "main"
fhir = "R4"
timezone = 1
color = "red"

[packages]
uscore = 7
[terminology]
loinc = "Loinc.csv"
[dependencies]
regional = { path = "../regional" }
[journal]
free_percent = 101
free_bytes = "1 GB of it"
free = 7
[env]
EHR_URL = "x"
"#
    ));
}

#[test]
fn whoever_listens_says_who_may_read_along_and_call() {
    let of = |settings: &str| problems(&format!("[operations]\n{settings}\n"));
    let here = "listen = \"127.0.0.1:9464\"\n";
    let whole = [
        "smtp = \"smtp://mail.example.org\"",
        &format!("{here}tls_none_because = \"this machine alone\"\nclients_none_because = \"likewise\""),
        &format!("{here}tls_certificate = \"a.pem\"\ntls_key = \"KEY\"\nclients_ca = \"b.pem\""),
        &format!("{here}tls_certificate = \"a.pem\"\ntls_key = \"KEY\"\nclients_none_because = \"a firewall\""),
    ];
    assert_eq!(whole.map(of), ["", "", "", ""]);
    insta::assert_snapshot!(
        [
            here,
            "tls_key = \"KEY\"\nclients_ca = \"b.pem\"",
            "listen = \"9464\"\ntls_none_because = \" \"\nclients_ca = \"b.pem\"",
            &format!("{here}tls_certificate = \"a.pem\"\nclients_ca = \"b.pem\"\nclients_none_because = \"so\""),
            &format!("{here}tls_key = \"KEY\"\nclients_ca = \"b.pem\""),
            &format!("{here}tls_certificate = \"a.pem\"\ntls_key = \"KEY\"\ntls_none_because = \"so\"\nclients_none_because = \"so\""),
        ]
        .map(of)
        .join("---\n")
    );
}

#[test]
fn whoever_may_act_says_so_in_one_way() {
    let of = |settings: &str| problems(&format!("[admin]\n{settings}\n"));
    let here = "listen = \"127.0.0.1:9465\"\n";
    let tls = "tls_certificate = \"a.pem\"\ntls_key = \"KEY\"\n";
    let issuer = "clients_issuer = \"https://id.example.org\"\n";
    let whole = [
        &format!("{here}tls_none_because = \"this machine alone\"\nclients_none_because = \"likewise\""),
        &format!("{here}{tls}clients_ca = \"b.pem\"\nclients_acting = \"night desk, alice\""),
        &format!("{here}{tls}{issuer}clients_audience = \"emr\"\nscope_read = \"look\"\nscope_act = \"do\""),
    ];
    assert_eq!(whole.map(|settings| of(settings)), ["", "", ""]);
    insta::assert_snapshot!(
        [
            here,
            "clients_acting = \"alice\"\nscope_act = \"do\"",
            &format!("{here}{tls}{issuer}clients_none_because = \"so\""),
            &format!("{here}{tls}clients_ca = \"b.pem\"\n{issuer}clients_audience = \"\""),
            &format!("{here}{tls}clients_none_because = \"so\"\nclients_acting = \"alice\"\nscope_read = \"look\""),
            &format!("{here}{tls}{issuer}clients_audience = \"emr\"\nscope_read = \"x\"\nscope_act = \"x\""),
            &format!("{here}{tls}{issuer}clients_audience = \"emr\"\nscope_read = \"emr.act\""),
            "port = \"1\"",
        ]
        .map(of)
        .join("---\n")
    );
}

#[test]
fn zones_and_charsets_are_known_ones() {
    insta::assert_snapshot!(problems("[project]\ntimezone = \"Europe/Zürich\"\ncharset = \"EBCDIC\"\n"));
}

#[test]
fn text_that_is_no_toml_is_shown_at_its_place() {
    insta::assert_snapshot!(problems("[project]\nname = \"main\ncharset = \"UTF-8\"\n"));
}

#[test]
fn a_package_that_is_not_there_is_shown_at_its_name() {
    insta::assert_snapshot!(problems("[packages]\nuscore = \"hl7.fhir.us.core#7.0.0\"\n"));
}

/// A hospital that uses the maps of its region, which uses a project of codes.
fn region(lock: Option<&str>) -> BTreeMap<PathBuf, Vec<u8>> {
    let mut files = memory(&[
        ("h/emr.toml", "[dependencies]\nregional = { path = \"../r\" }\n"),
        ("h/adt.emr", "use regional.people.{name}\n\nmap adt(PID) -> Patient { name: { text: name(first PID-5) } }\n"),
        ("r/emr.toml", "[dependencies]\nwords = { path = \"./words\" }\n"),
        ("r/people.emr", "use texts.{plain}\n\nmap name(XPN) -> string? = plain(XPN)\n"),
        ("r/texts.emr", "use words.space as space\n\nmap plain(XPN) -> string? = join(space.blank, XPN.2, XPN.1.1)\n"),
        ("r/words/emr.toml", ""),
        ("r/words/space.emr", "let blank = \" \"\n"),
    ]);
    if let Some(lock) = lock {
        files.insert("h/emr.lock".into(), lock.into());
    }
    files
}

/// What is said of the settings, and of all modules.
fn said(files: &BTreeMap<PathBuf, Vec<u8>>) -> Vec<String> {
    let project = open(files, Path::new("h"), None).unwrap();
    let db = Database::default();
    let (inside, sources) = project.load(&db);
    let settings = project.settings.iter().flat_map(|it| &it.problems);
    let modules = sources.into_iter().flat_map(|file| db::diagnostics(&db, inside, file));
    settings.chain(modules).map(|it| format!("{} {}", it.code.text(), it.message)).collect()
}

#[test]
fn a_project_uses_another_under_a_name_and_that_one_its_own() {
    let files = region(None);
    let project = open(&files, Path::new("h"), None).unwrap();
    let modules: Vec<_> = project.modules.iter().map(|it| it.name.as_str()).collect();
    assert_eq!(modules, ["adt", "regional.people", "regional.texts", "regional.words.space"]);
    assert_eq!(asked(&project), ["adt"]);
    let files = region(project.lock().as_deref());
    assert_eq!(said(&files), [""; 0]);
}

#[test]
fn a_lock_says_what_was_used_and_is_told_when_that_changes() {
    let stale = "E0905 there is no `emr.lock`: nobody has looked at what this project uses";
    assert_eq!(said(&region(None)), [stale]);
    let lock = open(&region(None), Path::new("h"), None).unwrap().lock();
    let mut files = region(lock.as_deref());
    files.insert("r/words/space.emr".into(), b"let blank = \"_\"\n".to_vec());
    assert_eq!(said(&files), ["E0905 `regional.words` is not what `emr.lock` says"]);
    let mut files = region(lock.as_deref());
    files.insert("r/emr.toml".into(), Vec::new());
    files.insert("r/texts.emr".into(), b"map plain(XPN) -> string? = XPN.1.1\n".to_vec());
    assert_eq!(said(&files), ["E0905 `regional` is not what `emr.lock` says"]);
}

#[test]
fn a_change_of_what_is_used_is_checked_in_those_who_use_it() {
    let mut files = region(None);
    files.insert("r/people.emr".into(), b"map name(CX) -> string? = CX.1\n".to_vec());
    files.insert("h/emr.lock".into(), open(&files, Path::new("h"), None).unwrap().lock().unwrap().into());
    assert_eq!(said(&files).iter().filter(|it| it.starts_with("E0")).count(), 1, "{:?}", said(&files));
}

#[test]
fn rows_of_another_project_lie_in_its_own_folder_and_under_its_lock() {
    let mut files = region(None);
    files.insert("r/codes/sex.csv".into(), b"from,to\nM,male\n".to_vec());
    let text = "codes Sex = csv(\"codes/sex.csv\")\n\nmap plain(XPN) -> string? = XPN.1.1 via Sex as string\n";
    files.insert("r/texts.emr".into(), text.into());
    let project = open(&files, Path::new("h"), None).unwrap();
    assert_eq!(project.data.iter().map(|(place, _)| place.as_str()).collect::<Vec<_>>(), ["regional/codes/sex.csv"]);
    let lock = project.lock().unwrap();
    files.insert("r/codes/sex.csv".into(), b"from,to\nM,female\n".to_vec());
    assert_ne!(open(&files, Path::new("h"), None).unwrap().lock().unwrap(), lock);
}

#[test]
fn a_project_sees_no_modules_of_those_who_use_it() {
    let mut files = region(None);
    files.insert("r/texts.emr".into(), b"use adt.{adt}\n\nmap plain(XPN) -> string? = XPN.1.1\n".to_vec());
    files.insert("h/emr.lock".into(), open(&files, Path::new("h"), None).unwrap().lock().unwrap().into());
    assert_eq!(said(&files), ["E0203 there is no module `adt`"]);
}

#[test]
fn projects_that_are_not_there_or_use_themselves_are_told() {
    let told = |settings: &str, more: &[(&str, &str)]| {
        let mut files = memory(&[("h/emr.toml", settings), ("h/adt.emr", "")]);
        files.extend(memory(more));
        said(&files)
    };
    let uses = |name: &str, path: &str| format!("[dependencies]\n{name} = {{ path = \"{path}\" }}\n");
    assert_eq!(told(&uses("r", "../r"), &[]), ["E0904 there is no project `r` in `../r`"]);
    assert_eq!(told(&uses("std", "../r"), &[]), ["E0904 `std` cannot be the name of a module"]);
    assert_eq!(told(&uses("adt", "../r"), &[]), ["E0904 `adt` is a module of this project too"]);
    assert_eq!(told(&uses("r", "../h"), &[]), ["E0904 `r` uses itself"]);
    let back = uses("h", "../h");
    assert_eq!(told(&uses("r", "../r"), &[("r/emr.toml", &back), ("r/a.emr", "")]), ["E0904 `r.h` uses itself"]);
    assert_eq!(
        told("[dependencies]\nr = \"../r\"\n", &[]),
        ["E0901 a dependency has a path: `r = { path = \"../r\" }`"]
    );
    assert_eq!(told("[dependencies]\nr = { pat = \"../r\" }\n", &[]), ["E0901 a dependency has no `pat`"]);
}

/// Files that are there, and that the system does not let be read.
struct Locked(BTreeMap<PathBuf, Vec<u8>>);

impl Files for Locked {
    fn read(&self, _: &Path) -> std::io::Result<Vec<u8>> {
        Err(std::io::ErrorKind::PermissionDenied.into())
    }

    fn is_file(&self, path: &Path) -> bool {
        self.0.is_file(path)
    }

    fn is_folder(&self, path: &Path) -> bool {
        self.0.is_folder(path)
    }

    fn entries(&self, folder: &Path) -> std::io::Result<Vec<PathBuf>> {
        self.0.entries(folder)
    }
}

#[test]
fn a_file_that_may_not_be_read_ends_the_run_by_its_name() {
    let files = Locked(memory(&[("h/a.emr", "")]));
    let error = open(&files, Path::new("h"), None).unwrap_err();
    assert!(!error.is_of_the_call());
    assert_eq!(error.to_string(), "`h/a.emr` cannot be read: permission denied");
}
