//! The processes of one Apertium mode: started together, fed by NUL-terminated texts, ended together.

use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::time::Duration;

/// Longest answer that is read; past it the pipeline has gone wrong.
const MAX_ANSWER_BYTES: u64 = 1 << 20;

/// The running processes of a mode. Dropping it kills them.
pub struct Pipeline {
    stages: Vec<Child>,
    requests: Option<Sender<Vec<u8>>>,
    answers: Receiver<String>,
}

/// Why a pipeline did not answer.
#[derive(Debug, PartialEq, thiserror::Error)]
pub enum PipelineError {
    /// A stage has ended.
    #[error("a process has ended")]
    Ended,
    /// No answer in time.
    #[error("no answer within {} ms", .0.as_millis())]
    Stuck(Duration),
}

impl Pipeline {
    /// Starts the mode that a `.mode` file describes; with `mark_unknown`, words that it does not know are marked
    /// (and are then not contracted with the article before them).
    ///
    /// # Errors
    /// A sentence that says which program or file is missing.
    pub fn start(mode: &Path, mark_unknown: bool) -> Result<Self, String> {
        let commands = stage_commands(mode, if mark_unknown { "-g" } else { "-n" })?;
        let mut pipeline = Self { stages: Vec::new(), requests: None, answers: channel().1 };
        let mut first_input: Option<ChildStdin> = None;
        let mut last_output: Option<ChildStdout> = None;
        for words in &commands {
            let (program, arguments) = words.split_first().ok_or("an Apertium mode has an empty stage")?;
            let input = last_output.take().map_or_else(Stdio::piped, Stdio::from);
            let mut child = Command::new(program)
                .args(arguments)
                .stdin(input)
                .stdout(Stdio::piped())
                .stderr(Stdio::null())
                .spawn()
                .map_err(|error| {
                    format!("{program} cannot be started ({error}); it is in Debian's package apertium")
                })?;
            first_input = first_input.or_else(|| child.stdin.take());
            last_output = child.stdout.take();
            pipeline.stages.push(child);
        }
        let (input, output) = first_input.zip(last_output).ok_or("an Apertium mode has no stages")?;
        pipeline.connect(input, output);
        Ok(pipeline)
    }

    /// Gives each end of the pipeline a thread, so that neither a full pipe nor a silent one can hold the caller.
    fn connect(&mut self, mut input: ChildStdin, output: ChildStdout) {
        let (request_sender, requests) = channel::<Vec<u8>>();
        let (answer_sender, answers) = channel::<String>();
        std::thread::spawn(move || {
            for request in requests {
                if input.write_all(&request).and_then(|()| input.flush()).is_err() {
                    return;
                }
            }
        });
        std::thread::spawn(move || {
            let mut output = BufReader::new(output);
            loop {
                let mut answer = Vec::new();
                let read = std::io::Read::take(&mut output, MAX_ANSWER_BYTES).read_until(0, &mut answer);
                if read.is_err() || answer.pop() != Some(0) {
                    return;
                }
                if answer_sender.send(String::from_utf8_lossy(&answer).into_owned()).is_err() {
                    return;
                }
            }
        });
        self.requests = Some(request_sender);
        self.answers = answers;
    }

    /// Sends one text, and waits until the answer that `accept` takes has come; others are passed over.
    ///
    /// # Errors
    /// [`PipelineError`] when a stage has ended or `deadline` has passed. The pipeline is of no use after that.
    pub fn exchange<T>(
        &mut self,
        text: &str,
        deadline: Duration,
        accept: impl Fn(&str) -> Option<T>,
    ) -> Result<T, PipelineError> {
        let started = std::time::Instant::now();
        let requests = self.requests.as_ref().ok_or(PipelineError::Ended)?;
        let mut request = text.as_bytes().to_vec();
        request.push(0);
        requests.send(request).map_err(|_| PipelineError::Ended)?;
        loop {
            let left = deadline.saturating_sub(started.elapsed());
            match self.answers.recv_timeout(left) {
                Ok(answer) => {
                    if let Some(taken) = accept(&answer) {
                        return Ok(taken);
                    }
                }
                Err(RecvTimeoutError::Timeout) => return Err(PipelineError::Stuck(deadline)),
                Err(RecvTimeoutError::Disconnected) => return Err(PipelineError::Ended),
            }
        }
    }

