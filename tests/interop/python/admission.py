"""The service's own bounds: streams, and fragments that wait for the recogniser."""

import os

from harness import INIT, SERVER_DISCONNECT, Worker, check_error, eventually, metrics, open_gate

MAX_STREAMS = int(os.environ.get("MAX_STREAMS", 0))
QUEUE = int(os.environ.get("QUEUE_CAPACITY", 0))
IN_TURN = True


async def the_queue_is_full():
    busy, other = await Worker.connect("python-busy"), await Worker.connect("python-other")
    await busy.init(first_sequence_number=0)
    await other.init(first_sequence_number=0)
    # One is in work, so many wait; the next is refused, whoever sends it, and what waits is not touched.
    await busy.accepted(0, 5, 401)

    async def in_work():
        return 'sts_stage_queue_depth{stage="asr"} 0' in await metrics()

    await eventually("work", in_work)
    number = 1
    while "code" not in (reply := await busy.call("fragment:data", busy.fragment(number, 1, 1))):
        number += 1
    check_error(reply, "SERVICE_OVERLOADED")
    check_error(await busy.next("error"), "SERVICE_OVERLOADED")
    assert number == QUEUE + 1, f"{number} were taken"
    refused = await other.refused("fragment:data", other.fragment(0, 1, 1), "SERVICE_OVERLOADED")
    assert refused["fragment_id"] == "f-0"
    open_gate(401)
    for done in range(number):
        await busy.result(done)
    await other.accepted(0, 1, 1)
    await other.result(0)
    for worker in (busy, other):
        await worker.end()
        assert await worker.next("disconnect") == SERVER_DISCONNECT


async def one_stream_too_many():
    workers = [await Worker.connect(f"python-stream-{index}") for index in range(MAX_STREAMS)]
    for worker in workers:
        await worker.init()
    late = await Worker.connect("python-stream-late")
    await late.refused("stream:init", INIT, "SERVICE_OVERLOADED")
    await workers[0].accepted(0, 1, 1)
    await workers[0].result(0)
    await workers[0].end()
    await workers[0].next("disconnect")
    await late.admitted()
    await late.finish()
    for worker in workers[1:]:
        await worker.finish()
