//! Whether the translators on the network would serve.

use sts_models::EngineError;

use super::{AskedTranslator, Finding, State};

/// A key that DeepL refuses ends the start of the service; whatever else is wrong with a translator may be mended, or
/// pass, while it runs.
pub(super) fn finding(AskedTranslator { name, answer }: &AskedTranslator) -> Finding {
    let what = format!("translator {name}");
    let error = match answer {
        Ok(said) => return Finding::good(&what, said),
        Err(error) => error,
    };
    let setting = name.to_uppercase();
    let (state, remedy) = match error {
        EngineError::Unauthorized(_) => {
            let state = if *name == "deepl" { State::Bad } else { State::Optional };
            (state, format!("correct {setting}_API_KEY, or the file that {setting}_API_KEY_FILE names"))
        }
        EngineError::QuotaExceeded(_) => {
            (State::Optional, "enlarge the account, or name another translator after it in TRANSLATOR".to_owned())
        }
        _ => (
            State::Optional,
            format!("check {setting}_URL and the network; until then texts go to the next translator"),
        ),
    };
    Finding::not_good(&what, state, error.to_string(), remedy)
}