    /// Process ids of the stages, first to last.
    pub fn process_ids(&self) -> Vec<u32> {
        self.stages.iter().map(Child::id).collect()
    }
}

impl Drop for Pipeline {
    fn drop(&mut self) {
        for stage in &mut self.stages {
            // Both fail only for a process that has ended and been waited for.
            let _ = stage.kill();
            let _ = stage.wait();
        }
    }
}

/// The stages of a `.mode` file as program and arguments.
///
/// Such a file holds one shell pipeline: words, some in single quotes, and the placeholders `$1` (the
/// generator's flag) and `$2` (nothing). Every program is told
/// to end its answers with NUL (`-z`).
fn stage_commands(mode: &Path, generator_flag: &str) -> Result<Vec<Vec<String>>, String> {
    let line = std::fs::read_to_string(mode).map_err(|error| format!("{}: {error}", mode.display()))?;
    let mut stages = Vec::new();
    for stage in line.trim().split('|') {
        let words = stage.split_whitespace().map(|word| word.trim_matches('\'')).filter(|word| *word != "$2");
        let mut words: Vec<String> =
            words.map(|word| if word == "$1" { generator_flag } else { word }.to_owned()).collect();
        if words.is_empty() || words.iter().any(|word| word.contains(['$', '"', ';', '&', '<', '>', '`'])) {
            return Err(format!("{}: not a plain pipeline: {stage}", mode.display()));
        }
        words.insert(1, "-z".to_owned());
        stages.push(words);
    }
    Ok(stages)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mode_file(content: &str) -> tempfile::NamedTempFile {
        let file = tempfile::NamedTempFile::new().expect("a temporary file can be made");
        std::fs::write(file.path(), content).expect("the file is writable");
        file
    }

    #[test]
    fn a_mode_becomes_stages_that_end_their_answers_with_nul() {
        let mode = mode_file("lt-proc '/a/b.bin' | apertium-tagger -g $2 '/a/c.prob' | lt-proc $1 '/a/d.bin'\n");
        let stages = stage_commands(mode.path(), "-g").expect("the mode is plain");
        let joined: Vec<String> = stages.iter().map(|stage| stage.join(" ")).collect();
        assert_eq!(joined, ["lt-proc -z /a/b.bin", "apertium-tagger -z -g /a/c.prob", "lt-proc -z -g /a/d.bin"]);
    }

    #[test]
    fn a_mode_that_is_no_plain_pipeline_is_refused() {
        let mode = mode_file("lt-proc a; rm -r b");
        assert!(stage_commands(mode.path(), "-g").is_err());
    }

    #[test]
    fn a_missing_program_is_named_with_its_package() {
        let mode = mode_file("no-such-apertium-program 'a'");
        let error = Pipeline::start(mode.path(), true).err().expect("there is no such program");
        assert!(error.contains("no-such-apertium-program") && error.contains("package apertium"), "{error}");
    }

    #[test]
    fn a_silent_pipeline_is_given_up_and_a_dead_one_noticed() {
        let tail = mode_file("tail -f");
        let mut silent = Pipeline::start(tail.path(), true).expect("tail exists");
        let wait = Duration::from_millis(50);
        assert_eq!(silent.exchange("a", wait, |_| Some(())), Err(PipelineError::Stuck(wait)));
        let fails = mode_file("false");
        let mut dead = Pipeline::start(fails.path(), true).expect("false exists");
        assert_eq!(dead.exchange("a", Duration::from_secs(10), |_| Some(())), Err(PipelineError::Ended));
    }
}
