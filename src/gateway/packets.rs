//! Packets that the Socket.IO library would ignore, told by their first bytes: an event or a DISCONNECT to a namespace
//! that is not there, a second CONNECT, and an acknowledgement, of which the service never asks for one. The protocol's
//! own server closes the connection on such, and so does this one.

/// How much of an Engine.IO message has been seen.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Head {
    /// Nothing: Engine.IO's packet type comes next.
    #[default]
    Start,
    /// Socket.IO's packet type comes next.
    Kind,
    /// That of a CONNECT; a namespace may follow.
    Connect,
    /// That of a CONNECT, and a slash.
    ConnectSlash,
    /// That of a binary event; the count of attachments comes next.
    Attachments,
    /// All that may stand before a namespace.
    Address,
    /// The slash that a namespace begins with.
    Slash,
    /// All that matters.
    Passed,
}

impl Head {
    /// Takes the next byte, the last one or not. Says whether the message is to be refused. `joined` is whether the
    /// session has had its CONNECT.
    pub(super) fn refuses(&mut self, byte: u8, is_last: bool, joined: &mut bool) -> bool {
        let mut joins_again = || (Self::Passed, std::mem::replace(joined, true));
        let (next, is_refused) = match (*self, byte) {
            (Self::Start, b'4') => (Self::Kind, false),
            (Self::Kind, b'0') if is_last => joins_again(),
            (Self::Kind, b'0') => (Self::Connect, false),
            (Self::Kind, b'1' | b'2') => (Self::Address, false),
            (Self::Kind, b'5') => (Self::Attachments, false),
            (Self::Kind, b'3' | b'6') => (Self::Passed, true),
            (Self::Connect, b'/') if !is_last => (Self::ConnectSlash, false),
            (Self::Connect, _) | (Self::ConnectSlash, b',') => joins_again(),
            (Self::Attachments, b'0'..=b'9') => (Self::Attachments, false),
            (Self::Attachments, b'-') => (Self::Address, false),
            (Self::Address, b'/') => (Self::Slash, false),
            // The default namespace is `/`: nobody needs to name it, but one may.
            (Self::Slash, byte) => (Self::Passed, byte != b','),
            _ => (Self::Passed, false),
        };
        *self = next;
        is_refused
    }

    /// Whether nothing that follows matters.
    pub(super) fn has_passed(self) -> bool {
        self == Self::Passed
    }
}

/// Engine.IO puts this between the messages of one polling request.
const SEPARATOR: u8 = 0x1e;

/// Whether one of a polling request's messages is to be refused.
pub(super) fn refuses_payload(payload: &[u8], mut joined: bool) -> bool {
    payload.split(|&byte| byte == SEPARATOR).any(|message| {
        let mut head = Head::default();
        let last = message.len().saturating_sub(1);
        for (index, &byte) in message.iter().enumerate() {
            if head.has_passed() {
                return false;
            }
            if head.refuses(byte, index == last, &mut joined) {
                return true;
            }
        }
        false
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_library_would_ignore_is_refused() {
        for message in [
            "42/admin,[\"stream:init\",{}]",
            "42//,[]",
            "41/x,",
            "41/x",
            "451-/x,[\"a\",{\"_placeholder\":true,\"num\":0}]",
            "40",
            "40{}",
            "40/,{}",
            "40/",
            "430[]",
            "43[]",
            "461-0[]",
        ] {
            assert!(refuses_payload(message.as_bytes(), true), "{message}");
        }
    }

    #[test]
    fn what_it_answers_passes() {
        for message in [
            "",
            "4",
            "2",
            "3",
            "42[\"stream:init\",{}]",
            "42/,[\"stream:end\"]",
            "4217[\"fragment:data\",{\"a\":\"/x,\"}]",
            "451-[\"fragment:data\",{}]",
            "451-7[\"fragment:data\",{}]",
            "41",
            "41/,",
            "44/x,{}",
            "40/admin,",
            "4x/",
            "b4AAAA",
        ] {
            assert!(!refuses_payload(message.as_bytes(), true), "{message}");
        }
    }

    #[test]
    fn each_message_of_a_request_is_looked_at_and_one_connect_passes() {
        assert!(!refuses_payload(b"40{}\x1e42[\"stream:init\",{}]\x1e3", false));
        assert!(refuses_payload(b"40{}\x1e40{}", false));
        assert!(refuses_payload(b"42[\"stream:end\"]\x1e42/x,[]", true));
    }
}
