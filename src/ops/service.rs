//! `/api/v1/service`: how the service is, and how to let it come to its end.

use actix_web::{HttpRequest, HttpResponse, web};
use serde::Serialize;

use super::audit::Act;
use super::streams::in_time;
use super::{Plane, Problem, resource};
use crate::gateway::{Census, TakeCensus};

/// The routes.
pub(super) fn routes(config: &mut web::ServiceConfig) {
    config
        .service(resource("/service", "GET").route(web::get().to(state)))
        .service(resource("/service/drain", "POST").route(web::post().to(drain)));
}

/// Where the service is in its life.
#[derive(Serialize)]
#[serde(rename_all = "lowercase")]
enum Phase {
    Starting,
    Ready,
    Draining,
}

/// How the service is.
#[derive(Serialize)]
pub(super) struct State {
    state: Phase,
    /// Why it takes no stream, unless it is ready.
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<String>,
    version: &'static str,
    uptime_s: f64,
    connections: usize,
    streams: usize,
}

async fn state(plane: web::Data<Plane>) -> Result<HttpResponse, Problem> {
    Ok(HttpResponse::Ok().json(observe(&plane).await?))
}

/// How the service is now.
pub(super) async fn observe(plane: &Plane) -> Result<State, Problem> {
    let census = in_time("the gateway", plane.gateway.send(TakeCensus)).await?;
    Ok(describe(plane, census))
}

fn describe(plane: &Plane, census: Census) -> State {
    let reason = if census.draining { Some("draining".to_owned()) } else { plane.backend.unready() };
    let state = match (&reason, census.draining) {
        (_, true) => Phase::Draining,
        (None, false) => Phase::Ready,
        (Some(_), false) => Phase::Starting,
    };
    let (connections, streams) = (census.connections, census.streams);
    let uptime_s = plane.started.elapsed().as_secs_f64();
    State { state, reason, version: env!("CARGO_PKG_VERSION"), uptime_s, connections, streams }
}

/// Takes nothing new, finishes and delivers what was accepted, and ends the process. Asked twice, it drains once.
async fn drain(plane: web::Data<Plane>, request: HttpRequest) -> HttpResponse {
    Act::new("drain").note(&request);
    plane.drain.notify_one();
    HttpResponse::Accepted().json(serde_json::json!({"state": "draining"}))
}
