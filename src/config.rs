//! Every setting of the service: a flag, an environment variable and a key of the TOML file each.
//!
//! A flag wins over the environment, that over the file, and that over the default. All settings are read before
//! anything starts, and every wrong one is named at once.

use std::collections::HashMap;
use std::net::IpAddr;
use std::path::{Path, PathBuf};
use std::str::FromStr;
use std::time::Duration;

use clap::{Arg, ArgAction, ArgMatches, Command};
use sts_actors::stream::StreamSettings;
use sts_models::DeviceChoice;
use sts_protocol::Thresholds;

/// One setting: its key in the file. The flag has dashes for underscores, the variable is in capitals.
struct Setting {
    key: &'static str,
    default: &'static str,
    help: &'static str,
}

const fn setting(key: &'static str, default: &'static str, help: &'static str) -> Setting {
    Setting { key, default, help }
}

/// All of them, in the order that `--help` has them.
const SETTINGS: &[Setting] = &[
    setting("host", "127.0.0.1", "Address to listen on; anything but loopback needs worker_tokens"),
    setting("port", "8000", "Port for Socket.IO, /health and /metrics; 0 takes a free one"),
    setting("device", "auto", "auto, cpu, cuda or cuda:N"),
    setting("models_dir", "models/store", "Where `sts models fetch` puts the weights"),
    setting("asr_model_path", "", "A Whisper directory (default: MODELS_DIR/whisper-base)"),
    setting("tts_model_path", "", "A Kokoro directory (default: MODELS_DIR/kokoro-82m)"),
    setting("voice_profiles_path", "", "A voices.json (default: the one that ships)"),
    setting("translator", "embedded", "embedded"),
    setting("translator_pairs", "en-es,en-pt", "Pairs that are loaded before the service is ready"),
    setting("translator_downloads", "false", "Fetch pairs that the store lacks from Mozilla, where it can be reached"),
    setting("worker_tokens", "", "Tokens that workers may show, separated by commas; empty: nobody is asked"),
    setting("worker_tokens_file", "", "A file with such tokens, one a line"),
    setting("allow_unauthenticated", "false", "Listen beyond loopback although there are no worker tokens"),
    setting("max_fragment_bytes", "8388608", "Largest fragment, decoded"),
    setting("max_connections", "1000", "Connections at once"),
    setting("max_streams", "200", "Streams at once"),
    setting("queue_capacity", "64", "Fragments that may wait for the recogniser"),
    setting("asr_workers", "1", "Recogniser threads, each with its own weights"),
    setting("translation_workers", "1", "Translator threads"),
    setting("tts_workers", "1", "Synthesiser threads, each with its own weights"),
    setting("torch_threads", "0", "Threads of one tensor operation; 0: as many as cores, at most 4"),
    setting("asr_timeout_ms", "5000", "Limit of recognition"),
    setting("translation_timeout_ms", "5000", "Limit of translation"),
    setting("tts_timeout_ms", "10000", "Limit of synthesis"),
    setting("stage_retries", "1", "How often a fragment that lost its worker is tried again"),
    setting("backpressure_threshold_low", "3", "Last count of fragments in flight that is low"),
    setting("backpressure_threshold_medium", "6", "Last count that is medium"),
    setting("backpressure_threshold_high", "10", "Last count that is high"),
    setting("backpressure_threshold_critical", "10", "Last count that is accepted"),
    setting("duration_variance_success_max", "0.10", "Largest duration variance of a success, as a fraction"),
    setting("duration_variance_partial_max", "0.20", "Largest duration variance of a partial, as a fraction"),
    setting("reorder_gap_timeout_ms", "2000", "How long a missing sequence number is waited for"),
    setting("resume_grace_ms", "30000", "How long a stream outlives its connection; 0: not at all"),
    setting("end_timeout_ms", "30000", "How long stream:end waits for work in flight"),
    setting("log_level", "info", "critical, error, warning, info, debug or trace"),
];

