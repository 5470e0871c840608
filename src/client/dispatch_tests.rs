use super::*;

const BACK_OFF: Duration = Duration::from_millis(500);

fn options() -> DispatchOptions {
    let breaker =
        BreakerOptions { failures_in_a_row: 3, first_rest: Duration::from_secs(5), ..BreakerOptions::default() };
    DispatchOptions { in_flight: 3, retries: 2, back_off: BACK_OFF, breaker: Some(breaker) }
}

fn dispatcher(pieces: u64) -> Dispatcher {
    let mut dispatcher = Dispatcher::new(options(), fastrand::Rng::with_seed(7));
    (0..pieces).for_each(|piece| dispatcher.add(piece, None));
    dispatcher
}

fn failure(stage: Option<Stage>, code: ErrorCode) -> Failure {
    Failure { stage, code, message: "told".into(), retryable: code.retryable() }
}

fn sent(dispatcher: &mut Dispatcher, now: Instant) -> Vec<(u64, u64)> {
    dispatcher.take_due(now).0.into_iter().map(|emission| (emission.number, emission.piece)).collect()
}

fn fates(decision: Option<Decision>) -> Option<(u64, Fate)> {
    decision.map(|decision| (decision.piece, decision.fate))
}

#[test]
fn as_many_are_in_flight_as_both_sides_allow() {
    let now = Instant::now();
    let mut dispatcher = dispatcher(9);
    assert_eq!(sent(&mut dispatcher, now), [(0, 0), (1, 1), (2, 2)]);
    assert!(sent(&mut dispatcher, now).is_empty());
    assert_eq!(fates(dispatcher.answered(0, &[], None, now).expect("due")), Some((0, Fate::Dubbed)));
    assert_eq!(sent(&mut dispatcher, now), [(3, 3)]);
    dispatcher.opened(1, now);
    assert_eq!(sent(&mut dispatcher, now), [(4, 1)], "the service allows one");
}

#[test]
fn pressure_slows_and_pauses_what_is_sent() {
    let now = Instant::now();
    let mut dispatcher = dispatcher(9);
    dispatcher.pressed(Action::SlowDown);
    assert_eq!(sent(&mut dispatcher, now).len(), 1, "half as many at once");
    dispatcher.pressed(Action::Pause);
    assert!(sent(&mut dispatcher, now).is_empty(), "nothing new");
    dispatcher.answered(0, &[], None, now).expect("due");
    assert_eq!(sent(&mut dispatcher, now).len(), 1, "with nothing in flight nothing could lift the pause");
    dispatcher.pressed(Action::None);
    assert_eq!(sent(&mut dispatcher, now).len(), 2);
}

#[test]
fn what_may_come_right_is_tried_again_after_longer_and_longer_pauses() {
    let mut now = Instant::now();
    let mut dispatcher = dispatcher(1);
    for (number, longest) in [(0, BACK_OFF), (1, BACK_OFF * 2)] {
        assert_eq!(sent(&mut dispatcher, now), [(number, 0)]);
        let answer = dispatcher.answered(number, &[], Some(failure(None, ErrorCode::Timeout)), now).expect("due");
        assert_eq!(answer, None);
        let wake = dispatcher.wake_at(now).expect("it is to be tried again");
        assert!(wake > now && wake <= now + longest, "{:?}", wake - now);
        assert!(sent(&mut dispatcher, now).is_empty());
        now = wake;
    }
    assert_eq!(sent(&mut dispatcher, now), [(2, 0)]);
    let last =
        dispatcher.answered(2, &[], Some(failure(None, ErrorCode::Timeout)), now).expect("due").expect("decided");
    assert_eq!((last.attempts, last.fate), (3, Fate::Failed(failure(None, ErrorCode::Timeout))));
    assert!(dispatcher.is_idle());
}

