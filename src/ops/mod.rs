//! The control plane: an HTTP API for operators, on a port of its own.
//!
//! | file | concept |
//! | --- | --- |
//! | `actors.rs` | `/api/v1/actors`: what each actor is doing |
//! | `audit.rs` | who did what, and what came of it |
//! | `authentication.rs` | who may ask: a token, and no foreign web page |
//! | `broadcast.rs` | the whole picture, once a second for all who watch |
//! | `feed.rs` | `/api/v1/feed`: that picture over a WebSocket |
//! | `gpus.rs` | `/api/v1/gpus`: what each GPU is doing |
//! | `page.rs`, `page/` | `/`: the operators' page |
//! | `service.rs` | `/api/v1/service`: its state, and the drain |
//! | `stages.rs` | `/api/v1/stages`: their state; restart, reload, scale, pause |
//! | `streams.rs` | `/api/v1/streams`: their state; drain one |
//! | `log.rs` | `/api/v1/log`: its level |
//! | `translators.rs` | `/api/v1/translators`: those that the settings name, and whether they are left alone |
//! | `events.rs` | `/api/v1/events`: what happened last |
//! | `snapshot.rs` | `/api/v1/snapshot`: all of these as one value |
//! | `input.rs`, `problem.rs` | what is sent, read; and what is said instead of an answer |

mod actors;
mod audit;
mod authentication;
mod broadcast;
mod events;
mod feed;
mod gpus;
mod input;
mod log;
mod page;
mod problem;
mod service;
mod snapshot;
mod stages;
mod streams;
mod translators;

use std::any::Any;
use std::net::{SocketAddr, TcpListener};
use std::sync::Arc;
use std::time::{Duration, Instant};

use actix_web::dev::{Extensions, ServerHandle};
use actix_web::middleware::from_fn;
use actix_web::{App, HttpServer, Resource, web};
use socket2::SockRef;
use sts_actors::gpu::GpuBoard;
use sts_actors::history::EventHistory;
use sts_actors::registry::Mailbox;
use tokio::net::TcpStream;
use tokio::sync::Notify;

use broadcast::Broadcast;
use problem::Problem;

use crate::access::Tokens;
use crate::gateway::{Backend, GatewayActor};
use crate::service::{Supervisors, Translators, WeightsChoice};

/// How long what was sent may stay unacknowledged.
const DELIVERY_LIMIT: Duration = Duration::from_secs(30);

/// What the control plane shows and moves.
#[derive(Clone)]
pub struct Plane {
    /// The directory of connections and streams.
    pub gateway: Mailbox<GatewayActor>,
    /// Stages, metrics, log.
    pub backend: Backend,
    /// The stages' supervisors.
    pub supervisors: Supervisors,
    /// The GPUs' last readings.
    pub gpus: GpuBoard,
    /// The translators that the settings name.
    pub translators: Translators,
    /// The last events.
    pub history: Mailbox<EventHistory>,
    /// What a stage's engines are built from when an operator names other weights.
    pub weights: WeightsChoice,
    /// Who may ask; everybody when empty.
    pub tokens: Tokens,
    /// Told when an operator wants the service to drain.
    pub drain: Arc<Notify>,
    /// When the service started.
    pub started: Instant,
}

/// A resource of the API that has these methods.
fn resource(path: &str, methods: &'static str) -> Resource {
    web::resource(path).default_service(web::to(move |request| problem::no_such_method(request, methods)))
}

/// Serves in the background of the current actix system; gives the address, and a handle that stops it.
///
/// # Errors
/// The port is taken, or may not be had.
pub fn start(address: SocketAddr, plane: Plane) -> std::io::Result<(SocketAddr, ServerHandle)> {
    let listener = TcpListener::bind(address)?;
    let local = listener.local_addr()?;
    let broadcast = Broadcast::new();
    actix::spawn(broadcast.clone().run(plane.clone()));
    let app = move || {
        let (plane, broadcast) = (web::Data::new(plane.clone()), web::Data::new(broadcast.clone()));
        let api = web::scope("/api/v1")
            .wrap(from_fn(authentication::check_token))
            .configure(actors::routes)
            .configure(gpus::routes)
            .configure(translators::routes)
            .configure(service::routes)
            .configure(stages::routes)
            .configure(streams::routes)
            .configure(events::routes)
            .configure(snapshot::routes)
            .configure(log::routes);
        App::new()
            .app_data(plane)
            .app_data(broadcast)
            .app_data(web::PathConfig::default().error_handler(problem::unreadable_path))
            .wrap(from_fn(authentication::check_origin))
            // The last is the outermost: what is refused is logged too.
            .wrap(from_fn(audit::log))
            // The page holds no data, and the feed asks for the token itself: neither can be sent a header with it.
            .configure(page::routes)
            .configure(feed::routes)
            .service(api)
            .default_service(web::to(problem::no_such_path))
    };
    // Signals are the service's own: it drains before it stops anything.
    let server = HttpServer::new(app).workers(1).disable_signals().on_connect(limit_delivery).listen(listener)?.run();
    let handle = server.handle();
    actix::spawn(server);
    Ok((local, handle))
}

/// Has the kernel end a connection whose other side takes nothing of what it is sent: a feed that nobody reads would
/// keep its place for ever.
fn limit_delivery(connection: &dyn Any, _: &mut Extensions) {
    if let Some(stream) = connection.downcast_ref::<TcpStream>() {
        // Where there is no such option the bound on feeds still holds.
        let _ = SockRef::from(stream).set_tcp_user_timeout(Some(DELIVERY_LIMIT));
    }
}
