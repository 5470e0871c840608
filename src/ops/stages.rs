//! `/api/v1/stages`: how each stage is, and what can be done with it while streams run.

use std::path::PathBuf;

use actix::{Addr, MailboxError};
use actix_web::http::StatusCode;
use actix_web::{HttpRequest, HttpResponse, web};
use serde::{Deserialize, Serialize};
use sts_actors::stage::{
    CommandError, EngineSource, Observe, Restart, RestartMode, Scale, SetPaused, StageObservation, StageSupervisor,
};
use sts_protocol::{ErrorCode, Stage};

use super::{Plane, Problem, audit};
use crate::service::StageFactory;

/// The routes.
pub(super) fn routes(config: &mut web::ServiceConfig) {
    config
        .route("/stages", web::get().to(all))
        .route("/stages/{stage}", web::get().to(one))
        .route("/stages/{stage}/restart", web::post().to(restart))
        .route("/stages/{stage}/reload", web::post().to(reload))
        .route("/stages/{stage}/workers", web::put().to(scale))
        .route("/stages/{stage}/pause", web::post().to(pause))
        .route("/stages/{stage}/resume", web::post().to(resume));
}

/// Does the same with whichever supervisor it is.
macro_rules! with_supervisor {
    ($plane:expr, $stage:expr, |$supervisor:ident| $body:expr) => {
        match $stage {
            Stage::Asr => {
                let $supervisor = &$plane.supervisors.asr;
                $body
            }
            Stage::Translation => {
                let $supervisor = &$plane.supervisors.translation;
                $body
            }
            Stage::Tts => {
                let $supervisor = &$plane.supervisors.tts;
                $body
            }
        }
    };
}

async fn all(plane: web::Data<Plane>) -> HttpResponse {
    match observe_all(&plane).await {
        Ok(stages) => HttpResponse::Ok().json(stages),
        Err(error) => gone(&error),
    }
}

/// How each stage is now, in the order in which a fragment meets them.
pub(super) async fn observe_all(plane: &Plane) -> Result<Vec<StageObservation>, MailboxError> {
    let mut stages = Vec::new();
    for stage in Stage::ALL {
        stages.push(with_supervisor!(plane, stage, |supervisor| supervisor.send(Observe).await)?);
    }
    Ok(stages)
}

async fn one(plane: web::Data<Plane>, name: web::Path<String>) -> HttpResponse {
    let Some(stage) = find(&name) else { return unknown(&name) };
    match with_supervisor!(plane, stage, |supervisor| supervisor.send(Observe).await) {
        Ok(observation) => HttpResponse::Ok().json(observation),
        Err(error) => gone(&error),
    }
}

/// `?mode=rolling` (the default) or `?mode=all`.
#[derive(Deserialize)]
struct RestartQuery {
    #[serde(default)]
    mode: Mode,
}

#[derive(Clone, Copy, Default, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Mode {
    #[default]
    Rolling,
    All,
}

impl From<Mode> for RestartMode {
    fn from(mode: Mode) -> Self {
        match mode {
            Mode::Rolling => Self::Rolling,
            Mode::All => Self::All,
        }
    }
}

async fn restart(plane: web::Data<Plane>, request: HttpRequest, name: web::Path<String>) -> HttpResponse {
    let Some(stage) = find(&name) else { return unknown(&name) };
    let mode = match web::Query::<RestartQuery>::from_query(request.query_string()) {
        Ok(query) => query.mode.into(),
        Err(_) => return bad("`mode` must be rolling or all"),
    };
    audit(&plane, &request, "restart", Some(stage), &format!("{mode:?}"));
    with_supervisor!(plane, stage, |supervisor| replace(supervisor, mode, None).await)
}

/// Where other weights are; without it, the same are read anew.
#[derive(Deserialize)]
struct Weights {
    path: PathBuf,
}

