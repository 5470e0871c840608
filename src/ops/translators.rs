//! `/api/v1/translators`: the translators that the settings name, and whether they are left alone.

use actix_web::{HttpResponse, web};

use super::{Plane, resource};

/// The routes.
pub(super) fn routes(config: &mut web::ServiceConfig) {
    config.service(resource("/translators", "GET").route(web::get().to(all)));
}

async fn all(plane: web::Data<Plane>) -> HttpResponse {
    HttpResponse::Ok().json(plane.translators.observe())
}
