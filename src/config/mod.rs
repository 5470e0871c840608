//! Every setting of the service: a flag, an environment variable and a key of the TOML file each.
//!
//! A flag wins over the environment, that over the file, and that over the default. All settings are read before
//! anything starts, and every wrong one is named at once.
//!
//! | file | concept |
//! | --- | --- |
//! | `settings.rs` | the table: names, defaults, help; the flags made from it |
//! | `reader.rs` | texts to values, and what is wrong with them |
//! | `tokens.rs` | where worker tokens come from |
//! | `translators.rs` | which translators are asked, and what each needs to know |

mod reader;
mod settings;
mod tokens;
mod translators;

use std::collections::HashMap;
use std::net::IpAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use sts_actors::stream::StreamSettings;
use sts_models::DeviceChoice;

use crate::access::Origins;
use crate::gateway::{Limits, TlsFiles};
use reader::Reader;
use settings::SETTINGS;

pub use settings::SettingFlags;
pub use tokens::TokenSource;
pub use translators::{ChatChoice, LOCAL_TRANSLATORS, LibreTranslateChoice, TranslatorChoice};

/// The voices.json that ships.
pub const DEFAULT_VOICES: &str = include_str!("../../models/voices.json");

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
    /// Whether a stage whose GPU stays away goes on with the CPU.
    pub gpu_failover: bool,
    /// Root of the weights.
    pub models_dir: PathBuf,
    /// The recogniser's directory.
    pub asr_model: PathBuf,
    /// The synthesiser's directory.
    pub tts_model: PathBuf,
    /// Text of voices.json.
    pub voices: String,
    /// Which translators are asked.
    pub translators: TranslatorChoice,
    /// Pairs that are loaded before the service is ready.
    pub translator_pairs: Vec<(String, String)>,
    /// Whether pairs may be fetched from Mozilla.
    pub translator_downloads: bool,
    /// Address of the control plane.
    pub ops_host: IpAddr,
    /// Its port; 0 takes a free one.
    pub ops_port: u16,
    /// Where the tokens of operators are.
    pub ops_tokens: TokenSource,
    /// Where the tokens of workers are.
    pub worker_tokens: TokenSource,
    /// Certificate and key; without them the port speaks no TLS.
    pub tls: Option<TlsFiles>,
    /// Web pages that may connect.
    pub origins: Origins,
    /// How much of everything one worker, and all together, may have.
    pub limits: Limits,
    /// How long SIGTERM waits for streams to end.
    pub drain_timeout: Duration,
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
    /// Collector of traces.
    pub traces_endpoint: Option<String>,
    /// Level of the log.
    pub log_level: String,
    /// Whether lifecycle events are told to anybody. No setting: `false` is for measuring what telling them costs.
    pub tells_events: bool,
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

/// The environment without where the service listens and who may come: for what does not listen there, and so needs no
/// tokens where `HOST` is for everybody, as in an image.
pub fn environment_without_listening(name: &str) -> Option<String> {
    match name {
        "HOST"
        | "OPS_HOST"
        | "WORKER_TOKENS"
        | "WORKER_TOKENS_FILE"
        | "OPS_TOKENS"
        | "OPS_TOKENS_FILE"
        | "TLS_CERTIFICATE_PATH"
        | "TLS_KEY_PATH" => None,
        name => std::env::var(name).ok(),
    }
}

#[cfg(test)]
mod tests {
    use sts_models::translate::marian::Precision;

    use super::*;
    use sts_protocol::Thresholds;

    fn load(environment: &[(&str, &str)]) -> Result<Config, Problems> {
        let find = |name: &str| environment.iter().find(|(key, _)| *key == name).map(|(_, value)| (*value).to_owned());
        Config::load(&SettingFlags::default(), find, None)
    }

