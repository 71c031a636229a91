//! Speaks the protocol.

use std::task::{Context, Poll, ready};

use tokio::io::{AsyncRead, AsyncWrite};
use tokio::sync::mpsc::{Receiver, channel};
use tokio_util::sync::PollSender;
use tower_lsp::jsonrpc::{Request, Response, Result};
use tower_lsp::lsp_types::{
    CodeActionKind, CodeActionOptions, CodeActionParams, CodeActionProviderCapability, CodeActionResponse,
    DidChangeTextDocumentParams, DidChangeWatchedFilesParams, DidCloseTextDocumentParams, DidOpenTextDocumentParams,
    DidSaveTextDocumentParams, InitializeParams, InitializeResult, ServerCapabilities, ServerInfo,
    TextDocumentSyncCapability, TextDocumentSyncKind, TextDocumentSyncOptions, TextDocumentSyncSaveOptions, Url,
};
use tower_lsp::{Client, LanguageServer, LspService, async_trait};
use tower_service::Service;

use crate::convert;
use crate::world::{self, Found, Told};

/// How many edits and answers may wait. When full, we stop reading what the editor says.
const QUEUE_MAX: usize = 64;

/// How many requests may be under way. tower-lsp's own four let as many slow ones hold up an edit.
const REQUESTS_MAX: usize = 64;

/// Speaks with one editor until it hangs up.
pub async fn serve(input: impl AsyncRead + Unpin, output: impl AsyncWrite) {
    let (world, told) = channel(QUEUE_MAX);
    let (service, socket) = LspService::new(|client| {
        let (answers, found) = channel(QUEUE_MAX);
        world::start(told, answers);
        tokio::spawn(publish(client, found));
        Server
    });
    let service = InOrder { inner: service, world: PollSender::new(world) };
    tower_lsp::Server::new(input, output, socket).concurrency_level(REQUESTS_MAX).serve(service).await;
}

/// Tells the world what the editor tells at the moment it arrives.
///
/// A handler cannot: several are under way at once, and one that awaits, be it only room in a queue, may be overtaken
/// by a later one. `call` comes in the order of the messages and awaits nothing.
struct InOrder<S> {
    inner: S,
    world: PollSender<Vec<Told>>,
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
        let told = convert::told(&request);
        if !told.is_empty() {
            let _ = self.world.send_item(told);
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
        let text_document_sync = Some(TextDocumentSyncCapability::Options(TextDocumentSyncOptions {
            open_close: Some(true),
            change: Some(TextDocumentSyncKind::FULL),
            save: Some(TextDocumentSyncSaveOptions::Supported(true)),
            ..TextDocumentSyncOptions::default()
        }));
        let kinds = Some(vec![CodeActionKind::QUICKFIX]);
        let actions = CodeActionOptions { code_action_kinds: kinds, ..CodeActionOptions::default() };
        let code_action_provider = Some(CodeActionProviderCapability::Options(actions));
        let capabilities =
            ServerCapabilities { text_document_sync, code_action_provider, ..ServerCapabilities::default() };
        let version = Some(env!("CARGO_PKG_VERSION").to_owned());
        Ok(InitializeResult { capabilities, server_info: Some(ServerInfo { name: "emr".to_owned(), version }) })
    }

    async fn shutdown(&self) -> Result<()> {
        Ok(())
    }

    async fn code_action(&self, asked: CodeActionParams) -> Result<Option<CodeActionResponse>> {
        Ok(Some(convert::repairs(asked)))
    }

    // `InOrder` has seen to these.
    async fn did_open(&self, _: DidOpenTextDocumentParams) {}
    async fn did_change(&self, _: DidChangeTextDocumentParams) {}
    async fn did_close(&self, _: DidCloseTextDocumentParams) {}
    async fn did_save(&self, _: DidSaveTextDocumentParams) {}
    async fn did_change_watched_files(&self, _: DidChangeWatchedFilesParams) {}
}
