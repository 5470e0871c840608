"""The bound on connections: in total, of one token, from one address; the service is told which to have."""

import os

import socketio
from harness import Worker, eventually, refused_connection

LIMIT = 2
TOKEN = os.environ.get("WORKER_TOKENS", "").split(",")[0]
AUTH = {"token": TOKEN} if TOKEN else None


async def one_connection_too_many():
    workers = [await Worker.connect(f"python-of-many-{index}", auth=AUTH) for index in range(LIMIT)]
    for worker in workers:
        await worker.init()
    message = await refused_connection("python-too-many", auth=AUTH)
    assert message.startswith("SERVICE_OVERLOADED: "), message
    # Those that are in have not noticed, and one that leaves makes room.
    await workers[0].accepted(0, 1, 1)
    await workers[0].result(0)
    await workers[1].finish()

    async def room():
        try:
            return await Worker.connect("python-next", auth=AUTH)
        except socketio.exceptions.ConnectionError:
            return None

    late = await eventually("room", room)
    await late.init()
    await late.finish()
    await workers[0].finish()
