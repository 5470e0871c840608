//! Who did what, when, and what came of it. Each action has two lines in the log: `an operator asks` before it is done,
//! and `an operator acts` afterwards. What is refused outright has the second alone. They are written at any log level:
//! who lowers it is not to hide what is done next.
//!
//! Tokens have no names. An operator is told by the address, and by the first 8 hexadecimal digits of the token's
//! SHA-256: whoever has the token can tell that it was this one, and nobody can tell the token from them.

use std::cell::RefCell;
use std::rc::Rc;
use std::time::Instant;

use actix_web::body::MessageBody;
use actix_web::dev::{ServiceRequest, ServiceResponse};
use actix_web::http::{Method, header};
use actix_web::middleware::Next;
use actix_web::{HttpMessage as _, HttpRequest, web};
use slog::{Logger, Record, Serializer};
use sts_protocol::Stage;

use super::{Plane, Problem};
use crate::logging::AUDIT;

/// Characters of a path that are logged.
const PATH_LIMIT: usize = 200;

/// What an operator wants done, and to what.
#[derive(Clone, Debug, Default)]
pub(super) struct Act {
    /// As `restart`.
    action: &'static str,
    stage: Option<Stage>,
    stream_id: Option<String>,
    /// As the number of workers.
    detail: String,
}

impl Act {
    /// An action on the service as a whole.
    pub(super) fn new(action: &'static str) -> Self {
        Self { action, ..Self::default() }
    }

    /// On this stage.
    pub(super) fn on_stage(self, stage: Stage) -> Self {
        Self { stage: Some(stage), ..self }
    }

    /// On this stream.
    pub(super) fn on_stream(self, stream_id: &str) -> Self {
        Self { stream_id: Some(shown(stream_id)), ..self }
    }

    /// In this way.
    pub(super) fn with(self, detail: impl ToString) -> Self {
        Self { detail: shown(&detail.to_string()), ..self }
    }

    /// Logs that it was asked for, and has what comes of it logged too.
    pub(super) fn note(self, request: &HttpRequest) {
        if let Some(Noted(line)) = request.extensions().get() {
            slog::info!(line.log, #AUDIT, "an operator asks"; &self);
            *line.act.borrow_mut() = Some(self);
        }
    }
}

impl slog::KV for Act {
    fn serialize(&self, _: &Record, serializer: &mut dyn Serializer) -> slog::Result {
        serializer.emit_str("operator_action", self.action)?;
        if let Some(stage) = self.stage {
            serializer.emit_str("stage", stage.as_str())?;
        }
        if let Some(stream_id) = &self.stream_id {
            serializer.emit_str("stream_id", stream_id)?;
        }
        if !self.detail.is_empty() {
            serializer.emit_str("detail", &self.detail)?;
        }
        Ok(())
    }
}

/// What will be logged of a request. The request must not be cloned before it is routed, but this may.
#[derive(Clone)]
struct Noted(Rc<Line>);

struct Line {
    /// Says who.
    log: Logger,
    /// What the request's handler has noted.
    act: RefCell<Option<Act>>,
    began: Instant,
}

/// Logs what is done. What is only looked at is not logged.
pub(super) async fn log(
    request: ServiceRequest,
    next: Next<impl MessageBody + 'static>,
) -> Result<ServiceResponse<impl MessageBody>, actix_web::Error> {
    if [Method::GET, Method::HEAD, Method::OPTIONS].contains(request.method()) {
        return next.call(request).await;
    }
    let Some(plane) = request.app_data::<web::Data<Plane>>() else { return next.call(request).await };
    let who = slog::o!("operator" => operator(plane, &request),
        "address" => request.peer_addr().map(|address| address.to_string()),
        "request" => shown(&format!("{} {}", request.method(), request.uri())));
    let line = Rc::new(Line { log: plane.backend.log.new(who), act: RefCell::default(), began: Instant::now() });
    request.extensions_mut().insert(Noted(Rc::clone(&line)));
    let answer = next.call(request).await?;
    line.conclude(answer.status().as_u16(), answer.response().extensions().get());
    Ok(answer)
}

/// Which token was shown.
fn operator(plane: &Plane, request: &ServiceRequest) -> String {
    if plane.tokens.is_empty() {
        return "anybody".to_owned();
    }
    let offered = request.headers().get(header::AUTHORIZATION).and_then(|value| value.to_str().ok());
    let known = offered.and_then(|value| value.strip_prefix("Bearer ")).and_then(|token| plane.tokens.find(token));
    known.map_or_else(|| "unknown".to_owned(), |token| token.tag())
}

impl Line {
    fn conclude(&self, status: u16, problem: Option<&Problem>) {
        let act = self.act.borrow().clone().unwrap_or_default();
        let took_ms = (self.began.elapsed().as_secs_f64() * 10_000.0).round() / 10.0;
        match problem {
            None => {
                slog::info!(self.log, #AUDIT, "an operator acts"; act, "outcome" => "done", "http_status" => status,
                    "took_ms" => took_ms);
            }
            Some(problem) => {
                slog::warn!(self.log, #AUDIT, "an operator acts"; act, "outcome" => "refused", "http_status" => status,
                    "took_ms" => took_ms, "error.code" => problem.code().as_str(), "error" => problem.message());
            }
        }
    }
}

fn shown(text: &str) -> String {
    text.chars().take(PATH_LIMIT).collect()
}
