"""After the grace nothing of the stream is left."""

from harness import INIT, Worker, eventually, metrics


async def nothing_is_left_after_the_grace():
    worker = await Worker.connect("python-grace")
    session_id = (await worker.init(first_sequence_number=0))["session_id"]
    await worker.accepted(0, 1, 1)
    await worker.result(0)
    series = f'stream_id="{worker.id}"'

    async def there():
        return series in await metrics()

    async def gone():
        return series not in await metrics()

    await eventually("the series of an open stream", there)
    await worker.accepted(1, 1, 50)
    await worker.do(worker.client.disconnect)
    # A polling client may lose its farewell with its connection: then the service waits for the answer to its ping.
    await eventually("the series to go", gone, 60)
    late = await Worker.connect("python-grace")
    resume = {"session_id": session_id, "last_sequence_received": 0}
    await late.refused("stream:init", {**INIT, "resume": resume}, "STREAM_NOT_FOUND")
    # Its name is free again.
    assert (await late.init())["session_id"] != session_id
    await late.finish()
