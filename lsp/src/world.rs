//! Owns the databases, on a thread of its own: one for each project that has a document open.
//! Knows neither the protocol nor salsa.

use std::collections::HashMap;
use std::io;
use std::path::{Path, PathBuf};

use emr_compiler::db::{self, Database, Project, SourceFile};
use emr_compiler::diagnostic::Diagnostic;
use emr_compiler::standard::Standards;
use emr_project::{Disk, Files, SETTINGS, Source, Stamp, data, packages};
use tokio::runtime::Handle;
use tokio::sync::mpsc::{Receiver, Sender};

use crate::convert;

/// What the editor has open.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Document {
    pub uri: String,
    /// Nothing if it is not on the disk.
    pub path: Option<PathBuf>,
}

/// What the editor tells.
pub enum Told {
    Edit(Edit),
    /// Something happened to this file on the disk.
    OnDisk(Document),
}

/// A document has this text now. Nothing: it was closed, and what lies on the disk counts again.
pub struct Edit {
    pub document: Document,
    pub version: i32,
    pub text: Option<String>,
}

/// What is wrong with a document. Its text is here because the answer is about that text alone.
pub struct Found {
    pub uri: String,
    pub version: Option<i32>,
    pub text: String,
    pub problems: Vec<Diagnostic>,
}

/// Takes what the editor tells until there is no more to come. Never waits for an answer to be computed: an edit ends the work on the
/// text before it.
pub fn start(mut told: Receiver<Vec<Told>>, answers: Sender<Found>) {
    let pool = Handle::current();
    std::thread::spawn(move || {
        let mut world = World::default();
        while let Some(told) = told.blocking_recv() {
            for it in told {
                if let Some(question) = world.take(it) {
                    let answers = answers.clone();
                    pool.spawn_blocking(move || question.answer(&answers));
                }
            }
        }
    });
}

/// The projects that have documents open.
#[derive(Default)]
struct World {
    projects: Vec<Opened>,
    settings: Settings,
}

/// The `emr.toml` that are open, by their paths; others are as they lie on the disk.
#[derive(Default)]
struct Settings(HashMap<PathBuf, OpenSettings>);

struct OpenSettings {
    document: Document,
    version: i32,
    text: String,
}

struct Opened {
    db: Database,
    project: Project,
    /// Nothing for a file without a project.
    settings: Option<Source>,
    /// Every module, by its path.
    files: HashMap<PathBuf, SourceFile>,
    /// Where places of the project are counted from.
    root: PathBuf,
    /// The places of the files that tables take their rows from.
    rows: HashMap<PathBuf, String>,
    documents: HashMap<Document, Open>,
}

/// The file of a document, and the version that the editor counts.
#[derive(Clone, Copy)]
struct Open {
    file: SourceFile,
    version: i32,
}

/// What is wrong with these documents now?
struct Question {
    db: Database,
    project: Project,
    documents: Vec<(Document, Open)>,
    /// What is known without asking, and said first.
    known: Vec<Found>,
}

impl World {
    /// Makes the edit; gives what is to be asked after it.
    fn take(&mut self, told: Told) -> Option<Question> {
        let Edit { document, version, text } = match told {
            Told::OnDisk(document) if document.is_settings() => return self.reread(&document),
            Told::OnDisk(document) => return self.reread_rows(&document.place()),
            Told::Edit(edit) => edit,
        };
        if document.is_settings() {
            self.settings.edit(document.clone(), version, text);
            return self.reread(&document);
        }
        let known = self.projects.iter().position(|it| it.documents.contains_key(&document));
        match (known, text) {
            (None, None) => None,
            (None, Some(text)) => Some(self.open(document, version, text)),
            (Some(known), Some(text)) => {
                let opened = self.projects.get_mut(known)?;
                opened.edit(document, version, text);
                Some(opened.question(&self.settings))
            }
            (Some(known), None) => {
                let mut opened = self.projects.swap_remove(known);
                opened.close(&document);
                let mut question = self.keep(opened);
                question.known.push(Found::nothing(document));
                Some(question)
            }
        }
    }

    /// Reads the project anew whose settings these are, or that has them now.
    fn reread(&mut self, settings: &Document) -> Option<Question> {
        let path = settings.place();
        let old = self.projects.iter().position(|it| it.obeys(&path)).map(|old| self.projects.swap_remove(old));
        let module = old.as_ref().and_then(|it| it.documents.keys().next()).map_or(path, Document::place);
        let fresh = Opened::read(&module, &self.settings);
        if old.is_none() && fresh.settings.is_none() {
            // Settings without a module are of no project.
            return None;
        }
        let mut question = self.keep(old.into_iter().fold(fresh, Opened::take_over));
        if !question.known.iter().any(|it| it.uri == settings.uri) {
            question.known.push(Found::nothing(settings.clone()));
        }
        Some(question)
    }

