//! Who may use the control plane.

use actix_web::body::MessageBody;
use actix_web::dev::{ServiceRequest, ServiceResponse};
use actix_web::http::StatusCode;
use actix_web::http::header::{AUTHORIZATION, HOST, ORIGIN};
use actix_web::middleware::Next;
use actix_web::web;
use sts_protocol::ErrorCode;

use super::{Plane, Problem};
use crate::access::Origins;

/// Lets a request pass that shows an operator's token and does not come from a foreign web page.
pub(super) async fn check(
    request: ServiceRequest,
    next: Next<impl MessageBody + 'static>,
) -> Result<ServiceResponse<impl MessageBody>, actix_web::Error> {
    let header = |name| request.headers().get(name).map(|value| value.to_str().unwrap_or("\u{fffd}"));
    let Some(plane) = request.app_data::<web::Data<Plane>>() else {
        return Err(actix_web::error::ErrorInternalServerError("the control plane has no state"));
    };
    let open = plane.tokens.is_empty();
    let origin_may = Origins::default().allow(header(ORIGIN), header(HOST), !open);
    let token_may = open
        || header(AUTHORIZATION)
            .and_then(|value| value.strip_prefix("Bearer "))
            .is_some_and(|token| plane.tokens.find(token).is_some());
    if origin_may && token_may {
        return Ok(next.call(request).await?.map_into_boxed_body());
    }
    let message = if token_may {
        "pages of this origin may not use the control plane"
    } else {
        "a valid token is needed, as Authorization: Bearer"
    };
    let refused = Problem::response(StatusCode::UNAUTHORIZED, ErrorCode::Unauthorized, message);
    Ok(request.into_response(refused).map_into_boxed_body())
}
