//! Closed classes of Spanish words that the mending rules ask about.

/// Words that open a noun phrase, as an alternation of a regular expression.
pub const DETERMINERS: &str = "unas?|un|unos|el|la|los|las|sus?|mis?|tus?|muchos?|muchas?|pocos?|pocas?|varios|varias|algún|alguna|algunos|algunas|casa";

/// Present subjunctive and indicative of the verbs that a subordinate clause is likely to have.
pub const MOODS: &[(&str, &str)] = &[
    ("tenga", "tiene"),
    ("tengan", "tienen"),
    ("tengamos", "tenemos"),
    ("tengas", "tienes"),
    ("sea", "es"),
    ("sean", "son"),
    ("seamos", "somos"),
    ("seas", "eres"),
    ("esté", "está"),
    ("estén", "están"),
    ("estemos", "estamos"),
    ("estés", "estás"),
    ("haya", "hay"),
    ("quiera", "quiere"),
    ("quieran", "quieren"),
    ("queramos", "queremos"),
    ("quieras", "quieres"),
    ("pueda", "puede"),
    ("puedan", "pueden"),
    ("podamos", "podemos"),
    ("puedas", "puedes"),
    ("vaya", "va"),
    ("vayan", "van"),
    ("vayamos", "vamos"),
    ("haga", "hace"),
    ("hagan", "hacen"),
    ("hagamos", "hacemos"),
    ("diga", "dice"),
    ("digan", "dicen"),
    ("sepa", "sabe"),
    ("sepan", "saben"),
    ("venga", "viene"),
    ("vengan", "vienen"),
    ("dé", "da"),
    ("den", "dan"),
    ("vea", "ve"),
    ("vean", "ven"),
    ("veamos", "vemos"),
    ("ponga", "pone"),
    ("salga", "sale"),
    ("traiga", "trae"),
    ("necesite", "necesita"),
    ("funcione", "funciona"),
];

/// What may follow a pronoun and is no verb: then the pronoun is not a bare subject and must stay.
pub const NOT_VERBS: &[&str] = &[
    "mismo", "misma", "mismos", "mismas", "solo", "sola", "solos", "solas", "y", "o", "u", "e", "ni", "que", "de", "a",
    "al", "del", "con", "en", "por", "para", "sin", "dos", "tres", "cuatro", "todos", "todas", "ambos", "más", "menos",
    "pero", "como", "muy", "un", "una", "el", "mi", "su", "tampoco", "también", "allí", "aquí",
];
