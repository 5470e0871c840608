//! Malformed HTTP requests: handshakes, queries, methods, headers, bodies.

use super::polling::request;

/// A request as bytes, and what is wrong with it.
pub type Request = (&'static str, Vec<u8>);

/// Queries that are no handshake.
const QUERIES: [&str; 46] = [
    "",
    "?",
    "?EIO=4",
    "?transport=polling",
    "?EIO=&transport=polling",
    "?EIO=1&transport=polling",
    "?EIO=2&transport=polling",
    "?EIO=3&transport=polling",
    "?EIO=5&transport=polling",
    "?EIO=44&transport=polling",
    "?EIO=-4&transport=polling",
    "?EIO=4.0&transport=polling",
    "?EIO=four&transport=polling",
    "?EIO=%34&transport=polling",
    "?EIO=4%00&transport=polling",
    "?eio=4&transport=polling",
    "?EIO=3&transport=websocket",
    "?EIO=4&transport=",
    "?EIO=4&transport=Polling",
    "?EIO=4&transport=POLLING",
    "?EIO=4&transport=flashsocket",
    "?EIO=4&transport=webtransport",
    "?EIO=4&transport=polling%20",
    "?EIO=4&transport=polling&sid=",
    "?EIO=4&transport=polling&sid=x",
    "?EIO=4&transport=polling&sid=AAAAAAAAAAAAAAAA",
    "?EIO=4&transport=polling&sid=AAAAAAAAAAAAAAAAA",
    "?EIO=4&transport=polling&sid=../../etc/passwd",
    "?EIO=4&transport=polling&sid=%00",
    "?EIO=4&transport=polling&sid=null",
    "?EIO=4&transport=polling&sid=%F0%9F%98%80",
    "?EIO=4&transport=polling&sid=AAAAAAAAAAAAAAAA&sid=B",
    "?EIO=4;transport=polling",
    "?EIO=4&&transport",
    "?&&&&",
    "?=",
    "?EIO",
    "?EIO=4&transport",
    "?EIO[]=4&transport[]=polling",
    "?EIO=4=4&transport=x",
    "?EIO=4#&transport=polling",
    "?EIO=18446744073709551616&transport=polling",
    "?EIO=4&transport=sse",
    "?EIO=4&transport=websocket",
    "?EIO=4&transport=websocket&sid=AAAAAAAAAAAAAAAA",
    "?EIO=4&transport=websocket&sid=",
];

const GOOD: &str = "/socket.io/?EIO=4&transport=polling";

fn handshakes() -> Vec<Request> {
    let get = |query: &str| request("GET", &format!("/socket.io/{query}"), "", b"");
    let mut requests: Vec<Request> = QUERIES.iter().map(|query| ("HTTP, wrong handshake", get(query))).collect();
    let long = format!("?EIO=4&transport={}", "p".repeat(20_000));
    requests.push(("HTTP, wrong handshake", get(&long)));
    for method in ["PUT", "DELETE", "PATCH", "HEAD", "TRACE", "CONNECT", "PROPFIND", "GETT", "get", "X"] {
        requests.push(("HTTP, wrong method", request(method, GOOD, "", b"")));
    }
    for body in ["", "40", "4", "40{}", "x"] {
        requests.push(("HTTP, POST without a session", request("POST", GOOD, "", body.as_bytes())));
        let unknown = format!("{GOOD}&sid=AAAAAAAAAAAAAAAA");
        requests.push(("HTTP, POST to an unknown session", request("POST", &unknown, "", body.as_bytes())));
    }
    requests
}

fn upgrades() -> Vec<Request> {
    let target = "/socket.io/?EIO=4&transport=websocket";
    let upgrade = |headers: &str| ("HTTP, wrong WebSocket upgrade", request("GET", target, headers, b""));
    let key = "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n";
    let raw = |connection: &str, headers: String| {
        let head = format!("GET {target} HTTP/1.1\r\nHost: localhost\r\n{connection}{headers}\r\n");
        ("HTTP, wrong WebSocket upgrade", head.into_bytes())
    };
    vec![
        upgrade("Upgrade: websocket\r\n"),
        upgrade("Upgrade: h2c\r\nSec-WebSocket-Version: 13\r\n"),
        upgrade("Upgrade: websocket\r\nSec-WebSocket-Version: 13\r\n"),
        raw("Connection: Upgrade\r\n", "Upgrade: websocket\r\nSec-WebSocket-Version: 13\r\n".to_owned()),
        raw("Connection: Upgrade\r\n", format!("Upgrade: websocket\r\nContent-Length: x\r\n{key}")),
        raw("Connection: Upgrade\r\n", format!("Upgrade: websocket\r\nContent-Length: -1\r\n{key}")),
    ]
}

fn malformed() -> Vec<Request> {
    let raw = |text: &str| ("HTTP, not a request", text.as_bytes().to_vec());
    let mut requests = vec![
        raw("GET\r\n\r\n"),
        raw("GET /\r\n\r\n"),
        raw("GET / HTTP/9.9\r\n\r\n"),
        raw("GET / HTTP/1.1\nHost localhost\n\n"),
        raw("GET  / HTTP/1.1\r\n\r\n"),
        raw("GET / HTTP/1.1 x\r\n\r\n"),
        raw("GET / http/1.1\r\n\r\n"),
        raw("GET /\0 HTTP/1.1\r\n\r\n"),
        raw("GET / HTTP/1.1\r\n: x\r\n\r\n"),
        raw("GET / HTTP/1.1\r\nX y: z\r\n\r\n"),
        raw("GET / HTTP/1.1\r\nX\0: z\r\n\r\n"),
        raw("GET / HTTP/1.1\r\nHost: a\r\n folded\r\n\r\n"),
        raw("GET /socket.io/?EIO=4&transport=polling HTTP/1.1\r\nHost: a\r\nX: \u{1}\r\n\r\n"),
        raw("\u{16}\u{3}\u{1}\u{2}\0\u{1}\0\u{1}"),
        raw("{\"event\":\"stream:init\"}\r\n\r\n"),
        raw("40\r\n\r\n"),
        raw("42[\"stream:init\",{}]\r\n\r\n"),
        raw("SSH-2.0-OpenSSH_9.6\r\n\r\n"),
        raw("*1\r\n$4\r\nPING\r\n\r\n"),
        raw("EHLO localhost\r\n\r\n"),
    ];
    let header = |headers: &str| ("HTTP, wrong header", request("GET", GOOD, headers, b""));
    let many: String = (0..200).map(|index| format!("X-{index}: y\r\n")).collect();
    requests.push(header(&many));
    requests.push(header(&format!("X: {}\r\n", "y".repeat(600_000))));
    requests.push(header(&format!("{}: y\r\n", "X".repeat(70_000))));
    let body = |headers: &str, body: &str| {
        let head =
            format!("POST {GOOD}&sid=AAAAAAAAAAAAAAAA HTTP/1.1\r\nHost: x\r\nConnection: close\r\n{headers}\r\n{body}");
        ("HTTP, wrong length", head.into_bytes())
    };
    requests.extend([
        body("Content-Length: x\r\n", "40"),
        body("Content-Length: -1\r\n", "40"),
        body("Content-Length: 99999999999999999999\r\n", "40"),
        body("Content-Length: 2\r\nContent-Length: 3\r\n", "40"),
        body("Content-Length: 2, 3\r\n", "40"),
        body("Content-Length: 0x2\r\n", "40"),
        body("Transfer-Encoding: gzip\r\n", "40"),
        body("Transfer-Encoding: chunked\r\n", "zz\r\n40\r\n0\r\n\r\n"),
        body("Transfer-Encoding: chunked\r\n", "-2\r\n40\r\n0\r\n\r\n"),
        body("Transfer-Encoding: chunked\r\n", "ffffffffffffffffff\r\n40\r\n"),
        body("Transfer-Encoding: chunked\r\nContent-Length: 2\r\n", "2\r\n40\r\n0\r\n\r\n"),
        body("Expect: 200-maybe\r\nContent-Length: 2\r\n", "40"),
    ]);
    let elsewhere = [
        "/",
        "/socket.io",
        "/socket.iox/?EIO=4&transport=polling",
        "/nowhere",
        "/health/x",
        "/metrics/..",
        "/%2e%2e/",
        "//",
        "/admin",
        "/.git/config",
    ];
    requests.extend(elsewhere.map(|path| ("HTTP, no such path", request("GET", path, "", b""))));
    for path in ["/health", "/metrics"] {
        requests.push(("HTTP, no such path", request("DELETE", path, "", b"")));
    }
    requests
}

/// All of it.
pub fn requests() -> Vec<Request> {
    [handshakes(), upgrades(), malformed()].concat()
}

/// Bodies of a polling POST that are no payload, over a session that is connected.
pub fn bodies() -> Vec<Vec<u8>> {
    let texts: [&[u8]; 28] = [
        b"\x1e",
        b"\x1e\x1e",
        b"\x1e40",
        b"3\x1e\x1e3",
        b"7",
        b"x",
        b"\xff",
        b"4\xff",
        b"b",
        b"b=",
        b"b*",
        b"bA",
        b"b====",
        b"bAAAA",
        b"40\x1eb!",
        b"42[\"stream:init\",{}\x1e]",
        b"5",
        b"6\x1e6",
        b"2probe",
        b"3probe",
        b"0{\"sid\":\"x\"}",
        b"{}",
        b"[\"stream:init\",{}]",
        b"1:4",
        b"96:0{}",
        b"\0\x01\xff4",
        b"\xef\xbb\xbf40",
        b"d=42%5B%22x%22%5D",
    ];
    let mut bodies: Vec<Vec<u8>> = texts.map(<[u8]>::to_vec).into();
    bodies.push(vec![b'4'; 13 << 20]);
    bodies.push([b"b".as_slice(), &vec![b'A'; 13 << 20]].concat());
    bodies.push(vec![0x1e; 100_000]);
    bodies.push(b"4\x1e".repeat(1_000));
    bodies
}
