//! Files of a model hub, over HTTP, resumed where they broke off.

use std::fs::{File, OpenOptions};
use std::io::{Read, Write};
use std::path::Path;
use std::time::Duration;

use reqwest::StatusCode;
use reqwest::blocking::{Client, Response};
use reqwest::header::{CONTENT_RANGE, RANGE};

use super::StoreError;
use super::progress::Task;

/// Attempts at one file, each from where the one before broke off.
const ATTEMPTS: u32 = 4;
const CONNECT_TIMEOUT: Duration = Duration::from_secs(15);
/// For each read, not for the whole file.
const READ_TIMEOUT: Duration = Duration::from_secs(60);

/// A file of a hub's repository.
#[derive(Debug)]
pub struct HubFile<'a> {
    /// The hub's base URL.
    pub base_url: &'a str,
    /// Repository, `owner/name`.
    pub repository: &'a str,
    /// Branch, tag or commit.
    pub revision: &'a str,
    /// Path within the repository.
    pub path: &'a str,
}

impl HubFile<'_> {
    fn url(&self) -> String {
        let base = self.base_url.trim_end_matches('/');
        format!("{base}/{}/resolve/{}/{}", self.repository, self.revision, self.path)
    }

    /// Downloads into `target`, which may hold the beginning already.
    ///
    /// # Errors
    /// [`StoreError::Source`] when the hub refuses, or breaks off once too often; what came stays in `target`.
    pub fn download(&self, target: &Path, task: &Task) -> Result<(), StoreError> {
        let url = self.url();
        let failed = |why: String| StoreError::Source { source_name: url.clone(), why };
        let client = Client::builder().use_rustls_tls().connect_timeout(CONNECT_TIMEOUT).timeout(READ_TIMEOUT).build();
        let client = client.map_err(|error| failed(error.to_string()))?;
        let mut last = String::new();
        for _ in 0..ATTEMPTS {
            match attempt(&client, &url, target, task) {
                Ok(()) => return Ok(()),
                Err(Broken::ForGood(why)) => return Err(failed(why)),
                Err(Broken::Off(why)) => last = why,
            }
        }
        Err(failed(last))
    }
}

enum Broken {
    /// It may go on from where it is.
    Off(String),
    /// Trying again would not help.
    ForGood(String),
}

fn attempt(client: &Client, url: &str, target: &Path, task: &Task) -> Result<(), Broken> {
    let lost = |error: &dyn std::fmt::Display| Broken::Off(error.to_string());
    let unwritable = |error: std::io::Error| Broken::ForGood(format!("{}: {error}", target.display()));
    let have = target.metadata().map_or(0, |metadata| metadata.len());
    let request = match have {
        0 => client.get(url),
        _ => client.get(url).header(RANGE, format!("bytes={have}-")),
    };
    let mut response = request.send().map_err(|error| lost(&error))?;
    let status = response.status();
    if status == StatusCode::RANGE_NOT_SATISFIABLE {
        // There is nothing after what is here: it is whole, or not this file at all. The caller's hash tells.
        return Ok(());
    }
    if status.is_server_error() || status == StatusCode::TOO_MANY_REQUESTS {
        return Err(Broken::Off(status.to_string()));
    }
    if !status.is_success() {
        return Err(Broken::ForGood(status.to_string()));
    }
    let mut options = OpenOptions::new();
    let mut file = match continues(&response, have) {
        true => options.append(true).open(target).map_err(unwritable)?,
        false => File::create(target).map_err(unwritable)?,
    };
    let mut done = file.metadata().map_err(unwritable)?.len();
    let mut buffer = vec![0; 1 << 16];
    loop {
        let length = response.read(&mut buffer).map_err(|error| lost(&error))?;
        if length == 0 {
            return Ok(());
        }
        file.write_all(&buffer[..length]).map_err(unwritable)?;
        done += length as u64;
        task.reach(done);
    }
}

/// Whether the answer goes on exactly where the file ends; else it is the whole file again.
fn continues(response: &Response, have: u64) -> bool {
    let range = response.headers().get(CONTENT_RANGE).and_then(|range| range.to_str().ok());
    have > 0
        && response.status() == StatusCode::PARTIAL_CONTENT
        && range.is_some_and(|range| range.starts_with(&format!("bytes {have}-")))
}

#[cfg(test)]
mod tests {
    use super::super::progress::Progress;
    use super::*;
    use std::io::{BufRead, BufReader};
    use std::net::TcpListener;

    const CONTENT: &[u8] = b"0123456789";

    /// A hub that answers once for each of `answers`: which byte to break off before, and whether it knows ranges.
    /// Returns its URL and, when it is done, the ranges that were asked for.
    fn hub(answers: Vec<(usize, bool)>) -> (String, std::thread::JoinHandle<Vec<Option<usize>>>) {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port is free");
        let url = format!("http://{}", listener.local_addr().expect("it is bound"));
        let served = std::thread::spawn(move || answers.into_iter().map(|answer| serve(&listener, answer)).collect());
        (url, served)
    }

    fn serve(listener: &TcpListener, (until, knows_ranges): (usize, bool)) -> Option<usize> {
        let (mut stream, _) = listener.accept().expect("a client comes");
        let lines = BufReader::new(stream.try_clone().expect("a socket can be cloned")).lines();
        let headers: Vec<String> = lines.map_while(Result::ok).take_while(|line| !line.is_empty()).collect();
        assert!(headers[0].starts_with("GET /a/b/resolve/main/c/d.bin "), "{}", headers[0]);
        let range =
            headers.iter().find_map(|line| line.to_lowercase().strip_prefix("range: bytes=").map(str::to_owned));
        let asked = range.and_then(|range| range.trim_end_matches('-').parse().ok());
        let from = asked.filter(|_| knows_ranges).unwrap_or(0);
        let length = CONTENT.len() - from;
        let head = match from {
            0 => format!("HTTP/1.1 200 OK\r\ncontent-length: {length}\r\n\r\n"),
            _ => format!(
                "HTTP/1.1 206 Partial Content\r\ncontent-length: {length}\r\ncontent-range: bytes {from}-9/10\r\n\r\n"
            ),
        };
        stream.write_all(head.as_bytes()).and_then(|()| stream.write_all(&CONTENT[from..until])).expect("it listens");
        asked
    }

    fn download(answers: Vec<(usize, bool)>) -> (Vec<u8>, Vec<Option<usize>>) {
        let folder = tempfile::tempdir().expect("a temporary folder can be made");
        let target = folder.path().join("d.bin");
        let (url, served) = hub(answers);
        let file = HubFile { base_url: &url, repository: "a/b", revision: "main", path: "c/d.bin" };
        file.download(&target, &Progress::Silent.begin("d", 10)).expect("the last answer is whole");
        (std::fs::read(target).expect("it was downloaded"), served.join().expect("the hub served every answer"))
    }

    #[test]
    fn a_broken_download_goes_on_where_it_broke() {
        let (content, asked) = download(vec![(4, true), (7, true), (10, true)]);
        assert_eq!((content.as_slice(), asked.as_slice()), (CONTENT, &[None, Some(4), Some(7)][..]));
    }

    #[test]
    fn a_hub_without_ranges_starts_over() {
        let (content, asked) = download(vec![(4, false), (10, false)]);
        assert_eq!((content.as_slice(), asked.as_slice()), (CONTENT, &[None, Some(4)][..]));
    }
}
