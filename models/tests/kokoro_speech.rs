//! Kokoro as the service uses it: text in, speech of the right length out.
//!
//! Needs the model's files, and Debian's `libespeak-ng1` and `espeak-ng-data`.

use std::path::{Path, PathBuf};

use sts_models::kokoro::{KokoroOptions, KokoroSynthesizer};
use sts_models::{Device, EngineError, SpeechSlot, SynthesizeRequest, Synthesizer, WhenTooLong};
use tch::{Kind, Tensor};

const BFLOAT16: Device = Device { torch: tch::Device::Cpu, kind: Kind::BFloat16 };
const SENTENCE: &str = "El tren de Madrid sale a las siete y media.";

fn engine(device: Device) -> KokoroSynthesizer {
    let store = std::env::var_os("STS_MODELS_DIR")
        .map(PathBuf::from)
        .unwrap_or_else(|| Path::new(env!("CARGO_MANIFEST_DIR")).join("store"));
    let folder = store.join("kokoro-82m");
    assert!(folder.exists(), "{} is missing: fetch the models, or set STS_MODELS_DIR", folder.display());
    KokoroSynthesizer::load(&folder, device, KokoroOptions::for_device(device)).expect("the files are whole")
}

fn request(text: &str, slot: Option<SpeechSlot>) -> SynthesizeRequest {
    SynthesizeRequest {
        text: text.to_owned(),
        language: "es".to_owned(),
        voice: "em_alex".to_owned(),
        slot,
        speed_bounds: (0.7, 1.5),
        max_overrun: 0.0,
        hurry: f64::INFINITY,
        when_too_long: WhenTooLong::Speak,
    }
}

fn slot(duration_ms: f64, speech_start_ms: f64, speech_end_ms: f64) -> Option<SpeechSlot> {
    Some(SpeechSlot { duration_ms, speech_start_ms, speech_end_ms })
}

/// When something is first and last heard, ms: the first and the last sample over a thirtieth of the loudest.
fn heard_ms(samples: &[f32]) -> (f64, f64) {
    let loudest = samples.iter().fold(0.0_f32, |loudest, sample| loudest.max(sample.abs()));
    assert!(loudest > 0.1, "nothing is heard: the loudest sample is {loudest}");
    let over = |sample: &f32| sample.abs() > loudest / 30.0;
    let first = samples.iter().position(over).unwrap_or_default();
    let last = samples.iter().rposition(over).unwrap_or_default();
    (first as f64 / 24.0, last as f64 / 24.0)
}

#[test]
fn speech_fills_its_slot_to_the_sample() {
    let mut engine = engine(BFLOAT16);
    let natural = engine.natural_duration_ms(SENTENCE, "es", "em_alex").expect("a duration");
    assert!((1500.0..4000.0).contains(&natural), "natural duration {natural} ms");
    let batch = [
        request(SENTENCE, slot(6000.0, 1000.0, 1000.0 + natural / 1.2)),
        // No whole number of frames, nor of milliseconds.
        request(SENTENCE, slot(5333.4, 512.5, 512.5 + natural / 0.8)),
        request(SENTENCE, slot(natural / 1.4, 0.0, natural / 1.4)),
        request(SENTENCE, slot(6000.0, 0.0, 6000.0)),
    ];
    let expected = [(144_000, 1.2), (128_002, 0.8), ((natural / 1.4 * 24.0).round() as usize, 1.4), (144_000, 0.7)];
    for ((speech, request), (samples, ratio)) in engine.synthesize(&batch).into_iter().zip(&batch).zip(expected) {
        let speech = speech.expect("it fits");
        let wanted = request.slot.expect("all have one");
        let (first, last) = heard_ms(&speech.samples);
        println!("{wanted:?}: {first:.0} to {last:.0} ms, rate {:.3}, {:.0} ms", speech.speed_ratio, speech.spoken_ms);
        assert_eq!(speech.samples.len(), samples);
        assert_eq!(speech.sample_rate_hz, 24_000);
        assert!((speech.speed_ratio - ratio).abs() < 0.03, "rate {}, {ratio} was wanted", speech.speed_ratio);
        assert!((first - wanted.speech_start_ms).abs() <= 25.0, "begins at {first} ms");
        let length = natural / ratio;
        assert!((speech.spoken_ms - length).abs() < 0.12 * length, "{} ms for {length}", speech.spoken_ms);
        // Two ways to tell where a sound dies away.
        assert!((last - first - speech.spoken_ms).abs() < 100.0, "heard for {} ms", last - first);
        assert!(speech.samples.iter().all(|sample| sample.abs() <= 1.0));
        assert_eq!(speech.overrun, 0.0);
    }
}

