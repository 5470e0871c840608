//! WebSocket frames that break RFC 6455, byte by byte.

use super::case::{Case, Frame, Stage};

/// A frame as a client sends it: the first byte as given, the payload masked.
fn frame(first: u8, payload: &[u8]) -> Vec<u8> {
    const MASK: [u8; 4] = [0x12, 0x34, 0x56, 0x78];
    let mut bytes = vec![first];
    match payload.len() {
        short @ 0..=125 => bytes.push(0x80 | short as u8),
        medium @ 126..=0xffff => {
            bytes.push(0x80 | 126);
            bytes.extend((medium as u16).to_be_bytes());
        }
        long => {
            bytes.push(0x80 | 127);
            bytes.extend((long as u64).to_be_bytes());
        }
    }
    bytes.extend(MASK);
    bytes.extend(payload.iter().zip(MASK.iter().cycle()).map(|(byte, mask)| byte ^ mask));
    bytes
}

/// Header of a frame that announces so many bytes.
fn header(first: u8, announced: u64) -> Vec<u8> {
    let mut bytes = vec![first, 0x80 | 127];
    bytes.extend(announced.to_be_bytes());
    bytes.extend([0; 4]);
    bytes
}

const TEXT: u8 = 0x81;
const BINARY: u8 = 0x82;
const CLOSE: u8 = 0x88;
const FIN: u8 = 0x80;

/// All of it.
pub fn cases() -> Vec<Case> {
    let mut cases = Vec::new();
    let mut add = |kind: &'static str, bytes: Vec<u8>| {
        cases.push(Case::frames(kind, Stage::Connected, vec![Frame::Raw(bytes)]).alone());
    };
    for packet in ["3", "42[\"stream:end\"]", "", "42[\"stream:init\",{}]"] {
        let mut unmasked = vec![TEXT, packet.len() as u8];
        unmasked.extend(packet.bytes());
        add("WebSocket, unmasked frame", unmasked);
    }
    for reserved in [0x40, 0x20, 0x10, 0x70, 0x50, 0x30, 0x60] {
        add("WebSocket, reserved bit", frame(TEXT | reserved, b"42[\"stream:end\"]"));
    }
    for opcode in [3, 4, 5, 6, 7, 11, 12, 13, 14, 15] {
        add("WebSocket, reserved opcode", frame(FIN | opcode, b"42[\"stream:end\"]"));
        add("WebSocket, reserved opcode", frame(opcode, b""));
    }
    for opcode in [8, 9, 10] {
        add("WebSocket, control frame in fragments", frame(opcode, b"x"));
        add("WebSocket, control frame that is too long", frame(FIN | opcode, &[b'x'; 126]));
        add("WebSocket, control frame that is too long", frame(FIN | opcode, &[b'x'; 70_000]));
    }
    for first in [0x80, 0x00] {
        add("WebSocket, continuation of nothing", frame(first, b"[\"stream:end\"]"));
        add("WebSocket, continuation of nothing", frame(first, b""));
    }
    for (start, second) in [(0x01, TEXT), (0x01, BINARY), (0x02, TEXT), (0x02, BINARY), (0x01, 0x01), (0x02, 0x02)] {
        add("WebSocket, message inside a message", [frame(start, b"42["), frame(second, b"\"x\"]")].concat());
    }
    let not_utf8: [&[u8]; 14] = [
        b"\xff",
        b"42[\"\xff\"]",
        b"\xc0\x80",
        b"4\xc3",
        b"\xed\xa0\x80",
        b"\xf4\x90\x80\x80",
        b"\xf8\x88\x80\x80\x80",
        b"\x80",
        b"42[\"\xe2\x28\xa1\"]",
        b"4\xf0\x9f\x98",
        b"\xfe\xfe\xff\xff",
        b"42[\"stream:init\",{\"format\":\"\xc3\x28\"}]",
        b"\xef\xbf",
        b"3\xbf",
    ];
    for text in not_utf8 {
        add("WebSocket, text that is not UTF-8", frame(TEXT, text));
    }
    add("WebSocket, text that is not UTF-8", [frame(0x01, b"42[\"\xe2"), frame(0x80, b"\x28\"]")].concat());
    for announced in [64 << 20, 1 << 32, 1 << 48, (1 << 63) - 1, 1 << 63, u64::MAX] {
        add("WebSocket, frame over the limit", header(TEXT, announced));
        add("WebSocket, frame over the limit", header(BINARY, announced));
    }
    let megabyte = vec![b'x'; 1 << 20];
    let pieces = std::iter::once(frame(0x01, b"4")).chain((0..16).map(|_| frame(0x00, &megabyte))).collect::<Vec<_>>();
    add("WebSocket, message over the limit in fragments", pieces.concat());
    add("WebSocket, close with one byte", frame(CLOSE, b"\x03"));
    for code in [0_u16, 1, 999, 1_004, 1_005, 1_006, 1_015, 1_016, 2_999, 5_000, 65_535] {
        add("WebSocket, close with a wrong code", frame(CLOSE, &code.to_be_bytes()));
    }
    add("WebSocket, close with a reason that is not UTF-8", frame(CLOSE, b"\x03\xe8\xff\xfe"));
    add(
        "WebSocket, close and then more",
        [frame(CLOSE, &1_000_u16.to_be_bytes()), frame(TEXT, b"42[\"stream:end\"]")].concat(),
    );
    // Long enough for the frame that the first bytes announce when they are taken for one: a frame that is cut short is
    // waited for until the heartbeat.
    let padding = "x".repeat(256);
    for head in
        ["GET /health HTTP/1.1\r\nHost: x", "POST /socket.io/?EIO=4&transport=polling HTTP/1.1\r\nContent-Length: 2"]
    {
        add("WebSocket, HTTP on the socket", format!("{head}\r\nX: {padding}\r\n\r\n40").into_bytes());
    }
    add("WebSocket, noise", (0..=255).rev().collect());
    add("WebSocket, noise", b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03".to_vec());
    add("WebSocket, noise", vec![0xff; 4_096]);
    cases
}
