//! The reorder queue under any sequence of operations, beside a model that knows only what the contract says.

use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};

use arbitrary::{Arbitrary, Unstructured};
use sts_actors::stream::Reorder;
use sts_protocol::fragment::MAX_SEQUENCE_NUMBER;

const GAP_TIMEOUT: Duration = Duration::from_millis(2_000);
/// How far past the next number the session lets fragments in; the queue is never asked for more.
const WINDOW: u64 = 300;

/// Where the stream starts.
#[derive(Arbitrary, Clone, Copy, Debug)]
enum Start {
    Unknown,
    At(u16),
    /// This far before the last number that JSON can carry.
    NearTheEnd(u8),
}

/// What the session does with the queue.
#[derive(Arbitrary, Clone, Copy, Debug)]
enum Operation {
    /// A fragment is accepted, this far past the next number.
    Accept(u8),
    /// The nth number in work is finished.
    Finish(u8),
    /// Time goes by, in 16 ms, and what may leave leaves.
    Release(u8),
    /// The same with no patience for gaps, as in a stream that is ending.
    Flush,
}

#[derive(Arbitrary, Debug)]
struct Case {
    start: Start,
    operations: Vec<Operation>,
}

/// What is known from outside.
struct Model {
    start: Option<u64>,
    next: Option<u64>,
    in_work: BTreeSet<u64>,
    ready: BTreeMap<u64, u32>,
    blocked_since: Option<Instant>,
    /// Given up, and named by no result yet.
    unnamed: Vec<u64>,
}

/// One stream's life.
pub fn check(input: &[u8]) {
    let Ok(case) = Case::arbitrary(&mut Unstructured::new(input)) else { return };
    let first = match case.start {
        Start::Unknown => None,
        Start::At(number) => Some(number.into()),
        Start::NearTheEnd(before) => Some(MAX_SEQUENCE_NUMBER - u64::from(before)),
    };
    let mut queue = Reorder::new(first);
    let mut model = Model {
        start: first,
        next: first,
        in_work: BTreeSet::new(),
        ready: BTreeMap::new(),
        blocked_since: None,
        unnamed: Vec::new(),
    };
    let mut now = Instant::now();
    for (item, operation) in (0_u32..).zip(case.operations) {
        match operation {
            Operation::Accept(offset) => accept(&mut queue, &mut model, offset.into()),
            Operation::Finish(which) => finish(&mut queue, &mut model, which.into(), item),
            Operation::Release(ticks) => {
                now += Duration::from_millis(16) * u32::from(ticks);
                release(&mut queue, &mut model, now, GAP_TIMEOUT);
            }
            Operation::Flush => release(&mut queue, &mut model, now, Duration::ZERO),
        }
        compare(&queue, &model);
    }
    finish_all(&mut queue, &mut model, now);
}

fn accept(queue: &mut Reorder<u32>, model: &mut Model, offset: u64) {
    let base = model.next.unwrap_or(0);
    let number = base + offset.min(WINDOW);
    let known = model.in_work.contains(&number) || model.ready.contains_key(&number);
    if number > MAX_SEQUENCE_NUMBER || known {
        return;
    }
    queue.note(number);
    model.in_work.insert(number);
    // A stream that was not told otherwise starts at 0 or 1, whichever comes first.
    if model.next.is_none() && number <= 1 {
        (model.start, model.next) = (Some(number), Some(number));
        // The other one is past when 1 came first; nothing below it can be in work but 0, which would have come first.
        assert!(model.in_work.range(..number).next().is_none());
    }
}

fn finish(queue: &mut Reorder<u32>, model: &mut Model, which: usize, item: u32) {
    let count = model.in_work.len().max(1);
    let Some(number) = model.in_work.iter().copied().nth(which % count) else { return };
    model.in_work.remove(&number);
    model.ready.insert(number, item);
    queue.insert(number, item);
}

/// Lets leave what may, and checks each result: the next in order, its own item, and before it only numbers that never
/// came and were waited for long enough.
fn release(queue: &mut Reorder<u32>, model: &mut Model, now: Instant, gap_timeout: Duration) {
    let in_work = model.in_work.clone();
    let released = queue.release(now, gap_timeout, |number| in_work.contains(&number));
    let mut released = released.into_iter();
    while let Some((&earliest, &item)) = model.ready.first_key_value() {
        if model.next == Some(earliest) {
            let left = released.next().unwrap_or_else(|| panic!("{earliest} may leave and does not"));
            assert_eq!((left.sequence_number, left.item), (earliest, item));
            assert_eq!(left.skipped, std::mem::take(&mut model.unnamed), "named before {earliest}");
            model.ready.pop_first();
            (model.next, model.blocked_since) = (Some(earliest + 1), None);
            continue;
        }
        if model.next.is_some_and(|next| in_work.contains(&next)) {
            model.blocked_since = None;
            break;
        }
        let since = *model.blocked_since.get_or_insert(now);
        if now.duration_since(since) < gap_timeout {
            break;
        }
        let from = model.next.unwrap_or(1);
        let until = in_work.range(from..earliest).next().copied().unwrap_or(earliest);
        model.start.get_or_insert(from);
        model.unnamed.extend(from..until);
        model.next = Some(until);
    }
    assert_eq!(released.next().map(|left| left.sequence_number), None, "leaves too early");
}

fn compare(queue: &Reorder<u32>, model: &Model) {
    assert_eq!(queue.next(), model.next);
    assert_eq!(queue.waiting(), model.ready.len());
    let around = model.next.unwrap_or(0);
    for number in [0, 1, around.saturating_sub(1), around, around + 1, model.start.unwrap_or(0)] {
        assert_eq!(queue.is_past(number), model.next.is_some_and(|next| number < next), "is {number} past");
        // One that was given up has not left before a result has named it: nobody was told yet.
        let has_gone = model.start.zip(model.next).is_some_and(|(start, next)| (start..next).contains(&number));
        let has_left = has_gone && !model.unnamed.contains(&number);
        assert_eq!(queue.has_left(number), has_left, "has {number} left");
    }
}

/// However it went: once all work is done and nothing is waited for, nothing stays behind.
fn finish_all(queue: &mut Reorder<u32>, model: &mut Model, now: Instant) {
    while !model.in_work.is_empty() {
        finish(queue, model, 0, 0);
    }
    release(queue, model, now, Duration::ZERO);
    assert_eq!(queue.waiting(), 0, "results are left behind");
}
