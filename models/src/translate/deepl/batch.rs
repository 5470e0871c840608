//! Which texts of a batch go into one request.

use super::wire::{MAX_REQUEST_BYTES, MAX_TEXTS};
use crate::translate::route::Pair;

/// Most requests that one batch becomes for the sake of their contexts. Past it, texts of one pair go together, and
/// without: under such a load, requests are what the API limits.
const MAX_REQUESTS: usize = 4;
/// Room for everything in a request but the texts and their context.
const ENVELOPE_BYTES: usize = 2 * 1024;

/// One text with all that decides which request it can go in.
#[derive(Clone, Debug, PartialEq)]
pub struct Item {
    /// Its place in the batch.
    pub index: usize,
    /// The text.
    pub text: String,
    /// From and into which languages.
    pub pair: Pair,
    /// What was said before.
    pub context: String,
    /// Names of the programme.
    pub hints: Vec<String>,
}

/// Texts for one request: they have pair, context and hints in common.
#[derive(Clone, Debug, PartialEq)]
pub struct Group {
    /// From and into which languages.
    pub pair: Pair,
    /// What was said before; empty for texts of several streams.
    pub context: String,
    /// Names of the programme.
    pub hints: Vec<String>,
    /// Places in the batch.
    pub indices: Vec<usize>,
    /// The texts.
    pub texts: Vec<String>,
    /// Texts and context in JSON.
    bytes: usize,
}

/// Sorts a batch into requests.
pub fn group(mut items: Vec<Item>) -> Vec<Group> {
    let groups = gather(&items);
    if groups.len() <= MAX_REQUESTS {
        return groups;
    }
    items.iter_mut().for_each(|item| item.context.clear());
    gather(&items)
}

fn gather(items: &[Item]) -> Vec<Group> {
    let mut groups: Vec<Group> = Vec::new();
    for item in items {
        let takes = |group: &&mut Group| {
            (&group.pair, &group.context, &group.hints) == (&item.pair, &item.context, &item.hints)
                && group.texts.len() < MAX_TEXTS
                && group.bytes + encoded_bytes(&item.text) <= MAX_REQUEST_BYTES - ENVELOPE_BYTES
        };
        match groups.iter_mut().find(takes) {
            Some(group) => {
                group.indices.push(item.index);
                group.texts.push(item.text.clone());
                group.bytes += encoded_bytes(&item.text);
            }
            None => groups.push(Group {
                pair: item.pair.clone(),
                context: item.context.clone(),
                hints: item.hints.clone(),
                indices: vec![item.index],
                texts: vec![item.text.clone()],
                bytes: encoded_bytes(&item.context) + encoded_bytes(&item.text),
            }),
        }
    }
    groups
}

/// Bytes of a text in JSON, its quotes and comma included. Cleaned texts have no control characters, so that nothing
/// but quotes and backslashes is escaped.
fn encoded_bytes(text: &str) -> usize {
    text.len() + text.bytes().filter(|byte| matches!(byte, b'"' | b'\\')).count() + 3
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn item(index: usize, text: &str, target: &str, context: &str) -> Item {
        Item {
            index,
            text: text.to_owned(),
            pair: Pair::new("en", target),
            context: context.to_owned(),
            hints: Vec::new(),
        }
    }

    #[test]
    fn fifty_texts_fill_a_request() {
        let groups = group((0..120).map(|index| item(index, "x", "es", "")).collect());
        assert_eq!(groups.iter().map(|group| group.texts.len()).collect::<Vec<_>>(), [50, 50, 20]);
    }

    #[test]
    fn texts_of_one_pair_and_context_share_a_request() {
        let items =
            vec![item(0, "a", "es", ""), item(1, "b", "pt", ""), item(2, "c", "es", ""), item(3, "d", "es", "before")];
        let indices: Vec<_> = group(items).into_iter().map(|group| group.indices).collect();
        assert_eq!(indices, [vec![0, 2], vec![1], vec![3]]);
    }

    #[test]
    fn under_load_requests_are_saved_rather_than_contexts() {
        let of_streams =
            |count: usize| (0..count).map(|index| item(index, "x", "es", &format!("of stream {index}"))).collect();
        assert_eq!(group(of_streams(MAX_REQUESTS)).len(), MAX_REQUESTS);
        let groups = group(of_streams(MAX_REQUESTS + 1));
        assert_eq!((groups.len(), groups[0].context.as_str(), groups[0].texts.len()), (1, "", MAX_REQUESTS + 1));
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(32))]

        #[test]
        fn every_text_goes_once_and_no_request_is_too_large(
            lengths in prop::collection::vec(0_usize..20_000, 0..60),
            quoted in any::<bool>(),
        ) {
            let letter = if quoted { "\"" } else { "x" };
            let text = |length: usize| letter.repeat(length.min(crate::translate::MAX_TEXT_BYTES));
            let items = lengths.iter().enumerate().map(|(index, length)| item(index, &text(*length), "es", "")).collect();
            let groups = group(items);
            let mut indices: Vec<_> = groups.iter().flat_map(|group| group.indices.clone()).collect();
            indices.sort_unstable();
            prop_assert_eq!(indices, (0..lengths.len()).collect::<Vec<_>>());
            for group in groups {
                prop_assert!(group.texts.len() <= MAX_TEXTS);
                let encoded = serde_json::to_string(&group.texts).expect("encodes").len();
                prop_assert!(encoded + ENVELOPE_BYTES / 2 <= MAX_REQUEST_BYTES, "{} bytes", encoded);
            }
        }
    }
}
