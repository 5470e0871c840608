//! The HTTP server under the data plane: TLS, TCP connections counted, and nobody waited for without end.

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::path::PathBuf;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use axum::middleware::AddExtension;
use axum::{Extension, Router};
use axum_server::Handle;
use axum_server::accept::Accept;
use axum_server::tls_rustls::{RustlsAcceptor, RustlsConfig};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::{TcpListener, TcpStream};
use tokio_io_timeout::TimeoutWriter;
use tower::Layer as _;
use tower_http::timeout::RequestBodyTimeoutLayer;

use super::quota::{Lease, Quota};
use super::transport::Cut;
use super::websocket::WatchingAcceptor;

/// From a TCP connection to the head of its first request.
const FIRST_REQUEST_LIMIT: Duration = Duration::from_secs(10);
/// From one request to the head of the next. Polling clients keep a connection between two messages.
const HEADER_LIMIT: Duration = Duration::from_secs(60);
/// Between two pieces of a request's body.
const BODY_LIMIT: Duration = Duration::from_secs(15);
/// Requests at once over one connection.
const MAX_HTTP2_STREAMS: u32 = 16;
/// How long a peer may take nothing of what is written to it. The heartbeat ends a session after as long, but a task that
/// waits to write would keep it.
const WRITE_LIMIT: Duration = Duration::from_secs(20);
const SHUTDOWN_LIMIT: Duration = Duration::from_secs(3);

/// A certificate chain and its key, PEM files.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TlsFiles {
    /// The chain, leaf first.
    pub certificate: PathBuf,
    /// The private key of the leaf.
    pub key: PathBuf,
}

impl TlsFiles {
    /// Reads both.
    ///
    /// # Errors
    /// What is wrong with either.
    pub async fn load(&self) -> io::Result<RustlsConfig> {
        // A second call finds the provider installed already, by the first.
        let _ = rustls::crypto::ring::default_provider().install_default();
        RustlsConfig::from_pem_file(&self.certificate, &self.key).await
    }

    /// Reads both once more, for connections that are yet to come.
    ///
    /// # Errors
    /// What is wrong with either; the old ones stay in use.
    pub async fn reload(&self, config: &RustlsConfig) -> io::Result<()> {
        config.reload_from_pem_file(&self.certificate, &self.key).await
    }
}

/// Bounds on TCP connections. They are wider than those on Socket.IO connections, which answer with a code: what
/// exceeds these is closed without a word.
#[derive(Clone, Copy, Debug)]
pub struct SocketLimits {
    /// In all.
    pub total: usize,
    /// From one address.
    pub per_address: usize,
}

/// Serves until `shutdown` is done.
///
/// # Errors
/// What the listener said.
pub async fn serve(
    listener: TcpListener,
    app: Router,
    limits: SocketLimits,
    tls: Option<RustlsConfig>,
    shutdown: impl Future<Output = ()> + Send + 'static,
) -> io::Result<()> {
    let handle = Handle::<SocketAddr>::new();
    let stopping = handle.clone();
    tokio::spawn(async move {
        shutdown.await;
        stopping.graceful_shutdown(Some(SHUTDOWN_LIMIT));
    });
    let app = app.layer(RequestBodyTimeoutLayer::new(BODY_LIMIT));
    let service = app.into_make_service_with_connect_info::<SocketAddr>();
    let counting = CountingAcceptor { total: Quota::new(limits.total), per_address: Quota::new(limits.per_address) };
    let mut server = axum_server::Server::from_listener(listener)
        .handle(handle)
        .first_request_timeout(FIRST_REQUEST_LIMIT)
        .acceptor(WatchingAcceptor(counting.clone()));
    server.http_builder().http1().header_read_timeout(HEADER_LIMIT);
    server
        .http_builder()
        .http2()
        .keep_alive_interval(Some(HEADER_LIMIT))
        .keep_alive_timeout(FIRST_REQUEST_LIMIT)
        .max_concurrent_streams(Some(MAX_HTTP2_STREAMS));
    match tls {
        None => server.serve(service).await,
        Some(config) => {
            let accepting = WatchingAcceptor(RustlsAcceptor::new(config).acceptor(counting));
            server.acceptor(accepting).serve(service).await
        }
    }
}