#[test]
fn what_cannot_be_spoken_is_refused_or_silent() {
    let mut engine = engine(BFLOAT16);
    let mut stranger = request(SENTENCE, None);
    stranger.voice = "nobody".to_owned();
    let mut klingon = request(SENTENCE, None);
    klingon.language = "tlh".to_owned();
    let batch = [
        stranger,
        klingon,
        request(&"palabra ".repeat(1000), None),
        request(SENTENCE, slot(700.0, 0.0, 700.0)),
        request("", slot(1000.0, 0.0, 1000.0)),
        request(" … ", None),
    ];
    let answers = engine.synthesize(&batch);
    assert!(matches!(answers[0], Err(EngineError::Unsupported(_))), "{:?}", answers[0]);
    assert!(matches!(answers[1], Err(EngineError::Unsupported(_))), "{:?}", answers[1]);
    assert!(matches!(answers[2], Err(EngineError::InvalidInput(_))), "{:?}", answers[2]);
    assert!(matches!(answers[3], Err(EngineError::DoesNotFit { overrun }) if overrun > 0.5), "{:?}", answers[3]);
    let silent = answers[4].as_ref().expect("silence");
    assert_eq!((silent.samples.as_slice(), silent.spoken_ms), ([0.0; 24_000].as_slice(), 0.0));
    assert!(answers[5].as_ref().expect("silence").samples.is_empty());
}

#[test]
fn an_excess_is_forced_where_that_is_allowed() {
    let mut engine = engine(BFLOAT16);
    let natural = engine.natural_duration_ms(SENTENCE, "es", "em_alex").expect("a duration");
    let tight = slot(natural / 1.6, 0.0, natural / 1.6);
    let refused = engine.synthesize(&[request(SENTENCE, tight)]).remove(0);
    assert!(matches!(refused, Err(EngineError::DoesNotFit { .. })), "{refused:?}");
    let forced = SynthesizeRequest { max_overrun: 0.2, ..request(SENTENCE, tight) };
    let speech = engine.synthesize(&[forced]).remove(0).expect("the excess is allowed");
    assert!((speech.overrun - (1.6 / 1.5 - 1.0)).abs() < 0.005, "overrun {}", speech.overrun);
    assert!(speech.speed_ratio > 1.5 && speech.speed_ratio < 1.7, "rate {}", speech.speed_ratio);
}

#[test]
fn words_that_would_be_hurried_are_told_before_they_are_spoken() {
    let mut engine = engine(BFLOAT16);
    let short = "El tren sale a las siete.";
    let durations = [SENTENCE, short].map(|text| engine.natural_duration_ms(text, "es", "em_alex").expect("one"));
    assert!(durations[1] < 0.8 * durations[0], "{durations:?}");
    // The first would be spoken at a rate of 1.4, the second at about 1.
    let place = slot(6000.0, 500.0, 500.0 + durations[0] / 1.4);
    let hasty = |text: &str, when_too_long: WhenTooLong| SynthesizeRequest {
        hurry: 1.2,
        when_too_long,
        ..request(text, place)
    };
    let rather = |other: &str| WhenTooLong::Rather(other.to_owned());
    let batch = [
        hasty(SENTENCE, WhenTooLong::Ask),
        hasty(short, WhenTooLong::Ask),
        hasty(SENTENCE, WhenTooLong::Speak),
        hasty(short, rather(SENTENCE)),
        hasty(SENTENCE, rather(short)),
        hasty(SENTENCE, rather(SENTENCE)),
        // What would be refused is too long as well.
        SynthesizeRequest { hurry: 1.2, when_too_long: WhenTooLong::Ask, ..request(SENTENCE, slot(700.0, 0.0, 700.0)) },
        SynthesizeRequest { when_too_long: WhenTooLong::Ask, ..request(SENTENCE, place) },
    ];
    let answers = engine.synthesize(&batch);
    let wanted = durations[0] / 1.4 * 1.2;
    let is_told = |answer: &Result<_, EngineError>, wanted: f64| {
        matches!(answer, Err(EngineError::TooLong { predicted_ms, wanted_ms })
        if (predicted_ms - durations[0]).abs() < 1.0 && (wanted_ms - wanted).abs() < 1.0)
    };
    assert!(is_told(&answers[0], wanted), "{:?}", answers[0]);
    assert!(is_told(&answers[6], 700.0 * 1.2), "{:?}", answers[6]);
    let spoken = |index: usize| {
        let speech = answers[index].as_ref().expect("spoken");
        (speech.is_hurried, speech.spoke_other, speech.speed_ratio > 1.2)
    };
    assert_eq!(
        [1, 2, 3, 4, 5, 7].map(spoken),
        [
            (false, false, false),
            (true, false, true),
            (false, false, false),
            (false, true, false),
            (true, false, true),
            (false, false, true),
        ]
    );
}

