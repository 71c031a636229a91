//! Who looks on while `emr run` runs, and what they are told to do.

use std::env;
use std::sync::Arc;

use emr_abi::wiring::Wiring;
use emr_runtime::clock;
use emr_runtime::connector::{Listening, Places};
use emr_runtime::control::api::rights::Rights;
use emr_runtime::control::api::{self, Api};
use emr_runtime::control::operations::Operations;
use emr_runtime::flow::backlog::Backlogs;
use emr_runtime::flow::witness::Witness;
use emr_runtime::observe::alarm::{Alarms, Mail};
use emr_runtime::observe::audit::{Audit, Said, What};
use emr_runtime::observe::log::{self, Format, Log, Teller};
use emr_runtime::observe::metrics::Metrics;
use emr_runtime::observe::serve::{self, Stage};
use emr_runtime::observe::trace;
use tokio::sync::watch;
use tokio::task::JoinHandle;

use super::standing::Standing;
use crate::end::End;

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
    metrics: Arc<Metrics>,
    pub witness: Arc<dyn Witness>,
    places: Places,
    mail: Option<Mail>,
    /// What sends traces, until it does.
    sending: Option<trace::Sending>,
    traces: Option<Task>,
    alarms: Option<Task>,
    /// How far the engine is, for whoever asks whether it is ready.
    stage: watch::Sender<Stage>,
    served: Option<Task>,
    answered: Option<Task>,
    /// As it was when the engine started.
    standing: Standing,
}

/// What answers admins, before anybody is heard.
pub struct Admin {
    listening: Listening,
    rights: Rights,
    listen: String,
}

/// Something that goes on until it is told to stop.
struct Task {
    stop: watch::Sender<bool>,
    going: JoinHandle<()>,
}

impl Task {
    fn spawn<G: Future<Output = ()> + Send + 'static>(begin: impl FnOnce(watch::Receiver<bool>) -> G) -> Task {
        let (stop, stopped) = watch::channel(false);
        Task { stop, going: tokio::spawn(begin(stopped)) }
    }

    async fn stop(self) {
        self.stop.send_replace(true);
        let _ = self.going.await;
    }
}

impl Watch {
    /// The alarms of a project, where they have all that they need.
    ///
    /// # Errors
    /// Some alarm lacks something: says which and what.
    pub fn alarms(&self, wiring: &Wiring) -> Result<Option<Alarms>, String> {
        let ready = Alarms::ready(wiring, &self.places, self.mail.as_ref(), &self.metrics);
        ready.map_err(|(alarm, why)| format!("alarm {alarm}: {why}"))
    }

    /// From here on metrics and health can be read, where the project says where. What answers admins is ready, and nobody is
    /// heard yet.
    ///
    /// # Errors
    /// An address, a certificate or a key is not to be had.
    pub async fn serve(&mut self) -> Result<Option<Admin>, End> {
        if let Some(at) = self.standing.metrics() {
            let refused = |why: String| End::World(format!("operations: {why}"));
            let listening = serve::listening(&at, &self.places).await.map_err(refused)?;
            let (stop, stopped) = watch::channel(false);
            let serving = serve::serve(listening, Arc::clone(&self.metrics), self.stage.subscribe(), stopped);
            let serving = serving.map_err(|why| refused(format!("it cannot listen on `{}`: {why}", at.listen)))?;
            self.served = Some(Task { stop, going: tokio::spawn(serving) });
            self.log.serves(&at.listen);
        }
        let Some((at, rights)) = self.standing.admin() else { return Ok(None) };
        let listening = api::listening(&at, &self.places).await.map_err(|why| End::World(format!("admin: {why}")))?;
        Ok(Some(Admin { listening, rights, listen: at.listen }))
    }

    /// From here on admins are heard.
    ///
    /// # Errors
    /// The system does not let it listen.
    pub fn answer(&mut self, admin: Admin, operations: Arc<Operations>) -> Result<(), End> {
        let Admin { listening, rights, listen } = admin;
        let (stop, stopped) = watch::channel(false);
        let api = Api { operations, journals: self.places.journal.clone(), audit: Arc::clone(&self.audit), rights };
        let refused = |why| End::World(format!("admin: it cannot listen on `{listen}`: {why}"));
        let serving = api::serve(listening, api, stopped).map_err(refused)?;
        self.answered = Some(Task { stop, going: tokio::spawn(serving) });
        self.log.answers(&listen);
        Ok(())
    }

    /// The sections of `emr.toml` that are others now, and count from the next start on: the log says so too.
    pub fn later(&self, next: &Standing) -> Vec<String> {
        let changed = self.standing.changed(next);
        changed.iter().for_each(|section| self.log.later(section));
        changed
    }

