//! WebSocket frames on their way in, looked at so that no packet is ignored.
//!
//! The library lets nobody see a packet before it is dispatched: its parser cannot be exchanged for one of ours, and a
//! WebSocket is its own from the handshake on. So the bytes are looked at below it, where they are read. A message that
//! is to be refused gets a byte that no text may have, and the library ends the connection as for any that it cannot
//! read.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll, ready};

use axum::Extension;
use axum::middleware::AddExtension;
use axum_server::accept::Accept;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tower::Layer as _;

use super::packets::Head;

/// Never part of UTF-8.
const UNREADABLE: u8 = 0xff;
const TEXT: u8 = 1;
const BINARY: u8 = 2;

/// What a TCP connection carries; in the extensions of each request that came over it.
#[derive(Clone, Debug, Default)]
pub(super) struct Carrier(Arc<Cargo>);

#[derive(Debug, Default)]
struct Cargo {
    is_websocket: AtomicBool,
    has_joined: AtomicBool,
}

impl Carrier {
    /// Notes, before its client is told, that a WebSocket begins, and whether its session has had its CONNECT.
    pub(super) fn begin_websocket(&self, has_joined: bool) {
        self.0.has_joined.store(has_joined, Ordering::Release);
        self.0.is_websocket.store(true, Ordering::Release);
    }
}

/// Where in a WebSocket its reader stands.
#[derive(Debug, Default)]
struct Frames {
    /// The header of the frame, as far as it is there; complete while its payload is read.
    header: Vec<u8>,
    mask: [u8; 4],
    /// Bytes of the payload that were read, and that are still to come.
    offset: u64,
    left: u64,
    is_control: bool,
    is_final: bool,
    /// Of the message that the frame is a part of.
    head: Head,
    joined: bool,
}

impl Frames {
    /// Looks at the next bytes, and makes what is to be refused unreadable.
    fn inspect(&mut self, mut bytes: &mut [u8]) {
        while !bytes.is_empty() {
            if self.left == 0 {
                self.header.push(bytes[0]);
                bytes = &mut bytes[1..];
                self.begin_payload();
                continue;
            }
            let count = usize::try_from(self.left).unwrap_or(usize::MAX).min(bytes.len());
            let (payload, rest) = bytes.split_at_mut(count);
            self.inspect_payload(payload);
            bytes = rest;
        }
    }

    /// Reads the header, once it is complete (RFC 6455, section 5.2).
    fn begin_payload(&mut self) {
        let [first, second, rest @ ..] = self.header.as_slice() else { return };
        let length_bytes = match second & 0x7f {
            126 => 2,
            127 => 8,
            _ => 0,
        };
        let mask_bytes = if second & 0x80 == 0 { 0 } else { 4 };
        if rest.len() < length_bytes + mask_bytes {
            return;
        }
        let (length, mask) = rest.split_at(length_bytes);
        self.left = if length.is_empty() {
            u64::from(second & 0x7f)
        } else {
            length.iter().fold(0, |sum, &byte| sum << 8 | u64::from(byte))
        };
        self.mask = mask.try_into().unwrap_or_default();
        let opcode = first & 0x0f;
        (self.offset, self.is_control, self.is_final) = (0, opcode & 8 != 0, first & 0x80 != 0);
        match opcode {
            TEXT => self.head = Head::Start,
            BINARY => self.head = Head::Passed,
            _ => {}
        }
        self.header.clear();
    }

    fn inspect_payload(&mut self, payload: &mut [u8]) {
        let (offset, last) = (self.offset, self.offset + self.left - 1);
        self.offset += payload.len() as u64;
        self.left -= payload.len() as u64;
        if self.is_control {
            return;
        }
        for (at, byte) in (offset..).zip(payload) {
            if self.head.has_passed() {
                return;
            }
            let mask = self.mask[(at % 4) as usize];
            if self.head.refuses(*byte ^ mask, self.is_final && at == last, &mut self.joined) {
                *byte = UNREADABLE ^ mask;
            }
        }
    }
}

/// A connection whose WebSocket, once there is one, is looked at.
pub(super) struct Watched<S> {
    stream: S,
    carrier: Carrier,
    frames: Option<Frames>,
}

