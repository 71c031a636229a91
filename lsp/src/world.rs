//! Owns the databases, on a thread of its own: one for each project that has a document open.
//! Knows neither the protocol nor salsa.

use std::collections::HashMap;
use std::path::{Path, PathBuf};

use emr_compiler::db::{self, Database, Project, SourceFile};
use emr_compiler::diagnostic::Diagnostic;
use emr_compiler::standard::Standards;
use emr_project::{Disk, Files, packages};
use tokio::runtime::Handle;
use tokio::sync::mpsc::{Receiver, Sender};

/// What the editor has open.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Document {
    pub uri: String,
    /// Nothing if it is not on the disk.
    pub path: Option<PathBuf>,
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

/// Takes edits until there are no more to come. Never waits for an answer to be computed: an edit ends the work on the
/// text before it.
pub fn start(mut edits: Receiver<Edit>, answers: Sender<Found>) {
    let pool = Handle::current();
    std::thread::spawn(move || {
        let mut world = World::default();
        while let Some(edit) = edits.blocking_recv() {
            if let Some(question) = world.take(edit) {
                let answers = answers.clone();
                pool.spawn_blocking(move || question.answer(&answers));
            }
        }
    });
}

/// The projects that have documents open.
#[derive(Default)]
struct World {
    projects: Vec<Opened>,
}

struct Opened {
    db: Database,
    project: Project,
    /// The folder with its settings; nothing for a file without a project.
    root: Option<PathBuf>,
    /// Every module, by its path.
    files: HashMap<PathBuf, SourceFile>,
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
    closed: Option<Document>,
}

impl World {
    /// Makes the edit; gives what is to be asked after it.
    fn take(&mut self, edit: Edit) -> Option<Question> {
        let Edit { document, version, text } = edit;
        let known = self.projects.iter().position(|it| it.documents.contains_key(&document));
        match (known, text) {
            (None, None) => None,
            (None, Some(text)) => Some(self.open(document, version, text)),
            (Some(known), Some(text)) => {
                let opened = self.projects.get_mut(known)?;
                opened.edit(document, version, text);
                Some(opened.question(None))
            }
            (Some(known), None) => {
                let opened = self.projects.get_mut(known)?;
                opened.close(&document);
                let question = opened.question(Some(document));
                if opened.documents.is_empty() {
                    self.projects.swap_remove(known);
                }
                Some(question)
            }
        }
    }

    fn open(&mut self, document: Document, version: i32, text: String) -> Question {
        let path = document.place();
        let known = self.projects.iter().position(|it| it.files.contains_key(&path));
        let mut opened = match known {
            Some(known) => self.projects.swap_remove(known),
            None => {
                let fresh = Opened::read(&path);
                // A file that is new in a project which is open: what else is open there moves over.
                let old = self.projects.iter().position(|it| it.root.is_some() && it.root == fresh.root);
                old.map(|old| self.projects.swap_remove(old)).into_iter().fold(fresh, Opened::take_over)
            }
        };
        opened.edit(document, version, text);
        let question = opened.question(None);
        self.projects.push(opened);
        question
    }
}

impl Opened {
    /// The project around a file, as it lies on the disk.
    fn read(path: &Path) -> Opened {
        let db = Database::default();
        let found = emr_project::open(&Disk, path, packages::cache().as_deref()).ok();
        let found = found.filter(|it| it.modules.iter().any(|module| module.source.path == path));
        let Some(found) = found else { return Opened::alone(db, path) };
        let (project, files) = found.load(&db);
        let root = found.settings.map(|_| found.root);
        let paths = found.modules.into_iter().map(|module| module.source.path);
        Opened { db, project, root, files: paths.zip(files).collect(), documents: HashMap::new() }
    }

    /// A file that is not on the disk: its text will be all there is.
    fn alone(db: Database, path: &Path) -> Opened {
        let name = path.file_stem().map_or_else(|| "main".into(), |it| it.to_string_lossy());
        let file = db.open(&name, &path.to_string_lossy(), String::new());
        let project = db.project(vec![file], db::Settings::default(), Standards::embedded());
        Opened { db, project, root: None, files: HashMap::from([(path.to_owned(), file)]), documents: HashMap::new() }
    }

    fn take_over(mut self, old: Opened) -> Opened {
        for (document, Open { file, version }) in old.documents {
            self.edit(document, version, file.text(&old.db).to_owned());
        }
        self
    }

    fn edit(&mut self, document: Document, version: i32, text: String) {
        if let Some(&file) = self.files.get(&document.place()) {
            self.documents.insert(document, Open { file, version });
            self.db.edit(file, text);
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
    fn question(&self, closed: Option<Document>) -> Question {
        let documents = self.documents.iter().map(|(document, open)| (document.clone(), *open)).collect();
        Question { db: self.db.clone(), project: self.project, documents, closed }
    }
}

impl Question {
    // The next edit waits until our clone of the database is gone. An answer is sent while we still have it, so that a
    // later answer cannot overtake it.
    fn answer(self, answers: &Sender<Found>) {
        if let Some(closed) = self.closed {
            let nothing = Found { uri: closed.uri, version: None, text: String::new(), problems: Vec::new() };
            let _ = answers.blocking_send(nothing);
        }
        for (document, Open { file, version }) in self.documents {
            let read = || (file.text(&self.db).to_owned(), db::diagnostics(&self.db, self.project, file).to_vec());
            // An edit came: its own question will be answered instead.
            let Some((text, problems)) = db::unless_edited(read) else { return };
            let _ = answers.blocking_send(Found { uri: document.uri, version: Some(version), text, problems });
        }
    }
}

impl Document {
    /// What stands for its path if it is not on the disk is its address.
    fn place(&self) -> PathBuf {
        self.path.clone().unwrap_or_else(|| PathBuf::from(&self.uri))
    }
}
