//! What goes out: an FFmpeg that takes the dubbed sound and the pictures, and writes them where they are wanted.

use std::ffi::OsString;
use std::process::Stdio;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use anyhow::Context as _;
use bytes::Bytes;
use command_fds::{CommandFdExt as _, FdMapping};
use sts_protocol::AudioSpec;
use tokio::io::{AsyncWrite, AsyncWriteExt as _};
use tokio::net::unix::pipe;
use tokio::sync::mpsc;

use super::ffmpeg::{self, Complaints};
use super::location::Location;

/// Where both begin, s: a picture may be decoded before the sound begins, and no time may be negative.
pub const HEADROOM_S: i64 = 1;
/// Where the pictures enter FFmpeg.
const PICTURES_FD: i32 = 3;

/// How an output is written.
#[derive(Clone, Debug)]
pub struct OutputSettings {
    /// Where to.
    pub target: Location,
    /// The sound that it is given.
    pub spec: AudioSpec,
    /// Bits a second of the sound that it writes, in thousands.
    pub bitrate_kbps: u32,
    /// The language of the dub, in three letters.
    pub language: String,
}

/// A target that is being written.
pub struct Output {
    sound: Option<mpsc::UnboundedSender<Bytes>>,
    pictures: Option<mpsc::UnboundedSender<Bytes>>,
    queued: Arc<AtomicUsize>,
    ended: tokio::task::JoinHandle<anyhow::Result<()>>,
    tasks: Vec<tokio::task::JoinHandle<()>>,
}

impl Output {
    /// Begins to write.
    ///
    /// # Errors
    /// FFmpeg cannot be started, or the target cannot be what it is to be.
    pub fn start(settings: &OutputSettings, has_pictures: bool) -> anyhow::Result<Self> {
        let mut command = ffmpeg::command(arguments(settings, has_pictures)?);
        command.stdin(Stdio::piped()).stdout(Stdio::null());
        let mut for_pictures = None;
        if has_pictures {
            let (sender, receiver) = pipe::pipe()?;
            let parent_fd = receiver.into_blocking_fd()?;
            command.as_std_mut().fd_mappings(vec![FdMapping { parent_fd, child_fd: PICTURES_FD }])?;
            for_pictures = Some(sender);
        }
        let mut child = ffmpeg::spawn(&mut command)?;
        drop(command);
        let stdin = child.stdin.take().context("ffmpeg's standard input")?;
        let complaints = Complaints::of(&mut child, settings.target.clone());
        let queued = Arc::new(AtomicUsize::new(0));
        let mut tasks = Vec::new();
        let (sound, bytes) = mpsc::unbounded_channel();
        tasks.push(tokio::spawn(write(stdin, bytes, Arc::clone(&queued))));
        let pictures = for_pictures.map(|pipe| {
            let (pictures, bytes) = mpsc::unbounded_channel();
            tasks.push(tokio::spawn(write(pipe, bytes, Arc::default())));
            pictures
        });
        let ended = tokio::spawn(async move {
            // As long as the programme lasts.
            child.wait().await?;
            complaints.outcome(&mut child).await
        });
        Ok(Self { sound: Some(sound), pictures, queued, ended, tasks })
    }

    /// Whether it takes pictures.
    pub fn has_pictures(&self) -> bool {
        self.pictures.is_some()
    }

    /// Sound that follows the last.
    pub fn sound(&self, bytes: Bytes) {
        if let Some(sound) = &self.sound {
            self.queued.fetch_add(bytes.len(), Ordering::Relaxed);
            // It tells by itself that it has ended.
            let _ = sound.send(bytes);
        }
    }

    /// Packets of pictures, or tables before them.
    pub fn pictures(&self, packets: Vec<u8>) {
        if let Some(pictures) = &self.pictures {
            let _ = pictures.send(packets.into());
        }
    }

    /// Bytes of sound that FFmpeg has not taken.
    pub fn queued(&self) -> usize {
        self.queued.load(Ordering::Relaxed)
    }

    /// Waits until it has ended by itself, which is a fault; nothing is lost when it is dropped.
    pub async fn ended(&mut self) -> anyhow::Error {
        match (&mut self.ended).await {
            Ok(Ok(())) => anyhow::anyhow!("ffmpeg ended"),
            Ok(Err(error)) => error,
            Err(error) => error.into(),
        }
    }

    /// Nothing more will come: waits until everything is written.
    ///
    /// # Errors
    /// It could not be.
    pub async fn finish(mut self) -> anyhow::Result<()> {
        (self.sound, self.pictures) = (None, None);
        let limit = std::time::Duration::from_secs(30);
        let ended = std::mem::replace(&mut self.ended, tokio::spawn(async { Ok(()) }));
        tokio::time::timeout(limit, ended).await.context("ffmpeg does not end")??
    }
}

impl Drop for Output {
    fn drop(&mut self) {
        // The child goes with the task that waits for it.
        self.ended.abort();
        self.tasks.drain(..).for_each(|task| task.abort());
    }
}

async fn write(mut pipe: impl AsyncWrite + Unpin, mut bytes: mpsc::UnboundedReceiver<Bytes>, queued: Arc<AtomicUsize>) {
    while let Some(bytes) = bytes.recv().await {
        if pipe.write_all(&bytes).await.is_err() {
            return;
        }
        queued.fetch_sub(bytes.len(), Ordering::Relaxed);
    }
    // A pipe that is closed already has nothing to flush.
    let _ = pipe.flush().await;
}

fn arguments(settings: &OutputSettings, has_pictures: bool) -> anyhow::Result<Vec<OsString>> {
    let OutputSettings { target, spec, bitrate_kbps, language } = settings;
    let (rate, channels, headroom) =
        (spec.sample_rate_hz.to_string(), spec.channels.to_string(), HEADROOM_S.to_string());
    let (bitrate, back) = (format!("{bitrate_kbps}k"), format!("-{HEADROOM_S}"));
    let (pictures, tag) = (format!("pipe:{PICTURES_FD}"), format!("language={language}"));
    let mut words: Vec<&str> = vec!["-copyts"];
    if has_pictures {
        // What is copied need not be understood: half a second of it is enough to know what it is.
        words.extend(["-analyzeduration", "500000", "-thread_queue_size", "64", "-f", "mpegts", "-i", &pictures]);
    }
    words.extend(["-itsoffset", &headroom, "-thread_queue_size", "64"]);
    words.extend(["-f", "s16le", "-ar", &rate, "-ac", &channels, "-i", "pipe:0"]);
    words.extend(if has_pictures { ["-map", "0:v:0", "-map", "1:a:0"].as_slice() } else { &["-map", "0:a:0"] });
    words.extend(["-c:v", "copy", "-b:a", &bitrate, "-metadata:s:a:0", &tag, "-output_ts_offset", &back]);
    // Where pictures stay away the sound goes on without them.
    words.extend(["-max_interleave_delta", "4000000", "-muxdelay", "0", "-muxpreload", "0", "-flush_packets", "1"]);
    let is_webm = matches!(target, Location::File(path) if path.extension().is_some_and(|ending| ending == "webm"));
    let is_mp3 = matches!(target, Location::Network { scheme, .. } if scheme == "icecast");
    if has_pictures && !is_webm {
        words.extend(["-c:a", "aac"]);
    }
    if is_mp3 {
        words.extend(["-content_type", "audio/mpeg"]);
    }
    let mut arguments: Vec<OsString> = words.iter().map(OsString::from).collect();
    arguments.extend(target.as_output(has_pictures)?);
    Ok(arguments)
}
