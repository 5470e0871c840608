//! Translators on the network as Prometheus series.

use prometheus::{IntGaugeVec, Opts, Registry};

const NAMES: [(&str, &str); 3] = [
    ("sts_translator_breaker_state", "Circuit breaker before a translator: 0 closed, 1 half-open, 2 open."),
    ("sts_translator_characters_used", "Characters translated in the account's billing period."),
    ("sts_translator_characters_limit", "Characters that may be translated in it."),
];

/// Series labelled `engine`.
pub(crate) struct TranslatorSeries([IntGaugeVec; 3]);

impl TranslatorSeries {
    pub(crate) fn new() -> Result<Self, prometheus::Error> {
        let gauge = |index: usize| IntGaugeVec::new(Opts::new(NAMES[index].0, NAMES[index].1), &["engine"]);
        Ok(Self([gauge(0)?, gauge(1)?, gauge(2)?]))
    }

    pub(crate) fn register(&self, registry: &Registry) -> Result<(), prometheus::Error> {
        self.0.iter().try_for_each(|gauge| registry.register(Box::new(gauge.clone())))
    }

    pub(crate) fn set_breaker(&self, engine: &str, level: u8) {
        self.0[0].with_label_values(&[engine]).set(level.into());
    }

    pub(crate) fn set_usage(&self, engine: &str, used: u64, limit: u64) {
        for (gauge, value) in self.0[1..].iter().zip([used, limit]) {
            gauge.with_label_values(&[engine]).set(i64::try_from(value).unwrap_or(i64::MAX));
        }
    }
}
