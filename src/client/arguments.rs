//! What a person can ask for of any dub, of a file or of a live stream.

use anyhow::{anyhow, bail};
use sts_protocol::VoiceProfiles;

use crate::media::bed::{BedMode, BedSettings};
use crate::media::cutter::CutLengths;

/// Where fragments end.
#[derive(clap::Args, Clone, Copy, Debug)]
pub struct CutArgs {
    /// Longest fragment, ms
    #[arg(long, default_value_t = 8_000)]
    pub chunk_ms: usize,
    /// Shortest fragment, ms; equal to the longest: cut blindly
    #[arg(long, default_value_t = 3_000)]
    pub shortest_ms: usize,
    /// From this length on a fragment ends in the first pause of speech, ms; default: --chunk-ms, so that the best pause
    /// of all is taken. Less is sooner done, and costs some recognition
    #[arg(long)]
    pub wanted_ms: Option<usize>,
}

impl CutArgs {
    /// The lengths.
    ///
    /// # Errors
    /// One is out of bounds; the message names it.
    pub fn lengths(&self) -> anyhow::Result<CutLengths> {
        let Self { chunk_ms, shortest_ms, wanted_ms } = *self;
        // The contract's bound of a fragment.
        if !(100..=30_000).contains(&chunk_ms) {
            bail!("--chunk-ms {chunk_ms}: 100 to 30000");
        }
        Ok(CutLengths { shortest_ms, wanted_ms: wanted_ms.unwrap_or(chunk_ms), longest_ms: chunk_ms })
    }
}

/// What becomes of the original under the dub.
#[derive(clap::Args, Clone, Copy, Debug)]
pub struct BedArgs {
    /// What becomes of the original under the dub; default: duck, but in a recording the dub alone as it comes
    #[arg(long, value_enum)]
    pub bed: Option<BedMode>,
    /// The original's gain while the dub speaks, dB
    #[arg(long, default_value_t = -15.0, allow_negative_numbers = true)]
    pub duck_db: f64,
    /// How soon the original is ducked, ms
    #[arg(long, default_value_t = 80.0)]
    pub attack_ms: f64,
    /// How soon it is back, ms
    #[arg(long, default_value_t = 400.0)]
    pub release_ms: f64,
}

impl BedArgs {
    /// The settings, with this mode where none was asked for.
    ///
    /// # Errors
    /// One is out of bounds; the message names it.
    pub fn settings(&self, usual: BedMode) -> anyhow::Result<BedSettings> {
        let Self { bed, duck_db, attack_ms, release_ms } = *self;
        for (name, value) in [("--attack-ms", attack_ms), ("--release-ms", release_ms)] {
            if !(0.0..=60_000.0).contains(&value) {
                bail!("{name} {value}: 0 to 60000");
            }
        }
        if !(-90.0..=0.0).contains(&duck_db) {
            bail!("--duck-db {duck_db}: -90 to 0");
        }
        Ok(BedSettings { mode: bed.unwrap_or(usual), duck_db, attack_ms, release_ms })
    }
}

/// The first voice that ships and speaks a language.
///
/// # Errors
/// There is none.
pub fn usual_voice(language: &str) -> anyhow::Result<String> {
    let known = VoiceProfiles::parse(crate::config::DEFAULT_VOICES).map_err(anyhow::Error::msg)?;
    let first = known.for_language(language).map(|(name, _)| name.to_owned()).next();
    first.ok_or_else(|| anyhow!("no voice speaks '{language}'; name one by --voice"))
}