    /// From here on feeds listen, and these alarms are looked at, and no others.
    pub async fn look(&mut self, alarms: Option<Alarms>, backlogs: Backlogs) {
        self.stage.send_replace(Stage::Running(backlogs.clone()));
        if let Some(before) = self.alarms.take() {
            before.stop().await;
        }
        let metrics = Arc::clone(&self.metrics);
        self.alarms = alarms.map(|alarms| Task::spawn(|stop| alarms.watch(metrics, backlogs, stop)));
        if let Some(sending) = self.sending.take() {
            self.traces = Some(Task::spawn(|stop| sending.run(stop)));
        }
    }

    /// The engine is about to stop.
    pub fn stops(&self, backlogs: Backlogs) {
        self.stage.send_replace(Stage::Stopping(backlogs));
        // Whoever is being answered gets the answer; nobody else is heard.
        self.answered.iter().for_each(|task| _ = task.stop.send_replace(true));
        self.log.stops();
    }

    /// When nothing happens any more.
    pub async fn stop(&mut self) {
        for task in
            [self.alarms.take(), self.traces.take(), self.answered.take(), self.served.take()].into_iter().flatten()
        {
            task.stop().await;
        }
    }

    /// The project was to be changed, by somebody or because its files have changed; with the reason why it was not.
    pub fn reloaded(&self, who: Option<&str>, why_not: Option<&str>) {
        self.log.reloads(why_not);
        self.audit.note(asked(What::Reloaded, who, why_not));
    }

    /// A route that is held was to deliver; with the reason why it does not.
    pub fn started(&self, route: &str, who: Option<&str>, why_not: Option<&str>) {
        self.audit.note(Said { way: Some(route.to_owned()), ..asked(What::Asked, who, why_not) });
    }

    /// Writes the last of it.
    pub fn end(self) {
        self.audit.stop();
    }
}

fn asked(what: What, who: Option<&str>, why_not: Option<&str>) -> Said {
    let [who, why] = [who, why_not].map(|it| it.map(str::to_owned));
    Said { is_refused: why.is_some(), why, who, ..Said::now(what) }
}

impl Looking {
    /// The folder of the journals must be this process's alone.
    ///
    /// # Errors
    /// The audit cannot be written, the system gives no thread, or what `emr.toml` or the environment says is not to be had.
    pub fn begin(&self, wiring: &Wiring, places: Places, standing: Standing) -> Result<Watch, End> {
        let format = match self.log {
            Written::Text => Format::Text,
            Written::Json => Format::Json,
        };
        let log = log::start(format, self.log_level.into())?;
        let mail = mail(&standing, &places)?;
        let audit = Arc::new(Audit::start(&places.journal, VERSION).map_err(End::World)?);
        let metrics = Arc::new(Metrics::new(wiring, VERSION, clock::microseconds()));
        let mut witnesses: Vec<Arc<dyn Witness>> =
            vec![Arc::new(Teller::default()), Arc::clone(&metrics) as _, Arc::clone(&audit) as _];
        let mut sending = None;
        if let Some(settings) = traced() {
            let (traces, sends) = trace::traces(settings).map_err(End::Call)?;
            witnesses.push(Arc::new(traces));
            sending = Some(sends);
        }
        let witness = Arc::new(witnesses);
        let stage = watch::Sender::default();
        let (traces, alarms, served, answered) = (None, None, None, None);
        Ok(Watch {
            log,
            audit,
            metrics,
            witness,
            places,
            mail,
            sending,
            traces,
            alarms,
            stage,
            served,
            answered,
            standing,
        })
    }
}

const VERSION: &str = env!("CARGO_PKG_VERSION");

/// Where mail is handed over, by `[operations]` of `emr.toml`.
///
/// # Errors
/// It lacks a setting, or its secret is not to be had.
pub fn mail(standing: &Standing, places: &Places) -> Result<Option<Mail>, End> {
    let text = |name: &str| standing.operations(name);
    let Some(server) = text("smtp") else { return Ok(None) };
    let from = text("mail_from").ok_or_else(|| End::Call("`smtp` in `emr.toml` needs `mail_from`".to_owned()))?;
    let password = match text("mail_password") {
        None => None,
        Some(name) => Some((places.secrets)(&name).map_err(End::World)?),
    };
    Ok(Some(Mail { server, from, user: text("mail_user"), password }))
}

/// Where traces go, by the names that OpenTelemetry has for it.
fn traced() -> Option<trace::Settings> {
    /// One of so many messages is traced where nothing is said.
    const RATIO: f64 = 0.01;
    let endpoint = env::var("OTEL_EXPORTER_OTLP_ENDPOINT").ok().filter(|text| !text.is_empty())?;
    let headers = env::var("OTEL_EXPORTER_OTLP_HEADERS").unwrap_or_default();
    let headers = headers.split(',').filter_map(|pair| pair.split_once('='));
    let headers = headers.map(|(name, value)| (name.trim().to_owned(), value.trim().to_owned())).collect();
    let ratio = env::var("OTEL_TRACES_SAMPLER_ARG").ok().and_then(|text| text.parse().ok()).unwrap_or(RATIO);
    Some(trace::Settings { endpoint, headers, ratio, version: VERSION.to_owned() })
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
