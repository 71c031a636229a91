//! Asks a FHIR server at intervals, and takes in each version of a resource that it did not have before.
//!
//! What was taken is known by type, id and version, so that nothing is taken twice that a search gives twice. The time from
//! which it asks is kept on disk once all that was found is in the journal.

use std::io;
use std::sync::Arc;
use std::time::{Duration, Instant};

use jiff::{SignedDuration, Timestamp};
use serde::Deserialize;
use tokio::sync::watch;
use tokio::time::sleep;

use super::super::web::ask;
use super::super::{Feed, Places, Reaching, Serving, Why};
use super::search::{self, Search, Turned};
use super::since::Since;
use crate::flow::intake::{Intake, Sent};
use crate::flow::retry::Failure;
use crate::flow::seen::Verdict;
use crate::flow::witness::Happening;
use crate::journal::fs::{Disk, Fs};

/// What a feed from `timer` is told. Times in milliseconds.
#[derive(Clone, Debug, Deserialize)]
pub struct Settings {
    every: u64,
    search: search::Settings,
    #[serde(flatten)]
    server: ask::Settings,
}

/// How far a search goes back behind the last one: what a server was writing then may have an earlier time and come later.
const OVERLAP: SignedDuration = SignedDuration::from_secs(60);

/// A server that is asked.
pub struct Asked {
    every: Duration,
    search: Search,
    since: Since,
}

impl Asked {
    /// `name` is that of the feed, in the folder of whose journal it is kept how far it came.
    ///
    /// # Errors
    /// What its TLS or its credentials need is not to be had.
    pub fn new(name: &str, settings: &Settings, places: &Places) -> Result<Asked, Why> {
        let server = ask::Server::new(&settings.server, &places.project, &places.secrets)?;
        let since = Since::open(places.journal.join(format!("{name}.since")));
        Ok(Asked {
            every: Duration::from_millis(settings.every),
            search: Search::new(&settings.search, server)?,
            since: since.map_err(|why| format!("it is not known up to when it asked: {why}"))?,
        })
    }
}

impl Feed for Asked {
    fn listen(self: Box<Self>, intake: Arc<Intake<Disk>>, stop: watch::Receiver<bool>) -> io::Result<Serving> {
        Ok(Box::pin(self.serve(intake, stop)))
    }

    /// By the first page of what it asks for each time, which is not taken in.
    fn reach(&self) -> Reaching<'_> {
        Box::pin(async move {
            let page = self.search.page(&self.search.first(self.since.time)).await;
            page.map(drop).map_err(|failure| failure.why().to_owned())
        })
    }
}

impl Asked {
    async fn serve<F: Fs>(mut self: Box<Self>, intake: Arc<Intake<F>>, mut stop: watch::Receiver<bool>) {
        while !*stop.borrow() {
            tokio::select! {
                () = self.asked(&intake) => {}
                _ = stop.wait_for(|stop| *stop) => return,
            }
            tokio::select! {
                () = sleep(self.every) => {}
                _ = stop.wait_for(|stop| *stop) => return,
            }
        }
    }

    async fn asked<F: Fs>(&mut self, intake: &Intake<F>) {
        let (begun, mut found) = (Instant::now(), 0);
        // What a search that fails has found is known to the next.
        let end = self.ask(intake, &mut found).await;
        intake.see(&Happening::Asked { found, took: begun.elapsed(), failure: end.as_ref().err() });
    }

    /// Takes in all pages of one search, and counts what is on them.
    async fn ask<F: Fs>(&mut self, intake: &Intake<F>, count: &mut usize) -> Result<(), Failure> {
        let mut next = Some(self.search.first(self.since.time));
        let (mut at, mut turned) = (None, Turned::default());
        while let Some(url) = next {
            turned.turn(&url)?;
            let page = self.search.page(&url).await?;
            // The server's own clock, and that of its first page: what changes meanwhile is found the next time.
            let latest = page.found.iter().filter_map(|found| found.updated).max();
            at = at.or(page.at).or(latest);
            *count += page.found.len();
            point!("timer.page");
            let mut answers = Vec::new();
            for found in page.found {
                let sent = Sent { message: found.bytes, file: None, claim: Some(found.claim) };
                answers.push(intake.take(sent).await.ok_or_else(no_room)?);
            }
            for mut answer in answers {
                if answer.stored().await == Some(Verdict::Later) {
                    return Err(no_room());
                }
            }
            point!("timer.taken");
            next = page.next;
        }
        self.noted(at).await;
        point!("timer.noted");
        Ok(())
    }

    async fn noted(&mut self, at: Option<Timestamp>) {
        let Some(since) = at.and_then(|at| at.checked_sub(OVERLAP).ok()) else { return };
        if self.since.time.is_none_or(|known| known < since) {
            // The next process finds the same once more, and knows it.
            let _ = self.since.note(since).await;
        }
    }
}

fn no_room() -> Failure {
    Failure::Passing("there is no room for what it gives".to_owned())
}
