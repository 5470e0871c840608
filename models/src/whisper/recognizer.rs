//! The recogniser: batches of fragments in, transcripts out, heard again where the first text is not believed.

use std::collections::BTreeMap;
use std::ops::Range;
use std::path::Path;

use tch::Tensor;

use super::decoder::Acoustics;
use super::decoding::{Ending, Hypothesis, Search, Task};
use super::greedy::{Choice, Random};
use super::mel::WINDOW_SAMPLES;
use super::model::WhisperModel;
use super::options::WhisperOptions;
use super::quality::{compression_ratio, is_too_fast};
use super::rules::TokenRules;
use super::segments::segments;
use super::{prompt, windows};
use crate::device::Device;
use crate::engine::{EngineError, EngineInfo, RECOGNIZER_RATE_HZ, RecognizeRequest, Recognizer, Segment, Transcript};

/// Most tokens of a text, by the length of its audio: no language that Whisper knows needs more.
const TOKENS_PER_SECOND: f64 = 30.0;
const TOKENS_BESIDES: f64 = 30.0;
/// Half of what the decoder can hold, as in Whisper's own decoding.
const LONGEST_TEXT: usize = 224;
/// Language code that asks for the language to be found out.
const DETECT: &str = "auto";

/// Whisper as a [`Recognizer`].
pub struct WhisperRecognizer {
    model: WhisperModel,
    rules: TokenRules,
    options: WhisperOptions,
    random: Random,
    name: String,
}

/// At most 30 s of one request.
struct Piece<'a> {
    request: usize,
    samples: &'a [f32],
    offset_ms: f64,
    previous: Vec<i64>,
    /// `None` asks for detection; in English models there is nothing to ask.
    language: Option<i64>,
}

impl Piece<'_> {
    fn seconds(&self) -> f64 {
        self.samples.len() as f64 / f64::from(RECOGNIZER_RATE_HZ)
    }
}

/// What was made of a piece.
struct Heard {
    text: String,
    hypothesis: Hypothesis,
    compression_ratio: f32,
    temperature: f64,
}

impl WhisperRecognizer {
    /// Loads the model in `dir`; see [`WhisperModel::load`].
    ///
    /// # Errors
    /// [`EngineError::InvalidInput`] for options that make no sense, and those of [`WhisperModel::load`].
    pub fn load(dir: &Path, device: Device, options: WhisperOptions) -> Result<Self, EngineError> {
        if options.beams == 0 || options.temperatures.is_empty() {
            return Err(EngineError::InvalidInput("at least one beam and one temperature are needed".to_owned()));
        }
        let _no_grad = tch::no_grad_guard();
        let model = WhisperModel::load(dir, device)?;
        let rules = TokenRules::new(&model.vocabulary, model.decoder.vocabulary(), options.timestamps, device)?;
        let name = dir.file_name().map_or_else(|| "whisper".to_owned(), |name| name.to_string_lossy().into_owned());
        let random = Random::new(options.seed);
        Ok(Self { model, rules, options, random, name })
    }

    /// The network itself.
    pub fn model(&self) -> &WhisperModel {
        &self.model
    }

    /// Runs every shape of `batch` fragments of this length once, so that the first real one is not slower.
    ///
    /// # Errors
    /// Those of the engine, [`EngineError::OutOfMemory`] among them.
    pub fn warm_up(&mut self, batch: usize, seconds: f64) -> Result<(), EngineError> {
        let _no_grad = tch::no_grad_guard();
        let samples = vec![0.0f32; ((seconds * f64::from(RECOGNIZER_RATE_HZ)) as usize).clamp(1, WINDOW_SAMPLES)];
        let full = self.model.encoder.full_context() as usize;
        let shortened = self.options.context.frames(samples.len(), full);
        for context in if shortened == full { vec![full] } else { vec![shortened, full] } {
            let encoded = self.model.encode(&vec![samples.as_slice(); batch.max(1)], context)?;
            let acoustics = self.model.decoder.hear(&encoded)?;
            let prompt = self.model.vocabulary.instructions(self.model.vocabulary.language("en"), false);
            let tasks = vec![Task { prompt, max_tokens: 3 }; batch.max(1)];
            self.search(&tasks[0].prompt).one_by_one(&tasks, &acoustics, Choice::Likeliest)?;
            if self.options.beams > 1 {
                self.search(&tasks[0].prompt).beams(&tasks, &acoustics, self.options.beams)?;
            }
        }
        Ok(())
    }

