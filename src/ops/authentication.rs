//! Who may use the control plane.

use actix_web::body::MessageBody;
use actix_web::dev::{ServiceRequest, ServiceResponse};
use actix_web::http::StatusCode;
use actix_web::http::header::{AUTHORIZATION, HOST, HeaderName, ORIGIN};
use actix_web::middleware::Next;
use actix_web::web;
use sts_protocol::ErrorCode;

use super::{Plane, Problem};
use crate::access::Origins;

/// Lets a request pass that does not come from a foreign web page.
pub(super) async fn check_origin(
    request: ServiceRequest,
    next: Next<impl MessageBody + 'static>,
) -> Result<ServiceResponse<impl MessageBody>, actix_web::Error> {
    let asks_for_token = !plane_of(&request)?.tokens.is_empty();
    let host = header(&request, &HOST);
    let host_may = asks_for_token || !Origins::may_be_forged(host);
    if host_may && Origins::default().allow(header(&request, &ORIGIN), host, asks_for_token) {
        return Ok(next.call(request).await?.map_into_boxed_body());
    }
    Ok(refuse(
        request,
        if host_may {
            "pages of this origin may not use the control plane"
        } else {
            "without OPS_TOKENS the control plane answers to an address or localhost alone"
        },
    ))
}

/// Lets a request pass that shows an operator's token.
pub(super) async fn check_token(
    request: ServiceRequest,
    next: Next<impl MessageBody + 'static>,
) -> Result<ServiceResponse<impl MessageBody>, actix_web::Error> {
    let tokens = &plane_of(&request)?.tokens;
    let offered = header(&request, &AUTHORIZATION).and_then(|value| value.strip_prefix("Bearer "));
    if tokens.is_empty() || offered.is_some_and(|token| tokens.find(token).is_some()) {
        return Ok(next.call(request).await?.map_into_boxed_body());
    }
    Ok(refuse(request, "a valid token is needed, as Authorization: Bearer"))
}

fn plane_of(request: &ServiceRequest) -> Result<&web::Data<Plane>, actix_web::Error> {
    let plane = request.app_data::<web::Data<Plane>>();
    plane.ok_or_else(|| actix_web::error::ErrorInternalServerError("the control plane has no state"))
}

fn header<'a>(request: &'a ServiceRequest, name: &HeaderName) -> Option<&'a str> {
    request.headers().get(name).map(|value| value.to_str().unwrap_or("\u{fffd}"))
}

fn refuse(request: ServiceRequest, message: &str) -> ServiceResponse {
    request.into_response(Problem::response(StatusCode::UNAUTHORIZED, ErrorCode::Unauthorized, message))
}