#[test]
fn what_cannot_come_right_is_not_tried_again() {
    let now = Instant::now();
    let mut dispatcher = dispatcher(2);
    sent(&mut dispatcher, now);
    let wrong = failure(None, ErrorCode::DurationMismatchExceeded);
    let decided = fates(dispatcher.answered(0, &[], Some(wrong.clone()), now).expect("due"));
    assert_eq!(decided, Some((0, Fate::Failed(wrong))));
    let refusal = failure(None, ErrorCode::InvalidFragment);
    assert_eq!(fates(dispatcher.refused(1, refusal.clone(), now)), Some((1, Fate::Failed(refusal))));
    assert!(dispatcher.is_idle());
}

#[test]
fn a_refused_number_goes_again_and_a_skipped_one_under_a_new_number() {
    let now = Instant::now();
    let mut dispatcher = dispatcher(3);
    sent(&mut dispatcher, now);
    assert_eq!(dispatcher.refused(0, failure(None, ErrorCode::BackpressureExceeded), now), None);
    let later = now + BACK_OFF;
    assert_eq!(sent(&mut dispatcher, later), [(0, 0)]);
    assert_eq!(dispatcher.refused(0, failure(None, ErrorCode::BackpressureExceeded), later), None);
    // The service gave it up before it came again.
    assert_eq!(fates(dispatcher.answered(1, &[0], None, later).expect("due")), Some((1, Fate::Dubbed)));
    assert_eq!(sent(&mut dispatcher, later + BACK_OFF * 4), [(3, 0)]);
}

#[test]
fn what_would_come_too_late_is_not_sent() {
    let now = Instant::now();
    let second = Duration::from_secs(1);
    let mut dispatcher = dispatcher(1);
    sent(&mut dispatcher, now);
    dispatcher.answered(0, &[], None, now + second).expect("due");
    dispatcher.add(1, Some(now + second * 2));
    dispatcher.add(2, Some(now + second * 3));
    let (emissions, decisions) = dispatcher.take_due(now + second);
    assert_eq!(emissions.iter().map(|emission| emission.piece).collect::<Vec<_>>(), [2]);
    assert_eq!((decisions[0].piece, &decisions[0].fate), (1, &Fate::Late), "a second is the quickest so far");
    // Neither is it tried again.
    let failed = failure(None, ErrorCode::Timeout);
    let decided = dispatcher.answered(1, &[], Some(failed.clone()), now + second * 2).expect("due");
    assert_eq!(fates(decided), Some((2, Fate::Failed(failed))));
}

#[test]
fn what_waits_is_given_up_when_its_time_is_over() {
    let now = Instant::now();
    let mut dispatcher = dispatcher(3);
    sent(&mut dispatcher, now);
    let deadline = now + Duration::from_secs(9);
    dispatcher.add(3, Some(deadline));
    assert_eq!(dispatcher.wake_at(now), Some(deadline));
    let (emissions, decisions) = dispatcher.take_due(deadline);
    assert!(emissions.is_empty());
    assert_eq!((decisions[0].piece, &decisions[0].fate), (3, &Fate::Late));
}

#[test]
fn a_stream_that_goes_on_gets_what_it_had_not_taken_under_the_same_numbers() {
    let now = Instant::now();
    let mut dispatcher = dispatcher(3);
    sent(&mut dispatcher, now);
    dispatcher.resumed(1, 3, now);
    assert_eq!(sent(&mut dispatcher, now), [(1, 1), (2, 2)]);
    for number in 0..3 {
        assert_eq!(fates(dispatcher.answered(number, &[], None, now).expect("due")), Some((number, Fate::Dubbed)));
    }
}

#[test]
fn a_stream_that_begins_anew_gets_everything_under_new_numbers_but_not_for_ever() {
    let now = Instant::now();
    let mut dispatcher = dispatcher(2);
    for round in 0..3 {
        assert_eq!(dispatcher.next_number(), round * 2);
        assert_eq!(sent(&mut dispatcher, now), [(round * 2, 0), (round * 2 + 1, 1)]);
        let decided = dispatcher.opened(3, now);
        assert_eq!(decided.len(), if round < 2 { 0 } else { 2 }, "a piece may be what kills the service");
    }
    assert!(dispatcher.is_idle());
}

