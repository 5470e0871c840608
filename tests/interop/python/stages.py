"""A stage that fails costs its fragment, and says what it was: every code that a stage can give."""

from harness import Worker, without

LATE = 600
STAGES = ("asr", "translation", "tts")
# By the last digit of the instruction: see tests/fakes/instruction.rs.
FAILURES = ((0, "TIMEOUT", True), (1, "STAGE_UNAVAILABLE", True), (2, "STAGE_UNAVAILABLE", True),
            (3, "INTERNAL", False), (4, "GPU_OUT_OF_MEMORY", True))
IN_TURN = True


async def _fail(worker, number, stage, digit, parameter, code, retryable):
    place = STAGES.index(stage)
    await worker.send(number, (place + 1) * 10 + digit, parameter)
    result = await worker.result(number, "failed")
    error = result["error"]
    assert without(error, "message") == {"stage": stage, "code": code, "retryable": retryable}, error
    assert isinstance(error["message"], str)
    assert "dubbed_audio" not in result and "metadata" not in result
    # As far as it got; later stages were not called.
    assert ("transcript" in result) == (place > 0) and ("translated_text" in result) == (place > 1), result
    for index, name in enumerate(STAGES):
        if index != place:
            assert (f"{name}_ms" in result["stage_timings"]) == (index < place), result["stage_timings"]


async def every_failure_of_every_stage():
    worker = await Worker.connect("python-failures")
    await worker.init(first_sequence_number=0)
    number = 0
    for stage in STAGES:
        for digit, code, retryable in FAILURES:
            await _fail(worker, number, stage, digit, LATE, code, retryable)
            number += 1
    await _fail(worker, number, "translation", 5, 0, "RATE_LIMIT_EXCEEDED", True)
    await _fail(worker, number + 1, "translation", 6, 0, "QUOTA_EXCEEDED", False)
    await _fail(worker, number + 2, "tts", 8, 30, "DURATION_MISMATCH_EXCEEDED", False)
    await _fail(worker, number + 3, "tts", 9, 30, "DURATION_MISMATCH_EXCEEDED", False)
    await worker.send(number + 4, 1, 1)
    await worker.result(number + 4)
    complete = await worker.end()
    common = {"TIMEOUT": 1, "STAGE_UNAVAILABLE": 2, "INTERNAL": 1, "GPU_OUT_OF_MEMORY": 1}
    assert without(complete, "avg_processing_time_ms") == {
        "total_fragments": 20, "success_count": 1, "partial_count": 0, "failed_count": 19,
        "error_breakdown": {
            "asr": common,
            "translation": {**common, "RATE_LIMIT_EXCEEDED": 1, "QUOTA_EXCEEDED": 1},
            "tts": {**common, "DURATION_MISMATCH_EXCEEDED": 2},
        }}, complete
    assert complete["avg_processing_time_ms"] > 0
    await worker.finish()


async def success_partial_and_failed_by_length():
    worker = await Worker.connect("python-lengths")
    await worker.init(first_sequence_number=0)
    lengths = ((10, "success"), (-10, "success"), (11, "partial"), (-20, "partial"), (20, "partial"), (21, "failed"))
    for number, (percent, status) in enumerate(lengths):
        await worker.send(number, 38, percent)
        result = await worker.result(number, status)
        if status != "failed":
            metadata = result["metadata"]
            assert metadata["original_duration_ms"] == 1000
            assert abs(metadata["dubbed_duration_ms"] - 1000 - percent * 10) < 0.1, metadata
            assert abs(metadata["duration_variance_percent"] - percent) < 0.01, metadata
    await worker.send(6, 39, 15)
    assert (await worker.result(6, "partial"))["metadata"]["duration_variance_percent"] == 15
    complete = await worker.end()
    assert [complete[f"{name}_count"] for name in ("success", "partial", "failed")] == [2, 4, 1], complete
    await worker.finish()


async def a_worker_that_panics_once_is_replaced():
    worker = await Worker.connect("python-once")
    await worker.init(first_sequence_number=0)
    await worker.send(0, 4, 501)
    assert (await worker.result(0))["transcript"] == "words 501"
    await worker.finish()