    #[test]
    fn defaults_are_those_of_the_contract() {
        let config = load(&[]).expect("valid");
        assert_eq!((config.port, config.limits.max_fragment_bytes), (8000, 8 << 20));
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
            ("GPU_FAILOVER", "if needed"),
            ("ASR_WORKERS", "0"),
            ("BACKPRESSURE_THRESHOLD_LOW", "9"),
            ("DURATION_VARIANCE_SUCCESS_MAX", "2"),
            ("RETRANSLATE_ABOVE", "0.5"),
            ("LOG_LEVEL", "loud"),
            ("TRANSLATOR", "deepl,chat,libretranslate,babelfish"),
            ("CHAT_URL", "ftp://api.example"),
            ("LIBRETRANSLATE_API_KEY_FILE", "/nowhere.key"),
            ("TRANSLATOR_FOR", "en-es=deepl;enes=deepl"),
            ("DEEPL_API_KEY_FILE", "/nowhere.key"),
            ("DEEPL_URL", "api.example"),
            ("TRANSLATION_CACHE_BYTES", "some"),
            ("DEEPL_TARGET_VARIANTS", "EN"),
            ("DEEPL_FORMALITY", "rude"),
            ("DEEPL_GLOSSARIES", "en-es"),
            ("DEEPL_CONTEXT", "sometimes"),
            ("OTEL_EXPORTER_OTLP_ENDPOINT", "collector:4318"),
            ("VOICE_PROFILES_PATH", "/nowhere.json"),
            ("HOST", "0.0.0.0"),
            ("TRANSLATOR_PAIRS", "english-es"),
            ("TRANSLATOR_DOWNLOADS", "perhaps"),
            ("TLS_CERTIFICATE_PATH", "/nowhere.pem"),
            ("TLS_KEY_PATH", "/nowhere.key"),
            ("CORS_ORIGINS", "studio.example"),
            ("MAX_MESSAGES_PER_SECOND", "0"),
            ("INIT_TIMEOUT_MS", "soon"),
            ("OPS_TOKENS_FILE", "/nowhere.tokens"),
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
        assert_eq!((config.port, config.host.to_string().as_str(), config.limits.max_streams), (3333, "127.0.0.3", 7));
    }

    #[test]
    fn the_open_internet_needs_tokens() {
        assert!(load(&[("HOST", "0.0.0.0")]).is_err());
        assert!(load(&[("HOST", "0.0.0.0"), ("WORKER_TOKENS", "0123456789abcdef")]).is_ok());
        assert!(load(&[("HOST", "0.0.0.0"), ("ALLOW_UNAUTHENTICATED", "true")]).is_ok());
        assert!(load(&[("WORKER_TOKENS", "short")]).is_err());
        // A file without a token would open the service to everybody.
        let file = tempfile::NamedTempFile::new().expect("a temporary file");
        assert!(load(&[("WORKER_TOKENS_FILE", file.path().to_str().expect("UTF-8"))]).is_err());
    }

    #[test]
    fn deepl_needs_its_key_exactly_when_it_is_chosen() {
        let named =
            |problems: Problems| problems.0.iter().any(|problem| problem.starts_with("DEEPL_API_KEY: is needed"));
        assert!(load(&[("TRANSLATOR", "deepl,embedded")]).is_err_and(named));
        assert!(load(&[("TRANSLATOR_FOR", "en-fr=deepl")]).is_err_and(named));
        assert!(load(&[("TRANSLATOR", "embedded"), ("DEEPL_FORMALITY", "unused")]).is_ok());

        let config = load(&[("TRANSLATOR", "deepl"), ("DEEPL_API_KEY", "0123-secret:fx")]).expect("valid");
        let shown = format!("{config:?}");
        assert!(!shown.contains("secret"), "{shown}");
        assert_eq!((config.workers[1], load(&[]).expect("valid").workers[1]), (4, 1));

        let file = tempfile::NamedTempFile::new().expect("a temporary file");
        std::fs::write(file.path(), "0123-secret:fx\n").expect("written");
        let path = file.path().to_str().expect("UTF-8");
        let config = load(&[("TRANSLATOR", "deepl"), ("DEEPL_API_KEY_FILE", path)]).expect("valid");
        assert!(config.translators.deepl.is_some_and(|deepl| deepl.key.ends_with("secret:fx")));
    }

