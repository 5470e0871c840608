//! Text in, speech out: Kokoro as a [`Synthesizer`].

use std::collections::BTreeMap;
use std::path::Path;

use super::excitation::Noise;
use super::network::{Network, SAMPLES_PER_FRAME, Utterance};
use super::tokens::{Piece, Vocabulary};
use super::voices::Voices;
use super::wording::{self, Chosen};
use crate::device::Device;
use crate::engine::{EngineError, EngineInfo, Speech, SynthesizeRequest, Synthesizer, WhenTooLong};
use crate::fit::{self, Grid, Plan, Rhythm};
use crate::g2p::{self, Accent};
use crate::spoken;

/// The rate and the frames that Kokoro speaks in.
pub const GRID: Grid = Grid { rate_hz: 24_000, frame: SAMPLES_PER_FRAME };

/// Longest text taken, in characters: about three minutes of speech.
const LONGEST_TEXT: usize = 4000;

/// Highest sample that is let out: louder utterances are turned down as a whole.
const CEILING: f32 = 0.98;

/// What can be chosen about a [`KokoroSynthesizer`].
#[derive(Clone, Debug, PartialEq)]
pub struct KokoroOptions {
    /// The excitation's noise.
    pub noise: Noise,
    /// Factor on the samples: the network by itself is quiet. Utterances that would clip get less.
    pub gain: f32,
    /// Most frames, over all utterances of one length, in one pass.
    pub frames_per_pass: usize,
}

impl KokoroOptions {
    /// Sensible choices for a device.
    pub fn for_device(device: Device) -> Self {
        let frames_per_pass = match device.torch {
            // A pass costs a GPU 45 ms for one utterance of 6 s and 68 ms for eight of them.
            tch::Device::Cuda(_) => 16_384,
            _ => 512,
        };
        Self { noise: Noise::Seeded(0x5eed), gain: 1.5, frames_per_pass }
    }
}

/// Kokoro-82M with its voices, for one thread.
pub struct KokoroSynthesizer {
    network: Network,
    vocabulary: Vocabulary,
    voices: Voices,
    options: KokoroOptions,
}

/// A request whose rhythm is known: what is to be spoken, piece by piece, and when.
pub(super) struct Prepared {
    utterances: Vec<Utterance>,
    rhythm: Rhythm,
}

impl Prepared {
    /// How long it lasts by itself, ms.
    pub(super) fn natural_ms(&self) -> f64 {
        GRID.ms(self.rhythm.natural() * SAMPLES_PER_FRAME as f64)
    }
}

/// Words that were chosen, and how they are spoken.
struct Planned {
    prepared: Prepared,
    plan: Plan,
    is_hurried: bool,
    is_other: bool,
}

/// A request's words; nothing when there is nothing to be heard in them.
type Outlook = Result<Option<Planned>, EngineError>;

/// One piece of one request on its way through the network.
struct Job {
    request: usize,
    piece: usize,
    frames: Vec<usize>,
}

impl KokoroSynthesizer {
    /// Loads `model.safetensors`, `vocab.json` and `voices/*.bin` from a folder.
    ///
    /// # Errors
    /// [`EngineError::Unavailable`] when a file is missing or broken; a libtorch failure when the weights do not
    /// fit the device.
    pub fn load(dir: &Path, device: Device, options: KokoroOptions) -> Result<Self, EngineError> {
        if options.gain.is_nan() || options.gain <= 0.0 {
            return Err(EngineError::InvalidInput("the gain must be positive".to_owned()));
        }
        let _no_grad = tch::no_grad_guard();
        Ok(Self {
            network: Network::read(&dir.join("model.safetensors"), device)?,
            vocabulary: Vocabulary::read(&dir.join("vocab.json"))?,
            voices: Voices::read(&dir.join("voices"))?,
            options,
        })
    }

