//! docs/quickstart.md does what it says: its blocks are run as they stand, over the fake engines, and what they print is
//! compared.

mod support;

use std::path::Path;
use std::process::Command;

use regex::Regex;
use support::{Service, root};

/// Languages of blocks; whatever else is fenced has no business in a quickstart.
const LANGUAGES: [&str; 2] = ["sh", "text"];

/// What a block is for, as the comment above it says.
#[derive(Debug, PartialEq, Eq)]
enum Mark {
    Run(String),
    NotRun(String),
    Prints(String),
}

impl std::fmt::Display for Mark {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Run(name) => write!(formatter, "run: {name}"),
            Self::NotRun(why) => write!(formatter, "not run: {why}"),
            Self::Prints(name) => write!(formatter, "prints: {name}"),
        }
    }
}

#[derive(Debug)]
struct Block {
    mark: Mark,
    text: String,
}

/// The blocks of a page.
///
/// # Errors
/// Which is unmarked, or marked in a way that means nothing.
fn blocks(page: &str) -> Result<Vec<Block>, String> {
    let (mut found, mut comment) = (Vec::new(), "");
    let mut lines = page.lines().enumerate();
    while let Some((number, line)) = lines.next() {
        let Some(language) = line.strip_prefix("```") else {
            comment = line;
            continue;
        };
        let place = format!("line {}", number + 1);
        if !LANGUAGES.contains(&language) {
            return Err(format!("{place}: a block of '{language}'"));
        }
        let said = comment.strip_prefix("<!-- ").and_then(|rest| rest.strip_suffix(" -->"));
        let mark = match said.and_then(|said| said.split_once(": ")) {
            Some(("run", name)) if language == "sh" => Mark::Run(name.to_owned()),
            Some(("prints", name)) if language == "text" => Mark::Prints(name.to_owned()),
            Some(("not run", why)) if why.split_whitespace().count() > 2 => Mark::NotRun(why.to_owned()),
            _ => return Err(format!("{place}: the block is not marked, but for '{comment}'")),
        };
        let text: Vec<&str> = lines.by_ref().map(|(_, line)| line).take_while(|line| *line != "```").collect();
        found.push(Block { mark, text: text.join("\n") });
        comment = "";
    }
    Ok(found)
}

/// A folder like a checkout, with what the blocks use of one.
fn checkout() -> tempfile::TempDir {
    let folder = tempfile::tempdir().expect("a folder");
    let copy = |file: &str| {
        let there = folder.path().join(file);
        std::fs::create_dir_all(there.parent().expect("a folder")).expect("made");
        std::fs::copy(root().join(file), there).unwrap_or_else(|error| panic!("{file}: {error}"));
    };
    ["docs/examples/client.py", "docs/examples/client.mjs", "docker/.env.example"].into_iter().for_each(copy);
    hush(Path::new("tests/audio/lj001.wav"), folder.path());
    std::os::unix::fs::symlink(root().join("tests/interop/node_modules"), folder.path().join("node_modules"))
        .expect("linked");
    folder
}

/// A recording of the repository, silent: the fakes read their orders from the first samples of a fragment, and would find
/// orders to fail in speech.
fn hush(recording: &Path, folder: &Path) {
    let original = hound::WavReader::open(root().join(recording)).expect("a recording");
    let there = folder.join(recording);
    std::fs::create_dir_all(there.parent().expect("a folder")).expect("made");
    let mut silent = hound::WavWriter::create(there, original.spec()).expect("created");
    (0..original.len()).for_each(|_| silent.write_sample(0_i16).expect("written"));
    silent.finalize().expect("written");
}

/// Runs a block, and gives all that it printed.
fn run(block: &str, folder: &Path, service: &Service) -> String {
    let port = |address: &str| address.rsplit(':').next().expect("a port").to_owned();
    let text = block.replace("8000", &port(&service.address)).replace("8001", &port(&service.operators));
    let programs = Path::new(env!("CARGO_BIN_EXE_sts")).parent().expect("a folder");
    // Python with python-socketio, and the program of this build, before any other.
    let path = format!(
        "{}:{}:{}",
        programs.display(),
        root().join("tests/interop/.venv/bin").display(),
        std::env::var("PATH").expect("there is one")
    );
    let output = Command::new("bash")
        .args(["-euo", "pipefail", "-c", &format!("exec 2>&1\n{text}")])
        .current_dir(folder)
        .env("PATH", path)
        .env("OPS_PORT", "0")
        .output()
        .expect("bash starts");
    let printed = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(output.status.success(), "{text}\nended with {:?} and printed\n{printed}", output.status.code());
    // As the page has them.
    printed.replace(&service.address, "127.0.0.1:8000").replace(&service.operators, "127.0.0.1:8001")
}

