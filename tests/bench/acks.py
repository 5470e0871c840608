"""How soon a fragment is acknowledged, how many bytes it takes on the wire, what it costs the service, and what becomes
of all that when the service is asked for more than it takes: over fake engines, so that it is the service alone that is
measured. Prints Markdown rows.

usage: python acks.py [--quick]
"""

import json
import os
import socket
import subprocess
import sys
import time

ROOT = os.path.abspath(os.path.join(os.path.dirname(__file__), "..", ".."))
EXAMPLES = os.environ.get("BENCH_EXAMPLES", os.path.join(ROOT, "target", "release", "examples"))
ACK_SERVER = os.path.join(ROOT, "tests", "bench", "ack_server.py")
QUICK = "--quick" in sys.argv
SECONDS = 18 if QUICK else 66
PERIODS = 2 if QUICK else 10
STREAMS = 100


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


class Server:
    """A process that listens on a port of its own."""

    def __init__(self, command, environment, standard_error=None):
        self.port = free_port()
        command = [part.replace("PORT", str(self.port)) for part in command]
        self.process = subprocess.Popen(command, env={**os.environ, "PORT": str(self.port), **environment},
                                        stdout=subprocess.DEVNULL, stderr=standard_error)
        deadline = time.monotonic() + 20
        while True:
            try:
                socket.create_connection(("127.0.0.1", self.port), 1).close()
                return
            except OSError:
                if self.process.poll() is not None or time.monotonic() > deadline:
                    raise SystemExit(f"{command[0]} does not listen")
                time.sleep(0.05)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.kill()
        self.process.wait()

    def load(self, streams, encoding):
        return self.measure("load", streams, SECONDS, encoding, self.process.pid)

    def overload(self, bound):
        return self.measure("admission", bound, PERIODS)

    def measure(self, example, *arguments):
        command = [os.path.join(EXAMPLES, example), f"127.0.0.1:{self.port}", *map(str, arguments)]
        return json.loads(subprocess.run(command, check=True, stdout=subprocess.PIPE).stdout)


def service(standard_error=None, **settings):
    # With many workers that only sleep, fragments do not wait for one another; the bounds are above the load.
    return Server([os.path.join(EXAMPLES, "fake-service")], {
        "LOG_LEVEL": "error", "ASR_WORKERS": "4", "QUEUE_CAPACITY": "400", "MAX_STREAMS": "200",
        "MAX_CONNECTIONS_PER_ADDRESS": "1000", "OPS_PORT": "0", **settings}, standard_error)


def ack_server():
    return Server([sys.executable, ACK_SERVER, "PORT"], {})


def row(what, report, compared):
    ack = report["ack_ms"]
    print(f"| acknowledgement, {what}, {report['acknowledged']} fragments of 6 s at the pace of real time: "
          f"p50 / p99 / worst | {ack['p50']:.2f} / {ack['p99']:.2f} / {ack['worst']:.2f} ms | {compared} |", flush=True)


def compare(what, refused, report):
    times = [f"{report[phase][time][share]:.2f}" for time in ("ack_ms", "result_ms") for phase in ("during", "before")
             for share in ("p50", "p95")]
    for time, row in (("acknowledgement", times[:4]), ("result", times[4:])):
        print(f"| {what}: {time}, p50 / p95, while {report['refused'][1]} {refused} | {row[0]} / {row[1]} ms | "
              f"{row[2]} / {row[3]} ms before, the same streams |", flush=True)


def overload():
    with service(MAX_STREAMS=str(STREAMS)) as server:
        compare(f"{STREAMS} streams, the bound, at the pace of real time", "more are refused",
                server.overload("streams"))
    # One worker and one queue, so that a fragment waits for all that stand before it: 65 times 20 ms at most.
    with service(ASR_WORKERS="1", QUEUE_CAPACITY="64", BACKPRESSURE_THRESHOLD_HIGH="100",
                 BACKPRESSURE_THRESHOLD_CRITICAL="100") as server:
        compare("a queue of 64 fragments, 20 ms of work each, kept full by 8 streams", "fragments more are refused",
                server.overload("queue"))


def main():
    print("| what, over fake engines | measured | wanted, or compared with |\n| --- | --- | --- |")
    reports = {}
    for encoding in ("base64", "binary"):
        with service() as server:
            reports[encoding] = server.load(STREAMS, encoding)
        row(f"{STREAMS} streams, {encoding}", reports[encoding], "p99 ≤ 5 ms")
    with ack_server() as server:
        compared = server.load(STREAMS, "base64")
    row("the same load as base64 on a python-socketio server (aiohttp) that only acknowledges", compared, "")
    with service() as server:
        row("1 stream, base64", server.load(1, "base64"), "")
    overload()
    for encoding, report in reports.items():
        print(f"| {encoding}: bytes on the wire per fragment, to the service / back | "
              f"{report['bytes_sent_each']:.0f} / {report['bytes_received_each']:.0f} | 192 000 bytes of samples |")
    for encoding, report in reports.items():
        print(f"| {encoding}: processor time of the service per fragment | {report['processor_ms_each']:.2f} ms | "
              f"the acknowledging server: {compared['processor_ms_each']:.2f} ms, without a result to send |")
    late = [encoding for encoding, report in reports.items() if report["results"] < report["sent"] - STREAMS]
    if late:
        print(f"\nresults were missing at the end: {', '.join(late)}")


if __name__ == "__main__":
    main()