    /// Speaks a sentence to nobody, so that the first request finds the memory and the kernels ready and a missing
    /// pronunciation library is found at the start.
    ///
    /// # Errors
    /// As [`Synthesizer::synthesize`].
    pub fn warm_up(&mut self) -> Result<(), EngineError> {
        let voice = self.voices.names().into_iter().find(|name| name.starts_with('e')).unwrap_or_default();
        let voice = if voice.is_empty() { self.voices.names().swap_remove(0) } else { voice };
        let request = SynthesizeRequest {
            text: "Buenos días, bienvenidos a la reunión de hoy.".to_owned(),
            language: "es".to_owned(),
            voice,
            slot: None,
            speed_bounds: (1.0, 1.0),
            max_overrun: 0.0,
            hurry: f64::INFINITY,
            when_too_long: WhenTooLong::Speak,
        };
        self.synthesize(&[request]).into_iter().try_for_each(|speech| speech.map(drop))
    }

    /// How long a text would last if nobody hurried it, ms, without speaking it.
    ///
    /// # Errors
    /// As [`Synthesizer::synthesize`].
    pub fn natural_duration_ms(&self, text: &str, language: &str, voice: &str) -> Result<f64, EngineError> {
        let _no_grad = tch::no_grad_guard();
        let prepared = self.prepare(text, language, voice)?;
        Ok(prepared.map_or(0.0, |prepared| prepared.natural_ms()))
    }

    /// The rhythm of a text; nothing when there is nothing to be heard in it.
    fn prepare(&self, text: &str, language: &str, voice: &str) -> Result<Option<Prepared>, EngineError> {
        if text.chars().count() > LONGEST_TEXT {
            return Err(EngineError::InvalidInput(format!("text of more than {LONGEST_TEXT} characters")));
        }
        let accent = Accent::of(language, voice)
            .ok_or_else(|| EngineError::Unsupported(format!("language '{language}' is not spoken")))?;
        if !self.voices.has(voice) {
            return Err(EngineError::Unsupported(format!("no voice '{voice}'")));
        }
        let words = spoken::spell_out(text, language);
        let phonemes = g2p::phonemes(&words, accent)?;
        let pieces = self.vocabulary.pieces(&phonemes);
        if pieces.is_empty() {
            return Ok(None);
        }
        self.rhythm(&pieces, voice).map(Some)
    }

    fn rhythm(&self, pieces: &[Piece], voice: &str) -> Result<Prepared, EngineError> {
        let mut utterances = Vec::with_capacity(pieces.len());
        let mut durations = Vec::new();
        let mut heard = None;
        for piece in pieces {
            let row = self.voices.row(voice, piece.ids.len().saturating_sub(2))?;
            let utterance = self.network.prepare(&piece.ids, row)?;
            let offset = durations.len();
            let first = heard.as_ref().map_or(offset + piece.heard.start, |range: &std::ops::Range<usize>| range.start);
            heard = Some(first..offset + piece.heard.end);
            durations.extend_from_slice(&utterance.durations);
            utterances.push(utterance);
        }
        let heard = heard.unwrap_or_default();
        Ok(Prepared { utterances, rhythm: Rhythm { durations, heard } })
    }

    fn plan(&self, request: &SynthesizeRequest) -> Outlook {
        request.slot.as_ref().map_or(Ok(()), fit::check_slot)?;
        let Some(chosen) = wording::choose(request, |text| self.prepare(text, &request.language, &request.voice))?
        else {
            return Ok(None);
        };
        let plan = match &request.slot {
            None => fit::unhurried(&chosen.prepared.rhythm, GRID),
            Some(slot) => fit::plan(&chosen.prepared.rhythm, slot, request.speed_bounds, request.max_overrun, GRID)?,
        };
        let Chosen { prepared, is_hurried, is_other } = chosen;
        Ok(Some(Planned { prepared, plan, is_hurried, is_other }))
    }

    /// The pieces of all planned requests, those of one length together.
    fn jobs(&self, planned: &[Outlook]) -> BTreeMap<usize, Vec<Job>> {
        let mut jobs: BTreeMap<usize, Vec<Job>> = BTreeMap::new();
        for (request, planned) in planned.iter().enumerate() {
            let Ok(Some(Planned { prepared, plan, .. })) = planned else { continue };
            let mut rest = plan.frames.as_slice();
            for (piece, utterance) in prepared.utterances.iter().enumerate() {
                let (own, after) = rest.split_at(utterance.durations.len());
                rest = after;
                jobs.entry(own.iter().sum()).or_default().push(Job { request, piece, frames: own.to_vec() });
            }
        }
        jobs
    }

