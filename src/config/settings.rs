//! The table of settings, and a flag for each.

use std::collections::HashMap;

use clap::{Arg, ArgAction, ArgMatches, Command};

/// One setting: its key in the file. The flag has dashes for underscores, the variable is in capitals.
pub(super) struct Setting {
    pub(super) key: &'static str,
    pub(super) default: &'static str,
    help: &'static str,
}

const fn setting(key: &'static str, default: &'static str, help: &'static str) -> Setting {
    Setting { key, default, help }
}

/// All of them, in the order that `--help` has them.
pub(super) const SETTINGS: &[Setting] = &[
    setting("host", "127.0.0.1", "Address to listen on; anything but loopback needs worker_tokens"),
    setting("port", "8000", "Port for Socket.IO, /health and /metrics; 0 takes a free one"),
    setting("ops_host", "127.0.0.1", "Address of the control plane; anything but loopback needs ops_tokens"),
    setting("ops_port", "8001", "Port of the control plane; 0 takes a free one"),
    setting("ops_tokens", "", "Tokens that operators may show, separated by commas; empty: nobody is asked"),
    setting("ops_tokens_file", "", "A file with such tokens, one a line; read anew on SIGHUP"),
    setting("device", "auto", "auto, cpu, cuda or cuda:N"),
    setting("gpu_failover", "false", "Go on with the CPU when the GPU stays away; slower than live, perhaps"),
    setting("models_dir", "models/store", "Where `sts models fetch` puts the weights"),
    setting("asr_model_path", "", "A Whisper directory (default: MODELS_DIR/whisper-base)"),
    setting("tts_model_path", "", "A Kokoro directory (default: MODELS_DIR/kokoro-82m)"),
    setting("voice_profiles_path", "", "A voices.json (default: the one that ships)"),
    setting(
        "translator",
        "embedded",
        "Translators in the order that they are asked: embedded, marian, deepl, chat, libretranslate",
    ),
    setting("translator_for", "", "Other orders for some pairs, as en-es=deepl,embedded;en-fr=deepl"),
    setting("marian_model_path", "", "An OPUS-MT directory for marian (default: Firefox's models in MODELS_DIR)"),
    setting("marian_precision", "auto", "The number format of marian's matrices: auto, f32, int8"),
    setting("translator_pairs", "en-es,en-pt", "Pairs that are loaded before the service is ready"),
    setting("translator_downloads", "false", "Fetch pairs that the store lacks from Mozilla, where it can be reached"),
    setting("translation_cache_bytes", "4194304", "Texts that are remembered of what the network translated; 0: none"),
    setting("deepl_api_key", "", "DeepL's key; needed when deepl is a translator"),
    setting("deepl_api_key_file", "", "A file with that key"),
    setting("deepl_url", "", "Where DeepL's API is (default: where the key says)"),
    setting("deepl_target_variants", "EN-US,PT-BR,ZH-HANS", "Variants that DeepL translates into"),
    setting("deepl_formality", "default", "default, more, less, prefer_more or prefer_less"),
    setting("deepl_glossaries", "", "DeepL's glossaries by pair, as en-es=ID,en-pt=ID"),
    setting("deepl_glossaries_from_hints", "true", "Have DeepL keep the names among a stream's domain_hints"),
    setting("chat_url", "", "Where a chat model's API is, as http://127.0.0.1:11434/v1"),
    setting("chat_model", "", "The chat model's name there"),
    setting("chat_api_key", "", "Its key, where one is wanted"),
    setting("chat_api_key_file", "", "A file with that key"),
    setting("libretranslate_url", "", "Where LibreTranslate is, as http://127.0.0.1:5000"),
    setting("libretranslate_api_key", "", "Its key, where one is wanted"),
    setting("libretranslate_api_key_file", "", "A file with that key"),
    setting("deepl_context", "true", "Send DeepL what was said just before"),
    setting("worker_tokens", "", "Tokens that workers may show, separated by commas; empty: nobody is asked"),
    setting("worker_tokens_file", "", "A file with such tokens, one a line; read anew on SIGHUP"),
    setting("allow_unauthenticated", "false", "Listen beyond loopback although there are no worker tokens"),
    setting("tls_certificate_path", "", "A certificate chain, PEM; with it the port speaks TLS. Read anew on SIGHUP"),
    setting("tls_key_path", "", "Its private key, PEM"),
    setting(
        "cors_origins",
        "",
        "Web pages that may connect, as https://studio.example, separated by commas; * for all",
    ),
    setting("max_fragment_bytes", "8388608", "Largest fragment, decoded"),
    setting("max_connections", "1000", "Connections at once"),
    setting("max_connections_per_token", "1000", "Connections at once that show one token"),
    setting("max_connections_per_address", "256", "Connections at once from one address"),
    setting("max_streams", "200", "Streams at once"),
    setting("max_streams_per_token", "200", "Streams at once that one token opened"),
    setting("max_messages_per_second", "100", "Messages a second over one connection; twice that at once"),
    setting("max_buffered_bytes", "268435456", "Audio that has been received and not yet been taken by its stream"),
    setting("init_timeout_ms", "10000", "How long a connection may take to its stream:init"),
    setting("queue_capacity", "64", "Fragments that may wait for the recogniser"),
    setting("asr_workers", "1", "Recogniser threads, each with its own weights"),
    setting("translation_workers", "0", "Translator threads; 0: one, or four when a translator is on the network"),
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
    setting(
        "retranslate_above",
        "1.3",
        "Words that must be spoken faster than this multiple of the voice's rate are translated again, shorter; 0: never",
    ),
    setting("reorder_gap_timeout_ms", "2000", "How long a missing sequence number is waited for"),
    setting("resume_grace_ms", "30000", "How long a stream outlives its connection; 0: not at all"),
    setting("end_timeout_ms", "30000", "How long stream:end waits for work in flight"),
    setting("drain_timeout_ms", "60000", "How long SIGTERM waits for streams to end"),
    setting(
        "otel_exporter_otlp_endpoint",
        "",
        "Collector of traces, as http://127.0.0.1:4318 (OTLP over HTTP); empty: no traces",
    ),
    setting("log_level", "info", "critical, error, warning, info, debug or trace"),
];

/// Flags of every setting, for clap.
#[derive(Clone, Debug, Default)]
pub struct SettingFlags(pub(super) HashMap<&'static str, String>);

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
