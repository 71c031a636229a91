//! Posts what maps make to a service, one request for each.

use std::path::Path;
use std::pin::Pin;

use emr_message::header::Header;
use reqwest::{Client, Method, RequestBuilder};
use serde::Deserialize;
use xxhash_rust::xxh3::xxh3_64;

use super::super::tls::{Secrets, Why};
use super::super::web::ask;
use crate::flow::deliver::{Parcel, Said, Target};
use crate::flow::program::{Form, Made};
use crate::flow::retry::Failure;

/// What a target to `http` is told.
#[derive(Clone, Debug, Deserialize)]
pub struct Settings {
    url: String,
    method: Verb,
    #[serde(flatten)]
    server: ask::Settings,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
enum Verb {
    Post,
    Put,
}

/// A service that takes what is posted to it.
pub struct Service {
    url: String,
    method: Method,
    server: ask::Server,
}

impl Service {
    /// # Errors
    /// What its TLS or its credentials need is not to be had.
    pub fn new(settings: Settings, folder: &Path, secrets: &Secrets) -> Result<Service, Why> {
        let method = match settings.method {
            Verb::Post => Method::POST,
            Verb::Put => Method::PUT,
        };
        Ok(Service { url: settings.url, method, server: ask::Server::new(&settings.server, folder, secrets)? })
    }

    async fn send(&self, id: &str, made: &Made) -> Said {
        let key = key(id, made);
        let answer = match self.server.ask(|client| self.request(client, &key, made)).await {
            Ok(answer) => answer,
            Err(failure) => return Err(failure).into(),
        };
        // What the service says beside its status may hold what was sent: no failure tells it.
        let failure = || self.server.failure(answer.status.as_u16(), "it answers");
        let end = if answer.status.is_success() { Ok(()) } else { Err(failure()) };
        Said { end, answer: read(answer.body) }
    }

    fn request(&self, client: &Client, key: &str, made: &Made) -> RequestBuilder {
        let request = client.request(self.method.clone(), &self.url).header("Content-Type", media_type(made.form));
        request.header("Idempotency-Key", key).body(made.bytes.clone())
    }
}

/// What a service says, where it is a message or JSON.
fn read(body: Vec<u8>) -> Option<Made> {
    let form = match body.trim_ascii_start() {
        [b'{', ..] => Form::Json,
        _ if Header::read(&body).is_some() => Form::Message,
        _ => return None,
    };
    Some(Made { form, bytes: body.into() })
}

/// By which a service that looks for it knows a second try of the same (draft-ietf-httpapi-idempotency-key-header). The
/// content is part of it: a journal that begins anew counts from 1 again, and what it sends then is not the same.
fn key(id: &str, made: &Made) -> String {
    format!("\"{id}-{:016x}\"", xxh3_64(&made.bytes))
}

/// A message says its charset itself, in MSH-18.
fn media_type(form: Form) -> &'static str {
    match form {
        Form::Json => "application/fhir+json",
        Form::Message => "application/hl7-v2",
    }
}

impl Target for Service {
    fn deliver<'a>(&'a self, parcel: &'a Parcel) -> Pin<Box<dyn Future<Output = Said> + Send + 'a>> {
        Box::pin(parcel.each(move |made| self.send(&parcel.id, made)))
    }

    /// Asks what may be done there (RFC 9110 §9.3.7), which does nothing. A service that does not know the question is
    /// there all the same.
    fn reach(&self) -> Pin<Box<dyn Future<Output = Result<(), Failure>> + Send + '_>> {
        Box::pin(async move {
            let answer = self.server.ask(|client| client.request(Method::OPTIONS, &self.url)).await?;
            match answer.status.as_u16() {
                // It does not let us in, or stands before a service that is not there. What else it says may be of OPTIONS alone.
                code @ (401 | 403 | 502..=504) => Err(self.server.failure(code, "it answers")),
                _ => Ok(()),
            }
        })
    }

    fn untold(&self) -> Option<&'static str> {
        Some("it was asked with OPTIONS alone, and not whether it takes what is sent")
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use serde_json::json;

    use super::super::super::web::tests::server;
    use super::*;
    use crate::connector::tls::no_secret;

    fn service(root: &str, change: serde_json::Value) -> Service {
        let mut settings = json!({
            "url": format!("{root}in"), "method": "POST", "auth": "none", "tls": null, "timeout": 2000,
            "connections": 2, "retry_on": [],
        });
        settings.as_object_mut().unwrap().extend(change.as_object().unwrap().clone());
        let secrets: Secrets = Arc::new(|name| if name == "PW" { Ok(b"pw\n".to_vec()) } else { Err(no_secret(name)) });
        Service::new(serde_json::from_value(settings).unwrap(), Path::new("."), &secrets).unwrap()
    }

    async fn sent(root: &str, change: serde_json::Value, parts: &[(Form, &str)]) -> Result<(), Failure> {
        let service = service(root, change);
        let made: Vec<_> =
            parts.iter().map(|(form, text)| Made { form: *form, bytes: text.as_bytes().to_vec().into() }).collect();
        service.deliver(&Parcel { id: "adt-1".into(), made: made.into(), read: [].into(), asks: false }).await.end
    }

    const MESSAGE: (Form, &str) = (Form::Message, "MSH|^~\\&|A");

    #[tokio::test]
    async fn each_part_is_posted_as_what_it_is() {
        let (root, got) = server(&[(202, "")]).await;
        sent(&root, json!({}), &[MESSAGE, (Form::Json, "{}")]).await.unwrap();
        let basic = json!({ "method": "PUT", "auth": { "basic": { "user": "u", "password": { "secret": "PW" } } } });
        sent(&root, basic, &[MESSAGE]).await.unwrap();
        let got = got.lock().unwrap();
        assert_eq!((got[0].line.as_str(), got[0].body.as_str()), ("POST /r4/in HTTP/1.1", MESSAGE.1));
        assert_eq!(got[0].header("content-type"), "application/hl7-v2");
        assert_eq!(got[1].header("content-type"), "application/fhir+json");
        assert_eq!((got[2].line.as_str(), got[2].header("authorization")), ("PUT /r4/in HTTP/1.1", "Basic dTpwdw=="));
        // The same once more is known as the same, and nothing else is.
        assert_eq!(got[0].header("idempotency-key"), got[2].header("idempotency-key"));
        assert_ne!(got[0].header("idempotency-key"), got[1].header("idempotency-key"));
    }

    #[tokio::test]
    async fn a_status_is_judged_and_nothing_else_is_told() {
        for (code, retry_on, wanted) in [
            (503, "409", Failure::Passing("it answers 503".into())),
            (403, "409", Failure::Unknown("it answers 403".into())),
            (409, "409", Failure::Passing("it answers 409".into())),
            (409, "412", Failure::Final("it answers 409".into())),
            (302, "409", Failure::Final("it answers 302".into())),
        ] {
            let (root, _) = server(&[(code, "EVERYWOMAN is known already")]).await;
            assert_eq!(sent(&root, json!({ "retry_on": [retry_on] }), &[MESSAGE]).await, Err(wanted));
        }
    }

    #[tokio::test]
    async fn who_stands_before_a_service_that_is_not_there_is_not_ready() {
        for (code, is_ready) in
            [(200, true), (404, true), (405, true), (501, true), (403, false), (502, false), (503, false)]
        {
            let (root, _) = server(&[(code, "")]).await;
            assert_eq!(service(&root, json!({})).reach().await.is_ok(), is_ready, "{code}");
        }
    }
}
