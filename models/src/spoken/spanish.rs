//! Spanish.

use super::grammar::{Gender, Grammar, Words, closing, feminine, masculine, short};

/// Spanish, as read in Spain.
pub struct Spanish;

const SMALL: [&str; 30] = [
    "cero",
    "uno",
    "dos",
    "tres",
    "cuatro",
    "cinco",
    "seis",
    "siete",
    "ocho",
    "nueve",
    "diez",
    "once",
    "doce",
    "trece",
    "catorce",
    "quince",
    "dieciséis",
    "diecisiete",
    "dieciocho",
    "diecinueve",
    "veinte",
    "veintiuno",
    "veintidós",
    "veintitrés",
    "veinticuatro",
    "veinticinco",
    "veintiséis",
    "veintisiete",
    "veintiocho",
    "veintinueve",
];
const TENS: [&str; 10] = ["", "", "", "treinta", "cuarenta", "cincuenta", "sesenta", "setenta", "ochenta", "noventa"];
const HUNDREDS: [&str; 10] = [
    "",
    "ciento",
    "doscientos",
    "trescientos",
    "cuatrocientos",
    "quinientos",
    "seiscientos",
    "setecientos",
    "ochocientos",
    "novecientos",
];
const RANKS: [&str; 20] = [
    "",
    "primero",
    "segundo",
    "tercero",
    "cuarto",
    "quinto",
    "sexto",
    "séptimo",
    "octavo",
    "noveno",
    "décimo",
    "undécimo",
    "duodécimo",
    "decimotercero",
    "decimocuarto",
    "decimoquinto",
    "decimosexto",
    "decimoséptimo",
    "decimoctavo",
    "decimonoveno",
];
const RANK_TENS: [&str; 10] = [
    "",
    "",
    "vigésimo",
    "trigésimo",
    "cuadragésimo",
    "quincuagésimo",
    "sexagésimo",
    "septuagésimo",
    "octogésimo",
    "nonagésimo",
];
/// Masculine nouns that end like feminine ones, in the singular.
const MASCULINE_IN_A: &[&str] = &[
    "día",
    "problema",
    "sistema",
    "programa",
    "tema",
    "mapa",
    "planeta",
    "idioma",
    "clima",
    "poema",
    "drama",
    "telegrama",
    "diagrama",
    "síntoma",
    "cometa",
    "atleta",
    "pianista",
    "artista",
    "turista",
    "periodista",
    "deportista",
    "futbolista",
    "policía",
    "guardia",
];

impl Grammar for Spanish {
    fn words(&self) -> &'static Words {
        &WORDS
    }

    fn cardinal(&self, number: u64, gender: Gender) -> String {
        match number {
            0..1_000_000 => below_million(number, gender),
            1_000_000..1_000_000_000_000 => scaled(number, 1_000_000, ["un millón", "millones"], gender),
            _ => scaled(number, 1_000_000_000_000, ["un billón", "billones"], gender),
        }
    }

    fn ordinal(&self, number: u64, gender: Gender) -> String {
        let masculine = match number {
            1 if gender == Gender::Masculine => "primer".to_owned(),
            3 if gender == Gender::Masculine => "tercer".to_owned(),
            1..20 => RANKS[number as usize].to_owned(),
            20..100 => {
                let (ten, one) = (RANK_TENS[(number / 10) as usize], RANKS[(number % 10) as usize]);
                format!("{ten} {one}").trim_end().to_owned()
            }
            100 => "centésimo".to_owned(),
            _ => return self.cardinal(number, gender),
        };
        if gender == Gender::Feminine { feminine_rank(&masculine) } else { masculine }
    }

    fn gender_of(&self, noun: &str) -> Gender {
        let feminine = ["a", "as", "ción", "ciones", "sión", "siones", "dad", "dades", "veces"];
        let singular = noun.strip_suffix('s').unwrap_or(noun);
        if feminine.iter().any(|end| noun.ends_with(end)) && !MASCULINE_IN_A.contains(&singular) {
            Gender::Feminine
        } else {
            Gender::Masculine
        }
    }

    fn date(&self, day: u64, month: usize, year: Option<u64>) -> String {
        let day = if day == 1 { "primero".to_owned() } else { self.cardinal(day, Gender::Alone) };
        let year = year.map(|year| format!(" de {}", self.year(year))).unwrap_or_default();
        format!("{day} de {}{year}", WORDS.months[month - 1])
    }

    fn time(&self, hour: u64, minute: u64) -> String {
        // Hours are feminine: "las veintiuna treinta".
        let hour_words = self.cardinal(hour, Gender::Feminine);
        match minute {
            0 if hour == 1 => "una".to_owned(),
            0 => format!("{hour_words} horas"),
            _ => format!("{hour_words} y {}", self.cardinal(minute, Gender::Alone)),
        }
    }

    fn regnal(&self, number: u64, after: &str) -> String {
        // Centuries and rulers up to the tenth are ranks; chapters and the like count.
        let lower = after.to_lowercase();
        if number <= 10 && (after != lower || lower == "siglo") {
            let gender = if FEMININE_NAMES.contains(&after) { Gender::Feminine } else { Gender::Alone };
            return self.ordinal(number, gender);
        }
        self.cardinal(number, Gender::Alone)
    }
}

