//! Tells a person how a fetch goes: bars on a terminal, plain lines elsewhere.

use std::io::IsTerminal;
use std::time::Instant;

use indicatif::{MultiProgress, ProgressBar, ProgressStyle};

/// Where progress is shown.
pub enum Progress {
    /// Nowhere.
    Silent,
    /// A line on standard error when something begins and when it ends.
    Lines,
    /// A bar for each thing under way.
    Bars(MultiProgress),
}

impl Progress {
    /// Bars when standard error is a terminal, lines when it is not.
    pub fn on_stderr() -> Self {
        if std::io::stderr().is_terminal() { Self::Bars(MultiProgress::new()) } else { Self::Lines }
    }

    /// Says something that has no length.
    pub fn say(&self, line: &str) {
        match self {
            Self::Silent => {}
            Self::Lines => eprintln!("{line}"),
            // It fails when the terminal has gone; there is nobody to tell then.
            Self::Bars(bars) => drop(bars.println(line)),
        }
    }

    /// Begins something of `bytes` bytes.
    pub(super) fn begin(&self, what: &str, bytes: u64) -> Task {
        let bar = match self {
            Self::Silent => None,
            Self::Lines => {
                eprintln!("{what}: {} MB", in_megabytes(bytes));
                None
            }
            Self::Bars(bars) => {
                let bar = bars.add(ProgressBar::new(bytes).with_message(what.to_owned()));
                let template = "{msg:32!} [{bar:30}] {bytes}/{total_bytes} {bytes_per_sec} {eta}";
                // A template that did not parse would leave the default style, which serves too.
                bar.set_style(ProgressStyle::with_template(template).unwrap_or_else(|_| ProgressStyle::default_bar()));
                Some(bar)
            }
        };
        let lines = matches!(self, Self::Lines);
        Task { bar, lines, what: what.to_owned(), started: Instant::now() }
    }
}

fn in_megabytes(bytes: u64) -> String {
    format!("{:.1}", bytes as f64 / 1e6)
}

/// Something under way.
pub(super) struct Task {
    bar: Option<ProgressBar>,
    lines: bool,
    what: String,
    started: Instant,
}

impl Task {
    /// Says how many bytes are done.
    pub fn reach(&self, bytes: u64) {
        if let Some(bar) = &self.bar {
            bar.set_position(bytes.min(bar.length().unwrap_or(bytes)));
        }
    }

    /// Says that it is done.
    pub fn finish(self) {
        if let Some(bar) = &self.bar {
            bar.finish_and_clear();
        }
        if self.lines {
            eprintln!("{}: done in {:.1} s", self.what, self.started.elapsed().as_secs_f64());
        }
    }
}