/// The voices.json that ships.
pub const DEFAULT_VOICES: &str = include_str!("../models/voices.json");

/// Flags of every setting, for clap.
#[derive(Clone, Debug, Default)]
pub struct SettingFlags(HashMap<&'static str, String>);

impl clap::Args for SettingFlags {
    fn augment_args(command: Command) -> Command {
        SETTINGS.iter().fold(command, |command, setting| {
            let default =
                if setting.default.is_empty() { String::new() } else { format!(" [default: {}]", setting.default) };
            let help = format!("{}{default} [env: {}]", setting.help, setting.key.to_uppercase());
            let flag = setting.key.replace('_', "-");
            command.arg(
                Arg::new(setting.key).long(flag).value_name("VALUE").global(true).action(ArgAction::Set).help(help),
            )
        })
    }

    fn augment_args_for_update(command: Command) -> Command {
        Self::augment_args(command)
    }
}

impl clap::FromArgMatches for SettingFlags {
    fn from_arg_matches(matches: &ArgMatches) -> Result<Self, clap::Error> {
        let mut flags = Self::default();
        flags.update_from_arg_matches(matches)?;
        Ok(flags)
    }

    fn update_from_arg_matches(&mut self, matches: &ArgMatches) -> Result<(), clap::Error> {
        for setting in SETTINGS {
            if let Some(value) = matches.get_one::<String>(setting.key) {
                self.0.insert(setting.key, value.clone());
            }
        }
        Ok(())
    }
}

/// Everything that is wrong with the settings, a line each.
#[derive(Debug, PartialEq, Eq)]
pub struct Problems(pub Vec<String>);

/// The settings, checked.
#[derive(Clone, Debug)]
pub struct Config {
    /// Address to listen on.
    pub host: IpAddr,
    /// Port; 0 takes a free one.
    pub port: u16,
    /// Where tensors live.
    pub device: DeviceChoice,
    /// Root of the weights.
    pub models_dir: PathBuf,
    /// The recogniser's directory.
    pub asr_model: PathBuf,
    /// The synthesiser's directory.
    pub tts_model: PathBuf,
    /// Text of voices.json.
    pub voices: String,
    /// Pairs that are loaded before the service is ready.
    pub translator_pairs: Vec<(String, String)>,
    /// Whether pairs may be fetched from Mozilla.
    pub translator_downloads: bool,
    /// Tokens of workers.
    pub worker_tokens: Vec<String>,
    /// Largest fragment, bytes.
    pub max_fragment_bytes: usize,
    /// Connections at once.
    pub max_connections: usize,
    /// Streams at once.
    pub max_streams: usize,
    /// Room of the recogniser's queue.
    pub queue_capacity: usize,
    /// Worker threads: recogniser, translator, synthesiser.
    pub workers: [usize; 3],
    /// Limits: recognition, translation, synthesis.
    pub timeouts: [Duration; 3],
    /// Threads of one tensor operation.
    pub torch_threads: usize,
    /// Retries of a fragment that lost its worker.
    pub stage_retries: u32,
    /// What holds for each stream.
    pub stream: StreamSettings,
    /// Level of the log.
    pub log_level: String,
}

impl Config {
    /// Reads the settings: `flags` over `environment` over the file at `file` over the defaults.
    ///
    /// # Errors
    /// Everything that is wrong, at once.
    pub fn load(
        flags: &SettingFlags,
        environment: impl Fn(&str) -> Option<String>,
        file: Option<&Path>,
    ) -> Result<Self, Problems> {
        let mut reader = Reader { values: HashMap::new(), problems: Vec::new() };
        let from_file = reader.read_file(file);
        for setting in SETTINGS {
            let value = flags
                .0
                .get(setting.key)
                .cloned()
                .or_else(|| environment(&setting.key.to_uppercase()))
                .or_else(|| from_file.get(setting.key).cloned())
                .unwrap_or_else(|| setting.default.to_owned());
            reader.values.insert(setting.key, value);
        }
        reader.config()
    }
}

struct Reader {
    values: HashMap<&'static str, String>,
    problems: Vec<String>,
}

impl Reader {
    fn read_file(&mut self, file: Option<&Path>) -> HashMap<String, String> {
        let Some(path) = file else { return HashMap::new() };
        let text = match std::fs::read_to_string(path) {
            Ok(text) => text,
            Err(error) => {
                self.problems.push(format!("{}: {error}", path.display()));
                return HashMap::new();
            }
        };
        let table: toml::Table = match text.parse() {
            Ok(table) => table,
            Err(error) => {
                self.problems.push(format!("{}: {error}", path.display()));
                return HashMap::new();
            }
        };
        let mut values = HashMap::new();
        for (key, value) in table {
            if !SETTINGS.iter().any(|setting| setting.key == key) {
                self.problems.push(format!("{}: `{key}` is no setting", path.display()));
                continue;
            }
            match value {
                toml::Value::String(text) => drop(values.insert(key, text)),
                toml::Value::Array(items) => {
                    let items: Vec<String> = items.iter().filter_map(|item| item.as_str().map(str::to_owned)).collect();
                    values.insert(key, items.join(","));
                }
                other => drop(values.insert(key, other.to_string())),
            }
        }
        values
    }

    fn text(&self, key: &'static str) -> &str {
        self.values.get(key).map_or("", String::as_str)
    }

    fn problem(&mut self, key: &'static str, message: impl std::fmt::Display) {
        self.problems.push(format!("{}: {message}", key.to_uppercase()));
    }

    fn parse<T: FromStr + Default>(&mut self, key: &'static str) -> T
    where
        T::Err: std::fmt::Display,
    {
        let text = self.text(key).to_owned();
        text.parse().unwrap_or_else(|error| {
            self.problem(key, format!("'{text}' {error}"));
            T::default()
        })
    }

    fn at_least_one(&mut self, key: &'static str) -> usize {
        let problems_before = self.problems.len();
        let value: usize = self.parse(key);
        if value == 0 && self.problems.len() == problems_before {
            self.problem(key, "must be at least 1");
        }
        value
    }

    fn milliseconds(&mut self, key: &'static str) -> Duration {
        Duration::from_millis(self.parse(key))
    }

    fn limit(&mut self, key: &'static str) -> Duration {
        Duration::from_millis(self.at_least_one(key) as u64)
    }

    fn fraction(&mut self, key: &'static str) -> f64 {
        let value: f64 = self.parse(key);
        if !(0.0..=1.0).contains(&value) {
            self.problem(key, format!("{value} is not in 0 to 1"));
        }
        value
    }

    fn directory(&mut self, key: &'static str, default: PathBuf) -> PathBuf {
        match self.text(key) {
            "" => default,
            given => {
                let path = PathBuf::from(given);
                if !path.is_dir() {
                    self.problem(key, format!("{} is no directory", path.display()));
                }
                path
            }
        }
    }

    fn tokens(&mut self) -> Vec<String> {
        let mut tokens: Vec<String> =
            self.text("worker_tokens").split(',').map(|token| token.trim().to_owned()).collect();
        let path = self.text("worker_tokens_file").to_owned();
        if !path.is_empty() {
            match std::fs::read_to_string(&path) {
                Ok(text) => tokens.extend(text.lines().map(|line| line.trim().to_owned())),
                Err(error) => self.problem("worker_tokens_file", format!("{path}: {error}")),
            }
        }
        tokens.retain(|token| !token.is_empty());
        if let Some(short) = tokens.iter().map(String::len).filter(|&length| length < 16).min() {
            self.problem("worker_tokens", format!("a token has {short} characters, the least is 16"));
        }
        tokens
    }

    fn pairs(&mut self) -> Vec<(String, String)> {
        let text = self.text("translator_pairs").to_owned();
        let mut pairs = Vec::new();
        for pair in text.split(',').map(str::trim).filter(|pair| !pair.is_empty()) {
            match pair.split_once('-') {
                Some((source, target)) if source.len() == 2 && target.len() == 2 => {
                    pairs.push((source.to_owned(), target.to_owned()));
                }
                _ => self.problem("translator_pairs", format!("'{pair}' is no pair like en-es")),
            }
        }
        pairs
    }

    fn voices(&mut self) -> String {
        let path = self.text("voice_profiles_path").to_owned();
        let text = if path.is_empty() { Ok(DEFAULT_VOICES.to_owned()) } else { std::fs::read_to_string(&path) };
        match text {
            Ok(text) => {
                if let Err(error) = sts_protocol::VoiceProfiles::parse(&text) {
                    self.problem("voice_profiles_path", error);
                }
                text
            }
            Err(error) => {
                self.problem("voice_profiles_path", format!("{path}: {error}"));
                String::new()
            }
        }
    }

    fn stream(&mut self) -> StreamSettings {
        let thresholds = Thresholds {
            low: self.parse("backpressure_threshold_low"),
            medium: self.parse("backpressure_threshold_medium"),
            high: self.parse("backpressure_threshold_high"),
            critical: self.at_least_one("backpressure_threshold_critical"),
        };
        if let Err(message) = thresholds.check() {
            self.problems.push(message);
        }
        let (success, partial) =
            (self.fraction("duration_variance_success_max"), self.fraction("duration_variance_partial_max"));
        if success > partial {
            self.problem(
                "duration_variance_success_max",
                format!("{success} is above DURATION_VARIANCE_PARTIAL_MAX ({partial})"),
            );
        }
        StreamSettings {
            thresholds,
            gap_timeout: self.milliseconds("reorder_gap_timeout_ms"),
            resume_grace: self.milliseconds("resume_grace_ms"),
            end_timeout: self.milliseconds("end_timeout_ms"),
            variance_success_max: success,
            variance_partial_max: partial,
            ..StreamSettings::default()
        }
    }

    fn config(mut self) -> Result<Config, Problems> {
        if self.text("translator") != "embedded" {
            let message = format!("'{}' is not one of: embedded", self.text("translator"));
            self.problem("translator", message);
        }
        let host = self.text("host").to_owned();
        let host = host.parse().unwrap_or_else(|_| {
            self.problem("host", format!("'{host}' is no IP address"));
            IpAddr::from([127, 0, 0, 1])
        });
        let worker_tokens = self.tokens();
        if !host.is_loopback() && worker_tokens.is_empty() && !self.parse::<bool>("allow_unauthenticated") {
            let message = format!(
                "{host} is not loopback, and there are no WORKER_TOKENS; set ALLOW_UNAUTHENTICATED=true if that is meant"
            );
            self.problem("host", message);
        }
        let log_level = self.text("log_level").to_owned();
        if slog::Level::from_str(&log_level).is_err() {
            self.problem("log_level", format!("'{log_level}' is no log level"));
        }
        let models_dir = PathBuf::from(self.text("models_dir"));
        let threads: usize = self.parse("torch_threads");
        let cores = std::thread::available_parallelism().map_or(1, usize::from);
        let config = Config {
            host,
            port: self.parse("port"),
            device: self.parse("device"),
            asr_model: self.directory("asr_model_path", models_dir.join("whisper-base")),
            tts_model: self.directory("tts_model_path", models_dir.join("kokoro-82m")),
            models_dir,
            voices: self.voices(),
            translator_pairs: self.pairs(),
            translator_downloads: self.parse("translator_downloads"),
            worker_tokens,
            max_fragment_bytes: self.at_least_one("max_fragment_bytes"),
            max_connections: self.at_least_one("max_connections"),
            max_streams: self.at_least_one("max_streams"),
            queue_capacity: self.at_least_one("queue_capacity"),
            workers: ["asr_workers", "translation_workers", "tts_workers"].map(|key| self.at_least_one(key)),
            timeouts: ["asr_timeout_ms", "translation_timeout_ms", "tts_timeout_ms"].map(|key| self.limit(key)),
            torch_threads: if threads == 0 { cores.min(4) } else { threads },
            stage_retries: self.parse("stage_retries"),
            stream: self.stream(),
            log_level,
        };
        if self.problems.is_empty() { Ok(config) } else { Err(Problems(self.problems)) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn load(environment: &[(&str, &str)]) -> Result<Config, Problems> {
        let find = |name: &str| environment.iter().find(|(key, _)| *key == name).map(|(_, value)| (*value).to_owned());
        Config::load(&SettingFlags::default(), find, None)
    }

    #[test]
    fn defaults_are_those_of_the_contract() {
        let config = load(&[]).expect("valid");
        assert_eq!((config.port, config.max_fragment_bytes), (8000, 8 << 20));
        assert_eq!(config.timeouts.map(|limit| limit.as_millis()), [5_000, 5_000, 10_000]);
        assert_eq!(config.stream.thresholds, Thresholds::default());
        assert_eq!(config.stream.resume_grace, Duration::from_secs(30));
        assert!(config.host.is_loopback());
    }

    #[test]
    fn every_wrong_setting_is_named_at_once() {
        let wrong = [
            ("PORT", "http"),
            ("DEVICE", "tpu"),
            ("ASR_WORKERS", "0"),
            ("BACKPRESSURE_THRESHOLD_LOW", "9"),
            ("DURATION_VARIANCE_SUCCESS_MAX", "2"),
            ("LOG_LEVEL", "loud"),
            ("TRANSLATOR", "babelfish"),
            ("VOICE_PROFILES_PATH", "/nowhere.json"),
            ("HOST", "0.0.0.0"),
            ("TRANSLATOR_PAIRS", "english-es"),
            ("TRANSLATOR_DOWNLOADS", "perhaps"),
        ];
        let Problems(problems) = load(&wrong).expect_err("all wrong");
        for (name, _) in &wrong {
            assert!(problems.iter().any(|problem| problem.contains(name)), "{name} is not named in {problems:?}");
        }
    }

    #[test]
    fn a_flag_wins_over_the_environment_and_that_over_the_file() {
        let file = tempfile::NamedTempFile::new().expect("a temporary file");
        std::fs::write(file.path(), "port = 1111\nhost = \"127.0.0.2\"\nmax_streams = 7\n").expect("written");
        let flags = SettingFlags(HashMap::from([("port", "3333".to_owned())]));
        let environment = |name: &str| match name {
            "PORT" => Some("2222".to_owned()),
            "HOST" => Some("127.0.0.3".to_owned()),
            _ => None,
        };
        let config = Config::load(&flags, environment, Some(file.path())).expect("valid");
        assert_eq!((config.port, config.host.to_string().as_str(), config.max_streams), (3333, "127.0.0.3", 7));
    }

    #[test]
    fn the_open_internet_needs_tokens() {
        assert!(load(&[("HOST", "0.0.0.0")]).is_err());
        assert!(load(&[("HOST", "0.0.0.0"), ("WORKER_TOKENS", "0123456789abcdef")]).is_ok());
        assert!(load(&[("HOST", "0.0.0.0"), ("ALLOW_UNAUTHENTICATED", "true")]).is_ok());
        assert!(load(&[("WORKER_TOKENS", "short")]).is_err());
    }

    #[test]
    fn unknown_keys_of_the_file_are_named() {
        let file = tempfile::NamedTempFile::new().expect("a temporary file");
        std::fs::write(file.path(), "prot = 1\n").expect("written");
        let Problems(problems) =
            Config::load(&SettingFlags::default(), |_| None, Some(file.path())).expect_err("a typo");
        assert!(problems[0].contains("`prot`"));
    }
}
