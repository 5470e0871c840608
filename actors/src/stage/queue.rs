//! A bounded queue that is fair between streams: each stream has a lane, and batches take from the lanes in turn.

use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// The queue holds as many items as it may.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Full;

/// What a worker that asked for work got.
#[derive(Debug, PartialEq, Eq)]
pub enum Batch<T> {
    /// Work: at least one item.
    Items(Vec<T>),
    /// It was told to leave, and got nothing.
    Leave,
    /// The queue was closed, and nothing is left in it.
    Closed,
}

/// The queue between streams and workers. Depth can be read at any time.
pub struct FairQueue<T> {
    capacity: usize,
    lanes: Mutex<Lanes<T>>,
    arrived: Condvar,
}

/// Invariant: `turns` names each lane that is not empty exactly once; `depth` is the sum of their lengths.
struct Lanes<T> {
    by_stream: HashMap<u64, VecDeque<Waiting<T>>>,
    turns: VecDeque<u64>,
    depth: usize,
    /// Places that are kept for items yet to come.
    kept: usize,
    closed: bool,
    /// Items are taken in but not handed out.
    paused: bool,
}

struct Waiting<T> {
    since: Instant,
    item: T,
}

impl<T> FairQueue<T> {
    /// An empty queue that holds at most `capacity` items.
    pub fn new(capacity: usize) -> Self {
        let lanes = Lanes {
            by_stream: HashMap::new(),
            turns: VecDeque::new(),
            depth: 0,
            kept: 0,
            closed: false,
            paused: false,
        };
        Self { capacity, lanes: Mutex::new(lanes), arrived: Condvar::new() }
    }

    // A worker that panics never holds this lock (engines run outside it), so a poisoned lock is still consistent.
    fn lock(&self) -> MutexGuard<'_, Lanes<T>> {
        self.lanes.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Adds an item at the end of its stream's lane.
    ///
    /// # Errors
    /// [`Full`], and the item is dropped.
    pub fn push(&self, stream: u64, item: T) -> Result<(), Full> {
        let mut lanes = self.lock();
        if lanes.depth + lanes.kept >= self.capacity {
            return Err(Full);
        }
        lanes.push_back(stream, item);
        drop(lanes);
        self.arrived.notify_one();
        Ok(())
    }

    /// Keeps a place for an item that is yet to come, so that whoever is promised one gets it.
    ///
    /// # Errors
    /// [`Full`].
    pub fn reserve(self: &Arc<Self>) -> Result<Place<T>, Full> {
        let mut lanes = self.lock();
        if lanes.depth + lanes.kept >= self.capacity {
            return Err(Full);
        }
        lanes.kept += 1;
        Ok(Place { queue: Arc::clone(self) })
    }

    /// Puts an item back at the head of the queue: it has waited before, since `since`. Capacity does not apply.
    pub fn push_front(&self, stream: u64, since: Instant, item: T) {
        let mut lanes = self.lock();
        lanes.lane(stream).push_front(Waiting { since, item });
        lanes.turns.retain(|&turn| turn != stream);
        lanes.turns.push_front(stream);
        lanes.depth += 1;
        drop(lanes);
        self.arrived.notify_one();
    }

    /// Waits for an item, then takes up to `limit`, one from each stream in turn. Once there is one it waits
    /// at most `linger` for the batch to fill. Nothing is taken once `leave` says so; [`FairQueue::wake`] has it asked
    /// again.
    pub fn pop_batch(&self, limit: usize, linger: Duration, leave: impl Fn() -> bool) -> Batch<T> {
        let mut lanes = self.lock();
        loop {
            if leave() {
                return Batch::Leave;
            }
            if lanes.depth == 0 && lanes.closed {
                return Batch::Closed;
            }
            if lanes.depth > 0 && (!lanes.paused || lanes.closed) {
                break;
            }
            lanes = self.arrived.wait(lanes).unwrap_or_else(PoisonError::into_inner);
        }
        let deadline = Instant::now() + linger;
        while lanes.depth < limit && !lanes.closed {
            let left = deadline.saturating_duration_since(Instant::now());
            if left.is_zero() {
                break;
            }
            lanes = self.arrived.wait_timeout(lanes, left).unwrap_or_else(PoisonError::into_inner).0;
        }
        Batch::Items(lanes.take(limit))
    }