    /// A file that a table takes its rows from has changed.
    fn reread_rows(&mut self, path: &Path) -> Option<Question> {
        let opened = self.projects.iter_mut().find(|it| it.rows.contains_key(path))?;
        opened.supply(path);
        Some(opened.question(&self.settings))
    }

    /// Keeps a project while something of it is open; gives what is to be asked of it.
    fn keep(&mut self, opened: Opened) -> Question {
        let mut question = opened.question(&self.settings);
        if opened.documents.is_empty()
            && !opened.settings.as_ref().is_some_and(|it| self.settings.0.contains_key(&it.path))
        {
            question.known.iter_mut().for_each(|it| it.problems.clear());
        } else {
            self.projects.push(opened);
        }
        question
    }

    fn open(&mut self, document: Document, version: i32, text: String) -> Question {
        let path = document.place();
        let known = self.projects.iter().position(|it| it.files.contains_key(&path));
        let mut opened = match known {
            Some(known) => self.projects.swap_remove(known),
            None => {
                let fresh = Opened::read(&path, &self.settings);
                // A file that is new in a project which is open: what else is open there moves over.
                let settings = fresh.settings.as_ref().map(|it| &it.path);
                let own = |it: &Opened| it.settings.as_ref().map(|it| &it.path) == settings;
                let old = settings.and_then(|_| self.projects.iter().position(own));
                old.map(|old| self.projects.swap_remove(old)).into_iter().fold(fresh, Opened::take_over)
            }
        };
        opened.edit(document, version, text);
        self.keep(opened)
    }
}

impl Opened {
    /// The project around a file or settings, as it lies on the disk but for settings that are open.
    fn read(path: &Path, files: &Settings) -> Opened {
        let db = Database::default();
        let found = emr_project::open(files, path, packages::cache().as_deref()).ok();
        let is_part = |it: &&Source| it.path == path;
        let found =
            found.filter(|it| it.modules.iter().map(|it| &it.source).chain(&it.settings).any(|it| is_part(&it)));
        let Some(found) = found else { return Opened::alone(db, path) };
        let (project, sources) = found.load(&db);
        let root = found.root;
        let rows = found.data.into_iter().map(|(place, _)| (root.join(&place), place)).collect();
        let paths = found.modules.into_iter().map(|module| module.source.path);
        let files = paths.zip(sources).collect();
        Opened { db, project, settings: found.settings, files, root, rows, documents: HashMap::new() }
    }

    /// A file that is not on the disk: its text will be all there is.
    fn alone(db: Database, path: &Path) -> Opened {
        let name = path.file_stem().map_or_else(|| "main".into(), |it| it.to_string_lossy());
        let file = db.open(&name, &path.to_string_lossy(), String::new());
        let project = db.project(vec![file], db::Settings::default(), Standards::embedded());
        Opened {
            db,
            project,
            settings: None,
            files: HashMap::from([(path.to_owned(), file)]),
            root: path.parent().map(Path::to_owned).unwrap_or_default(),
            rows: HashMap::new(),
            documents: HashMap::new(),
        }
    }

    fn take_over(mut self, mut old: Opened) -> Opened {
        for (document, Open { file, version }) in old.documents {
            let text = file.text(&old.db).to_owned();
            // Ends the work on it, so that no answer comes after those of the fresh one.
            old.db.edit(file, text.clone());
            self.edit(document, version, text);
        }
        self
    }

    /// Whether these are its settings, or would be if they were there.
    fn obeys(&self, settings: &Path) -> bool {
        match &self.settings {
            Some(own) => own.path == settings,
            None => {
                self.documents.keys().any(|it| settings.parent().is_some_and(|folder| it.place().starts_with(folder)))
            }
        }
    }

    fn edit(&mut self, document: Document, version: i32, text: String) {
        if let Some(&file) = self.files.get(&document.place()) {
            self.documents.insert(document, Open { file, version });
            self.db.edit(file, text);
            self.find_rows(file);
        }
    }

