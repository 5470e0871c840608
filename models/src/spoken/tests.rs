use super::{Gender, grammar, spell_out};

fn check(language: &str, cases: &[(&str, &str)]) {
    let wrong: Vec<String> = cases
        .iter()
        .filter_map(|(written, said)| {
            let spelled = spell_out(written, language);
            (spelled != *said).then(|| format!("{written}\n  expected {said}\n  got      {spelled}"))
        })
        .collect();
    assert!(wrong.is_empty(), "{language}: {} of {} wrong\n{}", wrong.len(), cases.len(), wrong.join("\n"));
}

#[test]
fn spanish() {
    check(
        "es",
        &[
            ("Tiene 21 años y 31 gatos.", "Tiene veintiún años y treinta y un gatos."),
            (
                "Son 200 personas, 121 casas y 1 problema.",
                "Son doscientas personas, ciento veintiuna casas y un problema.",
            ),
            ("Hay 100, 101 y 1000.", "Hay cien, ciento uno y mil."),
            ("Cuesta 1.250,75 €.", "Cuesta mil doscientos cincuenta euros con setenta y cinco."),
            ("Mide 3,5 m y pesa 3.05 kg.", "Mide tres coma cinco metros y pesa tres coma cero cinco kilos."),
            ("El 12/05/2024 a las 14:30.", "El doce de mayo de dos mil veinticuatro a las catorce y treinta."),
            ("Abre a las 9:00 y cierra a las 21:00.", "Abre a las nueve horas y cierra a las veintiuna horas."),
            ("El 1/1/1999", "El primero de enero de mil novecientos noventa y nueve"),
            ("Subió un 12,5 % (antes 3%).", "Subió un doce coma cinco por ciento (antes tres por ciento)."),
            (
                "El Dr. García y la Sra. López viven en EE. UU. desde 1992.",
                "El doctor García y la señora López viven en Estados Unidos desde mil novecientos noventa y dos.",
            ),
            ("Peras, uvas, etc. Luego nada.", "Peras, uvas, etcétera. Luego nada."),
            ("Peras, uvas, etc., y más.", "Peras, uvas, etcétera, y más."),
            (
                "El siglo XX, el siglo V y Felipe VI; Luis XIV.",
                "El siglo veinte, el siglo quinto y Felipe sexto; Luis catorce.",
            ),
            ("Isabel II vivió la II Guerra Mundial.", "Isabel segunda vivió la segunda Guerra Mundial."),
            ("Quedó 1.º y ella 2.ª, en el 3er piso.", "Quedó primero y ella segunda, en el tercer piso."),
            ("5 millones de € y $3 millones", "cinco millones de euros y tres millones de dólares"),
            ("1.000.000 € y 2.500.000 personas", "un millón de euros y dos millones quinientas mil personas"),
            ("7.800.000.000 habitantes", "siete mil ochocientos millones habitantes"),
            ("Hace -5 °C y 120 km/h", "Hace menos cinco grados y ciento veinte kilómetros por hora"),
            (
                "Escribe a juan.perez@correo.es o a https://www.ejemplo.com/ayuda.",
                "Escribe a juan punto perez arroba correo punto es o a ejemplo punto com barra ayuda.",
            ),
            ("*Skyline @de #Madrid", "Skyline de Madrid"),
            ("De 1990-1995, pp. 3–5", "De mil novecientos noventa a mil novecientos noventa y cinco, pp. tres a cinco"),
            ("COVID-19, A4 y 3D", "COVID diecinueve, A cuatro y tres D"),
            ("½ litro, 1/2 kilo, 24/7", "medio litro, un medio kilo, veinticuatro siete"),
            ("La versión 1.2.3 del 007", "La versión uno punto dos punto tres del cero cero siete"),
            ("¿20?", "¿veinte?"),
            (
                "10 000 soldados y 12 345 678 más",
                "diez mil soldados y doce millones trescientos cuarenta y cinco mil seiscientos setenta y ocho más",
            ),
            ("2 + 2 = 4 & ya", "dos más dos igual a cuatro y ya"),
            ("A las 7:05 p. m. salimos.", "A las siete y cinco de la tarde salimos."),
            ("£21 y 1 €", "veintiuna libras y un euro"),
            ("El n.º 5 de la pág. 30", "El número cinco de la página treinta"),
            ("Vitamina C y Malcolm X", "Vitamina C y Malcolm X"),
        ],
    );
}

