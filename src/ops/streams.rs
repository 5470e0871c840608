//! `/api/v1/streams`: how each stream is, and how to let one come to its end.

use std::time::Duration;

use actix_web::http::StatusCode;
use actix_web::{HttpRequest, HttpResponse, web};
use futures_util::future::join_all;
use serde::{Deserialize, Serialize};
use sts_actors::registry::Mailbox;
use sts_actors::stream::{Drain, ObserveStream, StreamActor, StreamObservation};
use sts_protocol::ErrorCode;

use super::audit::Act;
use super::{Plane, Problem, input, resource};
use crate::gateway::{FindStream, ListStreams};

/// How long a stream may take to answer; one that is stuck must not keep the others from being shown.
const PATIENCE: Duration = Duration::from_secs(1);
/// Streams in an answer, unless asked otherwise; and at most.
const LIMIT: usize = 200;
const MAX_LIMIT: usize = 1_000;

/// The routes.
pub(super) fn routes(config: &mut web::ServiceConfig) {
    config
        .service(resource("/streams", "GET").route(web::get().to(all)))
        .service(resource("/streams/{stream_id}", "GET").route(web::get().to(one)))
        .service(resource("/streams/{stream_id}/drain", "POST").route(web::post().to(drain)));
}

/// Streams in the order of their ids.
#[derive(Serialize)]
pub(super) struct Streams {
    streams: Vec<StreamObservation>,
    /// How many there are in all.
    total: usize,
    /// Those among them that did not answer in time.
    unanswered: Vec<String>,
    /// What to ask for `after` to see more.
    #[serde(skip_serializing_if = "Option::is_none")]
    next: Option<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct PageQuery {
    after: Option<String>,
    limit: Option<usize>,
}

async fn all(plane: web::Data<Plane>, request: HttpRequest) -> Result<HttpResponse, Problem> {
    let PageQuery { after, limit } = input::query(&request)?;
    let limit = limit.unwrap_or(LIMIT);
    if !(1..=MAX_LIMIT).contains(&limit) {
        return Err(Problem::invalid(format!("`limit` must be 1 to {MAX_LIMIT}, not {limit}")));
    }
    Ok(HttpResponse::Ok().json(list(&plane, after, limit).await?))
}

/// The streams after an id, at most `limit` of them.
pub(super) async fn list(plane: &Plane, after: Option<String>, limit: usize) -> Result<Streams, Problem> {
    let page = plane.gateway.send(ListStreams { after, limit });
    let page = in_time("the gateway", page).await?;
    let answers = page.streams.iter().map(|(_, stream)| tokio::time::timeout(PATIENCE, stream.send(ObserveStream)));
    let answers = join_all(answers).await;
    let next = page.streams.last().filter(|_| page.has_more).map(|(id, _)| id.to_string());
    let (mut streams, mut unanswered) = (Vec::with_capacity(answers.len()), Vec::new());
    for (answer, (id, _)) in answers.into_iter().zip(&page.streams) {
        match answer {
            Ok(Ok(observation)) => streams.push(observation),
            // It has ended meanwhile.
            Ok(Err(_)) => {}
            Err(_) => unanswered.push(id.to_string()),
        }
    }
    Ok(Streams { streams, total: page.total, unanswered, next })
}

async fn one(plane: web::Data<Plane>, id: web::Path<String>) -> Result<HttpResponse, Problem> {
    let stream = find(&plane, &id).await?;
    match tokio::time::timeout(PATIENCE, stream.send(ObserveStream)).await {
        Ok(Ok(observation)) => Ok(HttpResponse::Ok().json(observation)),
        Ok(Err(_)) => Err(unknown(&id)),
        Err(_) => Err(stuck("the stream")),
    }
}

/// What a drain did.
#[derive(Serialize)]
struct Draining<'a> {
    stream_id: &'a str,
    state: &'static str,
    /// Fragments that are finished and delivered before `stream:complete`.
    in_flight: usize,
}

async fn drain(plane: web::Data<Plane>, request: HttpRequest, id: web::Path<String>) -> Result<HttpResponse, Problem> {
    Act::new("drain").on_stream(&id).note(&request);
    let stream = find(&plane, &id).await?;
    match tokio::time::timeout(PATIENCE, stream.send(Drain)).await {
        Ok(Ok(Ok(drained))) => {
            let draining = Draining { stream_id: &id, state: "ending", in_flight: drained.in_flight };
            Ok(HttpResponse::Accepted().json(draining))
        }
        Ok(Ok(Err(_)) | Err(_)) => Err(unknown(&id)),
        Err(_) => Err(stuck("the stream")),
    }
}

async fn find(plane: &Plane, id: &str) -> Result<Mailbox<StreamActor>, Problem> {
    let found = in_time("the gateway", plane.gateway.send(FindStream(id.to_owned()))).await?;
    found.ok_or_else(|| unknown(id))
}

/// Waits for an actor's answer, but not for ever.
pub(super) async fn in_time<T>(
    who: &str,
    answer: impl Future<Output = Result<T, actix::MailboxError>>,
) -> Result<T, Problem> {
    match tokio::time::timeout(PATIENCE, answer).await {
        Ok(Ok(answer)) => Ok(answer),
        Ok(Err(error)) => {
            let message = format!("{who}: {error}");
            Err(Problem::new(StatusCode::SERVICE_UNAVAILABLE, ErrorCode::Internal, message))
        }
        Err(_) => Err(stuck(who)),
    }
}

fn stuck(who: &str) -> Problem {
    let message = format!("{who} did not answer within {} ms", PATIENCE.as_millis());
    Problem::new(StatusCode::GATEWAY_TIMEOUT, ErrorCode::Timeout, message)
}

fn unknown(id: &str) -> Problem {
    let shown: String = id.chars().take(64).collect();
    Problem::new(StatusCode::NOT_FOUND, ErrorCode::StreamNotFound, format!("there is no stream '{shown}'"))
}
