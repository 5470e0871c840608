//! Translates standard input line by line: `translate_lines STORE SOURCE TARGET < in > out`; times go to stderr.

use std::io::BufRead;
use std::time::Instant;

use sts_models::{EmbeddedTranslator, EmbeddedTranslatorOptions, TranslateRequest, Translator};

fn main() -> anyhow::Result<()> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [store, source, target] = arguments.as_slice() else {
        anyhow::bail!("usage: translate_lines STORE SOURCE TARGET < in > out");
    };
    let mut translator = EmbeddedTranslator::load(store.as_ref(), EmbeddedTranslatorOptions::default())?;
    translator.warm_up(&[(source.as_str(), target.as_str())])?;
    let mut milliseconds = Vec::new();
    for line in std::io::stdin().lock().lines() {
        let request = TranslateRequest {
            text: line?,
            source_language: source.clone(),
            target_language: target.clone(),
            ..TranslateRequest::default()
        };
        let started = Instant::now();
        for answer in translator.translate(&[request]) {
            println!("{}", answer?.text);
        }
        milliseconds.push(started.elapsed().as_secs_f64() * 1e3);
    }
    milliseconds.sort_by(f64::total_cmp);
    let at = |fraction: f64| milliseconds.get((milliseconds.len() as f64 * fraction) as usize).copied().unwrap_or(0.0);
    eprintln!("{} lines, p50 {:.1} ms, p95 {:.1} ms, most {:.1} ms", milliseconds.len(), at(0.5), at(0.95), at(0.9999));
    Ok(())
}
