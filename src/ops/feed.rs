//! `/api/v1/feed`: the whole picture once a second, over a WebSocket.
//!
//! A browser cannot add `Authorization` to a WebSocket, a token in the address ends up in histories and logs, and
//! `Sec-WebSocket-Protocol` is a header that proxies log too and that cannot hold every token. So the first message
//! shows it, as `{"token": "…"}`, and nothing is told before. Without tokens in force that message may be left out.
//!
//! actix-web-actors is deprecated upstream in favour of actix-ws; this is the only file that knows of it.

use std::time::{Duration, Instant};

use actix::{Actor, ActorContext as _, AsyncContext as _, StreamHandler};
use actix_web::http::StatusCode;
use actix_web::{HttpRequest, HttpResponse, web};
use actix_web_actors::ws::{self, CloseCode, CloseReason, Message, ProtocolError, WebsocketContext};
use futures_util::stream;
use serde::Deserialize;
use slog::Logger;
use sts_actors::registry::{ActorKind, Listing, Registration};
use sts_protocol::ErrorCode;
use tokio::sync::{OwnedSemaphorePermit, watch};

use super::broadcast::{Broadcast, Picture};
use super::{Plane, Problem};
use crate::access::TokenId;

/// How long a connection may take to show its token.
const TOKEN_LIMIT: Duration = Duration::from_secs(5);
/// How often the other side is asked whether it is there.
const HEARTBEAT: Duration = Duration::from_secs(10);
/// How long it may be silent.
const SILENCE_LIMIT: Duration = Duration::from_secs(30);
/// Largest message taken, bytes: a token fits.
const MAX_MESSAGE_BYTES: usize = 4_096;
/// Pictures that wait for a feed: the latest.
const WAITING_PICTURES: usize = 1;

/// The route.
pub(super) fn routes(config: &mut web::ServiceConfig) {
    config.route("/api/v1/feed", web::get().to(open));
}

async fn open(
    request: HttpRequest,
    body: web::Payload,
    plane: web::Data<Plane>,
    broadcast: web::Data<Broadcast>,
) -> Result<HttpResponse, Problem> {
    let full =
        || Problem::new(StatusCode::SERVICE_UNAVAILABLE, ErrorCode::ServiceOverloaded, "too many feeds are open");
    let place = broadcast.place().ok_or_else(full)?;
    let address = request.peer_addr().map_or_else(|| "unknown".to_owned(), |address| address.to_string());
    let listing = Listing::new(format!("feed:{address}"), ActorKind::Feed, WAITING_PICTURES);
    let registration = plane.backend.registry.enlist(listing);
    let log = plane.backend.log.new(slog::o!("address" => address));
    let (reader, heard) = (Reader::Unknown, Instant::now());
    let feed = Feed { plane, broadcast, log, reader, heard, _place: place, _registration: registration };
    let answer = ws::WsResponseBuilder::new(feed, &request, body).frame_size(MAX_MESSAGE_BYTES).start();
    answer.map_err(|error| Problem::invalid(format!("this is for WebSockets alone: {error}")))
}

/// One operator's connection.
///
/// The socket drives it: while the other side does not read, the actor is not polled, and the pictures that it misses
/// are overwritten by newer ones. A connection whose data is not taken is ended by its socket's own time limit.
struct Feed {
    plane: web::Data<Plane>,
    broadcast: web::Data<Broadcast>,
    log: Logger,
    reader: Reader,
    heard: Instant,
    _place: OwnedSemaphorePermit,
    _registration: Registration,
}

/// Who is at the other end.
#[derive(Clone, Copy, PartialEq)]
enum Reader {
    /// Somebody who has shown no token yet.
    Unknown,
    /// Anybody: no tokens are in force.
    Anybody,
    /// Who has shown this token.
    Holder(TokenId),
}

/// The first message.
#[derive(Deserialize)]
struct Introduction {
    token: String,
}

impl Actor for Feed {
    type Context = WebsocketContext<Self>;

    fn started(&mut self, context: &mut Self::Context) {
        if self.plane.tokens.is_empty() {
            self.let_in(Reader::Anybody, context);
        } else {
            context.run_later(TOKEN_LIMIT, |feed, context| {
                if feed.reader == Reader::Unknown {
                    feed.refuse("no token was shown", context);
                }
            });
        }
        context.run_interval(HEARTBEAT, |feed, context| {
            if feed.heard.elapsed() > SILENCE_LIMIT {
                context.stop();
            } else {
                context.ping(b"");
            }
        });
    }
}

impl Feed {
    fn let_in(&mut self, reader: Reader, context: &mut WebsocketContext<Self>) {
        self.reader = reader;
        let operator = match reader {
            Reader::Holder(token) => token.tag(),
            Reader::Anybody | Reader::Unknown => "anybody".to_owned(),
        };
        slog::info!(self.log, "an operator watches"; "operator" => operator);
        context.add_stream(each_picture(self.broadcast.subscribe()));
    }

    fn introduce(&mut self, message: &str, context: &mut WebsocketContext<Self>) {
        if self.reader != Reader::Unknown {
            // The page always introduces itself, whether or not tokens are in force.
            return;
        }
        let token =
            serde_json::from_str(message).ok().and_then(|Introduction { token }| self.plane.tokens.find(&token));
        match token {
            Some(token) => self.let_in(Reader::Holder(token), context),
            None => self.refuse("the token is not valid", context),
        }
    }

    fn refuse(&self, why: &str, context: &mut WebsocketContext<Self>) {
        slog::warn!(self.log, "an operator's feed is refused"; "reason" => why);
        context.close(Some(CloseReason { code: CloseCode::Policy, description: Some(why.to_owned()) }));
        context.stop();
    }

    /// Whether this token, or none, would still be enough: tokens are replaced while the service runs.
    fn may_read(&self) -> bool {
        match self.reader {
            Reader::Unknown => false,
            Reader::Anybody => self.plane.tokens.is_empty(),
            Reader::Holder(token) => self.plane.tokens.has(token),
        }
    }
}

/// The latest picture whenever there is a new one.
fn each_picture(pictures: watch::Receiver<Picture>) -> impl futures_util::Stream<Item = Picture> {
    let mut pictures = pictures;
    // One that is already there is news to who has just come.
    pictures.mark_changed();
    stream::unfold(pictures, |mut pictures| async {
        pictures.changed().await.ok()?;
        let latest = pictures.borrow_and_update().clone();
        Some((latest, pictures))
    })
}

impl StreamHandler<Picture> for Feed {
    fn handle(&mut self, picture: Picture, context: &mut Self::Context) {
        if !self.may_read() {
            return self.refuse("the token is not valid any more", context);
        }
        if let Some(text) = picture {
            context.text(text);
        }
    }
}

impl StreamHandler<Result<Message, ProtocolError>> for Feed {
    fn handle(&mut self, message: Result<Message, ProtocolError>, context: &mut Self::Context) {
        self.heard = Instant::now();
        match message {
            Ok(Message::Text(text)) => self.introduce(&text, context),
            Ok(Message::Ping(payload)) => context.pong(&payload),
            Ok(Message::Pong(_) | Message::Nop) => {}
            Ok(Message::Close(reason)) => {
                context.close(reason);
                context.stop();
            }
            Ok(Message::Binary(_) | Message::Continuation(_)) => {
                context.close(Some(CloseCode::Unsupported.into()));
                context.stop();
            }
            Err(_) => {
                context.close(Some(CloseCode::Protocol.into()));
                context.stop();
            }
        }
    }
}
