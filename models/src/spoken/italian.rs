//! Italian.

use super::grammar::{Gender, Grammar, Words, closing, feminine, masculine, short};

/// Italian.
pub struct Italian;

const SMALL: [&str; 20] = [
    "zero",
    "uno",
    "due",
    "tre",
    "quattro",
    "cinque",
    "sei",
    "sette",
    "otto",
    "nove",
    "dieci",
    "undici",
    "dodici",
    "tredici",
    "quattordici",
    "quindici",
    "sedici",
    "diciassette",
    "diciotto",
    "diciannove",
];
const TENS: [&str; 10] =
    ["", "", "venti", "trenta", "quaranta", "cinquanta", "sessanta", "settanta", "ottanta", "novanta"];
const RANKS: [&str; 11] =
    ["", "primo", "secondo", "terzo", "quarto", "quinto", "sesto", "settimo", "ottavo", "nono", "decimo"];
const SCALES: [(u64, [&str; 2]); 3] = [
    (1_000_000_000_000, ["un bilione", "bilioni"]),
    (1_000_000_000, ["un miliardo", "miliardi"]),
    (1_000_000, ["un milione", "milioni"]),
];

impl Grammar for Italian {
    fn words(&self) -> &'static Words {
        &WORDS
    }

    fn cardinal(&self, number: u64, gender: Gender) -> String {
        if let Some((scale, [one, many])) = SCALES.into_iter().find(|(scale, _)| number >= *scale) {
            let count = number / scale;
            let scaled =
                if count == 1 { one.to_owned() } else { format!("{} {many}", self.cardinal(count, Gender::Alone)) };
            return with_rest(scaled, number % scale, gender);
        }
        match number / 1000 {
            0 => below_thousand(number, gender),
            1 => with_rest("mille".to_owned(), number % 1000, gender),
            count => with_rest(
                format!("{}mila", below_thousand(count, Gender::Alone).replace("tré", "tre")),
                number % 1000,
                gender,
            ),
        }
    }

    fn ordinal(&self, number: u64, gender: Gender) -> String {
        let masculine = match number {
            1..11 => RANKS[number as usize].to_owned(),
            _ => {
                let cardinal = self.cardinal(number, Gender::Alone).replace("tré", "tre");
                let keeps = cardinal.ends_with("tre") || cardinal.ends_with("sei");
                let stem = if keeps { cardinal.as_str() } else { cardinal.trim_end_matches(['a', 'e', 'i', 'o']) };
                format!("{stem}esimo")
            }
        };
        if gender == Gender::Feminine { masculine.trim_end_matches('o').to_owned() + "a" } else { masculine }
    }

    fn gender_of(&self, noun: &str) -> Gender {
        let feminine = ["a", "zione", "zioni", "sione", "sioni", "tà", "volte"];
        if feminine.iter().any(|end| noun.ends_with(end)) { Gender::Feminine } else { Gender::Masculine }
    }

    fn date(&self, day: u64, month: usize, year: Option<u64>) -> String {
        let day = if day == 1 { "primo".to_owned() } else { self.cardinal(day, Gender::Alone) };
        let year = year.map(|year| format!(" {}", self.year(year))).unwrap_or_default();
        format!("{day} {}{year}", WORDS.months[month - 1])
    }

    fn time(&self, hour: u64, minute: u64) -> String {
        let hour_words = if hour == 1 { "una".to_owned() } else { self.cardinal(hour, Gender::Alone) };
        if minute == 0 { hour_words } else { format!("{hour_words} e {}", self.cardinal(minute, Gender::Alone)) }
    }

    fn regnal(&self, number: u64, after: &str) -> String {
        let is_name = after.chars().next().is_some_and(char::is_uppercase);
        let lower = after.to_lowercase();
        if is_name || lower == "secolo" {
            self.ordinal(number, Gender::Alone)
        } else {
            self.cardinal(number, Gender::Alone)
        }
    }
}

fn with_rest(words: String, rest: u64, gender: Gender) -> String {
    if rest == 0 { words } else { format!("{words} {}", Italian.cardinal(rest, gender)) }
}

fn below_thousand(number: u64, gender: Gender) -> String {
    let hundred = match number / 100 {
        0 => return below_hundred(number, gender),
        1 => "cento".to_owned(),
        count => format!("{}cento", SMALL[count as usize]),
    };
    if number.is_multiple_of(100) { hundred } else { hundred + &below_hundred(number % 100, Gender::Alone) }
}

fn below_hundred(number: u64, gender: Gender) -> String {
    let ten = TENS[(number / 10) as usize];
    match (number, number % 10) {
        (1, _) => match gender {
            Gender::Alone => "uno",
            Gender::Masculine => "un",
            Gender::Feminine => "una",
        }
        .to_owned(),
        (0..20, _) => SMALL[number as usize].to_owned(),
        (_, 0) => ten.to_owned(),
        // The vowel of the ten is lost before a vowel, and a final tre is stressed.
        (_, one @ (1 | 8)) => format!("{}{}", &ten[..ten.len() - 1], SMALL[one as usize]),
        (_, 3) => format!("{ten}tré"),
        (_, one) => format!("{ten}{}", SMALL[one as usize]),
    }
}

