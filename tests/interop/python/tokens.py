"""Who may connect, and whose a stream is."""

import asyncio
import os

from harness import INIT, Worker, refused_connection

OLD, NEW = os.environ.get("WORKER_TOKENS", ",").split(",")


async def strangers_are_told_so():
    strangers = (
        ({}, None), ({}, {"token": "wrong"}), ({}, {"token": ""}), ({}, {"token": OLD + "x"}), ({}, {"token": 7}),
        ({"Authorization": "Bearer wrong"}, None), ({"Authorization": OLD}, None),
    )
    for message in await asyncio.gather(*(refused_connection("python-stranger", *shown) for shown in strangers)):
        assert message.startswith("UNAUTHORIZED: ") and OLD not in message and NEW not in message, message


async def every_token_opens_by_auth_and_by_header():
    for token in (OLD, NEW):
        for headers, auth in (({}, {"token": token}), ({"Authorization": f"Bearer {token}"}, None)):
            worker = await Worker.connect("python-let-in", headers, auth)
            await worker.init()
            await worker.end()
            await worker.finish()


async def a_stream_belongs_to_the_token_that_opened_it():
    headers = {"X-Stream-ID": "python-owned", "X-Worker-ID": "python"}
    owner = await Worker.connect("python-owned", headers, {"token": OLD})
    session_id = (await owner.init())["session_id"]
    resume = {"session_id": session_id, "last_sequence_received": None}
    thief = await Worker.connect("python-owned", headers, {"token": NEW})
    stolen = await thief.refused("stream:init", {**INIT, "resume": resume}, "STREAM_NOT_FOUND")
    guess = {**INIT, "resume": {"session_id": "guessed"}}
    guessed = await thief.refused("stream:init", guess, "STREAM_NOT_FOUND")
    assert stolen["message"] == guessed["message"]
    taken = thief.fragment(0, 1, stream_id="python-owned")
    await thief.refused("fragment:data", taken, "STREAM_NOT_FOUND")
    await thief.refused("stream:init", INIT, "INVALID_CONFIG", "stream_id")
    await thief.finish()
    # … nor while its worker is away.
    await owner.break_off()
    late = await Worker.connect("python-owned", headers, {"token": NEW})
    away = await late.refused("stream:init", {**INIT, "resume": resume}, "STREAM_NOT_FOUND")
    assert away["message"] == guessed["message"]
    await late.finish()
    back = await Worker.connect("python-owned", headers, {"token": OLD})
    assert (await back.init(resume=resume))["resumed"] is True
    await back.finish()


async def ids_are_bounded():
    attempts = [(field, {}, {"token": OLD, field: bad}) for field in ("stream_id", "worker_id")
                for bad in ("x" * 129, "a b", "ü", "a\u0001", "")]
    attempts += [(field, {header: "x" * 129}, {"token": OLD})
                 for header, field in (("X-Stream-ID", "stream_id"), ("X-Worker-ID", "worker_id"))]
    messages = await asyncio.gather(*(refused_connection("python-bad-id", *shown) for _, *shown in attempts))
    for (field, *_), message in zip(attempts, messages):
        assert message.startswith("INVALID_CONFIG: ") and field in message, message
    worker = await Worker.connect("python-long-id", {}, {"token": OLD, "stream_id": "x" * 128})
    assert (await worker.init())["stream_id"] == "x" * 128
    await worker.finish()
