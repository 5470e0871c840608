//! `sts`. See README.md for what it does, and `cli.rs` for what can be typed.

fn main() -> std::process::ExitCode {
    sts::cli::run()
}
