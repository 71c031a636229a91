//! Who looks on while `emr run` runs, and what they are told to do.

use std::path::Path;
use std::sync::Arc;

use emr_runtime::flow::witness::Witness;
use emr_runtime::observe::audit::{Audit, Said, What};
use emr_runtime::observe::log::{self, Format, Log, Teller};

#[derive(clap::Args)]
pub struct Looking {
    /// How the log on standard error is written
    #[arg(long, value_enum, value_name = "FORMAT", default_value = "text")]
    log: Written,
    /// The least that stands in the log
    #[arg(long, value_enum, value_name = "LEVEL", default_value = "info")]
    log_level: Level,
}

#[derive(Clone, Copy, clap::ValueEnum)]
enum Written {
    /// A line as people read it
    Text,
    /// An object for each line
    Json,
}

#[derive(Clone, Copy, clap::ValueEnum)]
enum Level {
    Error,
    Warn,
    Info,
    /// Each step of each message
    Debug,
}

/// All that look on.
pub struct Watch {
    pub log: Log,
    audit: Arc<Audit>,
    pub witness: Arc<dyn Witness>,
}

impl Watch {
    /// The project was to be changed; with the reason why it was not.
    pub fn reloaded(&self, why_not: Option<&str>) {
        self.log.reloads(why_not);
        self.audit.note(asked(What::Reloaded, why_not));
    }

    /// A route that is held was to deliver; with the reason why it does not.
    pub fn started(&self, route: &str, why_not: Option<&str>) {
        self.audit.note(Said { way: Some(route.to_owned()), ..asked(What::Asked, why_not) });
    }

    /// When nothing happens any more.
    pub fn end(self) {
        self.audit.stop();
    }
}

fn asked(what: What, why_not: Option<&str>) -> Said {
    Said { is_refused: why_not.is_some(), why: why_not.map(str::to_owned), ..Said::now(what) }
}

impl Looking {
    /// `journals` is the folder of the journals, which is this process's alone.
    ///
    /// # Errors
    /// The audit cannot be written, or the system gives no thread.
    pub fn begin(&self, journals: &Path) -> std::io::Result<Watch> {
        let format = match self.log {
            Written::Text => Format::Text,
            Written::Json => Format::Json,
        };
        let log = log::start(format, self.log_level.into())?;
        let audit = Arc::new(Audit::start(journals, env!("CARGO_PKG_VERSION"))?);
        let witnesses: Vec<Arc<dyn Witness>> = vec![Arc::new(Teller::default()), Arc::clone(&audit) as _];
        Ok(Watch { log, audit, witness: Arc::new(witnesses) })
    }
}

impl From<Level> for log::Level {
    fn from(level: Level) -> log::Level {
        match level {
            Level::Error => log::Level::ERROR,
            Level::Warn => log::Level::WARN,
            Level::Info => log::Level::INFO,
            Level::Debug => log::Level::DEBUG,
        }
    }
}