impl<S: AsyncRead + Unpin> AsyncRead for Watched<S> {
    fn poll_read(self: Pin<&mut Self>, context: &mut Context, buffer: &mut ReadBuf) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        let before = buffer.filled().len();
        ready!(Pin::new(&mut this.stream).poll_read(context, buffer))?;
        if this.frames.is_none() && this.carrier.0.is_websocket.load(Ordering::Acquire) {
            let joined = this.carrier.0.has_joined.load(Ordering::Acquire);
            this.frames = Some(Frames { joined, ..Frames::default() });
        }
        if let Some(frames) = &mut this.frames {
            frames.inspect(&mut buffer.filled_mut()[before..]);
        }
        Poll::Ready(Ok(()))
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Watched<S> {
    fn poll_write(self: Pin<&mut Self>, context: &mut Context, bytes: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.get_mut().stream).poll_write(context, bytes)
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        context: &mut Context,
        bytes: &[io::IoSlice],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.get_mut().stream).poll_write_vectored(context, bytes)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(self: Pin<&mut Self>, context: &mut Context) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().stream).poll_flush(context)
    }

    fn poll_shutdown(self: Pin<&mut Self>, context: &mut Context) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().stream).poll_shutdown(context)
    }
}

/// Accepts as the one inside does, and watches what it accepted.
#[derive(Clone)]
pub(super) struct WatchingAcceptor<A>(pub A);

impl<A, I, S> Accept<I, S> for WatchingAcceptor<A>
where
    A: Accept<I, S>,
    A::Future: Send + 'static,
    A::Stream: AsyncRead + AsyncWrite + Unpin,
{
    type Stream = Watched<A::Stream>;
    type Service = AddExtension<A::Service, Carrier>;
    type Future = Pin<Box<dyn Future<Output = io::Result<(Self::Stream, Self::Service)>> + Send>>;

    fn accept(&self, stream: I, service: S) -> Self::Future {
        let accepting = self.0.accept(stream, service);
        Box::pin(async move {
            let (stream, service) = accepting.await?;
            let carrier = Carrier::default();
            let service = Extension(carrier.clone()).layer(service);
            Ok((Watched { stream, carrier, frames: None }, service))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MASK: [u8; 4] = [0x12, 0x34, 0x56, 0x78];

    /// A frame as a client sends it: its payload masked.
    fn frame(first: u8, payload: &[u8]) -> Vec<u8> {
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

    /// How many bytes are changed when all this is read, so many bytes at a time.
    fn changed(frames: &[Vec<u8>], at_a_time: usize) -> usize {
        let sent = frames.concat();
        let mut read = sent.clone();
        let mut walker = Frames { joined: true, ..Frames::default() };
        read.chunks_mut(at_a_time).for_each(|chunk| walker.inspect(chunk));
        sent.iter().zip(&read).filter(|(sent, read)| sent != read).count()
    }

    #[test]
    fn good_messages_of_every_length_pass_untouched() {
        let long = [b"42[\"fragment:data\",\"/,40430/".as_slice(), &[b'/'; 70_000], b"\"]"].concat();
        let frames = [
            frame(0x81, b"42[\"stream:end\"]"),
            frame(0x81, &long[..200]),
            frame(0x81, &long),
            frame(0x82, b"43 is no text here"),
            frame(0x89, b"43"),
            frame(0x81, b""),
            frame(0x01, b"4"),
            frame(0x8a, b"43"),
            frame(0x00, b"2[\"stream:init\""),
            frame(0x80, b",{\"a\":\"/\"}]"),
        ];
        for at_a_time in [1, 2, 3, 7, 4_096, 1 << 20] {
            assert_eq!(changed(&frames, at_a_time), 0, "{at_a_time} bytes at a time");
        }
    }

    #[test]
    fn what_would_be_ignored_is_made_unreadable_however_it_arrives() {
        let good = frame(0x81, b"42[\"stream:end\"]");
        for bad in [
            vec![frame(0x81, b"42/admin,[\"stream:init\",{}]")],
            vec![frame(0x81, b"40")],
            vec![frame(0x81, b"40{}")],
            vec![frame(0x81, b"430[]")],
            vec![frame(0x01, b"4"), frame(0x89, b"43"), frame(0x00, b""), frame(0x00, b"1/"), frame(0x80, b"x,")],
        ] {
            let frames = [vec![good.clone()], bad.clone(), vec![good.clone()]].concat();
            for at_a_time in [1, 2, 3, 7, 4_096] {
                assert_eq!(changed(&frames, at_a_time), 1, "{bad:?}, {at_a_time} bytes at a time");
            }
        }
    }

    #[test]
    fn a_length_beyond_all_bounds_harms_nothing() {
        let mut frames = Frames::default();
        let mut header = [vec![0x81, 0xff], vec![0xff; 8], MASK.to_vec(), vec![0; 64]].concat();
        frames.inspect(&mut header);
        assert_eq!(frames.left, u64::MAX - 64);
    }
}
