//! One call: sent, repeated where that may help and fits, and bounded in time and length.

use std::time::{Duration, SystemTime};

use reqwest::header::{HeaderValue, LOCATION, RETRY_AFTER};
use reqwest::{Client, Method, Response};
use serde::de::DeserializeOwned;
use serde_json::Value;
use tokio::time::Instant;

use super::failure::CallFailure;
use super::patience;
use crate::engine::TranslateRequest;

/// The longest answer that is read.
const MAX_ANSWER_BYTES: usize = 1 << 20;
/// How much of an explanation is passed on.
const MAX_MESSAGE_CHARS: usize = 200;
/// A repetition that has less time than this is not worth its cost.
const SHORTEST_ATTEMPT: Duration = Duration::from_millis(50);
/// One attempt may take this part of the whole time, so that a lost packet leaves time for another.
const ATTEMPT_SHARE: f64 = 0.45;

/// The time that a call has, repetitions and waits included.
#[derive(Clone, Copy, Debug)]
pub struct Budget {
    whole: Duration,
    deadline: Instant,
}

impl Budget {
    /// So long from now.
    pub fn starting_now(whole: Duration) -> Self {
        Self { whole, deadline: Instant::now() + whole }
    }

    /// So long from now, but not past the point at which the first of these answers is of no use any more.
    pub fn for_batch(whole: Duration, batch: &[TranslateRequest]) -> Self {
        let now = std::time::Instant::now();
        let left = batch.iter().filter_map(|request| request.deadline).map(|at| at.saturating_duration_since(now));
        Self::starting_now(left.fold(whole, Duration::min))
    }

    /// A part of what is left.
    pub fn share(&self, part: f64) -> Self {
        Self::starting_now(self.left().mul_f64(part))
    }

    fn left(&self) -> Duration {
        self.deadline.saturating_duration_since(Instant::now())
    }

    fn attempt(&self) -> Duration {
        self.whole.mul_f64(ATTEMPT_SHARE).min(self.left())
    }
}

/// One call.
#[derive(Clone, Debug)]
pub struct Call {
    /// As `POST`.
    pub method: Method,
    /// Where to.
    pub url: String,
    /// The `Authorization` header, where one is wanted.
    pub authorization: Option<HeaderValue>,
    /// JSON to send.
    pub body: Option<Value>,
}

impl Call {
    /// Sends it until it succeeds, nothing more can be hoped for, or time is up; gives the JSON that came.
    ///
    /// # Errors
    /// What the last attempt came to.
    pub async fn send<T: DeserializeOwned>(&self, client: &Client, budget: Budget) -> Result<T, CallFailure> {
        let mut repetition = 0;
        loop {
            let limit = budget.attempt();
            let attempt = tokio::time::timeout(limit, self.attempt(client)).await;
            let failure = match attempt.unwrap_or(Err(CallFailure::TimedOut(limit))) {
                Ok(answer) => return read(&answer),
                Err(failure) => failure,
            };
            // One that asks for no rest at all would get no rest from us.
            let wait = patience::wait(repetition, fastrand::f64()).max(failure.retry_after().unwrap_or_default());
            if !failure.may_pass() || wait + SHORTEST_ATTEMPT > budget.left() {
                return Err(failure);
            }
            tokio::time::sleep(wait).await;
            repetition += 1;
        }
    }

    async fn attempt(&self, client: &Client) -> Result<Vec<u8>, CallFailure> {
        let mut request = client.request(self.method.clone(), &self.url);
        if let Some(authorization) = &self.authorization {
            request = request.header(reqwest::header::AUTHORIZATION, authorization);
        }
        if let Some(body) = &self.body {
            request = request.json(body);
        }
        let mut response = request.send().await.map_err(|error| CallFailure::Connection(cause(&error)))?;
        let status = response.status();
        if status.is_redirection() {
            return Err(CallFailure::Redirected(header(&response, LOCATION).unwrap_or("nowhere").to_owned()));
        }
        let retry_after =
            header(&response, RETRY_AFTER).and_then(|header| patience::retry_after(header, SystemTime::now()));
        let answer = body(&mut response).await;
        if status.is_success() {
            return answer;
        }
        let message = explanation(&answer.unwrap_or_default());
        Err(CallFailure::Status { status: status.as_u16(), message, retry_after })
    }
}

