//! Portuguese.

use super::grammar::{Gender, Grammar, Words, closing, feminine, masculine, short};

/// Portuguese of Brazil.
pub struct Portuguese;

const SMALL: [&str; 20] = [
    "zero",
    "um",
    "dois",
    "três",
    "quatro",
    "cinco",
    "seis",
    "sete",
    "oito",
    "nove",
    "dez",
    "onze",
    "doze",
    "treze",
    "catorze",
    "quinze",
    "dezesseis",
    "dezessete",
    "dezoito",
    "dezenove",
];
const TENS: [&str; 10] =
    ["", "", "vinte", "trinta", "quarenta", "cinquenta", "sessenta", "setenta", "oitenta", "noventa"];
const HUNDREDS: [&str; 10] = [
    "",
    "cento",
    "duzentos",
    "trezentos",
    "quatrocentos",
    "quinhentos",
    "seiscentos",
    "setecentos",
    "oitocentos",
    "novecentos",
];
const RANKS: [&str; 10] =
    ["", "primeiro", "segundo", "terceiro", "quarto", "quinto", "sexto", "sétimo", "oitavo", "nono"];
const RANK_TENS: [&str; 10] = [
    "",
    "décimo",
    "vigésimo",
    "trigésimo",
    "quadragésimo",
    "quinquagésimo",
    "sexagésimo",
    "septuagésimo",
    "octogésimo",
    "nonagésimo",
];
const SCALES: [(u64, [&str; 2]); 3] = [
    (1_000_000_000_000, ["um trilhão", "trilhões"]),
    (1_000_000_000, ["um bilhão", "bilhões"]),
    (1_000_000, ["um milhão", "milhões"]),
];

impl Grammar for Portuguese {
    fn words(&self) -> &'static Words {
        &WORDS
    }

    fn cardinal(&self, number: u64, gender: Gender) -> String {
        if let Some((scale, [one, many])) = SCALES.into_iter().find(|(scale, _)| number >= *scale) {
            let count = number / scale;
            let scaled =
                if count == 1 { one.to_owned() } else { format!("{} {many}", self.cardinal(count, Gender::Masculine)) };
            return with_rest(scaled, number % scale, gender);
        }
        match number / 1000 {
            0 => below_thousand(number, gender),
            1 => with_rest("mil".to_owned(), number % 1000, gender),
            count => with_rest(format!("{} mil", below_thousand(count, gender)), number % 1000, gender),
        }
    }

    fn ordinal(&self, number: u64, gender: Gender) -> String {
        if number == 0 || number >= 100 {
            return self.cardinal(number, gender);
        }
        let (ten, one) = (RANK_TENS[(number / 10) as usize], RANKS[(number % 10) as usize]);
        let end = if gender == Gender::Feminine { "a" } else { "o" };
        let words = [ten, one].into_iter().filter(|word| !word.is_empty());
        words.map(|word| format!("{}{end}", &word[..word.len() - 1])).collect::<Vec<_>>().join(" ")
    }

    fn gender_of(&self, noun: &str) -> Gender {
        let feminine = ["a", "as", "ção", "ções", "são", "sões", "dade", "dades", "vezes"];
        let masculine = [
            "dia",
            "dias",
            "problemas",
            "sistemas",
            "programas",
            "temas",
            "mapas",
            "planetas",
            "idiomas",
            "artistas",
            "turistas",
            "atletas",
            "jornalistas",
        ];
        if feminine.iter().any(|end| noun.ends_with(end)) && !masculine.contains(&noun) {
            Gender::Feminine
        } else {
            Gender::Masculine
        }
    }

    fn date(&self, day: u64, month: usize, year: Option<u64>) -> String {
        let day = if day == 1 { "primeiro".to_owned() } else { self.cardinal(day, Gender::Alone) };
        let year = year.map(|year| format!(" de {}", self.year(year))).unwrap_or_default();
        format!("{day} de {}{year}", WORDS.months[month - 1])
    }

    fn time(&self, hour: u64, minute: u64) -> String {
        let hour_words = self.cardinal(hour, Gender::Feminine);
        match minute {
            0 => format!("{hour_words} {}", if hour == 1 { "hora" } else { "horas" }),
            _ => format!("{hour_words} e {}", self.cardinal(minute, Gender::Alone)),
        }
    }

    fn regnal(&self, number: u64, after: &str) -> String {
        let is_name = after.chars().next().is_some_and(char::is_uppercase);
        if number <= 10 && (is_name || after == "século") {
            let gender =
                if ["Isabel", "Maria", "Catarina"].contains(&after) { Gender::Feminine } else { Gender::Masculine };
            return self.ordinal(number, gender);
        }
        self.cardinal(number, Gender::Alone)
    }
}

