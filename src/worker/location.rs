//! Where a programme comes from or goes to, as FFmpeg is to take it.

use std::ffi::OsString;
use std::fmt;
use std::path::PathBuf;

use anyhow::bail;

use crate::media::container::Container;
use crate::media::ffmpeg;

/// How long FFmpeg waits for a peer that says nothing, µs.
const NETWORK_PATIENCE_US: &str = "10000000";

/// A file, or a place on the network.
#[derive(Clone, PartialEq, Eq)]
pub enum Location {
    /// A file.
    File(PathBuf),
    /// A place on the network.
    Network {
        /// The whole URL, which may hold a secret.
        url: String,
        /// The part of it before the colon, in lower case.
        scheme: String,
    },
}

/// Schemes of the network that are taken, with the format that an output has there.
const SCHEMES: [(&str, &str); 9] = [
    ("rtmp", "flv"),
    ("rtmps", "flv"),
    ("rtsp", "rtsp"),
    ("srt", "mpegts"),
    ("udp", "mpegts"),
    ("tcp", "mpegts"),
    ("http", "hls"),
    ("https", "hls"),
    ("icecast", "mp3"),
];
/// What a source on the network may name in turn; files are not among it.
const NETWORK_PROTOCOLS: &str =
    "rtmp,rtmps,rtmpt,rtsp,rtp,srtp,udp,tcp,tls,http,https,httpproxy,crypto,srt,icecast,data";

impl Location {
    /// Reads what a person typed.
    ///
    /// # Errors
    /// The scheme is not known; the message names those that are.
    pub fn parse(text: &str) -> anyhow::Result<Self> {
        let Some((scheme, rest)) = text.split_once("://") else {
            let path = text.strip_prefix("file:").unwrap_or(text);
            if path.is_empty() {
                bail!("no file is named");
            }
            return Ok(Self::File(path.into()));
        };
        let scheme = scheme.to_ascii_lowercase();
        if scheme == "file" {
            return Ok(Self::File(rest.into()));
        }
        if !SCHEMES.iter().any(|(known, _)| *known == scheme) {
            let known: Vec<&str> = SCHEMES.iter().map(|(known, _)| *known).collect();
            bail!("'{scheme}' is none of file, {}", known.join(", "));
        }
        if rest.is_empty() {
            bail!("'{scheme}://' names no place");
        }
        Ok(Self::Network { url: text.to_owned(), scheme })
    }

    /// Whether it is a place on the network: one that may go away and come back.
    pub fn is_live(&self) -> bool {
        matches!(self, Self::Network { .. })
    }

    /// Whether an end that is told is the end: of a file, and of what HTTP delivers. Elsewhere whoever published may come
    /// back.
    pub fn has_an_end(&self) -> bool {
        match self {
            Self::File(_) => true,
            Self::Network { scheme, .. } => ["http", "https"].contains(&scheme.as_str()),
        }
    }

    /// What a message may say in its place: without what comes after the host, which may be a secret.
    pub fn redacted(&self, text: &str) -> String {
        match self {
            Self::File(_) => text.to_owned(),
            Self::Network { url, .. } => text.replace(url.as_str(), &self.to_string()),
        }
    }

    /// Whether FFmpeg does not know when the first picture is shown: it never does of what comes in packets of RTP.
    pub fn hides_its_first_time(&self) -> bool {
        self.is_rtsp()
    }

    fn is_rtsp(&self) -> bool {
        matches!(self, Self::Network { scheme, .. } if scheme == "rtsp")
    }

    /// FFmpeg's arguments to read it: a file at its own pace, RTSP over TCP, and over UDP where the server has no other way.
    pub fn as_input(&self) -> Vec<OsString> {
        let words: &[&str] = match self {
            Self::File(_) => &["-re", "-protocol_whitelist", "file"],
            Self::Network { scheme, .. } if ["rtmp", "rtmps", "tcp", "http", "https"].contains(&scheme.as_str()) => {
                &["-rw_timeout", NETWORK_PATIENCE_US, "-protocol_whitelist", NETWORK_PROTOCOLS]
            }
            // Its own choice is UDP, which loses packets and does not get through a router.
            Self::Network { .. } if self.is_rtsp() => {
                &["-rtsp_flags", "prefer_tcp", "-protocol_whitelist", NETWORK_PROTOCOLS]
            }
            Self::Network { .. } => &["-protocol_whitelist", NETWORK_PROTOCOLS],
        };
        words.iter().map(OsString::from).chain(["-i".into(), self.as_argument()]).collect()
    }

