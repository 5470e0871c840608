//! Mends Apertium's Spanish where it is certainly not Spanish, or not what Spanish is wont to say.
//!
//! Every rule is a pattern with its replacement and the grammar that it rests on; they are applied in order.

use std::sync::LazyLock;

use regex::{Captures, Regex};

use super::spanish_tables::{DETERMINERS, MOODS, NOT_VERBS};

/// Patterns that need no more than a replacement. `{D}` stands for a determiner.
const RULES: &[(&str, &str)] = &[
    // Set phrases that the dictionary renders word by word.
    (r"\b([Aa])demás de eso\b", "${1}demás"),
    (r"\ben consonancia con\b", "según"),
    (r"\bEn consonancia con\b", "Según"),
    (r"\bal largo de\b", "a lo largo de"),
    (r"\bAl largo de\b", "A lo largo de"),
    (r"\bal redor\b", "alrededor"),
    (r"\bredor\b", "alrededor"),
    (r"\bPor veces\b", "A veces"),
    (r"\bpor veces\b", "a veces"),
    (r"\b([Hh](?:ace|acen|izo|icieron|ará|arán|aga|acer|acía)) con que\b", "$1 que"),
    (r"\b([Cc])ualquier uno\b", "${1}ualquiera"),
    (r"\b([Nn]ecesit\p{L}+) de\b", "$1"),
    (r"\bacontec(e|en|ió|ieron|ía|iendo|er|ido)\b", "ocurr$1"),
    (r"\boperarios\b", "trabajadores"),
    (r"\ballá\b", "allí"),
    (r"\bEUA\b", "Estados Unidos"),
    (r"\b[Pp]ara donde\b", "adónde"),
    (r", no es\?", ", no es así?"),
    // Verbs of movement take `a`.
    (r"\b(voy|vas|va|vamos|van|ir|iba|iban|iré|irá|irán|volver|volvió|viajar|viajó) para ({D})\b", "$1 a $2"),
    // Noun and verb that the tagger takes for the east and for the pronoun.
    (r"\b([Ee]l|[Dd]el|[Aa]l|[Hh]acia) leíste\b", "$1 este"),
    (r"\b(todos|para|de|con|por|entre|sobre|a|que) nodos\b", "$1 nosotros"),
    // Spelling since the Academy's Ortografía of 2010.
    (r"\b([Ss])ólo\b", "${1}olo"),
    // `haber` is an auxiliary: before a determiner or a number only `tener` can stand.
    (r"\bha ({D}|\d+)\b", "tiene $1"),
    (r"\bhan ({D}|\d+)\b", "tienen $1"),
    // What pleases is the subject of `gustar`, and whom it pleases the indirect object.
    (r"\b(?:[Uu]sted|[Éé]l|[Ee]lla) (no )?(?:me|le|se) (gust|encant)(\p{L}+)", "${1}le $2$3"),
    (r"\b(?:[Uu]stedes|[Ee]ll[oa]s) (no )?(?:me|les?|se) (gust|encant)(\p{L}+)", "${1}les $2$3"),
    (r"\b([Mm]e|[Tt]e|[Ll]es?|[Nn]os) (gust\p{L}+|encant\p{L}+) del (\p{L})", "$1 $2 el $3"),
    (r"\b([Mm]e|[Tt]e|[Ll]es?|[Nn]os) (gust\p{L}+|encant\p{L}+) de (\p{L})", "$1 $2 $3"),
    // Contractions are obligatory.
    (r"\b([Dd])e el (\p{Ll})", "${1}el $2"),
    (r"\b([Aa]) el (\p{Ll})", "${1}l $2"),
    // Apocope before a masculine noun.
    (r"\b([Uu]n|el|su|mi|tu|este|ese) (buen|mal|primer|tercer)o (\p{Ll}{4,})\b", "$1 $2 $3"),
    (r"\b([Uu])no (\p{Ll}+(?:o|or|ón|al|aje|ismo))\b", "${1}n $2"),
    (r"\b([Uu]na \p{Ll}+) malo\b", "$1 mala"),
];

