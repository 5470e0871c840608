"""What the service does on this machine, beside what it is compared with. Prints a Markdown report.

usage: python bench.py [--quick]

Run it on a quiet machine: nothing here passes or fails, and the load is printed with the figures. Larger sets than
the repository's own are named by environment variables: MT_SRC and MT_REF (English and Spanish lines).
"""

import base64
import json
import os
import re
import socket
import statistics
import subprocess
import sys
import tempfile
import threading
import time
import urllib.request
import wave

import socketio

ROOT = os.path.abspath(os.path.join(os.path.dirname(__file__), "..", ".."))
STS = os.path.join(ROOT, "target", "release", "sts")
RECORDING = os.path.join(ROOT, "tests", "audio", "lj001.wav")
QUICK = "--quick" in sys.argv
CHUNK_S = 6


def percentile(values, share):
    values = sorted(values)
    return values[min(len(values) - 1, int(len(values) * share))]


def load():
    return "load average " + " ".join(f"{value:.2f}" for value in os.getloadavg())


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


class Service:
    """`sts serve` in a process of its own, with the time that it took to become ready."""

    def __init__(self):
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        started = time.monotonic()
        command = [STS, "serve", "--port", str(self.port), "--ops-port", "0", "--log-level", "error"]
        self.process = subprocess.Popen(command, cwd=ROOT)
        while True:
            try:
                urllib.request.urlopen(self.url + "/health/ready", timeout=1)
                break
            except OSError:
                if self.process.poll() is not None or time.monotonic() - started > 120:
                    raise SystemExit("the service did not become ready")
                time.sleep(0.02)
        self.start_s = time.monotonic() - started

    def resident_mib(self):
        """The service and the processes that it keeps, by what each holds alone or in its share (PSS)."""
        total = 0
        for pid in [self.process.pid, *descendants(self.process.pid)]:
            try:
                text = open(f"/proc/{pid}/smaps_rollup").read()
            except OSError:
                continue
            total += int(re.search(r"^Pss:\s+(\d+) kB", text, re.M).group(1))
        own = int(re.search(r"VmRSS:\s+(\d+) kB", open(f"/proc/{self.process.pid}/status").read()).group(1))
        return own / 1024, total / 1024

    def stop(self):
        self.process.terminate()
        self.process.wait()


def descendants(pid):
    found = []
    for task in os.listdir(f"/proc/{pid}/task"):
        try:
            children = open(f"/proc/{pid}/task/{task}/children").read().split()
        except OSError:
            continue
        for child in map(int, children):
            found += [child, *descendants(child)]
    return found


def fragments(seconds=CHUNK_S):
    with wave.open(RECORDING) as recording:
        rate = recording.getframerate()
        pieces = []
        while pcm := recording.readframes(rate * seconds):
            if len(pcm) == rate * seconds * 2:
                pieces.append(pcm)
    return rate, pieces


class Stream:
    """One stream; every event is noted with the time at which it came."""

    def __init__(self, url, name):
        self.name, self.sent, self.acks, self.results = name, {}, {}, {}
        self.changed = threading.Condition()
        self.ready = threading.Event()
        self.client = socketio.Client(reconnection=False)
        self.client.on("stream:ready", lambda _: self.ready.set())
        self.client.on("fragment:ack", lambda data: self.note(self.acks, data))
        self.client.on("fragment:processed", lambda data: self.note(self.results, data))
        self.client.on("error", lambda data: print("error", data, file=sys.stderr))
        self.client.connect(url, headers={"X-Stream-ID": name}, transports=["websocket"])

    def init(self, rate):
        self.client.emit("stream:init", {
            "source_language": "en", "target_language": "es", "voice_profile": "spanish_female_1",
            "chunk_duration_ms": CHUNK_S * 1000, "sample_rate_hz": rate, "channels": 1, "format": "pcm_s16le",
            "first_sequence_number": 0})
        if not self.ready.wait(10):
            raise SystemExit("the stream was not opened")

    def note(self, book, data):
        with self.changed:
            book[data["fragment_id"]] = (time.monotonic(), data)
            self.changed.notify_all()

    def send(self, number, rate, pcm):
        message = {
            "fragment_id": str(number), "stream_id": self.name, "sequence_number": number, "timestamp": 0,
            "audio": base64.b64encode(pcm).decode(), "sample_rate": rate, "channels": 1, "format": "pcm_s16le",
            "duration_ms": len(pcm) * 500 / rate}
        self.sent[str(number)] = time.monotonic()
        self.client.emit("fragment:data", message)

    def wait_for(self, count):
        with self.changed:
            if not self.changed.wait_for(lambda: len(self.results) >= count, timeout=120):
                raise SystemExit(f"{len(self.results)} of {count} results came")

    def milliseconds(self, book):
        return [(at - self.sent[fragment]) * 1000 for fragment, (at, _) in book.items()]