    /// Speaks all pieces; the answer is keyed by request and piece.
    fn speak(&self, planned: &[Outlook]) -> BTreeMap<(usize, usize), Result<Vec<f32>, EngineError>> {
        let mut spoken = BTreeMap::new();
        for (frames, jobs) in self.jobs(planned) {
            for pass in jobs.chunks((self.options.frames_per_pass / frames).max(1)) {
                let batch: Vec<(&Utterance, &[usize])> = pass
                    .iter()
                    .filter_map(|job| match &planned[job.request] {
                        Ok(Some(planned)) => Some((&planned.prepared.utterances[job.piece], job.frames.as_slice())),
                        _ => None,
                    })
                    .collect();
                let outcome = self.network.speak(&batch, &self.options.noise);
                for (index, job) in pass.iter().enumerate() {
                    let samples = outcome.as_ref().map(|all| all[index].clone()).map_err(EngineError::clone);
                    spoken.insert((job.request, job.piece), samples);
                }
            }
        }
        spoken
    }

    fn finish(&self, pieces: Vec<Vec<f32>>, slot: bool, planned: &Planned) -> Result<Speech, EngineError> {
        let plan = &planned.plan;
        let mut samples = join(&pieces);
        if samples.iter().any(|sample| !sample.is_finite()) {
            return Err(EngineError::Poisoned("the network spoke values that are not numbers".to_owned()));
        }
        amplify(&mut samples, self.options.gain);
        let (samples, spoken_ms) = if slot {
            let placed = fit::place(&samples, plan, GRID);
            (placed.samples, placed.spoken_ms)
        } else {
            let heard = fit::placing::heard(&samples).unwrap_or_default();
            samples.truncate(plan.samples);
            (samples, GRID.ms((heard.1 - heard.0) as f64))
        };
        let (speed_ratio, overrun) = (plan.speed_ratio, plan.overrun);
        let (is_hurried, spoke_other) = (planned.is_hurried, planned.is_other);
        Ok(Speech { samples, sample_rate_hz: GRID.rate_hz, speed_ratio, spoken_ms, overrun, is_hurried, spoke_other })
    }
}

impl Synthesizer for KokoroSynthesizer {
    fn info(&self) -> EngineInfo {
        let device = self.network.device();
        EngineInfo { name: "kokoro-82m".to_owned(), device: device.name(), precision: device.precision() }
    }

    fn voices(&self) -> Vec<String> {
        self.voices.names()
    }

    fn synthesize(&mut self, batch: &[SynthesizeRequest]) -> Vec<Result<Speech, EngineError>> {
        let _no_grad = tch::no_grad_guard();
        let planned: Vec<_> = batch.iter().map(|request| self.plan(request)).collect();
        let mut spoken = self.speak(&planned);
        let finished = planned.into_iter().zip(batch).enumerate().map(|(index, (planned, request))| {
            let Some(planned) = planned? else { return Ok(silence(request)) };
            let pieces = (0..planned.prepared.utterances.len()).map(|piece| {
                spoken
                    .remove(&(index, piece))
                    .unwrap_or_else(|| Err(EngineError::Poisoned("a piece was not spoken".to_owned())))
            });
            let pieces = pieces.collect::<Result<Vec<_>, _>>()?;
            self.finish(pieces, request.slot.is_some(), &planned)
        });
        finished.collect()
    }
}

/// The answer to a text in which nothing is to be heard.
fn silence(request: &SynthesizeRequest) -> Speech {
    let samples = request.slot.map_or(0, |slot| GRID.samples(slot.duration_ms));
    Speech {
        samples: vec![0.0; samples],
        sample_rate_hz: GRID.rate_hz,
        speed_ratio: 1.0,
        spoken_ms: 0.0,
        overrun: 0.0,
        is_hurried: false,
        spoke_other: false,
    }
}

/// Pieces one after another.
fn join(pieces: &[Vec<f32>]) -> Vec<f32> {
    pieces.concat()
}

fn amplify(samples: &mut [f32], gain: f32) {
    let loudest = samples.iter().fold(0.0_f32, |loudest, sample| loudest.max(sample.abs()));
    let gain = if loudest * gain > CEILING { CEILING / loudest } else { gain };
    for sample in samples {
        *sample *= gain;
    }
}
