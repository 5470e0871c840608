"""A worker whose connection breaks comes back and gets what it has not received: once, in order."""

import asyncio
import json
import os
import signal
import sys
import tempfile

from harness import (CLIENT, INIT, RATE, SERVER_DISCONNECT, TRANSPORT, URL, Worker, eventually, open_gate, samples,
                     text)

# More results than the buffer holds.
SENT = 150


async def _come_back(name, session_id, last_sequence_received):
    worker = await Worker.connect(name)
    resume = {"session_id": session_id, "last_sequence_received": last_sequence_received}
    ready = await worker.init(resume=resume)
    assert (ready["resumed"], ready["session_id"], ready["stream_id"]) == (True, session_id, worker.id), ready
    return worker, ready


async def _not_found(name, resume):
    worker = await Worker.connect(name)
    refused = await worker.refused("stream:init", {**INIT, "resume": resume}, "STREAM_NOT_FOUND")
    await worker.finish()
    return refused["message"]


async def in_mid_fragment():
    first = await Worker.connect("python-resume")
    session_id = (await first.init(first_sequence_number=0))["session_id"]
    await first.accepted(0, 1, 1)
    await first.result(0)
    await first.accepted(1, 5, 301)
    await first.accepted(2, 1, 1)
    await first.break_off()
    second, ready = await _come_back("python-resume", session_id, 0)
    assert ready["next_sequence_number"] == 3, ready
    open_gate(301)
    await second.result(1)
    await second.result(2)
    await second.accepted(3, 1, 1)
    await second.result(3)
    assert (await second.end())["total_fragments"] == 4
    await second.finish()


async def with_results_that_came_meanwhile():
    first = await Worker.connect("python-meanwhile")
    session_id = (await first.init(first_sequence_number=0, audio_encoding="binary"))["session_id"]
    for number in range(3):
        await first.accepted(number, 5, 305)
    await first.break_off()
    open_gate(305)
    second, _ = await _come_back("python-meanwhile", session_id, None)
    for number in range(3):
        assert isinstance((await second.result(number))["dubbed_audio"], bytes)
    await second.finish()


async def from_a_new_process():
    """The first process is killed with fragments in work; another goes on by the session that it had written down."""
    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, "session")
        script = os.path.join(os.path.dirname(__file__), "killed_worker.py")
        child = await asyncio.create_subprocess_exec(sys.executable, script, URL, CLIENT, TRANSPORT, path)

        async def written():
            return os.path.exists(path)

        await eventually("the session's file", written)
        child.kill()
        assert await child.wait() == -signal.SIGKILL
        with open(path) as file:
            session = json.load(file)
    worker, ready = await _come_back("python-killed", **session)
    assert ready["next_sequence_number"] == 3, ready
    open_gate(302)
    await worker.result(1)
    await worker.result(2)
    assert (await worker.end())["total_fragments"] == 3
    await worker.finish()


async def while_ending():
    first = await Worker.connect("python-resume-ending")
    session_id = (await first.init(first_sequence_number=0))["session_id"]
    await first.accepted(0, 5, 303)
    await first.emit("stream:end")
    await first.refused("stream:pause", ..., "STREAM_NOT_FOUND")
    await first.break_off(abort=True)
    open_gate(303)
    second, _ = await _come_back("python-resume-ending", session_id, None)
    await second.result(0)
    assert (await second.next("stream:complete"))["total_fragments"] == 1
    await second.refused("fragment:data", second.fragment(1, 1), "STREAM_NOT_FOUND", "has been ended")
    assert await second.next("disconnect") == SERVER_DISCONNECT


async def after_stream_complete():
    first = await Worker.connect("python-resume-complete")
    session_id = (await first.init(first_sequence_number=0))["session_id"]
    await first.accepted(0, 1, 1)
    await first.result(0)
    complete = await first.end()
    await first.break_off(abort=True)
    second, _ = await _come_back("python-resume-complete", session_id, None)
    await second.result(0)
    assert await second.next("stream:complete") == complete
    assert await second.next("disconnect") == SERVER_DISCONNECT


async def the_earlier_connection_is_closed():
    first = await Worker.connect("python-takeover")
    session_id = (await first.init(first_sequence_number=0))["session_id"]
    await first.accepted(0, 5, 304)
    second, ready = await _come_back("python-takeover", session_id, None)
    assert ready["next_sequence_number"] == 1, ready
    assert await first.next("disconnect") == SERVER_DISCONNECT
    open_gate(304)
    await second.result(0)
    await second.finish()


async def what_fell_out_of_the_buffer_is_named():
    first = await Worker.connect("python-overflow")
    session_id = (await first.init(first_sequence_number=0))["session_id"]
    short = {"audio": text(samples(0, 0, RATE // 10)), "duration_ms": 100}
    for number in range(SENT):
        await first.send(number, 0, **short)
        await first.result(number)
    await first.break_off()
    second, _ = await _come_back("python-overflow", session_id, 1)
    oldest = await second.next("fragment:processed")
    assert oldest["sequence_number"] > 2, "the buffer is bounded"
    assert oldest["skipped"] == list(range(2, oldest["sequence_number"])), oldest["skipped"]
    for number in range(oldest["sequence_number"] + 1, SENT):
        assert "skipped" not in await second.result(number)
    await second.finish()


async def what_does_not_fit_is_not_found():
    first = await Worker.connect("python-strict")
    session_id = (await first.init())["session_id"]
    await first.refused("stream:init", {**INIT, "resume": {"session_id": session_id}}, "INVALID_CONFIG", "already")
    await first.break_off()
    messages = {
        await _not_found("python-strict", {"session_id": "guessed"}),
        await _not_found("python-nobody", {"session_id": "guessed"}),
        await _not_found("python-nobody", {"session_id": session_id}),
    }
    assert len(messages) == 1, messages
    second, _ = await _come_back("python-strict", session_id, None)
    await second.finish()
