//! What feeds over HTTP are told of where they listen and for whom, and what comes of it.

use std::io;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use serde::Deserialize;
use tokio::net::TcpSocket;
use tokio::sync::watch;
use tokio_rustls::TlsAcceptor;

use super::super::listen::{self, BACKLOG};
use super::super::{Places, Serving, Why, tls};
use super::clients::{self, Clients};
use super::server::{Desk, Limits, Server};

/// Times in milliseconds, sizes in bytes.
#[derive(Clone, Debug, Deserialize)]
pub struct Settings {
    pub listen: String,
    pub tls: tls::Listen,
    pub clients: clients::Settings,
    pub connections: usize,
    pub request_timeout: u64,
    pub frame_max: usize,
}

/// Where something listens that is no feed, and for whom.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct At {
    pub listen: String,
    /// The file of the certificate, and the name of the secret with its key. None: the project says why.
    pub tls: Option<(PathBuf, String)>,
    pub clients: clients::Settings,
}

/// What is taken there at a time, times in milliseconds and sizes in bytes.
#[derive(Clone, Copy, Debug)]
pub struct Room {
    pub connections: usize,
    pub request_timeout: u64,
    pub frame_max: usize,
}

impl At {
    /// An address that is ours, on which nobody is heard yet.
    ///
    /// # Errors
    /// The address, a certificate or a key is not to be had, or nobody could be known by what `clients` says.
    pub async fn listening(&self, room: &Room, places: &Places) -> Result<Listening, Why> {
        let server = self.tls.as_ref().map(|(certificate, key)| tls::Server::new(certificate, key));
        let Room { connections, request_timeout, frame_max } = *room;
        let tls = server.map_or(tls::Listen::None(tls::None::None), tls::Listen::Tls);
        let (listen, clients) = (self.listen.clone(), self.clients.clone());
        Listening::new(&Settings { listen, tls, clients, connections, request_timeout, frame_max }, places).await
    }
}

/// An address that is ours, on which nobody is heard yet.
pub struct Listening {
    socket: TcpSocket,
    acceptor: Option<TlsAcceptor>,
    clients: Clients,
    limits: Limits,
}

impl Listening {
    /// # Errors
    /// The address is not to be had, a certificate or key is not, or nobody could be known by what `clients` says.
    pub async fn new(settings: &Settings, places: &Places) -> Result<Listening, Why> {
        let authorities = settings.clients.authorities();
        let acceptor = match &settings.tls {
            tls::Listen::None(_) if authorities.is_some() => {
                return Err("`clients: mutual_tls` needs `tls: { … }`: certificates are shown there".to_owned());
            }
            tls::Listen::None(_) => None,
            tls::Listen::Tls(server) => Some(server.of_http(authorities, &places.project, &places.secrets)?),
        };
        let clients = settings.clients.clients()?;
        let socket = listen::bound(&settings.listen).await?;
        Ok(Listening { socket, acceptor, clients, limits: settings.limits() })
    }

    /// From here on whoever may call is answered at this desk.
    ///
    /// # Errors
    /// The system does not let it listen.
    pub fn serve(self, desk: impl Desk, stop: watch::Receiver<bool>) -> io::Result<Serving> {
        let Listening { socket, acceptor, clients, limits } = self;
        let listener = socket.listen(BACKLOG)?;
        Ok(Box::pin(Arc::new(Server::new(clients, limits, desk)).serve((listener, acceptor), stop)))
    }
}

impl Settings {
    /// How long a request may take to arrive, and its sender to hear that it takes longer.
    pub fn patience(&self) -> Duration {
        Duration::from_millis(self.request_timeout)
    }

    fn limits(&self) -> Limits {
        Limits { connections: self.connections, request: self.patience(), body: self.frame_max }
    }
}
