//! French.

use super::grammar::{Gender, Grammar, Words, closing, feminine, masculine, short};

/// French of France.
pub struct French;

const SMALL: [&str; 20] = [
    "zéro", "un", "deux", "trois", "quatre", "cinq", "six", "sept", "huit", "neuf", "dix", "onze", "douze", "treize",
    "quatorze", "quinze", "seize", "dix-sept", "dix-huit", "dix-neuf",
];
const TENS: [&str; 10] =
    ["", "", "vingt", "trente", "quarante", "cinquante", "soixante", "soixante", "quatre-vingt", "quatre-vingt"];
const SCALES: [(u64, [&str; 2]); 3] = [
    (1_000_000_000_000, ["billion", "billions"]),
    (1_000_000_000, ["milliard", "milliards"]),
    (1_000_000, ["million", "millions"]),
];

impl Grammar for French {
    fn words(&self) -> &'static Words {
        &WORDS
    }

    fn cardinal(&self, number: u64, gender: Gender) -> String {
        if let Some((scale, [one, many])) = SCALES.into_iter().find(|(scale, _)| number >= *scale) {
            let name = if number / scale == 1 { one } else { many };
            let count = self.cardinal(number / scale, Gender::Masculine);
            return with_rest(format!("{count} {name}"), number % scale, gender);
        }
        match number {
            2000.. => {
                // "quatre-vingt mille", "deux cent mille": no plural before mille.
                let count = below_thousand(number / 1000, Gender::Masculine);
                let count = count.strip_suffix("vingts").map(|stem| format!("{stem}vingt")).unwrap_or(count);
                let count = count.strip_suffix("cents").map(|stem| format!("{stem}cent")).unwrap_or(count);
                with_rest(format!("{count} mille"), number % 1000, gender)
            }
            1000.. => with_rest("mille".to_owned(), number % 1000, gender),
            _ => below_thousand(number, gender),
        }
    }

    fn ordinal(&self, number: u64, gender: Gender) -> String {
        if number == 1 {
            return if gender == Gender::Feminine { "première" } else { "premier" }.to_owned();
        }
        let cardinal = self.cardinal(number, Gender::Masculine);
        let stem = match cardinal.strip_suffix("vingts").map(|stem| format!("{stem}vingt")) {
            Some(stem) => stem,
            None if cardinal.ends_with("cinq") => format!("{cardinal}u"),
            None if cardinal.ends_with("neuf") => format!("{}v", &cardinal[..cardinal.len() - 1]),
            None if cardinal.ends_with("cents") => cardinal[..cardinal.len() - 1].to_owned(),
            None => cardinal.strip_suffix('e').map(str::to_owned).unwrap_or(cardinal),
        };
        format!("{stem}ième")
    }

    fn gender_of(&self, noun: &str) -> Gender {
        let feminine = [
            "tion", "tions", "sion", "sions", "té", "tés", "ette", "ettes", "ine", "ines", "ie", "ies", "ère", "ères",
            "née", "nées", "aine", "aines", "ure", "ures", "ance", "ances", "ence", "ences",
        ];
        let known =
            ["fois", "femme", "femmes", "heure", "heures", "personne", "personnes", "fille", "filles", "voiture"];
        let is_feminine = known.contains(&noun) || feminine.iter().any(|end| noun.ends_with(end));
        if is_feminine { Gender::Feminine } else { Gender::Masculine }
    }

    fn date(&self, day: u64, month: usize, year: Option<u64>) -> String {
        let day = if day == 1 { "premier".to_owned() } else { self.cardinal(day, Gender::Alone) };
        let year = year.map(|year| format!(" {}", self.year(year))).unwrap_or_default();
        format!("{day} {}{year}", WORDS.months[month - 1])
    }

    fn time(&self, hour: u64, minute: u64) -> String {
        let hours = if hour <= 1 { "heure" } else { "heures" };
        let minute = if minute == 0 { String::new() } else { format!(" {}", self.cardinal(minute, Gender::Alone)) };
        format!("{} {hours}{minute}", self.cardinal(hour, Gender::Feminine))
    }

    fn regnal(&self, number: u64, after: &str) -> String {
        let is_name = after.chars().next().is_some_and(char::is_uppercase);
        if number == 1 && is_name { "premier".to_owned() } else { self.cardinal(number, Gender::Alone) }
    }
}