/// Months and days of the week are lower case within a sentence.
const CAPITAL_DATES: &str = r"(\p{L},? |\d )(Enero|Febrero|Marzo|Abril|Mayo|Junio|Julio|Agosto|Septiembre|Octubre|Noviembre|Diciembre|Lunes|Martes|Miércoles|Jueves|Viernes|Sábado|Domingo)\b";

/// `si` never goes with the present subjunctive, which Apertium makes of Portuguese's future subjunctive.
const CONDITIONAL: &str = r"\b([Ss]i (?:(?:usted|ustedes|yo|él|ella|ellos|ellas|nosotros|no|se|me|te|lo|la|le|nos|alguien|eso|esto) )*)(\p{L}+)\b";

/// A denied belief goes with the subjunctive.
const DENIED: &str = r"\b([Nn]o (?:creo|cree|creemos|creen|pienso|piensa|piensan) que (?:(?:usted|ustedes|yo|él|ella|ellos|ellas|nosotros|no|se|me|te|lo|la|le|nos|alguien|eso|esto) )*)(\p{L}+)\b";

/// A subject pronoun at the head of a clause.
const SUBJECT: &str = r"(^|[.?!:;,] |\b(?:[Qq]u[eé]|[Pp]ero|[Pp]orque|[Ss]i|[Cc]uando|[Cc]uándo|[Aa]unque|[Mm]ientras|[Dd]ónde|[Aa]dónde|donde|[Cc]ómo|[Cc]omo|pues|[Qq]uién|tipo de \p{L}+|qu[eé] horas) )([Yy]o|[Nn]osotros|[Ee]llos|[Uu]sted|[Uu]stedes|él|ella) ((?:(?:no|ya|también|nunca|siempre|me|te|se|lo|la|le|nos|los|las|les) )*)(\p{Ll}+)";

/// The word that asks, at the head of a question that is still to be opened.
const INTERROGATIVE: &str = r"^((?:[Aa]|[Dd]e|[Cc]on|[Ee]n|[Pp]or|[Pp]ara) )?([Qq]ue lo que|[Ll]o que|[Qq]ue|[Cc]omo|[Cc]uando|[Dd]onde|[Cc]uant[oa]s?|[Cc]ual(?:es)?|[Qq]uien(?:es)?) ";

fn compile(source: &str) -> Regex {
    let pattern = source.replace("{D}", DETERMINERS);
    Regex::new(&pattern).expect("the pattern is a constant of this file and is compiled by its tests")
}

static COMPILED: LazyLock<Vec<(Regex, &str)>> =
    LazyLock::new(|| RULES.iter().map(|(pattern, replacement)| (compile(pattern), *replacement)).collect());
static CAPITAL_DATES_RULE: LazyLock<Regex> = LazyLock::new(|| compile(CAPITAL_DATES));
static CONDITIONAL_RULE: LazyLock<Regex> = LazyLock::new(|| compile(CONDITIONAL));
static DENIED_RULE: LazyLock<Regex> = LazyLock::new(|| compile(DENIED));
static SUBJECT_RULE: LazyLock<Regex> = LazyLock::new(|| compile(SUBJECT));
static INTERROGATIVE_RULE: LazyLock<Regex> = LazyLock::new(|| compile(INTERROGATIVE));

/// Mends a sentence translated from Portuguese, before its questions and exclamations are opened.
pub fn repair(text: &str) -> String {
    let mut mended = text.to_owned();
    for (pattern, replacement) in COMPILED.iter() {
        mended = pattern.replace_all(&mended, *replacement).into_owned();
    }
    let lower = |found: &Captures<'_>| format!("{}{}", &found[1], found[2].to_lowercase());
    mended = CAPITAL_DATES_RULE.replace_all(&mended, lower).into_owned();
    mended = CONDITIONAL_RULE.replace_all(&mended, indicative).into_owned();
    mended = DENIED_RULE.replace_all(&mended, subjunctive).into_owned();
    mended = SUBJECT_RULE.replace_all(&mended, without_subject).into_owned();
    if mended.trim_end_matches(['"', '”', '»', ')']).ends_with('?') {
        mended = INTERROGATIVE_RULE.replace(&mended, accented).into_owned();
    }
    mended
}

