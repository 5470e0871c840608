//! The real service over the real engines, of which any can be sabotaged in the midst of its work: once there is a file
//! of the name in `SABOTAGE` with `-asr.panic` or `-asr.poison` (and so on) at its end, the next batch of that stage is
//! computed, and then the engine panics, or says that it cannot be trusted any more. The file is gone by then. For as long
//! as there is one with `-asr.fail` at its end, that stage fails at everything.

use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;

use sts::config::{Config, Problems, SettingFlags};
use sts::service::Engines;
use sts_actors::stage::{EngineSource, StageEngine, StageFailure};
use sts_protocol::{ErrorCode, Stage};

/// A real engine, and the files that spoil its work.
struct Sabotaged<I, O> {
    engine: Box<dyn StageEngine<I, O>>,
    panics: PathBuf,
    is_poisoned: PathBuf,
    fails: PathBuf,
}

impl<I, O> StageEngine<I, O> for Sabotaged<I, O> {
    fn name(&self) -> String {
        self.engine.name()
    }

    fn process(&mut self, batch: &[I]) -> Vec<Result<O, StageFailure>> {
        let failure =
            |poisons| StageFailure { code: ErrorCode::StageUnavailable, poisons, message: "sabotaged".to_owned() };
        if self.fails.exists() {
            return batch.iter().map(|_| Err(failure(false))).collect();
        }
        let answers = self.engine.process(batch);
        // Removed first: whoever takes its place is not to meet it.
        assert!(std::fs::remove_file(&self.panics).is_err(), "sabotaged");
        if std::fs::remove_file(&self.is_poisoned).is_err() {
            return answers;
        }
        batch.iter().map(|_| Err(failure(true))).collect()
    }
}

fn sabotaged<I: 'static, O: 'static>(source: &EngineSource<I, O>, stage: Stage, by: &str) -> EngineSource<I, O> {
    let factory = source.factory.clone();
    let file = |how: &str| PathBuf::from(format!("{by}-{}.{how}", stage.as_str()));
    let (panics, is_poisoned, fails) = (file("panic"), file("poison"), file("fail"));
    let factory = Arc::new(move || {
        let engine = factory()?;
        let (panics, is_poisoned, fails) = (panics.clone(), is_poisoned.clone(), fails.clone());
        let sabotaged = Sabotaged { engine, panics, is_poisoned, fails };
        Ok(Box::new(sabotaged) as Box<dyn StageEngine<I, O>>)
    });
    EngineSource { factory, fallback: None }
}

fn engines(config: &Config) -> Result<Engines, String> {
    let by = std::env::var("SABOTAGE").map_err(|_| "SABOTAGE names the beginning of files' names".to_owned())?;
    let mut engines = Engines::real(config)?;
    engines.asr = sabotaged(&engines.asr, Stage::Asr, &by);
    engines.translation = sabotaged(&engines.translation, Stage::Translation, &by);
    engines.tts = sabotaged(&engines.tts, Stage::Tts, &by);
    Ok(engines)
}

fn run() -> Result<(), String> {
    let environment = |name: &str| std::env::var(name).ok();
    let config =
        Config::load(&SettingFlags::default(), environment, None).map_err(|Problems(problems)| problems.join("\n"))?;
    let (log, _guard) = sts::logging::start(&config.log_level)?;
    let engines = engines(&config)?;
    let (listening, address) = tokio::sync::oneshot::channel::<sts::service::Listening>();
    std::thread::spawn(move || {
        if let Ok(address) = address.blocking_recv() {
            println!("listening on {}\noperators on {}", address.workers, address.operators);
        }
    });
    sts::service::serve(config, engines, log, listening, None).map_err(|error| format!("{error:#}"))
}

fn main() -> ExitCode {
    sts::service::prepare_process();
    match run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{error}");
            ExitCode::FAILURE
        }
    }
}
