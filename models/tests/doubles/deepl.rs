//! DeepL's API as far as the service uses it: `/v2/translate`, `/v2/usage` and `/v3/glossaries`.

use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, SystemTime};

use serde_json::{Value, json};

use super::http::{Answer, HttpDouble, Request, Service};

/// The key that the double takes.
pub const KEY: &str = "00000000-1111-2222-3333-444444444444:fx";

/// What it does about a request to translate.
#[derive(Clone, Debug)]
pub enum Conduct {
    /// As the real one.
    Proper,
    /// This status, with an explanation.
    Status(u16),
    /// This status and this `Retry-After`.
    RetryAfter(u16, String),
    /// See [`Answer::HangUp`].
    CutInRequest,
    /// See [`Answer::HalfOf`].
    CutInAnswer,
    /// See [`Answer::Silence`].
    Silence,
    /// So many bytes a second.
    Dribble(u32),
    /// This.
    Says(Value),
    /// Something that begins like JSON.
    BrokenJson,
    /// One translation too few.
    OneTooFew,
    /// Another place to ask.
    Redirect(String),
    /// An answer of so many bytes.
    Huge(usize),
}

#[derive(Default)]
struct Script {
    /// For the next requests to translate, in order; then it behaves.
    next: VecDeque<Conduct>,
    /// For all that the list above does not cover.
    otherwise: Option<Conduct>,
    /// For requests with a text that contains this.
    marked: Vec<(String, Conduct)>,
    /// Requests with more bytes than this are too large, and so are texts with more texts than 50.
    max_bytes: Option<usize>,
    /// Whether glossaries can be made, and with which status not.
    refuses_glossaries: Option<u16>,
    glossaries: Vec<(String, Value)>,
    /// Time for the list of glossaries, as the API writes it, where it is not this one.
    created: HashMap<String, String>,
    deleted: usize,
    characters: usize,
}

/// The double.
pub struct DeepLDouble {
    /// Its socket.
    pub http: HttpDouble,
    script: Arc<Mutex<Script>>,
}

struct Desk(Arc<Mutex<Script>>);

impl DeepLDouble {
    /// Starts it on a free port; it behaves.
    pub fn start() -> Self {
        let script = Arc::<Mutex<Script>>::default();
        Self { http: HttpDouble::start(Desk(Arc::clone(&script))), script }
    }

