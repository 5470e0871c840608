//! Mends Apertium's Spanish where it is certainly not Spanish, or not what Spanish is wont to say.
//!
//! Every rule is a pattern and its replacement, with the grammar that it rests on; they are applied in order.

use std::sync::LazyLock;

use regex::Regex;

/// Word boundaries and letters are Unicode's; the first letter's case is kept by giving both forms where it matters.
const RULES: &[(&str, &str)] = &[
    // Set phrases that the dictionary renders word by word.
    (r"\bAdemás de eso\b", "Además"),
    (r"\bademás de eso\b", "además"),
    (r"\ben consonancia con\b", "según"),
    (r"\bEn consonancia con\b", "Según"),
    (r"\bal largo de\b", "a lo largo de"),
    (r"\bAl largo de\b", "A lo largo de"),
    (r"\ba su redor\b", "a su alrededor"),
    (r"\bal redor\b", "alrededor"),
    (r"\b([Hh]\w+) con que\b", "$1 que"),
    (r"\b([Cc])ualquier uno\b", "${1}ualquiera"),
    (r"\ben vez de eso\b", "en cambio"),
    (r"\ballá\b", "allí"),
    (r"\bEUA\b", "Estados Unidos"),
    (r"\blos Estados Unidos\b", "Estados Unidos"),
    // `leíste` and `nodos` are verb and noun that the tagger took for the east and for the pronoun.
    (r"\b([Ee]l|[Dd]el|[Aa]l|[Hh]acia) leíste\b", "$1 este"),
    // Spelling since the Academy's Ortografía of 2010.
    (r"\bsólo\b", "solo"),
    (r"\bSólo\b", "Solo"),
    // `haber` is an auxiliary: before an article or a number only `tener` can stand.
    (r"\b([Hh])a (una?|el|la|los|las|su|sus|mucho|mucha|muchos|muchas|\d)\b", "tiene $2"),
    (r"\b([Hh])an (una?|el|la|los|las|su|sus|mucho|mucha|muchos|muchas|\d)\b", "tienen $2"),
    // Contractions are obligatory.
    (r"\bde el (\p{Ll})", "del $1"),
    (r"\ba el (\p{Ll})", "al $1"),
    // `uno` loses its ending before a noun; a preposition, a verb or a relative shows that there is none.
    (r"\b([Uu])no (\p{L}+(?:o|or|ón|al|aje|ismo))\b", "${1}n $2"),
];

/// Months and days of the week are lower case within a sentence.
const LOWERED: &str = r"(\p{L},? |\d )(Enero|Febrero|Marzo|Abril|Mayo|Junio|Julio|Agosto|Septiembre|Octubre|Noviembre|Diciembre|Lunes|Martes|Miércoles|Jueves|Viernes|Sábado|Domingo)\b";

/// `si` never goes with the present subjunctive, which Apertium makes of Portuguese's future subjunctive.
const CONDITIONAL: &str = r"\b([Ss]i (?:(?:usted|yo|él|ella|ellos|ellas|nosotros|ustedes|no|se|me|te|lo|la|le|nos|alguien|eso|esto) )*)(\p{L}+)\b";

/// Present subjunctive and indicative of the verbs that a conditional clause is likely to have.
const MOODS: &[(&str, &str)] = &[
    ("tenga", "tiene"), ("tengan", "tienen"), ("tengamos", "tenemos"), ("tengas", "tienes"), ("sea", "es"), ("sean", "son"),
    ("seamos", "somos"), ("seas", "eres"), ("esté", "está"), ("estén", "están"), ("estemos", "estamos"), ("estés", "estás"),
    ("haya", "hay"), ("quiera", "quiere"), ("quieran", "quieren"), ("queramos", "queremos"), ("quieras", "quieres"),
    ("pueda", "puede"), ("puedan", "pueden"), ("podamos", "podemos"), ("puedas", "puedes"), ("vaya", "va"), ("vayan", "van"),
    ("vayamos", "vamos"), ("haga", "hace"), ("hagan", "hacen"), ("hagamos", "hacemos"), ("diga", "dice"), ("digan", "dicen"),
    ("sepa", "sabe"), ("sepan", "saben"), ("venga", "viene"), ("vengan", "vienen"), ("dé", "da"), ("den", "dan"),
    ("vea", "ve"), ("vean", "ven"), ("veamos", "vemos"), ("ponga", "pone"), ("salga", "sale"), ("traiga", "trae"),
];

/// A subject pronoun that the verb's ending already tells, at the head of a clause.
const SUBJECT: &str = r"(^|[.?!:;,] |\b(?:que|y|pero|porque|si|cuando|aunque|mientras|donde|como|pues) )([Yy]o|[Nn]osotros|[Ee]llos|[Uu]sted|[Uu]stedes) ((?:(?:no|ya|también|nunca|siempre|me|te|se|lo|la|le|nos|los|las|les) )*)(\p{Ll}+)";

fn compile(source: &str) -> Regex {
    Regex::new(source).expect("the pattern is a constant of this file and is compiled by its tests")
}

static COMPILED: LazyLock<Vec<(Regex, &str)>> =
    LazyLock::new(|| RULES.iter().map(|(pattern, replacement)| (compile(pattern), *replacement)).collect());
static LOWERED_RULE: LazyLock<Regex> = LazyLock::new(|| compile(LOWERED));
static CONDITIONAL_RULE: LazyLock<Regex> = LazyLock::new(|| compile(CONDITIONAL));
static SUBJECT_RULE: LazyLock<Regex> = LazyLock::new(|| compile(SUBJECT));

/// Mends a sentence translated from Portuguese; its punctuation must be complete but for `¿` and `¡`.
pub fn repair(text: &str) -> String {
    let mut mended = text.to_owned();
    for (pattern, replacement) in COMPILED.iter() {
        mended = pattern.replace_all(&mended, *replacement).into_owned();
    }
    mended = LOWERED_RULE.replace_all(&mended, |found: &regex::Captures<'_>| {
        format!("{}{}", &found[1], found[2].to_lowercase())
    }).into_owned();
    mended = CONDITIONAL_RULE.replace_all(&mended, |found: &regex::Captures<'_>| {
        let indicative = MOODS.iter().find(|(subjunctive, _)| *subjunctive == &found[2]);
        format!("{}{}", &found[1], indicative.map_or(&found[2], |(_, indicative)| *indicative))
    }).into_owned();
    drop_subjects(&mended)
}

/// Spanish leaves out the subject that the verb tells. What follows must look like a finite verb.
fn drop_subjects(text: &str) -> String {
    SUBJECT_RULE.replace_all(text, |found: &regex::Captures<'_>| {
        let verb = &found[4];
        let finite = !["mismo", "misma", "mismos", "solo", "sola", "solos", "y", "o", "e", "que", "de", "a", "con", "en", "dos", "tres"].contains(&verb);
        if finite {
            format!("{}{}{}", &found[1], &found[3], verb)
        } else {
            found[0].to_owned()
        }
    }).into_owned()
}
