"""Runs one model with one runtime in a process of its own: worker.py RUNTIME MODEL INPUTS.npz OUTPUT.raw

Loads, runs once, writes the first output as raw f32 and prints a JSON line: how long that took, and how much the process's
resident memory grew at most. Then for each line on standard input, a number of seconds, runs that long and prints a JSON line
with percentiles. Ends with its input. `native/protocol` does the same for programs in Rust.
"""

import json
import os
import sys
from time import perf_counter, perf_counter_ns

import numpy as np

from runtimes import RUNTIMES


def main(runtime, model, inputs, output):
    arrays = dict(np.load(inputs))
    before, start = resident(), perf_counter()
    peer = RUNTIMES[runtime]()
    imported = perf_counter()
    peer.load(model, arrays)
    loaded = perf_counter()
    peer.run()
    answered = perf_counter()
    growth = resident() - before
    np.ascontiguousarray(peer.output(), dtype=np.float32).tofile(output)
    marks = zip(("library_us", "load_us", "first_us"), (start, imported, loaded), (imported, loaded, answered))
    say({name: (end - begin) * 1e6 for name, begin, end in marks} | {"growth_bytes": growth})
    for line in sys.stdin:
        say(timed(peer.run, float(line)))


def timed(run, seconds):
    """Runs for some time, the first tenth of it uncounted."""
    times, start, warm_up = [], perf_counter(), seconds / 10
    while not times or perf_counter() - start < seconds + warm_up:
        begin = perf_counter_ns()
        run()
        took = perf_counter_ns() - begin
        if perf_counter() - start >= warm_up:
            times.append(took)
    times.sort()
    at = lambda percent: times[max(-(-len(times) * percent // 100) - 1, 0)] / 1000
    return {"runs": len(times), "min_us": at(0), "p50_us": at(50), "p90_us": at(90)}


def resident():
    """The most bytes that this process had resident; 0 where the system doesn't tell."""
    try:
        with open("/proc/self/status") as status:
            return next(int(line.split()[1]) * 1024 for line in status if line.startswith("VmHWM:"))
    except OSError:
        return 0


def say(record):
    print(json.dumps(record), flush=True)


if __name__ == "__main__":
    main(*sys.argv[1:])
    # Some runtimes take long, or crash, while Python ends.
    sys.stdout.flush()
    os._exit(0)
