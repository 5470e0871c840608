"""Levels of load, upwards and downwards, and the refusal above the critical threshold."""

from harness import Worker, check_error, open_gate


async def every_level_up_and_down():
    worker = await Worker.connect("python-pressure")
    await worker.init(first_sequence_number=0)

    async def level(severity, action, current_inflight, threshold_exceeded):
        assert await worker.next("backpressure") == {
            "stream_id": worker.id, "severity": severity, "action": action, "current_inflight": current_inflight,
            "max_inflight": 3, "threshold_exceeded": threshold_exceeded}

    await worker.accepted(0, 5, 201)
    for number in range(1, 10):
        await worker.accepted(number, 1, 1)
    await level("medium", "slow_down", 4, 3)
    await level("high", "pause", 7, 6)
    refused = await worker.refused("fragment:data", worker.fragment(10, 1), "BACKPRESSURE_EXCEEDED")
    assert (refused["fragment_id"], refused["stream_id"]) == ("f-10", worker.id)
    check_error(await worker.call("fragment:data", worker.fragment(10, 1)), "BACKPRESSURE_EXCEEDED")
    await worker.next("error")
    # One that is in flight is known, and not refused.
    await worker.accepted(9, 1, 1)
    open_gate(201)
    for number in range(10):
        await worker.result(number)
    await level("medium", "slow_down", 6, 3)
    await level("low", "none", 3, 0)
    await worker.accepted(10, 1, 1)
    await worker.result(10)
    assert (await worker.end())["total_fragments"] == 11
    assert worker.events["backpressure"].empty()
    await worker.finish()
