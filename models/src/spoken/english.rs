//! English.

use super::grammar::{Gender, Grammar, Words, closing, masculine, short};

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

    fn cardinal(&self, number: u64, _gender: Gender) -> String {
        if let Some((scale, name)) = SCALES.into_iter().find(|(scale, _)| number >= *scale) {
            let count = self.cardinal(number / scale, Gender::Alone);
            return join(&[&count, name, &self.rest(number % scale)]);
        }
        match number {
            100.. => join(&[SMALL[(number / 100) as usize], "hundred", &self.rest(number % 100)]),
            20.. if number.is_multiple_of(10) => TENS[(number / 10) as usize].to_owned(),
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
        masculine("km", "kilometer", "kilometers"),
        masculine("m", "meter", "meters"),
        masculine("cm", "centimeter", "centimeters"),
        masculine("mm", "millimeter", "millimeters"),
        masculine("km/h", "kilometer per hour", "kilometers per hour"),
        masculine("mph", "mile per hour", "miles per hour"),
        masculine("m/s", "meter per second", "meters per second"),
        masculine("kg", "kilogram", "kilograms"),
        masculine("g", "gram", "grams"),
        masculine("mg", "milligram", "milligrams"),
        masculine("lb", "pound", "pounds"),
        masculine("lbs", "pound", "pounds"),
        masculine("oz", "ounce", "ounces"),
        masculine("ft", "foot", "feet"),
        masculine("mi", "mile", "miles"),
        masculine("l", "liter", "liters"),
        masculine("L", "liter", "liters"),
        masculine("ml", "milliliter", "milliliters"),
        masculine("°C", "degree Celsius", "degrees Celsius"),
        masculine("ºC", "degree Celsius", "degrees Celsius"),
        masculine("°F", "degree Fahrenheit", "degrees Fahrenheit"),
        masculine("°", "degree", "degrees"),
        masculine("m²", "square meter", "square meters"),
        masculine("km²", "square kilometer", "square kilometers"),
        masculine("m³", "cubic meter", "cubic meters"),
        masculine("kW", "kilowatt", "kilowatts"),
        masculine("MW", "megawatt", "megawatts"),
        masculine("GW", "gigawatt", "gigawatts"),
        masculine("W", "watt", "watts"),
        masculine("kWh", "kilowatt hour", "kilowatt hours"),
        masculine("KB", "kilobyte", "kilobytes"),
        masculine("MB", "megabyte", "megabytes"),
        masculine("GB", "gigabyte", "gigabytes"),
        masculine("TB", "terabyte", "terabytes"),
        masculine("Hz", "hertz", "hertz"),
        masculine("kHz", "kilohertz", "kilohertz"),
        masculine("MHz", "megahertz", "megahertz"),
        masculine("GHz", "gigahertz", "gigahertz"),
        masculine("h", "hour", "hours"),
        masculine("min", "minute", "minutes"),
        masculine("s", "second", "seconds"),
        masculine("ms", "millisecond", "milliseconds"),
    ],
    currencies: &[
        masculine("€", "euro", "euros"),
        masculine("EUR", "euro", "euros"),
        masculine("$", "dollar", "dollars"),
        masculine("US$", "dollar", "dollars"),
        masculine("USD", "dollar", "dollars"),
        masculine("£", "pound", "pounds"),
        masculine("GBP", "pound", "pounds"),
        masculine("¥", "yen", "yen"),
        masculine("R$", "real", "reais"),
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
        closing("Inc.", "Incorporated"),
        closing("Ltd.", "Limited"),
        closing("Co.", "Company"),
        closing("U.S.A.", "U S A"),
        closing("U.S.", "U S"),
        closing("U.K.", "U K"),
        closing("U.N.", "U N"),
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