    /// Has every waiting worker ask anew whether it is to leave.
    pub fn wake(&self) {
        // Under the lock: a worker is either before its question or waiting to be woken.
        let _lanes = self.lock();
        self.arrived.notify_all();
    }

    /// Stops or goes on handing items out; they are taken in all the same, as far as there is room.
    pub fn set_paused(&self, paused: bool) {
        self.lock().paused = paused;
        self.arrived.notify_all();
    }

    /// Whether items are held back.
    pub fn is_paused(&self) -> bool {
        self.lock().paused
    }

    /// How long the item that waits longest has waited.
    pub fn oldest_age(&self) -> Option<Duration> {
        let lanes = self.lock();
        let oldest = lanes.by_stream.values().filter_map(VecDeque::front).map(|waiting| waiting.since).min();
        oldest.map(|since| since.elapsed())
    }

    /// Items waiting.
    pub fn depth(&self) -> usize {
        self.lock().depth
    }

    /// Most items that may wait.
    pub fn capacity(&self) -> usize {
        self.capacity
    }

    /// Lets waiting workers go once nothing is left.
    pub fn close(&self) {
        self.lock().closed = true;
        self.arrived.notify_all();
    }
}

/// A place in a queue, kept for one item until this is dropped.
pub struct Place<T> {
    queue: Arc<FairQueue<T>>,
}

impl<T> Place<T> {
    /// Puts the item into it, at the end of its stream's lane.
    pub fn fill(self, stream: u64, item: T) {
        self.queue.lock().push_back(stream, item);
        self.queue.arrived.notify_one();
    }
}

impl<T> Drop for Place<T> {
    fn drop(&mut self) {
        self.queue.lock().kept -= 1;
    }
}

impl<T> Lanes<T> {
    fn push_back(&mut self, stream: u64, item: T) {
        self.lane(stream).push_back(Waiting { since: Instant::now(), item });
        self.depth += 1;
    }

    fn lane(&mut self, stream: u64) -> &mut VecDeque<Waiting<T>> {
        let lane = self.by_stream.entry(stream).or_default();
        if lane.is_empty() {
            self.turns.push_back(stream);
        }
        lane
    }

