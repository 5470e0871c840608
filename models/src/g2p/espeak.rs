//! eSpeak NG's rules of pronunciation, from its shared library.
//!
//! The library is under the GPL, version 3 or later: it is neither linked nor shipped, but opened at run time where
//! an operator has installed it (Debian: `libespeak-ng1` and `espeak-ng-data`). It keeps its state in global
//! variables, so that one lock serves the whole process; a clause takes well under a millisecond.

use std::ffi::{CStr, CString, c_char, c_int, c_void};
use std::ptr;
use std::sync::{LazyLock, Mutex, PoisonError};

use libloading::Library;
use regex::Regex;

use crate::engine::EngineError;

/// Names of the library, in the order in which they are tried.
const NAMES: [&str; 2] = ["libespeak-ng.so.1", "libespeak-ng.so"];

/// `AUDIO_OUTPUT_SYNCHRONOUS`: no device is opened; nothing is ever played.
const OUTPUT_SYNCHRONOUS: c_int = 2;
/// `espeakINITIALIZE_DONT_EXIT`: report missing data and do not end the process.
const DONT_EXIT: c_int = 0x8000;
const CHARS_UTF8: c_int = 1;
const EE_OK: c_int = 0;
/// IPA, with a tie between the letters of one sound.
const IPA_WITH_TIE: c_int = 0x02 | 0x80 | ((super::alphabet::TIE as c_int) << 8);

/// Marks of a foreign word that was pronounced by another language's rules, as `(en)`.
static LANGUAGE_SWITCH: LazyLock<Regex> =
    LazyLock::new(|| Regex::new(r"\([a-z]{2,3}(-[a-z0-9-]+)?\)").expect("the pattern is a constant"));

static ESPEAK: Mutex<Option<Espeak>> = Mutex::new(None);

/// Phonemes of one piece of text without punctuation, in IPA with [`super::alphabet::TIE`], by the rules of a voice
/// of eSpeak NG such as `es`.
///
/// # Errors
/// [`EngineError::Unavailable`] when the library, its data or the voice is missing; [`EngineError::InvalidInput`]
/// when the text holds a NUL.
pub fn ipa(text: &str, voice: &str) -> Result<String, EngineError> {
    let text = CString::new(text).map_err(|_| EngineError::InvalidInput("text with a NUL in it".to_owned()))?;
    // A panic under the lock can only come from an allocation; the library's state is then as it was.
    let mut slot = ESPEAK.lock().unwrap_or_else(PoisonError::into_inner);
    let espeak = match slot.as_mut() {
        Some(espeak) => espeak,
        None => slot.insert(Espeak::open()?),
    };
    espeak.use_voice(voice)?;
    Ok(tidy(&espeak.clauses(&text)))
}

/// One space between words, and no marks of language switches.
fn tidy(clauses: &str) -> String {
    let unmarked = LANGUAGE_SWITCH.replace_all(clauses, "");
    unmarked.split_whitespace().collect::<Vec<_>>().join(" ")
}

type Initialize = unsafe extern "C" fn(c_int, c_int, *const c_char, c_int) -> c_int;
type SetVoiceByName = unsafe extern "C" fn(*const c_char) -> c_int;
type TextToPhonemes = unsafe extern "C" fn(*mut *const c_void, c_int, c_int) -> *const c_char;

struct Espeak {
    set_voice_by_name: SetVoiceByName,
    text_to_phonemes: TextToPhonemes,
    voice: String,
    /// Keeps the code that the functions above point to.
    _library: Library,
}

impl Espeak {
    fn open() -> Result<Self, EngineError> {
        let library = library(&NAMES)?;
        // SAFETY: the three signatures are those of the header speak_lib.h, unchanged since version 1.49.
        let (initialize, set_voice_by_name, text_to_phonemes) = unsafe {
            (
                *library.get::<Initialize>(b"espeak_Initialize\0").map_err(foreign)?,
                *library.get::<SetVoiceByName>(b"espeak_SetVoiceByName\0").map_err(foreign)?,
                *library.get::<TextToPhonemes>(b"espeak_TextToPhonemes\0").map_err(foreign)?,
            )
        };
        // SAFETY: called once, under the lock; a null path means the library's own or ESPEAK_DATA_PATH.
        let rate = unsafe { initialize(OUTPUT_SYNCHRONOUS, 0, ptr::null(), DONT_EXIT) };
        if rate < 0 {
            return Err(EngineError::Unavailable(
                "espeak-ng has no data: install Debian's espeak-ng-data, or set ESPEAK_DATA_PATH".to_owned(),
            ));
        }
        Ok(Self { set_voice_by_name, text_to_phonemes, voice: String::new(), _library: library })
    }

    fn use_voice(&mut self, voice: &str) -> Result<(), EngineError> {
        if self.voice == voice {
            return Ok(());
        }
        let name = CString::new(voice).map_err(|_| EngineError::InvalidInput("voice with a NUL in it".to_owned()))?;
        // SAFETY: the library is initialised, the lock is held, and the name outlives the call.
        if unsafe { (self.set_voice_by_name)(name.as_ptr()) } != EE_OK {
            self.voice.clear();
            return Err(EngineError::Unavailable(format!("espeak-ng has no voice {voice}: install espeak-ng-data")));
        }
        voice.clone_into(&mut self.voice);
        Ok(())
    }

    /// The library takes one clause at a time, and moves the pointer past it or to null at the end.
    fn clauses(&mut self, text: &CStr) -> String {
        let mut phonemes = String::new();
        let mut rest: *const c_void = text.as_ptr().cast();
        // Each clause is at least a byte: the bound only guards against a library that does not move on.
        for _ in 0..=text.to_bytes().len() {
            if rest.is_null() {
                break;
            }
            // SAFETY: `rest` points into `text`, which ends with a NUL; the answer lies in the library's own
            // buffer, valid until the next call, and is copied before it.
            let clause = unsafe { (self.text_to_phonemes)(&mut rest, CHARS_UTF8, IPA_WITH_TIE) };
            if clause.is_null() {
                break;
            }
            // SAFETY: not null, and the library ends it with a NUL.
            phonemes.push_str(&unsafe { CStr::from_ptr(clause) }.to_string_lossy());
            phonemes.push(' ');
        }
        phonemes
    }
}

/// The first of these libraries that can be opened.
fn library(names: &[&str]) -> Result<Library, EngineError> {
    let mut first_error = None;
    for name in names {
        // SAFETY: the library's initialisers do nothing but set up its tables.
        match unsafe { Library::new(*name) } {
            Ok(library) => return Ok(library),
            Err(error) => first_error = first_error.or(Some(error)),
        }
    }
    let reason = first_error.map(|error| error.to_string()).unwrap_or_default();
    Err(EngineError::Unavailable(format!("espeak-ng cannot be loaded: install Debian's libespeak-ng1 ({reason})")))
}

fn foreign(error: libloading::Error) -> EngineError {
    EngineError::Unavailable(format!("libespeak-ng is not the library that was expected: {error}"))
}

#[cfg(test)]
mod tests {
    use super::{library, tidy};
    use crate::engine::EngineError;

    #[test]
    fn a_missing_library_is_named_with_its_package() {
        let missing = library(&["libthere-is-no-such-thing.so.1"]);
        assert!(matches!(missing, Err(EngineError::Unavailable(what)) if what.contains("libespeak-ng1")));
    }

    #[test]
    fn marks_of_language_switches_vanish() {
        assert_eq!(tidy(" el (en)w^ɛb(es)  ˈes "), "el w^ɛb ˈes");
    }
}
