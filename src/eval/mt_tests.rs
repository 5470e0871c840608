//! The translation harness with a phrase book.

use std::collections::HashMap;

use clap::Parser;

use super::super::fake_engines::PhraseBook;
use super::*;

#[derive(clap::Parser)]
struct CommandLine {
    #[command(flatten)]
    args: MtArgs,
}

/// Files of three sentences, and the arguments that name them.
fn corpus(extra: &[&str]) -> (tempfile::TempDir, MtArgs) {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let files = [
        ("src", "Good morning, my friends.\nThe cat is on the table.\nUnknown words.\n"),
        ("ref", "Buenos días, amigos míos.\nEl gato está en la mesa.\nPalabras desconocidas.\n"),
        ("labels", "news\nhome\nnews\n"),
        ("short", "Una sola línea.\n"),
    ];
    for (name, text) in files {
        std::fs::write(folder.path().join(name), text).expect("the file can be written");
    }
    let path = |name: &str| folder.path().join(name).to_string_lossy().into_owned();
    let mut line: Vec<String> = ["mt", "--from", "en", "--to", "es", "--src"].map(str::to_owned).to_vec();
    line.push(path("src"));
    for word in extra {
        line.push(if word.starts_with("--") || word.parse::<usize>().is_ok() {
            (*word).to_owned()
        } else {
            path(word)
        });
    }
    let args = CommandLine::try_parse_from(line).expect("the command line is good").args;
    (folder, args)
}

fn phrase_book() -> PhraseBook {
    PhraseBook(HashMap::from([
        ("Good morning, my friends.", "Buenos días, mis amigos."),
        ("The cat is on the table.", "El gato está en la mesa."),
    ]))
}

#[test]
fn scores_all_and_each_part_and_counts_failures_as_empty() {
    let (_folder, args) = corpus(&["--ref", "ref", "--labels", "labels"]);
    let report = evaluate(&args, &mut phrase_book(), None).expect("it can run");
    let parts: Vec<_> = report.parts.iter().map(|row| (row.part.as_str(), row.sentences, row.failures)).collect();
    assert_eq!(parts, [("news", 2, 1), ("home", 1, 0)]);
    assert!((report.parts[1].bleu - 100.0).abs() < 1e-9);
    assert!(report.total.bleu > 0.0 && report.total.bleu < 100.0, "{}", report.total.bleu);
    assert!(report.parts[0].chrf < report.total.chrf);
    assert_eq!(report.sentences[2].hypothesis, "");
    assert!(report.sentences[2].failure.as_ref().is_some_and(|text| text.contains("no entry")));
}

#[test]
fn the_table_names_how_the_scores_were_computed() {
    let (_folder, args) = corpus(&["--ref", "ref", "--limit", "2"]);
    let report = run(&args, &mut phrase_book(), None).expect("it can run");
    assert_eq!((report.total.sentences, report.parts.len()), (2, 0));
    let table = report.to_string();
    assert!(table.contains("BLEU nrefs:1|case:mixed|eff:no|tok:13a|smooth:exp"), "{table}");
}

#[test]
fn one_sentence_of_so_many_is_measured() {
    let (_folder, args) = corpus(&["--ref", "ref", "--labels", "labels", "--every", "2"]);
    let report = evaluate(&args, &mut phrase_book(), None).expect("it can run");
    let sources: Vec<_> = report.sentences.iter().map(|sentence| sentence.source.as_str()).collect();
    assert_eq!(sources, ["Good morning, my friends.", "Unknown words."]);
}

#[test]
fn batches_are_timed_and_compared_with_single_sentences() {
    let (_folder, args) = corpus(&["--ref", "ref", "--batch", "2"]);
    let report = evaluate(&args, &mut phrase_book(), None).expect("it can run");
    let table = report.to_string();
    let batched = report.batched.expect("it was asked for");
    // The third sentence is not in the book.
    assert_eq!((batched.size, batched.latency.calls, batched.different), (2, 2, 1));
    assert!(table.contains("2 sentences a call"), "{table}");
}

#[test]
fn files_out_of_step_and_pairs_not_served_are_refused() {
    let (_folder, args) = corpus(&["--ref", "short"]);
    let error = evaluate(&args, &mut phrase_book(), None).expect_err("the files differ in length");
    assert!(error.to_string().contains("has 1 lines"), "{error}");
    let (_folder, mut args) = corpus(&["--ref", "ref"]);
    args.to = "de".to_owned();
    let error = evaluate(&args, &mut phrase_book(), None).expect_err("German is not in the book");
    assert!(error.to_string().contains("does not translate en to de"), "{error}");
}