async fn reload(
    plane: web::Data<Plane>,
    request: HttpRequest,
    name: web::Path<String>,
    weights: Option<web::Json<Weights>>,
) -> HttpResponse {
    let Some(stage) = find(&name) else { return unknown(&name) };
    let Some(web::Json(Weights { path })) = weights else {
        return bad("the body must be JSON with `path`, a directory of weights; for the same weights, restart");
    };
    audit(&plane, &request, "reload", Some(stage), &path.display().to_string());
    match (plane.weights)(stage, path) {
        Ok(StageFactory::Asr(source)) => replace(&plane.supervisors.asr, RestartMode::Rolling, Some(source)).await,
        Ok(StageFactory::Translation(source)) => {
            replace(&plane.supervisors.translation, RestartMode::Rolling, Some(source)).await
        }
        Ok(StageFactory::Tts(source)) => replace(&plane.supervisors.tts, RestartMode::Rolling, Some(source)).await,
        Err(message) => bad(&message),
    }
}

async fn replace<I, O>(
    supervisor: &Addr<StageSupervisor<I, O>>,
    mode: RestartMode,
    source: Option<EngineSource<I, O>>,
) -> HttpResponse
where
    I: Send + 'static,
    O: Send + 'static,
{
    match supervisor.send(Restart { mode, source }).await {
        Ok(outcome) => answer(outcome),
        Err(error) => gone(&error),
    }
}

/// How many workers there are to be.
#[derive(Deserialize)]
struct Workers {
    workers: usize,
}

async fn scale(
    plane: web::Data<Plane>,
    request: HttpRequest,
    name: web::Path<String>,
    body: Option<web::Json<Workers>>,
) -> HttpResponse {
    let Some(stage) = find(&name) else { return unknown(&name) };
    let Some(web::Json(Workers { workers })) = body else {
        return bad("the body must be JSON with `workers`, a number");
    };
    audit(&plane, &request, "scale", Some(stage), &workers.to_string());
    match with_supervisor!(plane, stage, |supervisor| supervisor.send(Scale(workers)).await) {
        Ok(outcome) => answer(outcome),
        Err(error) => gone(&error),
    }
}

async fn pause(plane: web::Data<Plane>, request: HttpRequest, name: web::Path<String>) -> HttpResponse {
    set_paused(&plane, &request, &name, true).await
}

async fn resume(plane: web::Data<Plane>, request: HttpRequest, name: web::Path<String>) -> HttpResponse {
    set_paused(&plane, &request, &name, false).await
}

async fn set_paused(plane: &Plane, request: &HttpRequest, name: &str, paused: bool) -> HttpResponse {
    let Some(stage) = find(name) else { return unknown(name) };
    audit(plane, request, if paused { "pause" } else { "resume" }, Some(stage), "");
    match with_supervisor!(plane, stage, |supervisor| supervisor.send(SetPaused(paused)).await) {
        Ok(()) => HttpResponse::Ok().json(serde_json::json!({"stage": stage, "paused": paused})),
        Err(error) => gone(&error),
    }
}

/// The stage of this name; `translate` is taken for `translation` too.
fn find(name: &str) -> Option<Stage> {
    match name {
        "asr" => Some(Stage::Asr),
        "translate" | "translation" => Some(Stage::Translation),
        "tts" => Some(Stage::Tts),
        _ => None,
    }
}

fn unknown(name: &str) -> HttpResponse {
    let shown: String = name.chars().take(64).collect();
    let message = format!("there is no stage '{shown}'; these are: asr, translate, tts");
    Problem::response(StatusCode::NOT_FOUND, ErrorCode::InvalidConfig, message)
}

fn answer<T: Serialize>(outcome: Result<T, CommandError>) -> HttpResponse {
    match outcome {
        Ok(report) => HttpResponse::Ok().json(report),
        Err(error) => {
            let (status, code) = match error {
                CommandError::Busy(_) => (StatusCode::CONFLICT, ErrorCode::ServiceOverloaded),
                CommandError::Workers(_) => (StatusCode::BAD_REQUEST, ErrorCode::InvalidConfig),
                CommandError::CannotStart(_) => (StatusCode::BAD_GATEWAY, ErrorCode::StageUnavailable),
                CommandError::Gone => (StatusCode::SERVICE_UNAVAILABLE, ErrorCode::ServiceOverloaded),
            };
            Problem::response(status, code, error.to_string())
        }
    }
}

fn bad(message: &str) -> HttpResponse {
    Problem::response(StatusCode::BAD_REQUEST, ErrorCode::InvalidConfig, message)
}

fn gone(error: &MailboxError) -> HttpResponse {
    Problem::response(StatusCode::SERVICE_UNAVAILABLE, ErrorCode::Internal, error.to_string())
}
