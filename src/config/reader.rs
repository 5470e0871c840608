//! Texts to values: each setting parsed and checked, and what is wrong collected.

use std::collections::HashMap;
use std::net::IpAddr;
use std::num::NonZeroU32;
use std::path::{Path, PathBuf};
use std::str::FromStr;
use std::time::Duration;

use sts_actors::stream::StreamSettings;
use sts_protocol::Thresholds;

use super::settings::SETTINGS;
use super::tokens::TokenSource;
use super::translators::{TranslatorChoice, pair};
use super::{Config, DEFAULT_VOICES, Problems};
use crate::access::Origins;
use crate::gateway::{Limits, TlsFiles};

/// Translator threads when some of what they do is to wait for another machine.
const NETWORK_TRANSLATOR_WORKERS: usize = 4;

pub(super) struct Reader {
    pub(super) values: HashMap<&'static str, String>,
    pub(super) problems: Vec<String>,
}

impl Reader {
    pub(super) fn read_file(&mut self, file: Option<&Path>) -> HashMap<String, String> {
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

    pub(super) fn text(&self, key: &'static str) -> &str {
        self.values.get(key).map_or("", String::as_str)
    }

    pub(super) fn problem(&mut self, key: &'static str, message: impl std::fmt::Display) {
        self.problems.push(format!("{}: {message}", key.to_uppercase()));
    }

    pub(super) fn parse<T: FromStr + Default>(&mut self, key: &'static str) -> T
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

    fn retranslate_above(&mut self) -> Option<f64> {
        let rate: f64 = self.parse("retranslate_above");
        if rate != 0.0 && !(rate.is_finite() && rate >= 1.0) {
            self.problem("retranslate_above", format!("{rate} is neither 0 nor a rate of 1 or more"));
        }
        Some(rate).filter(|rate| *rate > 0.0)
    }

    fn traces_endpoint(&mut self) -> Option<String> {
        let endpoint = Some(self.text("otel_exporter_otlp_endpoint").to_owned()).filter(|text| !text.is_empty())?;
        let url = reqwest::Url::parse(&endpoint).ok();
        if url.is_none_or(|url| !matches!(url.scheme(), "http" | "https") || !url.has_host()) {
            self.problem("otel_exporter_otlp_endpoint", format!("'{endpoint}' is no URL as http://127.0.0.1:4318"));
        }
        Some(endpoint)
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

    fn tokens(&mut self, list_key: &'static str, file_key: &'static str) -> TokenSource {
        let file = Some(self.text(file_key)).filter(|path| !path.is_empty()).map(PathBuf::from);
        let listed = self.text(list_key).split(',').map(|token| token.trim().to_owned());
        let source = TokenSource { listed: listed.filter(|token| !token.is_empty()).collect(), file };
        let key = if source.file.is_some() { file_key } else { list_key };
        match source.read() {
            Ok(tokens) if tokens.is_empty() && source.file.is_some() => self.problem(key, "has no token in it"),
            Ok(_) => {}
            Err(message) => self.problem(key, message),
        }
        source
    }

    fn address(&mut self, key: &'static str) -> IpAddr {
        let text = self.text(key).to_owned();
        text.parse().unwrap_or_else(|_| {
            self.problem(key, format!("'{text}' is no IP address"));
            IpAddr::from([127, 0, 0, 1])
        })
    }

    fn tls(&mut self) -> Option<TlsFiles> {
        let [certificate, key] = ["tls_certificate_path", "tls_key_path"].map(|name| {
            let path = PathBuf::from(self.text(name));
            if let Err(error) = std::fs::File::open(&path)
                && !path.as_os_str().is_empty()
            {
                self.problem(name, format!("{}: {error}", path.display()));
            }
            path
        });
        match (certificate.as_os_str().is_empty(), key.as_os_str().is_empty()) {
            (true, true) => None,
            (false, true) => {
                self.problem("tls_key_path", "is needed with TLS_CERTIFICATE_PATH");
                None
            }
            (true, false) => {
                self.problem("tls_certificate_path", "is needed with TLS_KEY_PATH");
                None
            }
            (false, false) => Some(TlsFiles { certificate, key }),
        }
    }

    fn origins(&mut self) -> Origins {
        let list = self.text("cors_origins").to_owned();
        Origins::parse(&list).unwrap_or_else(|message| {
            self.problem("cors_origins", message);
            Origins::default()
        })
    }

    fn rate(&mut self, key: &'static str) -> NonZeroU32 {
        let value = self.at_least_one(key);
        NonZeroU32::new(u32::try_from(value).unwrap_or(u32::MAX)).unwrap_or(NonZeroU32::MIN)
    }

    fn pairs(&mut self) -> Vec<(String, String)> {
        let text = self.text("translator_pairs").to_owned();
        let mut pairs = Vec::new();
        for text in text.split(',').map(str::trim).filter(|text| !text.is_empty()) {
            match pair(text) {
                Ok(pair) => pairs.push(pair),
                Err(message) => self.problem("translator_pairs", message),
            }
        }
        pairs
    }

    /// A thread that waits for another machine costs nothing, and one slow answer must not hold up every stream.
    fn translation_workers(&mut self, translators: &TranslatorChoice) -> usize {
        match self.parse("translation_workers") {
            0 if translators.needs_network() => NETWORK_TRANSLATOR_WORKERS,
            0 => 1,
            workers => workers,
        }
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

    fn limits(&mut self) -> Limits {
        let max_fragment_bytes = self.at_least_one("max_fragment_bytes");
        Limits {
            max_fragment_bytes,
            max_connections: self.at_least_one("max_connections"),
            max_connections_per_token: self.at_least_one("max_connections_per_token"),
            max_connections_per_address: self.at_least_one("max_connections_per_address"),
            max_streams: self.at_least_one("max_streams"),
            max_streams_per_token: self.at_least_one("max_streams_per_token"),
            max_messages_per_second: self.rate("max_messages_per_second"),
            // One fragment must always fit.
            max_buffered_bytes: self.at_least_one("max_buffered_bytes").max(max_fragment_bytes),
            init_timeout: self.limit("init_timeout_ms"),
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
            retranslate_above: self.retranslate_above(),
            ..StreamSettings::default()
        }
    }

    pub(super) fn config(mut self) -> Result<Config, Problems> {
        let translators = self.translators();
        let (host, ops_host) = (self.address("host"), self.address("ops_host"));
        let worker_tokens = self.tokens("worker_tokens", "worker_tokens_file");
        let ops_tokens = self.tokens("ops_tokens", "ops_tokens_file");
        if !host.is_loopback() && worker_tokens.is_empty() && !self.parse::<bool>("allow_unauthenticated") {
            let message = format!(
                "{host} is not loopback, and there are no WORKER_TOKENS; set ALLOW_UNAUTHENTICATED=true if that is meant"
            );
            self.problem("host", message);
        }
        if !ops_host.is_loopback() && ops_tokens.is_empty() {
            self.problem("ops_host", format!("{ops_host} is not loopback, and there are no OPS_TOKENS"));
        }
        let log_level = self.text("log_level").to_owned();
        if slog::Level::from_str(&log_level).is_err() {
            self.problem("log_level", format!("'{log_level}' is no log level"));
        }
        let traces_endpoint = self.traces_endpoint();
        let models_dir = PathBuf::from(self.text("models_dir"));
        let threads: usize = self.parse("torch_threads");
        let cores = std::thread::available_parallelism().map_or(1, usize::from);
        let config = Config {
            host,
            port: self.parse("port"),
            device: self.parse("device"),
            gpu_failover: self.parse("gpu_failover"),
            asr_model: self.directory("asr_model_path", models_dir.join("whisper-base")),
            tts_model: self.directory("tts_model_path", models_dir.join("kokoro-82m")),
            models_dir,
            voices: self.voices(),
            translator_pairs: self.pairs(),
            workers: [
                self.at_least_one("asr_workers"),
                self.translation_workers(&translators),
                self.at_least_one("tts_workers"),
            ],
            translators,
            translator_downloads: self.parse("translator_downloads"),
            ops_host,
            ops_port: self.parse("ops_port"),
            ops_tokens,
            worker_tokens,
            limits: self.limits(),
            drain_timeout: self.milliseconds("drain_timeout_ms"),
            tls: self.tls(),
            origins: self.origins(),
            queue_capacity: self.at_least_one("queue_capacity"),
            timeouts: ["asr_timeout_ms", "translation_timeout_ms", "tts_timeout_ms"].map(|key| self.limit(key)),
            torch_threads: if threads == 0 { cores.min(4) } else { threads },
            stage_retries: self.parse("stage_retries"),
            stream: self.stream(),
            traces_endpoint,
            log_level,
            tells_events: true,
        };
        if self.problems.is_empty() { Ok(config) } else { Err(Problems(self.problems)) }
    }
}
