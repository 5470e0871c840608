"""The main job and its refusals, through the official Python client.

usage: python worker.py URL TRANSPORT     TRANSPORT: websocket, polling, or upgrade
"""

import base64
import queue
import sys
import time

import socketio

url, transport = sys.argv[1:3]
TRANSPORTS = ["polling", "websocket"] if transport == "upgrade" else [transport]
RATE = 16000
INIT = {
    "source_language": "en", "target_language": "es", "voice_profile": "spanish_female_1",
    "chunk_duration_ms": 1000, "sample_rate_hz": RATE, "channels": 1, "format": "pcm_s16le",
}


def fragment(stream_id, number, instruction, parameter=0, **changes):
    """A fragment of one second whose first two samples tell the fake recogniser what to do."""
    samples = bytearray(RATE * 2)
    samples[0:2] = instruction.to_bytes(2, "little")
    samples[2:4] = parameter.to_bytes(2, "little")
    return {
        "fragment_id": f"f-{number}", "stream_id": stream_id, "sequence_number": number, "timestamp": number * 1000,
        "audio": base64.b64encode(samples).decode(), "sample_rate": RATE, "channels": 1, "format": "pcm_s16le",
        "duration_ms": 1000, **changes,
    }


class Worker:
    """A connection whose events can be waited for one by one."""

    def __init__(self, stream_id):
        self.stream_id = f"{stream_id}-{transport}"
        self.events = {}
        self.client = socketio.Client(reconnection=False)
        self.client.on("*", lambda event, data=None: self.queue(event).put(data))
        self.client.on("disconnect", lambda *_: self.queue("disconnect").put(None))
        headers = {"X-Stream-ID": self.stream_id, "X-Worker-ID": "python"}
        self.client.connect(url, headers=headers, transports=TRANSPORTS)

    def queue(self, event):
        return self.events.setdefault(event, queue.Queue())

    def next(self, event):
        return self.queue(event).get(timeout=10)

    def init(self, **changes):
        self.client.emit("stream:init", {**INIT, **changes})
        return self.next("stream:ready")

    def send(self, number, instruction, parameter=0, **changes):
        self.client.emit("fragment:data", fragment(self.stream_id, number, instruction, parameter, **changes))


def main_job():
    worker = Worker("python-main")
    ready = worker.init()
    assert ready["stream_id"] == worker.stream_id and ready["worker_id"] == "python", ready
    ack = worker.client.call("fragment:data", fragment(worker.stream_id, 1, 1, 10))
    assert ack["fragment_id"] == "f-1" and ack["status"] == "queued", ack
    assert worker.next("fragment:ack") == ack
    dubbed = worker.next("fragment:processed")
    assert (dubbed["status"], dubbed["transcript"]) == ("success", "words 10"), dubbed
    assert len(base64.b64decode(dubbed["dubbed_audio"])) == RATE * 2
    for number, delay in ((4, 5), (2, 60), (3, 5)):
        worker.send(number, 1, delay)
    order = [worker.next("fragment:processed")["sequence_number"] for _ in range(3)]
    assert order == [2, 3, 4], order
    worker.client.emit("stream:end")
    complete = worker.next("stream:complete")
    assert complete["total_fragments"] == complete["success_count"] == 4, complete
    assert "error_breakdown" not in complete
    ended = time.monotonic()
    worker.next("disconnect")
    assert 4 < time.monotonic() - ended < 7


def binary_audio():
    worker = Worker("python-binary")
    worker.init(audio_encoding="binary")
    sent = fragment(worker.stream_id, 0, 1, 3)
    worker.client.emit("fragment:data", {**sent, "audio": base64.b64decode(sent["audio"])})
    dubbed = worker.next("fragment:processed")
    assert isinstance(dubbed["dubbed_audio"], bytes) and len(dubbed["dubbed_audio"]) == RATE * 2
    worker.client.disconnect()


def refusals():
    worker = Worker("python-refusals")
    worker.send(0, 1)
    assert worker.next("error")["code"] == "STREAM_NOT_FOUND"
    worker.client.emit("stream:init", {**INIT, "voice_profile": "french_female_1"})
    refused = worker.next("error")
    assert refused["code"] == "INVALID_VOICE_PROFILE" and "spanish_female_1" in refused["message"], refused
    worker.init()
    worker.send(0, 1, duration_ms="long")
    refused = worker.next("error")
    assert refused["code"] == "INVALID_FRAGMENT" and "duration_ms" in refused["message"], refused
    assert refused["retryable"] is False and refused["fragment_id"] == "f-0", refused
    worker.client.disconnect()


def gap():
    worker = Worker("python-gap")
    worker.init(first_sequence_number=0)
    worker.send(0, 1, 1)
    worker.next("fragment:processed")
    worker.send(3, 1, 1)
    sent = time.monotonic()
    late = worker.next("fragment:processed")
    assert late["sequence_number"] == 3 and late["skipped"] == [1, 2], late
    assert 1.9 < time.monotonic() - sent < 4
    worker.send(1, 1, 1)
    refused = worker.next("error")
    assert refused["code"] == "INVALID_FRAGMENT" and "sequence_number" in refused["message"], refused
    worker.client.disconnect()


for scenario in (main_job, binary_audio, refusals, gap):
    scenario()
    print("ok", scenario.__name__, flush=True)
