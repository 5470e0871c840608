//! Portuguese made plain for Apertium: contractions and turns of phrase that its tagger takes for something else.

use std::sync::LazyLock;

use regex::{Captures, Regex};

fn pattern(source: &str) -> Regex {
    Regex::new(source).expect("the pattern is a constant of this file and is compiled by its tests")
}

/// `nos` before a name, a number or an adjective of time is `em os`, never the pronoun.
static CONTRACTION: LazyLock<Regex> = LazyLock::new(|| {
    pattern(
        r"\b([Nn])os (\p{Lu}|\d|últimos|próximos|primeiros|seguintes|anos|dias|tempos|meses|nossos|seus|meus|outros|ensinamentos|mesmos|principais|novos)",
    )
});

/// `do que` after a comparative is `que`.
static COMPARISON: LazyLock<Regex> = LazyLock::new(|| {
    pattern(
        r"(?i)\b(mais|menos|maior|maiores|menor|menores|melhor|melhores|pior|piores|antes|mesmo)\b([^.;:?!]*?) do que\b",
    )
});

/// Rewrites one sentence.
pub fn prepare(sentence: &str) -> String {
    let plain = CONTRACTION.replace_all(sentence, |found: &Captures<'_>| {
        let em = if &found[1] == "N" { "Em" } else { "em" };
        format!("{em} os {}", &found[2])
    });
    COMPARISON.replace_all(&plain, "$1$2 que").into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn contractions_before_names_are_opened() {
        assert_eq!(prepare("Vivem nos Estados Unidos."), "Vivem em os Estados Unidos.");
        assert_eq!(prepare("Nos últimos anos, ele nos viu."), "Em os últimos anos, ele nos viu.");
    }

    #[test]
    fn comparisons_take_que() {
        assert_eq!(prepare("É mais raro do que o número de casos."), "É mais raro que o número de casos.");
        assert_eq!(prepare("Gosto do que vejo."), "Gosto do que vejo.");
    }
}
