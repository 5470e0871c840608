//! LibreTranslate's API as far as the service uses it: `/translate` and `/languages`.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, PoisonError};

use serde_json::json;

use super::http::{Answer, HttpDouble, Request, Service};

/// The key that the double takes.
pub const KEY: &str = "libre-0123";

/// The double. It has English, Spanish and Chinese in simplified characters.
pub struct LibreTranslateDouble {
    /// Its socket.
    pub http: HttpDouble,
    next: Arc<Mutex<VecDeque<Answer>>>,
}

struct Desk(Arc<Mutex<VecDeque<Answer>>>);

impl LibreTranslateDouble {
    /// Starts it on a free port; it behaves.
    pub fn start() -> Self {
        let next = Arc::<Mutex<VecDeque<Answer>>>::default();
        Self { http: HttpDouble::start(Desk(Arc::clone(&next))), next }
    }

    /// The next requests to translate are answered so, in order.
    pub fn next(&self, answers: impl IntoIterator<Item = Answer>) {
        self.next.lock().unwrap_or_else(PoisonError::into_inner).extend(answers);
    }
}

impl Service for Desk {
    fn cuts(&self, _: &Request) -> bool {
        false
    }

    fn answer(&self, request: &Request) -> Answer {
        if request.path == "/languages" {
            let targets = ["en", "es", "zh-Hans"];
            let language = |code: &str| json!({"code": code, "name": code, "targets": targets});
            return Answer::json(200, &json!(targets.map(language)));
        }
        let body = request.json();
        if let Some(answer) = self.0.lock().unwrap_or_else(PoisonError::into_inner).pop_front() {
            return answer;
        }
        if body["api_key"] != KEY {
            return Answer::json(403, &json!({"error": "Invalid API key"}));
        }
        let target = body["target"].as_str().unwrap_or_default();
        if !["en", "es", "zh-Hans"].contains(&target) {
            return Answer::json(400, &json!({"error": format!("{target} is not supported")}));
        }
        let texts: Vec<String> = serde_json::from_value(body["q"].clone()).unwrap_or_default();
        if texts.iter().any(|text| text.contains("poison")) {
            return Answer::json(400, &json!({"error": "Invalid request: text exceeds text limit"}));
        }
        let translated: Vec<String> = texts.iter().map(|text| format!("[{}] {text}", target.to_uppercase())).collect();
        Answer::json(200, &json!({"translatedText": translated}))
    }
}
