//! Reports as tables and as JSON files.

use std::path::Path;

use anyhow::Context;
use comfy_table::{CellAlignment, Table, presets};

/// An empty table; columns after the first `text_columns` hold numbers and are aligned to the right.
pub fn table(header: &[&str], text_columns: usize) -> Table {
    let mut table = Table::new();
    table.load_preset(presets::UTF8_HORIZONTAL_ONLY).set_header(header);
    for column in table.column_iter_mut().skip(text_columns) {
        column.set_cell_alignment(CellAlignment::Right);
    }
    table
}

/// Writes a report, indented.
///
/// # Errors
/// When the file cannot be written.
pub fn write_json(path: &Path, report: &impl serde::Serialize) -> anyhow::Result<()> {
    let mut text = serde_json::to_string_pretty(report).context("the report cannot be written as JSON")?;
    text.push('\n');
    std::fs::write(path, text).with_context(|| format!("the report {} cannot be written", path.display()))
}

/// Reads a text file with one item a line; blank lines stay, so that parallel files keep in step.
///
/// # Errors
/// When the file cannot be read or is not UTF-8.
pub fn read_lines(path: &Path) -> anyhow::Result<Vec<String>> {
    let text = std::fs::read_to_string(path).with_context(|| format!("{} cannot be read", path.display()))?;
    Ok(text.lines().map(str::to_owned).collect())
}

/// A bar on standard error, when that is a terminal.
pub fn progress(count: usize, unit: &'static str) -> indicatif::ProgressBar {
    let style = indicatif::ProgressStyle::with_template("{bar:30} {pos}/{len} {msg}  {eta} left")
        .unwrap_or_else(|_| indicatif::ProgressStyle::default_bar());
    indicatif::ProgressBar::new(count as u64).with_style(style).with_message(unit)
}
