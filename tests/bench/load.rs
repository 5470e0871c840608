//! Streams that send at the pace of real time, each a fragment of 6 s every 6 s, and how soon each is acknowledged.
//!
//! usage: load ADDRESS STREAMS SECONDS base64|binary [PID]     prints one line of JSON
//!
//! With PID the processor time of that process is counted as well, per fragment.

#[path = "../support/messages.rs"]
#[allow(dead_code, reason = "the tests use the rest")]
mod messages;
#[path = "../support/raw.rs"]
#[allow(dead_code, reason = "the tests use the rest")]
mod raw;

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use base64::Engine as _;
use bytes::Bytes;
use messages::RATE_HZ;
use raw::{Client, Traffic};
use serde_json::json;

const FRAGMENT: Duration = Duration::from_secs(6);
/// The fake recogniser's work on a fragment, ms.
const WORK_MS: i16 = 20;

/// Audio as it travels.
#[derive(Clone)]
enum Audio {
    Base64(Arc<str>),
    Binary(Bytes),
}

impl Audio {
    fn new(encoding: &str) -> Self {
        let pcm = messages::audio(FRAGMENT.as_millis() as usize, 1, WORK_MS);
        if encoding == "binary" {
            Self::Binary(pcm.into())
        } else {
            Self::Base64(base64::engine::general_purpose::STANDARD.encode(&pcm).into())
        }
    }

    fn encoding(&self) -> &'static str {
        match self {
            Self::Base64(_) => "base64",
            Self::Binary(_) => "binary",
        }
    }

    async fn send(&self, client: &mut Client, stream_id: &str, number: u64) -> std::io::Result<()> {
        let fields = format!(
            r#""fragment_id":"{number}","stream_id":"{stream_id}","sequence_number":{number},"timestamp":{},"sample_rate":{RATE_HZ},"channels":1,"format":"pcm_s16le","duration_ms":{}"#,
            number * FRAGMENT.as_millis() as u64,
            FRAGMENT.as_millis()
        );
        match self {
            Self::Base64(text) => client.send(format!(r#"42["fragment:data",{{{fields},"audio":"{text}"}}]"#)).await,
            Self::Binary(pcm) => {
                let placeholder = r#""audio":{"_placeholder":true,"num":0}"#;
                let text = format!(r#"451-["fragment:data",{{{fields},{placeholder}}}]"#);
                client.send_with_attachment(text, pcm.clone()).await
            }
        }
    }
}

/// What one stream saw.
#[derive(Default)]
struct Seen {
    sent: u64,
    results: u64,
    acks_ms: Vec<f64>,
}

async fn stream(
    address: String,
    index: usize,
    phase: Duration,
    until: Instant,
    audio: Audio,
    traffic: Arc<Traffic>,
) -> Seen {
    let stream_id = format!("load-{index}");
    let auth = json!({"stream_id": stream_id, "worker_id": "load"});
    let mut client = Client::connect(&address, &auth, traffic).await.expect("a connection");
    let mut init = messages::init(FRAGMENT.as_millis() as usize);
    init["audio_encoding"] = audio.encoding().into();
    client.emit("stream:init", &init).await.expect("a fresh connection takes it");
    let ready = client.next_event().await.expect("an answer");
    assert_eq!(ready.event(), "stream:ready", "{ready:?}");
    let mut pace = tokio::time::interval_at(tokio::time::Instant::now() + phase, FRAGMENT);
    let mut seen = Seen::default();
    let mut sent_at = Instant::now();
    while Instant::now() < until {
        tokio::select! {
            packet = client.next_event() => {
                let packet = packet.expect("the connection stays");
                match packet.event() {
                    "fragment:ack" => seen.acks_ms.push(sent_at.elapsed().as_secs_f64() * 1000.0),
                    "fragment:processed" => seen.results += 1,
                    "backpressure" => {}
                    _ => panic!("{packet:?}"),
                }
            }
            _ = pace.tick() => {
                assert_eq!(seen.acks_ms.len() as u64, seen.sent, "the last one was acknowledged long ago");
                sent_at = Instant::now();
                audio.send(&mut client, &stream_id, seen.sent).await.expect("the connection stays");
                seen.sent += 1;
            }
            () = tokio::time::sleep(until.saturating_duration_since(Instant::now())) => {}
        }
    }
    client.leave().await;
    seen
}

/// Processor time of a process so far, ms.
fn processor_ms(pid: u32) -> f64 {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).expect("it runs");
    // After the name, which may hold anything but ends with the last bracket: state is field 3, utime 14, stime 15.
    let fields = stat.rsplit(')').next().expect("a name in brackets");
    let ticks: u64 = fields.split_whitespace().skip(11).take(2).filter_map(|field| field.parse::<u64>().ok()).sum();
    // SAFETY: sysconf only reads its argument.
    let ticks_per_second = unsafe { libc::sysconf(libc::_SC_CLK_TCK) };
    ticks as f64 * 1000.0 / ticks_per_second as f64
}

fn percentile(sorted: &[f64], share: f64) -> f64 {
    sorted.get(((sorted.len() as f64 * share) as usize).min(sorted.len().saturating_sub(1))).copied().unwrap_or(0.0)
}

#[tokio::main(flavor = "multi_thread", worker_threads = 2)]
async fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [address, streams, seconds, encoding, rest @ ..] = arguments.as_slice() else {
        eprintln!("usage: load ADDRESS STREAMS SECONDS base64|binary [PID]");
        std::process::exit(2);
    };
    let streams: usize = streams.parse().expect("STREAMS: a number");
    let pid: Option<u32> = rest.first().map(|pid| pid.parse().expect("PID: a number"));
    let until = Instant::now() + Duration::from_secs(seconds.parse().expect("SECONDS: a number"));
    let (audio, traffic) = (Audio::new(encoding), Arc::new(Traffic::default()));
    let before = pid.map(processor_ms);
    let mut tasks = tokio::task::JoinSet::new();
    for index in 0..streams {
        // Spread evenly, so that no two send at once by design.
        let phase = FRAGMENT * index as u32 / streams as u32;
        tasks.spawn(stream(address.clone(), index, phase, until, audio.clone(), Arc::clone(&traffic)));
    }
    let seen = tasks.join_all().await;
    let sent: u64 = seen.iter().map(|seen| seen.sent).sum();
    let mut acks: Vec<f64> = seen.iter().flat_map(|seen| seen.acks_ms.iter().copied()).collect();
    acks.sort_by(f64::total_cmp);
    let each = |total: u64| total as f64 / sent.max(1) as f64;
    let processor = pid.zip(before).map(|(pid, before)| (processor_ms(pid) - before) / sent.max(1) as f64);
    println!(
        "{}",
        json!({
            "sent": sent, "acknowledged": acks.len(), "results": seen.iter().map(|seen| seen.results).sum::<u64>(),
            "ack_ms": {
                "p50": percentile(&acks, 0.5), "p99": percentile(&acks, 0.99),
                "worst": acks.last().copied().unwrap_or(0.0),
            },
            "bytes_sent_each": each(traffic.sent.load(Ordering::Relaxed)),
            "bytes_received_each": each(traffic.received.load(Ordering::Relaxed)),
            "processor_ms_each": processor,
        })
    );
}
