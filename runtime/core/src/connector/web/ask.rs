//! Asks a server, and judges what its status means for a delivery.

use std::path::Path;
use std::time::Duration;

use reqwest::{Client, RequestBuilder, Response, StatusCode};
use serde::Deserialize;
use tokio::sync::Semaphore;

use super::super::tls::{Secrets, Why};
use super::auth::{self, Auth};
use super::client;
use crate::flow::retry::Failure;

/// What of the settings of a target concerns the server that it writes to.
#[derive(Clone, Debug, Deserialize)]
pub struct Settings {
    #[serde(default)]
    auth: auth::Settings,
    #[serde(flatten)]
    client: client::Settings,
    /// Codes of HTTP that ask for another try.
    #[serde(default)]
    retry_on: Vec<String>,
}

/// A server that knows us.
pub struct Server {
    /// How long it may take to answer.
    pub patience: Duration,
    client: Client,
    auth: Auth,
    retry_on: Vec<String>,
    room: Semaphore,
}

/// What a server says.
pub struct Answer {
    pub status: StatusCode,
    pub body: Vec<u8>,
}

/// The longest answer that is read.
const ANSWER_MAX: usize = 16 << 20;

impl Server {
    /// # Errors
    /// What its TLS or its credentials need is not to be had.
    pub fn new(settings: &Settings, folder: &Path, secrets: &Secrets) -> Result<Server, Why> {
        Ok(Server {
            patience: Duration::from_millis(settings.client.timeout),
            auth: Auth::new(&settings.auth, secrets)?,
            client: client::client(&settings.client, folder, secrets)?,
            retry_on: settings.retry_on.clone(),
            room: Semaphore::new(settings.client.connections),
        })
    }

    /// Sends a request; where the server does not believe who we are, once more with another token.
    ///
    /// # Errors
    /// There is no answer, or no token to ask with.
    pub async fn ask(&self, request: impl Fn(&Client) -> RequestBuilder) -> Result<Answer, Failure> {
        let _room = self.room.acquire().await;
        let answer = self.once(request(&self.client)).await?;
        let is_unknown = matches!(answer.status(), StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN);
        let answer =
            if is_unknown && self.auth.refused().await { self.once(request(&self.client)).await? } else { answer };
        Ok(Answer { status: answer.status(), body: limited(answer).await? })
    }

    async fn once(&self, request: RequestBuilder) -> Result<Response, Failure> {
        let request = self.auth.shown(&self.client, request).await.map_err(Failure::Passing)?;
        point!("web.send");
        let answer = request.send().await;
        point!("web.sent");
        answer.map_err(|why| unreached(&why))
    }

    /// What a status means that is no success. `who` begins the sentence: `it answers`.
    pub fn failure(&self, code: u16, who: &str) -> Failure {
        let why = format!("{who} {code}");
        let is_asked = self.retry_on.iter().any(|asked| *asked == code.to_string());
        match code {
            401 | 403 => Failure::Unknown(why),
            408 | 425 | 429 | 500..=599 => Failure::Passing(why),
            _ if is_asked => Failure::Passing(why),
            _ => Failure::Final(why),
        }
    }
}

/// Why there is no answer, without the address and what was sent to it.
fn unreached(why: &reqwest::Error) -> Failure {
    let why = if why.is_timeout() {
        "it does not answer in time"
    } else if why.is_connect() {
        "it cannot be reached"
    } else {
        "the connection is lost"
    };
    Failure::Passing(why.to_owned())
}

async fn limited(mut answer: Response) -> Result<Vec<u8>, Failure> {
    let mut body = Vec::new();
    while let Some(part) = answer.chunk().await.map_err(|why| unreached(&why))? {
        if body.len() + part.len() > ANSWER_MAX {
            return Err(Failure::Passing("its answer is too long".to_owned()));
        }
        body.extend_from_slice(&part);
    }
    Ok(body)
}