    /// FFmpeg's arguments to write it; RTSP over TCP.
    ///
    /// # Errors
    /// The file's ending is not known.
    pub fn as_output(&self, has_pictures: bool) -> anyhow::Result<Vec<OsString>> {
        let format = match self {
            Self::File(path) if path.extension().is_some_and(|ending| ending == "flv") => Some("flv"),
            Self::File(path) if path.extension().is_some_and(|ending| ending == "m3u8") => Some("hls"),
            Self::File(path) => {
                let container = Container::of(path)?;
                if has_pictures && !container.holds_video {
                    bail!("{} has no place for the pictures", path.display());
                }
                // What FFmpeg makes of the name.
                None
            }
            Self::Network { scheme, .. } => {
                SCHEMES.iter().find(|(known, _)| known == scheme).map(|(_, format)| *format)
            }
        };
        let mut arguments: Vec<OsString> =
            format.into_iter().flat_map(|format| ["-f", format]).map(OsString::from).collect();
        if let Self::Network { scheme, .. } = self
            && ["rtmp", "rtmps", "tcp"].contains(&scheme.as_str())
        {
            arguments.extend(["-rw_timeout", NETWORK_PATIENCE_US].map(OsString::from));
        }
        if self.is_rtsp() {
            arguments.extend(["-rtsp_transport", "tcp"].map(OsString::from));
        }
        arguments.extend(["-y".into(), self.as_argument()]);
        Ok(arguments)
    }

    fn as_argument(&self) -> OsString {
        match self {
            Self::File(path) => ffmpeg::local(path),
            Self::Network { url, .. } => url.into(),
        }
    }
}

impl fmt::Display for Location {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::File(path) => write!(formatter, "{}", path.display()),
            Self::Network { url, scheme } => {
                let rest = url.get(scheme.len() + 3..).unwrap_or_default();
                let host = rest.split(['/', '?', '#']).next().unwrap_or_default();
                let host = host.rsplit('@').next().unwrap_or_default();
                write!(formatter, "{scheme}://{host}/…")
            }
        }
    }
}

impl fmt::Debug for Location {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{self}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(arguments: Vec<OsString>) -> String {
        arguments.join(" ".as_ref()).into_string().expect("UTF-8")
    }

    #[test]
    fn secrets_are_not_told() {
        let location = Location::parse("rtmp://user:word@live.example:1935/app/s3cret?key=s3cret").expect("known");
        assert_eq!(location.to_string(), "rtmp://live.example:1935/…");
        let told = location.redacted("rtmp://user:word@live.example:1935/app/s3cret?key=s3cret: refused");
        assert_eq!(told, "rtmp://live.example:1935/…: refused");
        assert!(!format!("{location:?}").contains("s3cret"));
    }

    #[test]
    fn a_file_cannot_send_ffmpeg_to_the_network_and_a_source_there_cannot_read_files() {
        let file = text(Location::parse("-i").expect("a file").as_input());
        assert_eq!(file, "-re -protocol_whitelist file -i file:-i");
        let network = text(Location::parse("https://a.example/live.m3u8").expect("known").as_input());
        let allowed = network.split(' ').nth(3).expect("a list");
        assert!(
            !allowed.split(',').any(|protocol| ["file", "concat", "subfile", "unix", "pipe", "fd"].contains(&protocol))
        );
    }

    #[test]
    fn rtsp_goes_over_tcp_first() {
        let location = Location::parse("RTSP://a.example/b").expect("known");
        assert!(text(location.as_input()).starts_with("-rtsp_flags prefer_tcp "));
        let output = text(location.as_output(true).expect("known"));
        assert_eq!(output, "-f rtsp -rtsp_transport tcp -y RTSP://a.example/b");
    }

    #[test]
    fn what_is_not_known_is_told_with_what_is() {
        let error = Location::parse("gopher://a/b").expect_err("not known").to_string();
        assert!(error.contains("'gopher'") && error.contains("rtmp") && error.contains("file"), "{error}");
        assert!(Location::parse("").is_err() && Location::parse("rtmp://").is_err());
        let error = Location::parse("a.xyz").expect("a file").as_output(true).expect_err("not known").to_string();
        assert!(error.contains("a.xyz"), "{error}");
        assert!(Location::parse("a.mp3").expect("a file").as_output(true).is_err());
    }

    #[test]
    fn an_output_has_its_schemes_format() {
        for (url, format) in [("rtmp://a/b", "flv"), ("SRT://a:1", "mpegts"), ("a/b.m3u8", "hls")] {
            let arguments = text(Location::parse(url).expect("known").as_output(true).expect("known"));
            assert!(arguments.starts_with(&format!("-f {format} ")), "{arguments}");
        }
        let file = Location::parse("file:///a/b.mp4").expect("a file").as_output(true).expect("known");
        assert_eq!(text(file), "-y file:/a/b.mp4");
    }
}