/// `e` stands before a rest that is said as one: under a hundred, or full hundreds.
fn with_rest(words: String, rest: u64, gender: Gender) -> String {
    let said_as_one =
        rest < 100 || (rest < 1000 && rest.is_multiple_of(100)) || (rest >= 1000 && rest.is_multiple_of(100_000));
    match rest {
        0 => words,
        _ if said_as_one => format!("{words} e {}", Portuguese.cardinal(rest, gender)),
        _ => format!("{words} {}", Portuguese.cardinal(rest, gender)),
    }
}

fn below_thousand(number: u64, gender: Gender) -> String {
    let mut hundred = HUNDREDS[(number / 100) as usize].to_owned();
    if gender == Gender::Feminine && number >= 200 {
        hundred = hundred.replace("tos", "tas");
    }
    match (number / 100, number % 100) {
        (0, rest) => below_hundred(rest, gender),
        (1, 0) => "cem".to_owned(),
        (_, 0) => hundred,
        (_, rest) => format!("{hundred} e {}", below_hundred(rest, gender)),
    }
}

fn below_hundred(number: u64, gender: Gender) -> String {
    match (number, gender) {
        (1, Gender::Feminine) => "uma".to_owned(),
        (2, Gender::Feminine) => "duas".to_owned(),
        (0..20, _) => SMALL[number as usize].to_owned(),
        _ if number.is_multiple_of(10) => TENS[(number / 10) as usize].to_owned(),
        _ => format!("{} e {}", TENS[(number / 10) as usize], below_hundred(number % 10, gender)),
    }
}

