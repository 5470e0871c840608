//! `/api/v1/events`: what happened last.

use actix_web::{HttpRequest, HttpResponse, web};
use serde::Deserialize;
use sts_actors::events::EventKind;
use sts_actors::history::{ListEvents, RecentEvents};

use super::streams::in_time;
use super::{Plane, Problem, input, resource};

/// Events in an answer, unless asked otherwise; and at most.
const LIMIT: usize = 100;
const MAX_LIMIT: usize = 1_000;

/// The routes.
pub(super) fn routes(config: &mut web::ServiceConfig) {
    config.service(resource("/events", "GET").route(web::get().to(recent)));
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct EventsQuery {
    after: Option<u64>,
    limit: Option<usize>,
    /// Kinds with commas between them.
    kind: Option<String>,
}

async fn recent(plane: web::Data<Plane>, request: HttpRequest) -> Result<HttpResponse, Problem> {
    let EventsQuery { after, limit, kind } = input::query(&request)?;
    let limit = limit.unwrap_or(LIMIT);
    if !(1..=MAX_LIMIT).contains(&limit) {
        return Err(Problem::invalid(format!("`limit` must be 1 to {MAX_LIMIT}, not {limit}")));
    }
    let kinds = kind.map_or(Ok(EventKind::ALL.into()), |kinds| kinds.split(',').map(read_kind).collect())?;
    Ok(HttpResponse::Ok().json(list(&plane, ListEvents { after, limit, kinds }).await?))
}

pub(super) async fn list(plane: &Plane, wanted: ListEvents) -> Result<RecentEvents, Problem> {
    in_time("the history of events", plane.history.send(wanted)).await
}

fn read_kind(name: &str) -> Result<EventKind, Problem> {
    let read = EventKind::ALL.into_iter().find(|kind| kind.as_str() == name);
    read.ok_or_else(|| {
        let (shown, all) = (name.chars().take(32).collect::<String>(), EventKind::ALL.map(EventKind::as_str));
        Problem::invalid(format!("`kind` '{shown}' is none of {}", all.join(", ")))
    })
}
