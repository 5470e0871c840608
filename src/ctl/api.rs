//! Asking the control plane.

use std::time::Duration;

use anyhow::{Context as _, bail};
use reqwest::{Client, Method, Url};
use serde_json::{Value, json};

/// A restart waits until its workers are warm, which may take as long as their weights take to be read.
const PATIENCE: Duration = Duration::from_secs(600);
/// Streams that are asked for at once.
const PAGE: usize = 500;

/// Something to ask.
#[derive(Clone, Debug)]
pub(super) struct Ask {
    method: Method,
    /// Under the API's root.
    path: Vec<String>,
    query: Vec<(&'static str, String)>,
    body: Option<Value>,
}

impl Ask {
    pub(super) fn new(method: Method, path: &[&str]) -> Self {
        let path = path.iter().map(|&part| part.to_owned()).collect();
        Self { method, path, query: Vec::new(), body: None }
    }

    pub(super) fn with(mut self, name: &'static str, value: impl ToString) -> Self {
        self.query.push((name, value.to_string()));
        self
    }

    pub(super) fn saying(self, body: Value) -> Self {
        Self { body: Some(body), ..self }
    }
}

/// A control plane.
pub(super) struct Api {
    client: Client,
    root: Url,
    token: Option<String>,
}

impl Api {
    pub(super) fn new(url: &str, token: Option<&str>) -> anyhow::Result<Self> {
        let root: Url = url.parse().with_context(|| format!("'{url}' is no address like http://127.0.0.1:8001"))?;
        if root.cannot_be_a_base() {
            bail!("'{url}' is no address like http://127.0.0.1:8001");
        }
        Ok(Self {
            client: Client::builder().use_rustls_tls().timeout(PATIENCE).build()?,
            root,
            token: token.map(str::to_owned),
        })
    }

    /// Asks, and gives what was said.
    ///
    /// # Errors
    /// Nobody can be reached, or a refusal, with its reason.
    pub(super) async fn ask(&self, ask: &Ask) -> anyhow::Result<Value> {
        let url = self.url_of(ask)?;
        let mut request = self.client.request(ask.method.clone(), url.clone());
        if let Some(token) = &self.token {
            request = request.bearer_auth(token);
        }
        if let Some(body) = &ask.body {
            request = request.json(body);
        }
        let answer = request.send().await.with_context(|| format!("{} cannot be reached", self.root))?;
        let status = answer.status();
        let said: Value =
            answer.json().await.with_context(|| format!("{url} gave no JSON; is this the control plane?"))?;
        if !status.is_success() {
            let (code, message) = (said["code"].as_str(), said["message"].as_str());
            bail!("{}: {}", code.unwrap_or(status.as_str()), message.unwrap_or_default());
        }
        Ok(said)
    }

    /// Every stream, however many answers that takes.
    pub(super) async fn every_stream(&self) -> anyhow::Result<Value> {
        let (mut streams, mut unanswered, mut after) = (Vec::new(), Vec::new(), None::<String>);
        loop {
            let ask = Ask::new(Method::GET, &["streams"]).with("limit", PAGE);
            let mut page = self.ask(&if let Some(after) = &after { ask.with("after", after) } else { ask }).await?;
            for (all, some) in [(&mut streams, "streams"), (&mut unanswered, "unanswered")] {
                all.extend(page[some].as_array_mut().map(std::mem::take).unwrap_or_default());
            }
            after = page["next"].as_str().map(str::to_owned);
            if after.is_none() {
                return Ok(json!({"streams": streams, "total": page["total"], "unanswered": unanswered}));
            }
        }
    }

    fn url_of(&self, ask: &Ask) -> anyhow::Result<Url> {
        let mut url = self.root.clone();
        // An address has a way to leave these out, and no way to write them.
        if let Some(dots) = ask.path.iter().find(|part| matches!(part.as_str(), "." | ".." | "")) {
            bail!("'{dots}' cannot stand in an address");
        }
        if let Ok(mut path) = url.path_segments_mut() {
            path.pop_if_empty().extend(["api", "v1"]).extend(&ask.path);
        }
        if !ask.query.is_empty() {
            url.query_pairs_mut().extend_pairs(&ask.query);
        }
        Ok(url)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whatever_a_stream_is_called_its_name_stays_one_part_of_the_address() {
        let api = Api::new("http://127.0.0.1:8001/", None).expect("it is one");
        let url = |id| api.url_of(&Ask::new(Method::POST, &["streams", id, "drain"])).map(|url| url.to_string());
        let expected = "http://127.0.0.1:8001/api/v1/streams/a%2F..%2Fb%3Fc%23d%25/drain";
        assert_eq!(url("a/../b?c#d%").expect("it can"), expected);
        assert!(url("..").is_err());
        assert!(Api::new("mailto:somebody", None).is_err());
    }
}
