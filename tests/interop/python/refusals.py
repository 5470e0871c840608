"""Bad input is answered by an error that names the field, and the stream does not notice."""

from harness import INIT, Worker, check_error, samples, text, without


async def bad_inits():
    worker = await Worker.connect("python-bad-init")
    await worker.refused("stream:init", ..., "INVALID_CONFIG")
    for not_an_object in (7, "x", True):
        await worker.refused("stream:init", not_an_object, "INVALID_CONFIG")
    for field in INIT:
        await worker.refused("stream:init", without(INIT, field), "INVALID_CONFIG", field)
    for field, value in {
        "source_language": "english", "target_language": 7, "voice_profile": [], "chunk_duration_ms": 0,
        "sample_rate_hz": 1, "channels": 7, "format": "mp3", "domain_hints": "Gutenberg",
        "first_sequence_number": -1, "resume": {}, "audio_encoding": "hex",
    }.items():
        await worker.refused("stream:init", {**INIT, field: value}, "INVALID_CONFIG", field)
    for profile in ("nobody", "french_female_1"):
        await worker.refused("stream:init", {**INIT, "voice_profile": profile}, "INVALID_VOICE_PROFILE",
                             profile, "spanish_male_1", "spanish_female_1")
    for field, value, instead in (("source_language", "de", "en"), ("target_language", "fr", "es")):
        await worker.refused("stream:init", {**INIT, field: value}, "UNSUPPORTED_LANGUAGE", field, instead)
    await worker.init()
    await worker.finish()


async def bad_fragments():
    worker = await Worker.connect("python-bad-fragment")
    await worker.init()

    async def refused(fragment, *words):
        return await worker.refused("fragment:data", fragment, "INVALID_FRAGMENT", *words)

    await refused(...)
    await refused("text")
    for field in worker.fragment(0, 0):
        await refused(without(worker.fragment(0, 0), field), field)
    for field, value in (
        ("fragment_id", ""), ("fragment_id", "x" * 129), ("sequence_number", -1), ("sequence_number", "one"),
        ("sequence_number", 1.5), ("timestamp", "now"), ("audio", "!"), ("audio", ""), ("audio", 7),
        ("audio", text(samples(0, 0, 10)[:19])), ("sample_rate", 0), ("channels", 3), ("format", "mp3"),
        ("duration_ms", 0), ("duration_ms", 5000),
    ):
        await refused(worker.fragment(0, 0, **{field: value}), field)
    await refused(worker.fragment(0, 0, sample_rate=8000, duration_ms=2000), "sample_rate")
    await refused(worker.fragment(0, 0, channels=2, duration_ms=500), "channels")
    assert (await refused(worker.fragment(0, 0, duration_ms="long"), "duration_ms"))["fragment_id"] == "f-0"
    told = await worker.call("fragment:data", worker.fragment(0, 0, channels=3))
    check_error(told, "INVALID_FRAGMENT", "channels")
    assert await worker.next("error") == told
    # Within the tolerance, and the stream has not noticed any of it.
    await worker.accepted(0, 1, 1, duration_ms=1049)
    await worker.result(0)
    await worker.finish()
