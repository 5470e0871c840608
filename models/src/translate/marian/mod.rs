//! The Marian family of translators (Junczys-Dowmunt et al., "Marian: Fast Neural Machine Translation in C++", 2018)
//! as native libtorch modules, on a CPU or a GPU, many sentences at once.
//!
//! | file | |
//! | --- | --- |
//! | `layers`, `encoder` | what all models of the family are made of |
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
mod layers;
mod opus;
mod opus_config;
mod opus_decoder;
mod opus_weights;
mod pieces;
mod search;
mod shortlist;
mod student;
mod translator;

pub use opus::OpusModel;
pub use search::{EarlyStopping, Hypothesis, Never, SearchOptions};
pub use student::Student;
pub use translator::OpusTranslator;

use crate::device::Device;

/// Whether leaving out the rows that are done pays: it copies what is remembered of the others, once, and saves them
/// their part of every step that is to come.
fn pays_to_leave_out(done: usize, rows: usize) -> bool {
    done * 8 >= rows
}

/// The device with the format that these models have there: float32 on a CPU, where their matrices are too small for
/// another to pay; the device's own on a GPU.
pub fn own_format(device: Device) -> Device {
    if device.torch == tch::Device::Cpu { Device::CPU_F32 } else { device }
}