#[test]
fn an_utterance_does_not_depend_on_its_neighbours() {
    let mut engine = engine(Device::CPU_F32);
    // The two whole seconds have the same number of frames, and so go through the network together.
    let texts = ["Buenos días.", "Hasta mañana.", "Sí."];
    let batch =
        texts.map(|text| SynthesizeRequest { speed_bounds: (0.2, 3.0), ..request(text, slot(1500.0, 0.0, 1000.0)) });
    let together = engine.synthesize(&batch);
    for (request, together) in batch.iter().zip(together) {
        let together = together.expect("it fits");
        let alone = engine.synthesize(std::slice::from_ref(request)).remove(0).expect("it fits");
        assert_eq!(alone.samples.len(), together.samples.len());
        let difference = alone.samples.iter().zip(&together.samples).map(|(a, b)| (a - b).abs());
        let largest = difference.fold(0.0, f32::max);
        println!("{}: largest difference {largest:.1e}", request.text);
        assert!(largest < 2e-2, "{}: {largest}", request.text);
        let again = engine.synthesize(std::slice::from_ref(request)).remove(0).expect("it fits");
        assert_eq!(alone, again, "the same request sounds the same");
    }
}

#[test]
fn long_texts_are_spoken_in_pieces() {
    let mut engine = engine(BFLOAT16);
    let text = "La reunión de hoy será larga, porque hay muchas cosas que decidir. ".repeat(10);
    let natural = engine.natural_duration_ms(&text, "es", "ef_dora").expect("a duration");
    let request = SynthesizeRequest { voice: "ef_dora".to_owned(), ..request(&text, slot(natural, 0.0, natural)) };
    let speech = engine.synthesize(&[request]).remove(0).expect("it fits");
    assert_eq!(speech.samples.len(), (natural * 24.0).round() as usize);
    assert!((speech.speed_ratio - 1.0).abs() < 0.01, "rate {}", speech.speed_ratio);
    // Ten sentences: never silent for a second, from the first to the last.
    let longest_silence = speech.samples.chunks(2400).fold((0, 0), |(longest, run), stretch| {
        let run = if stretch.iter().all(|sample| sample.abs() < 0.01) { run + 1 } else { 0 };
        (longest.max(run), run)
    });
    assert!(longest_silence.0 < 10, "silent for {} ms", longest_silence.0 * 100);
}

/// bfloat16, and float16 as on a GPU that is not fast in the other.
#[test]
fn the_formats_of_gpus_sound_like_float32() {
    let request = request(SENTENCE, slot(3000.0, 0.0, 3000.0));
    let half = Device { kind: Kind::Half, ..Device::CPU_F32 };
    let [exact, brain, half] = [Device::CPU_F32, BFLOAT16, half].map(|device| {
        let mut engine = engine(device);
        let natural = engine.natural_duration_ms(SENTENCE, "es", "em_alex").expect("a duration");
        let speech = engine.synthesize(std::slice::from_ref(&request)).remove(0).expect("it fits");
        (natural, speech.samples)
    });
    let magnitudes = |samples: &[f32]| {
        let window = Tensor::hann_window(1024, (Kind::Float, tch::Device::Cpu));
        let samples = Tensor::from_slice(samples);
        samples.stft_center(1024, 256, 1024, Some(window), false, "reflect", false, true, true, false).abs()
    };
    for (name, fast) in [("bfloat16", brain), ("float16", half)] {
        let (a, b) = (magnitudes(&exact.1).flatten(0, -1), magnitudes(&fast.1).flatten(0, -1));
        let correlation = f64::try_from(a.dot(&b) / (a.norm() * b.norm())).expect("a scalar");
        println!("{name}: magnitudes correlate by {correlation:.4}; natural {:.1} and {:.1} ms", exact.0, fast.0);
        assert!(correlation > 0.95, "{name}: {correlation}");
        assert!((exact.0 / fast.0 - 1.0).abs() < 0.01, "{name}: natural durations {} and {}", exact.0, fast.0);
    }
}

#[test]
fn a_missing_folder_is_said_to_be_missing() {
    let device = Device::CPU_F32;
    let missing = KokoroSynthesizer::load(Path::new("/nonexistent"), device, KokoroOptions::for_device(device));
    assert!(matches!(missing, Err(EngineError::Unavailable(what)) if what.contains("/nonexistent")));
}

#[test]
fn every_language_is_spoken() {
    let mut engine = engine(BFLOAT16);
    engine.warm_up().expect("the store has Spanish voices");
    for (language, voice, text) in [
        ("en", "af_heart", "It is half past seven."),
        ("en", "bm_george", "It is half past seven."),
        ("fr", "ff_siwis", "Il est sept heures et demie."),
        ("it", "im_nicola", "Sono le sette e mezza."),
        ("pt", "pf_dora", "São sete e meia."),
        ("es", "ef_dora", "Son las 7:30."),
    ] {
        assert!(engine.voices().contains(&voice.to_owned()), "no {voice}");
        let request = SynthesizeRequest { language: language.into(), voice: voice.into(), ..request(text, None) };
        let speech = engine.synthesize(&[request]).remove(0).expect("a language that is spoken");
        let (first, last) = heard_ms(&speech.samples);
        println!("{voice}: heard from {first:.0} to {last:.0} ms");
        assert!((600.0..3000.0).contains(&(last - first)), "{voice}: {} ms", last - first);
        assert_eq!(speech.speed_ratio, 1.0);
    }
}
