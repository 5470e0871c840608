//! Events as they happen: the last ones, and then every second those that are new, a line each.

use std::io::Write as _;
use std::time::Duration;

use serde_json::Value;

use super::api::{Api, Ask};
use super::table;

const PERIOD: Duration = Duration::from_secs(1);

/// Prints until somebody ends it, or until nobody reads any more.
///
/// # Errors
/// The control plane cannot be reached, or has refused.
pub(super) async fn follow(api: &Api, ask: &Ask, for_people: bool) -> anyhow::Result<()> {
    let mut after = None;
    loop {
        let next = match after {
            None => ask.clone(),
            Some(after) => ask.clone().with("after", after),
        };
        let said = api.ask(&next).await?;
        let events = said["events"].as_array().map(Vec::as_slice).unwrap_or_default();
        if after.is_some() && said["lost"] == true {
            eprintln!("sts: events came faster than they could be shown; some are left out");
        }
        let mut stdout = std::io::stdout().lock();
        for event in events {
            let line = if for_people { table::event_line(event) } else { event.to_string() };
            if writeln!(stdout, "{line}").is_err() {
                return Ok(());
            }
        }
        after = Some(next_after(&said, after.unwrap_or(0)));
        tokio::time::sleep(PERIOD).await;
    }
}

/// Where to go on from. A service that was started anew counts from 1 again.
fn next_after(said: &Value, after: u64) -> u64 {
    let last = said["last"].as_u64().unwrap_or(0);
    let shown = said["events"].as_array().and_then(|events| events.last()).and_then(|event| event["number"].as_u64());
    match shown {
        Some(number) => number,
        None if last < after => 0,
        None => after,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn it_goes_on_after_what_was_shown_and_begins_anew_with_the_service() {
        assert_eq!(next_after(&json!({"events": [{"number": 7}, {"number": 9}], "last": 12}), 5), 9);
        assert_eq!(next_after(&json!({"events": [], "last": 12}), 9), 9);
        assert_eq!(next_after(&json!({"events": [], "last": 3}), 9), 0);
    }
}
