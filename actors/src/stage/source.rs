//! What a stage's engines are built by, and what builds them when the first device stays away.

use super::EngineFactory;

/// Faults of the device, with no batch done between them, after which the stage goes over to the other one.
const FAULTS: u32 = 3;

/// Builds a stage's engines.
pub struct EngineSource<I, O> {
    /// On the device that was chosen.
    pub factory: EngineFactory<I, O>,
    /// On another one, when that one stays away.
    pub fallback: Option<Fallback<I, O>>,
}

/// What is left when the device that was chosen stays away.
pub struct Fallback<I, O> {
    /// Builds engines there.
    pub factory: EngineFactory<I, O>,
    /// Most jobs that such an engine takes at once.
    pub max_batch: usize,
    /// Whether the reason for which a worker was lost is the device's fault.
    pub is_device_fault: fn(&str) -> bool,
}

impl<I, O> Clone for EngineSource<I, O> {
    fn clone(&self) -> Self {
        Self { factory: self.factory.clone(), fallback: self.fallback.clone() }
    }
}

impl<I, O> Clone for Fallback<I, O> {
    fn clone(&self) -> Self {
        Self { factory: self.factory.clone(), max_batch: self.max_batch, is_device_fault: self.is_device_fault }
    }
}

impl<I, O> From<EngineFactory<I, O>> for EngineSource<I, O> {
    fn from(factory: EngineFactory<I, O>) -> Self {
        Self { factory, fallback: None }
    }
}

/// Why a worker is no more.
#[derive(Clone, Copy, Debug)]
pub(super) struct Loss<'a> {
    /// Its engine could not be built, or did not return: on a device that stays away that is all there is to see.
    pub(super) is_mute: bool,
    /// A sentence.
    pub(super) error: &'a str,
    /// Batches that the stage has done in all.
    pub(super) batches: u64,
}

/// Whether the stage has gone over, and how near it is to that.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Failover {
    pub(super) engaged: bool,
    faults: u32,
    batches: u64,
}

impl Failover {
    /// Notes that a worker on the first device was lost. Says whether the stage goes over now.
    ///
    /// An engine that cannot be built there, or does not return, counts whatever the reason; one that says why it is
    /// lost only when the device is to blame, or else a bad fragment could move a stage. A batch that was done shows that
    /// the device is there.
    pub(super) fn note(&mut self, loss: Loss<'_>, is_device_fault: fn(&str) -> bool) -> bool {
        if self.engaged || !(loss.is_mute || is_device_fault(loss.error)) {
            return false;
        }
        self.faults = if loss.batches == self.batches { self.faults + 1 } else { 1 };
        self.batches = loss.batches;
        self.engaged = self.faults >= FAULTS;
        self.engaged
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn blames_cuda(error: &str) -> bool {
        error.contains("CUDA")
    }

    fn after(losses: &[(bool, &str, u64)]) -> Vec<bool> {
        let mut failover = Failover::default();
        let note = |&(is_mute, error, batches): &(bool, &str, u64)| {
            failover.note(Loss { is_mute, error, batches }, blames_cuda)
        };
        losses.iter().map(note).collect()
    }

    #[test]
    fn the_third_fault_in_a_row_moves_the_stage_and_only_once() {
        let (gone, broken) = ((true, "no driver", 7), (false, "CUDA error", 7));
        assert_eq!(after(&[broken, gone, gone, gone]), [false, false, true, false]);
    }

    #[test]
    fn a_batch_between_two_faults_shows_that_the_device_is_there() {
        let at = |batches| (false, "CUDA error", batches);
        assert_eq!(
            after(&[at(0), at(0), at(1), at(1), at(2), at(2), at(2)]),
            [false, false, false, false, false, false, true]
        );
    }

    #[test]
    fn panics_over_a_fragment_do_not_count() {
        let panic = (false, "index out of bounds", 0);
        assert_eq!(after(&[panic; 5]), [false; 5]);
    }
}
