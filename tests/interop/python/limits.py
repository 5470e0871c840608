"""Limits of one connection: the size of a fragment, messages a second, the time until stream:init."""

import asyncio
import os
import time

from harness import INIT, SERVER_DISCONNECT, Worker, check_error, samples, text

MAX_BYTES = int(os.environ.get("MAX_FRAGMENT_BYTES", 0))
PER_SECOND = int(os.environ.get("MAX_MESSAGES_PER_SECOND", 1))
INIT_TIMEOUT = int(os.environ.get("INIT_TIMEOUT_MS", 0)) / 1000


async def a_fragment_may_be_too_large():
    worker = await Worker.connect("python-large")
    await worker.init()
    frames = MAX_BYTES // 2 + 1000
    large = samples(1, 1, frames)
    for audio in (text(large), large):
        fragment = worker.fragment(0, 1, 1, duration_ms=frames / 16, audio=audio)
        refused = await worker.refused("fragment:data", fragment, "FRAGMENT_TOO_LARGE", str(MAX_BYTES))
        assert refused["fragment_id"] == "f-0"
    check_error(await worker.call("fragment:data", fragment), "FRAGMENT_TOO_LARGE")
    await worker.next("error")
    await worker.accepted(0, 1, 1, audio=text(samples(1, 1, MAX_BYTES // 2)), duration_ms=MAX_BYTES / 32)
    await worker.result(0)
    await worker.finish()


async def messages_may_come_too_fast():
    worker = await Worker.connect("python-fast")
    await worker.init(first_sequence_number=0)
    await worker.accepted(0, 1, 1)
    await worker.result(0)
    # A burst of twice the limit is taken; of four times the limit, some is not even looked at.
    wrong = worker.fragment(1, 1, 1, stream_id="other", audio=text(samples(1, 1, 160)), duration_ms=10)
    replies = await asyncio.gather(*(worker.call("fragment:data", wrong) for _ in range(PER_SECOND * 4)))
    codes = [reply["code"] for reply in replies]
    refused, looked_at = codes.count("RATE_LIMIT_EXCEEDED"), codes.count("STREAM_NOT_FOUND")
    assert refused + looked_at == len(codes) and min(refused, looked_at) >= PER_SECOND, codes
    told = [(await worker.next("error"))["code"] for _ in codes]
    assert told.count("RATE_LIMIT_EXCEEDED") == refused, "each is told by an event"
    for reply in replies:
        check_error(reply, reply["code"])
    # Later the stream goes on.
    while True:
        await asyncio.sleep(2 / PER_SECOND)
        reply = await worker.call("fragment:data", worker.fragment(1, 1, 1))
        if "code" not in reply:
            break
        check_error(await worker.next("error"), "RATE_LIMIT_EXCEEDED")
    await worker.result(1)
    await worker.finish()


async def a_connection_must_open_a_stream_in_time():
    connected = time.monotonic()
    worker = await Worker.connect("python-idle")
    check_error(await worker.next("error"), "STREAM_NOT_FOUND", "stream:init")
    assert await worker.next("disconnect") == SERVER_DISCONNECT
    assert time.monotonic() - connected >= INIT_TIMEOUT * 0.9
    busy = await Worker.connect("python-busy")
    await busy.init()
    await busy.refused("stream:init", INIT, "INVALID_CONFIG", "already")
    await asyncio.sleep(INIT_TIMEOUT * 1.5)
    await busy.accepted(0, 1, 1)
    await busy.result(0)
    await busy.finish()
