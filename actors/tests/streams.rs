//! A stream's actor with real stages and connections that are slow, break, and are taken over.

#[path = "streams/bench.rs"]
mod bench;

use std::time::Duration;

use bench::{Line, PATIENCE, fragment, wait_until, with_stream};
use sts_actors::events::LifecycleEvent;
use sts_actors::stream::{
    Attach, Close, Detach, Drain, End, ObserveStream, Offer, Pause, Resume, StreamSettings, StreamState, Tell,
    no_such_session,
};
use sts_protocol::{ErrorCode, Refusal, ServiceMessage};

const SOON: Duration = Duration::from_millis(200);

fn numbers(messages: &[ServiceMessage]) -> Vec<u64> {
    let number = |message: &ServiceMessage| match message {
        ServiceMessage::Processed(processed) => Some(processed.sequence_number),
        _ => None,
    };
    messages.iter().filter_map(number).collect()
}

#[test]
fn a_fragment_is_acknowledged_goes_through_all_stages_and_comes_back() {
    let (line, outlet) = Line::open(1);
    with_stream(StreamSettings::default(), outlet, move |bench| {
        let ready = line.ready();
        assert_eq!((ready.stream_id.as_str(), ready.session_id.as_str(), ready.resumed), ("s", "session", false));
        let ack = bench.offer(0).recv_timeout(PATIENCE).expect("answered").expect("accepted");
        assert_eq!(ack.fragment_id, "f0");
        assert_eq!(line.ack(), "f0");
        let result = line.result();
        assert_eq!(result.transcript.as_deref(), Some("words 0"));
        assert_eq!(result.translated_text.as_deref(), Some("WORDS 0"));
        assert!(result.dubbed_audio.is_some() && result.stage_timings.work_ms(sts_protocol::Stage::Tts).is_some());
    });
}

#[test]
fn every_event_has_its_answer_in_every_state() {
    let (line, outlet) = Line::open(1);
    let settings = StreamSettings { close_delay: SOON, ..StreamSettings::default() };
    with_stream(settings, outlet, move |bench| {
        line.ready();
        bench.stream.do_send(Resume);
        assert_eq!(bench.accept(0), Ok(()), "resuming what is active changes nothing");
        assert_eq!(line.ack(), "f0");
        line.result();

        bench.stream.do_send(Pause);
        bench.stream.do_send(Pause);
        assert_eq!(bench.accept(1), Err(ErrorCode::StreamPaused));
        let paused = line.error();
        assert_eq!((paused.fragment_id.as_deref(), paused.stream_id.as_deref()), (Some("f1"), Some("s")));
        assert_eq!(bench.accept(0), Ok(()), "a duplicate is acknowledged again");
        assert_eq!(line.ack(), "f0");
        assert_eq!(line.result().sequence_number, 0);
        bench.stream.do_send(Resume);

        bench.gate.shut();
        assert_eq!(bench.accept(1), Ok(()));
        assert_eq!(line.ack(), "f1");
        bench.stream.do_send(End);
        assert_eq!(bench.accept(2), Err(ErrorCode::StreamNotFound));
        assert!(line.error().message.contains("has been ended"));
        bench.stream.do_send(Pause);
        assert_eq!(line.error().code, ErrorCode::StreamNotFound);
        bench.stream.do_send(Resume);
        assert_eq!(line.error().code, ErrorCode::StreamNotFound);
        bench.stream.do_send(End);
        bench.gate.open();

        assert_eq!(line.result().sequence_number, 1);
        assert_eq!(line.complete().total_fragments, 2);
        assert!(line.closed().is_empty(), "complete comes once, and last");
        assert_eq!(bench.wait_until_gone(), "ended");
    });
}

