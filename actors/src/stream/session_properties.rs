//! The session under random events, beside a plain model of what it ought to do and a worker that believes nothing.

mod model;
mod world;

use proptest::prelude::*;
use sts_protocol::Thresholds;

use self::world::World;
use super::StreamSettings;

/// Which number a worker offers.
#[derive(Clone, Copy, Debug)]
enum Choice {
    /// The first that was not accepted.
    Next,
    /// This far past it.
    Ahead(u64),
    /// This far before it: most likely a duplicate, or one that comes too late.
    Behind(u64),
    /// At this distance from the last that the window takes.
    Edge(u64),
    /// A fragment with a new number and the id of one in flight.
    BorrowedId(usize),
}

/// How a stage does a job.
#[derive(Clone, Copy, Debug)]
enum How {
    Well,
    /// Nobody speaks; a dub that is too long; a queue that is full, by stage.
    Oddly,
    /// The words are too long, where the synthesiser is told to say so.
    TooLong,
    Failing,
}

/// Something that happens.
#[derive(Clone, Copy, Debug)]
enum Happening {
    Offer(Choice, bool),
    /// A stage answers one of its jobs.
    Answer(usize, How),
    /// A stage answers a job for the second time.
    AnswerAgain(usize),
    Pause,
    Resume,
    End,
    /// The connection takes this many messages.
    Send(usize),
    /// This many messages arrive.
    Arrive(usize),
    /// The connection breaks, or the worker leaves.
    Detach(bool),
    /// The worker is back, with or without its memory.
    Attach(bool),
    /// Somebody is back, and claims to have more than was sent.
    Boast(u64),
    Wait(u64),
    Replace,
}

fn happening() -> impl Strategy<Value = Happening> {
    use Happening::*;
    let choice = prop_oneof![
        8 => Just(Choice::Next),
        3 => (1..4_u64).prop_map(Choice::Ahead),
        4 => (1..6_u64).prop_map(Choice::Behind),
        1 => (0..4_u64).prop_map(Choice::Edge),
        1 => any::<usize>().prop_map(Choice::BorrowedId),
    ];
    let answer =
        prop_oneof![8 => Just(How::Well), 1 => Just(How::Oddly), 2 => Just(How::TooLong), 1 => Just(How::Failing)];
    let milliseconds = prop_oneof![Just(100), Just(700), Just(2_000), Just(5_000), Just(29_000), Just(31_000)];
    prop_oneof![
        30 => (choice, prop::bool::weighted(0.97)).prop_map(|(choice, has_room)| Offer(choice, has_room)),
        40 => (any::<usize>(), answer).prop_map(|(job, how)| Answer(job, how)),
        2 => any::<usize>().prop_map(AnswerAgain),
        1 => Just(Pause),
        2 => Just(Resume),
        1 => Just(End),
        20 => (1..20_usize).prop_map(Send),
        20 => (1..20_usize).prop_map(Arrive),
        4 => prop::bool::weighted(0.2).prop_map(Detach),
        6 => prop::bool::weighted(0.9).prop_map(Attach),
        1 => (1..3_u64).prop_map(Boast),
        6 => milliseconds.prop_map(Wait),
        1 => prop::bool::weighted(0.1).prop_map(|replace| if replace { Replace } else { Wait(100) }),
    ]
}

fn settings() -> impl Strategy<Value = StreamSettings> {
    let grace = prop_oneof![1 => Just(0), 9 => Just(30_000)];
    // The lower bound on kept results makes them fall out all the time, the upper never.
    let kept = prop_oneof![Just((2, usize::MAX)), Just((usize::MAX, usize::MAX)), Just((usize::MAX, 100))];
    (1..8_usize, grace, kept).prop_map(|(critical, grace, (replay_results, replay_bytes))| StreamSettings {
        thresholds: Thresholds { low: critical / 3, medium: critical / 2, high: critical, critical },
        reorder_window: 8,
        resume_grace: std::time::Duration::from_millis(grace),
        replay_results,
        replay_bytes,
        ..StreamSettings::default()
    })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 10_000, ..ProptestConfig::default() })]

    /// Whatever happens, in whatever order: each accepted fragment has one result, results come in order, a worker
    /// that is honest misses none and has none twice, nothing outgrows its bound, and what is over stays over.
    #[test]
    fn a_session_does_what_the_model_says(
        settings in settings(),
        first in prop::option::weighted(0.5, 0..6_u64),
        happenings in prop::collection::vec(happening(), 1..80),
    ) {
        let mut world = World::new(settings, first);
        for happening in happenings {
            world.happen(happening);
        }
        world.conclude();
    }
}