fn with_rest(words: String, rest: u64, gender: Gender) -> String {
    if rest == 0 { words } else { format!("{words} {}", French.cardinal(rest, gender)) }
}

fn below_thousand(number: u64, gender: Gender) -> String {
    let hundred = match number / 100 {
        0 => return below_hundred(number, gender),
        1 => "cent".to_owned(),
        count => format!("{} cent", SMALL[count as usize]),
    };
    match number % 100 {
        0 if number > 100 => format!("{hundred}s"),
        0 => hundred,
        rest => format!("{hundred} {}", below_hundred(rest, gender)),
    }
}

fn below_hundred(number: u64, gender: Gender) -> String {
    let one = if gender == Gender::Feminine { "une" } else { "un" };
    let ten = TENS[(number / 10) as usize];
    match number {
        1 => one.to_owned(),
        0..20 => SMALL[number as usize].to_owned(),
        71 => "soixante et onze".to_owned(),
        80 => "quatre-vingts".to_owned(),
        81 => format!("quatre-vingt-{one}"),
        70..80 | 90..100 => format!("{ten}-{}", SMALL[(number % 20) as usize]),
        _ => match number % 10 {
            0 => ten.to_owned(),
            1 => format!("{ten} et {one}"),
            rest => format!("{ten}-{}", SMALL[rest as usize]),
        },
    }
}