static WORDS: Words = Words {
    decimal_mark: ',',
    group_mark: '.',
    point: "virgola",
    minus: "meno",
    percent: "per cento",
    per_mille: "per mille",
    and: "e",
    plus: "più",
    equals: "uguale a",
    times: "per",
    number: "numero",
    to: "a",
    cents: "e",
    of: "di",
    address: ["chiocciola", "punto", "barra", "trattino", "trattino basso"],
    months: [
        "gennaio",
        "febbraio",
        "marzo",
        "aprile",
        "maggio",
        "giugno",
        "luglio",
        "agosto",
        "settembre",
        "ottobre",
        "novembre",
        "dicembre",
    ],
    scales: &["mila", "milione", "milioni", "miliardo", "miliardi", "bilione", "bilioni"],
    ordinals: &[
        ("º", Gender::Masculine),
        ("°", Gender::Masculine),
        ("ª", Gender::Feminine),
        ("o", Gender::Masculine),
        ("a", Gender::Feminine),
    ],
    function_words: &[
        "di", "del", "della", "dei", "e", "o", "a", "al", "alla", "in", "per", "con", "che", "è", "da", "su", "tra",
        "fra", "non", "ha", "la", "il", "lo", "era", "ma",
    ],
    before_roman: &[
        "secolo",
        "capitolo",
        "tomo",
        "volume",
        "atto",
        "libro",
        "parte",
        "guerra",
        "mondiale",
        "carlo",
        "luigi",
        "paolo",
        "pio",
        "giovanni",
        "vittorio",
        "umberto",
        "enrico",
        "elisabetta",
        "napoleone",
        "filippo",
        "tipo",
        "fase",
    ],
    after_roman: &[
        ("secolo", Gender::Masculine),
        ("edizione", Gender::Feminine),
        ("congresso", Gender::Masculine),
        ("municipio", Gender::Masculine),
        ("guerra", Gender::Feminine),
    ],
    units: &[
        masculine("km", "chilometro", "chilometri"),
        masculine("m", "metro", "metri"),
        masculine("cm", "centimetro", "centimetri"),
        masculine("mm", "millimetro", "millimetri"),
        masculine("km/h", "chilometro orario", "chilometri orari"),
        masculine("m/s", "metro al secondo", "metri al secondo"),
        masculine("kg", "chilo", "chili"),
        masculine("g", "grammo", "grammi"),
        masculine("mg", "milligrammo", "milligrammi"),
        feminine("t", "tonnellata", "tonnellate"),
        masculine("l", "litro", "litri"),
        masculine("L", "litro", "litri"),
        masculine("ml", "millilitro", "millilitri"),
        masculine("°C", "grado", "gradi"),
        masculine("ºC", "grado", "gradi"),
        masculine("°F", "grado Fahrenheit", "gradi Fahrenheit"),
        masculine("m²", "metro quadrato", "metri quadrati"),
        masculine("mq", "metro quadrato", "metri quadrati"),
        masculine("km²", "chilometro quadrato", "chilometri quadrati"),
        masculine("m³", "metro cubo", "metri cubi"),
        masculine("ha", "ettaro", "ettari"),
        masculine("kW", "chilowatt", "chilowatt"),
        masculine("MW", "megawatt", "megawatt"),
        masculine("GW", "gigawatt", "gigawatt"),
        masculine("W", "watt", "watt"),
        masculine("kWh", "chilowattora", "chilowattora"),
        masculine("MB", "megabyte", "megabyte"),
        masculine("GB", "gigabyte", "gigabyte"),
        masculine("TB", "terabyte", "terabyte"),
        masculine("Hz", "hertz", "hertz"),
        masculine("kHz", "chilohertz", "chilohertz"),
        masculine("MHz", "megahertz", "megahertz"),
        masculine("GHz", "gigahertz", "gigahertz"),
        feminine("h", "ora", "ore"),
        masculine("min", "minuto", "minuti"),
        masculine("s", "secondo", "secondi"),
        masculine("ms", "millisecondo", "millisecondi"),
    ],
    currencies: &[
        masculine("€", "euro", "euro"),
        masculine("EUR", "euro", "euro"),
        masculine("$", "dollaro", "dollari"),
        masculine("US$", "dollaro", "dollari"),
        masculine("USD", "dollaro", "dollari"),
        feminine("£", "sterlina", "sterline"),
        feminine("GBP", "sterlina", "sterline"),
        masculine("¥", "yen", "yen"),
        masculine("R$", "real", "real"),
    ],
    abbreviations: &[
        short("Sig.", "signor"),
        short("sig.", "signor"),
        short("Sig.ra", "signora"),
        short("sig.ra", "signora"),
        short("Sigg.", "signori"),
        short("Dott.", "dottor"),
        short("dott.", "dottor"),
        short("Dr.", "dottor"),
        short("Dott.ssa", "dottoressa"),
        short("Prof.", "professor"),
        short("prof.", "professor"),
        short("Prof.ssa", "professoressa"),
        short("Ing.", "ingegner"),
        short("Avv.", "avvocato"),
        short("On.", "onorevole"),
        closing("ecc.", "eccetera"),
        closing("etc.", "eccetera"),
        short("p. es.", "per esempio"),
        short("p.es.", "per esempio"),
        short("ad es.", "ad esempio"),
        short("n.", "numero"),
        short("pag.", "pagina"),
        short("pagg.", "pagine"),
        short("cap.", "capitolo"),
        short("vol.", "volume"),
        short("tel.", "telefono"),
        closing("a.C.", "avanti Cristo"),
        closing("a. C.", "avanti Cristo"),
        closing("d.C.", "dopo Cristo"),
        closing("d. C.", "dopo Cristo"),
        short("ca.", "circa"),
        short("vs.", "contro"),
        short("S.p.A.", "società per azioni"),
    ],
    fractions: &[
        ("½", "mezzo"),
        ("¼", "un quarto"),
        ("¾", "tre quarti"),
        ("1/2", "un mezzo"),
        ("1/3", "un terzo"),
        ("2/3", "due terzi"),
        ("1/4", "un quarto"),
        ("3/4", "tre quarti"),
    ],
};
