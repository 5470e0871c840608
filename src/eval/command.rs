//! `sts eval`: builds the engines of the service and hands them to the measurements.

use anyhow::{Context as _, anyhow};
use clap::Subcommand;
use sts_models::Device;
use sts_protocol::VoiceProfiles;

use super::asr::{self, AsrArgs};
use super::metrics::english_normalizer::SpellingTable;
use super::metrics::text_normalizer::TextNormalizers;
use super::mt::{self, MtArgs};
use super::tts::{self, TtsArgs};
use crate::config::Config;
use crate::media::cutter::Cutter;
use crate::service;

/// What to measure.
#[derive(Subcommand, Debug)]
pub enum EvalCommand {
    /// Recognition: word error rate on recordings with known texts
    Asr(AsrArgs),
    /// Synthesis: what a recogniser understands of spoken sentences
    Tts(TtsArgs),
    /// Translation: BLEU and chrF against references
    Mt(MtArgs),
}

/// Measures what was asked for.
///
/// # Errors
/// Engines that cannot be built, files that cannot be read, and those of the measurement.
pub fn run(command: EvalCommand, config: &Config) -> anyhow::Result<()> {
    tch::set_num_threads(config.torch_threads as i32);
    let device = Device::resolve(config.device).map_err(|error| anyhow!("DEVICE: {error}"))?;
    match command {
        EvalCommand::Asr(args) => {
            let normalizers = normalizers(config)?;
            let detector = Cutter::detector(&config.models_dir).context("the detector of speech")?;
            asr::run(&args, &mut service::recognizer(config, device)?, &normalizers, Some(detector))?;
        }
        EvalCommand::Tts(mut args) => {
            if args.voice.is_empty() {
                args.voice = first_voice(config, &args.lang)?;
            }
            let normalizers = normalizers(config)?;
            let mut synthesizer = service::synthesizer(config, device)?;
            tts::run(&args, &mut synthesizer, &mut service::recognizer(config, device)?, &normalizers)?;
        }
        EvalCommand::Mt(mut args) => {
            let translators = service::translators(config).map_err(|error| anyhow!(error))?;
            let mut translator = translators.build(config)?;
            if args.shorter.shorter.is_empty() {
                mt::run(&args, translator.as_mut(), None)?;
            } else {
                if args.shorter.voice.is_empty() {
                    args.shorter.voice = first_voice(config, &args.to)?;
                }
                mt::run(&args, translator.as_mut(), Some(&mut service::synthesizer(config, device)?))?;
            }
            translators.close();
        }
    }
    Ok(())
}

fn normalizers(config: &Config) -> anyhow::Result<TextNormalizers> {
    let path = config.models_dir.join("english-normalizer/english.json");
    let table =
        SpellingTable::read(&path).with_context(|| format!("{}; sts models fetch brings it", path.display()))?;
    Ok(TextNormalizers::new(table))
}

fn first_voice(config: &Config, language: &str) -> anyhow::Result<String> {
    let voices = VoiceProfiles::parse(&config.voices).map_err(anyhow::Error::msg)?;
    let first = voices.for_language(language).map(|(_, profile)| profile.voice.clone()).next();
    first.ok_or_else(|| anyhow!("no voice speaks '{language}'; name one by --voice"))
}