    fn script<R>(&self, change: impl FnOnce(&mut Script) -> R) -> R {
        change(&mut self.script.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// The next requests to translate are met so, in order.
    pub fn next(&self, conduct: impl IntoIterator<Item = Conduct>) {
        self.script(|script| script.next.extend(conduct));
    }

    /// All further requests to translate are met so.
    pub fn always(&self, conduct: Conduct) {
        self.script(|script| script.otherwise = Some(conduct));
    }

    /// Requests with a text that contains `mark` are met so.
    pub fn on(&self, mark: &str, conduct: Conduct) {
        self.script(|script| script.marked.push((mark.to_owned(), conduct)));
    }

    /// Larger request bodies are refused with 413.
    pub fn takes_at_most(&self, bytes: usize) {
        self.script(|script| script.max_bytes = Some(bytes));
    }

    /// No glossary can be made.
    pub fn refuses_glossaries(&self, status: u16) {
        self.script(|script| script.refuses_glossaries = Some(status));
    }

    /// Deletes all glossaries behind the client's back.
    pub fn loses_glossaries(&self) {
        self.script(|script| script.glossaries.clear());
    }

    /// The dictionaries of the glossaries that there are.
    pub fn glossaries(&self) -> Vec<Value> {
        self.script(|script| script.glossaries.iter().map(|(_, body)| body["dictionaries"][0].clone()).collect())
    }

    /// Has a glossary of this id, name and time in the account.
    pub fn has_glossary(&self, id: &str, name: &str, created: &str) {
        self.script(|script| {
            script.glossaries.push((id.to_owned(), json!({"name": name, "dictionaries": [{}]})));
            script.created.insert(id.to_owned(), created.to_owned());
        });
    }

    /// The ids of the glossaries that there are.
    pub fn glossary_ids(&self) -> Vec<String> {
        self.script(|script| script.glossaries.iter().map(|(id, _)| id.clone()).collect())
    }

    /// How many glossaries were deleted.
    pub fn deleted(&self) -> usize {
        self.script(|script| script.deleted)
    }

    /// The bodies of the requests to translate so far.
    pub fn translate_bodies(&self) -> Vec<Value> {
        self.http.requests().iter().filter(|request| request.path == "/v2/translate").map(Request::json).collect()
    }
}

impl Desk {
    fn conduct(&self, texts: &[String]) -> Conduct {
        let mut script = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let marked = script.marked.iter().find(|(mark, _)| texts.iter().any(|text| text.contains(mark)));
        if let Some((_, conduct)) = marked {
            return conduct.clone();
        }
        script.next.pop_front().or_else(|| script.otherwise.clone()).unwrap_or(Conduct::Proper)
    }

    fn translate(&self, request: &Request) -> Answer {
        let body = request.json();
        let texts: Vec<String> = serde_json::from_value(body["text"].clone()).unwrap_or_default();
        let proper = self.translations(&body, &texts, request.body.len());
        let bytes = |answer: Answer| match answer {
            Answer::Reply { body, .. } => body,
            _ => Vec::new(),
        };
        let said = |status: u16| Answer::json(status, &json!({"message": format!("told to say {status}")}));
        match self.conduct(&texts) {
            Conduct::Proper => proper,
            Conduct::Status(status) => said(status),
            Conduct::RetryAfter(status, when) => said(status).with_header("retry-after", &when),
            Conduct::CutInRequest => Answer::HangUp,
            Conduct::CutInAnswer => Answer::HalfOf(bytes(proper)),
            Conduct::Silence => Answer::Silence,
            Conduct::Dribble(rate) => Answer::Dribble(bytes(proper), Duration::from_secs(1) / rate),
            Conduct::Says(body) => Answer::json(200, &body),
            Conduct::BrokenJson => {
                Answer::Reply { status: 200, headers: Vec::new(), body: b"{\"translations\":[{".into() }
            }
            Conduct::OneTooFew => Answer::json(200, &json!({"translations": &all(&body, &texts)[1..]})),
            Conduct::Redirect(to) => said(307).with_header("location", &to),
            Conduct::Huge(size) => Answer::Reply { status: 200, headers: Vec::new(), body: vec![b' '; size] },
        }
    }

    fn translations(&self, body: &Value, texts: &[String], bytes: usize) -> Answer {
        let refuse = |status: u16, message: &str| Answer::json(status, &json!({"message": message}));
        let mut script = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if texts.is_empty() || texts.len() > 50 {
            return refuse(400, "Too many texts, or none.");
        }
        if bytes > script.max_bytes.unwrap_or(128 * 1024) {
            return refuse(413, "Request Entity Too Large");
        }
        let plain = ["EN", "PT", "ZH"];
        let target = body["target_lang"].as_str().unwrap_or_default();
        if plain.contains(&target) || target == "XX" {
            return refuse(400, "Value for 'target_lang' not supported.");
        }
        if body["source_lang"].as_str().is_none_or(|source| source.len() != 2) {
            return refuse(400, "Value for 'source_lang' not supported.");
        }
        if let Some(id) = body["glossary_id"].as_str()
            && !script.glossaries.iter().any(|(known, _)| known == id)
            && id != "of-the-account"
        {
            return refuse(404, "Glossary not found");
        }
        script.characters += texts.iter().map(|text| text.chars().count()).sum::<usize>();
        Answer::json(200, &json!({"translations": all(body, texts)}))
    }

    fn glossary(&self, request: &Request) -> Answer {
        let mut script = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(status) = script.refuses_glossaries {
            return Answer::json(status, &json!({"message": "no glossary today"}));
        }
        if request.method == "POST" {
            let id = format!("glossary-{}", script.glossaries.len() + script.deleted);
            script.glossaries.push((id.clone(), request.json()));
            return Answer::json(201, &json!({"glossary_id": id, "name": request.json()["name"]}));
        }
        if request.method == "GET" {
            let listed = |(id, body): &(String, Value)| {
                let now = || humantime::format_rfc3339_millis(SystemTime::now()).to_string();
                let created = script.created.get(id).cloned().unwrap_or_else(now);
                json!({"glossary_id": id, "name": body["name"], "creation_time": created, "dictionaries": []})
            };
            let list: Vec<Value> = script.glossaries.iter().map(listed).collect();
            return Answer::json(200, &json!({"glossaries": list}));
        }
        let id = request.path.rsplit('/').next().unwrap_or_default();
        let before = script.glossaries.len();
        script.glossaries.retain(|(known, _)| known != id);
        script.deleted += before - script.glossaries.len();
        Answer::Reply { status: 204, headers: Vec::new(), body: Vec::new() }
    }
}

fn all(body: &Value, texts: &[String]) -> Vec<Value> {
    let target = body["target_lang"].as_str().unwrap_or_default();
    texts
        .iter()
        .map(|text| json!({"detected_source_language": body["source_lang"], "text": format!("[{target}] {text}")}))
        .collect()
}

impl Service for Desk {
    fn cuts(&self, head: &Request) -> bool {
        let mut script = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let told = matches!(script.next.front().or(script.otherwise.as_ref()), Some(Conduct::CutInRequest));
        let cuts = told && head.path == "/v2/translate";
        if cuts {
            script.next.pop_front();
        }
        cuts
    }

    fn answer(&self, request: &Request) -> Answer {
        if request.header("authorization") != Some(&format!("DeepL-Auth-Key {KEY}")) {
            return Answer::json(403, &json!({"message": "Authorization failure, check auth_key"}));
        }
        match (request.method.as_str(), request.path.as_str()) {
            ("POST", "/v2/translate") => self.translate(request),
            ("GET", "/v2/usage") => {
                let used = self.0.lock().unwrap_or_else(PoisonError::into_inner).characters;
                Answer::json(200, &json!({"character_count": used, "character_limit": 500_000}))
            }
            ("POST" | "DELETE" | "GET", path) if path.starts_with("/v3/glossaries") => self.glossary(request),
            _ => Answer::json(404, &json!({"message": "no such path"})),
        }
    }
}
