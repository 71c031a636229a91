//! Tells people of an alarm: by the log, by a webhook, by mail. What is told holds names of the project and numbers.

use std::sync::Arc;
use std::time::Duration;

use lettre::message::{Mailbox, header::ContentType};
use lettre::transport::smtp::authentication::Credentials;
use lettre::{AsyncSmtpTransport, AsyncTransport, Message, Tokio1Executor};
use serde::Deserialize;
use serde_json::json;
use tracing::{error, info, warn};

use crate::clock;
use crate::connector::tls::{Secret, Secrets, Why};
use crate::connector::web::client;

/// `to` of an alarm.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum To {
    Email(String),
    /// The secret is the address that is posted to.
    Webhook(Secret),
    Log,
}

/// Where mail is handed over.
#[derive(Clone, Debug)]
pub struct Mail {
    /// `smtps://mail.example.org`, or `smtp://mail.example.org:587?tls=required`.
    pub server: String,
    pub from: String,
    pub user: Option<String>,
    pub password: Option<Vec<u8>>,
}

/// What is told once when an alarm begins, and once when it is over.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Told {
    pub alarm: String,
    pub is_over: bool,
    /// Microseconds since 1970.
    pub at: i64,
    /// `ehr.queued is 5210`
    pub measures: Vec<String>,
}

/// Tells, as often as is needed to be heard.
#[derive(Clone)]
pub enum Teller {
    Log,
    Webhook { client: reqwest::Client, url: reqwest::Url },
    Mail { transport: Arc<AsyncSmtpTransport<Tokio1Executor>>, from: Mailbox, to: Mailbox },
}

const UNREACHED: &str = "the webhook cannot be reached";

/// How often it is tried.
const TRIES: u32 = 10;

/// How long it waits behind the first try; then twice as long each time.
const FIRST_WAIT: Duration = Duration::from_secs(1);

/// How long a try may take.
const PATIENCE: Duration = Duration::from_secs(30);

impl Teller {
    /// # Errors
    /// A secret is not to be had or is no address, or nothing says where mail is handed over.
    pub fn new(to: &To, mail: Option<&Mail>, secrets: &Secrets) -> Result<Teller, Why> {
        Ok(match to {
            To::Log => Teller::Log,
            To::Webhook(secret) => {
                let url = reqwest::Url::parse(&secret.text(secrets)?);
                let url = url.map_err(|_| format!("the secret `{}` is no address", secret.name()))?;
                Teller::Webhook { client: client::plain(PATIENCE)?, url }
            }
            To::Email(address) => {
                let mail =
                    mail.ok_or("nothing says where mail is handed over: set `smtp` in `[operations]` of `emr.toml`")?;
                let mailbox = |text: &str| text.parse().map_err(|_| format!("`{text}` is no address of mail"));
                let (from, to) = (mailbox(&mail.from)?, mailbox(address)?);
                Teller::Mail { transport: Arc::new(transport(mail)?), from, to }
            }
        })
    }

    /// Whether whoever is to be told is there: a webhook that answers, be it that it wants to be posted to, and a mail server
    /// that lets us in.
    ///
    /// # Errors
    /// Why not.
    pub async fn reach(&self) -> Result<(), Why> {
        match self {
            Teller::Log => Ok(()),
            // A HEAD changes nothing (RFC 9110 §9.2.1).
            Teller::Webhook { client, url } => {
                client.head(url.clone()).send().await.map(drop).map_err(|_| UNREACHED.to_owned())
            }
            Teller::Mail { transport, .. } => match transport.test_connection().await {
                Ok(true) => Ok(()),
                Ok(false) => Err("the mail server is not ready".to_owned()),
                Err(why) => Err(refused(&why)),
            },
        }
    }

    /// Returns when it was told, or was tried often enough.
    pub async fn tell(self, told: Told) {
        let mut wait = FIRST_WAIT;
        for tried in 1..=TRIES {
            let Err(why) = self.once(&told).await else { return };
            if tried == TRIES {
                error!(alarm = told.alarm, is_over = told.is_over, why, "an alarm could not be told");
                return;
            }
            warn!(alarm = told.alarm, tried, why, "an alarm could not be told yet");
            tokio::time::sleep(wait).await;
            wait *= 2;
        }
    }

    async fn once(&self, told: &Told) -> Result<(), String> {
        let measures = told.measures.join(", ");
        match self {
            Teller::Log if told.is_over => info!(alarm = told.alarm, measures, "an alarm is over"),
            Teller::Log => warn!(alarm = told.alarm, measures, "an alarm has begun"),
            Teller::Webhook { client, url } => {
                let request = client.post(url.clone()).json(&told.json());
                // The address is a secret, and so is not told.
                let answer = request.send().await.map_err(|_| UNREACHED.to_owned())?;
                let status = answer.status();
                if !status.is_success() {
                    return Err(format!("the webhook answers {}", status.as_u16()));
                }
            }
            Teller::Mail { transport, from, to } => {
                let message = Message::builder().from(from.clone()).to(to.clone()).subject(told.subject());
                let message =
                    message.header(ContentType::TEXT_PLAIN).body(told.text()).map_err(|why| why.to_string())?;
                transport.send(message).await.map_err(|why| refused(&why))?;
            }
        }
        Ok(())
    }
}

impl Told {
    fn state(&self) -> &'static str {
        if self.is_over { "over" } else { "begun" }
    }

    fn json(&self) -> serde_json::Value {
        json!({ "alarm": self.alarm, "state": self.state(), "at": clock::instant(self.at), "measures": self.measures })
    }

    fn subject(&self) -> String {
        let what = if self.is_over { "is over" } else { "has begun" };
        format!("emr: alarm {} {what}", self.alarm)
    }

    fn text(&self) -> String {
        format!("{}, {}\n\n{}\n", self.subject(), clock::instant(self.at), self.measures.join("\n"))
    }
}

fn transport(mail: &Mail) -> Result<AsyncSmtpTransport<Tokio1Executor>, Why> {
    let url = reqwest::Url::parse(&mail.server).map_err(|_| format!("`{}` is no address of a server", mail.server))?;
    let host = url.host_str().unwrap_or_default();
    let is_here = matches!(host, "localhost" | "127.0.0.1" | "[::1]");
    let is_tls = url.scheme() == "smtps" || url.query() == Some("tls=required");
    if !is_tls && !is_here {
        return Err(format!("mail to `{host}` would go without TLS: say `smtps://` or `?tls=required`"));
    }
    let builder = AsyncSmtpTransport::<Tokio1Executor>::from_url(&mail.server);
    let builder =
        builder.map_err(|_| format!("`{}` is no address of a mail server", mail.server))?.timeout(Some(PATIENCE));
    Ok(match (&mail.user, &mail.password) {
        (Some(user), Some(password)) => {
            let password = String::from_utf8_lossy(password).trim_end_matches(['\r', '\n']).to_owned();
            builder.credentials(Credentials::new(user.clone(), password))
        }
        _ => builder,
    }
    .build())
}

/// What a mail server says may hold addresses: its code is enough.
fn refused(why: &lettre::transport::smtp::Error) -> String {
    match why.status() {
        Some(code) => format!("the mail server answers {code}"),
        None if why.is_timeout() => "the mail server takes too long".to_owned(),
        None => "the mail server cannot be reached".to_owned(),
    }
}
