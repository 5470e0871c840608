//! `/`: the operators' page. Its files are part of the program, and hold no data: what they show comes from the feed
//! and the API, which ask for a token.

use actix_web::http::header;
use actix_web::{HttpRequest, HttpResponse, web};

const HTML: &str = "text/html; charset=utf-8";
const STYLE: &str = "text/css; charset=utf-8";
const SCRIPT: &str = "text/javascript; charset=utf-8";
const IMAGE: &str = "image/svg+xml";

/// Path, type and content of each file.
const FILES: &[(&str, &str, &str)] = &[
    ("/", HTML, include_str!("page/index.html")),
    ("/page/style.css", STYLE, include_str!("page/style.css")),
    ("/page/icon.svg", IMAGE, include_str!("page/icon.svg")),
    ("/page/action.js", SCRIPT, include_str!("page/action.js")),
    ("/page/actors.js", SCRIPT, include_str!("page/actors.js")),
    ("/page/announcer.js", SCRIPT, include_str!("page/announcer.js")),
    ("/page/api.js", SCRIPT, include_str!("page/api.js")),
    ("/page/connection.js", SCRIPT, include_str!("page/connection.js")),
    ("/page/dom.js", SCRIPT, include_str!("page/dom.js")),
    ("/page/events.js", SCRIPT, include_str!("page/events.js")),
    ("/page/feed.js", SCRIPT, include_str!("page/feed.js")),
    ("/page/format.js", SCRIPT, include_str!("page/format.js")),
    ("/page/gpus.js", SCRIPT, include_str!("page/gpus.js")),
    ("/page/log.js", SCRIPT, include_str!("page/log.js")),
    ("/page/main.js", SCRIPT, include_str!("page/main.js")),
    ("/page/names.js", SCRIPT, include_str!("page/names.js")),
    ("/page/service.js", SCRIPT, include_str!("page/service.js")),
    ("/page/sparkline.js", SCRIPT, include_str!("page/sparkline.js")),
    ("/page/stages.js", SCRIPT, include_str!("page/stages.js")),
    ("/page/streams.js", SCRIPT, include_str!("page/streams.js")),
    ("/page/token.js", SCRIPT, include_str!("page/token.js")),
];

/// Nothing from elsewhere, nothing inline, in no frame; and no text is ever taken for markup or for code. Not every
/// browser holds that `'self'` means this service's WebSocket too, so that is named where its name allows.
fn content_security_policy(host: Option<&str>) -> String {
    let is_name = |host: &&str| host.bytes().all(|byte| byte.is_ascii_alphanumeric() || b".:-".contains(&byte));
    let feed = host.filter(is_name).map(|host| format!(" ws://{host} wss://{host}")).unwrap_or_default();
    format!(
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'{feed}; \
         base-uri 'none'; form-action 'none'; frame-ancestors 'none'; \
         require-trusted-types-for 'script'; trusted-types 'none'"
    )
}

/// The routes.
pub(super) fn routes(config: &mut web::ServiceConfig) {
    for &(path, kind, content) in FILES {
        config.route(path, web::get().to(async move |request: HttpRequest| answer(&request, kind, content)));
    }
}

fn answer(request: &HttpRequest, kind: &'static str, content: &'static str) -> HttpResponse {
    let host = request.headers().get(header::HOST).and_then(|host| host.to_str().ok());
    HttpResponse::Ok()
        .content_type(kind)
        .insert_header((header::CONTENT_SECURITY_POLICY, content_security_policy(host)))
        .insert_header((header::X_CONTENT_TYPE_OPTIONS, "nosniff"))
        .insert_header((header::X_FRAME_OPTIONS, "DENY"))
        .insert_header((header::REFERRER_POLICY, "no-referrer"))
        .insert_header(("Cross-Origin-Opener-Policy", "same-origin"))
        .insert_header(("Cross-Origin-Resource-Policy", "same-origin"))
        // A page of another version of the service would not understand this one's feed.
        .insert_header((header::CACHE_CONTROL, "no-cache"))
        .body(content)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn content(path: &str) -> &'static str {
        let (.., content) =
            FILES.iter().find(|(known, ..)| *known == path).unwrap_or_else(|| panic!("{path} is missing"));
        content
    }

    #[test]
    fn every_file_is_served_and_every_import_is_there() {
        let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/src/ops/page");
        let count = std::fs::read_dir(folder).expect("the page's files").count();
        assert_eq!(count, FILES.len(), "files in {folder}, and files that are served");
        let mut imports = 0;
        for (path, _, script) in FILES.iter().filter(|(_, kind, _)| *kind == SCRIPT) {
            for (_, rest) in script.match_indices(" from './").map(|(at, found)| script.split_at(at + found.len())) {
                let name = rest.split('\'').next().expect("a name");
                assert!(!content(&format!("/page/{name}")).is_empty(), "{path} imports {name}");
                imports += 1;
            }
        }
        assert!(imports > 20, "{imports}");
    }

    #[test]
    fn the_policy_names_the_feed_and_lets_nobody_add_to_it() {
        let policy = content_security_policy(Some("127.0.0.1:8001"));
        assert!(policy.contains("connect-src 'self' ws://127.0.0.1:8001 wss://127.0.0.1:8001; base-uri 'none'"));
        for hostile in
            [None, Some("[::1]:8001"), Some("a; script-src *"), Some("a,b"), Some("a *"), Some("a/b"), Some("*")]
        {
            assert!(content_security_policy(hostile).contains("connect-src 'self'; base-uri 'none'"), "{hostile:?}");
        }
    }

    #[test]
    fn nothing_is_inline_and_nothing_comes_from_elsewhere() {
        let html = content("/");
        for inline in [" style=", "<style", "javascript:", " onclick=", "://"] {
            assert!(!html.contains(inline), "{inline} in index.html");
        }
        assert_eq!(html.matches("<script").count(), html.matches(" src=\"/page/main.js\"></script>").count());
        for (path, kind, text) in FILES.iter().filter(|(_, kind, _)| *kind != IMAGE) {
            for sink in ["innerHTML", "outerHTML", "insertAdjacentHTML", "document.write", "eval(", "url(", "@import"] {
                assert!(!text.contains(sink), "{sink} in {path}, {kind}");
            }
        }
    }
}