#[test]
fn answers_that_may_not_come_are_told() {
    let now = Instant::now();
    let mut dispatcher = dispatcher(2);
    sent(&mut dispatcher, now);
    assert!(dispatcher.answered(1, &[], None, now).is_err_and(|error| error.contains("0 was due")));
    dispatcher.answered(0, &[], None, now).expect("due");
    assert!(dispatcher.answered(0, &[], None, now).is_err_and(|error| error.contains("was answered")));
    dispatcher.answered(1, &[], None, now).expect("due");
    assert!(dispatcher.answered(2, &[], None, now).is_err_and(|error| error.contains("not sent")));
}

#[test]
fn an_abandoned_piece_is_not_sent_and_its_answer_is_of_no_account() {
    let now = Instant::now();
    let mut dispatcher = dispatcher(4);
    sent(&mut dispatcher, now);
    dispatcher.abandon(0);
    dispatcher.abandon(3);
    assert_eq!(fates(dispatcher.answered(0, &[], None, now).expect("due")), None);
    assert!(sent(&mut dispatcher, now).is_empty());
    assert!(!dispatcher.is_idle());
}

#[test]
fn a_stage_that_fails_in_a_row_is_left_alone_and_then_probed() {
    let mut now = Instant::now();
    let mut dispatcher = Dispatcher::new(DispatchOptions { retries: 0, ..options() }, fastrand::Rng::with_seed(7));
    let state = |dispatcher: &Dispatcher, stage| dispatcher.breakers().find(|(own, _)| *own == stage).map(|(_, s)| s);
    (0..10).for_each(|piece| dispatcher.add(piece, None));
    let broken = || Some(failure(Some(Stage::Translation), ErrorCode::StageUnavailable));
    for number in 0..3 {
        sent(&mut dispatcher, now);
        dispatcher.answered(number, &[], broken(), now).expect("due");
    }
    assert_eq!(state(&dispatcher, Stage::Translation), Some(BreakerState::Open));
    assert_eq!(state(&dispatcher, Stage::Asr), Some(BreakerState::Closed));
    // What was in flight as it opened says no more of it.
    for number in 3..5 {
        dispatcher.answered(number, &[], broken(), now).expect("due");
    }
    assert!(sent(&mut dispatcher, now).is_empty());
    now = dispatcher.wake_at(now).expect("it rests for a while");
    assert_eq!(sent(&mut dispatcher, now).len(), 1, "one fragment probes");
    assert_eq!(state(&dispatcher, Stage::Translation), Some(BreakerState::HalfOpen));
    dispatcher.answered(5, &[], broken(), now).expect("due");
    assert_eq!(state(&dispatcher, Stage::Translation), Some(BreakerState::Open));
    now = dispatcher.wake_at(now).expect("it rests for longer");
    assert_eq!(sent(&mut dispatcher, now).len(), 1);
    dispatcher.answered(6, &[], None, now).expect("due");
    assert_eq!(state(&dispatcher, Stage::Translation), Some(BreakerState::Closed));
    assert_eq!(sent(&mut dispatcher, now).len(), 3);
}

#[test]
fn a_probe_that_another_stage_swallows_leaves_the_breaker_ready_for_the_next() {
    let mut now = Instant::now();
    let mut dispatcher = Dispatcher::new(DispatchOptions { retries: 0, ..options() }, fastrand::Rng::with_seed(7));
    (0..10).for_each(|piece| dispatcher.add(piece, None));
    for number in 0..3 {
        sent(&mut dispatcher, now);
        let broken = failure(Some(Stage::Tts), ErrorCode::StageUnavailable);
        dispatcher.answered(number, &[], Some(broken), now).expect("due");
    }
    dispatcher.answered(3, &[], None, now).expect("due");
    dispatcher.answered(4, &[], None, now).expect("due");
    now = dispatcher.wake_at(now).expect("it rests");
    assert_eq!(sent(&mut dispatcher, now), [(5, 5)]);
    let other = failure(Some(Stage::Asr), ErrorCode::Timeout);
    dispatcher.answered(5, &[], Some(other), now).expect("due");
    assert_eq!(sent(&mut dispatcher, now), [(6, 6)], "the next one probes at once");
}
