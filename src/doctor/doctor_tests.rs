//! The checks on machines that do not exist.

use std::collections::HashMap;
use std::io;
use std::path::{Path, PathBuf};

use super::machine::OpenFileLimit;
use super::*;

/// A machine that is what its fields say.
struct PaperMachine {
    files: HashMap<&'static str, String>,
    programs: Vec<&'static str>,
    libraries: Vec<&'static str>,
    espeak: Result<&'static str, &'static str>,
    gpus: usize,
    taken: Option<(&'static str, io::ErrorKind)>,
    open_files: OpenFileLimit,
}

impl PaperMachine {
    /// A machine on which everything is there, but no GPU.
    fn complete() -> Self {
        let files = [
            ("/proc/cpuinfo", "processor\t: 0\nmodel name\t: Test CPU\nflags\t\t: fpu avx2 avx512_bf16\n"),
            ("/proc/meminfo", "MemTotal:       16384000 kB\nMemAvailable:    8192000 kB\n"),
            (
                "/proc/self/maps",
                "7f00-7f01 r-xp 0 fe:00 12 /lib/libc.so.6\n7f02-7f03 r-xp 0 fe:00 7 /opt/torch/lib/libtorch_cpu.so\n",
            ),
            ("/opt/torch/version.py", "from typing import Optional\n__version__ = '2.11.0+cu130'\n"),
            ("/usr/share/apertium/modes/pt-es.mode", ""),
            ("/etc/voices.json", r#"{"one": {"language": "es", "engine": "kokoro", "voice": "em_alex"}}"#),
        ];
        Self {
            files: files.map(|(path, text)| (path, text.to_owned())).into(),
            programs: vec!["apertium", "lt-proc", "bash", "python3", "pip3", "npm"],
            libraries: vec!["libnvidia-ml.so.1"],
            espeak: Ok("1.51"),
            gpus: 0,
            taken: None,
            open_files: OpenFileLimit { soft: 65_536, hard: 1_048_576 },
        }
    }

    fn with_file(mut self, path: &'static str, text: &str) -> Self {
        self.files.insert(path, text.to_owned());
        self
    }
}

impl Machine for PaperMachine {
    fn read(&self, path: &Path) -> io::Result<String> {
        let text = path.to_str().and_then(|path| self.files.get(path));
        text.cloned().ok_or_else(|| io::ErrorKind::NotFound.into())
    }

    fn exists(&self, path: &Path) -> bool {
        self.read(path).is_ok()
    }

    fn program(&self, name: &str) -> Option<PathBuf> {
        self.programs.contains(&name).then(|| Path::new("/usr/bin").join(name))
    }

    fn load_library(&self, name: &str) -> Result<(), String> {
        if self.libraries.contains(&name) { Ok(()) } else { Err(format!("{name}: cannot open shared object file")) }
    }

    fn espeak_version(&self) -> Result<String, String> {
        self.espeak.map(str::to_owned).map_err(str::to_owned)
    }

    fn resolve_device(&self, choice: DeviceChoice) -> Result<(String, String), String> {
        match choice {
            DeviceChoice::Cuda(index) if index < self.gpus => Ok((format!("cuda:{index}"), "bf16".to_owned())),
            DeviceChoice::Cuda(index) => Err(format!("cuda:{index} is not there")),
            _ => Ok(("cpu".to_owned(), "bf16".to_owned())),
        }
    }

    fn listen(&self, address: &str) -> io::Result<()> {
        match self.taken {
            Some((taken, kind)) if taken == address => Err(kind.into()),
            _ => Ok(()),
        }
    }

