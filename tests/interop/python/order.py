"""Where a stream starts, gaps that are given up, and numbers that come too late."""

import os
import time

from harness import Worker

GAP = int(os.environ.get("REORDER_GAP_TIMEOUT_MS", 0)) / 1000


async def a_gap_is_given_up_and_named():
    worker = await Worker.connect("python-gap")
    await worker.init(first_sequence_number=0)
    await worker.send(0, 1, 1)
    await worker.result(0)
    sent = time.monotonic()
    await worker.send(3, 1, 1)
    assert (await worker.result(3))["skipped"] == [1, 2]
    assert time.monotonic() - sent >= GAP * 0.95, "the gap was waited for"
    for late in (1, 2):
        refused = await worker.refused("fragment:data", worker.fragment(late, 1), "INVALID_FRAGMENT", "sequence_number")
        assert refused["fragment_id"] == f"f-{late}"
    await worker.send(4, 1, 1)
    assert "skipped" not in await worker.result(4)
    # The end gives up at once what has not come.
    await worker.send(6, 1, 1)
    await worker.emit("stream:end")
    assert (await worker.result(6))["skipped"] == [5]
    assert (await worker.next("stream:complete"))["total_fragments"] == 4
    await worker.finish()


async def streams_start_where_they_say():
    for first in (0, 1, 7):
        worker = await Worker.connect(f"python-first-{first}")
        await worker.init(first_sequence_number=first)
        await worker.send(first + 1, 1, 1)
        await worker.send(first, 1, 30)
        await worker.result(first)
        assert "skipped" not in await worker.result(first + 1)
        if first > 0:
            before = worker.fragment(first - 1, 1)
            await worker.refused("fragment:data", before, "INVALID_FRAGMENT", "sequence_number")
        await worker.finish()


async def without_a_word_they_start_at_zero_or_one():
    for first in (0, 1):
        worker = await Worker.connect(f"python-start-{first}")
        await worker.init()
        await worker.send(first, 1, 1)
        await worker.result(first)
        await worker.finish()


async def a_number_far_ahead_is_refused():
    worker = await Worker.connect("python-far")
    await worker.init(first_sequence_number=0)
    await worker.refused("fragment:data", worker.fragment(5000, 1), "INVALID_FRAGMENT", "sequence_number")
    await worker.finish()
