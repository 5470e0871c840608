//! Speaks a text into a WAV file.
//!
//! ```text
//! cargo run --release -p sts-models --example speak -- --voice em_alex "Buenos días." out.wav
//! cargo run --release -p sts-models --example speak -- --slot-ms 6000 --speech-ms 400-5200 "Buenos días." out.wav
//! ```

use std::path::PathBuf;
use std::time::Instant;

use anyhow::{Context, bail};
use sts_models::kokoro::{KokoroOptions, KokoroSynthesizer};
use sts_models::{Device, DeviceChoice, SpeechSlot, SynthesizeRequest, Synthesizer, WhenTooLong};

struct Arguments {
    request: SynthesizeRequest,
    output: PathBuf,
    exact: bool,
}

fn main() -> anyhow::Result<()> {
    let Arguments { request, output, exact } = arguments()?;
    let store = std::env::var_os("STS_MODELS_DIR").map(PathBuf::from).unwrap_or_else(|| "models/store".into());
    let device =
        if exact { Device::CPU_F32 } else { Device::resolve(DeviceChoice::Auto).map_err(anyhow::Error::msg)? };
    let loading = Instant::now();
    let options = KokoroOptions::for_device(device);
    let mut voice = KokoroSynthesizer::load(&store.join("kokoro-82m"), device, options)?;
    voice.warm_up()?;
    eprintln!("{:?} ready after {:.1} s", voice.info(), loading.elapsed().as_secs_f64());

    let natural_ms = voice.natural_duration_ms(&request.text, &request.language, &request.voice)?;
    let speaking = Instant::now();
    let speech = voice.synthesize(std::slice::from_ref(&request)).swap_remove(0)?;
    eprintln!(
        "{} samples in {:.2} s; words {:.0} ms by themselves, {:.0} ms as spoken, rate {:.3}, overrun {:.3}",
        speech.samples.len(),
        speaking.elapsed().as_secs_f64(),
        natural_ms,
        speech.spoken_ms,
        speech.speed_ratio,
        speech.overrun
    );
    let spec = hound::WavSpec {
        channels: 1,
        sample_rate: speech.sample_rate_hz,
        bits_per_sample: 16,
        sample_format: hound::SampleFormat::Int,
    };
    let mut file = hound::WavWriter::create(&output, spec)?;
    for sample in &speech.samples {
        file.write_sample((sample * f32::from(i16::MAX)) as i16)?;
    }
    Ok(file.finalize()?)
}

fn arguments() -> anyhow::Result<Arguments> {
    let (mut voice, mut slot_ms, mut speech_ms, mut exact) = ("em_alex".to_owned(), None, None, false);
    let mut positional = Vec::new();
    let mut given = std::env::args().skip(1);
    while let Some(argument) = given.next() {
        let mut value = || given.next().with_context(|| format!("{argument} needs a value"));
        match argument.as_str() {
            "--voice" => voice = value()?,
            "--slot-ms" => slot_ms = Some(value()?.parse::<f64>()?),
            "--speech-ms" => speech_ms = Some(range(&value()?)?),
            "--f32" => exact = true,
            _ => positional.push(argument),
        }
    }
    let [text, output] = positional.as_slice() else {
        bail!("usage: speak [--voice NAME] [--slot-ms MS] [--speech-ms FROM-TO] [--f32] TEXT OUT.wav");
    };
    let language = match voice.chars().next() {
        Some('e') => "es",
        Some('f') => "fr",
        Some('i') => "it",
        Some('p') => "pt",
        _ => "en",
    };
    let slot = slot_ms.map(|duration_ms| {
        let (speech_start_ms, speech_end_ms) = speech_ms.unwrap_or((0.0, duration_ms));
        SpeechSlot { duration_ms, speech_start_ms, speech_end_ms }
    });
    let request = SynthesizeRequest {
        text: text.clone(),
        language: language.to_owned(),
        voice,
        slot,
        speed_bounds: (0.7, 1.5),
        max_overrun: 0.2,
        hurry: f64::INFINITY,
        when_too_long: WhenTooLong::Speak,
    };
    Ok(Arguments { request, output: output.into(), exact })
}

fn range(text: &str) -> anyhow::Result<(f64, f64)> {
    let (from, to) = text.split_once('-').context("a range is FROM-TO")?;
    Ok((from.parse()?, to.parse()?))
}
