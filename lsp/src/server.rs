//! Speaks the protocol.

use std::task::{Context, Poll, ready};

use tokio::io::{AsyncRead, AsyncWrite};
use tokio::sync::mpsc::{Receiver, channel};
use tokio_util::sync::PollSender;
use tower_lsp::jsonrpc::{Request, Response, Result};
use tower_lsp::lsp_types::{
    DidChangeTextDocumentParams, DidCloseTextDocumentParams, DidOpenTextDocumentParams, InitializeParams,
    InitializeResult, ServerCapabilities, ServerInfo, TextDocumentSyncKind, Url,
};
use tower_lsp::{Client, LanguageServer, LspService, async_trait};
use tower_service::Service;

use crate::convert;
use crate::world::{self, Edit, Found};

/// How many edits and answers may wait. When full, we stop reading what the editor says.
const QUEUE_MAX: usize = 64;

/// How many requests may be under way. tower-lsp's own four let as many slow ones hold up an edit.
const REQUESTS_MAX: usize = 64;

/// Speaks with one editor until it hangs up.
pub async fn serve(input: impl AsyncRead + Unpin, output: impl AsyncWrite) {
    let (world, edits) = channel(QUEUE_MAX);
    let (service, socket) = LspService::new(|client| {
        let (answers, found) = channel(QUEUE_MAX);
        world::start(edits, answers);
        tokio::spawn(publish(client, found));
        Server
    });
    let service = InOrder { inner: service, world: PollSender::new(world) };
    tower_lsp::Server::new(input, output, socket).concurrency_level(REQUESTS_MAX).serve(service).await;
}

/// Tells the world of an edit at the moment it arrives.
///
/// A handler cannot: several are under way at once, and one that awaits, be it only room in a queue, may be overtaken
/// by a later one. `call` comes in the order of the messages and awaits nothing.
struct InOrder<S> {
    inner: S,
    world: PollSender<Edit>,
}

impl<S: Service<Request, Response = Option<Response>>> Service<Request> for InOrder<S> {
    type Response = S::Response;
    type Error = S::Error;
    type Future = S::Future;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<std::result::Result<(), S::Error>> {
        // An error means that the world is gone, which it is only while we shut down.
        let _ = ready!(self.world.poll_reserve(cx));
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, request: Request) -> S::Future {
        if let Some(edit) = convert::edit(&request) {
            let _ = self.world.send_item(edit);
        }
        self.inner.call(request)
    }
}

/// One after the other, so that what was found first is also shown first.
async fn publish(client: Client, mut found: Receiver<Found>) {
    while let Some(Found { uri, version, text, problems }) = found.recv().await {
        let Ok(uri) = uri.parse::<Url>() else { continue };
        let problems = convert::problems(&uri, &text, &problems);
        client.publish_diagnostics(uri, problems, version).await;
    }
}

struct Server;

#[async_trait]
impl LanguageServer for Server {
    async fn initialize(&self, _: InitializeParams) -> Result<InitializeResult> {
        let text_document_sync = Some(TextDocumentSyncKind::FULL.into());
        let capabilities = ServerCapabilities { text_document_sync, ..ServerCapabilities::default() };
        let version = Some(env!("CARGO_PKG_VERSION").to_owned());
        Ok(InitializeResult { capabilities, server_info: Some(ServerInfo { name: "emr".to_owned(), version }) })
    }

    async fn shutdown(&self) -> Result<()> {
        Ok(())
    }

    // `InOrder` has seen to these three.
    async fn did_open(&self, _: DidOpenTextDocumentParams) {}
    async fn did_change(&self, _: DidChangeTextDocumentParams) {}
    async fn did_close(&self, _: DidCloseTextDocumentParams) {}
}
