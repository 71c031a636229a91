//! The TLS of the database's client: rustls, as everywhere else.

use std::future::Future;
use std::io;
use std::path::Path;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use rustls::ClientConfig;
use rustls::pki_types::ServerName;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio_postgres::tls::{ChannelBinding, MakeTlsConnect, TlsConnect, TlsStream};

use super::super::tls::{Client, Secrets, Why};

/// How a database is spoken to.
#[derive(Clone)]
pub enum Tls {
    None,
    /// And the name that its certificate must have, where that is not its host's.
    Rustls(Arc<ClientConfig>, Option<ServerName<'static>>),
}

impl Tls {
    /// # Errors
    /// A file or secret is not to be had, or not what it must be.
    pub fn of(client: &Client, folder: &Path, secrets: &Secrets) -> Result<Tls, Why> {
        Ok(Tls::Rustls(Arc::new(client.config(folder, secrets)?), client.named()?))
    }
}

/// Connects to one host.
pub struct To {
    tls: Tls,
    host: String,
}

impl<S: AsyncRead + AsyncWrite + Unpin + Send + 'static> MakeTlsConnect<S> for Tls {
    type Stream = Stream<S>;
    type TlsConnect = To;
    type Error = io::Error;

    fn make_tls_connect(&mut self, host: &str) -> io::Result<To> {
        Ok(To { tls: self.clone(), host: host.to_owned() })
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin + Send + 'static> TlsConnect<S> for To {
    type Stream = Stream<S>;
    type Error = io::Error;
    type Future = Pin<Box<dyn Future<Output = io::Result<Stream<S>>> + Send>>;

    fn connect(self, stream: S) -> Self::Future {
        Box::pin(async move {
            let Tls::Rustls(config, name) = self.tls else {
                return Err(io::Error::other("no TLS was asked for"));
            };
            let name = match name {
                Some(name) => name,
                None => ServerName::try_from(self.host).map_err(io::Error::other)?,
            };
            tokio_rustls::TlsConnector::from(config).connect(name, stream).await.map(Box::new).map(Stream)
        })
    }
}

/// A connection in TLS. Its passwords are not bound to it: the certificate says who the server is.
pub struct Stream<S>(Box<tokio_rustls::client::TlsStream<S>>);

impl<S: AsyncRead + AsyncWrite + Unpin> TlsStream for Stream<S> {
    fn channel_binding(&self) -> ChannelBinding {
        ChannelBinding::none()
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> AsyncRead for Stream<S> {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, to: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut *self.0).poll_read(cx, to)
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> AsyncWrite for Stream<S> {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut *self.0).poll_write(cx, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut *self.0).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut *self.0).poll_shutdown(cx)
    }
}
