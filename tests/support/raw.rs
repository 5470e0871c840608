//! A Socket.IO client that is little more than its frames: light enough for a hundred in one process, and able to do
//! what the official ones cannot, as to vanish without a word.

use std::collections::VecDeque;
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use futures_util::{SinkExt as _, StreamExt as _};
use serde_json::{Value, json};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio_tungstenite::tungstenite::{Error, Message, Utf8Bytes};
use tokio_tungstenite::{WebSocketStream, client_async};

/// Bytes that went over a connection, both ways, WebSocket framing and handshake included.
#[derive(Debug, Default)]
pub struct Traffic {
    /// To the service.
    pub sent: AtomicU64,
    /// From the service.
    pub received: AtomicU64,
}

/// A connection in the default namespace.
pub struct Client {
    socket: WebSocketStream<Counted>,
    /// A message whose attachments have not all come yet.
    incomplete: Option<(Packet, usize)>,
    arrived: VecDeque<Packet>,
}

/// One Socket.IO packet from the service.
#[derive(Clone, Debug)]
pub struct Packet {
    text: Utf8Bytes,
    /// Binary attachments, in the order of their placeholders.
    pub attachments: Vec<Bytes>,
}

impl Packet {
    /// The event's name; empty when it is something else.
    pub fn event(&self) -> &str {
        let Some(array) = self.text.find('[').filter(|_| matches!(self.kind(), Some('2' | '5'))) else { return "" };
        self.text[array..].split('"').nth(1).unwrap_or("")
    }

    /// What came with the event, or with the acknowledgement.
    pub fn data(&self) -> Value {
        let array: Value = self
            .text
            .find('[')
            .and_then(|array| serde_json::from_str(&self.text[array..]).ok())
            .unwrap_or_else(|| panic!("a packet without JSON: {}", self.text));
        array.as_array().and_then(|items| items.last()).cloned().unwrap_or(Value::Null)
    }

    /// The id of what this acknowledges; `None` when it is something else.
    pub fn acknowledges(&self) -> Option<u64> {
        let id = self.text.strip_prefix("43")?;
        id[..id.find('[')?].parse().ok()
    }

    fn kind(&self) -> Option<char> {
        self.text.chars().nth(1)
    }
}

impl Client {
    /// Connects over WebSocket alone, with this `auth` payload.
    ///
    /// # Errors
    /// What the socket said, or the service's `connect_error`.
    pub async fn connect(address: &str, auth: &Value, traffic: Arc<Traffic>) -> io::Result<Self> {
        Self::connect_over(TcpStream::connect(address).await?, address, auth, traffic).await
    }

    /// The same, over a TCP connection that was made already.
    ///
    /// # Errors
    /// What the socket said, or the service's `connect_error`.
    pub async fn connect_over(
        stream: TcpStream,
        address: &str,
        auth: &Value,
        traffic: Arc<Traffic>,
    ) -> io::Result<Self> {
        stream.set_nodelay(true)?;
        let url = format!("ws://{address}/socket.io/?EIO=4&transport=websocket");
        let (socket, _) = client_async(url, Counted { stream, traffic }).await.map_err(io::Error::other)?;
        let mut client = Self { socket, incomplete: None, arrived: VecDeque::new() };
        client.send(format!("40{auth}")).await?;
        loop {
            let packet = client.next().await.ok_or_else(|| io::Error::other("closed during the handshake"))?;
            match packet.kind() {
                Some('0') if packet.text.starts_with("40") => return Ok(client),
                Some('4') => return Err(io::Error::other(packet.text.to_string())),
                _ => {}
            }
        }
    }

    /// Sends an event.
    ///
    /// # Errors
    /// What the socket said.
    pub async fn emit(&mut self, event: &str, data: &Value) -> io::Result<()> {
        self.send(format!("42{}", json!([event, data]))).await
    }

    /// Sends an event that is to be acknowledged under this id.
    ///
    /// # Errors
    /// What the socket said.
    pub async fn call(&mut self, id: u64, event: &str, data: &Value) -> io::Result<()> {
        self.send(format!("42{id}{}", json!([event, data]))).await
    }

