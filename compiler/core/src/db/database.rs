//! Where all that was computed is kept, and how its inputs change.

use super::{DataFile, Project, Settings, SourceFile, data_files};
use crate::files::Content;
use crate::standard::Standards;
use emr_stdlib::library;
use salsa::{Durability, Setter};
use std::panic::AssertUnwindSafe;

/// The modules of the standard library, parsed when a name of theirs is needed.
#[salsa::input(singleton, debug)]
pub(super) struct Library {
    #[returns(deref)]
    pub files: Vec<SourceFile>,
}

/// The inputs and all that follows from them. A clone reads the same; writing waits until all clones are gone.
#[salsa::db]
#[derive(Clone)]
pub struct Database {
    storage: salsa::Storage<Self>,
}

#[salsa::db]
impl salsa::Database for Database {}

impl Default for Database {
    fn default() -> Self {
        Self::watched(|_| {})
    }
}

impl Database {
    /// One that tells which query it runs, such as `checked(Id(1))`.
    pub fn watched(ran: impl Fn(String) + Send + Sync + 'static) -> Self {
        let watch = move |event: salsa::Event| {
            if let salsa::EventKind::WillExecute { database_key } = event.kind {
                ran(format!("{database_key:?}"));
            }
        };
        let db = Self { storage: salsa::Storage::new(Some(Box::new(watch))) };
        let module = |(name, text): &(&str, &str)| {
            let builder = SourceFile::builder((*name).to_owned(), format!("{name}.emr"), (*text).to_owned());
            builder.durability(Durability::HIGH).new(&db)
        };
        let files = library::PRELUDE.iter().chain(library::LIBRARY).chain(library::CONNECTORS).map(module).collect();
        let _: Library = Library::builder(files).durability(Durability::HIGH).new(&db);
        db
    }

    pub fn open(&self, module: &str, path: &str, text: String) -> SourceFile {
        SourceFile::new(self, module.to_owned(), path.to_owned(), text)
    }

    pub fn project(&self, files: Vec<SourceFile>, settings: Settings, standards: Standards) -> Project {
        self.project_with(files, Vec::new(), settings, standards)
    }

    /// The same with the files of rows that its declarations name, by their places.
    pub fn project_with(
        &self,
        files: Vec<SourceFile>,
        data: Vec<(String, Content)>,
        settings: Settings,
        standards: Standards,
    ) -> Project {
        let data = data.into_iter().map(|(path, content)| DataFile::new(self, path, content)).collect();
        Project::builder(files, settings, standards, data).standards_durability(Durability::HIGH).new(self)
    }

    /// A file of rows has this content from now on.
    pub fn supply(&mut self, project: Project, path: &str, content: Content) {
        let known = data_files(self, project).get(path).copied();
        match known {
            Some(known) => {
                known.set_content(self).to(content);
            }
            None => {
                let file = DataFile::new(self, path.to_owned(), content);
                let data = project.data(self).iter().copied().chain([file]).collect();
                project.set_data(self).to(data);
            }
        }
    }

    pub fn edit(&mut self, file: SourceFile, text: String) {
        file.set_text(self).to(text);
    }

    /// The project has these modules from now on.
    pub fn set_files(&mut self, project: Project, files: Vec<SourceFile>) {
        project.set_files(self).to(files);
    }
}

/// What `read` gives, or nothing if the database was written to meanwhile.
pub fn unless_edited<T>(read: impl FnOnce() -> T) -> Option<T> {
    salsa::Cancelled::catch(AssertUnwindSafe(read)).ok()
}
