//! `/api/v1/stages`: how each stage is, and what can be done with it while streams run.

use std::path::PathBuf;

use actix_web::http::StatusCode;
use actix_web::{HttpRequest, HttpResponse, web};
use serde::Deserialize;
use sts_actors::registry::Mailbox;
use sts_actors::stage::{
    EngineSource, Observe, Restart, RestartMode, Restarted, Scale, SetPaused, StageObservation, StageSupervisor,
};
use sts_protocol::{ErrorCode, Stage};

use super::audit::Act;
use super::streams::in_time;
use super::{Plane, Problem, input, resource};
use crate::service::StageFactory;

/// The routes.
pub(super) fn routes(config: &mut web::ServiceConfig) {
    config
        .service(resource("/stages", "GET").route(web::get().to(all)))
        .service(resource("/stages/{stage}", "GET").route(web::get().to(one)))
        .service(resource("/stages/{stage}/restart", "POST").route(web::post().to(restart)))
        .service(resource("/stages/{stage}/reload", "POST").route(web::post().to(reload)))
        .service(resource("/stages/{stage}/workers", "PUT").route(web::put().to(scale)))
        .service(resource("/stages/{stage}/pause", "POST").route(web::post().to(pause)))
        .service(resource("/stages/{stage}/resume", "POST").route(web::post().to(resume)));
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

async fn all(plane: web::Data<Plane>) -> Result<HttpResponse, Problem> {
    Ok(HttpResponse::Ok().json(observe(&plane).await?))
}

/// How every stage is, in the order a fragment passes them.
pub(super) async fn observe(plane: &Plane) -> Result<Vec<StageObservation>, Problem> {
    let mut stages = Vec::new();
    for stage in Stage::ALL {
        stages.push(observe_one(plane, stage).await?);
    }
    Ok(stages)
}

async fn observe_one(plane: &Plane, stage: Stage) -> Result<StageObservation, Problem> {
    with_supervisor!(plane, stage, |supervisor| in_time("the stage", supervisor.send(Observe)).await)
}

async fn one(plane: web::Data<Plane>, name: web::Path<String>) -> Result<HttpResponse, Problem> {
    Ok(HttpResponse::Ok().json(observe_one(&plane, find(&name)?).await?))
}

/// `?mode=rolling` (the default) or `?mode=all`.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
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

async fn restart(
    plane: web::Data<Plane>,
    request: HttpRequest,
    name: web::Path<String>,
) -> Result<HttpResponse, Problem> {
    let stage = find(&name)?;
    let mode: RestartMode = input::query::<RestartQuery>(&request)?.mode.into();
    Act::new("restart").on_stage(stage).with(format!("{mode:?}").to_lowercase()).note(&request);
    let restarted = with_supervisor!(plane, stage, |supervisor| replace(supervisor, mode, None).await)?;
    Ok(HttpResponse::Ok().json(restarted))
}

/// Where other weights are; for the same, a restart reads them anew.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Weights {
    path: PathBuf,
}

async fn reload(
    plane: web::Data<Plane>,
    request: HttpRequest,
    name: web::Path<String>,
    body: web::Payload,
) -> Result<HttpResponse, Problem> {
    let stage = find(&name)?;
    let Weights { path } = input::body(&request, body).await?;
    Act::new("reload").on_stage(stage).with(path.display()).note(&request);
    let (supervisors, mode) = (&plane.supervisors, RestartMode::Rolling);
    let restarted = match (plane.weights)(stage, path).map_err(Problem::invalid)? {
        StageFactory::Asr(source) => replace(&supervisors.asr, mode, Some(source)).await,
        StageFactory::Translation(source) => replace(&supervisors.translation, mode, Some(source)).await,
        StageFactory::Tts(source) => replace(&supervisors.tts, mode, Some(source)).await,
    };
    Ok(HttpResponse::Ok().json(restarted?))
}

async fn replace<I, O>(
    supervisor: &Mailbox<StageSupervisor<I, O>>,
    mode: RestartMode,
    source: Option<EngineSource<I, O>>,
) -> Result<Restarted, Problem>
where
    I: Send + 'static,
    O: Send + 'static,
{
    Ok(supervisor.send(Restart { mode, source }).await??)
}

/// How many workers there are to be.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Workers {
    workers: usize,
}

async fn scale(
    plane: web::Data<Plane>,
    request: HttpRequest,
    name: web::Path<String>,
    body: web::Payload,
) -> Result<HttpResponse, Problem> {
    let stage = find(&name)?;
    let Workers { workers } = input::body(&request, body).await?;
    Act::new("scale").on_stage(stage).with(workers).note(&request);
    let scaled = with_supervisor!(plane, stage, |supervisor| supervisor.send(Scale(workers)).await)??;
    Ok(HttpResponse::Ok().json(scaled))
}

async fn pause(
    plane: web::Data<Plane>,
    request: HttpRequest,
    name: web::Path<String>,
) -> Result<HttpResponse, Problem> {
    set_paused(&plane, &request, &name, true).await
}

async fn resume(
    plane: web::Data<Plane>,
    request: HttpRequest,
    name: web::Path<String>,
) -> Result<HttpResponse, Problem> {
    set_paused(&plane, &request, &name, false).await
}

async fn set_paused(plane: &Plane, request: &HttpRequest, name: &str, paused: bool) -> Result<HttpResponse, Problem> {
    let stage = find(name)?;
    Act::new(if paused { "pause" } else { "resume" }).on_stage(stage).note(request);
    with_supervisor!(plane, stage, |supervisor| supervisor.send(SetPaused(paused)).await)?;
    Ok(HttpResponse::Ok().json(serde_json::json!({"stage": stage, "paused": paused})))
}

/// The stage of this name; `translate` is taken for `translation` too.
fn find(name: &str) -> Result<Stage, Problem> {
    match name {
        "asr" => Ok(Stage::Asr),
        "translate" | "translation" => Ok(Stage::Translation),
        "tts" => Ok(Stage::Tts),
        _ => {
            let shown: String = name.chars().take(64).collect();
            let message = format!("there is no stage '{shown}'; these are: asr, translate, tts");
            Err(Problem::new(StatusCode::NOT_FOUND, ErrorCode::InvalidConfig, message))
        }
    }
}