static WORDS: Words = Words {
    decimal_mark: ',',
    group_mark: '.',
    point: "virgule",
    minus: "moins",
    percent: "pour cent",
    per_mille: "pour mille",
    and: "et",
    plus: "plus",
    equals: "égale",
    times: "fois",
    number: "numéro",
    to: "à",
    cents: "",
    of: "d'",
    address: ["arobase", "point", "barre", "tiret", "tiret bas"],
    months: [
        "janvier",
        "février",
        "mars",
        "avril",
        "mai",
        "juin",
        "juillet",
        "août",
        "septembre",
        "octobre",
        "novembre",
        "décembre",
    ],
    scales: &["mille", "million", "millions", "milliard", "milliards", "billion", "billions"],
    ordinals: &[
        ("er", Gender::Masculine),
        ("re", Gender::Feminine),
        ("ère", Gender::Feminine),
        ("e", Gender::Masculine),
        ("ème", Gender::Masculine),
        ("nd", Gender::Masculine),
        ("nde", Gender::Feminine),
    ],
    function_words: &[
        "de", "des", "du", "et", "ou", "à", "au", "aux", "en", "par", "pour", "avec", "que", "qui", "est", "dans",
        "sur", "le", "la", "les", "se", "ne", "pas",
    ],
    before_roman: &[
        "chapitre",
        "tome",
        "volume",
        "acte",
        "livre",
        "partie",
        "guerre",
        "mondiale",
        "louis",
        "napoléon",
        "françois",
        "charles",
        "henri",
        "philippe",
        "jean",
        "pie",
        "paul",
        "élisabeth",
        "guillaume",
        "type",
        "phase",
    ],
    after_roman: &[
        ("siècle", Gender::Masculine),
        ("siècles", Gender::Masculine),
        ("république", Gender::Feminine),
        ("arrondissement", Gender::Masculine),
        ("édition", Gender::Feminine),
    ],
    units: &[
        masculine("km", "kilomètre", "kilomètres"),
        masculine("m", "mètre", "mètres"),
        masculine("cm", "centimètre", "centimètres"),
        masculine("mm", "millimètre", "millimètres"),
        masculine("km/h", "kilomètre heure", "kilomètres heure"),
        masculine("m/s", "mètre par seconde", "mètres par seconde"),
        masculine("kg", "kilo", "kilos"),
        masculine("g", "gramme", "grammes"),
        masculine("mg", "milligramme", "milligrammes"),
        feminine("t", "tonne", "tonnes"),
        masculine("l", "litre", "litres"),
        masculine("L", "litre", "litres"),
        masculine("ml", "millilitre", "millilitres"),
        masculine("°C", "degré", "degrés"),
        masculine("ºC", "degré", "degrés"),
        masculine("°", "degré", "degrés"),
        masculine("°F", "degré Fahrenheit", "degrés Fahrenheit"),
        masculine("m²", "mètre carré", "mètres carrés"),
        masculine("km²", "kilomètre carré", "kilomètres carrés"),
        masculine("m³", "mètre cube", "mètres cubes"),
        masculine("ha", "hectare", "hectares"),
        masculine("kW", "kilowatt", "kilowatts"),
        masculine("MW", "mégawatt", "mégawatts"),
        masculine("GW", "gigawatt", "gigawatts"),
        masculine("W", "watt", "watts"),
        masculine("kWh", "kilowattheure", "kilowattheures"),
        masculine("Ko", "kilooctet", "kilooctets"),
        masculine("Mo", "mégaoctet", "mégaoctets"),
        masculine("Go", "gigaoctet", "gigaoctets"),
        masculine("GB", "gigaoctet", "gigaoctets"),
        masculine("MB", "mégaoctet", "mégaoctets"),
        masculine("Hz", "hertz", "hertz"),
        masculine("kHz", "kilohertz", "kilohertz"),
        masculine("MHz", "mégahertz", "mégahertz"),
        masculine("GHz", "gigahertz", "gigahertz"),
        feminine("h", "heure", "heures"),
        feminine("min", "minute", "minutes"),
        feminine("s", "seconde", "secondes"),
        feminine("ms", "milliseconde", "millisecondes"),
    ],
    currencies: &[
        masculine("€", "euro", "euros"),
        masculine("EUR", "euro", "euros"),
        masculine("$", "dollar", "dollars"),
        masculine("US$", "dollar", "dollars"),
        masculine("USD", "dollar", "dollars"),
        feminine("£", "livre", "livres"),
        feminine("GBP", "livre", "livres"),
        masculine("¥", "yen", "yens"),
        masculine("R$", "réal", "réaux"),
    ],
    abbreviations: &[
        short("M.", "monsieur"),
        short("MM.", "messieurs"),
        short("Mme", "madame"),
        short("Mmes", "mesdames"),
        short("Mlle", "mademoiselle"),
        short("Dr", "docteur"),
        short("Dr.", "docteur"),
        short("Pr", "professeur"),
        short("St", "saint"),
        short("Ste", "sainte"),
        closing("etc.", "et cetera"),
        short("p. ex.", "par exemple"),
        short("p.ex.", "par exemple"),
        short("c.-à-d.", "c'est-à-dire"),
        short("n°", "numéro"),
        short("N°", "numéro"),
        short("env.", "environ"),
        short("vol.", "volume"),
        short("chap.", "chapitre"),
        short("av.", "avenue"),
        short("bd", "boulevard"),
        short("tél.", "téléphone"),
        closing("av. J.-C.", "avant Jésus-Christ"),
        closing("apr. J.-C.", "après Jésus-Christ"),
        short("É.-U.", "États-Unis"),
        short("vs", "contre"),
        short("max.", "maximum"),
        short("min.", "minimum"),
    ],
    fractions: &[
        ("½", "un demi"),
        ("¼", "un quart"),
        ("¾", "trois quarts"),
        ("1/2", "un demi"),
        ("1/3", "un tiers"),
        ("2/3", "deux tiers"),
        ("1/4", "un quart"),
        ("3/4", "trois quarts"),
    ],
};
