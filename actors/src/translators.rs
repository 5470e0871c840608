//! Translations, and translators on the network, as Prometheus series.

use prometheus::{IntCounterVec, IntGaugeVec, Opts, Registry};

use crate::events::RetranslationOutcome;

const NAMES: [(&str, &str); 3] = [
    ("sts_translator_breaker_state", "Circuit breaker before a translator: 0 closed, 1 half-open, 2 open."),
    ("sts_translator_characters_used", "Characters translated in the account's billing period."),
    ("sts_translator_characters_limit", "Characters that may be translated in it."),
];

/// Series labelled `engine`, and what came of second translations.
pub(crate) struct TranslatorSeries {
    gauges: [IntGaugeVec; 3],
    retranslations: IntCounterVec,
}

impl TranslatorSeries {
    pub(crate) fn new() -> Result<Self, prometheus::Error> {
        let gauge = |index: usize| IntGaugeVec::new(Opts::new(NAMES[index].0, NAMES[index].1), &["engine"]);
        let retranslations = IntCounterVec::new(
            Opts::new(
                "sts_translation_retranslations_total",
                "Translations too long for their time, by what a second one did.",
            ),
            &["outcome"],
        )?;
        for outcome in RetranslationOutcome::ALL {
            retranslations.with_label_values(&[outcome.as_str()]).reset();
        }
        Ok(Self { gauges: [gauge(0)?, gauge(1)?, gauge(2)?], retranslations })
    }

    pub(crate) fn register(&self, registry: &Registry) -> Result<(), prometheus::Error> {
        registry.register(Box::new(self.retranslations.clone()))?;
        self.gauges.iter().try_for_each(|gauge| registry.register(Box::new(gauge.clone())))
    }

    pub(crate) fn count_retranslation(&self, outcome: RetranslationOutcome) {
        self.retranslations.with_label_values(&[outcome.as_str()]).inc();
    }

    pub(crate) fn set_breaker(&self, engine: &str, level: u8) {
        self.gauges[0].with_label_values(&[engine]).set(level.into());
    }

    pub(crate) fn set_usage(&self, engine: &str, used: u64, limit: u64) {
        for (gauge, value) in self.gauges[1..].iter().zip([used, limit]) {
            gauge.with_label_values(&[engine]).set(i64::try_from(value).unwrap_or(i64::MAX));
        }
    }
}