static WORDS: Words = Words {
    decimal_mark: ',',
    group_mark: '.',
    point: "vírgula",
    minus: "menos",
    percent: "por cento",
    per_mille: "por mil",
    and: "e",
    plus: "mais",
    equals: "igual a",
    times: "vezes",
    number: "número",
    to: "a",
    cents: "e",
    of: "de",
    address: ["arroba", "ponto", "barra", "hífen", "sublinhado"],
    months: [
        "janeiro",
        "fevereiro",
        "março",
        "abril",
        "maio",
        "junho",
        "julho",
        "agosto",
        "setembro",
        "outubro",
        "novembro",
        "dezembro",
    ],
    scales: &["mil", "milhão", "milhões", "bilhão", "bilhões", "trilhão", "trilhões"],
    ordinals: &[
        ("º", Gender::Masculine),
        (".º", Gender::Masculine),
        ("°", Gender::Masculine),
        ("ª", Gender::Feminine),
        (".ª", Gender::Feminine),
    ],
    function_words: &[
        "de", "do", "da", "dos", "das", "e", "ou", "a", "ao", "à", "em", "por", "com", "que", "se", "é", "foi", "não",
        "até", "como", "para", "sem", "entre", "mais", "menos", "era", "são", "uma",
    ],
    before_roman: &[
        "século",
        "capítulo",
        "tomo",
        "volume",
        "ato",
        "livro",
        "parte",
        "mundial",
        "pedro",
        "joão",
        "paulo",
        "pio",
        "luís",
        "carlos",
        "henrique",
        "filipe",
        "isabel",
        "maria",
        "napoleão",
        "tipo",
        "fase",
    ],
    after_roman: &[
        ("guerra", Gender::Feminine),
        ("república", Gender::Feminine),
        ("edição", Gender::Feminine),
        ("congresso", Gender::Masculine),
    ],
    units: &[
        masculine("km", "quilômetro", "quilômetros"),
        masculine("m", "metro", "metros"),
        masculine("cm", "centímetro", "centímetros"),
        masculine("mm", "milímetro", "milímetros"),
        masculine("km/h", "quilômetro por hora", "quilômetros por hora"),
        masculine("m/s", "metro por segundo", "metros por segundo"),
        masculine("kg", "quilo", "quilos"),
        masculine("g", "grama", "gramas"),
        masculine("mg", "miligrama", "miligramas"),
        feminine("t", "tonelada", "toneladas"),
        masculine("l", "litro", "litros"),
        masculine("L", "litro", "litros"),
        masculine("ml", "mililitro", "mililitros"),
        masculine("°C", "grau", "graus"),
        masculine("ºC", "grau", "graus"),
        masculine("°F", "grau Fahrenheit", "graus Fahrenheit"),
        masculine("m²", "metro quadrado", "metros quadrados"),
        masculine("km²", "quilômetro quadrado", "quilômetros quadrados"),
        masculine("m³", "metro cúbico", "metros cúbicos"),
        masculine("ha", "hectare", "hectares"),
        masculine("kW", "quilowatt", "quilowatts"),
        masculine("MW", "megawatt", "megawatts"),
        masculine("GW", "gigawatt", "gigawatts"),
        masculine("W", "watt", "watts"),
        masculine("kWh", "quilowatt-hora", "quilowatts-hora"),
        masculine("MB", "megabyte", "megabytes"),
        masculine("GB", "gigabyte", "gigabytes"),
        masculine("TB", "terabyte", "terabytes"),
        masculine("Hz", "hertz", "hertz"),
        masculine("kHz", "quilohertz", "quilohertz"),
        masculine("MHz", "megahertz", "megahertz"),
        masculine("GHz", "gigahertz", "gigahertz"),
        feminine("h", "hora", "horas"),
        masculine("min", "minuto", "minutos"),
        masculine("s", "segundo", "segundos"),
        masculine("ms", "milissegundo", "milissegundos"),
    ],
    currencies: &[
        masculine("€", "euro", "euros"),
        masculine("EUR", "euro", "euros"),
        masculine("$", "dólar", "dólares"),
        masculine("US$", "dólar", "dólares"),
        masculine("USD", "dólar", "dólares"),
        feminine("£", "libra", "libras"),
        feminine("GBP", "libra", "libras"),
        masculine("¥", "iene", "ienes"),
        masculine("R$", "real", "reais"),
    ],
    abbreviations: &[
        short("Dr.", "doutor"),
        short("Dra.", "doutora"),
        short("Sr.", "senhor"),
        short("Sra.", "senhora"),
        short("Srta.", "senhorita"),
        short("Srs.", "senhores"),
        short("Prof.", "professor"),
        short("Profa.", "professora"),
        short("Eng.", "engenheiro"),
        short("Gal.", "general"),
        short("Sto.", "santo"),
        short("Sta.", "santa"),
        closing("etc.", "etcétera"),
        short("p. ex.", "por exemplo"),
        short("p.ex.", "por exemplo"),
        short("EUA", "Estados Unidos"),
        short("E.U.A.", "Estados Unidos"),
        short("V. Ex.ª", "Vossa Excelência"),
        short("nº", "número"),
        short("n.º", "número"),
        short("Nº", "número"),
        short("pág.", "página"),
        short("págs.", "páginas"),
        short("cap.", "capítulo"),
        short("vol.", "volume"),
        short("aprox.", "aproximadamente"),
        short("Av.", "avenida"),
        short("tel.", "telefone"),
        closing("a.C.", "antes de Cristo"),
        closing("a. C.", "antes de Cristo"),
        closing("d.C.", "depois de Cristo"),
        closing("d. C.", "depois de Cristo"),
        short("vs.", "contra"),
        short("máx.", "máximo"),
        short("mín.", "mínimo"),
    ],
    fractions: &[
        ("½", "meio"),
        ("¼", "um quarto"),
        ("¾", "três quartos"),
        ("1/2", "um meio"),
        ("1/3", "um terço"),
        ("2/3", "dois terços"),
        ("1/4", "um quarto"),
        ("3/4", "três quartos"),
    ],
};