const FEMININE_NAMES: &[&str] = &["Isabel", "Catalina", "Cristina", "Juana", "María", "Margarita"];

fn feminine_rank(masculine: &str) -> String {
    let words = masculine.split(' ').map(|word| match word {
        "primer" | "tercer" => format!("{word}a"),
        word => word.strip_suffix('o').map_or_else(|| word.to_owned(), |stem| format!("{stem}a")),
    });
    words.collect::<Vec<_>>().join(" ")
}

fn below_hundred(number: u64, gender: Gender) -> String {
    let one = match gender {
        Gender::Alone => "uno",
        Gender::Masculine => "un",
        Gender::Feminine => "una",
    };
    match (number, gender) {
        (1, _) => one.to_owned(),
        (21, Gender::Masculine) => "veintiún".to_owned(),
        (21, Gender::Feminine) => "veintiuna".to_owned(),
        (0..30, _) => SMALL[number as usize].to_owned(),
        _ if number.is_multiple_of(10) => TENS[(number / 10) as usize].to_owned(),
        _ => format!("{} y {}", TENS[(number / 10) as usize], below_hundred(number % 10, gender)),
    }
}

fn below_thousand(number: u64, gender: Gender) -> String {
    let mut hundred = HUNDREDS[(number / 100) as usize].to_owned();
    if gender == Gender::Feminine && number >= 200 {
        hundred = hundred.replace("tos", "tas");
    }
    match (number / 100, number % 100) {
        (0, rest) => below_hundred(rest, gender),
        (1, 0) => "cien".to_owned(),
        (_, 0) => hundred,
        (_, rest) => format!("{hundred} {}", below_hundred(rest, gender)),
    }
}

fn below_million(number: u64, gender: Gender) -> String {
    let before_thousand = if gender == Gender::Feminine { gender } else { Gender::Masculine };
    let thousands = match number / 1000 {
        0 => return below_thousand(number, gender),
        1 => "mil".to_owned(),
        count => format!("{} mil", below_thousand(count, before_thousand)),
    };
    match number % 1000 {
        0 => thousands,
        rest => format!("{thousands} {}", below_thousand(rest, gender)),
    }
}

fn scaled(number: u64, scale: u64, [one, many]: [&str; 2], gender: Gender) -> String {
    let count = number / scale;
    let scaled =
        if count == 1 { one.to_owned() } else { format!("{} {many}", Spanish.cardinal(count, Gender::Masculine)) };
    match number % scale {
        0 => scaled,
        rest => format!("{scaled} {}", Spanish.cardinal(rest, gender)),
    }
}

