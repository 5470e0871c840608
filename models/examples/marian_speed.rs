//! Times an OPUS-MT model's search for tests/bench/marian.py: `marian_speed FOLDER THREADS`. Reads a line of JSON with
//! `sources` (token ids) and `beams`, and answers with the first translation's `tokens` and the search's `ms`.

use std::io::{BufRead, Write};
use std::time::Instant;

use serde::Deserialize;
use sts_models::Device;
use sts_models::translate::marian::OpusModel;

#[derive(Deserialize)]
struct Request {
    sources: Vec<Vec<i64>>,
    beams: usize,
}

fn main() -> anyhow::Result<()> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [folder, threads] = arguments.as_slice() else { anyhow::bail!("usage: marian_speed FOLDER THREADS") };
    tch::set_num_threads(threads.parse()?);
    let model = OpusModel::load(folder.as_ref(), Device::CPU_F32)?;
    for line in std::io::stdin().lock().lines() {
        let request: Request = serde_json::from_str(&line?)?;
        let mut options = model.options.clone();
        options.beams = request.beams;
        let start = Instant::now();
        let lists = model.generate(&request.sources, &options)?;
        let ms = start.elapsed().as_secs_f64() * 1e3;
        let tokens = lists.first().and_then(|list| list.first()).map(|best| best.tokens.clone());
        let answer = serde_json::json!({ "ms": ms, "tokens": tokens });
        writeln!(std::io::stdout(), "{answer}")?;
    }
    Ok(())
}