    /// Sends an Engine.IO message as it is.
    ///
    /// # Errors
    /// What the socket said.
    pub async fn send(&mut self, message: impl Into<Utf8Bytes>) -> io::Result<()> {
        self.socket.send(Message::Text(message.into())).await.map_err(io::Error::other)
    }

    /// Sends an event with one attachment; `text` holds the placeholder.
    ///
    /// # Errors
    /// What the socket said.
    pub async fn send_with_attachment(&mut self, text: impl Into<Utf8Bytes>, attachment: Bytes) -> io::Result<()> {
        self.socket.feed(Message::Text(text.into())).await.map_err(io::Error::other)?;
        self.socket.send(Message::Binary(attachment)).await.map_err(io::Error::other)
    }

    /// The next packet; `None` once the connection is over. Pings are answered on the way. May be cancelled.
    pub async fn next(&mut self) -> Option<Packet> {
        loop {
            if let Some(packet) = self.arrived.pop_front() {
                return Some(packet);
            }
            match self.socket.next().await? {
                Ok(Message::Text(text)) => match text.as_bytes() {
                    b"2" => self.send("3").await.ok()?,
                    b"1" | b"41" => return None,
                    [b'4', ..] => self.take(text),
                    _ => {}
                },
                Ok(Message::Binary(attachment)) => self.attach(attachment),
                Ok(Message::Close(_)) | Err(Error::ConnectionClosed | Error::AlreadyClosed) => return None,
                Ok(_) => {}
                Err(_) => return None,
            }
        }
    }

    /// The next event; everything else is left out.
    pub async fn next_event(&mut self) -> Option<Packet> {
        loop {
            let packet = self.next().await?;
            if !packet.event().is_empty() {
                return Some(packet);
            }
        }
    }

    fn take(&mut self, text: Utf8Bytes) {
        let attachments = match text.as_bytes().get(1) {
            Some(b'5' | b'6') => {
                text[2..].split_once('-').and_then(|(count, _)| count.parse().ok()).expect("a count of attachments")
            }
            _ => 0,
        };
        let packet = Packet { text, attachments: Vec::new() };
        if attachments == 0 { self.arrived.push_back(packet) } else { self.incomplete = Some((packet, attachments)) }
    }

    fn attach(&mut self, attachment: Bytes) {
        let (mut packet, wanted) = self.incomplete.take().expect("an attachment follows its packet");
        packet.attachments.push(attachment);
        if packet.attachments.len() == wanted {
            self.arrived.push_back(packet);
        } else {
            self.incomplete = Some((packet, wanted));
        }
    }

    /// Breaks the connection with a TCP reset, as a process that is killed with unread data does.
    pub fn reset(self) {
        // Without it the connection would end in good order: the test would be weaker, and nothing else.
        let _ = self.socket.get_ref().stream.set_zero_linger();
    }

    /// Stops to listen and to speak, as when a cable is pulled: the service learns nothing while this is kept.
    pub fn fall_silent(self) -> Silent {
        Silent(self.socket)
    }

    /// Leaves in good order.
    pub async fn leave(mut self) {
        // It may be closed already, which is as good.
        let _ = self.send("41").await;
        let _ = self.socket.close(None).await;
    }
}

/// A connection at whose end nobody is.
pub struct Silent(#[allow(dead_code, reason = "held, not read")] WebSocketStream<Counted>);

/// A socket that counts.
struct Counted {
    stream: TcpStream,
    traffic: Arc<Traffic>,
}

impl AsyncRead for Counted {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buffer.filled().len();
        ready!(Pin::new(&mut self.stream).poll_read(context, buffer))?;
        self.traffic.received.fetch_add((buffer.filled().len() - before) as u64, Ordering::Relaxed);
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for Counted {
    fn poll_write(mut self: Pin<&mut Self>, context: &mut Context<'_>, data: &[u8]) -> Poll<io::Result<usize>> {
        let written = ready!(Pin::new(&mut self.stream).poll_write(context, data))?;
        self.traffic.sent.fetch_add(written as u64, Ordering::Relaxed);
        Poll::Ready(Ok(written))
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(context)
    }
}