#[test]
fn whoever_looks_sees_where_a_stream_is_what_it_did_and_what_went_wrong() {
    // No room for `stream:ready` yet.
    let (line, outlet) = Line::with_room(1, 0);
    let settings = StreamSettings { close_delay: SOON, ..StreamSettings::default() };
    with_stream(settings, outlet, move |bench| {
        let state = || bench.ask(ObserveStream).state;
        assert_eq!(state(), StreamState::Initializing);
        line.make_room(usize::MAX);
        line.ready();
        wait_until("it is active", || state() == StreamState::Active);

        bench.stream.do_send(Pause);
        assert_eq!(bench.accept(0), Err(ErrorCode::StreamPaused));
        assert_eq!(state(), StreamState::Paused);
        bench.stream.do_send(Resume);
        assert_eq!(bench.accept(0), Ok(()));
        line.result();
        wait_until("nothing is in flight", || bench.ask(ObserveStream).in_flight == 0);
        let seen = bench.ask(ObserveStream);
        let of = (seen.stream_id.as_str(), seen.worker_id.as_str(), seen.voice_profile.as_str());
        assert_eq!((of, seen.attached, seen.unsent), (("s", "w", "v"), true, 0));
        assert_eq!((seen.source_language.as_str(), seen.target_language.as_str()), ("en", "es"));
        assert_eq!((seen.fragments.received, seen.fragments.success, seen.fragments.failed), (1, 1, 0));
        assert_eq!(seen.processing_ms.recent.len(), 1);
        assert!(seen.stage_ms.asr.is_some() && seen.stage_ms.translation.is_some() && seen.stage_ms.tts.is_some());
        let error = seen.last_error.expect("a fragment was refused");
        assert_eq!((error.code, error.stage), (ErrorCode::StreamPaused, None));
        assert!(error.ms_ago >= 0.0 && error.ms_ago <= seen.opened_ms_ago && !error.message.is_empty());

        bench.gate.shut();
        assert_eq!(bench.accept(1), Ok(()));
        bench.stream.do_send(Detach { connection: line.number, farewell: false });
        assert_eq!((state(), bench.ask(ObserveStream).attached), (StreamState::Detached, false));
        let (again, outlet) = Line::open(2);
        bench.ask(Attach::new(2, outlet, Some(0)));
        assert_eq!(bench.ask(Drain).map(|drained| drained.in_flight).map_err(|error| error.code), Ok(1));
        assert_eq!((state(), bench.ask(ObserveStream).in_flight), (StreamState::Ending, 1));
        bench.gate.open();
        assert_eq!(again.complete().total_fragments, 2);
        assert_eq!(bench.wait_until_gone(), "ended");
    });
}

#[test]
fn a_slow_connection_gets_everything_in_order() {
    let (line, outlet) = Line::with_room(1, 1);
    with_stream(StreamSettings::default(), outlet, move |bench| {
        line.ready();
        for number in 0..3 {
            assert_eq!(bench.accept(number), Ok(()));
        }
        wait_until("all are recognised", || bench.gate.passed() == 3);
        bench.stream.do_send(End);
        assert!(line.has_heard_nothing());
        line.make_room(2);
        let first_two = [line.message(), line.message()];
        line.make_room(usize::MAX);
        let rest = std::iter::repeat_with(|| line.message()).take(4);
        // A result may be ready before the next fragment is acknowledged: each kind has its own order.
        let (mut acks, mut results) = (Vec::new(), Vec::new());
        for message in first_two.into_iter().chain(rest) {
            match message {
                ServiceMessage::Ack(ack) => acks.push(ack.fragment_id),
                ServiceMessage::Processed(result) => results.push(result.sequence_number),
                other => panic!("neither ack nor result, but {other:?}"),
            }
        }
        assert_eq!(acks, ["f0", "f1", "f2"]);
        assert_eq!(results, [0, 1, 2]);
        assert_eq!(line.complete().success_count, 3);
    });
}

#[test]
fn results_that_wait_for_a_slow_connection_count_as_load() {
    let (line, outlet) = Line::with_room(1, 1);
    with_stream(StreamSettings::default(), outlet, move |bench| {
        line.ready();
        for number in 0..10 {
            assert_eq!(bench.accept(number), Ok(()));
        }
        assert_eq!(bench.accept(10), Err(ErrorCode::BackpressureExceeded));
        let finished = |event: &LifecycleEvent| matches!(event, LifecycleEvent::FragmentProcessed { .. });
        let done = bench.events.iter().filter(finished).take(10).count();
        assert_eq!(done, 10, "all are done, and none was taken");
        assert_eq!(bench.accept(10), Err(ErrorCode::BackpressureExceeded));
        line.make_room(usize::MAX);
        for number in 0..10 {
            assert_eq!(line.result().sequence_number, number);
        }
        assert_eq!(bench.accept(10), Ok(()));
    });
}

