"""A worker whose events can be waited for one by one, on either of the official Python clients."""

import asyncio
import base64
import collections
import concurrent.futures
import json
import os
import sys
import time
import urllib.request

import engineio
import socketio

URL, CLIENT, TRANSPORT = sys.argv[1:4]
RATE = 16000
DEADLINE = 20

INIT = {
    "source_language": "en", "target_language": "es", "voice_profile": "spanish_female_1",
    "chunk_duration_ms": 1000, "sample_rate_hz": RATE, "channels": 1, "format": "pcm_s16le",
}
RETRYABLE = {"TIMEOUT", "RATE_LIMIT_EXCEEDED", "BACKPRESSURE_EXCEEDED", "SERVICE_OVERLOADED", "STAGE_UNAVAILABLE",
             "GPU_OUT_OF_MEMORY", "STREAM_PAUSED"}
# The client takes at most 16 packets in one answer to a poll unless it is told otherwise.
engineio.payload.Payload.max_decode_packets = 1000
SERVER_DISCONNECT = socketio.Client.reason.SERVER_DISCONNECT


def samples(instruction, parameter=0, frames=RATE):
    """Samples whose first two tell the fakes what to do: see tests/fakes/instruction.rs."""
    pcm = bytearray(frames * 2)
    pcm[0:2] = instruction.to_bytes(2, "little")
    pcm[2:4] = parameter.to_bytes(2, "little", signed=True)
    return bytes(pcm)


def text(pcm):
    return base64.b64encode(pcm).decode()


def open_gate(number):
    """Opens the gate at which fragments with instruction 5 and this number wait."""
    open(f"{os.environ['FAKE_GATE']}-{number}", "w").close()


def check_error(error, code, *words):
    """An error is the contract's: its code, whether it is retryable, and these words in its message."""
    assert error["code"] == code and error["retryable"] is (code in RETRYABLE), error
    for word in words:
        assert word in error["message"], f"{error} does not say {word}"
    return error


def without(message, field):
    return {name: value for name, value in message.items() if name != field}


async def eventually(what, ask, limit=DEADLINE):
    """Asks until the answer is true."""
    deadline = time.monotonic() + limit
    while not (answer := await ask()):
        assert time.monotonic() < deadline, f"not in time: {what}"
        await asyncio.sleep(0.02)
    return answer


async def metrics():
    """What /metrics says."""
    return await asyncio.to_thread(lambda: urllib.request.urlopen(URL + "/metrics").read().decode())


class InOrder(engineio.Client):
    """The synchronous client starts a thread for each message, and threads overtake one another. Order is what is
    tested here, so one thread handles all messages of a connection."""

    def __init__(self, *args, **kwargs):
        super().__init__(*args, **kwargs)
        self.handling = concurrent.futures.ThreadPoolExecutor(1)

    def _trigger_event(self, event, *args, run_async=False, **kwargs):
        if event == "message" and run_async:
            return self.handling.submit(self.handlers[event], *args)
        return super()._trigger_event(event, *args, run_async=run_async, **kwargs)


class SyncClient(socketio.Client):
    def _engineio_client_class(self):
        return InOrder


