//! Fetches and verifies the weights: `fetch_models FOLDER [NAME]…`.

use std::time::Instant;

use sts_models::Store;
use sts_models::store::Progress;

fn main() -> anyhow::Result<()> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let Some((folder, names)) = arguments.split_first() else {
        anyhow::bail!("usage: fetch_models FOLDER [NAME]…");
    };
    let store = Store::new(folder.as_ref())?;
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    let started = Instant::now();
    let report = store.fetch(&names, &Progress::on_stderr())?;
    println!(
        "fetched {:?}, untouched {:?} in {:.2} s",
        report.fetched,
        report.untouched,
        started.elapsed().as_secs_f64()
    );
    for status in store.verify() {
        println!("{:20} {:>12} bytes  {:10} {:?}", status.name, status.bytes, status.licence, status.state);
    }
    Ok(())
}