#[test]
fn a_connection_that_takes_nothing_is_cut_past_the_bound_and_loses_no_result() {
    let (line, outlet) = Line::with_room(1, 1);
    with_stream(StreamSettings::default(), outlet, move |bench| {
        line.ready();
        assert_eq!(bench.accept(0), Ok(()));
        let refusal = || Refusal::new(ErrorCode::InvalidFragment, "a message too many").into_message(None);
        for _ in 0..256 {
            bench.stream.do_send(Tell(ServiceMessage::Error(refusal())));
        }
        assert!(line.closed().is_empty(), "it took nothing");
        let (second, outlet) = Line::open(2);
        bench.stream.do_send(Attach::new(2, outlet, None));
        assert!(second.ready().resumed);
        assert_eq!(second.result().sequence_number, 0);
    });
}

#[test]
fn a_connection_that_stalls_is_cut() {
    let (line, outlet) = Line::with_room(1, 1);
    let settings = StreamSettings { stall_timeout: SOON, ..StreamSettings::default() };
    with_stream(settings, outlet, move |bench| {
        line.ready();
        assert_eq!(bench.accept(0), Ok(()));
        assert!(line.closed().is_empty());
        let detached = |event: LifecycleEvent| matches!(event, LifecycleEvent::StreamDetached { .. });
        assert!(bench.events.iter().any(detached), "the worker may resume");
    });
}

#[test]
fn a_broken_connection_is_noticed_and_what_it_lost_is_replayed() {
    let (line, outlet) = Line::open(1);
    with_stream(StreamSettings::default(), outlet, move |bench| {
        line.ready();
        assert_eq!(bench.accept(0), Ok(()));
        assert_eq!(line.result().sequence_number, 0);
        line.break_off();
        assert_eq!(bench.accept(1), Ok(()), "it was accepted before anybody knew");
        assert!(line.closed().is_empty());
        let (second, outlet) = Line::open(2);
        bench.stream.do_send(Attach::new(2, outlet, Some(0)));
        let ready = second.ready();
        assert!(ready.resumed && ready.next_sequence_number == Some(2));
        assert_eq!(second.result().sequence_number, 1);
    });
}

#[test]
fn a_new_connection_takes_over_and_the_old_ones_farewell_is_too_late() {
    let (line, outlet) = Line::open(1);
    let settings = StreamSettings { resume_grace: Duration::ZERO, ..StreamSettings::default() };
    with_stream(settings, outlet, move |bench| {
        line.ready();
        let (second, outlet) = Line::open(2);
        bench.stream.do_send(Attach::new(second.number, outlet, None));
        assert!(line.closed().is_empty());
        assert!(second.ready().resumed);
        bench.stream.do_send(Detach { connection: line.number, farewell: false });
        assert_eq!(bench.accept(0), Ok(()), "it did not detach the stream, which would have ended it");
        assert_eq!(second.result().sequence_number, 0);
    });
}

#[test]
fn a_claim_to_have_what_was_never_sent_is_refused_and_the_stream_waits_on() {
    let (line, outlet) = Line::open(1);
    with_stream(StreamSettings::default(), outlet, move |bench| {
        line.ready();
        assert_eq!(bench.accept(0), Ok(()));
        line.result();
        let (boaster, outlet) = Line::open(2);
        bench.stream.do_send(Attach::new(2, outlet, Some(1)));
        let error = boaster.error();
        assert_eq!(error.code, ErrorCode::InvalidConfig);
        assert!(error.message.contains("`resume.last_sequence_received`"), "{}", error.message);
        assert!(boaster.closed().is_empty());
        bench.stream.do_send(Detach { connection: 2, farewell: false });
        let (honest, outlet) = Line::open(3);
        bench.stream.do_send(Attach::new(3, outlet, None));
        assert!(honest.ready().resumed);
        assert_eq!(honest.result().sequence_number, 0);
    });
}

#[test]
fn a_worker_that_comes_too_late_is_told_so() {
    let (line, outlet) = Line::open(1);
    with_stream(StreamSettings::default(), outlet, move |bench| {
        line.ready();
        bench.stream.do_send(Close { reason: "replaced" });
        let (racer, outlet) = Line::open(2);
        // The actor may still be there to drop this, or may not.
        bench.stream.do_send(Attach::new(2, outlet, None));
        assert_eq!(bench.wait_until_gone(), "replaced");
        let (late, outlet) = Line::open(3);
        bench.stream.do_send(Attach::new(3, outlet, None));
        for line in [racer, late] {
            let error = line.error();
            assert_eq!((error.code, error.message), (ErrorCode::StreamNotFound, no_such_session().message));
            assert!(line.closed().is_empty());
        }
    });
}