static WORDS: Words = Words {
    decimal_mark: ',',
    group_mark: '.',
    point: "coma",
    minus: "menos",
    percent: "por ciento",
    per_mille: "por mil",
    and: "y",
    plus: "más",
    equals: "igual a",
    times: "por",
    number: "número",
    to: "a",
    cents: "con",
    of: "de",
    address: ["arroba", "punto", "barra", "guion", "guion bajo"],
    months: [
        "enero",
        "febrero",
        "marzo",
        "abril",
        "mayo",
        "junio",
        "julio",
        "agosto",
        "septiembre",
        "octubre",
        "noviembre",
        "diciembre",
    ],
    scales: &["mil", "mil millones", "millón", "millones", "billón", "billones"],
    ordinals: &[
        ("º", Gender::Alone),
        (".º", Gender::Alone),
        ("°", Gender::Alone),
        ("ª", Gender::Feminine),
        (".ª", Gender::Feminine),
        ("er", Gender::Masculine),
        (".er", Gender::Masculine),
        ("ero", Gender::Alone),
        ("era", Gender::Feminine),
        ("do", Gender::Alone),
        ("da", Gender::Feminine),
    ],
    function_words: &[
        "de", "del", "y", "e", "o", "u", "a", "al", "en", "por", "con", "que", "se", "es", "fue", "no", "hasta",
        "como", "para", "sin", "entre", "ni", "más", "menos", "era", "son", "la", "las", "una", "ya",
    ],
    before_roman: &[
        "siglo",
        "capítulo",
        "tomo",
        "volumen",
        "acto",
        "libro",
        "parte",
        "mundial",
        "felipe",
        "carlos",
        "alfonso",
        "fernando",
        "isabel",
        "juan",
        "pablo",
        "luis",
        "enrique",
        "francisco",
        "pedro",
        "jorge",
        "napoleón",
        "catalina",
        "guillermo",
        "nicolás",
        "alejandro",
        "pío",
        "título",
        "fase",
        "tipo",
    ],
    after_roman: &[
        ("guerra", Gender::Feminine),
        ("república", Gender::Feminine),
        ("edición", Gender::Feminine),
        ("congreso", Gender::Masculine),
        ("aniversario", Gender::Masculine),
    ],
    units: &[
        masculine("km", "kilómetro", "kilómetros"),
        masculine("m", "metro", "metros"),
        masculine("cm", "centímetro", "centímetros"),
        masculine("mm", "milímetro", "milímetros"),
        masculine("km/h", "kilómetro por hora", "kilómetros por hora"),
        masculine("m/s", "metro por segundo", "metros por segundo"),
        masculine("kg", "kilo", "kilos"),
        masculine("g", "gramo", "gramos"),
        masculine("mg", "miligramo", "miligramos"),
        feminine("t", "tonelada", "toneladas"),
        masculine("l", "litro", "litros"),
        masculine("L", "litro", "litros"),
        masculine("ml", "mililitro", "mililitros"),
        masculine("°C", "grado", "grados"),
        masculine("ºC", "grado", "grados"),
        masculine("°F", "grado Fahrenheit", "grados Fahrenheit"),
        masculine("m²", "metro cuadrado", "metros cuadrados"),
        masculine("m2", "metro cuadrado", "metros cuadrados"),
        masculine("km²", "kilómetro cuadrado", "kilómetros cuadrados"),
        masculine("km2", "kilómetro cuadrado", "kilómetros cuadrados"),
        masculine("m³", "metro cúbico", "metros cúbicos"),
        feminine("ha", "hectárea", "hectáreas"),
        masculine("kW", "kilovatio", "kilovatios"),
        masculine("MW", "megavatio", "megavatios"),
        masculine("GW", "gigavatio", "gigavatios"),
        masculine("W", "vatio", "vatios"),
        masculine("kWh", "kilovatio hora", "kilovatios hora"),
        masculine("KB", "kilobyte", "kilobytes"),
        masculine("MB", "megabyte", "megabytes"),
        masculine("GB", "gigabyte", "gigabytes"),
        masculine("TB", "terabyte", "terabytes"),
        masculine("Hz", "hercio", "hercios"),
        masculine("kHz", "kilohercio", "kilohercios"),
        masculine("MHz", "megahercio", "megahercios"),
        masculine("GHz", "gigahercio", "gigahercios"),
        feminine("h", "hora", "horas"),
        masculine("min", "minuto", "minutos"),
        masculine("s", "segundo", "segundos"),
        masculine("ms", "milisegundo", "milisegundos"),
        feminine("mi", "milla", "millas"),
        feminine("lb", "libra", "libras"),
    ],
    currencies: &[
        masculine("€", "euro", "euros"),
        masculine("EUR", "euro", "euros"),
        masculine("$", "dólar", "dólares"),
        masculine("US$", "dólar", "dólares"),
        masculine("USD", "dólar", "dólares"),
        feminine("£", "libra", "libras"),
        feminine("GBP", "libra", "libras"),
        masculine("¥", "yen", "yenes"),
        masculine("R$", "real", "reales"),
    ],
    abbreviations: &[
        short("Dr.", "doctor"),
        short("Dra.", "doctora"),
        short("Dres.", "doctores"),
        short("Sr.", "señor"),
        short("Sra.", "señora"),
        short("Srta.", "señorita"),
        short("Sres.", "señores"),
        short("Sras.", "señoras"),
        short("Dña.", "doña"),
        short("Prof.", "profesor"),
        short("Profa.", "profesora"),
        short("Ing.", "ingeniero"),
        short("Lic.", "licenciado"),
        short("Gral.", "general"),
        short("St.", "san"),
        short("Sto.", "santo"),
        short("Sta.", "santa"),
        closing("etc.", "etcétera"),
        short("p. ej.", "por ejemplo"),
        short("p.ej.", "por ejemplo"),
        short("EE. UU.", "Estados Unidos"),
        short("EE.UU.", "Estados Unidos"),
        short("EE UU", "Estados Unidos"),
        short("EEUU", "Estados Unidos"),
        short("UU. EE.", "Estados Unidos"),
        short("Ud.", "usted"),
        short("Uds.", "ustedes"),
        short("Vd.", "usted"),
        short("Vds.", "ustedes"),
        short("núm.", "número"),
        short("Núm.", "número"),
        short("n.º", "número"),
        short("N.º", "número"),
        short("nº", "número"),
        short("Nº", "número"),
        short("pág.", "página"),
        short("págs.", "páginas"),
        short("cap.", "capítulo"),
        short("vol.", "volumen"),
        short("aprox.", "aproximadamente"),
        short("Av.", "avenida"),
        short("Avda.", "avenida"),
        short("C/", "calle"),
        short("tel.", "teléfono"),
        short("Tel.", "teléfono"),
        short("vs.", "contra"),
        closing("a. C.", "antes de Cristo"),
        closing("a.C.", "antes de Cristo"),
        closing("d. C.", "después de Cristo"),
        closing("d.C.", "después de Cristo"),
        closing("a. m.", "de la mañana"),
        closing("a.m.", "de la mañana"),
        closing("p. m.", "de la tarde"),
        closing("p.m.", "de la tarde"),
        short("máx.", "máximo"),
        short("mín.", "mínimo"),
        short("Cía.", "compañía"),
        short("S. M.", "Su Majestad"),
        short("dpto.", "departamento"),
    ],
    fractions: &[
        ("½", "medio"),
        ("¼", "un cuarto"),
        ("¾", "tres cuartos"),
        ("1/2", "un medio"),
        ("1/3", "un tercio"),
        ("2/3", "dos tercios"),
        ("1/4", "un cuarto"),
        ("3/4", "tres cuartos"),
    ],
};
