//! A small HTTP/1.1 server that can do what a proper one never does: hang up in mid-request, stop in mid-answer, be
//! silent, or dribble.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// A request as it came.
#[derive(Clone, Debug)]
pub struct Request {
    /// As `POST`.
    pub method: String,
    /// As `/v2/translate`.
    pub path: String,
    /// Names in lower case, with values.
    pub headers: Vec<(String, String)>,
    /// The whole body.
    pub body: Vec<u8>,
}

impl Request {
    /// A header's value.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    }

    /// The body as JSON; null where it is none.
    pub fn json(&self) -> serde_json::Value {
        serde_json::from_slice(&self.body).unwrap_or_default()
    }
}

/// What the server does about a request.
#[derive(Clone, Debug)]
pub enum Answer {
    /// Answers.
    Reply { status: u16, headers: Vec<(String, String)>, body: Vec<u8> },
    /// Hangs up once it has the head of the request, before its body is read.
    HangUp,
    /// Announces the whole body, sends half of it, and hangs up.
    HalfOf(Vec<u8>),
    /// Says nothing until it is released or dropped; then hangs up.
    Silence,
    /// Sends the body byte by byte, with so long between two.
    Dribble(Vec<u8>, Duration),
}

impl Answer {
    /// A JSON answer.
    pub fn json(status: u16, body: &serde_json::Value) -> Self {
        Self::Reply { status, headers: Vec::new(), body: body.to_string().into_bytes() }
    }

    /// The same with a header.
    pub fn with_header(mut self, name: &str, value: &str) -> Self {
        if let Self::Reply { headers, .. } = &mut self {
            headers.push((name.to_owned(), value.to_owned()));
        }
        self
    }
}

/// Decides about requests. The body is empty when the head alone was read, which is asked about first.
pub trait Service: Send + Sync + 'static {
    /// Whether to hang up on the head of a request.
    fn cuts(&self, head: &Request) -> bool;
    /// What to do about a request.
    fn answer(&self, request: &Request) -> Answer;
}

struct Shared {
    stopped: AtomicBool,
    released: Mutex<bool>,
    changed: Condvar,
    requests: Mutex<Vec<Request>>,
}

/// The server; it ends when it is dropped.
pub struct HttpDouble {
    /// Where it listens.
    pub address: SocketAddr,
    shared: Arc<Shared>,
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl HttpDouble {
    /// Listens on a free port of the loopback interface.
    pub fn start(service: impl Service) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("loopback has a free port");
        let address = listener.local_addr().expect("it is bound");
        let shared = Arc::new(Shared {
            stopped: AtomicBool::new(false),
            released: Mutex::default(),
            changed: Condvar::new(),
            requests: Mutex::default(),
        });
        let (service, ours) = (Arc::new(service), Arc::clone(&shared));
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                if ours.stopped.load(Ordering::Acquire) {
                    return;
                }
                let (Ok(stream), service, shared) = (stream, Arc::clone(&service), Arc::clone(&ours)) else { continue };
                std::thread::spawn(move || serve(&stream, service.as_ref(), &shared));
            }
        });
        Self { address, shared }
    }

    /// Where it listens, as a URL.
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// All requests so far whose head and body were read, or that were hung up on.
    pub fn requests(&self) -> Vec<Request> {
        lock(&self.shared.requests).clone()
    }

    /// Waits until there are requests that fulfil the condition.
    pub fn wait_until(&self, what: &str, condition: impl Fn(&[Request]) -> bool) {
        let deadline = Instant::now() + Duration::from_secs(30);
        let mut requests = lock(&self.shared.requests);
        while !condition(&requests) {
            let left = deadline.saturating_duration_since(Instant::now());
            assert!(!left.is_zero(), "{what} did not come; these did: {requests:?}");
            requests = self.shared.changed.wait_timeout(requests, left).unwrap_or_else(PoisonError::into_inner).0;
        }
    }

    /// Ends every silence.
    pub fn release(&self) {
        *lock(&self.shared.released) = true;
        self.shared.changed.notify_all();
    }
}

impl Drop for HttpDouble {
    fn drop(&mut self) {
        self.shared.stopped.store(true, Ordering::Release);
        self.release();
        // Wakes the thread that accepts.
        let _ = TcpStream::connect(self.address);
    }
}

/// Serves one connection until either side has had enough. Errors of the socket end it: the client is at liberty to go.
fn serve(stream: &TcpStream, service: &dyn Service, shared: &Shared) {
    let mut reader = BufReader::new(stream);
    while let Some(head) = read_head(&mut reader) {
        let cut = service.cuts(&head);
        let request = if cut { head } else { with_body(head, &mut reader) };
        lock(&shared.requests).push(request.clone());
        let answer = if cut { Answer::HangUp } else { service.answer(&request) };
        // Told only now, so that whoever waits for a request also finds what was decided about it.
        shared.changed.notify_all();
        if perform(stream, answer, shared).is_none() {
            let _ = stream.shutdown(std::net::Shutdown::Both);
            return;
        }
    }
}

fn read_head(reader: &mut impl BufRead) -> Option<Request> {
    let mut line = String::new();
    reader.read_line(&mut line).ok().filter(|&length| length > 0)?;
    let mut words = line.split_whitespace().map(str::to_owned);
    let (method, path) = (words.next()?, words.next()?);
    let mut headers = Vec::new();
    loop {
        let mut line = String::new();
        reader.read_line(&mut line).ok()?;
        let Some((name, value)) = line.split_once(':') else { break };
        headers.push((name.to_ascii_lowercase(), value.trim().to_owned()));
    }
    Some(Request { method, path, headers, body: Vec::new() })
}

fn with_body(mut head: Request, reader: &mut impl Read) -> Request {
    let length = head.header("content-length").and_then(|length| length.parse().ok()).unwrap_or(0);
    head.body = vec![0; length];
    if reader.read_exact(&mut head.body).is_err() {
        head.body.clear();
    }
    head
}

/// Does what was decided; `None` when the connection is over.
fn perform(mut stream: &TcpStream, answer: Answer, shared: &Shared) -> Option<()> {
    let head = |status: u16, headers: &[(String, String)], length: usize| {
        let extra: String = headers.iter().map(|(name, value)| format!("{name}: {value}\r\n")).collect();
        format!(
            "HTTP/1.1 {status} As Told\r\ncontent-type: application/json\r\ncontent-length: {length}\r\n{extra}\r\n"
        )
    };
    match answer {
        Answer::Reply { status, headers, body } => {
            stream.write_all(head(status, &headers, body.len()).as_bytes()).ok()?;
            stream.write_all(&body).ok()
        }
        Answer::HangUp => None,
        Answer::HalfOf(body) => {
            stream.write_all(head(200, &[], body.len()).as_bytes()).ok()?;
            stream.write_all(&body[..body.len() / 2]).ok()?;
            None
        }
        Answer::Silence => {
            let mut released = lock(&shared.released);
            while !*released {
                released = shared.changed.wait(released).unwrap_or_else(PoisonError::into_inner);
            }
            None
        }
        Answer::Dribble(body, pause) => {
            stream.write_all(head(200, &[], body.len()).as_bytes()).ok()?;
            for byte in body {
                stream.write_all(&[byte]).ok()?;
                std::thread::sleep(pause);
            }
            Some(())
        }
    }
}