fn indicative(found: &Captures<'_>) -> String {
    let mood = MOODS.iter().find(|(subjunctive, _)| *subjunctive == &found[2]);
    format!("{}{}", &found[1], mood.map_or(&found[2], |(_, indicative)| *indicative))
}

fn subjunctive(found: &Captures<'_>) -> String {
    let mood = MOODS.iter().find(|(_, indicative)| *indicative == &found[2]);
    format!("{}{}", &found[1], mood.map_or(&found[2], |(subjunctive, _)| *subjunctive))
}

/// Spanish leaves out the subject that the verb's ending tells. What follows must be able to be a verb.
fn without_subject(found: &Captures<'_>) -> String {
    let (head, subject, clitics, verb) = (&found[1], &found[2], &found[3], &found[4]);
    // At the head of a sentence `él` and `ella` tell who is meant; after a conjunction the context does.
    let singular_third = matches!(subject, "él" | "ella");
    if NOT_VERBS.contains(&verb) || (singular_third && !head.starts_with(char::is_alphabetic)) {
        return found[0].to_owned();
    }
    format!("{head}{clitics}{verb}")
}

fn accented(found: &Captures<'_>) -> String {
    let preposition = found.get(1).map_or("", |preposition| preposition.as_str());
    let word = found[2].to_lowercase();
    let asking = match word.as_str() {
        "que lo que" | "lo que" | "que" => "qué".to_owned(),
        "como" => "cómo".to_owned(),
        "donde" => "dónde".to_owned(),
        "cuando" => "cuándo".to_owned(),
        "cual" | "cuales" => word.replacen("cua", "cuá", 1),
        "quien" | "quienes" => word.replacen("quie", "quié", 1),
        _ => word.replacen("cua", "cuá", 1),
    };
    format!("{preposition}{asking} ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn mends(broken: &str, whole: &str) {
        assert_eq!(repair(broken), whole);
    }

    #[test]
    fn every_pattern_compiles_and_good_spanish_stays() {
        for good in ["El niño come pan.", "Ha sido un día largo.", "Él y ella vienen.", "Según eso, no hay más."] {
            mends(good, good);
        }
    }

    #[test]
    fn subjects_that_the_verb_tells_are_left_out() {
        mends("Yo no sé si ellos vienen.", "no sé si vienen.");
        mends("Es para usted y para ellos.", "Es para usted y para ellos.");
        mends("Él dijo que él vendría.", "Él dijo que vendría.");
        mends("Yo mismo lo vi.", "Yo mismo lo vi.");
        mends("Tom y yo vamos.", "Tom y yo vamos.");
    }

    #[test]
    fn moods_follow_their_conjunctions() {
        mends("Si usted tenga tiempo, venga.", "Si tiene tiempo, venga.");
        mends("Si yo tuviera tiempo, vendría.", "Si tuviera tiempo, vendría.");
        mends("No creo que eso es suficiente.", "No creo que eso sea suficiente.");
    }

    #[test]
    fn questions_ask_with_an_accent() {
        mends("Lo que es eso?", "qué es eso?");
        mends("A que horas usted va para la escuela?", "A qué horas va a la escuela?");
        mends("Como usted gastó el dinero?", "cómo gastó el dinero?");
        mends("Que lo que usted halla?", "qué halla?");
        mends("Le gusta, no es?", "Le gusta, no es así?");
    }

    #[test]
    fn auxiliaries_contractions_and_dates() {
        mends("Cada uno ha una casa de el pueblo.", "Cada uno tiene una casa del pueblo.");
        mends("Publicado en Octubre por un bueno violinista.", "Publicado en octubre por un buen violinista.");
        mends("Usted le gusta del ajedrez.", "le gusta el ajedrez.");
    }
}