#[test]
fn a_stream_that_is_closed_costs_nothing_more() {
    let (line, outlet) = Line::open(1);
    with_stream(StreamSettings::default(), outlet, move |bench| {
        line.ready();
        bench.gate.shut();
        for number in 0..4 {
            assert_eq!(bench.accept(number), Ok(()));
        }
        wait_until("the recogniser has the first", || bench.gate.reached() == 1);
        bench.stream.do_send(Close { reason: "replaced" });
        assert!(numbers(&line.closed()).is_empty());
        assert_eq!(bench.wait_until_gone(), "replaced");
        bench.gate.open();
        wait_until("what was in work is done", || bench.gate.passed() > 0);
        let late: Vec<_> = std::iter::from_fn(|| bench.events.recv_timeout(SOON).ok()).collect();
        assert!(late.is_empty(), "{late:?} came after the end");
        assert_eq!(bench.gate.passed(), 1, "the jobs in the queue never met the engine");
    });
}

#[test]
fn without_a_grace_a_stream_ends_with_its_connection() {
    let (line, outlet) = Line::open(1);
    let settings = StreamSettings { resume_grace: Duration::ZERO, ..StreamSettings::default() };
    with_stream(settings, outlet, move |bench| {
        line.ready();
        bench.stream.do_send(Detach { connection: 1, farewell: false });
        assert_eq!(bench.wait_until_gone(), "grace_expired");
    });
}

#[test]
fn a_worker_that_stays_away_leaves_nothing() {
    let (line, outlet) = Line::open(1);
    let settings = StreamSettings { resume_grace: SOON, ..StreamSettings::default() };
    with_stream(settings, outlet, move |bench| {
        line.ready();
        assert_eq!(bench.accept(0), Ok(()));
        bench.stream.do_send(Detach { connection: 1, farewell: true });
        assert_eq!(bench.wait_until_gone(), "grace_expired");
    });
}

#[test]
fn a_stream_that_ends_while_its_worker_is_away_keeps_its_complete() {
    let (line, outlet) = Line::open(1);
    with_stream(StreamSettings::default(), outlet, move |bench| {
        line.ready();
        bench.gate.shut();
        assert_eq!(bench.accept(0), Ok(()));
        bench.stream.do_send(Detach { connection: 1, farewell: false });
        bench.stream.do_send(End);
        bench.gate.open();
        let finished = |event: LifecycleEvent| matches!(event, LifecycleEvent::FragmentProcessed { .. });
        assert!(bench.events.iter().any(finished));
        for connection in [2, 3] {
            // The first breaks after complete, and within the 5 s: the second gets both again.
            let (line, outlet) = Line::open(connection);
            bench.stream.do_send(Attach::new(connection, outlet, None));
            assert!(line.ready().resumed);
            assert_eq!(line.result().sequence_number, 0);
            assert_eq!(line.complete().success_count, 1);
            bench.stream.do_send(Detach { connection, farewell: connection == 3 });
        }
        assert_eq!(bench.wait_until_gone(), "ended", "a worker that has all and leaves need not be waited for");
    });
}

#[test]
fn a_panic_in_the_actor_leaves_nothing_behind() {
    let (line, outlet) = Line::open(1);
    with_stream(StreamSettings::default(), outlet, move |bench| {
        line.ready();
        let on_reply = Box::new(|_: Result<&_, &_>| panic!("told to panic"));
        bench.stream.do_send(Offer { fragment: fragment(0), on_reply });
        line.closed();
        assert_eq!(bench.wait_until_gone(), "stopped");
    });
}

#[test]
fn a_stream_ends_with_its_arbiter() {
    let (line, outlet) = Line::open(1);
    with_stream(StreamSettings::default(), outlet, move |bench| {
        line.ready();
        bench.arbiter.stop();
        assert!(line.closed().is_empty());
        assert_eq!(bench.wait_until_gone(), "stopped");
    });
}
