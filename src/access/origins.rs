//! Which web pages may use the service: none but those listed. WebSockets are not subject to CORS, so the origin is
//! looked at here too: else any page that somebody visits could dub by a service on that person's own machine.

use std::net::IpAddr;
use std::sync::Arc;

use axum::http::{HeaderName, HeaderValue, Method, Uri, header};
use tower_http::cors::{AllowOrigin, CorsLayer};

/// Origins of pages that may connect.
#[derive(Clone, Debug, Default)]
pub struct Origins(Arc<[String]>);

impl Origins {
    /// Reads a list such as `https://studio.example,http://localhost:3000`; `*` stands for every origin.
    ///
    /// # Errors
    /// A sentence about the entry that is no origin.
    pub fn parse(list: &str) -> Result<Self, String> {
        let entries: Vec<String> =
            list.split(',').map(str::trim).filter(|entry| !entry.is_empty()).map(str::to_ascii_lowercase).collect();
        for entry in entries.iter().filter(|entry| *entry != "*") {
            let uri: Option<Uri> = entry.parse().ok();
            let is_origin = uri.is_some_and(|uri| {
                uri.scheme_str()
                    .zip(uri.authority())
                    .is_some_and(|(scheme, host)| *entry == format!("{scheme}://{host}"))
            });
            if !is_origin {
                return Err(format!("'{entry}' is no origin like https://studio.example"));
            }
        }
        Ok(Self(entries.into()))
    }

    fn lists(&self, origin: &str) -> bool {
        self.0.iter().any(|entry| entry == "*" || entry.eq_ignore_ascii_case(origin))
    }

    /// Whether a request with these headers may pass. Programs send no `Origin`, or that of the service itself.
    ///
    /// Without `asks_for_token` the service's own name counts only when it is an address or `localhost`: a page can
    /// make any other name point here.
    pub fn allow(&self, origin: Option<&str>, host: Option<&str>, asks_for_token: bool) -> bool {
        let Some(origin) = origin else { return true };
        if self.lists(origin) {
            return true;
        }
        let own = origin.split_once("://").map(|(_, authority)| authority);
        own.is_some() && own == host && (asks_for_token || own.is_some_and(is_unforgeable))
    }

    /// Whether a request with this `Host` may be one of a page whose name was made to point here. A browser sends no
    /// `Origin` when such a page reads from what it takes for its own site.
    pub fn may_be_forged(host: Option<&str>) -> bool {
        host.is_some_and(|host| !is_unforgeable(host))
    }

    /// The CORS headers for pages of these origins; none for others.
    pub fn layer(&self) -> CorsLayer {
        let origins = self.clone();
        let listed = move |origin: &HeaderValue, _: &axum::http::request::Parts| {
            origin.to_str().is_ok_and(|origin| origins.lists(origin))
        };
        CorsLayer::new()
            .allow_origin(AllowOrigin::predicate(listed))
            .allow_methods([Method::GET, Method::POST])
            .allow_headers([
                header::CONTENT_TYPE,
                header::AUTHORIZATION,
                HeaderName::from_static("x-stream-id"),
                HeaderName::from_static("x-worker-id"),
            ])
    }
}

/// Whether a host is an address or `localhost`, whatever its port.
fn is_unforgeable(authority: &str) -> bool {
    let host = match authority.rsplit_once(':') {
        Some((host, port)) if port.bytes().all(|byte| byte.is_ascii_digit()) => host,
        _ => authority,
    };
    host == "localhost" || host.trim_start_matches('[').trim_end_matches(']').parse::<IpAddr>().is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn closed_by_default_to_pages_but_not_to_programs() {
        let closed = Origins::default();
        assert!(closed.allow(None, Some("127.0.0.1:8000"), false));
        for own in ["127.0.0.1:8000", "localhost:8000", "[::1]:8000"] {
            assert!(closed.allow(Some(&format!("http://{own}")), Some(own), false), "{own}");
        }
        for foreign in ["https://evil.example", "null", "http://127.0.0.1:3000"] {
            assert!(!closed.allow(Some(foreign), Some("127.0.0.1:8000"), true), "{foreign}");
        }
    }

    #[test]
    fn a_name_that_was_made_to_point_here_needs_a_token() {
        let (origin, host) = (Some("http://evil.example:8000"), Some("evil.example:8000"));
        assert!(!Origins::default().allow(origin, host, false));
        assert!(Origins::default().allow(origin, host, true));
        assert!(Origins::may_be_forged(host) && Origins::may_be_forged(Some("")));
        for own in [None, Some("127.0.0.1:8001"), Some("[::1]:8001"), Some("localhost")] {
            assert!(!Origins::may_be_forged(own), "{own:?}");
        }
    }

    #[test]
    fn listed_origins_may() {
        let origins = Origins::parse("https://studio.example, http://localhost:3000").expect("origins");
        assert!(origins.allow(Some("https://studio.example"), Some("dub.example"), false));
        assert!(!origins.allow(Some("https://studio.example.evil.example"), Some("dub.example"), true));
        assert!(Origins::parse("*").expect("every one").allow(Some("null"), Some("dub.example"), false));
        for wrong in ["studio.example", "https://studio.example/", "https://"] {
            assert!(Origins::parse(wrong).is_err(), "{wrong}");
        }
    }
}
