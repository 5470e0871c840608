//! Text between the recogniser and the voice: what a recogniser leaves out is put back before the translator sees it,
//! and what a translator must not lose is looked for in what comes back.
//!
//! | file | concept |
//! | --- | --- |
//! | `restore.rs` | capitals and full stops of a text that has none |
//! | `terms.rs` | names and terms among a programme's hints, and where a text has them |
//! | `numbers.rs` | numbers in figures, and whether a translation has them |

pub mod numbers;
pub mod restore;
pub mod terms;
