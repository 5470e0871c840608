//! The Marian family of translators (Junczys-Dowmunt et al., "Marian: Fast Neural Machine Translation in C++", 2018)
//! as native libtorch modules, on a CPU or a GPU, many sentences at once.
//!
//! | file | |
//! | --- | --- |
//! | `layers`, `encoder` | what all models of the family are made of |
//! | `precision` | the number formats of their matrices |
//! | `int8` | a layer whose weights and inputs are int8 |
//! | `pieces` | SentencePiece |
//! | `firefox_weights` | the file of a Firefox model as layers |
//! | `student` | Firefox's students: the recurrent decoder, greedy search |
//! | `shortlist` | the tokens that a student's translation may be made of |
//! | `opus_config`, `opus_weights` | the files of an OPUS-MT model |
//! | `opus`, `opus_decoder` | OPUS-MT: the standard transformer |
//! | `search` | beam search, to n-best lists |
//! | `translator` | an OPUS-MT model as a translator of whole texts |

mod encoder;
mod firefox_weights;
mod int8;
mod layers;
mod opus;
mod opus_config;
mod opus_decoder;
mod opus_weights;
mod pieces;
mod precision;
mod search;
mod shortlist;
mod student;
mod translator;

pub use opus::OpusModel;
pub use precision::Precision;
pub use search::{EarlyStopping, Hypothesis, Never, SearchOptions};
pub use student::Student;
pub use translator::OpusTranslator;

/// Whether leaving out the rows that are done pays: it copies what is remembered of the others, once, and saves them
/// their part of every step that is to come.
fn pays_to_leave_out(done: usize, rows: usize) -> bool {
    done * 8 >= rows
}
