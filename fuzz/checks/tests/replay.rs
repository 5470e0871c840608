//! The targets without the fuzzer: the corpus that it kept, and a short pseudo-random run that is the same each time.

use std::fs;
use std::path::{Path, PathBuf};

use sts_fuzz_checks::TARGETS;

const RANDOM_INPUTS: usize = 20_000;

fn corpus(target: &str) -> Vec<(PathBuf, Vec<u8>)> {
    let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join("../corpus").join(target);
    let entries = fs::read_dir(&directory).unwrap_or_else(|error| panic!("{}: {error}", directory.display()));
    let mut inputs: Vec<_> = entries
        .map(|entry| entry.expect("the directory can be read").path())
        .map(|path| (path.clone(), fs::read(path).expect("the file can be read")))
        .collect();
    inputs.sort();
    inputs
}

/// A multiplicative congruential generator: this needs to be the same on every machine, and nothing else.
struct Dice(u64);

impl Dice {
    fn below(&mut self, bound: usize) -> usize {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) as usize % bound.max(1)
    }
}

/// Changes some bytes: overwritten, cut off, put in, doubled, or taken from another input.
fn mutate(dice: &mut Dice, input: &mut Vec<u8>, other: &[u8]) {
    for _ in 0..=dice.below(4) {
        let at = dice.below(input.len());
        match dice.below(6) {
            0 => input.truncate(at),
            1 => input.insert(at, dice.below(256) as u8),
            2 if !input.is_empty() => input[at] = dice.below(256) as u8,
            3 if !input.is_empty() => input[at] ^= 1 << dice.below(8),
            4 => {
                let part = input[at..(at + dice.below(16)).min(input.len())].to_vec();
                input.extend(part);
            }
            5 => {
                let from = dice.below(other.len());
                input.splice(at..at, other[from..(from + 1 + dice.below(24)).min(other.len())].iter().copied());
            }
            _ => {}
        }
    }
}

#[test]
fn the_kept_corpus_holds() {
    for (target, check) in TARGETS {
        let inputs = corpus(target);
        assert!(inputs.len() > 20, "the corpus of {target} has {} inputs: is it lost?", inputs.len());
        for (path, input) in &inputs {
            // A panic names the check that failed; this names the input.
            eprintln!("{}", path.display());
            check(input);
        }
        println!("{target}: {} inputs replayed", inputs.len());
    }
}

#[test]
fn random_changes_of_the_corpus_hold() {
    for (target, check) in TARGETS {
        let inputs: Vec<Vec<u8>> = corpus(target).into_iter().map(|(_, input)| input).collect();
        let mut dice = Dice(0x5eed);
        for _ in 0..RANDOM_INPUTS {
            let mut input = inputs[dice.below(inputs.len())].clone();
            let other = &inputs[dice.below(inputs.len())];
            mutate(&mut dice, &mut input, other);
            check(&input);
        }
        println!("{target}: {RANDOM_INPUTS} pseudo-random inputs");
    }
}
