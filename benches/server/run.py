"""Load on the server. See README.md."""

import argparse
import collections
import contextlib
import json
import os
import pathlib
import random
import subprocess
import sys
import tempfile
import threading
import time
import urllib.request

from serving import ROOT, serve

HERE = pathlib.Path(__file__).resolve().parent
MODEL = "5a" * 32

# Seconds that each of the loads beyond the limits takes: what is turned away doesn't change with time.
BEYOND = 5


def baseline(address, token):
    """Makes the model known whose summaries are sent: a classifier of texts with two classes."""
    body = {"version": 1, "schema": {"version": 1, "classes": 2, "input": "text", "energy": []}, "groups": []}
    headers = {"Authorization": f"Bearer {token}", "Content-Type": "application/json"}
    request = urllib.request.Request(f"{address}/v1/models/{MODEL}/baseline", json.dumps(body).encode(), headers, method="PUT")
    urllib.request.urlopen(request).read()


@contextlib.contextmanager
def server(rate=0):
    """A server in a folder of its own, which knows the model: process, address, tokens."""
    with tempfile.TemporaryDirectory() as folder, open(os.devnull, "w") as log:
        process, address, tokens = serve(pathlib.Path(folder), log, rate)
        try:
            baseline(address, tokens["publisher"])
            yield process, address, tokens
        finally:
            process.terminate()
            process.wait()


def memory(process, samples, over):
    """Megabytes of the process, each second."""
    while not over.wait(1):
        status = pathlib.Path(f"/proc/{process.pid}/status").read_text()
        samples.append(int(next(line for line in status.splitlines() if line.startswith("VmRSS")).split()[1]) / 1024)


def wrk(name, seconds, connections, address, arguments):
    """What wrk says of one kind of request, line by line."""
    command = ["wrk", f"-t{min(2, connections)}", f"-c{connections}", f"-d{seconds}s", "--latency", "--timeout", "30s", "-s", f"{name}.lua", address, "--", *arguments]
    said = subprocess.run(command, cwd=HERE, capture_output=True, text=True, check=True).stdout
    return [line.split() for line in said.splitlines() if line.strip()]


def measure(process, name, seconds, connections, address, arguments):
    """A load with its latencies, and the server's memory meanwhile."""
    samples, over = [], threading.Event()
    watch = threading.Thread(target=memory, args=(process, samples, over))
    watch.start()
    said = wrk(name, seconds, connections, address, arguments)
    over.set()
    watch.join()
    first = {words[0]: words[1:] for words in said}
    return {
        "name": name, "connections": connections, "seconds": seconds, "memory": samples,
        "rate": float(first["Requests/sec:"][0]), "p50": first["50%"][0], "p99": first["99%"][0],
        # 'Non-2xx or 3xx responses: N', 'Socket errors: connect N, read N, write N, timeout N'
        "refused": int(first.get("Non-2xx", ["0"])[-1]), "broken": sum(int(word.rstrip(",")) for word in first.get("Socket", []) if word.rstrip(",").isdigit()),
    }


def beyond(what, name, connections, address, arguments):
    """A load beyond a limit: how many requests got which status, and what Retry-After said."""
    answers = collections.Counter()
    for words in wrk(name, BEYOND, connections, address, [*arguments, "count"]):
        if words[0] == "answers":
            answers[int(words[1]), words[2]] += int(words[3])
    if not any(status == 429 for status, _ in answers):
        sys.exit(f"{what}: nothing was turned away")
    bad = [status for status, wait in answers if status != 200 and (status != 429 or wait == "-")]
    if bad:
        sys.exit(f"{what}: answered with {bad}")
    waits = sorted({int(wait) for status, wait in answers if status == 429})
    count = lambda wanted: sum(times for (status, _), times in answers.items() if status == wanted)
    return {"what": what, "connections": connections, "answered": count(200), "refused": count(429), "waits": waits}


def table(columns, rows):
    """A table in Markdown; names of columns of numbers end with a colon."""
    head = [column.rstrip(":") for column in columns]
    rule = ["---:" if column.endswith(":") else "---" for column in columns]
    return "\n".join("| " + " | ".join(str(cell) for cell in row) + " |" for row in [head, rule, *rows])


def report(loads, limits):
    """All tables."""
    yield table(["requests", "connections:", "seconds:", "each second:", "p50:", "p99:", "not 2xx:", "broken:"],
                [[load["name"], load["connections"], load["seconds"], f"{load['rate']:,.0f}", load["p50"], load["p99"], load["refused"], load["broken"]] for load in loads])
    moments = ["first", "a quarter", "half", "three quarters", "last", "most"]
    yield table(["memory, MB", *(f"{moment}:" for moment in moments)], [[load["name"], *(f"{value:.0f}" for value in quarters(load["memory"]))] for load in loads])
    yield table(["beyond the limits", "connections:", "seconds:", "answered:", "429:", "Retry-After, s"],
                [[limit["what"], limit["connections"], BEYOND, f"{limit['answered']:,}", f"{limit['refused']:,}", ", ".join(map(str, limit["waits"]))] for limit in limits])


def quarters(samples):
    """The first sample, those after each quarter, the last, and the largest; there is none in less than a second."""
    if not samples:
        return [float("nan")] * 6
    return [*(samples[min(len(samples) - 1, len(samples) * part // 4)] for part in range(5)), max(samples)]


def machine():
    """The CPU and how many of it there are."""
    found = [line.split(":", 1)[1].strip() for line in pathlib.Path("/proc/cpuinfo").read_text().splitlines() if line.startswith("model name")]
    return f"{found[0] if found else 'a CPU without a name'}, {os.cpu_count()} of it"


def record(tables, seconds):
    """The file that is kept."""
    version = subprocess.run([ROOT / "target/release/dunlin", "--version"], capture_output=True, text=True, check=True).stdout.split()[-1]
    commit = subprocess.run(["git", "rev-parse", "--short", "HEAD"], cwd=ROOT, capture_output=True, text=True).stdout.strip()
    lead = [f"# Load on the server, {time.strftime('%Y-%m-%d')}", f"Dunlin {version} ({commit}), `benches/server/run.py {seconds}`. {machine()}; `wrk` runs on the same.",
            "Summaries come one a request, as devices send them; each acknowledged one is on the disk. Questions are about a picture of 32 x 32 to the classifier of this repository, each with an id of its own."]
    return "\n\n".join([*lead, *tables]) + "\n"


def main():
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("seconds", nargs="?", type=int, default=30)
    arguments.add_argument("--record", metavar="FILE", type=pathlib.Path)
    asked = arguments.parse_args()
    day, seed = str(int(time.time()) // 86400), lambda: f"{random.getrandbits(32):08x}"
    with server() as (process, address, tokens):
        of = lambda: [tokens["device"], MODEL, day, seed()]
        loads = [measure(process, "summaries", asked.seconds, 64, address, of()), measure(process, "questions", asked.seconds, 8, address, [tokens["device"], seed()])]
        limits = [beyond("more questions than a model's queue has places", "questions", 256, address, [tokens["device"], seed()])]
        limits.append(beyond("more summaries than are worked on at once", "summaries", 700, address, of()))
    with server(rate=50) as (_, address, tokens):
        limits.append(beyond("one client beyond its 50 a second", "summaries", 1, address, [tokens["device"], MODEL, day, seed()]))
    tables = list(report(loads, limits))
    print("\n\n".join(tables))
    if asked.record:
        asked.record.write_text(record(tables, asked.seconds))


if __name__ == "__main__":
    main()