#[test]
fn english() {
    check(
        "en",
        &[
            (
                "It costs $1,250.75 or £5.",
                "It costs one thousand two hundred fifty dollars seventy-five or five pounds.",
            ),
            ("$3.5 million and €2 billion", "three point five million dollars and two billion euros"),
            ("In 1984, 2005 and 2024.", "In nineteen eighty-four, two thousand five and twenty twenty-four."),
            ("In 1905 and 1900", "In nineteen oh five and nineteen hundred"),
            ("On 05/12/2024 at 14:30.", "On May twelfth, twenty twenty-four at fourteen thirty."),
            ("2024-05-12", "May twelfth, twenty twenty-four"),
            ("The 1st, 2nd, 3rd, 12th and 21st", "The first, second, third, twelfth and twenty-first"),
            ("Dr. Smith vs. Mrs. Jones, etc.", "Doctor Smith versus Missus Jones, et cetera."),
            ("World War II and Henry VIII", "World War two and Henry the eighth"),
            ("Then I left. Chapter IV", "Then I left. Chapter four"),
            ("3.14 is pi, 12% isn't", "three point one four is pi, twelve percent isn't"),
            ("1,000,000 people at 5:05 p.m.", "one million people at five oh five P M."),
            ("-40 °F, 60 mph, 7 ft", "minus forty degrees Fahrenheit, sixty miles per hour, seven feet"),
            ("me@host.com", "me at host dot com"),
            ("AT&T", "AT and T"),
            ("No. It is in the U.S. Not here.", "No. It is in the U S. Not here."),
        ],
    );
}

#[test]
fn french() {
    check(
        "fr",
        &[
            (
                "21, 71, 80, 81, 91, 99",
                "vingt et un, soixante et onze, quatre-vingts, quatre-vingt-un, quatre-vingt-onze, quatre-vingt-dix-neuf",
            ),
            ("200 et 201 et 1 000 et 80 000", "deux cents et deux cent un et mille et quatre-vingt mille"),
            ("Il est 14h30.", "Il est quatorze heures trente."),
            ("Le 1er mai, la 2e fois, la 1re", "Le premier mai, la deuxième fois, la première"),
            ("Le XXe siècle et Louis XIV", "Le vingtième siècle et Louis quatorze"),
            ("12,50 € et 3,5 %", "douze euros cinquante et trois virgule cinq pour cent"),
            ("2 millions d'€", "deux millions d'euros"),
            ("Le 12/05/2024", "Le douze mai deux mille vingt-quatre"),
            ("M. Dupont et Mme Martin", "monsieur Dupont et madame Martin"),
            ("J. M. Barrie. Me voici.", "J. M. Barrie. Me voici."),
            ("21 fois", "vingt et une fois"),
        ],
    );
}

#[test]
fn italian() {
    check(
        "it",
        &[
            ("21, 28, 33, 101, 1984", "ventuno, ventotto, trentatré, centouno, mille novecentoottantaquattro"),
            ("2024 e 23.000", "duemila ventiquattro e ventitremila"),
            ("Il 1° maggio, la 2ª volta", "Il primo maggio, la seconda volta"),
            ("Il XX secolo, papa Giovanni XXIII", "Il ventesimo secolo, papa Giovanni ventitreesimo"),
            ("Alle 14:30 del 12/05/2024", "Alle quattordici e trenta del dodici maggio duemila ventiquattro"),
            ("12,50 € e 3,5%", "dodici euro e cinquanta e tre virgola cinque per cento"),
            ("3 milioni di €", "tre milioni di euro"),
            ("Il Sig. Rossi, ecc.", "Il signor Rossi, eccetera."),
        ],
    );
}

