//! `/api/v1/gpus`: what each GPU of the machine is doing. An empty list without a GPU.

use actix_web::{HttpResponse, web};

use super::{Plane, resource};

/// The routes.
pub(super) fn routes(config: &mut web::ServiceConfig) {
    config.service(resource("/gpus", "GET").route(web::get().to(all)));
}

async fn all(plane: web::Data<Plane>) -> HttpResponse {
    HttpResponse::Ok().json(plane.gpus.observe())
}
