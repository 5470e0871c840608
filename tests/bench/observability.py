"""What it costs to be seen: processor time of the service over fake engines with 100 streams at the pace of real time,
that logs at `info` and is scraped every 5 s, beside one that neither counts nor logs. Rounds of both take turns, so that
what else the machine does falls on both alike. Prints Markdown rows.

usage: python observability.py [--quick]
"""

import os
import statistics
import sys
import tempfile
import threading
import urllib.request

from acks import SECONDS, STREAMS, QUICK, service

ROUNDS = 1 if QUICK else 5
SCRAPE_S = 5


def scrape(port, stop, sizes):
    while not stop.wait(SCRAPE_S):
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=10) as answer:
            sizes.append(len(answer.read()))


def seen(sizes, lines):
    """One round of a service that is looked at: processor time a fragment, ms."""
    with tempfile.TemporaryFile() as log:
        with service(standard_error=log, LOG_LEVEL="info") as server:
            stop = threading.Event()
            scraper = threading.Thread(target=scrape, args=(server.port, stop, sizes))
            scraper.start()
            report = server.load(STREAMS, "base64")
            stop.set()
            scraper.join()
        log.seek(0)
        lines.append(sum(1 for _ in log) / report["sent"])
    return report["processor_ms_each"]


def unseen():
    """The same of one that nobody looks at, and that tells nobody."""
    with service(LOG_LEVEL="critical", FAKE_SILENCE="1") as server:
        return server.load(STREAMS, "base64")["processor_ms_each"]


def main():
    sizes, lines, with_it, without = [], [], [], []
    for round_number in range(ROUNDS):
        # Whichever is first meets the machine as the other left it.
        steps = [lambda: with_it.append(seen(sizes, lines)), lambda: without.append(unseen())]
        for step in steps if round_number % 2 == 0 else reversed(steps):
            step()
    cost = statistics.median(with_it) - statistics.median(without)
    fragments_a_second = STREAMS / 6
    of_a_core = cost * fragments_a_second / 1000
    spread = " ".join(f"{value:.2f}" for value in with_it) + " / " + " ".join(f"{value:.2f}" for value in without)
    print("| what being seen costs, over fake engines | measured | wanted, or compared with |\n| --- | --- | --- |")
    print(f"| processor time a fragment, {STREAMS} streams, log at info and a scrape every {SCRAPE_S} s | "
          f"{statistics.median(with_it):.2f} ms | neither counted nor logged: {statistics.median(without):.2f} ms |")
    print(f"| the difference, of one core | {of_a_core:.2%} | < 2 % |")
    print(f"| log lines a fragment; bytes of a scrape | {statistics.mean(lines):.1f}; "
          f"{statistics.mean(sizes) if sizes else 0:.0f} | |")
    print(f"\n{ROUNDS} rounds of {SECONDS} s each, ms a fragment: {spread}; load average "
          + " ".join(f"{value:.2f}" for value in os.getloadavg()))


if __name__ == "__main__":
    main()