/// The body, as far as it may go.
async fn body(response: &mut Response) -> Result<Vec<u8>, CallFailure> {
    let mut body = Vec::new();
    while let Some(piece) = response.chunk().await.map_err(|error| CallFailure::Connection(cause(&error)))? {
        if body.len() + piece.len() > MAX_ANSWER_BYTES {
            return Err(CallFailure::TooLong(MAX_ANSWER_BYTES));
        }
        body.extend_from_slice(&piece);
    }
    Ok(body)
}

fn read<T: DeserializeOwned>(answer: &[u8]) -> Result<T, CallFailure> {
    // What has nothing to say, as a deletion, says nothing.
    let answer = if answer.is_empty() { b"null" } else { answer };
    // Where, and not what: the error's own words may quote what was said.
    let place = |error: serde_json::Error| format!("line {} column {}", error.line(), error.column());
    serde_json::from_slice(answer).map_err(|error| CallFailure::Unreadable(place(error)))
}

fn header(response: &Response, name: reqwest::header::HeaderName) -> Option<&str> {
    response.headers().get(name).and_then(|value| value.to_str().ok())
}

/// The innermost reason, without the URL: the outer ones say only that sending failed.
fn cause(error: &reqwest::Error) -> String {
    let mut innermost: &dyn std::error::Error = error;
    while let Some(source) = innermost.source() {
        innermost = source;
    }
    innermost.to_string()
}

/// What an unsuccessful answer says: the `message` or `error` of its JSON, where it is JSON.
fn explanation(answer: &[u8]) -> String {
    let text = match serde_json::from_slice::<Value>(answer) {
        Ok(value) => {
            let said = [&value["message"], &value["error"]["message"], &value["error"], &value["detail"]];
            said.into_iter().find_map(Value::as_str).unwrap_or_default().to_owned()
        }
        // An HTML page explains nothing on one line.
        Err(_) if answer.starts_with(b"<") => String::new(),
        Err(_) => String::from_utf8_lossy(answer).into_owned(),
    };
    let line = text.split_whitespace().collect::<Vec<_>>().join(" ");
    line.chars().filter(|c| !c.is_control()).take(MAX_MESSAGE_CHARS).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_cannot_be_read_is_not_quoted() {
        let failure = read::<u32>(br#""said in confidence""#).expect_err("no number");
        assert!(!failure.to_string().contains("confidence"), "{failure}");
        assert_eq!(read::<Value>(b""), Ok(Value::Null));
    }

    #[test]
    fn a_deadline_of_the_batch_shortens_its_time() {
        let whole = Duration::from_secs(100);
        let until = |seconds| TranslateRequest {
            deadline: Some(std::time::Instant::now() + Duration::from_secs(seconds)),
            ..TranslateRequest::default()
        };
        let left = |batch: &[TranslateRequest]| Budget::for_batch(whole, batch).left().as_secs_f64().ceil();
        assert_eq!(left(&[TranslateRequest::default(), until(200)]), 100.0);
        assert_eq!(left(&[TranslateRequest::default(), until(50), until(200)]), 50.0);
    }

    #[test]
    fn explanations_are_short_lines() {
        assert_eq!(
            explanation(br#"{"message":"Value for 'target_lang'\nnot supported."}"#),
            "Value for 'target_lang' not supported."
        );
        assert_eq!(explanation(br#"{"error":{"message":"no such model","type":"x"}}"#), "no such model");
        assert_eq!(explanation(br#"{"error":"zz is not supported"}"#), "zz is not supported");
        assert_eq!(explanation(b"<html>502</html>"), "");
        assert_eq!(explanation("x".repeat(999).as_bytes()).len(), MAX_MESSAGE_CHARS);
    }
}
