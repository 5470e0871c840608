//! Which words are spoken, where a request has others for those that are too long.

use super::synthesizer::Prepared;
use crate::engine::{EngineError, SynthesizeRequest, WhenTooLong};
use crate::fit;

/// The words that are to be spoken.
pub(super) struct Chosen {
    pub(super) prepared: Prepared,
    /// They are too long, and spoken all the same.
    pub(super) is_hurried: bool,
    /// They are those of [`WhenTooLong::Rather`].
    pub(super) is_other: bool,
}

/// Decides between the request's words and the others that it may have, by how long each would last.
///
/// # Errors
/// [`EngineError::TooLong`] where that is asked for, and those of `prepare`.
pub(super) fn choose(
    request: &SynthesizeRequest,
    prepare: impl Fn(&str) -> Result<Option<Prepared>, EngineError>,
) -> Result<Option<Chosen>, EngineError> {
    let wanted_ms = request
        .slot
        .as_ref()
        .map_or(f64::INFINITY, |slot| fit::comfortable_ms(slot, request.speed_bounds.1, request.hurry));
    let own = prepare(&request.text);
    let is_too_long = |prepared: &Prepared| prepared.natural_ms() > wanted_ms;
    let choose = |prepared: Prepared, is_other| {
        let is_hurried = is_too_long(&prepared);
        Chosen { prepared, is_hurried, is_other }
    };
    match (&request.when_too_long, own) {
        (WhenTooLong::Ask, Ok(Some(own))) if is_too_long(&own) => {
            Err(EngineError::TooLong { predicted_ms: own.natural_ms(), wanted_ms })
        }
        (WhenTooLong::Rather(other), Ok(Some(own))) if is_too_long(&own) => match prepare(other) {
            Ok(Some(other)) if other.natural_ms() < own.natural_ms() => Ok(Some(choose(other, true))),
            _ => Ok(Some(choose(own, false))),
        },
        // These are at least no worse than an error.
        (WhenTooLong::Rather(other), Err(_)) => Ok(prepare(other)?.map(|other| choose(other, true))),
        (_, own) => Ok(own?.map(|own| choose(own, false))),
    }
}
