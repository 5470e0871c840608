//! `/api/v1/actors`: what each actor is doing, and what waits for it.

use std::time::Duration;

use actix_web::http::StatusCode;
use actix_web::{HttpRequest, HttpResponse, web};
use serde::Deserialize;
use sts_actors::registry::ActorKind;
use sts_protocol::ErrorCode;

use super::{Plane, Problem, input, resource};

/// How long an actor may take to answer. One that is stuck is shown without its state.
const PATIENCE: Duration = Duration::from_secs(1);

/// The routes.
pub(super) fn routes(config: &mut web::ServiceConfig) {
    config
        .service(resource("/actors", "GET").route(web::get().to(all)))
        .service(resource("/actors/{actor}", "GET").route(web::get().to(one)));
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ActorsQuery {
    /// Only those of this kind.
    kind: Option<ActorKind>,
}

/// There are never many more actors than there may be streams.
async fn all(plane: web::Data<Plane>, request: HttpRequest) -> Result<HttpResponse, Problem> {
    let ActorsQuery { kind } = input::query(&request)?;
    let is_wanted = |listing: &sts_actors::registry::Listing| kind.is_none_or(|kind| listing.kind == kind);
    Ok(HttpResponse::Ok().json(plane.backend.registry.observe(is_wanted, PATIENCE).await))
}

async fn one(plane: web::Data<Plane>, name: web::Path<String>) -> Result<HttpResponse, Problem> {
    // One that has taken the place of another of its name is the later one.
    let found = plane.backend.registry.observe(|listing| listing.name == *name, PATIENCE).await;
    let (alive, lost): (Vec<_>, Vec<_>) = found.into_iter().partition(|actor| actor.alive);
    match alive.into_iter().next_back().or_else(|| lost.into_iter().next_back()) {
        Some(actor) => Ok(HttpResponse::Ok().json(actor)),
        None => {
            let shown: String = name.chars().take(64).collect();
            let message = format!("there is no actor '{shown}'");
            Err(Problem::new(StatusCode::NOT_FOUND, ErrorCode::InvalidConfig, message))
        }
    }
}