#[test]
fn portuguese() {
    check(
        "pt",
        &[
            ("21 casas, 2 meninas, 200 pessoas", "vinte e uma casas, duas meninas, duzentas pessoas"),
            (
                "1984, 2024, 1.200 e 1.250",
                "mil novecentos e oitenta e quatro, dois mil e vinte e quatro, mil e duzentos e mil duzentos e cinquenta",
            ),
            ("R$ 12,50 e 3,5%", "doze reais e cinquenta e três vírgula cinco por cento"),
            ("Às 14h30 de 12/05/2024", "Às catorze e trinta de doze de maio de dois mil e vinte e quatro"),
            ("O 1º e a 22ª", "O primeiro e a vigésima segunda"),
            ("O século XX e Dom Pedro II", "O século vinte e Dom Pedro segundo"),
            ("3 milhões de €", "três milhões de euros"),
            ("O Dr. Silva, os EUA", "O doutor Silva, os Estados Unidos"),
        ],
    );
}

#[test]
fn large_numbers_are_read_in_every_language() {
    for (language, number, said) in [
        ("es", 1_001_021, "un millón mil veintiuno"),
        ("es", 21_000_000_000, "veintiún mil millones"),
        (
            "es",
            999_999_999_999_999,
            "novecientos noventa y nueve billones novecientos noventa y nueve mil novecientos noventa y nueve millones novecientos noventa y nueve mil novecientos noventa y nueve",
        ),
        ("en", 1_000_000_001, "one billion one"),
        ("en", 312_456, "three hundred twelve thousand four hundred fifty-six"),
        ("fr", 1_000_000_000, "un milliard"),
        ("fr", 1971, "mille neuf cent soixante et onze"),
        ("it", 1_001_000, "un milione mille"),
        ("pt", 1_200_000, "um milhão e duzentos mil"),
    ] {
        let grammar = grammar(language).expect("a known language");
        assert_eq!(grammar.cardinal(number, Gender::Alone), said, "{language} {number}");
    }
}

#[test]
fn ranks_are_read_in_every_language() {
    for (language, number, gender, said) in [
        ("es", 13, Gender::Alone, "decimotercero"),
        ("es", 22, Gender::Feminine, "vigésima segunda"),
        ("en", 30, Gender::Alone, "thirtieth"),
        ("en", 105, Gender::Alone, "one hundred fifth"),
        ("fr", 9, Gender::Masculine, "neuvième"),
        ("fr", 21, Gender::Masculine, "vingt et unième"),
        ("fr", 80, Gender::Masculine, "quatre-vingtième"),
        ("it", 11, Gender::Masculine, "undicesimo"),
        ("it", 26, Gender::Feminine, "ventiseiesima"),
        ("pt", 15, Gender::Masculine, "décimo quinto"),
    ] {
        let grammar = grammar(language).expect("a known language");
        assert_eq!(grammar.ordinal(number, gender), said, "{language} {number}");
    }
}

#[test]
fn an_unknown_language_is_only_cleaned() {
    assert_eq!(spell_out("Es kostet *12* €.", "de"), "Es kostet 12.");
}

proptest::proptest! {
    /// Whatever comes in: no digit that stands for a number is left, no sign that cannot be said, and no panic.
    #[test]
    fn nothing_unspeakable_is_left(text in "[ -~€£½¿¡áéñüºª°\\n\\t\u{200b}–—’]{0,80}") {
        for language in ["en", "es", "fr", "it", "pt"] {
            let spelled = spell_out(&text, language);
            let bad = |letter: char| letter.is_ascii_digit() || "*@#€$£%&<>[]{}|\\^~_=+/\n\t\u{200b}".contains(letter);
            proptest::prop_assert!(!spelled.contains(bad), "{language}: {text:?} became {spelled:?}");
            proptest::prop_assert!(!spelled.contains("  "), "{spelled:?}");
        }
    }

    #[test]
    fn any_unicode_is_survived(text in "\\PC{0,60}") {
        for language in ["en", "es", "fr", "it", "pt", "de"] {
            spell_out(&text, language);
        }
    }
}