class Worker:
    """A connection as the worker of one stream."""

    def __init__(self, name):
        self.id = f"{name}-{TRANSPORT}"
        self.events = collections.defaultdict(asyncio.Queue)
        self.is_sync = CLIENT == "sync"
        if self.is_sync:
            self.client = SyncClient(reconnection=False, handle_sigint=False)
        else:
            self.client = socketio.AsyncClient(reconnection=False, handle_sigint=False)
        self.loop = asyncio.get_running_loop()
        self.client.on("*", lambda event, data=None: self.note(event, data))
        self.client.on("connect_error", lambda data=None: self.note("connect_error", data))
        self.client.on("disconnect", lambda reason=None: self.note("disconnect", reason))

    def note(self, event, data):
        if self.is_sync:
            self.loop.call_soon_threadsafe(self.events[event].put_nowait, data)
        else:
            self.events[event].put_nowait(data)

    async def do(self, method, *args, **kwargs):
        """Calls the client's method, which is a coroutine or blocks."""
        if self.is_sync:
            return await asyncio.to_thread(method, *args, **kwargs)
        return await method(*args, **kwargs)

    async def open(self, headers=None, auth=None):
        if headers is None:
            headers = {"X-Stream-ID": self.id, "X-Worker-ID": "python"}
        transports = ["polling", "websocket"] if TRANSPORT == "upgrade" else [TRANSPORT]
        await self.do(self.client.connect, URL, headers=headers, auth=auth, transports=transports,
                      wait_timeout=DEADLINE)

    @classmethod
    async def connect(cls, name, headers=None, auth=None):
        worker = cls(name)
        await worker.open(headers, auth)
        return worker

    async def next(self, event):
        """The next event of this name."""
        try:
            return await asyncio.wait_for(self.events[event].get(), DEADLINE)
        except asyncio.TimeoutError:
            came = {name: list(queue._queue) for name, queue in self.events.items() if not queue.empty()}
            shown = json.dumps(came, default=str)[:2000]
            raise AssertionError(f"{self.id}: no {event} came; what did: {shown}") from None

    async def admitted(self):
        """Opens the stream as soon as there is room for it."""

        async def answered():
            return not (self.events["stream:ready"].empty() and self.events["error"].empty())

        async def attempt():
            await self.emit("stream:init", INIT)
            await eventually("an answer to stream:init", answered)
            if self.events["error"].empty():
                return await self.next("stream:ready")
            check_error(await self.next("error"), "SERVICE_OVERLOADED")
            return None

        return await eventually("room", attempt)

    async def emit(self, event, *data):
        await self.do(self.client.emit, event, *data)

    async def call(self, event, data):
        """Emits with an acknowledgement callback, and gives what that got."""
        return await self.do(self.client.call, event, data, timeout=DEADLINE)

    async def init(self, **changes):
        await self.emit("stream:init", {**INIT, **changes})
        return await self.next("stream:ready")

    def fragment(self, number, instruction, parameter=0, **changes):
        """A fragment of one second."""
        return {
            "fragment_id": f"f-{number}", "stream_id": self.id, "sequence_number": number,
            "timestamp": number * 1000, "audio": text(samples(instruction, parameter)), "sample_rate": RATE,
            "channels": 1, "format": "pcm_s16le", "duration_ms": 1000, **changes,
        }

    async def send(self, number, instruction, parameter=0, **changes):
        await self.emit("fragment:data", self.fragment(number, instruction, parameter, **changes))

    async def accepted(self, number, instruction, parameter=0, **changes):
        """Sends, and gives the acknowledgement: the callback's, which is the event's too."""
        ack = await self.call("fragment:data", self.fragment(number, instruction, parameter, **changes))
        assert ack.get("status") == "queued", ack
        assert await self.next("fragment:ack") == ack
        return ack

    async def result(self, number, status="success"):
        """The next result, which must be this one."""
        result = await self.next("fragment:processed")
        about = without(result, "dubbed_audio")
        assert (result["sequence_number"], result["status"]) == (number, status), about
        return result

    async def refused(self, event, data, code, *words):
        """Emits what must be refused; without data when it is `...`."""
        await self.emit(event, *(() if data is ... else (data,)))
        return check_error(await self.next("error"), code, *words)

    async def end(self):
        """Ends the stream, and gives its stream:complete."""
        await self.emit("stream:end")
        return await self.next("stream:complete")

    def nothing_is_left(self):
        for event, came in self.events.items():
            if event not in ("fragment:ack", "backpressure"):
                assert came.empty(), f"{self.id}: {event} came, and nobody waited for it: {came}"

    async def break_off(self, abort=False):
        """Breaks the connection: no farewell, as far as the official client can do that.

        With `abort` its tasks are not waited for, and the service may notice the break by the heartbeat only. Over
        polling the close packet is sometimes not sent, and the last poll then comes back with the next heartbeat: too
        late for what has to be done within a few seconds.
        """
        self.nothing_is_left()
        await self.do(self.client.eio.disconnect, abort=abort)
        await self.next("disconnect")

    async def finish(self):
        """Leaves, after a look at whether anything came that nobody waited for."""
        self.nothing_is_left()
        await self.do(self.client.disconnect)
        await self.next("disconnect")


async def refused_connection(name, headers=None, auth=None):
    """The message of the connect_error that a connection gets."""
    worker = Worker(name)
    try:
        await worker.open(headers, auth)
    except socketio.exceptions.ConnectionError:
        said = await worker.next("connect_error")
        return said["message"] if isinstance(said, dict) else str(said)
    raise AssertionError(f"{worker.id} was let in")
