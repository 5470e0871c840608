"""SIGTERM: nothing new is taken, what was accepted is delivered, every stream is completed. A worker that is away
may still come back."""

import os
import signal

from harness import INIT, Worker, check_error, eventually, open_gate, without


async def the_service_drains():
    worker, away = await Worker.connect("python-drain"), await Worker.connect("python-drain-away")
    await worker.init(first_sequence_number=0)
    session_id = (await away.init(first_sequence_number=0))["session_id"]
    await away.accepted(0, 5, 602)
    await away.break_off()
    await worker.accepted(0, 5, 601)
    await worker.emit("stream:pause")
    await worker.refused("fragment:data", worker.fragment(1, 1), "STREAM_PAUSED")
    os.kill(int(os.environ["SERVICE_PID"]), signal.SIGTERM)

    async def other_refusal():
        refused = await worker.call("fragment:data", worker.fragment(1, 1))
        if refused["code"] != "STREAM_PAUSED":
            return refused
        check_error(await worker.next("error"), "STREAM_PAUSED")
        return None

    # A paused stream takes nothing either way: when the reason changes, the signal has arrived.
    check_error(await eventually("the drain", other_refusal), "SERVICE_OVERLOADED", "draining")
    check_error(await worker.next("error"), "SERVICE_OVERLOADED", "draining")
    await worker.refused("fragment:data", worker.fragment(1, 1), "SERVICE_OVERLOADED", "draining")
    late = await Worker.connect("python-drain-late")
    await late.refused("stream:init", INIT, "SERVICE_OVERLOADED", "draining")
    back = await Worker.connect("python-drain-away")
    ready = await back.init(resume={"session_id": session_id, "last_sequence_received": None})
    assert (ready["resumed"], ready["next_sequence_number"]) == (True, 1), ready
    await back.refused("fragment:data", back.fragment(1, 1), "SERVICE_OVERLOADED", "draining")
    open_gate(601)
    open_gate(602)
    for each in (worker, back):
        await each.result(0)
        complete = without(await each.next("stream:complete"), "avg_processing_time_ms")
        assert complete == {"total_fragments": 1, "success_count": 1, "partial_count": 0, "failed_count": 0}, complete
        await each.next("disconnect")
