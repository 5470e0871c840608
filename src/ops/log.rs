//! `/api/v1/log`: from which severity on records are kept, now.

use actix_web::{HttpRequest, HttpResponse, web};
use serde::{Deserialize, Serialize};

use super::audit::Act;
use super::{Plane, Problem, input, resource};
use crate::logging::LogLevel;

/// The routes.
pub(super) fn routes(config: &mut web::ServiceConfig) {
    config.service(resource("/log", "GET, PUT").route(web::get().to(show)).route(web::put().to(set)));
}

/// A level: `critical`, `error`, `warning`, `info`, `debug` or `trace`.
#[derive(Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
struct Level {
    level: String,
}

async fn show(plane: web::Data<Plane>) -> HttpResponse {
    HttpResponse::Ok().json(Level { level: plane.backend.log_level.name() })
}

/// What was changed.
#[derive(Serialize)]
struct Changed {
    from: String,
    level: String,
}

async fn set(plane: web::Data<Plane>, request: HttpRequest, body: web::Payload) -> Result<HttpResponse, Problem> {
    let Level { level } = input::body(&request, body).await?;
    let wanted: LogLevel = level.parse().map_err(|_| {
        let shown: String = level.chars().take(32).collect();
        Problem::invalid(format!("`level` '{shown}' is none of critical, error, warning, info, debug, trace"))
    })?;
    Act::new("log level").with(wanted.name()).note(&request);
    let from = plane.backend.log_level.name();
    plane.backend.log_level.set(wanted.get());
    Ok(HttpResponse::Ok().json(Changed { from, level: plane.backend.log_level.name() }))
}
