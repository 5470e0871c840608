//! What comes in: an FFmpeg that reads the source, decodes its sound and copies its pictures.

use std::ffi::OsString;
use std::process::Stdio;

use anyhow::Context as _;
use bytes::Bytes;
use command_fds::{CommandFdExt as _, FdMapping};
use sts_protocol::AudioSpec;
use tokio::io::AsyncReadExt as _;
use tokio::net::unix::pipe;
use tokio::process::Child;
use tokio::sync::mpsc;

use super::ffmpeg::{self, Complaints};
use super::first_time::FirstTime;
use super::location::Location;
use super::transport_stream::{CLOCK_HZ, PICTURES_PID, Splitter, TABLE_PID, Unit};

/// What is added to the pictures' times on their way, s, so that none is negative: a picture may be decoded before the
/// sound begins.
const HEADROOM_S: i64 = 10;
/// Gives a picture without a time one that is not before it is decoded: the stream that it goes into has to have one.
const SOME_TIME: &str = r"setts=pts=if(eq(PTS\,NOPTS)\,max(DTS\,0)\,PTS)";
/// Where the pictures leave FFmpeg.
const PICTURES_FD: i32 = 3;

/// What an input tells.
#[derive(Debug)]
pub enum InputEvent {
    /// Sound, from where the last ended; the first begins with the source.
    Sound(Bytes),
    /// A picture, with what a reader needs before the first. Its times count from where the source begins.
    Picture(Unit, Vec<u8>),
    /// Nothing more will come.
    Ended(anyhow::Result<()>),
}

/// A source that is being read. It is left when dropped.
pub struct Input {
    events: mpsc::Receiver<InputEvent>,
    _tasks: tokio::task::JoinSet<()>,
}

impl Input {
    /// Begins to read.
    ///
    /// # Errors
    /// FFmpeg cannot be started.
    pub fn start(source: &Location, spec: AudioSpec) -> anyhow::Result<Self> {
        let (pictures, for_pictures) = pipe::pipe().map(|(sender, receiver)| (receiver, sender))?;
        let mut command = ffmpeg::command(arguments(source, spec));
        command.stdin(Stdio::null()).stdout(Stdio::piped());
        let parent_fd = for_pictures.into_blocking_fd()?;
        command.as_std_mut().fd_mappings(vec![FdMapping { parent_fd, child_fd: PICTURES_FD }])?;
        let mut child = ffmpeg::spawn(&mut command)?;
        // The command holds our copy of the child's end.
        drop(command);
        let sound = child.stdout.take().context("ffmpeg's standard output")?;
        let complaints = Complaints::of(&mut child, source.clone());
        let (sender, events) = mpsc::channel(256);
        let mut tasks = tokio::task::JoinSet::new();
        let first_time = source.hides_its_first_time().then(FirstTime::default);
        tasks.spawn(read(child, complaints, sound, (pictures, first_time), sender, spec));
        Ok(Self { events, _tasks: tasks })
    }

    /// What came next; nothing is lost when it is dropped.
    pub async fn next(&mut self) -> InputEvent {
        self.events.recv().await.unwrap_or_else(|| InputEvent::Ended(Err(anyhow::anyhow!("the input is gone"))))
    }
}

fn arguments(source: &Location, spec: AudioSpec) -> Vec<OsString> {
    let mut arguments = source.as_input();
    let offset = HEADROOM_S.to_string();
    let (rate, channels) = (spec.sample_rate_hz.to_string(), spec.channels.to_string());
    let (pid, table) = (PICTURES_PID.to_string(), TABLE_PID.to_string());
    let pictures = format!("pipe:{PICTURES_FD}");
    // Holes of more than 20 ms are filled, and what overlaps is left out; less is a clock's own jitter.
    let filter = "aresample=async=1:min_hard_comp=0.02:first_pts=0";
    let words = [
        &["-map", "0:a:0", "-af", filter, "-ar", &rate, "-ac", &channels][..],
        &["-flush_packets", "1", "-f", "s16le", "pipe:1"],
        if source.hides_its_first_time() { &["-bsf:v", SOME_TIME][..] } else { &[] },
        &["-map", "0:V:0?", "-c:v", "copy", "-output_ts_offset", &offset, "-muxdelay", "0", "-muxpreload", "0"],
        &["-mpegts_start_pid", &pid, "-mpegts_pmt_start_pid", &table, "-flush_packets", "1", "-f", "mpegts", &pictures],
    ];
    arguments.extend(words.concat().into_iter().map(OsString::from));
    arguments
}

async fn read(
    mut child: Child,
    complaints: Complaints,
    mut sound: tokio::process::ChildStdout,
    (mut pictures, mut first_time): (pipe::Receiver, Option<FirstTime>),
    sender: mpsc::Sender<InputEvent>,
    spec: AudioSpec,
) {
    let of_sound = async {
        let (mut buffer, width) = (vec![0; 64 << 10], spec.bytes_per_frame());
        let mut rest = Vec::new();
        loop {
            match sound.read(&mut buffer).await {
                Ok(0) => break Ok(()),
                Ok(length) => {
                    rest.extend_from_slice(&buffer[..length]);
                    let whole: Vec<u8> = rest.drain(..rest.len() / width * width).collect();
                    if sender.send(InputEvent::Sound(whole.into())).await.is_err() {
                        break Ok(());
                    }
                }
                Err(error) => break Err(anyhow::Error::from(error)),
            }
        }
    };
    let of_pictures = async {
        let (mut buffer, mut splitter) = (vec![0; 64 << 10], Splitter::default());
        loop {
            let length = pictures.read(&mut buffer).await?;
            let mut units: Vec<Unit> = match length {
                0 => splitter.finish().into_iter().collect(),
                length => splitter.push(&buffer[..length])?,
            };
            if let (Some(kind), false) = (splitter.unknown_kind(), units.is_empty()) {
                anyhow::bail!(
                    "the pictures (kind {kind:#x} of a transport stream) cannot be passed through; H.264, H.265, MPEG-4 and MPEG-2 can"
                );
            }
            for unit in &mut units {
                unit.decoded_at -= HEADROOM_S * CLOCK_HZ;
            }
            if let Some(first_time) = &mut first_time {
                units = units.into_iter().flat_map(|unit| first_time.push(unit)).collect();
                if length == 0 {
                    units.extend(first_time.finish());
                }
            }
            for unit in units {
                if sender.send(InputEvent::Picture(unit, splitter.tables())).await.is_err() {
                    return Ok(());
                }
            }
            if length == 0 {
                return Ok(());
            }
        }
    };
    let read = tokio::try_join!(of_sound, of_pictures).map(|_| ());
    let ended = match read {
        Ok(()) => complaints.outcome(&mut child).await,
        Err(error) => Err(error),
    };
    // Whoever left does not want to know.
    let _ = sender.send(InputEvent::Ended(ended)).await;
}
