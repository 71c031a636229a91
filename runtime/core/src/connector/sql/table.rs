//! Asks a database for the row of some keys. The statement is prepared once for each connection, and keys are handed over
//! beside it: they are never a part of its text.

use std::collections::BTreeMap;
use std::error::Error;
use std::path::Path;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use bytes::{BufMut, BytesMut};
use serde::Deserialize;
use serde_json::Value;
use serde_json::value::RawValue;
use tokio::sync::Semaphore;
use tokio::task::AbortHandle;
use tokio::time::timeout;
use tokio_postgres::config::SslMode;
use tokio_postgres::error::SqlState;
use tokio_postgres::types::{Format, IsNull, ToSql, Type};
use tokio_postgres::{Client, Config, Statement};

use super::super::tls::{self, Secret, Secrets, Why};
use super::tls::Tls;
use crate::flow::retry::Failure;
use crate::flow::tables::{Asking, Row, Table};

/// What a table of `sql` is told. Times in milliseconds.
#[derive(Deserialize)]
pub struct Settings {
    database: Secret,
    query: String,
    tls: Option<Told>,
    timeout: u64,
    connections: usize,
}

/// `none because "…"`, or whom we believe and what we show.
#[derive(Deserialize)]
#[serde(untagged)]
enum Told {
    None(tls::None),
    Tls(tls::Client),
}

/// A database, and what it is asked.
pub struct Database {
    config: Config,
    tls: Tls,
    /// Gives the row as JSON.
    query: String,
    /// The same as it is written, to see what its columns are.
    plain: String,
    columns: Vec<String>,
    patience: Duration,
    room: Semaphore,
    idle: Mutex<Vec<Link>>,
}

/// A connection with its statement. It ends when this goes.
struct Link {
    client: Client,
    statement: Statement,
    task: AbortHandle,
}

impl Drop for Link {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Link {
    /// Whether the text of some key is none of the type that it is compared with. Each is asked by itself: a query can come
    /// to the same fault by what stands in its tables.
    async fn is_no_key(&self, keys: &[&(dyn ToSql + Sync)]) -> Result<bool, Failure> {
        for (key, ty) in keys.iter().zip(self.statement.params()) {
            match self.client.query_typed("select $1 is null", &[(*key, ty.clone())]).await {
                Ok(_) => {}
                Err(why) if is_no_value(&why) => return Ok(true),
                Err(why) => return Err(failed(&why)),
            }
        }
        Ok(false)
    }
}

impl Database {
    /// # Errors
    /// The secret or what TLS needs is not to be had, or not what it must be.
    pub fn new(settings: Settings, columns: Vec<String>, folder: &Path, secrets: &Secrets) -> Result<Database, Why> {
        let written = settings.database.text(secrets)?;
        // What is wrong with it would show a part of it.
        let parsed = written.parse::<Config>();
        let mut config = parsed.map_err(|_| {
            format!(
                "the secret `{}` names no database: it is as `postgresql://user:password@host/database`",
                settings.database.name()
            )
        })?;
        let tls = match &settings.tls {
            Some(Told::None(tls::None::None)) => Tls::None,
            Some(Told::Tls(client)) => Tls::of(client, folder, secrets)?,
            None => Tls::of(&tls::Client::default(), folder, secrets)?,
        };
        let patience = Duration::from_millis(settings.timeout);
        config
            .ssl_mode(if matches!(tls, Tls::None) { SslMode::Disable } else { SslMode::Require })
            .connect_timeout(patience)
            .application_name("emr");
        Ok(Database {
            config,
            tls,
            // Two rows are enough to see that there are several. In JSON times and numbers are written as FHIR has them.
            query: format!("select row_to_json(found)::text from ({}\n) as found limit 2", settings.query),
            plain: settings.query,
            columns,
            patience,
            room: Semaphore::new(settings.connections),
            idle: Mutex::default(),
        })
    }

    async fn connect(&self) -> Result<Link, Failure> {
        let (client, connection) = self.config.connect(self.tls.clone()).await.map_err(|why| failed(&why))?;
        let task = tokio::spawn(async move {
            // That it ended badly is told to whoever asks next.
            let _ = connection.await;
        });
        let task = task.abort_handle();
        let statement = client.prepare(&self.query).await;
        let statement = statement.map_err(|why| failed(&why));
        match statement {
            Ok(statement) => Ok(Link { client, statement, task }),
            Err(failure) => {
                task.abort();
                Err(failure)
            }
        }
    }

    async fn row(&self, keys: &[String]) -> Result<Option<Row>, Failure> {
        let known = self.idle().pop().filter(|link| !link.client.is_closed());
        let link = match known {
            Some(link) => link,
            None => self.connect().await?,
        };
        let keys: Vec<Key> = keys.iter().map(|key| Key(key)).collect();
        let keys: Vec<&(dyn ToSql + Sync)> = keys.iter().map(|key| key as &(dyn ToSql + Sync)).collect();
        let found = match link.client.query(&link.statement, &keys).await {
            Ok(found) => found,
            // A text that is no number is the key of no row.
            Err(why) if is_no_value(&why) && link.is_no_key(&keys).await? => Vec::new(),
            Err(why) => return Err(failed(&why)),
        };
        // Whoever fails ends its connection.
        self.idle().push(link);
        match &found[..] {
            [] => Ok(None),
            [only] => {
                let text: String = only.try_get(0).map_err(|why| failed(&why))?;
                columns(&text).map(|columns| Some(Row::Columns(columns)))
            }
            _ => Err(Failure::Final("it gives several rows for one key".to_owned())),
        }
    }