    fn take(&mut self, limit: usize) -> Vec<T> {
        let mut batch = Vec::with_capacity(limit.min(self.depth));
        while batch.len() < limit {
            let Some(stream) = self.turns.pop_front() else { break };
            let Some(lane) = self.by_stream.get_mut(&stream) else { continue };
            batch.extend(lane.pop_front().map(|waiting| waiting.item));
            if lane.is_empty() {
                self.by_stream.remove(&stream);
            } else {
                self.turns.push_back(stream);
            }
        }
        self.depth -= batch.len();
        batch
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NO_LINGER: Duration = Duration::ZERO;

    fn pop<T>(queue: &FairQueue<T>, limit: usize) -> Vec<T> {
        match queue.pop_batch(limit, NO_LINGER, || false) {
            Batch::Items(items) => items,
            Batch::Leave | Batch::Closed => Vec::new(),
        }
    }

    #[test]
    fn a_busy_stream_does_not_starve_a_quiet_one() {
        let queue = FairQueue::new(100);
        for item in 0..5 {
            queue.push(1, ("busy", item)).expect("room");
        }
        queue.push(2, ("quiet", 0)).expect("room");
        let batch = pop(&queue, 3);
        assert_eq!(batch, [("busy", 0), ("quiet", 0), ("busy", 1)]);
        assert_eq!(queue.depth(), 3);
    }

    #[test]
    fn a_full_queue_refuses_but_takes_back() {
        let queue = FairQueue::new(1);
        queue.push(1, 'a').expect("room");
        assert_eq!(queue.push(1, 'b'), Err(Full));
        queue.push_front(1, Instant::now(), 'z');
        assert_eq!(pop(&queue, 9), ['z', 'a']);
    }

    #[test]
    fn a_place_that_is_kept_is_nobody_elses() {
        let queue = Arc::new(FairQueue::new(2));
        let (first, second) = (queue.reserve().expect("room"), queue.reserve().expect("room"));
        assert_eq!(queue.push(1, 'a'), Err(Full));
        assert!(queue.reserve().is_err() && queue.depth() == 0);
        first.fill(1, 'b');
        assert_eq!(queue.push(1, 'c'), Err(Full));
        drop(second);
        queue.push(1, 'd').expect("what was kept for nothing is free again");
        assert_eq!(pop(&queue, 9), ['b', 'd']);
    }

    #[test]
    fn what_is_put_back_goes_first() {
        let queue = FairQueue::new(9);
        queue.push(1, 1).expect("room");
        queue.push(2, 2).expect("room");
        queue.push_front(3, Instant::now(), 3);
        assert_eq!(pop(&queue, 1), [3]);
    }

    #[test]
    fn a_waiting_worker_is_woken_by_an_item_and_by_closing() {
        let queue = Arc::new(FairQueue::new(9));
        let worker = {
            let queue = Arc::clone(&queue);
            std::thread::spawn(move || {
                let first = queue.pop_batch(4, NO_LINGER, || false);
                let second = queue.pop_batch(4, NO_LINGER, || false);
                (first, second)
            })
        };
        queue.push(1, 7).expect("room");
        while queue.depth() > 0 {
            std::thread::yield_now();
        }
        queue.close();
        assert_eq!(worker.join().expect("no panic"), (Batch::Items(vec![7]), Batch::Closed));
    }

    #[test]
    fn a_batch_waits_a_little_to_fill() {
        let queue = Arc::new(FairQueue::new(9));
        queue.push(1, 1).expect("room");
        let worker = {
            let queue = Arc::clone(&queue);
            std::thread::spawn(move || queue.pop_batch(2, Duration::from_secs(60), || false))
        };
        queue.push(2, 2).expect("room");
        assert_eq!(worker.join().expect("no panic"), Batch::Items(vec![1, 2]));
    }

    #[test]
    fn a_paused_queue_takes_in_and_hands_out_later() {
        let queue = Arc::new(FairQueue::new(9));
        queue.set_paused(true);
        queue.push(1, 1).expect("room");
        let worker = {
            let queue = Arc::clone(&queue);
            std::thread::spawn(move || pop(&queue, 4))
        };
        queue.push(1, 2).expect("room");
        assert!(queue.is_paused() && queue.oldest_age().is_some());
        queue.set_paused(false);
        assert_eq!(worker.join().expect("no panic"), [1, 2]);
        assert_eq!(queue.oldest_age(), None);
    }

    #[test]
    fn a_worker_that_is_to_leave_takes_nothing() {
        use std::sync::atomic::{AtomicBool, Ordering};
        let (queue, leave) = (Arc::new(FairQueue::new(9)), Arc::new(AtomicBool::new(false)));
        let worker = {
            let (queue, leave) = (Arc::clone(&queue), Arc::clone(&leave));
            std::thread::spawn(move || queue.pop_batch(4, NO_LINGER, || leave.load(Ordering::Acquire)))
        };
        leave.store(true, Ordering::Release);
        queue.wake();
        assert_eq!(worker.join().expect("no panic"), Batch::Leave);
        queue.push(1, 1).expect("room");
        assert_eq!(queue.pop_batch(4, NO_LINGER, || true), Batch::Leave);
        assert_eq!(pop(&queue, 4), [1]);
    }
}