    fn open_file_limit(&self) -> io::Result<OpenFileLimit> {
        Ok(self.open_files)
    }
}

fn needs() -> Needs {
    Needs {
        device: DeviceChoice::Auto,
        artifacts: vec![Artifact { name: "whisper-base".to_owned(), needed: true, state: ArtifactState::Complete }],
        fetch_command: "sts fetch".to_owned(),
        espeak: true,
        apertium_pairs: vec![vec!["por-spa".to_owned(), "pt-es".to_owned()]],
        addresses: vec!["127.0.0.1:8000".to_owned()],
        voices: Some(PathBuf::from("/etc/voices.json")),
        translators: Vec::new(),
    }
}

/// The finding about `what`, and whether the service could start.
#[track_caller]
fn examined(machine: &PaperMachine, needs: &Needs, what: &str) -> (Finding, bool) {
    let findings = examine(machine, needs);
    let finding = findings.iter().find(|finding| finding.what == what);
    (finding.unwrap_or_else(|| panic!("nothing about {what}")).clone(), can_serve(&findings))
}

#[track_caller]
fn assert_bad(machine: &PaperMachine, needs: &Needs, what: &str, detail: &str) {
    let (finding, able) = examined(machine, needs, what);
    assert_eq!((finding.state, able), (State::Bad, false), "{finding}");
    assert!(finding.detail.contains(detail), "{finding}");
    assert!(finding.remedy.is_some(), "{finding}");
}

#[track_caller]
fn assert_optional(machine: &PaperMachine, needs: &Needs, what: &str, detail: &str) {
    let (finding, able) = examined(machine, needs, what);
    assert_eq!((finding.state, able), (State::Optional, true), "{finding}");
    assert!(finding.detail.contains(detail), "{finding}");
}

#[test]
fn a_complete_machine_can_serve_and_lacks_only_a_gpu() {
    let findings = examine(&PaperMachine::complete(), &needs());
    assert!(can_serve(&findings));
    let not_good: Vec<_> = findings.iter().filter(|finding| finding.state != State::Good).collect();
    assert_eq!(not_good.len(), 1, "{not_good:?}");
    assert_eq!(not_good[0].what, "GPU");
    assert!(page(&findings).ends_with("sts serve can start\n"));
}

#[test]
fn every_line_says_what_was_seen_and_what_to_do() {
    let mut machine = PaperMachine::complete();
    machine.espeak = Err("libespeak-ng.so.1: not found");
    let findings = examine(&machine, &needs());
    let page = page(&findings);
    assert!(page.contains("✗ espeak-ng: libespeak-ng.so.1: not found → apt-get install espeak-ng\n"), "{page}");
    assert!(
        page.contains(
            "✓ libtorch: 2.11.0+cu130 at /opt/torch/lib/libtorch_cpu.so, computes in bf16 on the processor\n"
        ),
        "{page}"
    );
    assert!(page.ends_with("before the line marked ✗ is mended\n"), "{page}");
}

#[test]
fn the_processor_decides_the_number_format() {
    let machine = PaperMachine::complete().with_file("/proc/cpuinfo", "flags : fpu avx2\n");
    let (finding, _) = examined(&machine, &needs(), "processor");
    assert!(finding.detail.contains("computes in float32"), "{finding}");
    let machine = PaperMachine::complete().with_file("/proc/cpuinfo", "flags : fpu sse2\n");
    assert_optional(&machine, &needs(), "processor", "no avx2");
}

#[test]
fn too_little_memory_is_bad_also_when_only_the_container_is_small() {
    let small = "MemTotal: 1048576 kB\nMemAvailable: 524288 kB\n";
    assert_bad(&PaperMachine::complete().with_file("/proc/meminfo", small), &needs(), "memory", "512 MiB free of 1024");
    let machine = PaperMachine::complete().with_file("/sys/fs/cgroup/memory.max", "536870912\n");
    assert_bad(&machine, &needs(), "memory", "this container may use 512");
    let machine = PaperMachine::complete().with_file("/sys/fs/cgroup/memory.max", "2147483648\n");
    assert_optional(&machine, &needs(), "memory", "this container may use 2048");
    let machine = PaperMachine::complete().with_file("/sys/fs/cgroup/memory.max", "max\n");
    assert_eq!(examined(&machine, &needs(), "memory").0.state, State::Good);
}

#[test]
fn a_gpu_is_only_needed_when_asked_for_by_name() {
    let by_name = Needs { device: DeviceChoice::Cuda(1), ..needs() };
    assert_bad(&PaperMachine::complete(), &by_name, "GPU", "no NVIDIA driver");
    let driver = "NVRM version: NVIDIA UNIX x86_64 Kernel Module  580.65\nGCC version: 12\n";
    let mut machine =
        PaperMachine::complete().with_file("/dev/nvidiactl", "").with_file("/proc/driver/nvidia/version", driver);
    assert_eq!(examined(&machine, &needs(), "NVIDIA driver").0.detail, "NVIDIA UNIX x86_64 Kernel Module  580.65");
    assert_optional(&machine, &needs(), "libtorch on the GPU", "cuda:0 is not there");
    machine.gpus = 1;
    assert_eq!(examined(&machine, &needs(), "libtorch on the GPU").0.detail, "cuda:0 in bf16");
    assert_bad(&machine, &by_name, "libtorch on the GPU", "cuda:1 is not there");
    machine.libraries.clear();
    assert_optional(&machine, &needs(), "NVML", "no GPU figures");
}

#[test]
fn another_libtorch_is_bad() {
    let machine = PaperMachine::complete().with_file("/opt/torch/version.py", "__version__ = '2.13.0'\n");
    assert_bad(&machine, &needs(), "libtorch", "2.11 is wanted");
    let mut machine = PaperMachine::complete();
    machine.files.remove("/opt/torch/version.py");
    let machine = machine.with_file("/opt/torch/build-version", "2.11.0+cpu\n");
    assert!(examined(&machine, &needs(), "libtorch").0.detail.starts_with("2.11.0+cpu at "));
    let machine = PaperMachine::complete().with_file("/proc/self/maps", "");
    assert_bad(&machine, &needs(), "libtorch", "not loaded");
}

#[test]
fn apertium_is_asked_for_only_where_a_pair_goes_through_it() {
    let missing = Needs { apertium_pairs: vec![vec!["fr-es".to_owned()]], ..needs() };
    assert_bad(&PaperMachine::complete(), &missing, "Apertium fr-es", "none of fr-es");
    let mut machine = PaperMachine::complete();
    machine.programs.retain(|name| *name != "lt-proc");
    assert_bad(&machine, &needs(), "Apertium", "not on PATH: lt-proc");
    assert_optional(&machine, &Needs { apertium_pairs: Vec::new(), ..needs() }, "Apertium", "not used");
}

#[test]
fn tools_that_only_fetch_are_optional() {
    let mut machine = PaperMachine::complete();
    machine.programs.retain(|name| *name != "npm");
    assert_optional(&machine, &needs(), "npm", "only needed to fetch");
    assert_eq!(examined(&machine, &needs(), "pip").0.detail, "/usr/bin/pip3");
}

#[test]
fn translators_are_asked_and_only_a_key_that_deepl_refuses_is_bad() {
    let machine = PaperMachine::complete();
    let asked = |name, answer| Needs { translators: vec![AskedTranslator { name, answer }], ..needs() };
    let (good, able) =
        examined(&machine, &asked("deepl", Ok("12 of 500000 characters used".to_owned())), "translator deepl");
    assert_eq!((good.state, able, good.detail.as_str()), (State::Good, true, "12 of 500000 characters used"));
    let refused = || Err(EngineError::Unauthorized("status 403".to_owned()));
    assert_bad(&machine, &asked("deepl", refused()), "translator deepl", "status 403");
    assert_optional(&machine, &asked("chat", refused()), "translator chat", "status 403");
    let gone = Err(EngineError::Unavailable("the connection failed".to_owned()));
    assert_optional(&machine, &asked("libretranslate", gone.clone()), "translator libretranslate", "connection failed");
    let (finding, _) = examined(&machine, &asked("libretranslate", gone), "translator libretranslate");
    assert!(finding.remedy.is_some_and(|remedy| remedy.contains("LIBRETRANSLATE_URL")));
    let used_up = Err(EngineError::QuotaExceeded("all of 500000 characters are used".to_owned()));
    assert_optional(&machine, &asked("deepl", used_up), "translator deepl", "are used");
}

#[test]
fn models_that_are_needed_have_to_be_complete() {
    let with = |needed, state| {
        let artifact = Artifact { name: "kokoro-82m".to_owned(), needed, state };
        Needs { artifacts: vec![artifact], ..needs() }
    };
    let machine = PaperMachine::complete();
    assert_bad(&machine, &with(true, ArtifactState::Missing), "model kokoro-82m", "missing");
    let damaged = ArtifactState::Damaged("wrong SHA-256".to_owned());
    assert_bad(&machine, &with(true, damaged), "model kokoro-82m", "damaged: wrong SHA-256");
    assert_optional(&machine, &with(false, ArtifactState::Missing), "model kokoro-82m", "missing");
    let (finding, _) = examined(&machine, &with(true, ArtifactState::Missing), "model kokoro-82m");
    assert_eq!(finding.remedy.as_deref(), Some("sts fetch"));
}

#[test]
fn voice_profiles_are_read_and_their_first_fault_is_named() {
    let needs = needs();
    for (text, fault) in [
        ("[]", "not an object of profiles"),
        ("{}", "not an object of profiles"),
        ("{", "is not JSON"),
        (r#"{"one": {"language": "es", "engine": "kokoro"}}"#, "profile 'one' has no text 'voice'"),
        (r#"{"one": 1}"#, "profile 'one' has no text 'language'"),
    ] {
        assert_bad(&PaperMachine::complete().with_file("/etc/voices.json", text), &needs, "voice profiles", fault);
    }
    let elsewhere = Needs { voices: Some(PathBuf::from("/nowhere.json")), ..needs.clone() };
    assert_bad(&PaperMachine::complete(), &elsewhere, "voice profiles", "cannot be read");
    let built_in = Needs { voices: None, ..needs };
    assert_eq!(examined(&PaperMachine::complete(), &built_in, "voice profiles").0.detail, "built in");
}

#[test]
fn an_address_that_is_taken_is_bad_and_the_remedy_fits_the_reason() {
    let mut machine = PaperMachine::complete();
    for (kind, remedy) in [(io::ErrorKind::AddrInUse, "ss -ltnp"), (io::ErrorKind::PermissionDenied, "1024")] {
        machine.taken = Some(("127.0.0.1:8000", kind));
        let (finding, able) = examined(&machine, &needs(), "address 127.0.0.1:8000");
        assert!(!able && finding.remedy.as_ref().is_some_and(|text| text.contains(remedy)), "{finding}");
    }
}

#[test]
fn few_open_files_are_a_warning_and_very_few_are_bad() {
    let mut machine = PaperMachine::complete();
    machine.open_files = OpenFileLimit { soft: 1_024, hard: 4_096 };
    assert_optional(&machine, &needs(), "open files", "1024");
    assert_eq!(examined(&machine, &needs(), "open files").0.remedy.as_deref(), Some("ulimit -n 4096"));
    machine.open_files.soft = 64;
    assert_bad(&machine, &needs(), "open files", "64");
}

#[test]
fn this_machine_answers_about_ports_files_and_programs() {
    let taken = std::net::TcpListener::bind("127.0.0.1:0").expect("a free port");
    let address = taken.local_addr().expect("a bound socket has an address").to_string();
    let refusal = ThisMachine.listen(&address).expect_err("the port is taken");
    assert_eq!(refusal.kind(), io::ErrorKind::AddrInUse);
    drop(taken);
    assert!(ThisMachine.listen(&address).is_ok());
    assert!(ThisMachine.open_file_limit().is_ok_and(|limit| limit.soft > 0 && limit.soft <= limit.hard));
    assert!(ThisMachine.program("sh").is_some_and(|path| path.is_absolute()));
    assert_eq!(ThisMachine.program("no-such-program-here"), None);
    assert!(ThisMachine.load_library("libc.so.6").is_ok());
    assert!(ThisMachine.load_library("libno-such-library.so.9").is_err_and(|text| text.contains("libno-such-library")));
}

#[test]
fn this_machines_libtorch_is_found_with_its_version() {
    let findings = examine(&ThisMachine, &Needs { addresses: Vec::new(), ..needs() });
    let libtorch = findings.iter().find(|finding| finding.what == "libtorch").expect("libtorch is always looked at");
    assert_eq!(libtorch.state, State::Good, "{libtorch}");
    assert!(libtorch.detail.starts_with("2.11."), "{libtorch}");
}

#[test]
fn findings_become_json() {
    let findings = examine(&PaperMachine::complete(), &needs());
    let value = serde_json::to_value(&findings).expect("findings are plain data");
    let gpu = value.as_array().and_then(|list| list.iter().find(|finding| finding["what"] == "GPU"));
    assert_eq!(gpu.map(|finding| finding["state"].as_str()), Some(Some("optional")));
}
