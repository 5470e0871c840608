//! The pool of connections, and the runtime that drives it.

use std::time::Duration;

use tokio::runtime::{Builder, Runtime};

/// How long a connection may take to be made, TLS included.
const CONNECT_LIMIT: Duration = Duration::from_secs(2);
/// How long an idle connection is kept: streams pause for longer than a few seconds, and a handshake costs tens of
/// milliseconds.
const IDLE_LIMIT: Duration = Duration::from_secs(90);

/// One pool for the process. Translators on many threads call through it, and where the other side speaks HTTP/2
/// (agreed on by ALPN) their calls share a connection.
pub struct Connections {
    /// `None` only while it is dropped.
    runtime: Option<Runtime>,
    client: reqwest::Client,
}

impl Connections {
    /// An empty pool.
    ///
    /// # Errors
    /// The thread cannot be started, or TLS not be set up; a sentence.
    pub fn new() -> Result<Self, String> {
        let runtime = Builder::new_multi_thread().worker_threads(1).thread_name("translators").enable_all().build();
        let client = reqwest::Client::builder()
            .user_agent(concat!("sts/", env!("CARGO_PKG_VERSION")))
            // In so many words: another crate of the program may make native TLS the default, which offers no HTTP/2.
            .use_rustls_tls()
            // A redirect would carry the text, and on one host the key too, to where nobody meant them to go.
            .redirect(reqwest::redirect::Policy::none())
            .connect_timeout(CONNECT_LIMIT)
            .pool_idle_timeout(IDLE_LIMIT)
            .tcp_nodelay(true)
            .build();
        Ok(Self {
            runtime: Some(runtime.map_err(|error| error.to_string())?),
            client: client.map_err(|error| error.to_string())?,
        })
    }

    /// The client.
    pub(in crate::translate) fn client(&self) -> &reqwest::Client {
        &self.client
    }

    /// Waits on this thread, which must not be one of an asynchronous runtime, until the work is done.
    pub fn wait_for<F: Future>(&self, work: F) -> F::Output {
        self.runtime().block_on(work)
    }

    /// Has work done without waiting for it.
    pub fn spawn(&self, work: impl Future<Output = ()> + Send + 'static) {
        self.runtime().spawn(work);
    }

    fn runtime(&self) -> &Runtime {
        self.runtime.as_ref().expect("there is a runtime until the pool is dropped")
    }
}

/// A runtime must not be waited for inside another, and nobody knows where the last owner is dropped.
impl Drop for Connections {
    fn drop(&mut self) {
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_background();
        }
    }
}