    /// That it is there, takes the query, and gives the columns that the table has.
    async fn tried(&self) -> Result<(), Failure> {
        let link = self.connect().await?;
        let statement = link.client.prepare(&self.plain).await.map_err(|why| failed(&why))?;
        let gives = |name: &String| statement.columns().iter().any(|column| column.name() == name);
        match self.columns.iter().find(|name| !gives(name)) {
            Some(name) => Err(Failure::Final(format!("its query gives no column `{name}`"))),
            None => Ok(()),
        }
    }

    async fn in_time<T>(&self, asked: impl Future<Output = Result<T, Failure>>) -> Result<T, Failure> {
        let late = |_| Err(Failure::Passing("it does not answer in time".to_owned()));
        timeout(self.patience, asked).await.unwrap_or_else(late)
    }

    /// Whoever panicked left them as they are between two calls.
    fn idle(&self) -> MutexGuard<'_, Vec<Link>> {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Table for Database {
    fn ask<'a>(&'a self, keys: &'a [String]) -> Asking<'a, Option<Row>> {
        Box::pin(async move {
            let _room = self.room.acquire().await;
            self.in_time(self.row(keys)).await
        })
    }

    fn reach(&self) -> Asking<'_, ()> {
        Box::pin(self.in_time(self.tried()))
    }
}

/// The members of an object, numbers and truths as they are written.
fn columns(json: &str) -> Result<BTreeMap<String, Option<String>>, Failure> {
    let wrong = |_| Failure::Final("its row cannot be read".to_owned());
    let members: BTreeMap<String, Box<RawValue>> = serde_json::from_str(json).map_err(wrong)?;
    let text = |(name, value): (String, Box<RawValue>)| {
        let text = match serde_json::from_str::<Value>(value.get()).map_err(wrong)? {
            Value::Null => None,
            Value::String(text) => Some(text),
            Value::Number(_) | Value::Bool(_) => Some(value.get().to_owned()),
            Value::Array(_) | Value::Object(_) => {
                return Err(Failure::Final(format!("its column `{name}` holds more than a text")));
            }
        };
        Ok((name, text))
    };
    members.into_iter().map(text).collect()
}

/// Why it failed: by the code of the database, whose words may hold values.
fn failed(why: &tokio_postgres::Error) -> Failure {
    match why.code() {
        Some(code) if is_passing(code) => Failure::Passing(format!("the database answers {}", code.code())),
        Some(code) if code.code().starts_with("28") => {
            Failure::Unknown(format!("the database does not let us in ({})", code.code()))
        }
        Some(code) => Failure::Final(format!("the database refuses the query ({})", code.code())),
        None if why.is_closed() => Failure::Passing("the connection is lost".to_owned()),
        None => Failure::Passing("it cannot be reached".to_owned()),
    }
}

/// Connections, resources, an operator: another time would do (PostgreSQL, appendix A: error codes by their classes).
fn is_passing(code: &SqlState) -> bool {
    ["08", "40", "53", "55", "57", "58"].iter().any(|class| code.code().starts_with(class))
}

/// Some text is no value of the type that it is to be of.
fn is_no_value(why: &tokio_postgres::Error) -> bool {
    const NO_VALUE: [&SqlState; 5] = [
        &SqlState::INVALID_TEXT_REPRESENTATION,
        &SqlState::NUMERIC_VALUE_OUT_OF_RANGE,
        &SqlState::INVALID_DATETIME_FORMAT,
        &SqlState::DATETIME_FIELD_OVERFLOW,
        &SqlState::CHARACTER_NOT_IN_REPERTOIRE,
    ];
    why.code().is_some_and(|code| NO_VALUE.contains(&code))
}

/// A key as a parameter: a text, whatever it is compared with. `Debug` shows its size.
struct Key<'k>(&'k str);

impl ToSql for Key<'_> {
    fn to_sql(&self, _: &Type, out: &mut BytesMut) -> Result<IsNull, Box<dyn Error + Sync + Send>> {
        out.put_slice(self.0.as_bytes());
        Ok(IsNull::No)
    }

    fn accepts(_: &Type) -> bool {
        true
    }

    fn encode_format(&self, _: &Type) -> Format {
        Format::Text
    }

    fn to_sql_checked(&self, ty: &Type, out: &mut BytesMut) -> Result<IsNull, Box<dyn Error + Sync + Send>> {
        self.to_sql(ty, out)
    }
}

impl std::fmt::Debug for Key<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Key({} bytes)", self.0.len())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_are_texts_as_the_database_writes_them() {
        let found = columns(r#"{"npi":"12","n":1.50,"on":"2024-01-02","yes":true,"none":null}"#).unwrap();
        let expected = [
            ("n", Some("1.50")),
            ("none", None),
            ("npi", Some("12")),
            ("on", Some("2024-01-02")),
            ("yes", Some("true")),
        ];
        let expected = expected.map(|(name, text)| (name.to_owned(), text.map(ToOwned::to_owned)));
        assert_eq!(found, BTreeMap::from(expected));
        assert!(columns(r#"{"a":[1]}"#).is_err() && columns("1").is_err());
    }

    #[test]
    fn no_part_of_the_secret_is_told() {
        let secrets: Secrets = std::sync::Arc::new(|_| Ok(b"postgresql://u:hunter2@h:port/x".to_vec()));
        let settings =
            r#"{"database": {"secret": "DB"}, "query": "select 1", "tls": "none", "timeout": 1000, "connections": 1}"#;
        let settings: Settings = serde_json::from_str(settings).unwrap();
        let why = Database::new(settings, Vec::new(), Path::new(""), &secrets).err().unwrap();
        assert!(why.contains("`DB`") && !why.contains("hunter2"), "{why}");
    }
}
