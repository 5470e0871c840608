//! `/api/v1/snapshot`: the whole picture as one value, for whoever watches.

use std::time::{SystemTime, UNIX_EPOCH};

use actix_web::{HttpResponse, web};
use serde::Serialize;
use sts_actors::events::EventKind;
use sts_actors::gpu::GpuObservation;
use sts_actors::history::{ListEvents, RecentEvents};
use sts_actors::registry::ActorObservation;
use sts_actors::stage::StageObservation;
use sts_models::translate::fallback::GuardObservation;

use super::streams::{self, Streams};
use super::{Plane, events, resource, service, stages};

/// Most streams in a picture.
const STREAMS: usize = 1_000;
/// Events in a picture: the last that are not about fragments which fare well.
const EVENTS: usize = 100;

/// Everything that the API shows, at one moment. What did not answer in time is absent.
#[derive(Serialize)]
pub(super) struct Snapshot {
    /// Milliseconds since 1970.
    timestamp: u128,
    /// As `/api/v1/service`.
    service: Option<service::State>,
    /// As `/api/v1/stages`.
    stages: Option<Vec<StageObservation>>,
    /// As `/api/v1/streams`.
    streams: Option<Streams>,
    /// As `/api/v1/actors`, but nobody was asked for a state.
    actors: Vec<ActorObservation>,
    /// As `/api/v1/gpus`.
    gpus: Vec<GpuObservation>,
    /// As `/api/v1/translators`.
    translators: Vec<GuardObservation>,
    /// As `/api/v1/events?kind=error,stream,stage,gpu,actor`.
    events: Option<RecentEvents>,
}

/// The route.
pub(super) fn routes(config: &mut web::ServiceConfig) {
    config.service(resource("/snapshot", "GET").route(web::get().to(show)));
}

async fn show(plane: web::Data<Plane>) -> HttpResponse {
    HttpResponse::Ok().json(take(&plane, SystemTime::now()).await)
}

/// Takes the picture.
pub(super) async fn take(plane: &Plane, now: SystemTime) -> Snapshot {
    let timestamp = now.duration_since(UNIX_EPOCH).unwrap_or_default().as_millis();
    let wanted = ListEvents {
        after: None,
        limit: EVENTS,
        kinds: EventKind::ALL.into_iter().filter(|kind| *kind != EventKind::Fragment).collect(),
    };
    let (service, stages, streams, events) = tokio::join!(
        service::observe(plane),
        stages::observe(plane),
        streams::list(plane, None, STREAMS),
        events::list(plane, wanted),
    );
    let (service, stages, streams, events) = (service.ok(), stages.ok(), streams.ok(), events.ok());
    Snapshot {
        timestamp,
        service,
        stages,
        streams,
        actors: plane.backend.registry.list(),
        gpus: plane.gpus.observe(),
        translators: plane.translators.observe(),
        events,
    }
}