    /// Reads the files of rows that a module names since its last edit.
    fn find_rows(&mut self, file: SourceFile) {
        for place in db::files_named(&self.db, file) {
            let path = self.root.join(&place);
            if !self.rows.contains_key(&path) {
                self.rows.insert(path.clone(), place);
                self.supply(&path);
            }
        }
    }

    /// A file of rows is as it lies on the disk.
    fn supply(&mut self, path: &Path) {
        if let Some(place) = self.rows.get(path) {
            self.db.supply(self.project, place, data::one(&Disk, path));
        }
    }

    /// What lies on the disk counts again.
    fn close(&mut self, document: &Document) {
        if let Some(Open { file, .. }) = self.documents.remove(document) {
            let text = Disk.read(&document.place()).unwrap_or_default();
            self.db.edit(file, String::from_utf8_lossy(&text).into_owned());
        }
    }

    /// An edit may change what is wrong with any document of its project.
    fn question(&self, settings: &Settings) -> Question {
        let documents = self.documents.iter().map(|(document, open)| (document.clone(), *open)).collect();
        let known = self.settings.iter().filter_map(|it| settings.found(it)).collect();
        Question { db: self.db.clone(), project: self.project, documents, known }
    }
}

impl Question {
    // The next edit waits until our clone of the database is gone. An answer is sent while we still have it, so that a
    // later answer cannot overtake it.
    fn answer(self, answers: &Sender<Found>) {
        for found in self.known {
            let _ = answers.blocking_send(found);
        }
        for (document, Open { file, version }) in self.documents {
            let read = || {
                let found = db::diagnostics(&self.db, self.project, file).iter().cloned();
                let unchecked = db::unchecked(&self.db, self.project, &[file]);
                let apart = unchecked.into_iter().chain(db::unreached(&self.db, self.project, &[file]));
                (file.text(&self.db).to_owned(), found.chain(apart.map(|(_, found)| found)).collect())
            };
            // An edit came: its own question will be answered instead.
            let Some((text, problems)) = db::unless_edited(read) else { return };
            let _ = answers.blocking_send(Found { uri: document.uri, version: Some(version), text, problems });
        }
    }
}

impl Settings {
    fn edit(&mut self, document: Document, version: i32, text: Option<String>) {
        let path = document.place();
        match text {
            Some(text) => drop(self.0.insert(path, OpenSettings { document, version, text })),
            None => drop(self.0.remove(&path)),
        }
    }

    /// What reading them has found.
    fn found(&self, source: &Source) -> Option<Found> {
        let (document, version) = match self.0.get(&source.path) {
            Some(open) => (open.document.clone(), Some(open.version)),
            None => (Document::on_disk(&source.path)?, None),
        };
        Some(Found { uri: document.uri, version, text: source.text.clone(), problems: source.problems.clone() })
    }
}

impl Files for Settings {
    fn read(&self, path: &Path) -> io::Result<Vec<u8>> {
        self.0.get(path).map_or_else(|| Disk.read(path), |open| Ok(open.text.clone().into_bytes()))
    }

    fn stamp(&self, path: &Path) -> Option<Stamp> {
        Disk.stamp(path).filter(|_| !self.0.contains_key(path))
    }

    fn cache(&self) -> Option<PathBuf> {
        Disk.cache()
    }

    fn is_file(&self, path: &Path) -> bool {
        self.0.contains_key(path) || Disk.is_file(path)
    }

    fn is_folder(&self, path: &Path) -> bool {
        Disk.is_folder(path)
    }

    fn entries(&self, folder: &Path) -> io::Result<Vec<PathBuf>> {
        Disk.entries(folder)
    }
}

impl Found {
    fn nothing(document: Document) -> Found {
        Found { uri: document.uri, version: None, text: String::new(), problems: Vec::new() }
    }
}

impl Document {
    pub fn is_settings(&self) -> bool {
        self.path.as_ref().is_some_and(|path| path.file_name().is_some_and(|name| name == SETTINGS))
    }

    /// Whether tables may take rows from it.
    pub fn is_rows(&self) -> bool {
        let end = self.path.as_ref().and_then(|path| path.extension());
        end.is_some_and(|end| end == "csv" || end == "json")
    }

    /// A file that the editor has not named.
    fn on_disk(path: &Path) -> Option<Document> {
        Some(Document { uri: convert::uri(path)?, path: Some(path.to_owned()) })
    }

    /// What stands for its path if it is not on the disk is its address.
    fn place(&self) -> PathBuf {
        self.path.clone().unwrap_or_else(|| PathBuf::from(&self.uri))
    }
}
