//! English.

use super::grammar::{Abbreviation, Gender, Grammar, Noun, Words};

/// English; dates with the month first, as in the United States.
pub struct English;

const SMALL: [&str; 20] = [
    "zero",
    "one",
    "two",
    "three",
    "four",
    "five",
    "six",
    "seven",
    "eight",
    "nine",
    "ten",
    "eleven",
    "twelve",
    "thirteen",
    "fourteen",
    "fifteen",
    "sixteen",
    "seventeen",
    "eighteen",
    "nineteen",
];
const TENS: [&str; 10] = ["", "", "twenty", "thirty", "forty", "fifty", "sixty", "seventy", "eighty", "ninety"];
const SCALES: [(u64, &str); 4] =
    [(1_000_000_000_000, "trillion"), (1_000_000_000, "billion"), (1_000_000, "million"), (1000, "thousand")];

impl Grammar for English {
    fn words(&self) -> &'static Words {
        &WORDS
    }

    fn cardinal(&self, number: u64, gender: Gender) -> String {
        if let Some((scale, name)) = SCALES.into_iter().find(|(scale, _)| number >= *scale) {
            let count = self.cardinal(number / scale, gender);
            return join(&[&count, name, &self.rest(number % scale)]);
        }
        match number {
            100.. => join(&[SMALL[(number / 100) as usize], "hundred", &self.rest(number % 100)]),
            20.. if number % 10 == 0 => TENS[(number / 10) as usize].to_owned(),
            20.. => format!("{}-{}", TENS[(number / 10) as usize], SMALL[(number % 10) as usize]),
            _ => SMALL[number as usize].to_owned(),
        }
    }

    fn ordinal(&self, number: u64, gender: Gender) -> String {
        let cardinal = self.cardinal(number, gender);
        let at = cardinal.rfind([' ', '-']).map_or(0, |at| at + 1);
        let (before, last) = cardinal.split_at(at);
        let last = match last {
            "one" => "first".to_owned(),
            "two" => "second".to_owned(),
            "three" => "third".to_owned(),
            "five" => "fifth".to_owned(),
            "eight" => "eighth".to_owned(),
            "nine" => "ninth".to_owned(),
            "twelve" => "twelfth".to_owned(),
            last => match last.strip_suffix('y') {
                Some(stem) => format!("{stem}ieth"),
                None => format!("{last}th"),
            },
        };
        format!("{before}{last}")
    }

    fn year(&self, year: u64) -> String {
        let (century, rest) = (self.cardinal(year / 100, Gender::Alone), year % 100);
        match (year, rest) {
            (1100..2000 | 2010..2100, 0) => format!("{century} hundred"),
            (1100..2000, 1..10) => format!("{century} oh {}", self.cardinal(rest, Gender::Alone)),
            (1100..2000 | 2010..2100, _) => format!("{century} {}", self.cardinal(rest, Gender::Alone)),
            _ => self.cardinal(year, Gender::Alone),
        }
    }

    fn is_likely_year(&self, number: u64, _next: &str) -> bool {
        (1100..2100).contains(&number) && !(2000..2010).contains(&number)
    }

    fn fraction(&self, digits: &str) -> String {
        self.digits(digits)
    }

    fn date(&self, day: u64, month: usize, year: Option<u64>) -> String {
        let year = year.map(|year| format!(", {}", self.year(year))).unwrap_or_default();
        format!("{} {}{year}", WORDS.months[month - 1], self.ordinal(day, Gender::Alone))
    }

    fn time(&self, hour: u64, minute: u64) -> String {
        let hour_words = self.cardinal(hour, Gender::Alone);
        match minute {
            0 if hour <= 12 => format!("{hour_words} o'clock"),
            0 => format!("{hour_words} hundred"),
            1..10 => format!("{hour_words} oh {}", self.cardinal(minute, Gender::Alone)),
            _ => format!("{hour_words} {}", self.cardinal(minute, Gender::Alone)),
        }
    }

    fn month_first(&self) -> bool {
        true
    }

    fn regnal(&self, number: u64, after: &str) -> String {
        // "World War II", "Chapter IV" count; rulers and popes have ranks.
        if WORDS.before_roman.contains(&after.to_lowercase().as_str()) {
            return self.cardinal(number, Gender::Alone);
        }
        format!("the {}", self.ordinal(number, Gender::Alone))
    }
}

impl English {
    fn rest(&self, rest: u64) -> String {
        if rest == 0 { String::new() } else { self.cardinal(rest, Gender::Alone) }
    }
}

fn join(words: &[&str]) -> String {
    words.iter().filter(|word| !word.is_empty()).copied().collect::<Vec<_>>().join(" ")
}

const fn unit(sign: &'static str, one: &'static str, many: &'static str) -> Noun {
    Noun { sign, one, many, gender: Gender::Masculine }
}

const fn short(short: &'static str, long: &'static str) -> Abbreviation {
    Abbreviation { short, long, closes: false }
}

const fn closing(short: &'static str, long: &'static str) -> Abbreviation {
    Abbreviation { short, long, closes: true }
}

