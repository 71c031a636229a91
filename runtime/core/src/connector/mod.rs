//! What brings messages in and takes them out: a folder for each connector, and here the list of them.

mod batch;
pub mod fhir;
pub mod file;
pub mod http;
mod listen;
pub mod log;
pub mod mllp;
pub mod replay;
pub mod sql;
pub mod template;
pub mod timer;
pub mod tls;
pub(crate) mod web;

use std::io;
use std::path::PathBuf;
use std::pin::Pin;
use std::sync::Arc;

use emr_abi::fhir::Definitions;
use emr_abi::wiring;
use emr_message::answer::{self, Answer, Code, Problem};
use emr_message::header::Header;
use serde::de::DeserializeOwned;
use tokio::sync::watch;

use crate::clock;
use crate::flow::deliver::Target;
use crate::flow::intake::Intake;
use crate::flow::tables::Table;
use crate::journal::fs::Disk;
use crate::journal::space::Reserve;
use tls::Secrets;
pub use web::clients::Settings as Callers;
pub use web::listening::{At, Listening};

/// Where a project is, its secrets, and what is known where it runs.
#[derive(Clone)]
pub struct Places {
    /// The folder of `emr.toml`, from which the paths of settings are counted.
    pub project: PathBuf,
    /// Where the journals of its feeds are.
    pub journal: PathBuf,
    pub secrets: Secrets,
    /// What is kept free on the disk of the journals.
    pub reserve: Reserve,
    /// The types of FHIR, for whoever writes it in XML.
    pub fhir: Definitions,
}

/// A feed that has all it needs, and that nobody has heard of yet.
pub trait Feed: Send {
    /// From here on others are heard. What comes back takes messages until it is told to stop, and then ends what it
    /// began.
    ///
    /// # Errors
    /// The system does not let it listen.
    fn listen(self: Box<Self>, intake: Arc<Intake<Disk>>, stop: watch::Receiver<bool>) -> io::Result<Serving>;

    /// Whether that is there which it goes and takes from, for whoever asks before a start. One that others come to needs
    /// nothing more than it has.
    fn reach(&self) -> Reaching<'_> {
        Box::pin(std::future::ready(Ok(())))
    }
}

/// What looks whether something is there.
pub type Reaching<'a> = Pin<Box<dyn Future<Output = Result<(), Why>> + Send + 'a>>;

/// A feed that takes messages.
pub type Serving = Pin<Box<dyn Future<Output = ()> + Send>>;

/// Why something is not to be had: in the words of the person who set it, and without what a secret holds.
pub type Why = String;

/// The feed of the wiring. An address that it listens on is its own from here on.
///
/// # Errors
/// A setting names what is not to be had, or the connector is not carried out.
pub async fn feed(feed: &wiring::Feed, places: &Places) -> Result<Box<dyn Feed>, Why> {
    let settings = &feed.settings;
    Ok(match feed.connector.as_str() {
        "mllp" => Box::new(mllp::feed::Listener::new(read(settings)?, places).await?),
        "http" => Box::new(http::feed::Posted::new(read(settings)?, feed, places).await?),
        "fhir" => Box::new(fhir::feed::Written::new(read(settings)?, feed, places).await?),
        "file" => Box::new(file::feed::Folder::new(read(settings)?, places)),
        "replay" => Box::new(replay::feed::Again::new(&feed.name, &read(settings)?, places)?),
        "timer" => Box::new(timer::feed::Asked::new(&feed.name, &read(settings)?, places)?),
        other => return Err(not_carried_out(other)),
    })
}

/// The target of that name: its connector with its settings, as JSON.
///
/// # Errors
/// As for [`feed`].
pub fn target(name: &str, connector: &str, settings: &str, places: &Places) -> Result<Arc<dyn Target>, Why> {
    let Places { project, secrets, fhir, .. } = places;
    Ok(match connector {
        "mllp" => Arc::new(mllp::target::Peer::new(read(settings)?, project, secrets)?),
        "fhir" => Arc::new(fhir::target::Server::new(read(settings)?, project, secrets, fhir)?),
        "http" => Arc::new(http::target::Service::new(read(settings)?, project, secrets)?),
        "file" => Arc::new(file::target::Files::new(read(settings)?, project.clone())),
        "log" => Arc::new(log::target::Lines::new(name, &read(settings)?)),
        _ => return Err(not_carried_out(connector)),
    })
}

/// What a table asks.
///
/// # Errors
/// As for [`feed`].
pub fn table(table: &wiring::Table, places: &Places) -> Result<Arc<dyn Table>, Why> {
    let Places { project, secrets, .. } = places;
    let columns = || table.columns.iter().map(|column| column.name.clone()).collect();
    Ok(match table.connector.as_str() {
        "sql" => Arc::new(sql::table::Database::new(read(&table.settings)?, columns(), project, secrets)?),
        "fhir" => Arc::new(fhir::table::Found::new(read(&table.settings)?, project, secrets)?),
        other => return Err(not_carried_out(other)),
    })
}

/// Settings as the compiler wrote them; that they do not fit is a fault of emr itself.
///
/// # Errors
/// They do not fit.
pub fn read<T: DeserializeOwned>(settings: &str) -> Result<T, Why> {
    serde_json::from_str(settings).map_err(|why| format!("its settings cannot be read: {why}"))
}

/// The acknowledgment of a message with that header, at this moment.
fn answered(header: &Header<'_>, code: Code, problems: &[Problem]) -> Vec<u8> {
    let now = clock::microseconds();
    let (id, time) = (clock::unique(now), clock::hl7(now));
    answer::write(header, &Answer { code, problems, id: &id, time: &time })
}

fn not_carried_out(connector: &str) -> Why {
    format!("`{connector}` is not carried out yet")
}