    fn search(&self, instructions: &[i64]) -> Search<'_> {
        Search {
            decoder: &self.model.decoder,
            rules: &self.rules,
            vocabulary: &self.model.vocabulary,
            instructions: instructions.len(),
        }
    }

    /// The pieces of one request.
    fn pieces<'a>(&self, index: usize, request: &'a RecognizeRequest) -> Result<Vec<Piece<'a>>, EngineError> {
        if request.samples.is_empty() {
            return Err(EngineError::InvalidInput("there is no audio".to_owned()));
        }
        if !request.samples.iter().all(|sample| sample.is_finite()) {
            return Err(EngineError::InvalidInput("the audio has samples that are not finite".to_owned()));
        }
        if !self.supports(&request.language) {
            return Err(EngineError::Unsupported(format!("{} does not know '{}'", self.name, request.language)));
        }
        let vocabulary = &self.model.vocabulary;
        let language = vocabulary.language(&request.language);
        let limit = self.options.prompt_tokens;
        let piece = |range: Range<usize>| {
            // Within a long request, what was said before the later pieces is not known yet.
            let known = self.options.previous_text && range.start == 0;
            let before = if known { request.previous_text.as_str() } else { "" };
            Ok(Piece {
                request: index,
                samples: &request.samples[range.clone()],
                offset_ms: range.start as f64 * 1000.0 / f64::from(RECOGNIZER_RATE_HZ),
                previous: prompt::previous(vocabulary, before, &request.hints, limit)?,
                language,
            })
        };
        windows::windows(&request.samples).into_iter().map(piece).collect()
    }

    /// Hears all pieces with the same context, one encoder pass and one decoding loop for them all.
    fn hear(&mut self, pieces: &[&Piece<'_>], context: usize) -> Result<Vec<Heard>, EngineError> {
        let audio: Vec<&[f32]> = pieces.iter().map(|piece| piece.samples).collect();
        let acoustics = self.model.decoder.hear(&self.model.encode(&audio, context)?)?;
        let tasks = self.tasks(pieces, &acoustics)?;
        let mut heard = self.decode(pieces, &tasks, &acoustics, self.options.temperatures[0])?;

        let full = self.model.encoder.full_context() as usize;
        let doubtful: Vec<usize> =
            (0..pieces.len()).filter(|&i| !self.believes(pieces[i], &heard[i], context < full)).collect();
        if doubtful.is_empty() {
            return Ok(heard);
        }
        if context < full {
            let subset: Vec<&Piece<'_>> = doubtful.iter().map(|&i| pieces[i]).collect();
            for (i, again) in doubtful.into_iter().zip(self.hear(&subset, full)?) {
                heard[i] = again;
            }
        } else {
            self.sample_again(pieces, &tasks, &acoustics, &mut heard, doubtful)?;
        }
        Ok(heard)
    }

    /// Draws the doubtful texts again at rising temperatures until each is believed; where none is, the likeliest
    /// that is no loop stays.
    fn sample_again(
        &mut self,
        pieces: &[&Piece<'_>],
        tasks: &[Task],
        acoustics: &Acoustics,
        heard: &mut [Heard],
        mut doubtful: Vec<usize>,
    ) -> Result<(), EngineError> {
        for temperature in self.options.temperatures.clone().into_iter().skip(1) {
            if doubtful.is_empty() {
                break;
            }
            let items: Vec<i64> = doubtful.iter().map(|&i| i as i64).collect();
            let items = Tensor::f_from_slice(&items)?.f_to(self.model.device().torch)?;
            let subset: Vec<&Piece<'_>> = doubtful.iter().map(|&i| pieces[i]).collect();
            let own_tasks: Vec<Task> = doubtful.iter().map(|&i| tasks[i].clone()).collect();
            let drawn = self.decode(&subset, &own_tasks, &acoustics.select(&items)?, temperature)?;
            let mut left = Vec::new();
            for (i, candidate) in doubtful.into_iter().zip(drawn) {
                let believed = self.believes(pieces[i], &candidate, false);
                if believed || candidate.plausibility() > heard[i].plausibility() {
                    heard[i] = candidate;
                }
                if !believed {
                    left.push(i);
                }
            }
            doubtful = left;
        }
        Ok(())
    }

    /// The prompts, after the languages that are not known have been found out.
    fn tasks(&self, pieces: &[&Piece<'_>], acoustics: &Acoustics) -> Result<Vec<Task>, EngineError> {
        let vocabulary = &self.model.vocabulary;
        let ask = vocabulary.is_multilingual() && pieces.iter().any(|piece| piece.language.is_none());
        let detected = if ask { self.search(&[]).detect_languages(acoustics, pieces.len())? } else { Vec::new() };
        let task = |(i, piece): (usize, &&Piece<'_>)| {
            let language = piece.language.or(detected.get(i).map(|&(token, _)| token));
            let mut prompt = piece.previous.clone();
            prompt.extend(vocabulary.instructions(language, self.options.timestamps));
            let room = (self.model.decoder.max_length() as usize).saturating_sub(prompt.len());
            let needed = (TOKENS_PER_SECOND * piece.seconds() + TOKENS_BESIDES) as usize;
            Task { prompt, max_tokens: needed.min(LONGEST_TEXT).min(room) }
        };
        Ok(pieces.iter().enumerate().map(task).collect())
    }

    fn decode(
        &mut self,
        pieces: &[&Piece<'_>],
        tasks: &[Task],
        acoustics: &Acoustics,
        temperature: f64,
    ) -> Result<Vec<Heard>, EngineError> {
        let mut random = self.random.clone();
        let vocabulary = &self.model.vocabulary;
        let instructions = vocabulary.instructions(vocabulary.language("en"), self.options.timestamps);
        let search = self.search(&instructions);
        let hypotheses = if temperature > 0.0 {
            search.one_by_one(tasks, acoustics, Choice::Drawn { temperature, random: &mut random })?
        } else if self.options.beams > 1 {
            search.beams(tasks, acoustics, self.options.beams)?
        } else {
            search.one_by_one(tasks, acoustics, Choice::Likeliest)?
        };
        if hypotheses.len() != pieces.len() {
            return Err(EngineError::Poisoned(format!("{} texts for {} pieces", hypotheses.len(), pieces.len())));
        }
        let heard = hypotheses
            .into_iter()
            .map(|hypothesis| {
                let text = vocabulary.decode(&hypothesis.tokens)?.trim().to_owned();
                Ok(Heard { compression_ratio: compression_ratio(&text), text, hypothesis, temperature })
            })
            .collect();
        self.random = random;
        heard
    }

    /// Whether a text can be what was said; `shortened` when the context was.
    fn believes(&self, piece: &Piece<'_>, heard: &Heard, shortened: bool) -> bool {
        let options = &self.options;
        let limit = if shortened { options.max_compression_ratio_shortened } else { options.max_compression_ratio };
        let loops = heard.hypothesis.ending != Ending::Complete || heard.compression_ratio > limit;
        let unlikely = heard.hypothesis.average_log_probability < options.min_average_log_probability;
        let silent = unlikely && heard.hypothesis.no_speech_probability > options.no_speech_threshold;
        silent || !(loops || unlikely || is_too_fast(&heard.text, piece.seconds()))
    }

    /// Joins what was made of each request's pieces.
    fn transcript(&self, pieces: &[(&Piece<'_>, &Heard)]) -> Result<Transcript, EngineError> {
        let texts: Vec<&str> = pieces.iter().map(|(_, heard)| heard.text.as_str()).filter(|t| !t.is_empty()).collect();
        let text = texts.join(" ");
        let tokens = |heard: &Heard| heard.hypothesis.tokens.len() as f64;
        let total: f64 = pieces.iter().map(|(_, heard)| tokens(heard)).sum();
        let weighted = |(_, heard): &(&Piece<'_>, &Heard)| heard.hypothesis.average_log_probability * tokens(heard);
        let average = if total > 0.0 { pieces.iter().map(weighted).sum::<f64>() / total } else { 0.0 };
        let silence = pieces.iter().map(|(_, heard)| heard.hypothesis.no_speech_probability).fold(1.0, f64::min);
        let temperature = pieces.iter().map(|(_, heard)| heard.temperature).fold(0.0, f64::max);
        let mut all_segments: Vec<Segment> = Vec::new();
        if self.options.timestamps {
            for (piece, heard) in pieces {
                let tokens = &heard.hypothesis.tokens;
                let found = segments(&self.model.vocabulary, tokens, piece.offset_ms, piece.seconds() * 1000.0)?;
                all_segments.extend(found);
            }
        }
        Ok(Transcript {
            compression_ratio: compression_ratio(&text),
            text,
            segments: all_segments,
            speech: Vec::new(),
            average_log_probability: average as f32,
            no_speech_probability: silence as f32,
            temperature: temperature as f32,
        })
    }

    fn recognize_all(&mut self, pieces: &[Piece<'_>]) -> Result<Vec<Option<Heard>>, EngineError> {
        let _no_grad = tch::no_grad_guard();
        let full = self.model.encoder.full_context() as usize;
        // Pieces of the same context go together, so that a text does not depend on who else is in the batch.
        let mut by_context: BTreeMap<usize, Vec<usize>> = BTreeMap::new();
        for (i, piece) in pieces.iter().enumerate() {
            by_context.entry(self.options.context.frames(piece.samples.len(), full)).or_default().push(i);
        }
        let mut heard: Vec<Option<Heard>> = pieces.iter().map(|_| None).collect();
        for (context, group) in by_context {
            let own: Vec<&Piece<'_>> = group.iter().map(|&i| &pieces[i]).collect();
            for (i, one) in group.into_iter().zip(self.hear(&own, context)?) {
                heard[i] = Some(one);
            }
        }
        Ok(heard)
    }
}

impl Heard {
    /// Orders the texts of one piece: loops last, then by likelihood.
    fn plausibility(&self) -> f64 {
        let loop_penalty = if self.hypothesis.ending == Ending::Complete { 0.0 } else { -1_000.0 };
        loop_penalty + self.hypothesis.average_log_probability - f64::from(self.compression_ratio).max(2.4)
    }
}

impl Recognizer for WhisperRecognizer {
    fn info(&self) -> EngineInfo {
        let device = self.model.device();
        EngineInfo { name: self.name.clone(), device: device.name(), precision: device.precision() }
    }

    fn supports(&self, language: &str) -> bool {
        language == DETECT || self.model.vocabulary.knows(language)
    }

    fn recognize(&mut self, batch: &[RecognizeRequest]) -> Vec<Result<Transcript, EngineError>> {
        let mut pieces = Vec::with_capacity(batch.len());
        let mut refused: Vec<Option<EngineError>> = Vec::with_capacity(batch.len());
        for (index, request) in batch.iter().enumerate() {
            match self.pieces(index, request) {
                Ok(own) => {
                    pieces.extend(own);
                    refused.push(None);
                }
                Err(error) => refused.push(Some(error)),
            }
        }
        let heard = self.recognize_all(&pieces);
        let answer = |(index, refusal): (usize, Option<EngineError>)| {
            if let Some(error) = refusal {
                return Err(error);
            }
            let heard = heard.as_ref().map_err(EngineError::clone)?;
            let of_request = |(piece, _): &(&Piece<'_>, &Heard)| piece.request == index;
            let own: Vec<(&Piece<'_>, &Heard)> = pieces.iter().zip(heard.iter().flatten()).filter(of_request).collect();
            self.transcript(&own)
        };
        refused.into_iter().enumerate().map(answer).collect()
    }
}