static WORDS: Words = Words {
    decimal_mark: '.',
    group_mark: ',',
    point: "point",
    minus: "minus",
    percent: "percent",
    per_mille: "per mille",
    and: "and",
    plus: "plus",
    equals: "equals",
    times: "times",
    number: "number",
    to: "to",
    cents: "",
    of: "",
    address: ["at", "dot", "slash", "dash", "underscore"],
    months: [
        "January",
        "February",
        "March",
        "April",
        "May",
        "June",
        "July",
        "August",
        "September",
        "October",
        "November",
        "December",
    ],
    scales: &["thousand", "million", "billion", "trillion"],
    ordinals: &[("st", Gender::Alone), ("nd", Gender::Alone), ("rd", Gender::Alone), ("th", Gender::Alone)],
    function_words: &[],
    before_roman: &["war", "chapter", "part", "volume", "act", "book", "type", "phase", "title"],
    after_roman: &[],
    units: &[
        unit("km", "kilometer", "kilometers"),
        unit("m", "meter", "meters"),
        unit("cm", "centimeter", "centimeters"),
        unit("mm", "millimeter", "millimeters"),
        unit("km/h", "kilometer per hour", "kilometers per hour"),
        unit("mph", "mile per hour", "miles per hour"),
        unit("m/s", "meter per second", "meters per second"),
        unit("kg", "kilogram", "kilograms"),
        unit("g", "gram", "grams"),
        unit("mg", "milligram", "milligrams"),
        unit("lb", "pound", "pounds"),
        unit("lbs", "pound", "pounds"),
        unit("oz", "ounce", "ounces"),
        unit("ft", "foot", "feet"),
        unit("mi", "mile", "miles"),
        unit("l", "liter", "liters"),
        unit("L", "liter", "liters"),
        unit("ml", "milliliter", "milliliters"),
        unit("°C", "degree Celsius", "degrees Celsius"),
        unit("ºC", "degree Celsius", "degrees Celsius"),
        unit("°F", "degree Fahrenheit", "degrees Fahrenheit"),
        unit("°", "degree", "degrees"),
        unit("m²", "square meter", "square meters"),
        unit("km²", "square kilometer", "square kilometers"),
        unit("m³", "cubic meter", "cubic meters"),
        unit("kW", "kilowatt", "kilowatts"),
        unit("MW", "megawatt", "megawatts"),
        unit("GW", "gigawatt", "gigawatts"),
        unit("W", "watt", "watts"),
        unit("kWh", "kilowatt hour", "kilowatt hours"),
        unit("KB", "kilobyte", "kilobytes"),
        unit("MB", "megabyte", "megabytes"),
        unit("GB", "gigabyte", "gigabytes"),
        unit("TB", "terabyte", "terabytes"),
        unit("Hz", "hertz", "hertz"),
        unit("kHz", "kilohertz", "kilohertz"),
        unit("MHz", "megahertz", "megahertz"),
        unit("GHz", "gigahertz", "gigahertz"),
        unit("h", "hour", "hours"),
        unit("min", "minute", "minutes"),
        unit("s", "second", "seconds"),
        unit("ms", "millisecond", "milliseconds"),
    ],
    currencies: &[
        unit("€", "euro", "euros"),
        unit("EUR", "euro", "euros"),
        unit("$", "dollar", "dollars"),
        unit("US$", "dollar", "dollars"),
        unit("USD", "dollar", "dollars"),
        unit("£", "pound", "pounds"),
        unit("GBP", "pound", "pounds"),
        unit("¥", "yen", "yen"),
        unit("R$", "real", "reais"),
    ],
    abbreviations: &[
        short("Dr.", "Doctor"),
        short("Mr.", "Mister"),
        short("Mrs.", "Missus"),
        short("Ms.", "Miz"),
        short("Prof.", "Professor"),
        short("Gen.", "General"),
        short("Capt.", "Captain"),
        short("Lt.", "Lieutenant"),
        short("Sgt.", "Sergeant"),
        short("Rev.", "Reverend"),
        short("Hon.", "Honorable"),
        short("St.", "Saint"),
        short("Mt.", "Mount"),
        closing("Jr.", "Junior"),
        closing("Sr.", "Senior"),
        closing("etc.", "et cetera"),
        short("e.g.", "for example"),
        short("i.e.", "that is"),
        short("vs.", "versus"),
        short("approx.", "approximately"),
        short("No.", "number"),
        closing("Inc.", "Incorporated"),
        closing("Ltd.", "Limited"),
        closing("Co.", "Company"),
        short("U.S.A.", "U S A"),
        short("U.S.", "U S"),
        short("U.K.", "U K"),
        short("U.N.", "U N"),
        closing("a.m.", "A M"),
        closing("p.m.", "P M"),
        closing("B.C.", "B C"),
        closing("A.D.", "A D"),
        short("Jan.", "January"),
        short("Feb.", "February"),
        short("Aug.", "August"),
        short("Sept.", "September"),
        short("Oct.", "October"),
        short("Nov.", "November"),
        short("Dec.", "December"),
        short("w/o", "without"),
        short("w/", "with"),
        short("dept.", "department"),
        short("pp.", "pages"),
    ],
    fractions: &[
        ("½", "one half"),
        ("¼", "one quarter"),
        ("¾", "three quarters"),
        ("1/2", "one half"),
        ("1/3", "one third"),
        ("2/3", "two thirds"),
        ("1/4", "one quarter"),
        ("3/4", "three quarters"),
    ],
};
