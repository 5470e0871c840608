//! `/health` and `/metrics`.

use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use axum::{Json, Router};
use serde_json::json;
use sts_protocol::Stage;

use super::Backend;

/// The routes beside Socket.IO.
pub fn router(backend: Backend) -> Router {
    Router::new()
        .route("/health", get(ready))
        .route("/health/ready", get(ready))
        .route("/health/live", get(|| async { Json(json!({"status": "ok"})) }))
        .route("/metrics", get(metrics))
        .with_state(backend)
}

async fn ready(State(backend): State<Backend>) -> Response {
    match backend.unready() {
        None => Json(json!({"status": "ok"})).into_response(),
        Some(reason) => {
            (StatusCode::SERVICE_UNAVAILABLE, Json(json!({"status": "unavailable", "reason": reason}))).into_response()
        }
    }
}

async fn metrics(State(backend): State<Backend>) -> Response {
    let stages = &backend.stages;
    for load in [stages.asr.load(), stages.translation.load(), stages.tts.load()] {
        backend.metrics.observe_stage(&load);
    }
    match backend.metrics.encode() {
        Ok(text) => ([(header::CONTENT_TYPE, "text/plain; version=0.0.4; charset=utf-8")], text).into_response(),
        Err(error) => (StatusCode::INTERNAL_SERVER_ERROR, error.to_string()).into_response(),
    }
}

impl Backend {
    /// Why the service cannot take a stream now; `None` when every stage has a live worker.
    pub fn unready(&self) -> Option<String> {
        let stages = &self.stages;
        let states = [
            (Stage::Asr, stages.asr.ready_workers(), stages.asr.last_error()),
            (Stage::Translation, stages.translation.ready_workers(), stages.translation.last_error()),
            (Stage::Tts, stages.tts.ready_workers(), stages.tts.last_error()),
        ];
        let reasons: Vec<String> = states
            .into_iter()
            .filter(|(_, workers, _)| *workers == 0)
            .map(|(stage, _, error)| {
                let why = error.unwrap_or_else(|| "starting".to_owned());
                format!("the {} stage has no live worker: {why}", stage.as_str())
            })
            .collect();
        (!reasons.is_empty()).then(|| reasons.join("; "))
    }
}
