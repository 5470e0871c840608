//! The view of the computer that the checks are given.

use std::ffi::CStr;
use std::io;
use std::net::TcpListener;
use std::os::raw::c_char;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use libloading::os::unix::Library;
use sts_models::{Device, DeviceChoice};

/// How many files, sockets included, a process may have open.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct OpenFileLimit {
    /// The limit in force.
    pub soft: u64,
    /// What it can be raised to without privileges.
    pub hard: u64,
}

/// What a check may ask of the computer.
pub trait Machine {
    /// Reads a text file.
    ///
    /// # Errors
    /// As [`std::fs::read_to_string`].
    fn read(&self, path: &Path) -> io::Result<String>;
    /// Whether there is a file, folder or device of this name.
    fn exists(&self, path: &Path) -> bool;
    /// Looks for an executable on the search path.
    fn program(&self, name: &str) -> Option<PathBuf>;
    /// Tries to load a shared library by its name.
    ///
    /// # Errors
    /// The loader's message.
    fn load_library(&self, name: &str) -> Result<(), String>;
    /// Version of the espeak-ng library.
    ///
    /// # Errors
    /// Why it cannot be loaded or asked.
    fn espeak_version(&self) -> Result<String, String>;
    /// What the engines would run on: device and number format, as `cpu` and `bf16`.
    ///
    /// # Errors
    /// Why the device that was asked for cannot be had.
    fn resolve_device(&self, choice: DeviceChoice) -> Result<(String, String), String>;
    /// Whether an address, as `127.0.0.1:8000`, can be listened on.
    ///
    /// # Errors
    /// The reason why it cannot.
    fn listen(&self, address: &str) -> io::Result<()>;
    /// The limit on open files.
    ///
    /// # Errors
    /// When the kernel does not tell.
    fn open_file_limit(&self) -> io::Result<OpenFileLimit>;
}

/// The computer that this runs on.
pub struct ThisMachine;

impl Machine for ThisMachine {
    fn read(&self, path: &Path) -> io::Result<String> {
        std::fs::read_to_string(path)
    }

    fn exists(&self, path: &Path) -> bool {
        path.exists()
    }

    fn program(&self, name: &str) -> Option<PathBuf> {
        let search_path = std::env::var_os("PATH")?;
        std::env::split_paths(&search_path).map(|folder| folder.join(name)).find(|path| {
            path.metadata().is_ok_and(|metadata| metadata.is_file() && metadata.permissions().mode() & 0o111 != 0)
        })
    }

    fn load_library(&self, name: &str) -> Result<(), String> {
        open(name).map(drop)
    }

    fn espeak_version(&self) -> Result<String, String> {
        type EspeakInfo = unsafe extern "C" fn(*mut *const c_char) -> *const c_char;
        let library = open("libespeak-ng.so.1")?;
        // SAFETY: espeak-ng's speak_lib.h declares `const char *espeak_Info(const char **path_data)`.
        let info = unsafe { library.get::<EspeakInfo>(b"espeak_Info\0") }.map_err(|error| error.to_string())?;
        // SAFETY: a null pointer is the documented way to ask for the version alone, before any initialisation.
        let version = unsafe { info(std::ptr::null_mut()) };
        if version.is_null() {
            return Err("espeak-ng tells no version".to_owned());
        }
        // SAFETY: the answer is a string constant of the library, which is still loaded here.
        Ok(unsafe { CStr::from_ptr(version) }.to_string_lossy().into_owned())
    }

    fn resolve_device(&self, choice: DeviceChoice) -> Result<(String, String), String> {
        Device::resolve(choice).map(|device| (device.name(), device.precision()))
    }

    fn listen(&self, address: &str) -> io::Result<()> {
        TcpListener::bind(address).map(drop)
    }

    fn open_file_limit(&self) -> io::Result<OpenFileLimit> {
        let mut limit = libc::rlimit { rlim_cur: 0, rlim_max: 0 };
        // SAFETY: the pointer is to a live rlimit that the call fills in.
        if unsafe { libc::getrlimit(libc::RLIMIT_NOFILE, &raw mut limit) } != 0 {
            return Err(io::Error::last_os_error());
        }
        Ok(OpenFileLimit { soft: limit.rlim_cur, hard: limit.rlim_max })
    }
}

/// Loads a library for as long as the value lives.
fn open(name: &str) -> Result<Library, String> {
    let flags = libloading::os::unix::RTLD_LAZY | libloading::os::unix::RTLD_LOCAL;
    // SAFETY: only libraries that the service itself loads are named, and their initialisers ask nothing of the caller.
    unsafe { Library::open(Some(name), flags) }.map_err(|error| {
        let text = error.to_string();
        std::error::Error::source(&error).map_or(text, ToString::to_string)
    })
}