/// Lines of `said` that are not in `printed`, in this order; `…` stands for anything.
fn missing<'a>(said: &'a str, printed: &str) -> Vec<&'a str> {
    let mut rest = printed.lines();
    let is_there = |line: &&str| {
        let pattern = regex::escape(line).replace('…', ".*");
        let pattern = Regex::new(&format!("^{}\\s*$", pattern)).expect("a pattern");
        !rest.by_ref().any(|printed| pattern.is_match(printed))
    };
    said.lines().filter(is_there).collect()
}

#[test]
fn every_block_of_the_quickstart_is_marked_and_those_to_be_run_print_what_it_says() {
    let page = std::fs::read_to_string(root().join("docs/quickstart.md")).expect("it is there");
    let blocks = blocks(&page).expect("every block is marked");
    let service = Service::fake(&[]);
    let folder = checkout();
    let (mut names, mut last) = (Vec::new(), None);
    for block in &blocks {
        match &block.mark {
            Mark::Run(name) => {
                assert!(!names.contains(name), "'{name}' is there twice");
                names.push(name.clone());
                last = Some((name.clone(), run(&block.text, folder.path(), &service)));
            }
            Mark::Prints(name) => {
                let (run, printed) = last.take().expect("something was run before");
                assert_eq!(&run, name, "what is printed stands below what prints it");
                assert_eq!(missing(&block.text, &printed), [""; 0], "'{name}' printed\n{printed}");
            }
            Mark::NotRun(_) => last = None,
        }
    }
    assert!(names.len() >= 10, "{names:?}");
    assert!(blocks.iter().filter(|block| matches!(block.mark, Mark::NotRun(_))).count() < names.len());
}

#[test]
fn a_block_that_is_not_marked_is_found() {
    for (page, is_good) in [
        ("<!-- run: a -->\n```sh\ntrue\n```", true),
        ("<!-- not run: it wants a GPU -->\n```sh\ntrue\n```", true),
        ("<!-- run: a -->\n```sh\ntrue\n```\n<!-- prints: a -->\n```text\n…\n```", true),
        ("```sh\ntrue\n```", false),
        ("<!-- run: a -->\n\n```sh\ntrue\n```", false),
        ("<!-- not run: -->\n```sh\ntrue\n```", false),
        ("<!-- run: a -->\n```toml\n```", false),
        ("<!-- prints: a -->\n```sh\ntrue\n```", false),
    ] {
        assert_eq!(blocks(page).is_ok(), is_good, "{page}");
    }
}

#[test]
fn lines_are_looked_for_in_order_and_whole() {
    assert_eq!(missing("a\nc…e", "a\nb\ncde\n"), [""; 0]);
    assert_eq!(missing("c\na", "a\nc\n"), ["a"]);
    assert_eq!(missing("a", "ab\n"), ["a"]);
}

/// What docker/prove-quickstart.sh says of itself; nothing where it ends with another status than 0.
fn script(arguments: &[&str]) -> Option<String> {
    let script = root().join("docker/prove-quickstart.sh");
    let output = Command::new(script).args(arguments).output().expect("it starts");
    output.status.success().then(|| String::from_utf8(output.stdout).expect("UTF-8"))
}

#[test]
fn the_proof_in_a_fresh_system_runs_all_that_is_run_here_and_reads_the_page_alike() {
    let page = std::fs::read_to_string(root().join("docs/quickstart.md")).expect("it is there");
    let blocks = blocks(&page).expect("every block is marked");
    let listed = script(&["list"]).expect("it lists them");
    for begun in listed.lines() {
        let meant: Vec<_> = blocks.iter().filter(|block| block.mark.to_string().starts_with(begun)).collect();
        assert_eq!(meant.len(), 1, "{begun}");
    }
    for block in &blocks {
        let mark = block.mark.to_string();
        assert_eq!(script(&["block", &mark]), Some(block.text.clone() + "\n"), "{mark}");
        if let Mark::Run(_) = block.mark {
            assert!(listed.lines().any(|listed| listed == mark), "{mark}");
        }
    }
    assert_eq!(script(&["block", "run: what is not there"]), None);
    assert_eq!(script(&["block", "run: "]), None, "more than one is meant");
}