/// Lets TCP connections in while there is room, and gives each a [`Cut`] that its requests carry.
#[derive(Clone)]
struct CountingAcceptor {
    total: Quota<()>,
    per_address: Quota<IpAddr>,
}

impl<S> Accept<TcpStream, S> for CountingAcceptor {
    type Stream = CountedStream;
    type Service = AddExtension<S, Cut>;
    type Future = std::future::Ready<io::Result<(CountedStream, AddExtension<S, Cut>)>>;

    fn accept(&self, stream: TcpStream, service: S) -> Self::Future {
        let accepted = self.count(stream).map(|stream| {
            let service = Extension(stream.cut.clone()).layer(service);
            (stream, service)
        });
        std::future::ready(accepted)
    }
}

impl CountingAcceptor {
    fn count(&self, stream: TcpStream) -> io::Result<CountedStream> {
        let full = || io::Error::other("too many connections");
        let address = stream.peer_addr()?.ip().to_canonical();
        // Without this an acknowledgement waits for the peer's delayed TCP acknowledgement of what was sent before:
        // 40 ms.
        stream.set_nodelay(true)?;
        let _address = self.per_address.lease(address).ok_or_else(full)?;
        let _total = self.total.lease(()).ok_or_else(full)?;
        let mut stream = TimeoutWriter::new(stream);
        stream.set_timeout(Some(WRITE_LIMIT));
        let cut = Cut::default();
        let (cut_for_reader, cut_for_writer) = (Box::pin(cut.was_made()), Box::pin(cut.was_made()));
        Ok(CountedStream { stream: Box::pin(stream), cut_for_reader, cut_for_writer, cut, _address, _total })
    }
}

/// A TCP connection, and the places that it takes up for as long as it is open.
struct CountedStream {
    stream: Pin<Box<TimeoutWriter<TcpStream>>>,
    cut: Cut,
    /// One for each direction, for each wakes whoever asked last.
    cut_for_reader: Pin<Box<dyn Future<Output = ()> + Send>>,
    cut_for_writer: Pin<Box<dyn Future<Output = ()> + Send>>,
    _address: Lease<IpAddr>,
    _total: Lease<()>,
}

impl AsyncRead for CountedStream {
    fn poll_read(self: Pin<&mut Self>, context: &mut Context, buffer: &mut ReadBuf) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        // To whoever reads, a cut is the peer's end of the stream.
        if this.cut_for_reader.as_mut().poll(context).is_ready() {
            return Poll::Ready(Ok(()));
        }
        this.stream.as_mut().poll_read(context, buffer)
    }
}

impl Drop for CountedStream {
    fn drop(&mut self) {
        self.cut.note_end();
    }
}

impl CountedStream {
    /// The stream to write to, unless it was cut.
    fn writer(&mut self, context: &mut Context) -> io::Result<Pin<&mut TimeoutWriter<TcpStream>>> {
        match self.cut_for_writer.as_mut().poll(context) {
            Poll::Ready(()) => Err(io::ErrorKind::ConnectionAborted.into()),
            Poll::Pending => Ok(self.stream.as_mut()),
        }
    }

    /// Nothing is to be tried after a failure: each try would take as long.
    fn judged(&self, written: Poll<io::Result<usize>>) -> Poll<io::Result<usize>> {
        if let Poll::Ready(Err(_)) = &written {
            self.cut.note_end();
        }
        written
    }
}

impl AsyncWrite for CountedStream {
    fn poll_write(self: Pin<&mut Self>, context: &mut Context, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        let written = this.writer(context)?.poll_write(context, bytes);
        this.judged(written)
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        context: &mut Context,
        bytes: &[io::IoSlice],
    ) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        let written = this.writer(context)?.poll_write_vectored(context, bytes);
        this.judged(written)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(self: Pin<&mut Self>, context: &mut Context) -> Poll<io::Result<()>> {
        self.get_mut().writer(context)?.poll_flush(context)
    }

    fn poll_shutdown(self: Pin<&mut Self>, context: &mut Context) -> Poll<io::Result<()>> {
        self.get_mut().stream.as_mut().poll_shutdown(context)
    }
}
