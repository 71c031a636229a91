//! Reads single records while others are added.

use std::io;
use std::sync::{Arc, Mutex, PoisonError};

use bytes::Bytes;

use super::super::frame::{self, HEAD};
use super::super::fs::{File, Fs};
use super::folder::Folder;
use super::record::{Damage, Fault, Place};

/// Reads records by their places.
#[derive(Clone)]
pub struct Reader<F: Fs> {
    folder: Folder<F>,
    /// The segment that was read last: most often the next record is in the same one.
    last: Arc<Mutex<Option<Last<F>>>>,
}

/// An open segment, and the number of its first record.
type Last<F> = (u64, Arc<<F as Fs>::File>);

impl<F: Fs> Reader<F> {
    pub(super) fn of(folder: Folder<F>) -> Reader<F> {
        Reader { folder, last: Arc::default() }
    }

    fn segment(&self, first: u64) -> io::Result<Arc<F::File>> {
        let mut last = self.last.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((known, file)) = &*last
            && *known == first
        {
            return Ok(Arc::clone(file));
        }
        let file = Arc::new(self.folder.open(first)?);
        *last = Some((first, Arc::clone(&file)));
        Ok(file)
    }

    /// The body of a record.
    ///
    /// # Errors
    /// The file system refuses, or what stands there is not that record.
    pub fn read(&self, place: Place) -> Result<Bytes, Fault> {
        let file = self.segment(place.segment)?;
        let mut bytes = vec![0; place.length];
        file.read_at(place.at, &mut bytes)?;
        let found = frame::alone(&bytes).filter(|frame| frame.number == place.number);
        let length = found.map(|frame| frame.body.len());
        let body = length.map(|length| Bytes::from(bytes).slice(HEAD..HEAD + length));
        body.ok_or(Fault::Damaged(Damage { segment: place.segment, at: place.at, from: place.number, to: None }))
    }
}
