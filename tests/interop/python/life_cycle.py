"""Every event in every state of a stream: initializing, active, paused, ending, closed, detached."""

from harness import INIT, SERVER_DISCONNECT, Worker, check_error, open_gate

KNOWN = ("stream:init", "fragment:data", "stream:pause", "stream:resume", "stream:end")


async def _refused_unknown(worker):
    await worker.refused("stream:begin", {}, "INVALID_CONFIG", "stream:begin", *KNOWN)


async def before_the_stream_is_open():
    worker = await Worker.connect("python-early")
    early = await worker.refused("fragment:data", worker.fragment(0, 1), "STREAM_NOT_FOUND", "stream:init")
    assert early["fragment_id"] == "f-0"
    check_error(await worker.call("fragment:data", worker.fragment(0, 1)), "STREAM_NOT_FOUND")
    await worker.next("error")
    for event in ("stream:pause", "stream:resume", "stream:end"):
        await worker.refused(event, ..., "STREAM_NOT_FOUND")
    await _refused_unknown(worker)
    await worker.init()
    await worker.accepted(0, 1, 1)
    await worker.result(0)
    await worker.finish()


async def init_twice_in_every_state():
    worker = await Worker.connect("python-init-twice")
    await worker.init()

    async def again():
        await worker.refused("stream:init", INIT, "INVALID_CONFIG", "this connection has a stream already")

    await again()
    await worker.emit("stream:pause")
    await again()
    await worker.emit("stream:end")
    await again()
    await worker.next("stream:complete")
    await again()
    await worker.finish()


async def paused_and_resumed():
    worker = await Worker.connect("python-pause")
    await worker.init(first_sequence_number=0)
    await worker.emit("stream:resume")
    await worker.accepted(0, 5, 102)
    await worker.emit("stream:pause", {"reason": "advertisements"})
    await worker.emit("stream:pause")
    refused = await worker.refused("fragment:data", worker.fragment(1, 1, 1), "STREAM_PAUSED", "paused")
    assert (refused["fragment_id"], refused["stream_id"]) == ("f-1", worker.id)
    check_error(await worker.call("fragment:data", worker.fragment(1, 1, 1)), "STREAM_PAUSED")
    await worker.next("error")
    await worker.accepted(0, 5, 102)
    open_gate(102)
    # What was in flight is done and delivered while the stream is paused.
    await worker.result(0)
    await _refused_unknown(worker)
    await worker.emit("stream:resume")
    await worker.emit("stream:resume")
    await worker.accepted(1, 1, 1)
    await worker.result(1)
    await _refused_unknown(worker)
    assert (await worker.end())["total_fragments"] == 2
    await worker.finish()


async def ended_with_work_in_flight():
    worker = await Worker.connect("python-end")
    await worker.init(first_sequence_number=0)
    await worker.accepted(0, 5, 101)
    await worker.emit("stream:end")

    async def not_found():
        await worker.refused("fragment:data", worker.fragment(1, 1, 1), "STREAM_NOT_FOUND", "has been ended")
        await worker.refused("stream:pause", ..., "STREAM_NOT_FOUND")
        await worker.refused("stream:resume", ..., "STREAM_NOT_FOUND")
        await worker.accepted(0, 5, 101)
        await worker.emit("stream:end")
        await _refused_unknown(worker)

    await not_found()
    open_gate(101)
    await worker.result(0)
    assert (await worker.next("stream:complete"))["total_fragments"] == 1
    # Complete, and not yet closed: the same answers, and the duplicate's result is there now.
    await not_found()
    await worker.result(0)
    assert await worker.next("disconnect") == SERVER_DISCONNECT
    assert worker.events["stream:complete"].empty(), "exactly one stream:complete"


async def ended_while_paused():
    worker = await Worker.connect("python-end-paused")
    await worker.init()
    await worker.emit("stream:pause")
    assert (await worker.end())["total_fragments"] == 0
    await worker.finish()


async def two_streams_on_one_connection():
    worker = await Worker.connect("python-two-streams")
    await worker.init()
    other = worker.fragment(0, 1, 1, stream_id="other")
    refused = await worker.refused("fragment:data", other, "STREAM_NOT_FOUND", "stream_id")
    assert refused["fragment_id"] == "f-0"
    await worker.accepted(0, 1, 1)
    await worker.result(0)
    await worker.finish()


async def one_stream_on_two_connections():
    first, second = await Worker.connect("python-shared"), await Worker.connect("python-shared")
    await first.init()
    await second.refused("stream:init", INIT, "INVALID_CONFIG", "stream_id")
    await second.refused("fragment:data", second.fragment(0, 1), "STREAM_NOT_FOUND")
    await first.accepted(0, 1, 1)
    await first.result(0)
    await second.finish()
    await first.finish()


async def a_detached_stream_is_replaced():
    first = await Worker.connect("python-replaced")
    session_id = (await first.init())["session_id"]
    await first.accepted(0, 1, 1)
    await first.result(0)
    await first.break_off()
    second = await Worker.connect("python-replaced")
    ready = await second.init()
    assert not ready.get("resumed") and ready["session_id"] != session_id
    await second.accepted(0, 1, 2)
    assert (await second.result(0))["transcript"] == "words 2"
    assert (await second.end())["total_fragments"] == 1
    await second.finish()
    third = await Worker.connect("python-replaced")
    resume = {"session_id": session_id, "last_sequence_received": None}
    await third.refused("stream:init", {**INIT, "resume": resume}, "STREAM_NOT_FOUND")
    await third.finish()
