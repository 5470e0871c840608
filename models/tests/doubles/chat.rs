//! An endpoint like OpenAI's `/v1/chat/completions`, behind which a model does what the instructions say, with the
//! habits that it is told to have. A translation that is to be shorter has "(shorter)" at its end.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, PoisonError};

use serde_json::{Value, json};

use super::http::{Answer, HttpDouble, Request, Service};

/// The key that the double takes.
pub const KEY: &str = "chat-0123";

/// What the model does with a translation.
#[derive(Clone, Debug)]
pub enum Habit {
    /// Says it around what `{}` stands for.
    Says(&'static str),
    /// Answers so instead.
    Answers(Answer),
}

/// The double.
pub struct ChatDouble {
    /// Its socket.
    pub http: HttpDouble,
    next: Arc<Mutex<VecDeque<Habit>>>,
}

struct Desk(Arc<Mutex<VecDeque<Habit>>>);

impl ChatDouble {
    /// Starts it on a free port; its model answers with translations alone.
    pub fn start() -> Self {
        let next = Arc::<Mutex<VecDeque<Habit>>>::default();
        Self { http: HttpDouble::start(Desk(Arc::clone(&next))), next }
    }

    /// The next answers have these habits, in order.
    pub fn next(&self, habits: impl IntoIterator<Item = Habit>) {
        self.next.lock().unwrap_or_else(PoisonError::into_inner).extend(habits);
    }

    /// Where its API is.
    pub fn url(&self) -> String {
        format!("{}/v1", self.http.url())
    }
}

/// The contents of the first and the last message.
pub fn messages(request: &Value) -> (String, String) {
    let content = |index: usize| request["messages"][index]["content"].as_str().unwrap_or_default().to_owned();
    (content(0), content(1))
}

/// The text between the marks that the instructions name.
fn marked(instructions: &str, data: &str) -> Option<String> {
    let mark = instructions.split("<text-").nth(1)?.split('>').next()?;
    let inner = data.split(&format!("<text-{mark}>")).nth(1)?.split(&format!("</text-{mark}>")).next()?;
    Some(inner.to_owned())
}

impl Service for Desk {
    fn cuts(&self, _: &Request) -> bool {
        false
    }

    fn answer(&self, request: &Request) -> Answer {
        let refuse = |status: u16, message: &str| Answer::json(status, &json!({"error": {"message": message}}));
        if request.header("authorization") != Some(&format!("Bearer {KEY}")) {
            return refuse(401, "Incorrect API key provided");
        }
        if request.path != "/v1/chat/completions" {
            return refuse(404, "no such path");
        }
        let (instructions, data) = messages(&request.json());
        let Some(text) = marked(&instructions, &data) else { return refuse(400, "no marks") };
        let language = instructions.split(" to ").nth(1).and_then(|rest| rest.split_whitespace().next()).unwrap_or("");
        let mut translation = format!("[{language}] {text}");
        if instructions.contains("too long") {
            translation.push_str(" (shorter)");
        }
        let said = match self.0.lock().unwrap_or_else(PoisonError::into_inner).pop_front() {
            Some(Habit::Answers(answer)) => return answer,
            Some(Habit::Says(around)) => around.replace("{}", &translation),
            None => translation,
        };
        Answer::json(200, &json!({"choices": [{"index": 0, "message": {"role": "assistant", "content": said}}]}))
    }
}
