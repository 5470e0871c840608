"""The main job: fragments in, dubs out, in order, once each; then the stream's statistics and its end."""

import base64
import json
import time

from harness import INIT, RATE, SERVER_DISCONNECT, Worker, open_gate, samples, text, without


async def every_field_of_the_main_job():
    worker = await Worker.connect("python-main")
    ready = await worker.init()
    assert (ready["stream_id"], ready["worker_id"], ready["max_inflight"]) == (worker.id, "python", 3), ready
    assert isinstance(ready["session_id"], str)
    assert {"asr", "translation", "tts", "duration_matching"} <= set(ready["capabilities"])
    assert ready["engines"] == {"asr": "fake-recognizer", "translation": "fake-translator", "tts": "fake-synthesizer"}
    assert "pcm_s16le" in ready["formats"]
    assert not ready.get("resumed") and "next_sequence_number" not in ready

    before = time.time() * 1000
    ack = await worker.accepted(0, 1, 10)
    assert ack["fragment_id"] == "f-0" and abs(ack["timestamp"] - before) < 10000
    dubbed = await worker.result(0)
    assert (dubbed["fragment_id"], dubbed["stream_id"]) == ("f-0", worker.id)
    assert (dubbed["transcript"], dubbed["translated_text"]) == ("words 10", "WORDS 10")
    assert len(base64.b64decode(dubbed["dubbed_audio"])) == RATE * 2
    assert dubbed["metadata"] == {"original_duration_ms": 1000, "dubbed_duration_ms": 1000,
                                  "duration_variance_percent": 0, "speed_ratio": 1}
    stages = [dubbed["stage_timings"][f"{name}_ms"] for name in ("asr", "translation", "tts")]
    assert stages[0] >= 10 and min(stages) >= 0 and dubbed["processing_time_ms"] >= sum(stages), dubbed["stage_timings"]
    assert "error" not in dubbed and "skipped" not in dubbed
    assert "parent_asset_ids" in json.dumps(dubbed["assets"])
    await worker.finish()


async def three_one_two_leaves_as_one_two_three():
    worker = await Worker.connect("python-order")
    await worker.init()
    for number, delay in ((1, 1), (4, 1), (2, 60), (3, 1)):
        await worker.send(number, 1, delay)
    for number in (1, 2, 3, 4):
        await worker.result(number)
    await worker.finish()


async def nobody_speaks():
    worker = await Worker.connect("python-silence")
    await worker.init()
    await worker.send(0, 0)
    silent = await worker.result(0)
    assert (silent["transcript"], silent["translated_text"]) == ("", "")
    assert base64.b64decode(silent["dubbed_audio"]) == bytes(RATE * 2)
    await worker.finish()


async def duplicates_are_acknowledged_and_processed_once():
    worker = await Worker.connect("python-twice")
    await worker.init(first_sequence_number=0)
    await worker.accepted(0, 5, 111)
    # In flight: the same again, the same id under another number, the same number under another id.
    assert (await worker.accepted(0, 5, 111))["fragment_id"] == "f-0"
    await worker.accepted(1, 1, 1, fragment_id="f-0")
    await worker.accepted(0, 1, 1, fragment_id="another")
    open_gate(111)
    first = await worker.result(0)
    await worker.accepted(1, 1, 1)
    await worker.result(1)
    # Answered: the result comes again, and is the same.
    await worker.accepted(0, 5, 111)
    assert await worker.result(0) == first
    await worker.accepted(0, 1, 1, fragment_id="another")
    assert await worker.result(0) == first
    await worker.accepted(9, 1, 1, fragment_id="f-0")
    assert await worker.result(0) == first
    assert (await worker.end())["total_fragments"] == 2
    await worker.finish()


async def statistics_and_the_close_five_seconds_later():
    worker = await Worker.connect("python-statistics")
    await worker.init(first_sequence_number=0)
    processing = 0
    for number, instruction in enumerate((1, 0, 3, 1, 25)):
        await worker.send(number, instruction, 5)
        result = await worker.result(number, "failed" if number in (2, 4) else "success")
        processing += result["processing_time_ms"]
    complete = await worker.end()
    assert without(complete, "avg_processing_time_ms") == {
        "total_fragments": 5, "success_count": 3, "partial_count": 0, "failed_count": 2,
        "error_breakdown": {"asr": {"INTERNAL": 1}, "translation": {"RATE_LIMIT_EXCEEDED": 1}}}, complete
    assert abs(complete["avg_processing_time_ms"] - processing / 5) < 0.01
    completed = time.monotonic()
    assert await worker.next("disconnect") == SERVER_DISCONNECT
    assert 4.5 < time.monotonic() - completed < 8


async def an_empty_stream_is_completed():
    worker = await Worker.connect("python-empty")
    await worker.init()
    assert await worker.end() == {"total_fragments": 0, "success_count": 0, "partial_count": 0, "failed_count": 0,
                                  "avg_processing_time_ms": 0}
    await worker.finish()


async def binary_audio_both_ways():
    worker = await Worker.connect("python-binary")
    await worker.init(audio_encoding="binary")
    await worker.accepted(0, 1, 2, audio=samples(1, 2))
    dubbed = await worker.result(0)
    assert dubbed["transcript"] == "words 2"
    assert isinstance(dubbed["dubbed_audio"], bytes) and len(dubbed["dubbed_audio"]) == RATE * 2
    # The other encoding is taken as well: what is announced is how dubs travel.
    await worker.accepted(1, 0)
    assert isinstance((await worker.result(1))["dubbed_audio"], bytes)
    await worker.finish()


async def stereo_and_other_rates():
    worker = await Worker.connect("python-stereo")
    await worker.init(channels=2, sample_rate_hz=48000, domain_hints=["Gutenberg"])
    await worker.send(0, 1, 3, audio=text(samples(1, 3, 96000)), channels=2, sample_rate=48000)
    dubbed = await worker.result(0)
    assert dubbed["transcript"] == "words 3" and len(base64.b64decode(dubbed["dubbed_audio"])) == 48000 * 4
    await worker.finish()


async def ids_by_auth_or_generated():
    named = await Worker.connect("python-auth", {}, {"stream_id": "by-auth", "worker_id": "w"})
    ready = await named.init()
    assert (ready["stream_id"], ready["worker_id"]) == ("by-auth", "w")
    await named.finish()
    nameless = await Worker.connect("python-nameless", {})
    ready = await nameless.init()
    assert len(ready["stream_id"]) > 10 and len(ready["worker_id"]) > 10
    await nameless.send(0, 1, 1, stream_id=ready["stream_id"])
    await nameless.result(0)
    await nameless.finish()


async def unknown_fields_are_ignored():
    worker = await Worker.connect("python-unknown")
    await worker.emit("stream:init", {**INIT, "later": {"deep": [1]}})
    await worker.next("stream:ready")
    await worker.accepted(0, 1, 1, later=True)
    await worker.result(0)
    await worker.finish()