    #[test]
    fn chat_and_libretranslate_need_to_be_found() {
        let Problems(problems) =
            load(&[("TRANSLATOR", "chat,libretranslate")]).expect_err("nothing is said about them");
        let named: Vec<_> = problems.iter().filter_map(|problem| problem.split(':').next()).collect();
        assert_eq!(named, ["CHAT_MODEL", "CHAT_URL", "LIBRETRANSLATE_URL"]);
        let settings = [
            ("TRANSLATOR", "chat,libretranslate"),
            ("CHAT_MODEL", "some-model"),
            ("CHAT_URL", "http://127.0.0.1:11434/v1/"),
            ("CHAT_API_KEY", "some-secret"),
            ("LIBRETRANSLATE_URL", "http://127.0.0.1:5000"),
        ];
        let choice = load(&settings).expect("valid").translators;
        assert!(!format!("{choice:?}").contains("some-secret"));
        let chat = choice.chat.expect("it is named");
        assert_eq!((chat.url.as_str(), chat.model.as_str()), ("http://127.0.0.1:11434/v1", "some-model"));
        assert!(choice.libretranslate.expect("it is named").key.is_empty());
    }

    #[test]
    fn translators_are_lists_with_exceptions_by_pair() {
        let settings = [
            ("TRANSLATOR", "deepl, embedded"),
            ("TRANSLATOR_FOR", "en-pt=embedded; en-es = embedded,deepl"),
            ("DEEPL_API_KEY", "0123"),
            ("DEEPL_GLOSSARIES", "en-es=some-id"),
        ];
        let choice = load(&settings).expect("valid").translators;
        assert_eq!(choice.preferences.of("en", "fr"), ["deepl", "embedded"]);
        assert_eq!(choice.preferences.of("en", "pt"), ["embedded"]);
        assert_eq!(choice.preferences.of("en", "es"), ["embedded", "deepl"]);
        let glossaries = choice.deepl.expect("it is named").glossaries;
        assert_eq!(glossaries[&("en".to_owned(), "es".to_owned())], "some-id");
        for wrong in ["deepl,deepl", "", "deepl;embedded"] {
            assert!(load(&[("TRANSLATOR", wrong), ("DEEPL_API_KEY", "0123")]).is_err(), "{wrong}");
        }
    }

    #[test]
    fn marian_runs_firefoxs_models_or_those_of_a_folder() {
        let marian_model = |settings: &[(&str, &str)]| load(settings).map(|config| config.translators.marian_model);
        assert_eq!(marian_model(&[("TRANSLATOR", "marian,embedded")]).expect("valid"), None);
        let folder = tempfile::tempdir().expect("a temporary folder");
        let path = folder.path().display().to_string();
        let settings = [("TRANSLATOR", "marian"), ("MARIAN_MODEL_PATH", path.as_str())];
        let error = marian_model(&settings).expect_err("the folder is empty");
        assert!(error.0.iter().any(|problem| problem.contains("config.json")), "{error:?}");
        std::fs::write(folder.path().join("config.json"), "{}").expect("written");
        assert_eq!(marian_model(&settings).expect("valid").as_deref(), Some(folder.path()));
        let int8 = ("MARIAN_PRECISION", "int8");
        let error = marian_model(&[settings[0], settings[1], int8]).expect_err("its weights are not int8");
        assert!(error.0[0].contains("MARIAN_PRECISION"), "{error:?}");
        let firefox = load(&[settings[0], int8]).expect("their weights are").translators;
        assert_eq!(firefox.marian_precision, Precision::Int8);
        let error = load(&[settings[0], ("MARIAN_PRECISION", "int4")]).expect_err("there is no such format");
        assert!(error.0[0].contains("auto, f32, int8"), "{error:?}");
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
