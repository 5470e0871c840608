"""Receives one result, has two fragments in work, writes down its session, and waits to be killed.

usage: python killed_worker.py URL CLIENT TRANSPORT FILE
"""

import asyncio
import json
import os
import sys

from harness import Worker


async def main(path):
    worker = await Worker.connect("python-killed")
    session_id = (await worker.init(first_sequence_number=0))["session_id"]
    await worker.accepted(0, 1, 1)
    await worker.result(0)
    await worker.accepted(1, 5, 302)
    await worker.accepted(2, 1, 1)
    with open(path + ".part", "w") as file:
        json.dump({"session_id": session_id, "last_sequence_received": 0}, file)
    os.rename(path + ".part", path)
    await asyncio.Event().wait()


asyncio.run(main(sys.argv[4]))
