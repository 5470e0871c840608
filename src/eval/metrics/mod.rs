//! Text metrics: word error rate, BLEU and chrF, and the normalisation that comes before counting words.

pub mod basic_normalizer;
pub mod bleu;
pub mod bleu_tokens;
pub mod chrf;
pub mod english_normalizer;
mod english_numbers;
mod number_words;
pub mod text_normalizer;
pub mod wer;

#[cfg(test)]
mod golden_tests;
