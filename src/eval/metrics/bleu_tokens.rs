//! The tokens that BLEU counts: the `13a` tokenisation of the WMT evaluations (NIST's mteval-v13a).

/// Splits a segment into words, each punctuation mark its own token, except full stops and commas between digits,
/// and apostrophes and hyphens inside words.
pub fn tokenize_13a(segment: &str) -> Vec<String> {
    let text = format!(" {} ", unescape(segment.trim_end()));
    let spaced = space_symbols(&text);
    let spaced = space_pairs(&spaced, |left, right| !left.is_ascii_digit() && is_stop(right), PairSpacing::AroundRight);
    let spaced = space_pairs(&spaced, |left, right| is_stop(left) && !right.is_ascii_digit(), PairSpacing::AroundLeft);
    let spaced = space_pairs(&spaced, |left, right| left.is_ascii_digit() && right == '-', PairSpacing::AroundRight);
    spaced.split_whitespace().map(str::to_owned).collect()
}

fn unescape(segment: &str) -> String {
    segment
        .replace("<skipped>", "")
        .replace("-\n", "")
        .replace('\n', " ")
        .replace("&quot;", "\"")
        .replace("&amp;", "&")
        .replace("&lt;", "<")
        .replace("&gt;", ">")
}

fn is_stop(character: char) -> bool {
    matches!(character, '.' | ',')
}

fn space_symbols(text: &str) -> String {
    let mut spaced = String::with_capacity(text.len() * 2);
    for character in text.chars() {
        if character.is_ascii_punctuation() && !matches!(character, '\'' | ',' | '-' | '.') {
            spaced.extend([' ', character, ' ']);
        } else {
            spaced.push(character);
        }
    }
    spaced
}

enum PairSpacing {
    AroundLeft,
    AroundRight,
}

/// Puts spaces around one of the two characters of each pair that fits. Pairs do not overlap: after one that fits,
/// the search goes on behind it, which is why `..` is treated as the reference tokeniser treats it.
fn space_pairs(text: &str, fits: impl Fn(char, char) -> bool, spacing: PairSpacing) -> String {
    let mut spaced = String::with_capacity(text.len() + 16);
    let mut characters = text.chars().peekable();
    while let Some(left) = characters.next() {
        let Some(right) = characters.next_if(|right| fits(left, *right)) else {
            spaced.push(left);
            continue;
        };
        match spacing {
            PairSpacing::AroundRight => spaced.extend([left, ' ', right, ' ']),
            PairSpacing::AroundLeft => spaced.extend([' ', left, ' ', right]),
        }
    }
    spaced
}

#[cfg(test)]
mod tests {
    use super::tokenize_13a;

    #[test]
    fn stops_stay_inside_numbers_alone() {
        assert_eq!(tokenize_13a("It cost 1,250.50, I think."), ["It", "cost", "1,250.50", ",", "I", "think", "."]);
    }

    #[test]
    fn symbols_are_tokens_and_inner_apostrophes_are_not() {
        assert_eq!(tokenize_13a("(don't) 50% &quot;yes&quot;"), ["(", "don't", ")", "50", "%", "\"", "yes", "\""]);
    }

    #[test]
    fn a_dash_is_split_from_the_digit_before_it() {
        assert_eq!(tokenize_13a("2019-20 e-mail"), ["2019", "-", "20", "e-mail"]);
    }
}