def latency(service):
    rate, pieces = fragments()
    stream = Stream(service.url, "bench-latency")
    stream.init(rate)
    count = 4 if QUICK else 24
    for number in range(count):
        stream.send(number, rate, pieces[number % len(pieces)])
        stream.wait_for(number + 1)
    results = stream.milliseconds(stream.results)
    data = [data for _, data in stream.results.values()]
    stage = lambda name: statistics.median(item["stage_timings"][name] for item in data)
    print(f"| one stream, {count} fragments of {CHUNK_S} s, one at a time: end to end, median | "
          f"{statistics.median(results):.0f} ms | ≤ 2 500 ms (Python service: 3 000 ms) |")
    print(f"| the same, p95 | {percentile(results, 0.95):.0f} ms | |")
    print(f"| of that, medians: recognition / translation / synthesis | {stage('asr_ms'):.0f} / "
          f"{stage('translation_ms'):.0f} / {stage('tts_ms'):.0f} ms | |")
    off = max(abs(item["metadata"]["dubbed_duration_ms"] - item["metadata"]["original_duration_ms"]) for item in data)
    print(f"| largest difference between a fragment and its dub | {off:.3f} ms | ≤ 25 ms |")
    stream.client.disconnect()


def acks_while_inferring(service):
    """One stream keeps every stage busy with fragments of 6 s, another sends 100 ms of silence ten times a second:
    small, so that its acknowledgements do not queue behind its own results in this client."""
    rate, pieces = fragments()
    busy, probe = Stream(service.url, "bench-busy"), Stream(service.url, "bench-probe")
    busy.init(rate)
    probe.init(rate)
    silence = bytes(rate // 10 * 2)
    stop = threading.Event()

    def keep_busy():
        number = 0
        while not stop.is_set():
            busy.send(number, rate, pieces[number % len(pieces)])
            number += 1
            busy.wait_for(number - 1)

    worker = threading.Thread(target=keep_busy)
    worker.start()
    count = 100 if QUICK else 400
    for number in range(count):
        probe.wait_for(number - 8)
        probe.send(number, rate, silence)
        time.sleep(0.1)
    stop.set()
    worker.join()
    probe.wait_for(count)
    busy.wait_for(len(busy.sent))
    for what, stream in (("100 ms", probe), ("6 s", busy)):
        acks = stream.milliseconds(stream.acks)
        print(f"| acknowledgement while every stage infers, {len(acks)} fragments of {what}: p50 / p99 / worst | "
              f"{percentile(acks, 0.5):.1f} / {percentile(acks, 0.99):.1f} / {max(acks):.1f} ms | p99 ≤ 20 ms |")
        stream.client.disconnect()


def memory(service):
    rate, pieces = fragments()
    stream = Stream(service.url, "bench-memory")
    stream.init(rate)
    count = 10 if QUICK else 200
    readings = []
    for number in range(count):
        stream.send(number, rate, pieces[number % len(pieces)])
        stream.wait_for(number - 1)
        readings.append(service.resident_mib())
    stream.wait_for(count)
    early, late = readings[min(20, count // 2)], readings[-1]
    print(f"| resident set with every model loaded, after {count} fragments | {late[0]:.0f} MiB "
          f"(with its processes, PSS: {late[1]:.0f} MiB) | ≤ 2 048 MiB |")
    print(f"| the same after fragment 20, and the change since | {early[0]:.0f} MiB, "
          f"{(late[0] / early[0] - 1) * 100:+.1f} % | flat |")
    stream.client.disconnect()


def evaluate(*arguments):
    with tempfile.NamedTemporaryFile(suffix=".json") as report:
        subprocess.run([STS, "eval", *arguments, "--json", report.name], cwd=ROOT, check=True,
                       stdout=subprocess.DEVNULL)
        return json.load(open(report.name))


def quality():
    manifest = os.path.join(ROOT, "tests/audio/english/manifest.jsonl")
    for name, cut, reference in [("whole", [], 10.2), ("cut blindly every 6 s", ["--cut-ms", "6000"], 14.1)]:
        total = evaluate("asr", "--manifest", manifest, *cut)["total"]
        print(f"| recognition, 77 English clips, {name}: word error rate | {total['wer_percent']:.1f} % | "
              f"faster-whisper, same weights, int8, beam 1: {reference} %; at most 1 point more |")
    source = os.environ.get("MT_SRC", os.path.join(ROOT, "tests/mt/tatoeba.en"))
    reference = os.environ.get("MT_REF", os.path.join(ROOT, "tests/mt/tatoeba.es"))
    report = evaluate("mt", "--from", "en", "--to", "es", "--src", source, "--ref", reference)
    print(f"| translation en→es, {os.path.basename(source)}: BLEU / chrF, p50 a sentence | {report['total']['bleu']:.1f} / {report['total']['chrf']:.1f}, {report['total']['latency']['p50_ms']:.0f} ms | "
          "BLEU ≥ 23, chrF ≥ 52, p50 ≤ 60 ms |")
    with open(os.path.join(ROOT, "tests/mt/tatoeba.es")) as lines, tempfile.NamedTemporaryFile("w", suffix=".txt") as text:
        text.writelines(list(lines)[:40])
        text.flush()
        report = evaluate("tts", "--lang", "es", "--text", text.name)
    print(f"| Kokoro's Spanish, 40 sentences, recognised again: word error rate | {report['wer_percent']:.1f} % | ≤ 12 % |")


def main():
    model = next(line.split(":")[1].strip() for line in open("/proc/cpuinfo") if line.startswith("model name"))
    print(f"{os.cpu_count()} cores, {model}; {load()} at the start\n")
    print("| what | measured | wanted, or compared with |\n| --- | --- | --- |")
    service = Service()
    print(f"| from `sts serve` to ready, models on disk, warm | {service.start_s:.1f} s | ≤ 10 s |")
    latency(service)
    acks_while_inferring(service)
    memory(service)
    service.stop()
    quality()
    print(f"\n{load()} at the end", flush=True)


main()
